package cluster

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// look asks about one object.
func (e *env) look(client *Client, object drift.Object) drift.Observation {
	e.Helper()
	return e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{object}}).Objects[0]
}

func refusalOf(t *testing.T, err error) *drift.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*drift.Refusal](err)
	if !ok {
		t.Fatalf("no refusal: %v", err)
	}
	return refusal
}

// edited is the object with a merge patch applied to its manifest's spec.
func edited(object drift.Object, change func(spec map[string]any)) drift.Object {
	copied := deepCopy(object.Manifest).(map[string]any)
	change(copied["spec"].(map[string]any))
	object.Manifest = copied
	return object
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = deepCopy(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = deepCopy(value)
		}
		return out
	}
	return v
}

// A Service port renumbered by hand makes the API server answer 422, because
// server-side apply would keep both: the causes are what detection works with.
func TestRenumberedPortKeepsCauses(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	service := e.member(client, "shop", serviceManifest)
	e.apply(client, service)
	e.patch(service.ID, "v1", "kubectl-edit", "{spec: {ports: [{name: http, port: 8888, targetPort: 8080}]}}")
	o := e.look(client, service)
	refusal := refusalOf(t, o.Err)
	if o.State != drift.Present || o.Live == nil || o.Predicted != nil || o.Prediction != drift.ByComparison {
		t.Errorf("state %v, prediction %v", o.State, o.Prediction)
	}
	if !errors.Is(o.Err, drift.ErrInvalid) || errors.Is(o.Err, drift.ErrImmutable) {
		t.Errorf("kind: %v", o.Err)
	}
	if len(refusal.Causes) != 1 || refusal.Causes[0].Type != "FieldValueDuplicate" || !strings.HasPrefix(refusal.Causes[0].Field, "spec.ports[1]") {
		t.Errorf("causes %+v", refusal.Causes)
	}
}

