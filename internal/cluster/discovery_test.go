package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

func TestCapabilitiesFromDiscovery(t *testing.T) {
	read := metav1.Verbs{"get", "list"}
	got := capabilities("v1.36.3", []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: read},
			{Name: "pods/log", Kind: "Pod", Namespaced: true},
			{Name: "bindings", Kind: "Binding", Namespaced: true, Verbs: metav1.Verbs{"create"}},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{
			{Name: "deployments/scale", Kind: "Scale", Namespaced: true},
			{Name: "deployments", Kind: "Deployment", Namespaced: true, Verbs: read},
		}},
		{GroupVersion: "odd.io/v1", APIResources: []metav1.APIResource{
			{Name: "aliases", Kind: "Odd", Verbs: metav1.Verbs{"create"}},
			{Name: "odds", Kind: "Odd", Verbs: read},
			{Name: "zodds", Kind: "Odd", Verbs: read},
		}},
	})
	want := drift.Capabilities{
		KubeVersion: "v1.36.3",
		APIVersions: []string{"apps/v1", "apps/v1/Deployment", "apps/v1/Scale", "odd.io/v1", "odd.io/v1/Odd", "v1", "v1/Binding", "v1/Pod"},
		Kinds: map[drift.Kind]drift.KindInfo{
			{Version: "v1", Kind: "Pod"}:                       {Resource: "pods", Namespaced: true, Verbs: read},
			{Version: "v1", Kind: "Binding"}:                   {Resource: "bindings", Namespaced: true, Verbs: []string{"create"}},
			{Group: "apps", Version: "v1", Kind: "Deployment"}: {Resource: "deployments", Namespaced: true, Scalable: true, Verbs: read},
			{Group: "odd.io", Version: "v1", Kind: "Odd"}:      {Resource: "odds", Verbs: read},
		},
		Degraded: map[string]string{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestResolve(t *testing.T) {
	served := drift.Capabilities{
		Kinds: map[drift.Kind]drift.KindInfo{
			{Version: "v1", Kind: "Pod"}:                       {Resource: "pods", Verbs: []string{"get"}},
			{Version: "v1", Kind: "Binding"}:                   {Resource: "bindings", Verbs: []string{"create"}},
			{Group: "x.io", Version: "v1beta1", Kind: "Thing"}: {Resource: "things", Verbs: []string{"get"}},
		},
		Degraded: map[string]string{"metrics.k8s.io/v1": "no endpoints"},
	}
	cases := []struct {
		why  string
		kind drift.Kind
		is   error
		says string
	}{
		{"served", drift.Kind{Version: "v1", Kind: "Pod"}, nil, ""},
		{"only created, never read", drift.Kind{Version: "v1", Kind: "Binding"}, drift.ErrInvalid, "cannot be read back"},
		{"nobody serves it", drift.Kind{Group: "y.io", Version: "v1", Kind: "Y"}, drift.ErrNotServed, "y.io/v1 Y"},
		{"served at another version", drift.Kind{Group: "x.io", Version: "v1", Kind: "Thing"}, drift.ErrNotServed, "served versions: v1beta1"},
	}
	for _, c := range cases {
		_, err := resolve(served, c.kind)
		if !errors.Is(err, c.is) || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v", c.why, err)
		}
	}
	_, err := resolve(served, drift.Kind{Group: "metrics.k8s.io", Version: "v1", Kind: "NodeMetrics"})
	if err == nil || errors.Is(err, drift.ErrNotServed) || !strings.Contains(err.Error(), "no endpoints") {
		t.Errorf("a kind of an API that is down is unknown, not unserved: %v", err)
	}
}

func TestNamesCannotLeaveTheirPlace(t *testing.T) {
	of := resource{drift.Kind{Group: "apps", Version: "v1", Kind: "Deployment"}, drift.KindInfo{Resource: "deployments", Namespaced: true}}
	good, err := of.object("shop", "web")
	if err != nil || good != "/apis/apps/v1/namespaces/shop/deployments/web" {
		t.Errorf("got %q, %v", good, err)
	}
	for _, bad := range []struct{ why, namespace, name string }{
		{"parent folder as name", "shop", ".."},
		{"slash in a name", "shop", "../../secrets/x"},
		{"escape in a name", "shop", "a%2fb"},
		{"no name", "shop", ""},
		{"no namespace", "", "web"},
		{"slash in a namespace", "kube-system/secrets/x", "web"},
	} {
		if path, err := of.object(bad.namespace, bad.name); !errors.Is(err, drift.ErrInvalid) {
			t.Errorf("%s: got path %q, %v", bad.why, path, err)
		}
	}
	for _, version := range []string{"", "a/b/c", "apps/..", "../v1"} {
		if path, err := groupVersionPath(version); err == nil {
			t.Errorf("apiVersion %q became %q", version, path)
		}
	}
}

func TestForetell(t *testing.T) {
	crd := tree(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: x.io
  names: {kind: Thing}
  versions: [{name: v1, served: true}, {name: v1alpha1, served: false}]`)
	future := foretell([]drift.Want{
		{Objects: []drift.Object{{ID: drift.ID{Kind: "Namespace", Name: "shop"}}}},
		{Objects: []drift.Object{
			{ID: drift.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "things.x.io"}, Manifest: crd},
			{ID: drift.ID{Group: "x.io", Kind: "Namespace", Name: "impostor"}},
		}},
	})
	want := foretold{namespaces: map[string]bool{"shop": true}, kinds: map[drift.Kind]bool{{Group: "x.io", Version: "v1", Kind: "Thing"}: true}}
	if diff := cmp.Diff(want, future, cmp.AllowUnexported(foretold{})); diff != "" {
		t.Error("a version that is not served foretells nothing (-want +got):\n" + diff)
	}
}
