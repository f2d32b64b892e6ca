package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

func update(object drift.Object, live map[string]any) drift.ApplyRequest {
	return drift.ApplyRequest{Object: object, UID: uidOf(live), ResourceVersion: versionOf(live)}
}

func TestApplyReturnsWhatIsStored(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	object := e.member(client, "shop", configMap("a"))
	stored, err := client.Apply(e.ctx, drift.ApplyRequest{Object: object})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.live(object), stored); diff != "" {
		t.Error("(-live +returned):\n" + diff)
	}
	if !ownedByUs(stored) {
		t.Errorf("managedFields: %v", list(stored, "metadata", "managedFields"))
	}
	if text(object.Manifest, "metadata", "resourceVersion") != "" {
		t.Error("the manifest was changed in place")
	}
	again, err := client.Apply(e.ctx, update(object, stored))
	if err != nil || versionOf(again) != versionOf(stored) {
		t.Errorf("a second apply of the same changes nothing: %v, %s then %s", err, versionOf(stored), versionOf(again))
	}
}

// A write that fails because another app creates the namespace later says how apps are put
// in order.
func TestApplyIntoMissingNamespace(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	object := e.member(client, "shop", configMap("a"))
	object.ID.Namespace += "-nobody"
	object.Manifest["metadata"].(map[string]any)["namespace"] = object.ID.Namespace
	_, err := client.Apply(e.ctx, drift.ApplyRequest{Object: object})
	var found *drift.Problem
	if !errors.As(err, &found) || !strings.Contains(found.Hint, "dependsOn") || !strings.Contains(found.Hint, object.ID.Namespace) {
		t.Errorf("%v: %+v", err, found)
	}
}

func TestApplyConflicts(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	for i, c := range []struct {
		why    string
		change func(object drift.Object, judged map[string]any) drift.ApplyRequest
	}{
		{"somebody edited it", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.patch(object.ID, "v1", "kubectl-edit", "{data: {c: d}}")
			return update(object, judged)
		}},
		{"somebody deleted it", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.remove(object.ID, "v1")
			return update(object, judged)
		}},
		{"somebody replaced it", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.remove(object.ID, "v1")
			e.create(configMap(object.ID.Name))
			return update(object, judged)
		}},
		{"another object of the same name, with its own version", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.remove(object.ID, "v1")
			r := update(object, e.create(configMap(object.ID.Name)))
			r.UID = uidOf(judged)
			return r
		}},
		{"it appeared before the create", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			return drift.ApplyRequest{Object: object}
		}},
		{"it was edited before fields were taken over", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.patch(object.ID, "v1", "kubectl-edit", "{data: {c: d}}")
			r := update(object, judged)
			r.ManagedFields = list(judged, "metadata", "managedFields")
			return r
		}},
		{"it was edited before it was replaced", func(object drift.Object, judged map[string]any) drift.ApplyRequest {
			e.patch(object.ID, "v1", "kubectl-edit", "{data: {c: d}}")
			r := update(object, judged)
			r.Replace = true
			return r
		}},
	} {
		object := e.member(client, "shop", configMap(fmt.Sprintf("a%d", i)))
		judged := e.apply(client, object)
		r := c.change(object, judged)
		before := client.Get(e.ctx, drift.App{}, object.ID, "v1")
		_, err := client.Apply(e.ctx, r)
		if !errors.Is(err, drift.ErrConflict) {
			t.Errorf("%s: %v", c.why, err)
		}
		if after := client.Get(e.ctx, drift.App{}, object.ID, "v1"); after.State != before.State || versionOf(after.Live) != versionOf(before.Live) {
			t.Errorf("%s: something was written", c.why)
		}
	}
}

func TestHalfJudgedUpdateIsRefused(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	object := e.object(configMap("a"))
	live := e.apply(client, object)
	for _, r := range []drift.ApplyRequest{
		{Object: object, UID: uidOf(live)},
		{Object: object, ResourceVersion: versionOf(live)},
		{Object: object, Replace: true},
	} {
		if _, err := client.Apply(e.ctx, r); err == nil {
			t.Errorf("%+v was applied", r)
		}
	}
	if err := client.Delete(e.ctx, drift.DeleteRequest{ID: object.ID, Version: "v1", UID: uidOf(live)}); err == nil {
		t.Error("deleted without a resourceVersion")
	}
	if versionOf(e.live(object)) != versionOf(live) {
		t.Error("something was written")
	}
}

