package rowio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

var errNotObject = errors.New("not an object")

// shape is what the JSON values of one column have in common.
type shape struct {
	kind   jsonKind
	order  []string // of an object's keys
	fields map[string]*shape
	item   *shape
}

type jsonKind uint8

const (
	jsonNothing jsonKind = iota // null, or never seen
	jsonBool
	jsonInt
	jsonFloat
	jsonString
	jsonObject
	jsonArray
)

var jsonKindNames = [...]string{"null", "a boolean", "an integer", "a number", "a string", "an object", "a list"}

// maxNesting bounds the depth of values, so that hostile text does not exhaust
// the stack.
const maxNesting = 100

// addRow takes one object into account.
func (s *shape) addRow(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return errNotObject
	}
	s.kind = jsonObject
	if err := s.addFields(dec, 1); err != nil {
		return unexpected(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errMoreOnLine
	}
	return nil
}

// unexpected is the end of a text that should go on.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *shape) addFields(dec *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		if !ok {
			return errNotObject
		}
		if seen[name] {
			return fmt.Errorf("key %q occurs twice", name)
		}
		seen[name] = true
		f, ok := s.fields[name]
		if !ok {
			if s.fields == nil {
				s.fields = map[string]*shape{}
			}
			f = &shape{}
			s.fields[name] = f
			s.order = append(s.order, name)
		}
		if err := f.add(dec, depth+1); err != nil {
			var nested *columnError
			if errors.As(err, &nested) {
				nested.path = append([]string{name}, nested.path...)
			}
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// columnError is a value that does not fit the ones before it.
type columnError struct {
	path      []string
	was, here jsonKind
}

func (e *columnError) Error() string {
	return fmt.Sprintf("column %q is %s here and %s before: give its type", strings.Join(e.path, "."), jsonKindNames[e.here], jsonKindNames[e.was])
}

func (s *shape) add(dec *json.Decoder, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("values are nested more than %d deep", maxNesting)
	}
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	kind := jsonNothing
	switch v := tok.(type) {
	case bool:
		kind = jsonBool
	case string:
		kind = jsonString
	case json.Number:
		kind = jsonFloat
		if _, err := v.Int64(); err == nil {
			kind = jsonInt
		}
	case json.Delim:
		kind = jsonArray
		if v == '{' {
			kind = jsonObject
		}
	}
	if err := s.meet(kind); err != nil {
		return err
	}
	if kind == jsonObject {
		return s.addFields(dec, depth)
	}
	if kind == jsonArray {
		if s.item == nil {
			s.item = &shape{}
		}
		for dec.More() {
			if err := s.item.add(dec, depth+1); err != nil {
				return err
			}
		}
		_, err := dec.Token()
		return err
	}
	return nil
}

func (s *shape) meet(kind jsonKind) error {
	switch {
	case kind == jsonNothing || kind == s.kind:
	case s.kind == jsonNothing:
		s.kind = kind
	case s.kind == jsonInt && kind == jsonFloat:
		s.kind = kind
	case s.kind == jsonFloat && kind == jsonInt:
	default:
		return &columnError{was: s.kind, here: kind}
	}
	return nil
}

// schema gives the columns in the order in which they were first seen.
func (s *shape) schema(types map[string]arrow.DataType) (*arrow.Schema, error) {
	fields := make([]arrow.Field, 0, len(s.order))
	for _, name := range s.order {
		if name == "" {
			return nil, errors.New("a column has no name")
		}
		t, ok := types[name]
		if !ok || name == core.ColDataVersion {
			t = s.fields[name].arrow()
		}
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	return arrow.NewSchema(fields, nil), nil
}

func (s *shape) arrow() arrow.DataType {
	switch s.kind {
	case jsonBool:
		return arrow.FixedWidthTypes.Boolean
	case jsonInt:
		return arrow.PrimitiveTypes.Int64
	case jsonFloat:
		return arrow.PrimitiveTypes.Float64
	case jsonArray:
		return arrow.ListOf(s.item.arrow())
	case jsonObject:
		fields := make([]arrow.Field, len(s.order))
		for i, name := range s.order {
			fields[i] = arrow.Field{Name: name, Type: s.fields[name].arrow(), Nullable: true}
		}
		return arrow.StructOf(fields...)
	case jsonNothing, jsonString:
	}
	return arrow.BinaryTypes.String
}
