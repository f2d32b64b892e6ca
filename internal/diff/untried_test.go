package diff

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// A right that is missing to ask is no refusal where nothing is written, and no certainty
// either.
func TestWithoutDryRun(t *testing.T) {
	forbidden := &drift.Problem{File: "apps/shop/web.yaml:3", Err: fmt.Errorf("asking: %w", &drift.Refusal{Kind: drift.ErrForbidden, Message: `User "ci" cannot patch`})}
	known, unsure := drift.FieldChange{Path: nested.Path{"spec", "a"}}, drift.FieldChange{Path: nested.Path{"spec", "b"}, Unsure: true}
	tests := []struct {
		why             string
		change          drift.Change
		plan, run       drift.Type
		untried, failed bool // failed: the error stays
	}{
		{why: "nothing differs as far as can be seen", change: drift.Change{Type: drift.InSync, Err: forbidden}, plan: drift.Unknown, run: drift.InSync, untried: true},
		{why: "a difference is one without the server's word", change: drift.Change{Type: drift.Modified, Fields: []drift.FieldChange{known}, Err: forbidden}, plan: drift.Modified, run: drift.Modified, untried: true},
		{why: "what the server may keep by itself is none for certain", change: drift.Change{Type: drift.Modified, Fields: []drift.FieldChange{unsure}, Err: forbidden}, plan: drift.Unknown, run: drift.Modified, untried: true},
		{why: "beside one that is", change: drift.Change{Type: drift.Modified, Fields: []drift.FieldChange{unsure, known}, Err: forbidden}, plan: drift.Modified, run: drift.Modified, untried: true},
		{why: "what is absent is missing", change: drift.Change{Type: drift.Missing, Err: forbidden}, plan: drift.Missing, run: drift.Missing, untried: true},
		{why: "what could not be read stays unknown, and a failure", change: drift.Change{Type: drift.Unknown, Err: forbidden}, plan: drift.Unknown, run: drift.Unknown, failed: true},
		{why: "a webhook that denies is a refusal of the object", change: drift.Change{Type: drift.Modified, Fields: []drift.FieldChange{known}, Err: &drift.Refusal{Kind: drift.ErrDenied}}, plan: drift.Modified, run: drift.Modified, failed: true},
		{why: "proved, nobody is asked", change: drift.Change{Type: drift.InSync}, plan: drift.InSync, run: drift.InSync},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			for _, as := range []struct {
				verify bool
				want   drift.Type
			}{{true, test.plan}, {false, test.run}} {
				got := WithoutDryRun(test.change, as.verify)
				doubted := test.untried && as.want == drift.Unknown
				if got.Type != as.want || got.Untried != test.untried || got.NotVerified() != doubted {
					t.Errorf("verify %v: %s, untried %v, not verified %v", as.verify, got.Type, got.Untried, got.NotVerified())
				}
				if (got.Err != nil) != (test.failed || doubted) {
					t.Errorf("verify %v: the error is %v", as.verify, got.Err)
				}
				if doubted && (errors.Is(got.Err, drift.ErrForbidden) || drift.ReportOf("", "", got.Err).File != "apps/shop/web.yaml:3" || drift.ReportOf("", "", got.Err).Hint == "") {
					t.Errorf("not a cause with file and hint: %v", got.Err)
				}
				if diff := cmp.Diff(test.change.Fields, got.Fields); diff != "" {
					t.Errorf("the fields changed:\n%s", diff)
				}
			}
		})
	}
}
