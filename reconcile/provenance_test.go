package reconcile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/reconcile"
)

// TestTwoSources: two configs with one app name and one state namespace leave each
// other's objects alone, however often they run.
func TestTwoSources(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"both.yaml": configMap("both"), "main.yaml": configMap("main")})
	s.converge()
	s.commitTo("feature", map[string]string{"main.yaml": deleted, "feature.yaml": configMap("feature")})
	for range 3 {
		s.ref = "feature"
		r := s.run()
		if got := r.of("ConfigMap main"); got.Action != "alert-only" || !strings.Contains(got.Reason, `the config's ref was "main", is "feature"`) {
			t.Fatalf("%s: %s", got.Action, got.Reason)
		}
		s.ref = gitserver.MainBranch
		r = s.run()
		if got := r.of("ConfigMap feature"); got.Action != "alert-only" || !strings.Contains(got.Reason, `the config's ref was "feature", is "main"`) {
			t.Fatalf("%s: %s", got.Action, got.Reason)
		}
	}
	for _, name := range []string{"both", "main", "feature"} {
		s.live("v1 ConfigMap " + name)
	}
}

// TestMovedSource: after a folder moved, what it still has is its own, and what it lost
// on the way waits for a person.
func TestMovedSource(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b"), "c.yaml": configMap("c")})
	s.converge()
	s.commit(map[string]string{"moved/a.yaml": configMap("a"), "moved/b.yaml": configMap("b")})
	s.app("shop", func(a *drift.App) { a.Path = "moved" })
	r := s.run()
	for range 2 {
		r.expect("what was lost on the way", "ConfigMap c: extra/git alert-only skipped")
		r = s.run()
	}
	s.commit(map[string]string{"moved/b.yaml": deleted})
	r = s.run()
	r.expect("what leaves later is the new folder's wish", "ConfigMap b: extra/git prune pruned", "ConfigMap c: extra/git alert-only skipped")
	s.guards.Accept = r.hashes(drift.GuardSource)
	s.run().expect("accepted", "ConfigMap c: extra/git prune pruned")
	s.guards.Accept = nil
	s.run().silent("nothing is left to do")
}

// TestRewrittenHistory: a commit that does not descend from the last applied one prunes
// nothing, also when it is run again, and descends again once a person has accepted.
func TestRewrittenHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.commit(map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b"), "c.yaml": configMap("c")})
	s.commit(map[string]string{"d.yaml": configMap("d")})
	s.converge()
	if _, err := s.repo.Write(gitserver.Change{Message: "rewritten", From: first, Branch: gitserver.MainBranch,
		Files: map[string]string{"shop/a.yaml": gitserver.Deleted}}); err != nil {
		t.Fatal(err)
	}
	r := s.run()
	for range 2 {
		r.expect("history was rewritten", "ConfigMap a: extra/git alert-only skipped", "ConfigMap d: extra/git alert-only skipped")
		if got := r.of("ConfigMap a").Reason; !strings.Contains(got, "history was rewritten") {
			t.Errorf("the reason: %q", got)
		}
		r = s.run()
	}
	s.guards.Accept = r.hashes(drift.GuardSource)
	s.run().expect("accepted", "ConfigMap a: extra/git prune pruned", "ConfigMap d: extra/git prune pruned")
	s.guards.Accept = nil
	s.commit(map[string]string{"b.yaml": deleted})
	s.run().expect("and from there on as ever", "ConfigMap b: extra/git prune pruned")
}

// TestOrphanCommits: each takes little, and together they would take everything; none of
// them descends from what was applied.
func TestOrphanCommits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := strings.Fields("a b c d e f")
	tree := func(left []string) map[string]string {
		files := map[string]string{}
		for _, name := range left {
			files["shop/"+name+".yaml"] = strings.ReplaceAll(configMap(name), "$NS", s.ns)
		}
		return files
	}
	files := map[string]string{}
	for _, name := range names {
		files[name+".yaml"] = configMap(name)
	}
	s.commit(files)
	s.converge()
	for left := len(names) - 1; left >= 3; left-- {
		if _, err := s.repo.Write(gitserver.Change{Message: "orphan", Branch: gitserver.MainBranch, Orphan: true, Files: tree(names[:left])}); err != nil {
			t.Fatal(err)
		}
		if r := s.run(); r.code != reconcile.ExitDrift || r.Report.Apps[0].Counts.Pruned > 0 {
			t.Errorf("%d left: exit code %d\n%s", left, r.code, r.details())
		}
	}
	for _, name := range names {
		s.live("v1 ConfigMap " + name)
	}
}

// TestRewrittenHistoryIsRemembered: what left Git in a rewritten history waits for a
// person, also where it could not be read in that very run; what leaves later does not.
func TestRewrittenHistoryIsRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.commit(map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b"), "svc.yaml": existing("v1", "Service", "svc", service)})
	s.commit(map[string]string{"c.yaml": configMap("c")})
	s.converge()
	if _, err := s.repo.Write(gitserver.Change{Message: "rewritten", From: first, Branch: gitserver.MainBranch,
		Files: map[string]string{"shop/svc.yaml": gitserver.Deleted}}); err != nil {
		t.Fatal(err)
	}
	s.wire = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/services") {
				return answer(r, http.StatusForbidden, "Forbidden", "not now"), nil
			}
			return next.RoundTrip(r)
		})
	}
	if got := s.run().of("Service svc"); got.Drift != "unknown" {
		t.Fatalf("the Service is %s", got.Drift)
	}
	s.wire = nil
	s.commit(map[string]string{"b.yaml": deleted})
	r := s.run()
	r.expect("the run after that, and what leaves Git now", "ConfigMap b: extra/git prune pruned",
		"ConfigMap c: extra/git alert-only skipped", "Service svc: extra/git alert-only skipped")
	if got := r.of("Service svc").Reason; !strings.Contains(got, "history was rewritten") {
		t.Errorf("the reason: %q", got)
	}
	s.guards.Accept = r.hashes(drift.GuardSource)
	s.run().expect("accepted", "ConfigMap c: extra/git prune pruned", "Service svc: extra/git prune pruned")
}
