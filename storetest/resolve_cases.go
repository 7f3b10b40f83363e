package storetest

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// graphOf builds a graph for one property.
func graphOf(e *env, specs ...core.FeatureSpec) *core.Graph {
	e.Helper()
	g, err := core.NewGraph(specs...)
	e.must("graph", err)
	return g
}

// writeVersions writes rows of ids and versions: the ids, then the versions.
func (e *env) writeVersions(s core.Store, p *core.Plan, rows ...[]string) {
	e.Helper()
	ids := len(p.Feature.ID)
	var values [][]any
	for _, r := range rows {
		var row, v []any
		for i, x := range r {
			if i < ids {
				row = append(row, x)
			} else {
				v = append(v, x)
			}
		}
		values = append(values, append(row, v))
	}
	e.write(s, core.WriteRequest{Plan: p, Rows: e.rows(versionSchema(p.Feature.ID, p.ContainerNames()...), values...)})
}

// s5: digests that the reference system recorded, and two of escaping.
func s5(e *env) {
	for i, c := range []struct {
		container, code string
		upstream        core.FeatureKey
		versions        [2]string // frames, audio
		frames          bool      // depends on frames alone
		want            string
	}{
		{"processed", "1", "video", [2]string{"abc123", "def456"}, false, "fc0ba303d12aecaa868ac0b36cfed5d7635ff185871a0b96d8b338d222e8d3aa"},
		{"processed", "1", "video", [2]string{"abc124", "def457"}, false, "0a33c360b5332c4b95ecfae8a5ba8899e9d75cf2111bf6e126d0ec90c67ba580"},
		{"processed", "1", "video", [2]string{"abc125", "def458"}, false, "9addc04b84dcfbe4c040da967d37fd6980c6984bf629d5c1008ec728f21acc17"},
		{"processed", "1", "video", [2]string{"video1", "x"}, true, "26852f56de452ba1cd7224e7bfce22805c5eed54f5691ee77fcc4cfeb18d4970"},
		{"processed", "1", "video", [2]string{"same_hash", "same_hash"}, false, "d02a0e24362904e5bee36e20c3cd6a639840b7e339c34dca1eaea7f644fa4cc2"},
		{"processed", "1", "video", [2]string{"abc123", "x"}, true, "f35ce48d9cfba8a23415863b518f6f81d0cf24553dc3540f4a62f05783ef4217"},
		{"processed", "2", "video", [2]string{"abc123", "x"}, true, "11966375903503534768c8f67099bd404e89810944a974ea289ff7d2bef35f04"},
		{"processed", "1", "video", [2]string{"abc", "x"}, true, "244dbc8db0e556e38bd7bd234219e7e5da68dd318a37ef8e6134c9ea31f09238"},
		{"augmented", "2", "video", [2]string{"abc", "def"}, false, "7c720a2d2a26d1ba28f540da1ce67215c58d1bce016b39485ca3d1648dbb3f50"},
		{"default", "1", "upstream_a", [2]string{"hash_a1_frames", "hash_a1_audio"}, false, "ab657b0686e72d308af0426ec5edff823d76645f367cb0f079ad494b3583b2e4"},
		{"default", "1", "upstream_a", [2]string{"hash_a2_frames", "hash_a2_audio"}, false, "28d35986093e005ef474f50dc31b71aa319097fff43ee77421d79033858cec56"},
		{"default", "1", "upstream_a", [2]string{"hash_a3_frames", "hash_a3_audio"}, false, "b6e3e8d060c63bcb7342ba961492d8f020cb9d86a5128f42246cbeaccc401429"},
	} {
		from := []core.ContainerOption{core.Code(c.code)}
		if c.frames {
			from = append(from, core.From(string(c.upstream), "frames"))
		}
		g := graphOf(e, core.NewFeature(string(c.upstream), core.Container("frames"), core.Container("audio")),
			core.NewFeature("downstream", core.DependsOn(string(c.upstream)), core.Container(c.container, from...)),
			core.NewFeature("top", core.DependsOn("downstream"), core.Container("default", core.Code("2"))))
		s := e.store()
		e.writeVersions(s, planIn(g, c.upstream), []string{"1", c.versions[0], c.versions[1]})
		inc := e.resolve(s, core.ResolveRequest{Plan: planIn(g, "downstream")})
		want := fmt.Sprintf(`sample_id="1" data_version={%s:%q}`, c.container, c.want)
		e.same(fmt.Sprintf("digest %d", i), []string{want}, e.lines("new", inc.New))
		if c.want[:8] == "ab657b06" { // the second level chains through the hex text
			e.must("write", writeIncrement(e, s, planIn(g, "downstream"), inc))
			top := e.resolve(s, core.ResolveRequest{Plan: planIn(g, "top")})
			e.same("digest of the second level", []string{`sample_id="1" data_version={default:"ec2e2567d998de2ad339d008d89a7968c15c349da7d429e97fd6c0a38fae71f1"}`}, e.lines("new", top.New))
		}
	}
	s5Independent(e)
}

