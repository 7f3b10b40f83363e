package audit

import (
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// Damage is what is wrong with a record.
type Damage string

// The kinds of damage.
const (
	Edited       Damage = "edited"        // the line is not the one that was written
	Removed      Damage = "removed"       // lines or files that were here are not
	Reordered    Damage = "reordered"     // lines changed places
	Inserted     Damage = "inserted"      // a line that was not written here
	Truncated    Damage = "truncated"     // the end is missing, or the trail was not closed
	BadSignature Damage = "bad signature" // a checkpoint that the key did not sign
)

// DamageError names the first record of a trail that is not as it was written. It
// matches core.ErrIntegrity.
type DamageError struct {
	File   string // name without the directory; "" in a store
	Line   int    // from 1
	Seq    int64  // the record that should stand there
	Damage Damage
	Text   string
}

// Error prints as "audit-00000001.jsonl:7: record 7: edited: …".
func (p *DamageError) Error() string {
	at := p.File
	if at == "" {
		at = "row"
	}
	return fmt.Sprintf("%s:%d: record %d: %s: %s", at, p.Line, p.Seq, p.Damage, p.Text)
}

// Unwrap gives core.ErrIntegrity.
func (p *DamageError) Unwrap() error { return core.ErrIntegrity }

// Report tells what a verification saw, up to the first problem.
type Report struct {
	Chain       string
	Files       int
	Records     int64
	Events      int64
	Checkpoints int64
	// Unsigned records came after the last checkpoint: their hashes hold, but
	// who can write the trail could have made them, or cut some off.
	Unsigned   int64
	Head       Head         // the last record
	Closed     bool         // the last record is the checkpoint of a Close
	Cut        int64        // bytes of a last line without its end, which only Live accepts
	Recoveries []Record     // of which Recovery.Unsigned says how much each took over
	Broken     *DamageError // nil when all is well
}
