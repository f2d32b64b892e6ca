package drift

import (
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
)

// What must be there first is named by kind and name, whatever the kind that names it.
func TestReferencesNames(t *testing.T) {
	t.Parallel()
	binding := `{kind: RoleBinding, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: x, namespace: shop},
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}, subjects: [{kind: ServiceAccount, name: web, namespace: other}]}`
	pod := `{kind: Deployment, apiVersion: apps/v1, metadata: {name: x, namespace: shop}, spec: {template: {spec: {
		serviceAccountName: web, priorityClassName: high, runtimeClassName: gvisor, imagePullSecrets: [{name: pull}],
		containers: [{name: c, envFrom: [{configMapRef: {name: env}}], env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: a}}}]}],
		volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}}}}`
	claim := `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: x, namespace: shop}, spec: {storageClassName: fast, volumeName: disk}}`
	cases := []struct {
		why, manifest         string
		kind, namespace, name string
		want                  bool
	}{
		{"a binding's role", binding, "Role", "shop", "reader", true},
		{"a role of another namespace", binding, "Role", "other", "reader", false},
		{"another kind of that name", binding, "ConfigMap", "shop", "reader", false},
		{"a binding's account, in its namespace", binding, "ServiceAccount", "other", "web", true},
		{"a pod's account", pod, "ServiceAccount", "shop", "web", true},
		{"a pod's priority", pod, "PriorityClass", "", "high", true},
		{"a pod's runtime", pod, "RuntimeClass", "", "gvisor", true},
		{"a pod's login for images", pod, "Secret", "shop", "pull", true},
		{"a pod's environment", pod, "ConfigMap", "shop", "env", true},
		{"a variable's source", pod, "Secret", "shop", "key", true},
		{"a pod's claim", pod, "PersistentVolumeClaim", "shop", "data", true},
		{"a claim's class", claim, "StorageClass", "", "fast", true},
		{"a claim's volume", claim, "PersistentVolume", "", "disk", true},
		{"a policy's binding", `{kind: ValidatingAdmissionPolicyBinding, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: x}, spec: {policyName: deny}}`,
			"ValidatingAdmissionPolicy", "", "deny", true},
		{"a webhook's service", `{kind: ValidatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: x}, webhooks: [{name: a.b.c, clientConfig: {service: {name: hook, namespace: shop}}}]}`,
			"Service", "shop", "hook", true},
		{"custom resources by convention", `{kind: Certificate, apiVersion: cert-manager.io/v1, metadata: {name: x, namespace: shop}, spec: {issuerRef: {kind: Issuer, group: cert-manager.io, name: ca}}}`,
			"Issuer", "shop", "ca", true},
	}
	for _, c := range cases {
		id := ID{Kind: c.kind, Namespace: c.namespace, Name: c.name}
		if got := ReferencesOf(tree(t, c.manifest)).Names(id); got != c.want {
			t.Errorf("%s: %v", c.why, got)
		}
	}
}

// What a step refers to comes before it; a circle ends, and is cut at the same place
// whatever order it is given in.
func TestWaves(t *testing.T) {
	t.Parallel()
	step := func(kind, name string, refers ...string) Step {
		var items []any
		for _, to := range refers {
			items = append(items, map[string]any{"kind": "Widget", "name": to})
		}
		id := ID{Kind: kind, Namespace: "shop", Name: name}
		return Step{Change: Change{ID: id}, Object: Object{ID: id, Manifest: map[string]any{"spec": map[string]any{"refs": items}}}}
	}
	gone := step("Widget", "gone", "a")
	gone.Observation.Live, gone.Object = gone.Object.Manifest, Object{}
	cases := []struct {
		why   string
		steps []Step
		want  string
	}{
		{"nothing", nil, ""},
		{"nothing refers", []Step{step("Widget", "b"), step("Widget", "a")}, "a b"},
		{"a chain", []Step{step("Widget", "a", "b"), step("Widget", "b", "c"), step("Widget", "c")}, "c; b; a"},
		{"what refers to two comes after both", []Step{step("Widget", "a", "b", "c"), step("Widget", "b", "c"), step("Widget", "c")}, "c; b; a"},
		{"what is no step orders nothing", []Step{step("Widget", "a", "elsewhere"), step("Widget", "b")}, "a b"},
		{"another kind of the name", []Step{step("Widget", "a", "b"), step("Gadget", "b")}, "a b"},
		{"a circle", []Step{step("Widget", "a", "b"), step("Widget", "b", "c"), step("Widget", "c", "a"), step("Widget", "d", "a")}, "c; b; a; d"},
		{"itself", []Step{step("Widget", "a", "a")}, "a"},
		{"what goes refers by what there is", []Step{gone, step("Widget", "a")}, "a; gone"},
	}
	for _, c := range cases {
		for range 2 {
			var waves []string
			for _, places := range Waves(c.steps) {
				var names []string
				for _, i := range places {
					names = append(names, c.steps[i].Change.ID.Name)
				}
				slices.Sort(names)
				waves = append(waves, strings.Join(names, " "))
			}
			if d := diff.Diff(c.want, strings.Join(waves, "; ")); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.why, d)
			}
			c.steps = slices.Clone(c.steps)
			slices.Reverse(c.steps)
		}
	}
	var order []string
	for _, s := range DeletionOrder(cases[2].steps) {
		order = append(order, s.Change.ID.Name)
	}
	if d := diff.Diff("a b c", strings.Join(order, " ")); d != "" {
		t.Errorf("deletions go the other way (-want +got):\n%s", d)
	}
}
