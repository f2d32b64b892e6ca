package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// Where the API server does not say what it would store without an addition, that is said
// of that addition, and of no other.
func TestAdditionsThatWereNotVerified(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	s.Set("kubectl-label", "metadata labels team", "a")
	s.Set("kubectl-edit", "spec minReadySeconds", int64(5))
	c := s.Comparison(model.DeploymentYAML)
	for _, test := range []struct {
		name  string
		patch diff.DryPatch
		want  map[string]bool
	}{
		{"refused altogether", func([]nested.PatchOp) (map[string]any, error) { return nil, drift.ErrForbidden },
			map[string]bool{"metadata.labels.team": true, "spec.minReadySeconds": true}},
		{"answered", func(patch []nested.PatchOp) (map[string]any, error) {
			return model.ApplyPatch(t, nested.CloneMap(s.Live), patch), nil
		},
			map[string]bool{"metadata.labels.team": false, "spec.minReadySeconds": false}},
	} {
		change, _ := c.Ask(diff.Compare(c), diff.Questions{Patch: test.patch})
		got := map[string]bool{}
		for _, field := range change.Fields {
			got[field.Path.String()] = field.Unverified
			if field.Unverified != (field.Note == drift.NoteNotVerified) {
				t.Errorf("%s: %s is noted %q", test.name, field.Path, field.Note)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || change.Type != drift.Modified {
			t.Errorf("%s: %s (-want +got):\n%s", test.name, change.Type, diff)
		}
	}
}