// s5Independent: a container of nothing hashes its name and code alone, and two
// inputs that only an escape tells apart differ.
func s5Independent(e *env) {
	s := e.store()
	g := graphOf(e, core.NewFeature("up", core.Container("x"), core.Container("y")),
		core.NewFeature("down", core.DependsOn("up"), core.Container("default", core.FromNothing()), core.Container("both")))
	e.writeVersions(s, planIn(g, "up"), []string{"1", "a|up/y|b", "c"}, []string{"2", "a", "b|up/y|c"}, []string{"3", `a\`, `|up`})
	lines := e.lines("new", e.resolve(s, core.ResolveRequest{Plan: planIn(g, "down")}).New)
	seen := map[string]bool{}
	for _, l := range lines {
		v := field(l, core.ColDataVersion)
		if v[:len(`{default:"d1d898d1`)] != `{default:"d1d898d1` {
			e.Errorf("a container of nothing has %s, want the digest of default|1", v)
		}
		seen[v] = true
	}
	if len(seen) != 3 {
		e.Errorf("three different inputs give %d different versions: an escape is missing", len(seen))
	}
}

func s6(e *env) {
	s := e.store()
	chain(e, s, 6)
	// s001's audio, s002's frames, both of s003.
	e.writeVideos(s, setCell(video("s001", 1), 6, []any{"f1", "other"}), setCell(video("s002", 2), 6, []any{"other", "a2"}),
		setCell(video("s003", 3), 6, []any{"other", "other"}), video("s004", 4))
	inc := e.writeResolved(s, KeyCrop)
	if st := inc.Stats; st.Stale != 3 || st.Unchanged != 3 || st.New != 0 || st.StaleBy["frames"] != 2 || st.StaleBy["audio"] != 2 {
		e.Errorf("crop: %+v, want 3 stale, 2 by frames, 2 by audio, 3 unchanged", st)
	}
	stale := map[string]string{}
	for _, l := range e.lines("stale", inc.Stale) {
		stale[field(l, "sample_id")] = field(l, core.ColStale)
	}
	for id, want := range map[string]string{"s001": `["audio"]`, "s002": `["frames"]`, "s003": `["frames","audio"]`} {
		if stale[id] != want {
			e.Errorf("crop: %s is stale by %q, want %s", id, stale[id], want)
		}
	}
	inc = e.writeResolved(s, KeyEmbedding) // depends on the frames of crop alone
	e.same("stale embeddings", []string{"s002", "s003"}, column(e.lines("stale", inc.Stale), "sample_id"))
	// A new code version makes stale what it changes and nothing else.
	g := graphOf(e, core.NewFeature(string(KeyVideo), core.Container("frames"), core.Container("audio")),
		core.NewFeature(string(KeyCrop), core.DependsOn(string(KeyVideo)),
			core.Container("frames", core.From(string(KeyVideo), "frames"), core.Code("2")), core.Container("audio", core.From(string(KeyVideo), "audio"))))
	inc = e.resolve(s, core.ResolveRequest{Plan: planIn(g, KeyCrop)})
	if st := inc.Stats; st.Stale != 6 || st.New != 0 || st.StaleBy["frames"] != 6 || st.StaleBy["audio"] != 0 {
		e.Errorf("crop after a code change in frames: %+v, want 6 stale by frames", st)
	}
}

func s7(e *env) {
	s := e.store()
	g := graphOf(e, core.NewFeature("left"), core.NewFeature("right"), core.NewFeature("extra"),
		core.NewFeature("down", core.DependsOn("left"), core.DependsOn("right"), core.DependsOn("extra", core.Optional())))
	down := planIn(g, "down")
	_, err := s.Resolve(e.ctx(), core.ResolveRequest{Plan: down})
	e.is("a resolve without any upstream", err, core.ErrDependency)
	e.writeVersions(s, planIn(g, "left"), []string{"a", "l"}, []string{"b", "l"}, []string{"c", "l"})
	_, err = s.Resolve(e.ctx(), core.ResolveRequest{Plan: down})
	e.is("a resolve without one required upstream", err, core.ErrDependency)
	e.writeVersions(s, planIn(g, "right"), []string{"a", "r"}, []string{"b", "r"}, []string{"d", "r"})
	inc := e.resolve(s, core.ResolveRequest{Plan: down}) // extra is optional as a whole
	e.same("new", []string{"a", "b"}, column(e.lines("new", inc.New), "sample_id"))
	e.same("missing", []string{"c", "d"}, column(e.lines("missing", inc.Missing), "sample_id"))
	if inc.Stats.Missing != 2 || inc.Stats.New != 2 {
		e.Errorf("%+v, want 2 new, 2 missing", inc.Stats)
	}
	e.must("write", writeIncrement(e, s, down, inc))
	// An optional upstream that appears for one sample makes that one stale.
	e.writeVersions(s, planIn(g, "extra"), []string{"b", "x"})
	inc = e.resolve(s, core.ResolveRequest{Plan: down})
	e.same("stale by an optional upstream", []string{"b"}, column(e.lines("stale", inc.Stale), "sample_id"))
	if inc.Stats.Unchanged != 1 || inc.Stats.New != 0 {
		e.Errorf("after an optional upstream appeared: %+v, want 1 stale, 1 unchanged", inc.Stats)
	}
	// A held sample that loses a required upstream is orphaned.
	e.write(s, core.WriteRequest{Plan: planIn(g, "right"), Tombstones: true, Rows: e.rows(idSchema("sample_id"), []any{"a"})})
	inc = e.resolve(s, core.ResolveRequest{Plan: down})
	e.same("orphaned", []string{`sample_id="a"`}, e.lines("orphaned", inc.Orphaned))
	e.same("missing", []string{"a", "c", "d"}, column(e.lines("missing", inc.Missing), "sample_id"))
}

// s8: shots (video, shot) belong to videos; scenes gather the shots of a video,
// crops expand a video.
func s8(e *env) {
	s := e.store()
	g := graphOf(e, core.NewFeature("video", core.ID("video")),
		core.NewFeature("shot", core.ID("video", "shot")),
		core.NewFeature("scene", core.ID("video"), core.DependsOn("shot", core.Aggregate("video"))),
		core.NewFeature("crop", core.ID("video", "crop"), core.DependsOn("video", core.Expand())))
	shot, scene, crop := planIn(g, "shot"), planIn(g, "scene"), planIn(g, "crop")
	// "10" comes before "9" bytewise; an id that needs escaping; order of writing does not count.
	e.writeVersions(s, shot, []string{"v1", "9", "s9"}, []string{"v1", "10", "s10"}, []string{"v2", "|", "p"}, []string{"v2", `\`, "b"})
	first := e.lines("scenes", e.resolve(s, core.ResolveRequest{Plan: scene}).New)
	e.same("scenes", []string{"v1", "v2"}, column(first, "video"))
	// sha256("s10|s9") in the preimage default|1|shot/default|…
	want := `video="v1" data_version={default:"` + goldenGroup + `"}`
	e.same("the digest of a group", []string{want}, grep(first, "video", "v1"))
	e.must("write", writeIncrement(e, s, scene, e.resolve(s, core.ResolveRequest{Plan: scene})))
	e.writeVersions(s, shot, []string{"v1", "9", "s9"}) // the same again
	if st := e.resolve(s, core.ResolveRequest{Plan: scene}).Stats; !st.Clean() {
		e.Errorf("scenes after a shot was written again unchanged: %+v", st)
	}
	e.writeVersions(s, shot, []string{"v1", "11", "new"}, []string{"v3", "1", "new"})
	e.write(s, core.WriteRequest{Plan: shot, Tombstones: true, Rows: e.rows(idSchema("video", "shot"), []any{"v2", "|"}, []any{"v2", `\`})})
	if st := e.resolve(s, core.ResolveRequest{Plan: scene}).Stats; st.New != 1 || st.Stale != 1 || st.Orphaned != 1 || st.Unchanged != 0 {
		e.Errorf("scenes after shots came and went: %+v, want 1 new, 1 stale, 1 orphaned", st)
	}
	s8Expand(e, s, planIn(g, "video"), crop)
}

// goldenGroup is sha256 of "default|1|shot/default|" and the hex of sha256("s10|s9").
const goldenGroup = "ab833dcf554d210769bb3d780a8eb29385bebf3dbb1d978b8017663df5aa84e5"

func s8Expand(e *env, s core.Store, video, crop *core.Plan) {
	e.writeVersions(s, video, []string{"v1", "x"}, []string{"v2", "y"}, []string{"v3", "z"})
	inc := e.resolve(s, core.ResolveRequest{Plan: crop})
	e.same("parents to expand", []string{"v1", "v2", "v3"}, column(e.lines("new", inc.New), "video"))
	fresh := map[string]string{}
	for _, l := range e.lines("new", inc.New) {
		v := field(l, core.ColDataVersion)
		fresh[field(l, "video")] = v[len(`{default:"`) : len(v)-len(`"}`)]
	}
	// Three children of v1, of which one is old; one of v2; a child of a parent that is not there.
	e.writeVersions(s, crop, []string{"v1", "1", fresh["v1"]}, []string{"v1", "2", "old"}, []string{"v1", "3", fresh["v1"]},
		[]string{"v2", "1", fresh["v2"]}, []string{"v9", "1", "v"}, []string{"v9", "2", "v"})
	inc = e.resolve(s, core.ResolveRequest{Plan: crop})
	e.same("new parents", []string{"v3"}, column(e.lines("new", inc.New), "video"))
	e.same("parents with an old child", []string{"v1"}, column(e.lines("stale", inc.Stale), "video"))
	e.same("children without a parent", []string{`video="v9" crop="1"`, `video="v9" crop="2"`}, e.lines("orphaned", inc.Orphaned))
	if st := inc.Stats; st.New != 1 || st.Stale != 1 || st.Unchanged != 1 || st.Orphaned != 2 {
		e.Errorf("an expansion: %+v, want 1 new, 1 stale, 1 unchanged, 2 orphaned", st)
	}
}

func s8a(e *env) {
	s := e.store()
	chain(e, s, 5)
	e.retire(s, KeyVideo, "s002")
	for _, key := range []core.FeatureKey{KeyCrop, KeyEmbedding, KeyTrain} {
		inc := e.resolve(s, core.ResolveRequest{Plan: plan(key)})
		e.same(string(key)+": orphaned", []string{`sample_id="s002"`}, e.lines("orphaned", inc.Orphaned))
		e.must("retire", writeIncrement(e, s, plan(key), inc))
	}
	e.writeVideos(s, video("s002", 2)) // the same version again
	inc := e.resolve(s, core.ResolveRequest{Plan: plan(KeyCrop), Columns: []string{"size"}})
	if st := inc.Stats; st.New != 1 || st.Orphaned != 0 || st.Unchanged != 4 {
		e.Errorf("after the sample came back: %+v, want 1 new, 4 unchanged", st)
	}
	if !core.SameColumns(inc.Orphaned.Schema, arrow.NewSchema(VideoSchema().Fields()[:1], nil)) {
		e.Errorf("orphaned has columns %v, want the ids", inc.Orphaned.Schema)
	}
	e.same("a carried column", []string{"2"}, column(e.lines("new", inc.New), "size"))
}
