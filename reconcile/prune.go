package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// prune deletes what was granted, last of all and only when everything before
// went well: every granted apply succeeded and everything applied is Current
// (SAFETY P2). Each object is read afresh and passes the rules again.
func (r Reconciler) prune(ctx context.Context, request Request, apps []app, a app) app {
	if why := r.unready(a); why != "" {
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
	facts := pruneFacts(request, apps, a)
	for _, result := range a.results {
		if result.UID != "" {
			facts.Desired[result.UID] = true
		}
	}
	for _, step := range drift.DeletionOrder(steps) {
		if ctx.Err() != nil {
			return withholdPrunes(a, errStopped.Error())
		}
		r.Progress.Stage(a.config.Name, "prune", step.Change.ID.Short())
		facts.Occupied = r.occupied(ctx, a.config, step)
		a.results[at[step.Change.ID]] = r.delete(ctx, a, facts, step)
	}
	return a
}

// unready is why nothing may be pruned after the writes, or "". What an earlier
// run applied counts as much as what this one did: waiting one run must not lift
// the rule.
func (r Reconciler) unready(a app) string {
	for _, result := range r.withHealth(a.results, r.Now()) {
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
		case !usable[result.Health.Status], paused(result):
			return fmt.Sprintf("P2: %s is %s", name, result.Health.Status)
		}
	}
	return ""
}

// paused says that a rollout was stopped on its way: pods of the old revision may
// still use what leaves Git. A suspended CronJob uses nothing.
func paused(result drift.Result) bool {
	rollouts := []string{"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps"}
	return result.Health.Status == drift.HealthSuspended && slices.Contains(rollouts, result.Step.Change.ID.GroupKind())
}

func withholdPrunes(a app, reason string) app {
	a.results = slices.Clone(a.results)
	for i, result := range a.results {
		if result.Outcome == drift.Planned && result.Step.Decision.Action == drift.Prune {
			step := withdraw(result.Step, "not pruned: "+reason)
			step.Refused = append(slices.Clone(step.Refused), reason)
			a.results[i] = drift.Result{Step: step}
		}
	}
	return a
}

// delete reads one candidate afresh and deletes it; again when its controller
// reports meanwhile, and nothing else has changed.
func (r Reconciler) delete(ctx context.Context, a app, facts drift.PruneFacts, step drift.Step) drift.Result {
	look := func() drift.Observation { return r.Reader.Get(ctx, a.config, step.Change.ID, step.Change.Version) }
	seen := look()
	result := r.deleteSeen(ctx, a, facts, step, seen)
	for _, pause := range drift.Pauses() {
		if !errors.Is(result.Err, drift.ErrConflict) || !rest(ctx, pause) {
			break
		}
		now := look()
		if now.State == drift.Present && !drift.SameButStatus(now.Live, seen.Live) {
			break
		}
		result = r.deleteSeen(ctx, a, facts, step, now)
	}
	return result
}

// deleteSeen deletes exactly what was read, if the rules allow that.
func (r Reconciler) deleteSeen(ctx context.Context, a app, facts drift.PruneFacts, step drift.Step, fresh drift.Observation) drift.Result {
	switch fresh.State {
	case drift.Absent:
		return drift.Result{Step: step, Outcome: drift.Pruned}
	case drift.Unreadable:
		return drift.Result{Step: step, Outcome: drift.Failed, Err: fmt.Errorf("reading it again before pruning: %w", fresh.Err)}
	}
	step.Observation.Live = fresh.Live
	if refused := drift.RefusePrune(facts, step); len(refused) > 0 {
		step.Refused = refused
		return drift.Result{Step: withdraw(step, "not pruned: "+refused[0])}
	}
	err := r.Writer.Delete(ctx, drift.DeleteRequest{
		App: a.config, ID: step.Change.ID, Version: step.Change.Version,
		UID: drift.UIDOf(fresh.Live), ResourceVersion: drift.ResourceVersionOf(fresh.Live),
	})
	if err != nil {
		return drift.Result{Step: step, Outcome: drift.Failed, Err: err}
	}
	result := drift.Result{Step: step, Outcome: drift.Pruned}
	// An accepted deletion is no confirmed one: a finalizer may hold the object.
	now := r.Reader.Get(ctx, a.config, step.Change.ID, step.Change.Version)
	if now.State == drift.Unreadable || now.State == drift.Present && drift.UIDOf(now.Live) == drift.UIDOf(fresh.Live) {
		result.After = fresh.Live
	}
	return result
}
