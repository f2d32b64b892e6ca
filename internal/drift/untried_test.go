package drift

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A right that is missing to ask is no refusal where nothing is written, and no certainty
// either.
func TestWithoutDryRun(t *testing.T) {
	forbidden := &Problem{File: "apps/shop/web.yaml:3", Err: fmt.Errorf("asking: %w", &Refusal{Kind: ErrForbidden, Message: `User "ci" cannot patch`})}
	known, unsure := FieldChange{Path: Path{"spec", "a"}}, FieldChange{Path: Path{"spec", "b"}, Unsure: true}
	tests := []struct {
		why             string
		change          Change
		plan, run       Type
		untried, failed bool // failed: the error stays
	}{
		{why: "nothing differs as far as can be seen", change: Change{Type: InSync, Err: forbidden}, plan: Unknown, run: InSync, untried: true},
		{why: "a difference is one without the server's word", change: Change{Type: Modified, Fields: []FieldChange{known}, Err: forbidden}, plan: Modified, run: Modified, untried: true},
		{why: "what the server may keep by itself is none for certain", change: Change{Type: Modified, Fields: []FieldChange{unsure}, Err: forbidden}, plan: Unknown, run: Modified, untried: true},
		{why: "beside one that is", change: Change{Type: Modified, Fields: []FieldChange{unsure, known}, Err: forbidden}, plan: Modified, run: Modified, untried: true},
		{why: "what is absent is missing", change: Change{Type: Missing, Err: forbidden}, plan: Missing, run: Missing, untried: true},
		{why: "what could not be read stays unknown, and a failure", change: Change{Type: Unknown, Err: forbidden}, plan: Unknown, run: Unknown, failed: true},
		{why: "a webhook that denies is a refusal of the object", change: Change{Type: Modified, Fields: []FieldChange{known}, Err: &Refusal{Kind: ErrDenied}}, plan: Modified, run: Modified, failed: true},
		{why: "proved, nobody is asked", change: Change{Type: InSync}, plan: InSync, run: InSync},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			for _, as := range []struct {
				verify bool
				want   Type
			}{{true, test.plan}, {false, test.run}} {
				got := WithoutDryRun(test.change, as.verify)
				doubted := test.untried && as.want == Unknown
				if got.Type != as.want || got.Untried != test.untried || got.NotVerified() != doubted {
					t.Errorf("verify %v: %s, untried %v, not verified %v", as.verify, got.Type, got.Untried, got.NotVerified())
				}
				if (got.Err != nil) != (test.failed || doubted) {
					t.Errorf("verify %v: the error is %v", as.verify, got.Err)
				}
				if doubted && (errors.Is(got.Err, ErrForbidden) || ReportOf("", "", got.Err).File != "apps/shop/web.yaml:3" || ReportOf("", "", got.Err).Hint == "") {
					t.Errorf("not a cause with file and hint: %v", got.Err)
				}
				if diff := cmp.Diff(test.change.Fields, got.Fields); diff != "" {
					t.Errorf("the fields changed:\n%s", diff)
				}
			}
		})
	}
}
