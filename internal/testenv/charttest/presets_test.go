package charttest

import (
	"context"
	"fmt"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func deployment(namespace string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: %s, name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
`, namespace)
}

func claim(namespace string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: %s, name: data},
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`, namespace)
}

// webhook is a configuration without webhooks: it matters who may write it.
func (s site) webhook() string {
	return fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: %s}, webhooks: []}`, s.release)
}

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.chart-test.example.com}
spec:
  group: chart-test.example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// policyBinding is a change that would end the policy's effect.
func (s site) policyBinding() string {
	return fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: %s-killick-detect},
spec: {policyName: %s-killick-detect, validationActions: [Audit]}}`, s.release, s.release)
}

func (s site) role(namespace string) string {
	return fmt.Sprintf(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: %s, name: reader},
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]}`, namespace)
}

// token asks for a token of an account, which a dry-run returns as well.
func (s site) token(account string, m mode) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.accountSet.CoreV1().ServiceAccounts(s.work).CreateToken(ctx, account,
			&authenticationv1.TokenRequest{}, metav1.CreateOptions{DryRun: m})
		return err
	}
}

func (s site) delete(resource schema.GroupVersionResource, namespace, name string, m mode) func(context.Context) error {
	return func(ctx context.Context) error {
		return s.account.Resource(resource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{DryRun: m})
	}
}

func (s site) list(resource schema.GroupVersionResource, namespace string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.account.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		return err
	}
}

func (s site) get(resource schema.GroupVersionResource, namespace, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.account.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	}
}

func (s site) mergePatch(resource schema.GroupVersionResource, namespace, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.account.Resource(resource).Namespace(namespace).Patch(ctx, name, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"changed":"yes"}}}`), metav1.PatchOptions{})
		return err
	}
}

func (s site) scale(ctx context.Context) error {
	_, err := s.account.Resource(deployments).Namespace(s.work).Patch(ctx, "web", types.MergePatchType,
		[]byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{DryRun: dryRun}, "scale")
	return err
}

func (s site) impersonate(ctx context.Context) error {
	return s.accountSet.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/"+s.work+"/configmaps").
		SetHeader("Impersonate-User", "system:admin").Do(ctx).Error()
}

var (
	deployments    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	pods           = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	replicaSets    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	namespaces     = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	claims         = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	policyBindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"}
	cronJobs       = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	accounts       = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	clusterRoles   = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
)

// state are Killick's own objects, which every preset writes.
func (s site) state() []attempt {
	secret := func(name, kind string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: %s, immutable: true, metadata: {namespace: %s, name: %s}}`, kind, s.release, name)
	}
	lease := func(name string) string {
		return fmt.Sprintf(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: %s, name: %s}, spec: {holderIdentity: me}}`, s.release, name)
	}
	updateLease := func(ctx context.Context) error {
		lease, err := s.account.Resource(leases).Namespace(s.release).Get(ctx, "killick", metav1.GetOptions{})
		if err != nil {
			return err
		}
		_, err = s.account.Resource(leases).Namespace(s.release).Update(ctx, lease, metav1.UpdateOptions{})
		return err
	}
	return []attempt{
		{"the inventory of an app", s.apply(s.account, configMap(s.release, "killick-app-shop"), real), allowed},
		{"the inventory again", s.apply(s.account, configMap(s.release, "killick-app-shop"), real), allowed},
		{"the cache of an app", s.apply(s.account, configMap(s.release, "killick-state-shop"), real), allowed},
		{"the memory of a run", s.create(configMap(s.release, "killick-run"), real), allowed},
		{"the inventories are read", s.list(configMaps, s.release), allowed},
		{"an inventory is removed", s.delete(configMaps, s.release, "killick-app-shop", real), allowed},
		{"the key", s.create(secret("killick-key", "Opaque"), real), allowed},
		{"the key is read", s.get(secrets, s.release, "killick-key"), allowed},
		{"no other Secret of the namespace is read", s.get(secrets, s.release, "other"), byRBAC},
		{"the lease", s.create(lease("killick"), real), allowed},
		{"the lease is renewed", updateLease, allowed},
	}
}

