package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

func reopenProperties() []property {
	return []property{
		{
			code: "P1", name: "everything_survives_reopen", run: p1, why: "what was acknowledged must be there tomorrow",
			needs: func(c Config) string {
				if c.Reopen == nil {
					return "nothing is durable: Config.Reopen is nil"
				}
				return ""
			},
		},
		{
			code: "P2", name: "kill_in_mid_write_leaves_all_or_none", run: p2, why: "machines die in the middle of a write",
			needs: func(c Config) string {
				if c.Kill == nil {
					return "no process to kill: Config.Kill is nil"
				}
				return ""
			},
		},
	}
}

// snapshot is everything that a store answers, as text.
func snapshot(e *env, s core.Store) []string {
	var out []string
	for info, err := range s.List(e.ctx(), core.ListRequest{}) {
		if err != nil {
			e.Fatalf("list: %v", err)
		}
		out = append(out, "list "+infoLine(info))
		key := info.Key
		stat := e.stat(s, key)
		out = append(out, fmt.Sprintf("stat %s bytes %d created %d modified %d", infoLine(stat), stat.Bytes, stat.Created.UnixMicro(), stat.Modified.UnixMicro()))
		for _, c := range stat.Log {
			out = append(out, fmt.Sprintf("commit %s %d id %q rows %d bytes %d at %d version %.8s tombstones %v basis %v",
				key, c.Seq, c.ID, c.Rows, c.Bytes, c.Time.UnixMicro(), c.FeatureVersion, c.Tombstones, c.Basis))
		}
		var columns []string
		for _, f := range info.Schema.Fields() {
			columns = append(columns, f.Name)
		}
		columns = append(columns, core.ColFeatureVersion, core.ColCommit, core.ColWrittenAt, core.ColDeleted)
		for _, req := range []core.ReadRequest{{}, {History: true}, {AsOf: core.AtCommit(1)}, {AsOf: core.AtCommit(info.Generation), History: true}} {
			req.Key, req.Columns = key, columns
			for _, l := range e.read(s, req) {
				out = append(out, fmt.Sprintf("read %s history %v as of %d: %s", key, req.History, req.AsOf.Seq, l))
			}
		}
	}
	return out
}

func p1(e *env) {
	s := e.store()
	e.writeVideos(s, videos(0, 20)...)
	first := e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: "job-1", Rows: e.rows(VideoSchema(), videos(5, 25)...), Basis: core.Basis{KeyLabel: 7}})
	e.retire(s, KeyVideo, "s003", "never")
	e.writeVideos(s)
	e.must("a feature with numbers", smallIn(e, s, "numbers/a", "x"))
	e.writeSimple(s, "a_b", "x")
	e.writeSimple(s, "a/b", "y")
	e.writeSimple(s, "a-b", "z")
	e.writeResolved(s, KeyCrop)
	if s.Capabilities().Evolve&core.AddColumn != 0 {
		_, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: "a/b", Base: 1, Changes: []core.SchemaChange{addNote}})
		e.must("evolve", err)
	}
	e.writeTypes(s)
	before := snapshot(e, s)
	for i := range 2 {
		s = e.reopen(s)
		e.same(fmt.Sprintf("everything after reopening %d times", i+1), before, snapshot(e, s))
	}
	if inc := e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop)}); !inc.Stats.Clean() {
		e.Errorf("after reopening a clean feature resolves to %+v", inc.Stats)
	}
	again := e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: "job-1", Rows: e.rows(VideoSchema(), videos(5, 25)...)})
	if !sameCommit(first, again) {
		e.Errorf("a write repeated after reopening gave %+v, want the first commit %+v", again, first)
	}
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), ID: "job-1", Rows: e.rows(VideoSchema(), videos(5, 24)...)})
	e.is("other rows under the same id after reopening", err, core.ErrConflict)
	if c := e.writeVideos(s, video("later", 1)); c.Seq != 5 {
		e.Errorf("the next commit after reopening is %d, want 5", c.Seq)
	}
	if got := e.ids(e.reopen(s), core.ReadRequest{Key: KeyVideo}); !slices.Contains(got, "later") {
		e.Error("a write after reopening is gone after reopening again")
	}
}

func (e *env) reopen(s core.Store) core.Store {
	e.Helper()
	again := e.cfg.Reopen(e.tb(), s)
	if again == nil {
		e.Fatal("Config.Reopen returned nil")
	}
	e.Cleanup(func() { _ = again.Close() })
	return again
}

// smallIn writes one row of numbers to a feature of its own.
func smallIn(e *env, s core.Store, key, id string) error {
	schema := arrow.NewSchema(append(append([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, numbers...),
		arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})}), nil)
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: simple(key), Rows: e.rows(schema, []any{id, 1, 1.5, []any{"v"}})})
	return err
}

// writeTypes writes one feature for each type that the store keeps.
func (e *env) writeTypes(s core.Store) {
	for _, name := range TypeNames() {
		if _, no := e.cfg.Types[name]; no {
			continue
		}
		c := typeCases()[name]
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "sample_id", Type: arrow.BinaryTypes.String},
			{Name: "value", Type: c.Type, Nullable: true},
			{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
		}, nil)
		var rows [][]any
		for i, v := range append([]any{nil}, c.Values...) {
			rows = append(rows, []any{sampleID(i), v, []any{"v"}})
		}
		e.write(s, core.WriteRequest{Plan: simple("types/" + strings.ToLower(name)), Rows: e.rows(schema, rows...)})
	}
}

// writeResolved computes what is new and stale, writes it, and retires orphans,
// as a pipeline does.
func (e *env) writeResolved(s core.Store, key core.FeatureKey) core.Increment {
	e.Helper()
	inc := e.resolve(s, core.ResolveRequest{Plan: plan(key)})
	e.must("write what resolve found", writeIncrement(e, s, plan(key), inc))
	return inc
}
