package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// An object that moves from one app to another is one line, in plan and in run: of the app
// that takes it, with the names of both.
func TestHandOverIsOneLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		left map[string]string // what stays in the app that gives it away
	}{
		{"one of two", map[string]string{"keep.yaml": configMap("keep")}},
		{"all that the app had", map[string]string{"notes.txt": "nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("other")
			files := map[string]string{"a.yaml": configMap("a"), "other/b.yaml": configMap("b")}
			for name, content := range c.left {
				files[name] = content
			}
			s.commit(files)
			s.converge()
			s.commit(map[string]string{"a.yaml": deleted, "other/a.yaml": configMap("a")})
			for _, r := range []result{s.plan(), s.run()} {
				outcome := map[string]string{"plan": "planned", "run": "applied"}[r.Report.Run.Mode]
				r.expect(r.Report.Run.Mode, "other: ConfigMap a: modified/git sync "+outcome)
				moved := r.of("ConfigMap a")
				if diff := cmp.Diff([]string{"handed over from shop to other"}, moved.Findings); diff != "" {
					t.Errorf("%s: findings (-want +got):\n%s", r.Report.Run.Mode, diff)
				}
				if len(moved.Fields) != 1 || moved.Fields[0].Live != "shop" || moved.Fields[0].Desired != "other" {
					t.Errorf("%s: fields %+v", r.Report.Run.Mode, moved.Fields)
				}
			}
			s.run().silent("it has moved")
			if slices.Contains(s.inventoried("shop"), "ConfigMap a") || !slices.Contains(s.inventoried("other"), "ConfigMap a") {
				t.Errorf("inventories %q and %q", s.inventoried("shop"), s.inventoried("other"))
			}
		})
	}
}

// The app that gives an object away says so itself where the other one is not looked at.
func TestHandOverToAnAppThatIsNotLookedAt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "keep.yaml": configMap("keep"), "other/b.yaml": configMap("b")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "other/a.yaml": configMap("a")})
	r := s.run("shop")
	r.expect("without the other app", "ConfigMap a: extra/git alert-only skipped")
	if got, want := r.of("ConfigMap a").Reason, `not pruned: P7: app "other" wants it`; got != want {
		t.Errorf("the reason is %q, not %q", got, want)
	}
}

// Both of two apps that want one object say so, also the one at which it is in sync, and
// neither writes it.
func TestTwoAppsWantOneObject(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "other/b.yaml": configMap("b")})
	s.converge()
	s.commit(map[string]string{"other/a.yaml": configMap("a")})
	for _, r := range []result{s.plan(), s.run(), s.run()} {
		r.expect(r.Report.Run.Mode, "shop: ConfigMap a: in-sync/none alert-only skipped", "other: ConfigMap a: modified/git alert-only skipped")
		for i, other := range []string{"other", "shop"} {
			if got, want := r.Report.Apps[i].Resources[0].Reason, "more than one app wants this object: "+other; got != want {
				t.Errorf("%s: %s says %q, not %q", r.Report.Run.Mode, r.Report.Apps[i].Name, got, want)
			}
		}
		if findings := r.Report.Apps[1].Resources[0].Findings; len(findings) > 0 {
			t.Errorf("%s: it goes nowhere, and the findings are %q", r.Report.Run.Mode, findings)
		}
		if r.code != reconcile.ExitDrift {
			t.Errorf("exit code %d", r.code)
		}
	}
}

// A part-of label that somebody changed is the cluster's doing, with a record of the object
// and without, whatever it names now.
func TestPartOfLabelChangedByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, manager string
		to            func(*site) string
		want          string
		says          string
		live          string
	}{
		{"another tool's", "kubectl-label", func(*site) string { return "applyset-other-v1" }, "modified/live alert-only skipped",
			"the part-of label was changed in the cluster: it names applyset-other-v1", "applyset-other-v1"},
		{"another tool's, by a pipeline", "Terraform", func(*site) string { return "applyset-other-v1" }, "modified/live alert-only skipped",
			"the part-of label was changed in the cluster: it names applyset-other-v1", "applyset-other-v1"},
		{"another app's", "kubectl-label", func(s *site) string { return drift.ApplySetID("other", s.state) }, "modified/live heal applied",
			"the part-of label was changed in the cluster: it names other", "other"},
	} {
		for _, cache := range []string{"kept", "lost"} {
			t.Run(c.name+", the cache is "+cache, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.app("other")
				s.commit(map[string]string{"a.yaml": configMap("a"), "other/b.yaml": configMap("b")})
				s.converge()
				s.merge(c.manager, "v1 ConfigMap a", `{metadata: {labels: {applyset.kubernetes.io/part-of: `+c.to(s)+`}}}`)
				if cache == "lost" {
					s.forget(drift.StateName("shop"))
				}
				r := s.run()
				r.expect("the label", "shop: ConfigMap a: "+c.want)
				stolen := r.of("ConfigMap a")
				if !slices.Contains(stolen.Findings, c.says) {
					t.Errorf("findings %q", stolen.Findings)
				}
				if len(stolen.Fields) != 1 || stolen.Fields[0].Live != c.live || stolen.Fields[0].Desired != "shop" {
					t.Errorf("fields %+v", stolen.Fields)
				}
				if strings.Contains(c.want, "skipped") && !slices.Contains(s.inventoried("shop"), "ConfigMap a") {
					t.Error("it left the inventory")
				}
			})
		}
	}
}

