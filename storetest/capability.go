package storetest

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

func capabilityProperties() []property {
	return []property{
		{code: "K1", name: "constant", run: k1, why: "a layer asks once, when it is built"},
		{code: "K2", name: "claimed_means_works", run: k2, why: "layers delegate what the store says that it can do"},
		{code: "K3", name: "not_claimed_means_unsupported", run: k3, why: "half an answer is worse than ErrUnsupported"},
	}
}

func k1(e *env) {
	s := e.store()
	before := s.Capabilities()
	e.writeVideos(s, videos(0, 3)...)
	e.read(s, core.ReadRequest{Key: KeyVideo})
	if now := s.Capabilities(); now != before {
		e.Errorf("capabilities changed from %+v to %+v", before, now)
	}
	if other := e.store().Capabilities(); other != before {
		e.Errorf("another store like it has capabilities %+v, this one %+v", other, before)
	}
	e.must("close", s.Close())
	if now := s.Capabilities(); now != before {
		e.Errorf("capabilities changed with Close from %+v to %+v", before, now)
	}
}

// changesOfKind gives one migration of each kind, for a feature written with small.
func changesOfKind() map[core.ChangeKind]core.SchemaChange {
	return map[core.ChangeKind]core.SchemaChange{
		core.AddColumn:    addNote,
		core.WidenColumn:  {Kind: core.WidenColumn, Column: "n", Type: arrow.PrimitiveTypes.Int64},
		core.RenameColumn: {Kind: core.RenameColumn, Column: "f", To: "g"},
	}
}

func k2(e *env) {
	s := e.store()
	c := s.Capabilities()
	if e.cfg.Native && !c.NativeResolve {
		e.Error("Config.Native is set and NativeResolve is not claimed")
	}
	if c.Durable != (e.cfg.Reopen != nil) {
		e.Errorf("Durable is %v, while Config.Reopen says %v", c.Durable, e.cfg.Reopen != nil)
	}
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}))
	version := 1
	for kind, change := range changesOfKind() {
		if c.Evolve&kind == 0 {
			continue
		}
		if _, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: version, Changes: []core.SchemaChange{change}}); err != nil {
			e.Errorf("evolve claims to %s columns: %v", kind, err)
			continue
		}
		version++
	}
	if unknown := c.Evolve &^ (core.AddColumn | core.WidenColumn | core.RenameColumn); unknown != 0 {
		e.Errorf("Evolve claims kinds that do not exist: %b", unknown)
	}
	if !c.TimeTravel {
		return
	}
	e.writeSimple(s, "k2/past", "a")
	e.writeSimple(s, "k2/past", "b")
	for what, req := range map[string]core.ReadRequest{
		"AsOf a commit": {AsOf: core.AtCommit(1)}, "History": {History: true}, "History AsOf a commit": {History: true, AsOf: core.AtCommit(2)},
	} {
		req.Key = "k2/past"
		rows, err := s.Read(e.ctx(), req)
		if err != nil {
			e.Errorf("TimeTravel is claimed, %s: %v", what, err)
			continue
		}
		want := int64(2)
		if req.AsOf.Seq == 1 {
			want = 1
		}
		if n, err := rows.Count(); n != want || err != nil {
			e.Errorf("TimeTravel is claimed, %s gives %d rows (%v), want %d", what, n, err, want)
		}
	}
}

func k3(e *env) {
	s := e.store()
	c := s.Capabilities()
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}, []any{"b", 2, 1.5}))
	for kind, change := range changesOfKind() {
		if c.Evolve&kind == 0 {
			_, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: []core.SchemaChange{change}})
			e.is(fmt.Sprintf("evolve that does not claim to %s columns", kind), err, core.ErrUnsupported)
		}
	}
	if !c.TimeTravel {
		for what, req := range map[string]core.ReadRequest{"AsOf": {AsOf: core.AtCommit(1)}, "History": {History: true}} {
			req.Key = KeyVideo
			_, err := s.Read(e.ctx(), req)
			e.is(what+" without TimeTravel", err, core.ErrUnsupported)
		}
	}
	// Resolve always works: natively, or by reading.
	if inc := e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop)}); inc.Stats.New != 2 {
		e.Errorf("a resolve over two samples finds %d new", inc.Stats.New)
	}
	// So do filters of kinds that storage cannot evaluate.
	e.same("a filter that is not pushed", []string{"b"}, e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`NOT (n < 2 OR n IN (7, 8))`)}))
}
