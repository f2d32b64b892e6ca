package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/reconcile"
)

// TestUnavailableAPI: an aggregated API with nobody behind it, as installing a
// metrics stack makes for a while, makes only its own kinds unknown.
func TestUnavailableAPI(t *testing.T) {
	t.Parallel()
	s := newSiteOn(t, testenv.Own(t, testenv.Options{})) // discovery fails for everybody
	s.app("metrics")
	s.budget = 0
	s.commit(map[string]string{
		"metrics/api.yaml": `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.nowhere.example.com}
spec:
  group: nowhere.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 15
  insecureSkipTLSVerify: false
  caBundle: ` + caBundle + `
  service: {name: nobody, namespace: $NS}
`,
		"a.yaml":         configMap("a"),
		"gone.yaml":      configMap("gone"),
		"metrics/m.yaml": configMap("m"),
	})
	if r := s.run(); r.code != reconcile.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.details())
	}
	s.cluster.Eventually(t, "the API is known to be down", func(ctx context.Context) error {
		served, err := s.admin.Capabilities(ctx)
		if err == nil && served.Degraded["nowhere.example.com/v1"] == "" {
			err = errors.New("not degraded")
		}
		return err
	})
	s.run().silent("with the API down, and nothing wanted of it")

	s.merge("kubectl-edit", "v1 ConfigMap a", "{data: {a: c}}")
	s.commit(map[string]string{
		"gone.yaml":          deleted,
		"metrics/thing.yaml": "{apiVersion: nowhere.example.com/v1, kind: Thing, metadata: {name: t, namespace: $NS}}",
		"metrics/m.yaml":     existing("v1", "ConfigMap", "m", "data: {a: new}"),
	})
	r := s.run()
	if got := r.of("ConfigMap a"); got.Outcome != "applied" {
		t.Errorf("the edit: %s %s", got.Outcome, got.Error)
	}
	if got := r.of("ConfigMap gone"); got.Outcome != "pruned" {
		t.Errorf("the prune of an app that wants nothing of the API: %s %s", got.Outcome, got.Reason)
	}
	if got := r.of("ConfigMap m"); got.Outcome != "applied" {
		t.Errorf("an object beside the unknown one: %s %s", got.Outcome, got.Error)
	}
	if got := r.of("Thing t"); got.Drift != "unknown" || got.Action != "alert-only" || !strings.Contains(got.Error, "nowhere.example.com/v1") {
		t.Errorf("the object of the API: %s %s: %s", got.Drift, got.Action, got.Error)
	}
	if r.code != reconcile.ExitPartial {
		t.Errorf("exit code %d", r.code)
	}
}
