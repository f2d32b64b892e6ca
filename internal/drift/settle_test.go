package drift

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was never compared must not become in sync because it has no differences.
func TestSettleLeavesWhatWasNotCompared(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]Change{
		"missing":                {Type: Missing, Cause: CauseLive},
		"missing and unverified": {Type: Missing, Cause: CauseGit, Unverified: true, Err: ErrForbidden},
		"extra":                  {Type: Extra, Cause: CauseGit, UID: "u"},
		"may not be read":        {Type: Unknown, Err: ErrForbidden},
		"admission hides it":     {Type: Unknown, Err: ErrDenied},
		"could not be read":      {Type: Unknown, Err: errors.New("the connection was refused")},
	} {
		if got := settle(change); got.Type != change.Type || got.Cause != change.Cause {
			t.Errorf("%s became %s by %s", name, got.Type, got.Cause)
		}
	}
}

// Where the API server does not say what it would store without an addition, that is said
// of that addition, and of no other.
func TestAdditionsThatWereNotVerified(t *testing.T) {
	t.Parallel()
	s := synced(t, deploymentYAML)
	s.set("kubectl-label", "metadata labels team", "a")
	s.set("kubectl-edit", "spec minReadySeconds", int64(5))
	c := s.comparison(deploymentYAML)
	for _, test := range []struct {
		name  string
		patch DryPatch
		want  map[string]bool
	}{
		{"refused altogether", func([]PatchOp) (map[string]any, error) { return nil, ErrForbidden },
			map[string]bool{"metadata.labels.team": true, "spec.minReadySeconds": true}},
		{"answered", func(patch []PatchOp) (map[string]any, error) { return applyPatch(t, CloneMap(s.live), patch), nil },
			map[string]bool{"metadata.labels.team": false, "spec.minReadySeconds": false}},
	} {
		change, _ := c.Ask(Compare(c), Questions{Patch: test.patch})
		got := map[string]bool{}
		for _, field := range change.Fields {
			got[field.Path.String()] = field.Unverified
			if field.Unverified != (field.Note == notVerifiedAddition) {
				t.Errorf("%s: %s is noted %q", test.name, field.Path, field.Note)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || change.Type != Modified {
			t.Errorf("%s: %s (-want +got):\n%s", test.name, change.Type, diff)
		}
	}
}
