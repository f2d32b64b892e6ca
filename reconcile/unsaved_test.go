package reconcile_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// TestInventoryNotConfirmed: what was done is told as done although the inventory could not
// be written after it, with the failure once; the next run writes it down.
func TestInventoryNotConfirmed(t *testing.T) {
	t.Parallel()
	const unsaved = "error: shop act: what was done stands, and could not be written down; the next run finds it: no space left"
	frozen := func(value string) string {
		return existing("v1", "ConfigMap", "frozen", "immutable: true, data: {a: "+value+"}")
	}
	for _, c := range []struct {
		why    string
		change map[string]string
		saves  int // which write of the inventory fails
		news   string
		counts func(drift.ReportCounts) int
		after  []string // what the inventory holds in the end
	}{
		{why: "an object was created", change: map[string]string{"new.yaml": configMap("new")}, saves: 2,
			news:   "ConfigMap new: missing/git sync applied",
			counts: func(c drift.ReportCounts) int { return c.Synced },
			after:  []string{"ConfigMap frozen", "ConfigMap gone", "ConfigMap keep", "ConfigMap new"}},
		{why: "an object was pruned", change: map[string]string{"gone.yaml": deleted}, saves: 2,
			news:   "ConfigMap gone: extra/git prune pruned",
			counts: func(c drift.ReportCounts) int { return c.Pruned },
			after:  []string{"ConfigMap frozen", "ConfigMap keep"}},
		{why: "an object was replaced", change: map[string]string{"frozen.yaml": frozen("c")}, saves: 2,
			news:   "ConfigMap frozen: modified/git sync applied",
			counts: func(c drift.ReportCounts) int { return c.Replaced },
			after:  []string{"ConfigMap frozen", "ConfigMap gone", "ConfigMap keep"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.rego = grants + replacement
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone"), "frozen.yaml": frozen("b")})
			s.converge()
			s.commit(c.change)
			s.intercept(&between{save: func(_ string, n int) error {
				if n == c.saves {
					return errors.New("no space left")
				}
				return nil
			}})
			r := s.run()
			r.expect("it was done", c.news, unsaved)
			app := r.Report.Apps[0]
			if !app.Complete || c.counts(app.Counts) != 1 || r.code != reconcile.ExitPartial {
				t.Errorf("complete is %t, the counts are %+v, the exit code is %d", app.Complete, app.Counts, r.code)
			}
			if r.Record != nil && r.Record.Settled {
				t.Error("the next run may do nothing")
			}
			s.wrap = nil
			s.covered("before the next run")
			s.run().silent("the next run")
			if diff := cmp.Diff(c.after, s.inventoried("shop")); diff != "" {
				t.Errorf("the inventory (-want +got):\n%s", diff)
			}
			s.commit(map[string]string{"keep.yaml": existing("v1", "ConfigMap", "keep", "data: {a: more}")})
			s.run().expect("and goes on", "ConfigMap keep: modified/git sync applied")
			s.run().silent("the run after that")
		})
	}
}

// TestInventoryNotBegun: without a place to write down what it creates and deletes, a run
// does neither, says why beside each object, and counts nothing as done.
func TestInventoryNotBegun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
	s.converge()
	s.commit(map[string]string{"gone.yaml": deleted, "new.yaml": configMap("new")})
	s.intercept(&between{save: func(string, int) error { return errors.New("no space left") }})
	r := s.run()
	r.expect("nothing is done", "ConfigMap gone: extra/git prune skipped", "ConfigMap new: missing/git sync skipped",
		"error: shop act: nothing was written, since it could not be noted first: no space left")
	if app := r.Report.Apps[0]; app.Complete || app.Counts.Pruned+app.Counts.Synced > 0 || r.code != reconcile.ExitPartial {
		t.Errorf("complete is %t, the counts are %+v, the exit code is %d", app.Complete, app.Counts, r.code)
	}
	for _, name := range []string{"ConfigMap gone", "ConfigMap new"} {
		if got := r.of(name).Error; got != "the inventory could not be saved" {
			t.Errorf("%s: %q", name, got)
		}
	}
	s.live("v1 ConfigMap gone")
	s.absent("v1 ConfigMap new")
	s.wrap = nil
	s.run().expect("the next run does both", "ConfigMap gone: extra/git prune pruned", "ConfigMap new: missing/git sync applied")
	s.run().silent("the run after that")
}

// TestKilledWhileForgetting: an app that left the config is forgotten in two deletions; a
// run that dies between them leaves the next one enough to end it.
func TestKilledWhileForgetting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "other/c.yaml": configMap("c")})
	s.converge()
	s.apps = slices.DeleteFunc(s.apps, func(a drift.App) bool { return a.Name == "shop" })
	s.commit(map[string]string{"other/a.yaml": configMap("a")})
	parent, state := "v1 ConfigMap "+s.state+"/"+drift.ParentName("shop"), "v1 ConfigMap "+s.state+"/"+drift.StateName("shop")
	dead := atomic.Bool{}
	s.wire = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if dead.Load() {
				return nil, errKilled
			}
			if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/"+drift.StateName("shop")) {
				dead.Store(true) // it is carried out, and the run dies with the answer on its way
				if answer, err := next.RoundTrip(r); err == nil {
					_ = answer.Body.Close()
				}
				return nil, errKilled
			}
			return next.RoundTrip(r)
		})
	}
	_, _ = s.attempt(s.Context(), reconcile.Run, nil) // its answer died with it
	s.wire = nil
	s.absent(state)
	s.live(parent)
	r := s.run()
	r.expect("the next run")
	want := []string{`app "shop" left the config and has no objects any more: its inventory and state were deleted`}
	if diff := cmp.Diff(want, r.Report.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	s.absent(parent)
	s.run().silent("the run after that")
}
