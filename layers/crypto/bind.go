package crypto

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// The first byte of every stored value is the version of its format.
const (
	cellVersion    = 1 // one key for a column
	cellVersionLot = 2 // and for a lot, whose number follows the algorithm
)

// What stands before Tink's ciphertext: the version, the algorithm, and in the
// second version the lot. Tink's begins with 1 and the key id.
const (
	cellHead    = 2
	cellHeadLot = cellHead + 8
)

// keyName is the length of what names a key at the beginning of Tink's ciphertext.
const keyName = 5

// appendCellHead begins a stored value.
func appendCellHead(dst []byte, a keys.Algorithm, lot uint64) []byte {
	if lot == 0 {
		return append(dst, cellVersion, byte(a))
	}
	return binary.BigEndian.AppendUint64(append(dst, cellVersionLot, byte(a)), lot)
}

// newHead begins the associated data of a value: everything but its row.
// Each part has its length before it, so no two lists of parts look alike.
func newHead(purpose string, a keys.Algorithm, key uint32, lot uint64, feature core.FeatureKey, bound string) []byte {
	dst := appendPart(nil, "metaxy/crypto")
	dst = appendPart(dst, purpose)
	dst = appendCellHead(dst, a, lot)
	dst = binary.BigEndian.AppendUint32(dst, key)
	dst = appendPart(dst, string(feature))
	return appendPart(dst, bound)
}

func appendPart[T string | []byte](dst []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(part))), part...)
}

// rowBinder appends what binds a value to its row: the canonical text of the
// sample's id and every data version that the row was written with.
type rowBinder struct {
	ids        *ident.View
	versions   *array.Struct
	containers []container
}

type container struct {
	name    string
	version value
}

func newRowBinder(b arrow.RecordBatch, ids []string) (*rowBinder, error) {
	view, err := ident.Bind(b, ids)
	if err != nil {
		return nil, integrityf("%v", err)
	}
	r := &rowBinder{ids: view}
	at := b.Schema().FieldIndices(core.ColDataVersion)
	if len(at) != 1 {
		return nil, integrityf("the rows lack %q", core.ColDataVersion)
	}
	var ok bool
	if r.versions, ok = b.Column(at[0]).(*array.Struct); !ok {
		return nil, integrityf("%q is no struct", core.ColDataVersion)
	}
	for i, f := range r.versions.DataType().(*arrow.StructType).Fields() {
		v, err := valueOf(r.versions.Field(i))
		if err != nil {
			return nil, err
		}
		r.containers = append(r.containers, container{f.Name, v})
	}
	// A store may hold the containers in another order than the writer had.
	slices.SortFunc(r.containers, func(a, b container) int { return strings.Compare(a.name, b.name) })
	return r, nil
}

// tombstone reports a row that retires its sample: it has nothing to bind to.
func (r *rowBinder) tombstone(row int) bool { return r.versions.IsNull(row) }

// append leaves out containers without a version: the feature got them after
// the row was written.
func (r *rowBinder) append(dst []byte, row int) []byte {
	dst = appendSized(dst, row, r.ids.AppendText)
	for _, c := range r.containers {
		if !c.version.null(row) {
			dst = appendPart(dst, c.name)
			dst = appendSized(dst, row, c.version.append)
		}
	}
	return dst
}

// appendSized puts the length of what is appended before it.
func appendSized(dst []byte, row int, f appender) []byte {
	at := len(dst)
	dst = f(append(dst, 0, 0, 0, 0), row)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