// confined are writes in Killick's own namespace that would give it the rights of other
// accounts there, or do anything but keep its state.
func (s site) confined() []attempt {
	token := func(name string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
metadata: {namespace: %s, name: %s, annotations: {kubernetes.io/service-account.name: default}}}`, s.release, name)
	}
	const pod = `{serviceAccountName: default, restartPolicy: Never, securityContext: {runAsNonRoot: true, runAsUser: 1, seccompProfile: {type: RuntimeDefault}},
containers: [{name: a, image: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`
	return []attempt{
		{"a token of another account, by the name that it may read", s.create(token("killick-key"), real), byPolicy},
		{"a token under another name", s.create(token("other"), real), byPolicy},
		{"a dry-run of one", s.create(token("killick-key"), dryRun), byPolicy},
		{"a Secret beside its key", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.release+", name: other}}", real), byPolicy},
		{"a Secret named by the server", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.release+", generateName: killick-key}}", real), byPolicy},
		{"a ConfigMap beside its state", s.apply(s.account, configMap(s.release, "killick-apps"), real), byPolicy},
		{"an approval", s.apply(s.account, configMap(s.release, "killick-approval-x"), real), byPolicy},
		{"a lease beside its own", s.create("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: "+s.release+", name: other}}", real), byPolicy},
		{"a Pod that runs as another account", s.create(fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {namespace: %s, name: other}, spec: %s}", s.release, pod), real), byPolicy},
		{"a Job that does", s.create(fmt.Sprintf("{apiVersion: batch/v1, kind: Job, metadata: {namespace: %s, name: other}, spec: {template: {spec: %s}}}", s.release, pod), real), byPolicy},
		{"its own CronJob", s.mergePatch(cronJobs, s.release, "killick"), byPolicy},
		{"its own ServiceAccount", s.mergePatch(accounts, s.release, "killick"), byPolicy},
	}
}

func TestDetect(t *testing.T) {
	s := installed(t, "")
	s.must(t, s.apply(s.admin, configMap(s.work, "there"), real))
	s.must(t, s.apply(s.admin, deployment(s.work), real))
	s.must(t, s.apply(s.admin, s.webhook(), real))
	t.Cleanup(func() { s.remove(t, []*unstructured.Unstructured{object(s.webhook())}) })
	s.try(t, s.state())
	s.try(t, []attempt{
		{"a dry-run of a change", s.apply(s.account, configMap(s.work, "there"), dryRun), allowed},
		{"a dry-run of a creation", s.apply(s.account, configMap(s.work, "new"), dryRun), allowed},
		{"a dry-run of a Deployment", s.apply(s.account, deployment(s.work), dryRun), allowed},
		{"a dry-run of a CRD", s.apply(s.account, crd, dryRun), allowed},
		{"a dry-run of a webhook configuration", s.apply(s.account, s.webhook(), dryRun), allowed},
		{"a change", s.apply(s.account, configMap(s.work, "there"), real), byPolicy},
		{"a change by another kind of patch", s.mergePatch(configMaps, s.work, "there"), byPolicy},
		{"a creation", s.apply(s.account, configMap(s.work, "new"), real), byPolicy},
		{"a creation by POST", s.create(configMap(s.work, "new"), real), byPolicy},
		{"a Deployment", s.apply(s.account, deployment(s.work), real), byPolicy},
		{"a CRD", s.apply(s.account, crd, real), byPolicy},
		{"a webhook configuration, which webhooks never see but policies do", s.apply(s.account, s.webhook(), real), byPolicy},
		{"a deletion", s.delete(configMaps, s.work, "there", real), byRBAC},
		{"a dry-run of a deletion", s.delete(configMaps, s.work, "there", dryRun), byRBAC},
		{"its policy is read", s.get(policyBindings, "", s.release+"-killick-detect"), allowed},
		{"its policy is switched off", s.apply(s.account, s.policyBinding(), real), byRBAC},
		{"its policy is switched off as a dry-run", s.apply(s.account, s.policyBinding(), dryRun), byRBAC},
		{"a token of its own account", s.token("default", real), byRBAC},
		{"a dry-run of a token, which would work", s.token("default", dryRun), byRBAC},
		{"a dry-run of the scale subresource", s.scale, byRBAC},
		{"another account", s.impersonate, byRBAC},
		{"Secrets", s.list(secrets, s.work), byRBAC},
		{"a dry-run of a Role", s.apply(s.account, s.role(s.work), dryRun), byRBAC},
		{"Roles are read", s.list(clusterRoles, ""), allowed},
		{"asking what it may do", s.askRights, allowed},

		{"a ConfigMap beside its state", s.apply(s.account, configMap(s.release, "killick-apps"), real), byPolicy},
		{"a ConfigMap named by the server", s.create("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: "+s.release+", generateName: killick-}}", real), byPolicy},
		{"an approval", s.apply(s.account, configMap(s.release, "killick-approval-x"), real), byPolicy},
		{"state in another namespace", s.apply(s.account, configMap(s.work, "killick-app-shop"), real), byPolicy},
		{"another Secret beside its key", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.release+", name: other}}", real), byPolicy},
		{"a lease beside its own", s.create("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: "+s.release+", name: other}}", real), byPolicy},
	})
	if err := s.get(configMaps, s.work, "new")(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("ConfigMap %q was really created: %v", "new", err)
	}
}

func (s site) askRights(ctx context.Context) error {
	_, err := s.accountSet.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}},
	}, metav1.CreateOptions{})
	return err
}

// TestDetectHoldsWithoutRBAC gives the account rights by mistake: the policy
// alone still confines it, except for the policy's own kind.
func TestDetectHoldsWithoutRBAC(t *testing.T) {
	s := installed(t, "")
	s.must(t, s.apply(s.admin, configMap(s.work, "there"), real))
	s.must(t, s.apply(s.admin, deployment(s.work), real))
	s.must(t, s.apply(s.admin, "{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: "+s.work+", name: victim}}", real))
	s.must(t, s.apply(s.admin, fmt.Sprintf(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: %s, name: mistake},
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}`, s.work), real))
	s.must(t, s.apply(s.admin, fmt.Sprintf(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: %s, name: mistake},
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mistake}, subjects: [{kind: ServiceAccount, namespace: %s, name: killick}]}`, s.work, s.release), real))
	s.await(t, s.list(secrets, s.work))
	s.try(t, []attempt{
		{"a dry-run stays possible", s.apply(s.account, configMap(s.work, "there"), dryRun), allowed},
		{"a token", s.token("victim", real), byPolicy},
		{"a dry-run of a token", s.token("victim", dryRun), byPolicy},
		{"a dry-run of the scale subresource", s.scale, byPolicy},
		{"a dry-run of an eviction", s.evict, byPolicy},
		{"a deletion", s.delete(configMaps, s.work, "there", real), byPolicy},
		{"a dry-run of a deletion", s.delete(configMaps, s.work, "there", dryRun), allowed},
		{"all at once", s.deleteAll, byPolicy},
	})
}

func (s site) evict(ctx context.Context) error {
	return s.accountSet.PolicyV1().Evictions(s.work).Evict(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: s.work, Name: "nobody"},
		DeleteOptions: &metav1.DeleteOptions{DryRun: dryRun},
	})
}

func (s site) deleteAll(ctx context.Context) error {
	return s.account.Resource(configMaps).Namespace(s.work).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

func TestDetectWithoutPolicy(t *testing.T) {
	s := installed(t, "detect: {admissionPolicy: false}")
	s.try(t, []attempt{{"a token of another account", s.create(fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
metadata: {namespace: %s, name: killick-key, annotations: {kubernetes.io/service-account.name: default}}}`, s.release), real), byPolicy}})
	s.try(t, s.state())
	s.try(t, []attempt{
		{"reading", s.list(configMaps, s.work), allowed},
		{"a dry-run, since nothing would stop the real write", s.apply(s.account, configMap(s.work, "new"), dryRun), byRBAC},
		{"a creation", s.apply(s.account, configMap(s.work, "new"), real), byRBAC},
	})
}

