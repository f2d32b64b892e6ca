package reconcile

import (
	"errors"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
)

// guardingBefore is what the guards of deletion must know if the run dies while it
// writes: which source created an object, from which commit and with what the cluster
// serves; and how much it may have deleted, so that the next run has not its whole
// budget again.
func (a app) guardingBefore(request Request, created []drift.ID, entries []drift.Entry) drift.GuardState {
	guards := a.guards.Applied(a.source.String(), created, entries)
	if !slices.ContainsFunc(a.results, func(r drift.Result) bool { return r.Outcome == drift.Planned }) {
		return guards
	}
	if !slices.Contains(guards.Commits, a.commit) {
		guards.Commits = append(slices.Clone(guards.Commits), a.commit)
	}
	if a.rendered.AskedCapabilities {
		guards = guards.Seeing(request.Capabilities.Served())
	}
	if !a.deleting.IsZero() {
		guards = guards.Deleting(a.deleting, deleted(a.results)).Accepting(a.withheld)
	}
	return guards
}

// guardingAfter is what they know after the run.
//
// What Git has no more and the inventory still holds must not become prunable by waiting.
// The commit moves on when this one descends from the last, or when nothing of that sort
// is left. Where history was rewritten those objects are marked instead: a person decides
// about them, and about nothing that leaves Git later. What the cluster served is
// remembered as long as one of them would be rendered with it.
func (a app) guardingAfter(request Request, entries []drift.Entry) drift.GuardState {
	var applied []drift.ID
	for _, result := range a.results {
		step := result.Step
		if result.Outcome == drift.Applied || step.Change.Type == drift.InSync && step.Change.Ownership.Tracked {
			applied = append(applied, step.Change.ID)
		}
	}
	guards := a.guards.Applied(a.source.String(), applied, entries).Standing(request.Guards.Accept, entries)
	if !a.deleting.IsZero() {
		guards = guards.Deleting(a.deleting, deleted(a.results))
	}
	left := a.leftovers(entries)
	switch {
	case len(left) == 0 || a.descent.why == "":
		guards.Commits = []drift.AppliedCommit{a.commit}
	case a.descent.final:
		guards = guards.Applied(guard.RewrittenSource(a.descent.why), left, entries)
		guards.Commits = []drift.AppliedCommit{a.commit}
	}
	served := request.Capabilities.Served()
	switch {
	case !a.rendered.AskedCapabilities:
		guards.Saw = nil // what it leaves out is Git's wish
	case slices.ContainsFunc(left, func(id drift.ID) bool { return a.reappeared[id] != "" }):
		guards = guards.Seeing(served)
	default:
		guards.Saw = []drift.Served{served}
	}
	return guards
}

// leftovers are the objects of an inventory that the app does not want any more, whether
// they could be read in this run or not.
func (a app) leftovers(entries []drift.Entry) []drift.ID {
	wanted := map[drift.ID]bool{}
	for _, object := range a.objects {
		wanted[object.ID] = true
	}
	for _, id := range a.rendered.LeftOut {
		wanted[id] = true
	}
	var left []drift.ID
	for _, entry := range entries {
		if !wanted[entry.ID] {
			left = append(left, entry.ID)
		}
	}
	return left
}

// errNotReadAgain says that nothing was deleted, since the last look before it failed.
var errNotReadAgain = errors.New("reading it again before pruning")

// deleted counts the steps that delete: what is to go, or went, or of which that is not
// known. What was surely refused is still there.
func deleted(results []drift.Result) int {
	refusals := []error{errNotReadAgain, drift.ErrForbidden, drift.ErrDenied, drift.ErrInvalid, drift.ErrNotServed, drift.ErrConflict}
	count := 0
	for _, result := range results {
		refused := slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(result.Err, refusal) })
		if deletes(result.Step) && result.Outcome != drift.Skipped && !refused {
			count++
		}
	}
	return count
}
