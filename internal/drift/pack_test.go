package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A packed object is the same object again, numbers included, and whoever needs its
// manifest finds it.
func TestPack(t *testing.T) {
	t.Parallel()
	object := desired(t, deploymentYAML)
	object.Manifest["spec"].(map[string]any)["mixed"] = []any{int64(1) << 60, int64(-3), 1.5, 1e21, "<&>", "", nil, true, map[string]any{}, []any{}}
	packed, err := object.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if packed.Manifest != nil {
		t.Error("the tree is still there")
	}
	if diff := cmp.Diff(object, packed.Unpack()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(object, object.Unpack()); diff != "" {
		t.Error(diff)
	}
	s := synced(t, configMapYAML)
	object = desired(t, configMapYAML)
	if packed, err = object.Pack(); err != nil {
		t.Fatal(err)
	}
	if got := (Belief{Trust: TrustProof}).Settles(packed, Row{}, s.live, false); got != ByProof {
		t.Errorf("a packed manifest proves %v", got)
	}
	seen := Observation{State: Present, Live: s.live}
	facts := InputFacts{App: App{Name: "storefront"}}
	if diff := cmp.Diff(BuildInput(object, seen, Change{}, facts), BuildInput(packed, seen, Change{}, facts)); diff != "" {
		t.Errorf("policies see another object: %s", diff)
	}
	object.Manifest["spec"] = func() {}
	if _, err := object.Pack(); err == nil {
		t.Error("what is no JSON is packed")
	}
}