func TestHeal(t *testing.T) {
	s := installed(t, "preset: heal")
	s.must(t, s.apply(s.admin, configMap(s.work, "there"), real))
	s.try(t, s.confined())
	s.try(t, s.state())
	s.try(t, []attempt{
		{"a creation", s.apply(s.account, configMap(s.work, "new"), real), allowed},
		{"a change", s.mergePatch(configMaps, s.work, "there"), allowed},
		{"a Deployment", s.apply(s.account, deployment(s.work), real), allowed},
		{"a claim", s.apply(s.account, claim(s.work), real), allowed},
		{"a cluster-scoped object", s.apply(s.account, "{apiVersion: v1, kind: Namespace, metadata: {name: "+s.other+"}}", real), allowed},
		{"a deletion", s.delete(configMaps, s.work, "there", real), byRBAC},
		{"all at once", s.deleteAll, byRBAC},
		{"a Secret", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.work+", name: new}}", real), byRBAC},
		{"Secrets", s.list(secrets, s.work), byRBAC},
		{"a Role", s.apply(s.account, s.role(s.work), real), byRBAC},
		{"an admission policy", s.apply(s.account, s.policyBinding(), real), byRBAC},
		{"a token", s.token("default", real), byRBAC},
		{"another account", s.impersonate, byRBAC},
	})
}

