package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestTokenIsLimitedByRBAC(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	namespace := cp.NewNamespace(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}
	if _, err := cp.Client().CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	path, err := cp.TokenKubeconfig(t.Context(), namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	self, err := reader.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := self.Status.UserInfo.Username, "system:serviceaccount:"+namespace+":reader"; got != want {
		t.Errorf("the token belongs to %q, want %q", got, want)
	}
	if _, err := reader.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing without a grant: %v", err)
	}
	grant(t, cp, namespace, "reader", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}})
	cp.Eventually(t, "the grant works", func(ctx context.Context) error {
		_, err := reader.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if _, err := reader.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing what was not granted: %v", err)
	}
	if _, err := cp.TokenKubeconfig(t.Context(), namespace, "nobody"); !apierrors.IsNotFound(err) {
		t.Errorf("a token for nobody: %v", err)
	}
}

func grant(t *testing.T, cp *ControlPlane, namespace, account string, rule rbacv1.PolicyRule) {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: account}, Rules: []rbacv1.PolicyRule{rule}}
	if _, err := cp.Client().RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}},
	}
	if _, err := cp.Client().RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

const brokenAPIService = `{
  "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
  "metadata": {"name": "v1.broken.example.com"},
  "spec": {"group": "broken.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
           "insecureSkipTLSVerify": true, "service": {"namespace": "default", "name": "nobody"}}}`

// TestOwn boots a control plane, breaks its discovery, and sees it go.
func TestOwn(t *testing.T) {
	t.Parallel()
	var own *ControlPlane
	t.Run("up", func(t *testing.T) {
		own = Own(t, Options{Nodes: 1, Flags: map[string][]string{apiServer: {"--audit-log-path=audit.log"}}})
		version, err := own.Client().Discovery().ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		if version.GitVersion != kubernetesVersion || version.Major != "1" || version.Minor != "36" {
			t.Errorf("version: %+v", version)
		}
		nodes, err := own.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil || len(nodes.Items) != 1 {
			t.Errorf("%d nodes, %v", len(nodes.Items), err)
		}
		if !isFile(layout{dir: own.Dir()}.file("audit.log")) {
			t.Error("a flag of the options had no effect")
		}
		unavailableAPI(t, own)
		if err := own.Running(); err != nil {
			t.Error(err)
		}
	})
	if own == nil {
		t.Fatal("not booted")
	}
	if len(own.processes) != len(components) {
		t.Errorf("%d processes", len(own.processes))
	}
	for _, p := range own.processes {
		if alive(p.pid) {
			t.Errorf("%s runs after the stop", p.name)
		}
	}
	if own.Running() == nil {
		t.Error("a stopped control plane runs")
	}
	if _, err := os.Stat(own.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder after the stop: %v", err)
	}
}

func unavailableAPI(t *testing.T, cp *ControlPlane) {
	t.Helper()
	registration := cp.Client().Discovery().RESTClient()
	const path = "/apis/apiregistration.k8s.io/v1/apiservices"
	if err := registration.Post().AbsPath(path).SetHeader("Content-Type", "application/json").
		Body([]byte(brokenAPIService)).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	broken := schema.GroupVersion{Group: "broken.example.com", Version: "v1"}
	cp.Eventually(t, "discovery says what is broken", func(context.Context) error {
		_, lists, err := cp.Client().Discovery().ServerGroupsAndResources()
		failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
		if !partial || failed[broken] == nil || len(failed) != 1 {
			return fmt.Errorf("got: %w", err)
		}
		if !slices.ContainsFunc(lists, func(l *metav1.APIResourceList) bool { return l.GroupVersion == "apps/v1" }) {
			return errors.New("the rest is missing")
		}
		return nil
	})
}

func TestAttachedClusterIsTheSameAndOutlivesStop(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	attached, err := Attach(cp.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	namespace := attached.NewNamespace(t)
	if _, err := cp.Client().CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}); err != nil {
		t.Errorf("the namespace is elsewhere: %v", err)
	}
	if attached.URL() != cp.URL() || string(attached.CA()) != string(cp.CA()) || len(cp.CA()) == 0 {
		t.Errorf("attached to %s, want %s", attached.URL(), cp.URL())
	}
	if attached.Kubeconfig() != cp.Kubeconfig() || attached.RESTConfig().Host != cp.RESTConfig().Host {
		t.Error("another configuration")
	}
	if err := attached.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := cp.ready(t.Context()); err != nil {
		t.Errorf("the cluster after an attached one stopped: %v", err)
	}
	if _, err := Attach("/nonexistent"); err == nil {
		t.Error("attached by no kubeconfig")
	}
}

func TestNamespaceIsDeletedAfterItsTest(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	var name string
	t.Run("test", func(t *testing.T) { name = cp.NewNamespace(t) })
	namespace, err := cp.Client().CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return
	}
	if err != nil || namespace.DeletionTimestamp == nil {
		t.Errorf("the namespace lives: %v", err)
	}
}

func TestStartThatDoesNotSucceedQuotesTheLog(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	tests := map[string]struct {
		flags map[string][]string
		want  string
	}{
		"unknown flag": {map[string][]string{apiServer: {"--no-such-flag"}}, "unknown flag: --no-such-flag"},
		"taken port":   {map[string][]string{etcd: {"--listen-client-urls=http://" + taken.Addr().String()}}, "address already in use"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cp, err := Start(t.Context(), Options{Flags: test.flags})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it started"), cp.Stop()))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q in: %v", test.want, err)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cp, err := Start(ctx, Options{})
	if err == nil {
		t.Fatal(errors.Join(errors.New("it started"), cp.Stop()))
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
