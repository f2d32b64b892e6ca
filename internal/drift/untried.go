package drift

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotVerified says that only a dry-run could tell, and that the account may not ask for one.
var ErrNotVerified = errors.New("not verified")

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
func WithoutDryRun(change Change, verify bool) Change {
	if !errors.Is(change.Err, ErrForbidden) || change.Type == Unknown || change.Type == Extra {
		return change
	}
	change.Untried = true
	undecided := change.Type == InSync || change.Type == Modified && !slices.ContainsFunc(change.Fields, func(f FieldChange) bool { return !f.Unsure })
	switch {
	case undecided && verify:
		change.Type, change.Cause, change.Err = Unknown, CauseNone, notVerified(change.Err)
		change.Findings = slices.DeleteFunc(slices.Clone(change.Findings), func(said string) bool { return strings.HasPrefix(said, saidLocal) })
		return change
	case change.Type != InSync:
		change.Findings = append(slices.Clone(change.Findings), saidUntried)
	}
	change.Err = nil
	return change
}

// NotVerified says that a change is Unknown for want of a dry-run alone: the object was
// read.
func (c Change) NotVerified() bool { return c.Type == Unknown && errors.Is(c.Err, ErrNotVerified) }

func notVerified(refusal error) error {
	problem := &Problem{Stage: "observe",
		Hint: "ask as an account that may create and patch the kind, as the chart's detect preset does",
		Err:  fmt.Errorf("%w: this account may not ask the API server for a dry-run", ErrNotVerified)}
	var known *Problem
	if errors.As(refusal, &known) {
		problem.File = known.File
	}
	return problem
}
