package rbac_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/casbin/casbin/v2/model"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

// service is a source of rules that can be down, slow, or hold nonsense.
type service struct {
	table
	mu      sync.Mutex
	version int
	down    bool
	slow    time.Duration
}

func (s *service) set(down bool, rule ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	if rule != nil {
		s.version++
		s.rows = [][6]string{{}}
		copy(s.rows[0][:], rule)
	}
}

func (s *service) Version() (string, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return "", errors.New("connection refused")
	}
	return strconv.Itoa(s.version), nil
}

func (s *service) LoadPolicy(m model.Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.LoadPolicy(m)
}

var (
	annReads = []string{"p", "user:ann", "**", "read", "allow"}
	nonsense = []string{"p", "user:ann", "**", "raed", "allow"}
)

// TestMaxPolicyAge: rules of a source that is lost hold for so long and not
// longer; then nothing passes, and nothing reaches the store below.
func TestMaxPolicyAge(t *testing.T) {
	const most = time.Minute
	synctest.Test(t, func(t *testing.T) {
		for what, c := range map[string]struct {
			lose func(s *service)
			opts []rbac.Option
			kept bool
		}{
			"it is down":               {func(s *service) { s.set(true) }, []rbac.Option{rbac.MaxPolicyAge(most)}, false},
			"it is not valid":          {func(s *service) { s.set(false, nonsense...) }, []rbac.Option{rbac.MaxPolicyAge(most)}, false},
			"nobody looks":             {func(*service) {}, []rbac.Option{rbac.MaxPolicyAge(most), rbac.Refresh(0)}, false},
			"it is there":              {func(*service) {}, []rbac.Option{rbac.MaxPolicyAge(most)}, true},
			"it is down, and no limit": {func(s *service) { s.set(true) }, nil, true},
		} {
			source := &service{}
			source.set(false, annReads...)
			p, err := rbac.NewPolicy(source)
			if err != nil {
				t.Fatal(err)
			}
			log, below := &trail{}, &frozen{next: memstore.New()}
			s, err := rbac.New(p, append(c.opts, rbac.Audit(log))...).Wrap(below)
			if err != nil {
				t.Fatal(err)
			}
			read := func(ctx context.Context) error {
				_, err := s.Read(ctx, core.ReadRequest{Key: storetest.KeyVideo})
				return err
			}
			ann := identitytest.As(t, "ann")
			c.lose(source)
			time.Sleep(most)
			if err := read(ann); !errors.Is(err, core.ErrFeatureNotFound) {
				t.Errorf("when %s, for %s: %v", what, most, err)
			}
			time.Sleep(time.Hour)
			asked, recorded := below.calls, len(log.events)
			err = read(ann)
			if c.kept {
				if !errors.Is(err, core.ErrFeatureNotFound) {
					t.Errorf("when %s, for an hour: %v", what, err)
				}
				continue
			}
			if !errors.Is(err, core.ErrUnavailable) || below.calls != asked {
				t.Errorf("when %s, for an hour: %v, and %d calls below", what, err, below.calls-asked)
			}
			if e := log.events[recorded:]; len(e) != 1 || e[0].Decision != rbac.Deny {
				t.Errorf("when %s: recorded %+v", what, e)
			}
			for _, err := range s.List(ann, core.ListRequest{}) {
				if !errors.Is(err, core.ErrUnavailable) {
					t.Errorf("when %s: listed, %v", what, err)
				}
			}
			if err := read(t.Context()); !errors.Is(err, core.ErrUnauthenticated) {
				t.Errorf("when %s, nobody: %v", what, err)
			}
			source.set(false, annReads...)
			if _, err := p.Refresh(); err != nil {
				t.Fatal(err)
			}
			if err := read(ann); !errors.Is(err, core.ErrFeatureNotFound) {
				t.Errorf("when it is there again after %s: %v", what, err)
			}
		}
	})
}

// TestMaxPolicyAgeAfterAPause: of callers who come together after a time without
// any, none is refused because another is still reading the rules.
func TestMaxPolicyAgeAfterAPause(t *testing.T) {
	source := &service{slow: 200 * time.Millisecond}
	source.set(false, annReads...)
	p, err := rbac.NewPolicy(source)
	if err != nil {
		t.Fatal(err)
	}
	s, err := rbac.New(p, rbac.MaxPolicyAge(rbac.DefaultRefresh)).Wrap(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(rbac.DefaultRefresh + 100*time.Millisecond)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Read(identitytest.As(t, "ann"), core.ReadRequest{Key: storetest.KeyVideo}); !errors.Is(err, core.ErrFeatureNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestMaxPolicyAgeOption(t *testing.T) {
	for _, opts := range [][]rbac.Option{
		{rbac.MaxPolicyAge(-time.Second)},
		{rbac.MaxPolicyAge(rbac.DefaultRefresh - 1)},
		{rbac.MaxPolicyAge(time.Minute), rbac.Refresh(time.Hour)},
	} {
		if _, err := rbac.New(policy(t, ""), opts...).Wrap(memstore.New()); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("accepted: %v", err)
		}
	}
}
