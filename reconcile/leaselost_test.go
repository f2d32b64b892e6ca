package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// until ends a run as a lost lease does once the API server has carried out a write whose
// path has that end, and records the writes that come after it.
type until struct {
	end   string
	lose  context.CancelCauseFunc
	mu    sync.Mutex
	over  bool
	wrote []string
}

func (u *until) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if !writes(r) {
			return next.RoundTrip(r)
		}
		u.mu.Lock()
		defer u.mu.Unlock() // one write at a time, so that the last one is the last one
		if u.over {
			u.wrote = append(u.wrote, r.Method+" "+r.URL.Path)
		}
		answer, err := next.RoundTrip(r)
		if !u.over && strings.HasSuffix(r.URL.Path, u.end) {
			u.over = true
			u.lose(fmt.Errorf("%w: it is held by %q", drift.ErrLeaseLost, "another"))
		}
		return answer, err
	})
}

// TestLeaseLost: a run that loses its lease finishes the write under way and makes no other,
// of objects, inventory and state, says of each object what became of it, and leaves what
// the next run needs.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why  string
		end  string // of the path of the last write
		news []string
	}{
		{"after the inventory was begun", "/configmaps/" + drift.ParentName("shop"), []string{
			"shop: ConfigMap gone: extra/git alert-only skipped", "shop: ConfigMap new: missing/git sync skipped",
			"shop: Service new: missing/git sync skipped", "blog: ConfigMap posts: missing/git sync skipped"}},
		{"after an object was created", "/configmaps/new", []string{
			"shop: ConfigMap gone: extra/git alert-only skipped", "shop: ConfigMap new: missing/git sync applied",
			"shop: Service new: missing/git sync skipped", "blog: ConfigMap posts: missing/git sync skipped"}},
		{"after the last write of an app", "/configmaps/gone", []string{
			"shop: ConfigMap gone: extra/git prune pruned", "shop: ConfigMap new: missing/git sync applied",
			"shop: Service new: missing/git sync applied", "blog: ConfigMap posts: missing/git sync skipped"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("blog", after("shop"))
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone"), "blog/banner.yaml": configMap("banner")})
			s.converge()
			s.commit(map[string]string{"gone.yaml": deleted, "new.yaml": configMap("new"),
				"svc.yaml": existing("v1", "Service", "new", service), "blog/posts.yaml": configMap("posts")})
			ctx, lose := context.WithCancelCause(s.Context())
			defer lose(nil)
			u := &until{end: c.end, lose: lose}
			s.wire = u.wrap
			s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
				r.Memory = forgetful{r.Memory} // the command saves no state once the lease is lost
				return r
			}
			r := s.do(ctx, reconcile.Run, nil)
			slices.Sort(c.news)
			got := r.news()
			slices.Sort(got)
			if diff := cmp.Diff(c.news, got); diff != "" {
				t.Errorf("the report (-want +got):\n%s\n%s", diff, r.details())
			}
			if u.wrote != nil || r.code != reconcile.ExitInterrupted || r.Record != nil {
				t.Errorf("exit code %d, and after the lease was lost it wrote %q", r.code, u.wrote)
			}
			s.wire, s.wrap = nil, nil
			s.covered("after the lease was lost")
			next := s.run()
			if next.code != reconcile.ExitOK {
				t.Errorf("the next run: exit code %d\n%s", next.code, next.details())
			}
			s.run().silent("the run after that")
			s.absent(gone)
		})
	}
}

// forgetful takes no state once a run is over.
type forgetful struct{ reconcile.Memory }

func (f forgetful) SaveState(ctx context.Context, app string, state drift.AppState) error {
	if ctx.Done() == nil {
		return nil
	}
	return f.Memory.SaveState(ctx, app, state)
}
