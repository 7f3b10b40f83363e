package sqlcat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/core"
)

// description is core.Info as it is stored.
type description struct {
	Schema         []byte    `json:"schema,omitempty"`
	SchemaVersion  int       `json:"schema_version"`
	ID             []string  `json:"id"`
	Containers     []string  `json:"containers"`
	FeatureVersion string    `json:"feature_version"`
	Generation     int64     `json:"generation"`
	Rows           int64     `json:"rows"`
	Bytes          int64     `json:"bytes"`
	Created        time.Time `json:"created"`
	Modified       time.Time `json:"modified"`
	Origin         string    `json:"origin,omitempty"`
}

func encodeInfo(i core.Info) ([]byte, error) {
	d := description{
		SchemaVersion: i.SchemaVersion, ID: i.ID, Containers: i.Containers, FeatureVersion: i.FeatureVersion, Generation: i.Generation,
		Rows: i.Rows, Bytes: i.Bytes, Created: i.Created, Modified: i.Modified, Origin: i.Origin,
	}
	if i.Schema != nil {
		var b bytes.Buffer
		w := ipc.NewWriter(&b, ipc.WithSchema(i.Schema))
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("%w: the schema of a description: %w", core.ErrInvalid, err)
		}
		d.Schema = b.Bytes()
	}
	return json.Marshal(d)
}

func decodeInfo(key core.FeatureKey, b []byte) (core.Info, error) {
	if len(b) == 0 {
		return core.Info{}, nil
	}
	var d description
	if err := json.Unmarshal(b, &d); err != nil {
		return core.Info{}, fmt.Errorf("%w: the description of a feature is damaged", core.ErrIntegrity)
	}
	i := core.Info{
		Key: key, SchemaVersion: d.SchemaVersion, ID: d.ID, Containers: d.Containers, FeatureVersion: d.FeatureVersion, Generation: d.Generation,
		Rows: d.Rows, Bytes: d.Bytes, Created: d.Created, Modified: d.Modified, Origin: d.Origin,
	}
	if d.Schema != nil {
		s, err := decodeSchema(d.Schema)
		if err != nil {
			return core.Info{}, fmt.Errorf("%w: the schema of a feature is damaged", core.ErrIntegrity)
		}
		i.Schema = s
	}
	return i, nil
}

func decodeSchema(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	return r.Schema(), nil
}

func encodeBasis(b core.Basis) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	return json.Marshal(b)
}

func decodeBasis(b []byte) (core.Basis, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var out core.Basis
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%w: what a commit was computed from is damaged", core.ErrIntegrity)
	}
	return out, nil
}

// Instants are microseconds since 1970; the zero time keeps its own number.
func micros(t time.Time) int64   { return t.UnixMicro() }
func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }
