package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
	"github.com/killick-dev/killick/internal/nested"
)

// prune deletes what was granted, last of all and only when everything before went well
// and nothing could still need it (docs/guards.md, P2). Each object is read afresh and passes the
// rules again.
func (r Reconciler) prune(ctx context.Context, request Request, apps []app, a app) app {
	if why := unready(a); why != "" {
		return withholdPrunes(a, why)
	}
	var steps []drift.Step
	at := map[drift.ID]int{}
	for i, result := range a.results {
		if result.Outcome == drift.Planned && result.Step.Decision.Action == drift.Prune {
			steps = append(steps, result.Step)
			at[result.Step.Change.ID] = i
		}
	}
	if len(steps) == 0 {
		return a
	}
	use := r.usedAfter(ctx, request, apps, a)
	facts := pruneFacts(request, apps, a, r.Now())
	for _, result := range a.results {
		if result.UID != "" {
			facts.Desired[result.UID] = true
		}
	}
	court := court{Reconciler: r, request: request, family: family(request)}
	for _, step := range dependency.DeletionOrder(steps) {
		i := at[step.Change.ID]
		switch used := use.of(step.Change.ID); {
		case ctx.Err() != nil:
			return withholdPrunes(a, errStopped.Error())
		case used != "":
			a.results[i] = withheld(step, used)
			continue
		}
		r.Progress.Stage(a.config.Name, "prune", step.Change.ID.Short())
		facts.Now, facts.Occupied = r.Now(), r.occupied(ctx, a.config, step)
		result := court.delete(ctx, a, facts, step)
		a.results[i], use = result, use.after(r.userOf(ctx, a, result, false))
		if result.Outcome == drift.Pruned && result.After == nil {
			facts.Inventory.Entries = slices.DeleteFunc(slices.Clone(facts.Inventory.Entries),
				func(e drift.Entry) bool { return e.ID == step.Change.ID })
		}
	}
	return a
}

// unready is why nothing of the app may be pruned after the writes, or "": it is not
// whole. What an earlier run applied counts as much as what this one did: waiting one run
// must not lift the rule.
func unready(a app) string {
	for _, result := range a.results {
		name := result.Step.Change.ID.Short()
		switch {
		case result.Step.Change.Type == drift.Extra:
		case result.Outcome == drift.Failed:
			return "P2: " + name + " failed"
		case result.Step.Change.Type == drift.Unknown: // judged again at the write
			return "P2: " + name + " could not be read"
		case result.Step.Change.Type == drift.Missing && result.Outcome != drift.Applied:
			return "P2: " + name + " stays missing"
		case result.Outcome == drift.Planned || result.Err != nil:
			return "P2: " + name + " was not applied"
		}
	}
	return ""
}

func withholdPrunes(a app, reason string) app {
	a.results = slices.Clone(a.results)
	for i, result := range a.results {
		if result.Outcome == drift.Planned && result.Step.Decision.Action == drift.Prune {
			a.results[i] = withheld(result.Step, reason)
		}
	}
	return a
}

// withheld is the result of a prune that a rule forbids.
func withheld(step drift.Step, reason string) drift.Result {
	step.Refused = append(slices.Clone(step.Refused), reason)
	return drift.Result{Step: withdraw(step, "not pruned: "+reason)}
}

// delete reads one candidate afresh and deletes it; again when its controller
// reports meanwhile, and nothing else has changed.
func (c court) delete(ctx context.Context, a app, facts guard.PruneFacts, step drift.Step) drift.Result {
	look := func() drift.Observation { return c.Reader.Get(ctx, a.config, step.Change.ID, step.Change.Version) }
	seen := look()
	result := c.deleteSeen(ctx, a, facts, step, seen)
	for _, pause := range diff.Pauses() {
		if !errors.Is(result.Err, drift.ErrConflict) || !rest(ctx, pause) {
			break
		}
		now := look()
		if now.State == drift.Present && !diff.SameButStatus(now.Live, seen.Live) {
			break
		}
		result = c.deleteSeen(ctx, a, facts, step, now)
	}
	return result
}

// again judges a step anew by a fresh look at its object: policy, where more than its
// status has changed, and every guard that reads the live object. What a guard
// withholds as a set until a person accepts it is bound to the object's UID.
func (c court) again(ctx context.Context, a app, facts guard.PruneFacts, step drift.Step, fresh drift.Observation) drift.Step {
	judged := step
	switch {
	case step.Change.Type != drift.Extra:
		step = c.object(ctx, a, step.Object, fresh)
	case diff.SameButStatus(fresh.Live, step.Observation.Live):
		step.Observation.Live = fresh.Live
	default:
		step = c.decide(ctx, a, drift.Object{}, fresh, diff.CompareExtra(fresh, entryOf(a.inventory, step.Change.ID), c.family))
	}
	step = refuse(facts, step)
	if deletes(step) && (!deletes(judged) || step.Change.UID != judged.Change.UID) {
		// No budget has counted it, and nobody has accepted it.
		return withdraw(step, notDone(step)+"it changed while this run was at work")
	}
	return step
}

// deleteSeen deletes exactly what was read, if the rules allow that.
func (c court) deleteSeen(ctx context.Context, a app, facts guard.PruneFacts, step drift.Step, fresh drift.Observation) drift.Result {
	switch fresh.State {
	case drift.Absent:
		return drift.Result{Step: step, Outcome: drift.Pruned}
	case drift.Unreadable:
		return drift.Result{Step: step, Outcome: drift.Failed, Err: fmt.Errorf("%w: %w", errNotReadAgain, fresh.Err)}
	}
	if step = c.again(ctx, a, facts, step, fresh); step.Decision.Action != drift.Prune {
		return drift.Result{Step: step}
	}
	err := c.Writer.Delete(ctx, drift.DeleteRequest{
		App: a.config, ID: step.Change.ID, Version: step.Change.Version,
		UID: nested.UIDOf(fresh.Live), ResourceVersion: nested.ResourceVersionOf(fresh.Live),
	})
	if err != nil {
		return drift.Result{Step: step, Outcome: drift.Failed, Err: err}
	}
	result := drift.Result{Step: step, Outcome: drift.Pruned}
	// An accepted deletion is no confirmed one: a finalizer may hold the object.
	now := c.Reader.Get(ctx, a.config, step.Change.ID, step.Change.Version)
	if now.State == drift.Unreadable || now.State == drift.Present && nested.UIDOf(now.Live) == nested.UIDOf(fresh.Live) {
		result.After = fresh.Live
	}
	return result
}