// takeOver moves what other managers own below a path into our Apply entry, as
// package drift does from fieldsets; here the sets are small and written out.
func takeOver(live map[string]any, fields map[string]any, drop ...string) []any {
	var entries []any
	for _, item := range list(live, "metadata", "managedFields") {
		entry := deepCopy(item).(map[string]any)
		switch {
		case text(entry, "manager") == drift.FieldManager:
			entry["fieldsV1"] = merged(branch(entry, "fieldsV1"), fields)
		case has(drop, text(entry, "manager")):
			continue
		}
		entries = append(entries, entry)
	}
	return entries
}

func merged(a, b map[string]any) map[string]any {
	out := deepCopy(a).(map[string]any)
	for key, value := range b {
		if inner, ok := out[key].(map[string]any); ok {
			out[key] = merged(inner, value.(map[string]any))
		} else {
			out[key] = value
		}
	}
	return out
}

func has(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// Server-side apply alone keeps what others added and cannot renumber a keyed
// list element; with the fields moved into our entry first, one apply does both.
func TestTakingOverFieldsRemovesThem(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})

	service := e.member(client, "shop", serviceManifest)
	e.apply(client, service)
	live := e.patch(service.ID, "v1", "kubectl-edit", "{metadata: {labels: {by: hand}}, spec: {ports: [{name: http, port: 8888, targetPort: 8080, protocol: TCP}]}}")
	if o := e.look(client, service); !errors.Is(o.Err, drift.ErrInvalid) {
		t.Fatalf("the plain dry-run is refused: %v", o.Err)
	}
	r := update(service, live)
	r.ManagedFields = takeOver(live, tree(t, `
f:metadata: {f:labels: {"f:by": {}}}
f:spec: {f:ports: {'k:{"port":8888,"protocol":"TCP"}': {".": {}, f:name: {}, f:port: {}, f:protocol: {}, f:targetPort: {}}}}`), "kubectl-edit")
	stored, err := client.Apply(e.ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if ports := list(stored, "spec", "ports"); len(ports) != 1 || at(ports[0].(map[string]any), "port") != int64(80) {
		t.Errorf("ports %v", ports)
	}
	if label := at(stored, "metadata", "labels", "by"); label != nil {
		t.Errorf("the label is still there: %v", label)
	}

	deployment := e.member(client, "shop", webManifest)
	e.apply(client, deployment)
	e.patch(deployment.ID, "v1", "kubectl-edit-strategic", `{spec: {template: {spec: {containers: [{name: app, env: [{name: DEBUG, value: "1"}]}]}}}}`)
	for { // the Deployment's controllers write too
		live = e.live(deployment)
		r = update(deployment, live)
		r.ManagedFields = takeOver(live, tree(t, `
f:spec: {f:template: {f:spec: {f:containers: {'k:{"name":"app"}': {f:env: {'k:{"name":"DEBUG"}': {".": {}, f:name: {}, f:value: {}}}}}}}}`), "kubectl-edit-strategic")
		if stored, err = client.Apply(e.ctx, r); !errors.Is(err, drift.ErrConflict) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	containers := list(stored, "spec", "template", "spec", "containers")
	if env := list(containers[0].(map[string]any), "env"); len(env) != 1 || text(env[0].(map[string]any), "name") != "MODE" {
		t.Errorf("env %v", env)
	}
}

// Adoption hands a client-side deployer's entry to us and drops last-applied in
// the same patch.
func TestAdoptionRemovesWhatGitDoesNotHave(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	e.create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}, data: {a: old, leftover: x}}`)
	object := e.member(client, "shop", configMap("a"))
	live := e.live(object)
	r := update(object, live)
	entry := deepCopy(list(live, "metadata", "managedFields")[0]).(map[string]any)
	entry["manager"], entry["operation"] = drift.FieldManager, "Apply"
	r.ManagedFields = []any{entry}
	r.Patch = []nested.PatchOp{{Op: "remove", Path: "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"}}
	stored, err := client.Apply(e.ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"a": "b"}, stored["data"]); diff != "" {
		t.Error("data (-want +got):\n" + diff)
	}
	if annotations := at(stored, "metadata", "annotations"); annotations != nil {
		t.Errorf("annotations %v", annotations)
	}
	if o := e.look(client, object); o.Err != nil || !diff.SameButStatus(o.Live, o.Predicted) {
		t.Errorf("it is ours and in sync now: %v", o.Err)
	}
}

// Stripped managedFields have no member to replace.
func TestTakingOverWhereManagedFieldsWereStripped(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	object := e.object(configMap("a"))
	e.apply(client, object)
	live := e.patch(object.ID, "v1", "velero", "{metadata: {managedFields: [{}]}}")
	if fields := at(live, "metadata", "managedFields"); fields != nil {
		t.Fatalf("fixture: %v", fields)
	}
	r := update(object, live)
	r.ManagedFields = []any{map[string]any{"manager": drift.FieldManager, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
		"time": "2026-01-01T00:00:00Z", "fieldsV1": map[string]any{"f:data": map[string]any{"f:a": map[string]any{}}}}}
	stored, err := client.Apply(e.ctx, r)
	if err != nil || !ownedByUs(stored) {
		t.Errorf("%v, %v", err, at(stored, "metadata", "managedFields"))
	}
}

func TestReplace(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	object := e.member(client, "shop", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS}, immutable: true, data: {a: b}}")
	live := e.apply(client, object)
	object.Manifest = deepCopy(object.Manifest).(map[string]any)
	object.Manifest["data"] = map[string]any{"a": "c"}
	if o := e.look(client, object); !errors.Is(o.Err, drift.ErrImmutable) {
		t.Fatalf("fixture: %v", o.Err)
	}
	r := update(object, live)
	r.Replace = true
	stored, err := client.Apply(e.ctx, r)
	if err != nil || text(stored, "data", "a") != "c" || uidOf(stored) == uidOf(live) {
		t.Errorf("%v: %v", err, stored)
	}

	// An object that could not come back is not deleted.
	object.Manifest = deepCopy(object.Manifest).(map[string]any)
	object.Manifest["data"] = map[string]any{"bad key!": "c"}
	r = update(object, stored)
	r.Replace = true
	if _, err := client.Apply(e.ctx, r); !errors.Is(err, drift.ErrInvalid) {
		t.Errorf("a replacement that would be refused: %v", err)
	}
	if uidOf(e.live(object)) != uidOf(stored) {
		t.Error("the object was deleted although it could not be created again")
	}
}

func TestReplaceWaitsForFinalizers(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	object := e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, finalizers: [example.com/wait]}, data: {a: b}}")
	live := e.apply(client, object)
	released := false
	lines.before = func(r *http.Request) (*http.Response, error) {
		// The third look finds the finalizer's controller done.
		if r.Method == http.MethodGet && !released && strings.Count(strings.Join(lines.sent, "\n"), "GET ") > 3 {
			released = true
			e.patch(object.ID, "v1", "controller", "{metadata: {finalizers: null}}")
		}
		return nil, nil
	}
	r := update(object, live)
	r.Replace = true
	stored, err := client.Apply(e.ctx, r)
	if err != nil || !released || uidOf(stored) == uidOf(live) {
		t.Errorf("released %v, %v", released, err)
	}
	lines.before = nil
	e.patch(object.ID, "v1", "controller", "{metadata: {finalizers: null}}")
}

func TestDelete(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	user := "reader-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [configmaps, namespaces], verbs: [get, list]}]`)
	reader := e.connectAs(user, Options{})
	object := e.object(configMap("a"))
	judged := e.apply(client, object)
	request := func(live map[string]any) drift.DeleteRequest {
		return drift.DeleteRequest{ID: object.ID, Version: "v1", UID: uidOf(live), ResourceVersion: versionOf(live)}
	}
	if err := reader.Delete(e.ctx, request(judged)); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("may not delete: %v", err)
	}
	moved := e.patch(object.ID, "v1", "kubectl-edit", "{data: {c: d}}")
	if err := client.Delete(e.ctx, request(judged)); !errors.Is(err, drift.ErrConflict) {
		t.Errorf("edited since: %v", err)
	}
	wrong := request(moved)
	wrong.UID = "00000000-0000-0000-0000-000000000000"
	if err := client.Delete(e.ctx, wrong); !errors.Is(err, drift.ErrConflict) {
		t.Errorf("another object: %v", err)
	}
	e.live(object)
	if err := client.Delete(e.ctx, request(moved)); err != nil {
		t.Errorf("still the judged one: %v", err)
	}
	if o := client.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Absent {
		t.Errorf("state %v", o.State)
	}
	if err := client.Delete(e.ctx, request(moved)); err != nil {
		t.Errorf("gone already: %v", err)
	}
	unserved := drift.DeleteRequest{ID: drift.ID{Group: "nobody.example.com", Kind: "Thing", Namespace: e.ns, Name: "a"}, Version: "v1", UID: "u", ResourceVersion: "1"}
	if err := client.Delete(e.ctx, unserved); !errors.Is(err, drift.ErrNotServed) {
		t.Errorf("a kind that nobody serves is not gone: %v", err)
	}
}
