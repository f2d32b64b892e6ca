package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

func TestAwaitCRD(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	group := e.ns + ".example.com"
	crd := e.object(crdManifest(group, "v1"))
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	if err := client.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err == nil {
		t.Error("a CRD that is not there cannot be awaited")
	}
	e.apply(client, crd)
	if err := client.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	thing := e.object(fmt.Sprintf("{apiVersion: %s/v1, kind: Thing, metadata: {name: a, namespace: NS}, spec: {size: 3}}", group))
	stored, err := client.Apply(e.ctx, drift.ApplyRequest{Object: thing})
	if err != nil || at(stored, "spec", "size") != int64(3) {
		t.Fatalf("%v: %v", err, stored)
	}
	if o := e.look(client, thing); o.State != drift.Present || o.Err != nil {
		t.Errorf("state %v, %v", o.State, o.Err)
	}

	// A CRD that takes names of another one never gets them.
	rival := e.object(strings.ReplaceAll(crdManifest(group, "v1"), "plural: things", "plural: rivals"))
	rival.ID.Name = "rivals." + group
	rival.Manifest["metadata"].(map[string]any)["name"] = rival.ID.Name
	e.apply(client, rival)
	t.Cleanup(func() { e.remove(rival.ID, "v1") })
	if err := client.AwaitCRD(e.ctx, drift.App{}, rival.ID.Name); !errors.Is(err, drift.ErrInvalid) {
		t.Errorf("names that are taken: %v", err)
	}

	// A new version of a kind, while objects exist at the old one: not missing.
	newer := e.object(crdManifest(group, "v1", "v2"))
	next := e.object(fmt.Sprintf("{apiVersion: %s/v2, kind: Thing, metadata: {name: a, namespace: NS}, spec: {size: 3}}", group))
	fresh := e.object(fmt.Sprintf("{apiVersion: %s/v2, kind: Thing, metadata: {name: b, namespace: NS}, spec: {size: 3}}", group))
	seen := e.observe(client, drift.Want{Objects: []drift.Object{newer, next, fresh}})
	if o := seen.Objects[1]; o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrNotServed) {
		t.Errorf("there at v1: state %v, %v", o.State, o.Err)
	}
	if o := seen.Objects[2]; o.State != drift.Absent || o.Prediction != drift.Unverified {
		t.Errorf("at no version: state %v, %v", o.State, o.Err)
	}
}

func crdManifest(group string, versions ...string) string {
	var list []string
	for i, version := range versions {
		list = append(list, fmt.Sprintf(`{name: %s, served: true, storage: %v, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}`, version, i == 0))
	}
	return fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.%s}, spec: {group: %s, scope: Namespaced, names: {plural: things, singular: thing, kind: Thing}, versions: [%s]}}`,
		group, group, strings.Join(list, ", "))
}

// A kind whose CRD is gone has no objects; a path that answers 404 does not say
// that.
func TestExtraOfAKindThatIsGone(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	entry := drift.Entry{ID: drift.ID{Group: "gone." + e.ns + ".example.com", Kind: "Thing", Namespace: e.ns, Name: "old"}, Version: "v1"}
	seen := e.observe(client, drift.Want{Inventory: drift.Inventory{Entries: []drift.Entry{entry}}})
	if o := seen.Extras[0]; o.State != drift.Absent || o.Err != nil {
		t.Errorf("state %v, %v", o.State, o.Err)
	}
	blind := e.connectAs("nobody-"+e.ns, Options{})
	seen = e.observe(blind, drift.Want{Inventory: drift.Inventory{Entries: []drift.Entry{entry}}})
	if o := seen.Extras[0]; o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrNotServed) {
		t.Errorf("who may not look at CRDs cannot know: state %v, %v", o.State, o.Err)
	}
}
