package rbac_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestGrant(t *testing.T) {
	log := &trail{}
	r := rbac.New(policy(t, `
p, role:root, **, admin, allow
p, role:video, video/**, admin, allow
p, role:video, video/secret/*, admin, deny
g, user:root, role:root
g, user:vera, role:video
`), rbac.Audit(log))
	read := rbac.Permit("user:ann", "video/*", "read")
	for what, c := range map[string]struct {
		who  string
		rule rbac.Rule
		want error
	}{
		"no identity":                    {"", read, core.ErrUnauthenticated},
		"no administrator":               {"bob", read, core.ErrDenied},
		"beyond one's features":          {"vera", rbac.Permit("user:ann", "**", "read"), core.ErrDenied},
		"another's features":             {"vera", rbac.Permit("user:ann", "audio/*", "read"), core.ErrDenied},
		"where administration is denied": {"vera", rbac.Permit("user:ann", "video/**", "read"), core.ErrDenied},
		"a role, by whom has not all":    {"vera", rbac.Member("user:ann", "role:video"), core.ErrDenied},
		"one's own end":                  {"root", rbac.Forbid("role:root", "**", "admin"), core.ErrDenied},
		"a rule that is not valid":       {"root", rbac.Permit("ann", "**", "read"), core.ErrInvalid},
		"within one's features":          {"vera", read, nil},
		"a rule that is there":           {"root", read, nil},
		"a row rule":                     {"root", rbac.Restrict("user:ann", "**", "region = 'CANARY'"), nil},
		"a role, by whom has all":        {"root", rbac.Member("user:ann", "role:video"), nil},
	} {
		ctx := t.Context()
		if c.who != "" {
			ctx = identitytest.As(t, c.who)
		}
		if err := r.Grant(ctx, c.rule); !errors.Is(err, c.want) {
			t.Errorf("granting %s: %v, want %v", what, err, c.want)
		}
	}
	if !r.Policy().Can(user("ann"), core.OpRead, "video/raw").Allowed {
		t.Error("what was granted is not")
	}
	for what, rule := range map[string]rbac.Rule{
		"the last administrator": rbac.Permit("role:root", "**", "admin"),
		"one's own role":         rbac.Member("user:root", "role:root"),
	} {
		if err := r.Revoke(identitytest.As(t, "root"), rule); !errors.Is(err, core.ErrDenied) {
			t.Errorf("revoking %s: %v", what, err)
		}
	}
	if err := r.Revoke(identitytest.As(t, "vera"), read); err != nil {
		t.Error(err)
	}
	if r.Policy().Can(user("ann"), core.OpRead, "video/raw").Allowed {
		t.Error("what was revoked is not")
	}
	if err := r.Revoke(identitytest.As(t, "root"), read); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("revoking what is not there: %v", err)
	}
	if text := log.String(); strings.Contains(text, "CANARY") || !strings.Contains(text, "region = ?") {
		t.Errorf("the trail holds a filter's literal, or not its shape:\n%s", text)
	}
	count := map[string]int{}
	for _, e := range log.events {
		count[e.Part+" "+e.Decision+" "+e.Outcome]++
	}
	if count["grant allow "] != 5 || count["grant allow ok"] != 4 || count["revoke allow ok"] != 1 || count["grant deny "] < 5 {
		t.Errorf("recorded: %v", count)
	}
	log.fail = errors.New("disk full")
	if err := r.Grant(identitytest.As(t, "root"), rbac.Permit("user:eve", "**", "read")); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a grant that cannot be recorded: %v", err)
	}
	if r.Policy().Can(user("eve"), core.OpRead, "a").Allowed {
		t.Error("a grant that could not be recorded holds")
	}
}

