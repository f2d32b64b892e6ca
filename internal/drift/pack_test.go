package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// A packed object is the same object again, numbers included, and whoever needs its
// manifest finds it.
func TestPack(t *testing.T) {
	t.Parallel()
	object := model.Desired(t, model.DeploymentYAML)
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
	s := model.Synced(t, model.ConfigMapYAML)
	object = model.Desired(t, model.ConfigMapYAML)
	if packed, err = object.Pack(); err != nil {
		t.Fatal(err)
	}
	if got := diff.Predict((drift.Belief{Trust: drift.TrustProof}), packed, drift.Row{}, s.Live, false); got != drift.ByProof {
		t.Errorf("a packed manifest proves %v", got)
	}
	seen := drift.Observation{State: drift.Present, Live: s.Live}
	facts := decide.InputFacts{App: drift.App{Name: "storefront"}}
	if diff := cmp.Diff(decide.InputOf(object, seen, drift.Change{}, facts), decide.InputOf(packed, seen, drift.Change{}, facts)); diff != "" {
		t.Errorf("policies see another object: %s", diff)
	}
	object.Manifest["spec"] = func() {}
	if _, err := object.Pack(); err == nil {
		t.Error("what is no JSON is packed")
	}
}
