package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// deployer is a service account that may write RBAC objects and has what the roles below
// give, without bind and escalate.
func (s *site) deployer() {
	s.Helper()
	s.create("kubectl-create", existing("v1", "ServiceAccount", "deployer", "automountServiceAccountToken: false"))
	s.create("kubectl-create", existing("rbac.authorization.k8s.io/v1", "Role", "deployer", `rules: [
		{apiGroups: [""], resources: [configmaps, serviceaccounts, pods, secrets], verbs: ["*"]},
		{apiGroups: [""], resources: [namespaces], verbs: [get]},
		{apiGroups: [apps], resources: [replicasets], verbs: [get, list]},
		{apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [get, list, create, patch, delete]}]`))
	s.create("kubectl-create", existing("rbac.authorization.k8s.io/v1", "RoleBinding", "deployer", `roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer},
		subjects: [{kind: ServiceAccount, name: deployer, namespace: $NS}]`))
	user := "system:serviceaccount:" + s.ns + ":deployer"
	s.cluster.Eventually(s.T, "the role works", func(ctx context.Context) error {
		answer, err := s.cluster.Client().AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: s.ns, Verb: "patch", Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}}}, metav1.CreateOptions{})
		if err == nil && !answer.Status.Allowed {
			return fmt.Errorf("not yet")
		}
		return err
	})
}

const (
	readerRole = "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]"
	readerRef  = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: zz-reader}, subjects: [{kind: ServiceAccount, name: zz-web, namespace: $NS}]"
)

// TestRoleBeforeItsBinding: an account that may not bind at will creates a role and its
// binding in one run, and removes both in one. Names sort the wrong way.
func TestRoleBeforeItsBinding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deployer()
	s.app("shop", func(a *drift.App) { a.ServiceAccount = s.ns + "/deployer" })
	const rbac = "rbac.authorization.k8s.io/v1"
	s.commit(map[string]string{
		"binding.yaml": existing(rbac, "RoleBinding", "aa-reader", readerRef), "role.yaml": existing(rbac, "Role", "zz-reader", readerRole),
		"account.yaml": existing("v1", "ServiceAccount", "zz-web", "automountServiceAccountToken: false"), "keep.yaml": configMap("keep"),
	})
	want := []string{"ConfigMap keep: missing/git sync planned", "RoleBinding aa-reader: missing/git sync planned",
		"Role zz-reader: missing/git sync planned", "ServiceAccount zz-web: missing/git sync planned"}
	got := s.plan().news()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the plan: %q", got)
	}
	first := s.run()
	if first.code != reconcile.ExitOK {
		t.Fatalf("exit code %d\n%s", first.code, first.details())
	}
	s.run().silent("the run after that")

	tape := s.record()
	s.guards.Unprotect = []string{"RoleBinding.rbac.authorization.k8s.io", "Role.rbac.authorization.k8s.io"}
	s.commit(map[string]string{"binding.yaml": deleted, "role.yaml": deleted})
	r := s.run()
	var removed []string
	for _, line := range tape.sent {
		if strings.HasPrefix(line, "DELETE") {
			removed = append(removed, line[strings.LastIndex(line, "/")+1:])
		}
	}
	if len(removed) != 2 || !strings.HasPrefix(removed[0], "aa-reader") || !strings.HasPrefix(removed[1], "zz-reader") {
		t.Errorf("what refers goes first: %q\n%s", removed, r.details())
	}
}

// TestBindingOfNobodysRole: what is refused for a reason that the plan does not mend stays
// refused before anything is written.
func TestBindingOfNobodysRole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deployer()
	s.app("shop", func(a *drift.App) { a.ServiceAccount = s.ns + "/deployer" })
	s.commit(map[string]string{
		"binding.yaml": existing("rbac.authorization.k8s.io/v1", "RoleBinding", "aa-reader", readerRef),
		"account.yaml": existing("v1", "ServiceAccount", "zz-web", "automountServiceAccountToken: false"),
	})
	r := s.run()
	if got := r.of("RoleBinding aa-reader"); got.Action != "alert-only" || !strings.Contains(got.Error, `"zz-reader" not found`) || r.code != reconcile.ExitPartial {
		t.Errorf("exit code %d\n%s", r.code, r.details())
	}
	if got := r.of("ServiceAccount zz-web").Outcome; got != "applied" {
		t.Errorf("the rest is %s", got)
	}
}