// TestWithoutStatePolicy: who cannot have the policy has no right to create Secrets
// instead, and makes the key.
func TestWithoutStatePolicy(t *testing.T) {
	for _, values := range []string{"preset: prune\nrbac: {statePolicy: false}", "detect: {admissionPolicy: false}\nrbac: {statePolicy: false}"} {
		s := installed(t, values)
		s.try(t, []attempt{
			{"the key", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.release+", name: killick-key}}", real), byRBAC},
			{"the inventory of an app", s.apply(s.account, configMap(s.release, "killick-app-shop"), real), allowed},
		})
		s.must(t, s.apply(s.admin, "{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.release+", name: killick-key}}", real))
		s.try(t, []attempt{{"the key is read", s.get(secrets, s.release, "killick-key"), allowed}})
	}
}

func TestPrune(t *testing.T) {
	s := installed(t, "preset: prune")
	s.must(t, s.apply(s.admin, configMap(s.work, "there"), real))
	s.must(t, s.apply(s.admin, claim(s.work), real))
	s.try(t, s.confined())
	s.try(t, s.state())
	s.try(t, []attempt{
		{"its own CronJob", s.delete(cronJobs, s.release, "killick", real), byPolicy},
		{"its own ServiceAccount", s.delete(accounts, s.release, "killick", real), byPolicy},
		{"a creation", s.apply(s.account, configMap(s.work, "new"), real), allowed},
		{"a deletion", s.delete(configMaps, s.work, "there", real), allowed},
		{"all at once", s.deleteAll, byRBAC},
		{"who may use what is to be deleted", s.list(pods, s.work), allowed},
		{"old revisions that may use it", s.list(replicaSets, s.work), allowed},
		{"Pods that may use what has no namespace", s.list(pods, ""), allowed},
		{"a claim is protected", s.delete(claims, s.work, "data", real), byRBAC},
		{"a Namespace is protected", s.delete(namespaces, "", s.other, real), byRBAC},
		{"a Secret", s.delete(secrets, s.work, "any", real), byRBAC},
		{"a Role", s.apply(s.account, s.role(s.work), dryRun), byRBAC},
	})
}

