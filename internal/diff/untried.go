package diff

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// WithoutDryRun is a change as it is told where nothing is to be written and the account
// may not ask what a write would do: what the manifest and the live object show by
// themselves counts, and a finding says that the API server was not asked. It is no
// refusal, since whoever applies may do so under another account.
//
// An object that looks equal is not thereby in sync, except by its own managedFields or a
// memo, for which nobody is asked: with verify it is Unknown, and so is one of which all
// that differs may be the server's own (Unsure). Without, equality is believed, and said in
// a finding (settle), as in a run that may not dry-run. The change is Untried in any case:
// it makes no memo.
func WithoutDryRun(change drift.Change, verify bool) drift.Change {
	if !errors.Is(change.Err, drift.ErrForbidden) || change.Type == drift.Unknown || change.Type == drift.Extra {
		return change
	}
	change.Untried = true
	undecided := change.Type == drift.InSync || change.Type == drift.Modified && !slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return !f.Unsure })
	switch {
	case undecided && verify:
		change.Type, change.Cause, change.Err = drift.Unknown, drift.CauseNone, notVerified(change.Err)
		change.Findings = slices.DeleteFunc(slices.Clone(change.Findings), func(said string) bool { return strings.HasPrefix(said, drift.FindingComparedLocally) })
		return change
	case change.Type != drift.InSync:
		change.Findings = append(slices.Clone(change.Findings), drift.FindingNotDryRun)
	}
	change.Err = nil
	return change
}

func notVerified(refusal error) error {
	problem := &drift.Problem{Stage: "observe",
		Hint: "ask as an account that may create and patch the kind, as the chart's detect preset does",
		Err:  fmt.Errorf("%w: this account may not ask the API server for a dry-run", drift.ErrNotVerified)}
	var known *drift.Problem
	if errors.As(refusal, &known) {
		problem.File = known.File
	}
	return problem
}
