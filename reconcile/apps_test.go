package reconcile_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// order records which object was written when.
type order struct {
	mu    sync.Mutex
	names []string
}

func (o *order) hook() *between {
	return &between{apply: func(r drift.ApplyRequest, _ int) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.names = append(o.names, r.Object.ID.Kind+" "+r.Object.ID.Name)
		return nil
	}}
}

// TestWriteOrder: what others need comes first, app by app and stage by stage.
func TestWriteOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", after("base"))
	s.app("base")
	s.commit(map[string]string{
		"base/ns.yaml":  `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-made}}`,
		"base/crd.yaml": widgets,
		"a.yaml":        `{apiVersion: $NS.example.com/v1, kind: Widget, metadata: {name: w, namespace: $NS-made}, spec: {size: 1}}`,
		"b.yaml":        `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: $NS-made}}`,
		"c.yaml":        existing("apps/v1", "Deployment", "web", deployment("", "")),
		"d.yaml":        existing("v1", "Service", "web", service),
	})
	var written order
	s.intercept(written.hook())
	r := s.run()
	if r.code != reconcile.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.details())
	}
	for i := range written.names {
		written.names[i] = s.short(written.names[i])
	}
	want := []string{"Namespace $NS-made", "CustomResourceDefinition widgets.$NS.example.com",
		"ConfigMap settings", "Service web", "Deployment web", "Widget w"}
	if diff := cmp.Diff(want, written.names); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
	s.wrap = nil
	s.run().silent("the second run")
}

// TestDependencies: an app waits for one that failed or is not healthy, and goes
// on in the run that finds it healthy.
func TestDependencies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why    string
		base   string
		reason string
		mend   string
	}{
		{why: "not healthy yet", base: neverReady, reason: `waits for app "base" to become healthy: Deployment`, mend: existing("apps/v1", "Deployment", "db", deployment("", ""))},
		{why: "refused by the API server", base: existing("v1", "Service", "db", "spec: {ports: [{port: 99999}]}"), reason: `waits for app "base", of which Service`,
			mend: existing("v1", "Service", "db", service)},
		{why: "cannot be rendered", base: "broken: [", reason: `waits for app "base", which failed`, mend: configMap("db")},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("shop", after("base"))
			s.app("last", after("shop"))
			s.app("base")
			s.app("apart")
			s.commit(map[string]string{"base/db.yaml": test.base, "a.yaml": configMap("a"), "last/z.yaml": configMap("z"), "apart/x.yaml": configMap("x")})
			s.budget = 0
			for range 2 {
				r := s.run()
				got := r.of("ConfigMap a")
				if got.Outcome != "skipped" || !strings.Contains(got.Error, test.reason) {
					t.Errorf("the dependent app: %s: %q", got.Outcome, got.Error)
				}
				if got := r.of("ConfigMap z"); got.Outcome != "skipped" || !strings.Contains(got.Error, `waits for app "shop"`) {
					t.Errorf("the app that depends on that: %s: %q", got.Outcome, got.Error)
				}
			}
			s.absent("v1 ConfigMap a")
			s.live("v1 ConfigMap x") // nobody made it wait
			s.commit(map[string]string{"base/db.yaml": test.mend})
			s.budget = longEnough
			r := s.run()
			if r.code != reconcile.ExitOK {
				t.Errorf("when it is mended: exit code %d\n%s", r.code, r.details())
			}
			s.live("v1 ConfigMap a")
			s.live("v1 ConfigMap z")
		})
	}
}

// TestContested: two apps that want one object; neither gets it, and both say so.
func TestContested(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"both.yaml": configMap("both"), "a.yaml": configMap("a"),
		"other/both.yaml": existing("v1", "ConfigMap", "both", "data: {a: c}"), "other/b.yaml": configMap("b")})
	for range 2 {
		r := s.run()
		for _, app := range r.Report.Apps {
			other := map[string]string{"shop": "other", "other": "shop"}[app.Name]
			found := false
			for _, resource := range app.Resources {
				if resource.Name == "both" {
					found = true
					if resource.Action != "alert-only" || !strings.Contains(resource.Reason, "more than one app wants this object: "+other) {
						t.Errorf("%s: %s: %s", app.Name, resource.Action, resource.Reason)
					}
				}
			}
			if !found {
				t.Errorf("%s does not report it", app.Name)
			}
		}
	}
	s.absent("v1 ConfigMap both")
	s.live("v1 ConfigMap a")
	s.live("v1 ConfigMap b")

	s.commit(map[string]string{"other/both.yaml": deleted})
	s.run().expect("one of them gives it up", "shop: ConfigMap both: missing/git sync applied")
	s.commit(map[string]string{"other/both.yaml": existing("v1", "ConfigMap", "both", "data: {a: c}")})
	for range 2 {
		s.run()
		if got := s.value("v1 ConfigMap both", "data a"); got != "b" {
			t.Errorf("a contested object was written: %v", got)
		}
	}
	if diff := cmp.Diff([]string{"ConfigMap a", "ConfigMap both"}, s.inventoried("shop")); diff != "" {
		t.Errorf("the inventory (-want +got):\n%s", diff)
	}
}

// TestOneAppsFailureIsItsOwn: an app that cannot be rendered drops out, and
// nothing of it is touched.
func TestOneAppsFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "other/b.yaml": configMap("b")})
	s.converge()
	s.commit(map[string]string{"a.yaml": existing("v1", "ConfigMap", "a", "data: {a: new}"), "other/b.yaml": "broken: [\n"})
	r := s.run()
	if r.code != reconcile.ExitPartial {
		t.Errorf("exit code %d", r.code)
	}
	if len(r.Report.Apps) != 1 || len(r.Report.Errors) != 1 || r.Report.Errors[0].App != "other" || r.Report.Errors[0].Stage != "render" {
		t.Errorf("%s", r.details())
	}
	if got := s.value("v1 ConfigMap a", "data a"); got != "new" {
		t.Errorf("the other app was not written: %v", got)
	}
	s.live("v1 ConfigMap b")
	s.commit(map[string]string{"a.yaml": "broken: [\n"})
	if r := s.run(); r.code != reconcile.ExitUsage {
		t.Errorf("every app is broken: exit code %d", r.code)
	}
}