func TestQuestions(t *testing.T) {
	p := policy(t, `
p, role:reader, video/**, read, allow
p, role:senior, video/**, write, allow
p, user:bob, video/raw, read, deny
p, *, public/*, stat, allow
p, role:nobody, **, read, allow
p, role:senior, video/x, evolve, allow
p, role:senior, video/*, evolve, deny
p2, *, video/*, mail*, hash
p3, role:reader, video/*, region = 'us' OR FALSE
g, role:senior, role:reader
g, user:ann, role:senior
g, user:bob, role:reader
g, group:all, role:reader
g, user:eve, role:empty
`)
	d := p.Can(user("ann"), core.OpRead, "video/raw")
	if !d.Allowed || d.Reason != "p, role:reader, video/**, read, allow" || strings.Join(d.Via, " ") != "user:ann role:senior role:reader" ||
		d.Rows != "region = 'us'" || strings.Join(d.Columns, " ") != "mail*: hash" {
		t.Errorf("ann reads: %+v", d)
	}
	if d := p.Can(user("bob"), core.OpRead, "video/raw"); d.Allowed || d.Reason != "p, user:bob, video/raw, read, deny" {
		t.Errorf("bob reads: %+v", d)
	}
	if d := p.Can(user("x", "group:all"), core.OpRead, "video/raw"); !d.Allowed || strings.Join(d.Via, " ") != "user:x group:all role:reader" {
		t.Errorf("a group reads: %+v", d)
	}
	if d := p.Can(user("x"), core.OpStat, "public/a"); !d.Allowed || strings.Join(d.Via, " ") != "user:x *" {
		t.Errorf("everyone stats: %+v", d)
	}
	if d := p.Can(user("x"), core.OpRead, "public/a"); d.Allowed || d.Reason != "no rule allows it" {
		t.Errorf("nobody reads: %+v", d)
	}
	if d := p.Can(user("x"), core.OpRead, "../a"); d.Allowed || p.Can(identity.Identity{}, core.OpStat, "public/a").Allowed {
		t.Errorf("a hostile key: %+v", d)
	}
	if got := p.Roles(user("ann", "group:all")); !slices.Equal(got, []string{"role:reader", "role:senior"}) {
		t.Errorf("ann's roles: %v", got)
	}
	var who []string
	for _, h := range p.Who("video/raw") {
		who = append(who, h.Name+"="+strings.Join(h.Actions, "+"))
		if !h.Limited {
			t.Errorf("%s is not limited", h.Name)
		}
	}
	if got := strings.Join(who, " "); got != "group:all=read user:ann=write+read" {
		t.Errorf("who: %s", got)
	}
	var found []string
	for _, f := range p.Lint("video/raw", "video/x") {
		found = append(found, f.Rule.Subject()+": "+f.Text)
	}
	want := []string{
		"user:eve: the role has no rules", "*: no feature matches the pattern", "role:nobody: nobody has this role",
		"role:senior: always overruled by p, role:senior, video/*, evolve, deny",
	}
	if !slices.Equal(found, want) {
		t.Errorf("lint: %q", found)
	}
}

