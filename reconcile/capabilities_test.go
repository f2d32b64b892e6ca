package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// chart is a Helm chart in the app's folder whose templates are the files.
func chart(files map[string]string) map[string]string {
	tree := map[string]string{"shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"}
	for name, content := range files {
		tree["shop/templates/"+name] = content
	}
	return tree
}

// asking is a template's ConfigMap that is rendered only under a condition.
func asking(name, condition string) string {
	return "{{- if " + condition + " }}\n" + configMap(name) + "\n{{- end }}\n"
}

// installed waits until the cluster serves the site's widgets, or serves them no more.
func (s *site) installed(want bool) {
	s.Helper()
	s.cluster.Eventually(s.T, "discovery has heard", func(ctx context.Context) error {
		served, err := s.admin.Capabilities(ctx)
		s.admin.Forget()
		if err == nil && slices.Contains(served.APIVersions, s.ns+".example.com/v1") != want {
			err = errors.New("not yet")
		}
		return err
	})
}

const widgetCRD = "apiextensions.k8s.io/v1 CustomResourceDefinition widgets.$NS.example.com"

// TestChartThatAsksForAnAPI: what left a render because an API went away is not what Git
// dropped. It stays until the API is back, Git drops it, or a person accepts; what Git did
// drop goes meanwhile.
func TestChartThatAsksForAnAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("kubectl-create", widgets)
	s.installed(true)
	has := `(.Capabilities.APIVersions.Has "$NS.example.com/v1")`
	s.commit(chart(map[string]string{"asks.yaml": asking("asks", has), "asks2.yaml": asking("asks2", has),
		"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")}))
	s.converge()

	s.remove(widgetCRD)
	s.installed(false)
	stays := func(why string, also ...string) result {
		t.Helper()
		r := s.run()
		r.expect(why, append([]string{"ConfigMap asks: extra/git alert-only skipped", "ConfigMap asks2: extra/git alert-only skipped"}, also...)...)
		if got := r.of("ConfigMap asks").Reason; !strings.Contains(got, "left because of the cluster") || !strings.Contains(got, s.ns+".example.com/v1") {
			t.Errorf("%s: the reason is %q", why, got)
		}
		return r
	}
	stays("the CRD is gone")
	stays("waiting does not help")
	s.commit(chart(map[string]string{"gone.yaml": deleted}))
	stays("what Git drops goes", "ConfigMap gone: extra/git prune pruned")

	s.create("kubectl-create", widgets)
	s.installed(true)
	s.run().silent("the API is back")
	s.remove(widgetCRD)
	s.installed(false)
	stays("and gone again")

	s.commit(chart(map[string]string{"asks2.yaml": deleted}))
	r := s.run()
	r.expect("one of them is dropped by Git now", "ConfigMap asks: extra/git alert-only skipped", "ConfigMap asks2: extra/git prune pruned")
	s.guards.Accept = r.hashes(drift.GuardCluster)
	s.run().expect("accepted", "ConfigMap asks: extra/git prune pruned")
	s.guards.Accept = nil
	s.run().silent("nothing is left to do")
}

// TestChartThatAsksForAVersion: the same when Kubernetes itself is another one; an
// upgrade must not stop pruning for ever.
func TestChartThatAsksForAVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(chart(map[string]string{"old.yaml": asking("old", `semverCompare "<1.90.0-0" .Capabilities.KubeVersion.Version`),
		"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")}))
	s.converge()
	s.served = func(served drift.Capabilities) drift.Capabilities {
		served.KubeVersion = "v1.99.0"
		return served
	}
	r := s.run()
	r.expect("after the upgrade", "ConfigMap old: extra/git alert-only skipped")
	if got := r.of("ConfigMap old").Reason; !strings.Contains(got, "is v1.99.0") {
		t.Errorf("the reason: %q", got)
	}
	s.commit(chart(map[string]string{"gone.yaml": deleted, "old.yaml": deleted}))
	s.run().expect("Git drops both", "ConfigMap gone: extra/git prune pruned", "ConfigMap old: extra/git prune pruned")
	s.run().silent("nothing is left to do")
}

// TestAPIsThatComeAndGo: what a second API brought is protected too while objects of a
// first one that went are waiting for a person.
func TestAPIsThatComeAndGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	serving := func(versions ...string) func(drift.Capabilities) drift.Capabilities {
		return func(served drift.Capabilities) drift.Capabilities {
			served.APIVersions = append(slices.Clone(served.APIVersions), versions...)
			slices.Sort(served.APIVersions)
			return served
		}
	}
	s.served = serving("first.example.com/v1")
	s.commit(chart(map[string]string{"keep.yaml": configMap("keep"), "a.yaml": asking("a", `(.Capabilities.APIVersions.Has "first.example.com/v1")`),
		"b.yaml": asking("b", `(.Capabilities.APIVersions.Has "second.example.com/v1")`)}))
	s.converge()
	s.served = serving()
	s.run().expect("the first is gone", "ConfigMap a: extra/git alert-only skipped")
	s.served = serving("second.example.com/v1")
	s.run().expect("a second one comes", "ConfigMap a: extra/git alert-only skipped", "ConfigMap b: missing/git sync applied")
	s.served = serving()
	for range 2 {
		s.run().expect("and goes", "ConfigMap a: extra/git alert-only skipped", "ConfigMap b: extra/git alert-only skipped")
	}
}