func TestImmutableOnlyWhereTheServerSaysSo(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	deployment := e.member(client, "shop", webManifest)
	set := e.member(client, "shop", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: NS}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: b}]}}`)
	job := e.member(client, "shop", `
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: NS}
spec: {template: {metadata: {labels: {app: once}}, spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}`)
	binding := e.member(client, "shop", `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}`)
	service := e.member(client, "shop", serviceManifest)
	for _, object := range []drift.Object{deployment, set, job, binding, service} {
		e.apply(client, object)
	}
	relabel := func(app string) func(map[string]any) {
		return func(spec map[string]any) {
			spec["selector"] = map[string]any{"matchLabels": map[string]any{"app": app}}
			spec["template"].(map[string]any)["metadata"] = map[string]any{"labels": map[string]any{"app": app}}
		}
	}
	other := binding
	other.Manifest = deepCopy(binding.Manifest).(map[string]any)
	other.Manifest["roleRef"].(map[string]any)["name"] = "edit"
	for _, c := range []struct {
		why    string
		object drift.Object
		is     error
	}{
		{"a Deployment's selector", edited(deployment, relabel("other")), drift.ErrImmutable},
		{"a StatefulSet's service", edited(set, func(spec map[string]any) { spec["serviceName"] = "other" }), drift.ErrImmutable},
		{"a Job's template", edited(job, func(spec map[string]any) {
			spec["template"].(map[string]any)["spec"].(map[string]any)["containers"] = []any{map[string]any{"name": "a", "image": "c"}}
		}), drift.ErrImmutable},
		{"a RoleBinding's role", other, drift.ErrImmutable},
		{"immutable and wrong besides: a new one would be refused too", edited(deployment, func(spec map[string]any) {
			relabel("other")(spec)
			spec["replicas"] = int64(-1)
		}), drift.ErrInvalid},
		{"only wrong", edited(deployment, func(spec map[string]any) { spec["replicas"] = int64(-1) }), drift.ErrInvalid},
		{"an unknown field", edited(deployment, func(spec map[string]any) { spec["repliccas"] = int64(1) }), drift.ErrInvalid},
		{"a wrong type", edited(service, func(spec map[string]any) { spec["ports"] = "80" }), drift.ErrInvalid},
	} {
		o := e.look(client, c.object)
		if o.State != drift.Present || !errors.Is(o.Err, c.is) {
			t.Errorf("%s: state %v, want %v: %v", c.why, o.State, c.is, o.Err)
		}
		seen := e.live(c.object)
		_, err := client.Apply(e.ctx, drift.ApplyRequest{Object: c.object, UID: uidOf(seen), ResourceVersion: versionOf(seen)})
		if !errors.Is(err, c.is) && !errors.Is(err, drift.ErrConflict) { // a controller may have been quicker
			t.Errorf("%s: apply: want %v: %v", c.why, c.is, err)
		}
	}
}

func TestRBACAndAdmissionAreTwoThings(t *testing.T) {
	e := newEnv(t)
	user := "reader-" + e.ns
	e.allow(user, "", `[{apiGroups: ["", rbac.authorization.k8s.io], resources: [configmaps, namespaces, roles], verbs: [get, list]},
		{apiGroups: ["", rbac.authorization.k8s.io], resources: [roles], verbs: [patch, create]}]`)
	reader := e.connectAs(user, Options{})
	o := e.look(reader, e.object(configMap("a")))
	if o.State != drift.Absent || !errors.Is(o.Err, drift.ErrForbidden) {
		t.Errorf("may not patch: state %v, %v", o.State, o.Err)
	}
	o = e.look(reader, e.object("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: NS}, rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]}"))
	if o.State != drift.Absent || !errors.Is(o.Err, drift.ErrForbidden) {
		t.Errorf("may not grant what it has not: state %v, %v", o.State, o.Err)
	}

	client := e.connect(Options{})
	e.create("{apiVersion: v1, kind: ResourceQuota, metadata: {name: none, namespace: NS}, spec: {hard: {count/secrets: '0'}}}")
	secret := e.object("{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}}")
	o, err := poll(e.ctx, func() (drift.Observation, bool, error) {
		o := e.look(client, secret)
		return o, o.Err != nil, nil
	})
	if err != nil || !errors.Is(o.Err, drift.ErrDenied) || errors.Is(o.Err, drift.ErrForbidden) {
		t.Errorf("quota: %v, %v", err, o.Err)
	}

	e.create(fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: %s}, spec: {
		matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]},
		validations: [{expression: "false", message: "not on my watch"}]}}`, e.ns))
	e.create(fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: %s}, spec: {
		policyName: %s, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}}}}`, e.ns, e.ns, e.ns))
	o, err = poll(e.ctx, func() (drift.Observation, bool, error) {
		o := e.look(client, e.object(configMap("a")))
		return o, o.Err != nil, nil
	})
	if err != nil || o.State != drift.Absent || !errors.Is(o.Err, drift.ErrDenied) || !strings.Contains(o.Err.Error(), "not on my watch") {
		t.Errorf("admission policy: %v, state %v, %v", err, o.State, o.Err)
	}
}

func TestWebhooks(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		review, err := decode(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":false,"status":{"code":403,"message":"ask first"}}}`,
			text(review, "request", "uid"))
	}))
	t.Cleanup(server.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, c := range []struct {
		why, kind, plural, url string
		says                   string
	}{
		{"it says no", "ConfigMap", "configmaps", server.URL, "ask first"},
		{"nobody is behind it", "ServiceAccount", "serviceaccounts", "https://127.0.0.1:1", "could not be called"},
		{"nobody is behind it, and its words may hold a Secret", "Secret", "secrets", "https://127.0.0.1:1", `failed calling webhook "w.example.com"`},
	} {
		e.create(fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: %s-%s}, webhooks: [{
			name: w.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: "%s/", caBundle: %s},
			namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}},
			rules: [{apiGroups: [""], apiVersions: [v1], resources: [%s], operations: ["*"]}]}]}`, e.ns, c.plural, c.url, ca, e.ns, c.plural))
		object := e.object(fmt.Sprintf("{apiVersion: v1, kind: %s, metadata: {name: a, namespace: NS}}", c.kind))
		o, err := poll(e.ctx, func() (drift.Observation, bool, error) {
			o := e.look(client, object)
			return o, o.Err != nil, nil
		})
		if err != nil || o.State != drift.Absent || !errors.Is(o.Err, drift.ErrDenied) || !strings.Contains(o.Err.Error(), c.says) {
			t.Errorf("%s: %v, state %v, %v", c.why, err, o.State, o.Err)
		}
		_, err = client.Apply(e.ctx, drift.ApplyRequest{Object: object})
		if !errors.Is(err, drift.ErrDenied) {
			t.Errorf("%s: apply: %v", c.why, err)
		}
		e.remove(drift.ID{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: e.ns + "-" + c.plural}, "v1")
	}
}
