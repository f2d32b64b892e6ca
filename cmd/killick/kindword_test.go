package main

import (
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// Whatever kubectl takes for a kind means it here, and nothing else does.
func TestChoice(t *testing.T) {
	served := drift.Capabilities{Kinds: map[drift.Kind]drift.KindInfo{
		{Group: "apps", Version: "v1", Kind: "Deployment"}:             {Resource: "deployments", Names: []string{"deploy", "deployment"}},
		{Version: "v1", Kind: "ConfigMap"}:                             {Resource: "configmaps", Names: []string{"cm", "configmap"}},
		{Group: "example.com", Version: "v2", Kind: "Deployment"}:      {Resource: "deployments", Names: []string{"dpl"}},
		{Group: "example.com", Version: "v1", Kind: "Deployment"}:      {Resource: "deployments", Names: []string{"dpl"}},
		{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}: {Resource: "certificates", Names: []string{"cert", "certs", "certificate"}},
	}}
	objects := []drift.ID{{Group: "apps", Kind: "Deployment", Namespace: "a", Name: "x"}, {Group: "example.com", Kind: "Deployment", Namespace: "a", Name: "x"},
		{Kind: "ConfigMap", Namespace: "a", Name: "x"}, {Kind: "ConfigMap", Namespace: "b", Name: "x"},
		{Group: "cert-manager.io", Kind: "Certificate", Namespace: "a", Name: "x"}, {Group: "nobody.io", Kind: "Car", Namespace: "a", Name: "x"}}
	for _, test := range []struct {
		kind, namespace string
		want            int // how many of the objects
		known           bool
	}{
		{kind: "deploy", want: 1, known: true}, {kind: "DPL", want: 1, known: true}, {kind: "Deployment", want: 2, known: true},
		{kind: "deployments", want: 2, known: true}, {kind: "deployments.apps", want: 1, known: true}, {kind: "Deployment.Example.com", want: 1, known: true},
		{kind: "deployments.v1.apps", want: 1, known: true}, {kind: "deploy.v1.apps", want: 1, known: true}, {kind: "deployments.v3.example.com", want: 0},
		{kind: "cm", want: 2, known: true}, {kind: "cm", namespace: "b", want: 1, known: true}, {kind: "ConfigMaps.v1", want: 2, known: true},
		{kind: "certs", want: 1, known: true}, {kind: "cert.cert-manager.io", want: 1, known: true},
		{kind: "car", want: 1}, {kind: "Car.nobody.io", want: 1}, {kind: "cars", want: 0},
	} {
		chosen, known := choice{kind: test.kind, name: "x", namespace: test.namespace}.in(served)
		got := 0
		for _, id := range objects {
			if chosen(id) {
				got++
			}
		}
		if got != test.want || known != test.known {
			t.Errorf("%s: %d objects, known %v; want %d, %v", test.kind, got, known, test.want, test.known)
		}
	}
	if near := (choice{kind: "deploymant"}).near(served); near != "deployment" {
		t.Errorf("near: %q", near)
	}
}
