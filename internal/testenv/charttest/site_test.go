package charttest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	sigsyaml "sigs.k8s.io/yaml"
)

// site is one installation on a real API server: its own namespace for the
// release, one to work in, one that it has nothing to do with, and clients for
// the administrator and for the release's ServiceAccount with its own token.
type site struct {
	release, work, other string
	admin, account       dynamic.Interface
	accountSet           kubernetes.Interface
	mapper               meta.RESTMapper
}

// installed renders the chart and applies every object of it, as an
// administrator would, and waits until the roles, and the policy if there is
// one, are in force.
func installed(t *testing.T, values string) site {
	t.Helper()
	config := admin(t)
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	name := "chart-" + hex.EncodeToString(id)
	s := site{release: name, work: name + "-work", other: name + "-other", admin: dynamic.NewForConfigOrDie(config)}
	s.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config)))
	for _, namespace := range []string{s.release, s.work, s.other} {
		s.must(t, s.apply(s.admin, fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted}}", namespace), real))
	}
	values = strings.ReplaceAll(repo+values, "WORK", s.work)
	objects := render(t, install{release: "killick", namespace: s.release, values: values})
	for _, object := range objects {
		s.must(t, s.applyObject(s.admin, object, real))
	}
	t.Cleanup(func() { s.remove(t, objects) })
	own := accountOf(t, s.release, "killick")
	s.account, s.accountSet = dynamic.NewForConfigOrDie(own), kubernetes.NewForConfigOrDie(own)
	s.granted(t, objects)
	s.settle(t, strings.Contains(string(dump(t, objects)), "kind: ValidatingAdmissionPolicyBinding"))
	return s
}

// remove deletes what is not in one of the site's namespaces, and those.
func (s site) remove(t *testing.T, objects []*unstructured.Unstructured) {
	for _, namespace := range []string{s.release, s.work, s.other} {
		objects = append(objects, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}}})
	}
	for _, object := range objects {
		client, err := s.client(s.admin, object)
		if err == nil && object.GetNamespace() == "" {
			err = client.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("cleaning up %s: %v", title(object), err)
		}
	}
}

// granted waits until the API server's own cache has every role and its binding.
func (s site) granted(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			asked := authorizationv1.ResourceAttributes{Namespace: cmp.Or(object.GetNamespace(), s.work),
				Group: rule.APIGroups[0], Resource: rule.Resources[0], Verb: rule.Verbs[0]}
			if len(rule.ResourceNames) > 0 {
				asked.Name = rule.ResourceNames[0]
			}
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &asked}}
			s.await(t, func(ctx context.Context) error {
				answer, err := s.accountSet.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
				if err == nil && !answer.Status.Allowed {
					err = fmt.Errorf("%s: not yet allowed to %s %s", title(object), asked.Verb, asked.Resource)
				}
				return err
			})
		}
	}
}

// settle waits for the API server's own cache of admission policies, which are
// compiled in the background.
func (s site) settle(t *testing.T, policy bool) {
	t.Helper()
	if policy {
		s.await(t, func(ctx context.Context) error {
			err := s.apply(s.account, configMap(s.release, "probe"), real)(ctx)
			if verdictOf(err) == byPolicy {
				return nil
			}
			return fmt.Errorf("a write was not denied by the admission policy: %w", err)
		})
	}
}

// await asks until the answer is yes.
func (s site) await(t *testing.T, do func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = do(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting: %v", last)
	}
}

func (s site) must(t *testing.T, do func(context.Context) error) {
	t.Helper()
	if err := do(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var (
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	leases     = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

// mode is how a write is meant.
type mode []string

var (
	real   = mode(nil)
	dryRun = mode{metav1.DryRunAll}
)

// client is the endpoint for objects of this kind and namespace.
func (s site) client(as dynamic.Interface, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return as.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
	}
	return as.Resource(mapping.Resource), nil
}

// applyObject is a forced server-side apply, as Killick sends it.
func (s site) applyObject(as dynamic.Interface, object *unstructured.Unstructured, m mode, subresource ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := s.client(as, object)
		if err != nil {
			return err
		}
		body, err := object.MarshalJSON()
		if err != nil {
			return err
		}
		force := true
		_, err = client.Patch(ctx, object.GetName(), types.ApplyPatchType, body,
			metav1.PatchOptions{FieldManager: "killick", Force: &force, DryRun: m, FieldValidation: "Strict"}, subresource...)
		return err
	}
}

func (s site) apply(as dynamic.Interface, manifest string, m mode, subresource ...string) func(context.Context) error {
	return s.applyObject(as, object(manifest), m, subresource...)
}

func (s site) create(manifest string, m mode, subresource ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		o := object(manifest)
		client, err := s.client(s.account, o)
		if err != nil {
			return err
		}
		_, err = client.Create(ctx, o, metav1.CreateOptions{DryRun: m}, subresource...)
		return err
	}
}

// object reads a manifest that a test wrote; one that cannot be read becomes an
// object without a kind, which no API server accepts.
func object(manifest string) *unstructured.Unstructured {
	var content map[string]any
	if err := sigsyaml.Unmarshal([]byte(manifest), &content); err != nil {
		content = map[string]any{"error": err.Error()}
	}
	return &unstructured.Unstructured{Object: content}
}

func configMap(namespace, name string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: %s}, data: {a: b}}", namespace, name)
}

// verdict is who answered a request.
type verdict string

const (
	allowed  verdict = "allowed"
	byRBAC   verdict = "denied by RBAC"
	byPolicy verdict = "denied by the admission policy"
)

// verdictOf reads the denial's origin from its message: both are 403 or 422
// with no machine-readable difference.
func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return allowed
	case strings.Contains(err.Error(), "installed with the detect preset"),
		strings.Contains(err.Error(), "in its own namespace Killick may only write its own state"):
		return byPolicy
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot "),
		strings.Contains(err.Error(), "attempting to grant RBAC permissions not currently held"):
		return byRBAC
	}
	return verdict("failed: " + err.Error())
}

// attempt is one thing that the account tries.
type attempt struct {
	why  string
	do   func(context.Context) error
	want verdict
}

func (s site) try(t *testing.T, attempts []attempt) {
	t.Helper()
	for _, a := range attempts {
		t.Run(a.why, func(t *testing.T) {
			err := a.do(t.Context())
			if got := verdictOf(err); got != a.want {
				t.Errorf("%s, want %s (%v)", got, a.want, err)
			}
		})
	}
}