func TestOptions(t *testing.T) {
	s := installed(t, `
preset: prune
rbac:
  secrets: true
  rbacObjects: true
  admissionPolicies: true
  deleteProtected: true
  extraRules: [{apiGroups: [coordination.k8s.io], resources: [leases]}]`)
	s.must(t, s.apply(s.admin, claim(s.work), real))
	s.try(t, []attempt{
		{"Secrets", s.list(secrets, s.work), allowed},
		{"a Secret", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.work+", name: new}}", real), allowed},
		{"a Secret is deleted", s.delete(secrets, s.work, "new", real), allowed},
		{"a Role with rights that the account lacks needs escalate", s.apply(s.account, fmt.Sprintf(
			`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: %s, name: more}, rules: [{apiGroups: [""], resources: [pods/exec], verbs: [create]}]}`, s.work), real), allowed},
		{"its binding needs bind", s.apply(s.account, fmt.Sprintf(
			`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: %s, name: more}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: more}, subjects: []}`, s.work), real), allowed},
		{"an admission policy", s.apply(s.account, s.policyBinding(), dryRun), allowed},
		{"a protected claim", s.delete(claims, s.work, "data", real), allowed},
		{"an extra rule", s.list(leases, s.work), allowed},
		{"an extra rule has the preset's verbs", s.create("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: "+s.work+", name: new}}", real), allowed},
		{"and no others", func(ctx context.Context) error {
			_, err := s.account.Resource(leases).Namespace(s.work).Update(ctx, object("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: "+s.work+", name: new}}"), metav1.UpdateOptions{})
			return err
		}, byRBAC},
	})
}

func TestDetectOptions(t *testing.T) {
	s := installed(t, "rbac: {secrets: true, rbacObjects: true}")
	s.try(t, []attempt{
		{"Secrets are read", s.list(secrets, s.work), allowed},
		{"a dry-run of a Secret", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.work+", name: new}}", dryRun), allowed},
		{"a Secret", s.create("{apiVersion: v1, kind: Secret, metadata: {namespace: "+s.work+", name: new}}", real), byPolicy},
		{"the key must not ask for a token", s.create(fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
metadata: {namespace: %s, name: killick-key, annotations: {kubernetes.io/service-account.name: default}}}`, s.release), real), byPolicy},
		{"a dry-run of a Role with rights that the account lacks", s.apply(s.account, s.role(s.work), dryRun), allowed},
		{"a Role", s.apply(s.account, s.role(s.work), real), byPolicy},
	})
}

func TestNamespacedInstallation(t *testing.T) {
	s := installed(t, "preset: prune\nrbac: {namespaces: [WORK], secrets: true, rbacObjects: true}")
	s.must(t, s.apply(s.admin, configMap(s.work, "there"), real))
	s.must(t, s.apply(s.admin, configMap(s.other, "there"), real))
	s.try(t, s.state())
	s.try(t, []attempt{
		{"a creation in its namespace", s.apply(s.account, configMap(s.work, "new"), real), allowed},
		{"a deletion in its namespace", s.delete(configMaps, s.work, "there", real), allowed},
		{"who may use it there", s.list(pods, s.work), allowed},
		{"old revisions there", s.list(replicaSets, s.work), allowed},
		{"Secrets of its namespace", s.list(secrets, s.work), allowed},
		{"a Role in its namespace", s.apply(s.account, s.role(s.work), real), allowed},
		{"a binding to a ClusterRole in its namespace", s.apply(s.account, fmt.Sprintf(
			`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: %s, name: admins}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}, subjects: []}`, s.work), real), allowed},
		{"its namespace's labels", s.get(namespaces, "", s.work), allowed},
		{"the cluster's identity", s.get(namespaces, "", "kube-system"), allowed},
		{"reading elsewhere", s.list(configMaps, s.other), byRBAC},
		{"reading everywhere", s.list(configMaps, ""), byRBAC},
		{"a creation elsewhere", s.apply(s.account, configMap(s.other, "new"), real), byRBAC},
		{"a deletion elsewhere", s.delete(configMaps, s.other, "there", real), byRBAC},
		{"Secrets elsewhere", s.list(secrets, s.other), byRBAC},
		{"another namespace's labels", s.get(namespaces, "", s.other), byRBAC},
		{"a namespace", s.apply(s.account, "{apiVersion: v1, kind: Namespace, metadata: {name: "+s.work+"}}", dryRun), byRBAC},
		{"a ClusterRole", s.list(clusterRoles, ""), byRBAC},
	})
}
