package dependency_test

import (
	"testing"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
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
		id := drift.ID{Kind: c.kind, Namespace: c.namespace, Name: c.name}
		if got := dependency.ReferencesOf(model.Tree(t, c.manifest)).Names(id); got != c.want {
			t.Errorf("%s: %v", c.why, got)
		}
	}
}