// TestFailClosed: what cannot be recorded is not done, and touches nothing.
func TestFailClosed(t *testing.T) {
	log := &trail{}
	tap := storetest.Tap()
	below, err := tap.Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	calls := func(s core.Store) map[core.Op]error {
		ctx := identitytest.As(t, "ann")
		g := storetest.Graph()
		crop, _ := g.Plan(storetest.KeyCrop)
		out := map[core.Op]error{}
		_, out[core.OpStat] = s.Stat(ctx, core.StatRequest{Key: storetest.KeyVideo})
		rows, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
		if err == nil {
			_, err = rows.Count()
		}
		out[core.OpRead] = err
		_, out[core.OpResolve] = s.Resolve(ctx, core.ResolveRequest{Plan: crop})
		_, out[core.OpEvolve] = s.Evolve(ctx, core.EvolveRequest{Key: storetest.KeyVideo, Base: -1, Changes: []core.SchemaChange{{Kind: core.RenameColumn, Column: "size", To: "bytes"}}})
		for _, err := range s.List(ctx, core.ListRequest{}) {
			out[core.OpList] = err
		}
		id := storetest.VideoSchema().Fields()[:1]
		video, _ := g.Plan(storetest.KeyVideo)
		_, out[core.OpWrite] = s.Write(ctx, core.WriteRequest{Plan: video, Tombstones: true, Rows: storetest.RowsIn(t, storetest.Allocator(t), 9, schemaOf(id...), []any{"none"})})
		return out
	}
	p := policy(t, "p, user:ann, **, *, allow")
	strict, err := rbac.New(p, rbac.Audit(log)).Wrap(below)
	if err != nil {
		t.Fatal(err)
	}
	log.fail = core.ErrDenied // whatever a recorder says
	tap.Reset()
	for op, err := range calls(strict) {
		if !errors.Is(err, core.ErrUnavailable) || errors.Is(err, core.ErrDenied) {
			t.Errorf("%s while nothing can be recorded: %v", op, err)
		}
	}
	tap.ExpectNoMoreCalls(t)
	loose, err := rbac.New(p, rbac.Audit(log), rbac.AuditBestEffort()).Wrap(below)
	if err != nil {
		t.Fatal(err)
	}
	for op, err := range calls(loose) {
		if errors.Is(err, core.ErrUnavailable) {
			t.Errorf("best effort, %s: %v", op, err)
		}
	}
	// The trail ends while rows are read: the reader is told.
	log.fail = nil
	rows, err := strict.Read(identitytest.As(t, "ann"), core.ReadRequest{Key: storetest.KeyVideo})
	log.fail = errors.New("disk full")
	if err == nil {
		_, err = rows.Count()
	}
	if !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a read whose end cannot be recorded: %v", err)
	}
}

// TestTrail: what is recorded, in which order, of which calls.
func TestTrail(t *testing.T) {
	log := &trail{}
	s, err := rbac.New(policy(t, "p, user:ann, **, *, allow\np2, user:ann, **, path, hide"), rbac.Audit(log)).Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := identitytest.As(t, "ann")
	filter := expr.Col("size").Gt(-1234567)
	rows, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo, Columns: []string{"size"}, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	if len(log.events) != 1 {
		t.Fatalf("before the rows are read there are %d events, want the decision", len(log.events))
	}
	n, err := rows.Count()
	if err != nil {
		t.Fatal(err)
	}
	rows, err = s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
	if err != nil {
		t.Fatal(err)
	}
	for range rows.All() {
		break
	}
	_, _ = s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo, Columns: []string{"path"}})
	_, _ = s.Read(ctx, core.ReadRequest{Key: "not/there"})
	_, _ = s.Stat(t.Context(), core.StatRequest{Key: "Hostile\n" + core.FeatureKey(strings.Repeat("x", 9999))})
	for range s.List(ctx, core.ListRequest{Prefix: "video/"}) {
	}
	var got []string
	for _, e := range log.events {
		got = append(got, strings.TrimSpace(strings.Join([]string{e.Part, e.Op.String(), e.Decision, e.Outcome, string(e.Feature), e.Filter}, " ")))
		if e.Time.IsZero() || len(e.Feature) > 100 || strings.Contains(e.Filter, "1234567") {
			t.Errorf("an event: %+v", e)
		}
	}
	want := []string{
		"decision read allow  video/raw size > ?", "outcome read allow ok video/raw size > ?",
		"decision read allow  video/raw", "outcome read allow stopped video/raw",
		"decision read deny  video/raw",
		"decision read allow  not/there", "outcome read allow not_found not/there",
		"decision stat deny",
		"decision list allow  video/", "outcome list allow ok video/",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the trail is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e := log.events[1]; e.Rows != n || e.Identity != "user:ann" || e.Reason != "p, user:ann, **, *, allow" || !slices.Equal(e.Columns, []string{"size"}) {
		t.Errorf("the outcome: %+v, want %d rows", e, n)
	}
}
