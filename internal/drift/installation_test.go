package drift

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// What Killick itself runs on is no app's, by the chart's names and by what it is.
func TestOwns(t *testing.T) {
	t.Parallel()
	byDefault := Installation{StateNamespace: "killick"}
	renamed := Installation{StateNamespace: "ops", Account: "system:serviceaccount:ops:deployer", Names: []string{"gitops-killick", "ops-gitops-killick"}}
	const rbac, admission = "{apiVersion: rbac.authorization.k8s.io/v1, ", "{apiVersion: admissionregistration.k8s.io/v1, "
	cases := []struct {
		why      string
		in       Installation
		manifest string
		want     string
	}{
		{"a parent", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick, name: killick-app-shop}}", "Killick's own state"},
		{"a cache", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick, name: killick-state-shop}}", "Killick's own state"},
		{"the run's memory", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick, name: killick-run}}", "Killick's own state"},
		{"the key", byDefault, "{apiVersion: v1, kind: Secret, metadata: {namespace: killick, name: killick-key}}", "Killick's own state"},
		{"the lease", byDefault, "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: killick, name: killick}}", "Killick's own state"},
		{"an approval", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick-approvals, name: killick-approval-1}}", "in the namespace of Killick's approvals"},
		{"anything beside approvals", byDefault, rbac + "kind: RoleBinding, metadata: {namespace: killick-approvals, name: x}}", "in the namespace of Killick's approvals"},
		{"their namespace", byDefault, "{apiVersion: v1, kind: Namespace, metadata: {name: killick-approvals}}", "the namespace of Killick's approvals"},
		{"its namespace", byDefault, "{apiVersion: v1, kind: Namespace, metadata: {name: killick}}", "Killick's own namespace"},
		{"the CronJob", byDefault, "{apiVersion: batch/v1, kind: CronJob, metadata: {namespace: killick, name: killick}}", "Killick's own CronJob"},
		{"the CronJob at another version", byDefault, "{apiVersion: batch/v1beta1, kind: CronJob, metadata: {namespace: killick, name: killick}}", "Killick's own CronJob"},
		{"its account", byDefault, "{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: killick, name: killick}}", "Killick's own ServiceAccount"},
		{"its network policy", byDefault, "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: killick, name: killick}}", "Killick's own NetworkPolicy"},
		{"its Role", byDefault, rbac + "kind: Role, metadata: {namespace: killick, name: killick-state}}", "Killick's own permissions"},
		{"its ClusterRole", byDefault, rbac + "kind: ClusterRole, metadata: {name: killick-read}}", "Killick's own permissions"},
		{"a binding under any name", byDefault, rbac + "kind: ClusterRoleBinding, metadata: {name: more}, subjects: [{kind: ServiceAccount, name: killick, namespace: killick}]}",
			"a binding of Killick's own account killick/killick: whoever installs Killick says what it may do"},
		{"a binding by user name, in any namespace", byDefault, rbac + "kind: RoleBinding, metadata: {namespace: shop, name: more}, subjects: [{kind: User, name: 'system:serviceaccount:killick:killick'}]}",
			"a binding of Killick's own account killick/killick: whoever installs Killick says what it may do"},
		{"its admission policy", byDefault, admission + "kind: ValidatingAdmissionPolicy, metadata: {name: killick-state}}", "Killick's own admission policy"},
		{"a second binding of it", byDefault, admission + "kind: ValidatingAdmissionPolicyBinding, metadata: {name: x}, spec: {policyName: killick-detect, validationActions: [Audit]}}", "Killick's own admission policy"},
		{"a Job as its account", byDefault, "{apiVersion: batch/v1, kind: Job, metadata: {namespace: killick, name: x}, spec: {template: {spec: {serviceAccountName: killick}}}}", "run as Killick's own account killick/killick"},
		{"a Pod as its account, by the old field", byDefault, "{apiVersion: v1, kind: Pod, metadata: {namespace: killick, name: x}, spec: {serviceAccount: killick}}", "run as Killick's own account killick/killick"},

		{"another installation's CronJob, by its account", renamed, "{apiVersion: batch/v1, kind: CronJob, metadata: {namespace: ops, name: nightly}, spec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: deployer}}}}}}", "run as Killick's own account ops/deployer"},
		{"by the installer's name", renamed, "{apiVersion: batch/v1, kind: CronJob, metadata: {namespace: ops, name: gitops-killick}}", "Killick's own CronJob"},
		{"its account", renamed, "{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: ops, name: deployer}}", "Killick's own ServiceAccount"},
		{"its ClusterRole", renamed, rbac + "kind: ClusterRole, metadata: {name: ops-gitops-killick-apply}}", "Killick's own permissions"},
		{"its policy, by whom it is about", renamed, admission + `kind: ValidatingAdmissionPolicy, metadata: {name: x}, spec: {matchConditions: [{name: a, expression: 'request.userInfo.username == "system:serviceaccount:ops:deployer"'}]}}`, "Killick's own admission policy"},
		{"its namespace", renamed, "{apiVersion: v1, kind: Namespace, metadata: {name: ops}}", "Killick's own namespace"},
		{"the namespace of its account, where the state is elsewhere", Installation{StateNamespace: "state", Account: "system:serviceaccount:ops:deployer"}, "{apiVersion: v1, kind: Namespace, metadata: {name: ops}}", "Killick's own namespace"},

		{"the same name elsewhere", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: storefront, name: killick-app-storefront}}", ""},
		{"another ConfigMap", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick, name: settings}}", ""},
		{"a key of another kind", byDefault, "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: killick, name: killick-key}}", ""},
		{"another Secret", byDefault, "{apiVersion: v1, kind: Secret, metadata: {namespace: killick, name: git}}", ""},
		{"another lease", byDefault, "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: killick, name: other}}", ""},
		{"a kind of another group", byDefault, "{apiVersion: example.com/v1, kind: ConfigMap, metadata: {namespace: killick, name: killick-run}}", ""},
		{"a name that only begins alike", byDefault, rbac + "kind: ClusterRole, metadata: {name: killickers}}", ""},
		{"a Role of that name in another namespace", byDefault, rbac + "kind: RoleBinding, metadata: {namespace: shop, name: killick-heal}}", ""},
		{"an account of that name in another namespace", byDefault, rbac + "kind: RoleBinding, metadata: {namespace: shop, name: x}, subjects: [{kind: ServiceAccount, name: killick, namespace: shop}]}", ""},
		{"a webhook of anybody", byDefault, admission + "kind: ValidatingWebhookConfiguration, metadata: {name: killick-hook}}", ""},
		{"a policy that spares Killick", byDefault, admission + `kind: ValidatingAdmissionPolicy, metadata: {name: only-git}, spec: {matchConditions: [{name: a, expression: 'request.userInfo.username != "system:serviceaccount:killick:killick"'}]}}`, ""},
		{"somebody's CronJob as another account", byDefault, "{apiVersion: batch/v1, kind: CronJob, metadata: {namespace: killick, name: backup}, spec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: backup}}}}}}", ""},
		{"an account of that name where it means nothing", byDefault, "{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: x}, spec: {template: {spec: {serviceAccountName: killick}}}}", ""},
	}
	for _, c := range cases {
		var manifest map[string]any
		if err := yaml.Unmarshal([]byte(c.manifest), &manifest); err != nil {
			t.Fatal(err)
		}
		group, _, err := ParseAPIVersion(manifest["apiVersion"].(string))
		if err != nil {
			t.Fatal(err)
		}
		meta := manifest["metadata"].(map[string]any)
		id := ID{Group: group, Kind: manifest["kind"].(string), Name: meta["name"].(string)}
		id.Namespace, _ = meta["namespace"].(string)
		if got := c.in.Owns(id, manifest); got != c.want {
			t.Errorf("%s: %q, not %q", c.why, got, c.want)
		}
	}
}