// A renamed app hands all its objects over, and is forgotten then; one with an object left
// is told in every run, and one that cannot be read stays.
func TestAppThatLeftTheConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b"), "other/c.yaml": configMap("c")})
	s.converge()
	left := `error: shop config: app "shop" left the config; its objects stay`

	s.apps = slices.DeleteFunc(s.apps, func(a drift.App) bool { return a.Name == "shop" })
	s.commit(map[string]string{"other/a.yaml": configMap("a")})
	s.plan().expect("a is handed over, b stays", "ConfigMap a: modified/git sync planned", left)
	r := s.run()
	r.expect("a is handed over, b stays", "ConfigMap a: modified/git sync applied", left)
	if hint := r.Report.Errors[0].Hint; !strings.Contains(hint, "killick-app-shop and killick-state-shop") {
		t.Errorf("hint %q", hint)
	}
	s.run("other").expect("a run over some apps cannot tell", left)

	s.commit(map[string]string{"other/b.yaml": configMap("b")})
	s.plan().expect("both are handed over", "ConfigMap b: modified/git sync planned")
	last := s.run()
	last.expect("both are handed over", "ConfigMap b: modified/git sync applied")
	if want := []string{`app "shop" left the config and has no objects any more: its inventory and state were deleted`}; !slices.Equal(last.Report.Warnings, want) {
		t.Errorf("warnings %q", last.Report.Warnings)
	}
	s.absent("v1 ConfigMap " + s.state + "/" + drift.ParentName("shop"))
	s.absent("v1 ConfigMap " + s.state + "/" + drift.StateName("shop"))
	s.run().silent("nothing is left to say")
	if diff := cmp.Diff([]string{"ConfigMap a", "ConfigMap b", "ConfigMap c"}, s.inventoried("other")); diff != "" {
		t.Errorf("the inventory (-want +got):\n%s", diff)
	}
}

// An object whose kind was taken out of the cluster is gone, also where nobody asks for it
// any more: an app that left the config is forgotten then.
func TestAppThatLeftTheConfigAndItsKind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.create("kubectl-create", widgets)
	s.installed(true)
	s.commit(map[string]string{"a.yaml": `{apiVersion: $NS.example.com/v1, kind: Widget, metadata: {name: w}}`, "other/c.yaml": configMap("c")})
	s.converge()
	s.apps = slices.DeleteFunc(s.apps, func(a drift.App) bool { return a.Name == "shop" })
	s.run().expect("the object is there", `error: shop config: app "shop" left the config; its objects stay`)
	s.remove(widgetCRD)
	s.installed(false)
	s.run().silent("it went with its kind")
	s.absent("v1 ConfigMap " + s.state + "/" + drift.ParentName("shop"))
}

// An app that left the config is not forgotten while one of its objects is there, whatever
// somebody has made of the part-of label.
func TestAppThatLeftTheConfigAndItsLabels(t *testing.T) {
	t.Parallel()
	left := `error: shop config: app "shop" left the config; its objects stay`
	for name, label := range map[string]func(*site) string{
		"taken off":             func(*site) string { return "null" },
		"another tool's":        func(*site) string { return "applyset-other-v1" },
		"another app's by hand": func(s *site) string { return drift.ApplySetID("other", s.state) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("other")
			s.commit(map[string]string{"a.yaml": configMap("a"), "other/c.yaml": configMap("c")})
			s.converge()
			s.merge("kubectl-label", "v1 ConfigMap a", `{metadata: {labels: {applyset.kubernetes.io/part-of: `+label(s)+`}}}`)
			s.apps = slices.DeleteFunc(s.apps, func(a drift.App) bool { return a.Name == "shop" })
			for range 2 {
				s.run().expect("the object is there", left)
			}
			s.remove("v1 ConfigMap a")
			s.run().silent("it is gone")
			s.absent("v1 ConfigMap " + s.state + "/" + drift.ParentName("shop"))
		})
	}
}
