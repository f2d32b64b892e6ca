package cluster

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

func TestDryPatch(t *testing.T) {
	e := newEnv(t)
	sent := &wire{}
	client := e.connect(Options{Transport: sent.wrap})
	service := e.object(serviceManifest)
	e.apply(client, service)
	live := e.patch(service.ID, "v1", "kubectl-edit", "{spec: {sessionAffinity: ClientIP}}")
	affinity := nested.Path{"spec", "sessionAffinity"}
	ports := list(live, "spec", "ports")
	protocol := nested.Path{"spec", "ports"}.Key(map[string]any{"port": ports[0].(map[string]any)["port"], "protocol": "TCP"}).Field("protocol")

	// The answer tells which values come back by themselves.
	without, err := client.DryPatch(e.ctx, drift.App{}, service.ID, "v1", live,
		nested.RemovalPatch(live, []nested.Path{affinity, {"spec", "sessionAffinityConfig"}, protocol}))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(without, "spec", "sessionAffinity"); got != "None" {
		t.Errorf("without it, sessionAffinity would be %q", got)
	}
	if got := list(without, "spec", "ports")[0].(map[string]any)["protocol"]; got != "TCP" {
		t.Errorf("without it, protocol would be %v", got)
	}
	if diff := cmp.Diff(live, e.live(service)); diff != "" {
		t.Error("something was written:\n" + diff)
	}
	if n := sent.count(http.MethodPatch, "dryRun=All"); n != 1 {
		t.Errorf("%d dry-runs were sent, want 1", n)
	}

	for _, c := range []struct {
		why   string
		id    drift.ID
		paths []nested.Path
		want  error
	}{
		{"a result that the server refuses", service.ID, []nested.Path{{"spec", "ports"}}, drift.ErrInvalid},
		{"an object that is not there", drift.ID{Kind: "Service", Namespace: e.ns, Name: "none"}, []nested.Path{affinity}, errNotFound},
		{"a kind that is not there", drift.ID{Group: "nowhere.example.com", Kind: "Thing", Namespace: e.ns, Name: "t"}, []nested.Path{affinity}, drift.ErrNotServed},
	} {
		if _, err := client.DryPatch(e.ctx, drift.App{}, c.id, "v1", live, nested.RemovalPatch(live, c.paths)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.why, err, c.want)
		}
	}

	// It is asked as the app's identity, which may not.
	app := drift.App{Name: "shop", ServiceAccount: e.ns + "/nobody"}
	if _, err := client.DryPatch(e.ctx, app, service.ID, "v1", live, nested.RemovalPatch(live, []nested.Path{affinity})); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("as an account without rights: %v", err)
	}
}

// An object that a controller reports on while it is looked at is still the one
// that was observed; one that somebody edits is not.
func TestDryPatchMeanwhile(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	service := e.object(serviceManifest)
	e.apply(client, service)
	live := e.patch(service.ID, "v1", "kubectl-edit", "{spec: {sessionAffinity: ClientIP}}")
	paths := []nested.Path{{"spec", "sessionAffinity"}, {"spec", "sessionAffinityConfig"}}
	e.send(http.MethodPatch, "/api/v1/namespaces/"+e.ns+"/services/"+service.ID.Name+"/status", "controller",
		"application/merge-patch+json", map[string]any{"status": map[string]any{"loadBalancer": map[string]any{}, "conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}}}})
	if versionOf(e.live(service)) == versionOf(live) {
		t.Fatal("the status was not written")
	}
	without, err := client.DryPatch(e.ctx, drift.App{}, service.ID, "v1", live, nested.RemovalPatch(live, paths))
	if err != nil || text(without, "spec", "sessionAffinity") != "None" {
		t.Errorf("after a change of status: %v", err)
	}
	e.patch(service.ID, "v1", "kubectl-edit", "{metadata: {labels: {team: other}}}")
	if _, err := client.DryPatch(e.ctx, drift.App{}, service.ID, "v1", live, nested.RemovalPatch(live, paths)); !errors.Is(err, drift.ErrConflict) {
		t.Errorf("after an edit: %v", err)
	}
}

// TestDryCreate: the answer is what a new object would be, whatever stands there.
func TestDryCreate(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	service := e.object(serviceManifest)
	e.apply(client, service)
	live := e.patch(service.ID, "v1", "kubectl-edit", "{spec: {sessionAffinity: ClientIP}}")
	fresh, err := client.DryCreate(e.ctx, drift.App{}, service)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(fresh, "spec", "sessionAffinity"); got != "None" {
		t.Errorf("created afresh, sessionAffinity would be %q", got)
	}
	if diff := cmp.Diff(live, e.live(service)); diff != "" {
		t.Error("something was written:\n" + diff)
	}
	crd := drift.Object{ID: drift.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "things.example.com"}, Version: "v1"}
	if _, err := client.DryCreate(e.ctx, drift.App{}, crd); !errors.Is(err, drift.ErrFixedName) {
		t.Errorf("a name that follows from the content: %v", err)
	}
	if _, err := client.DryCreate(e.ctx, drift.App{Name: "shop", ServiceAccount: e.ns + "/nobody"}, service); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("as an account without rights: %v", err)
	}
}
