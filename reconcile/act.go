package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/write"
)

// writesAtOnce bounds the writes of one stage of one app.
const writesAtOnce = 8

// finishing bounds what is done after a run was told to stop: a write under way
// ends, the inventory and the state are saved.
const finishing = 10 * time.Second

// act carries out what every app's plan allows. Apps are written in the order of
// dependsOn, those of one level at the same time; an app whose dependency is not
// healthy is not written in this run.
func (r Reconciler) act(ctx context.Context, request Request, apps []app) []app {
	acted := slices.Clone(apps)
	for i, a := range acted {
		if a.selected && a.err == nil {
			acted[i].results = planned(a)
		}
	}
	if !request.Mode.Acts() {
		return acted
	}
	for _, level := range levels(acted) {
		group := errgroup.Group{}
		group.SetLimit(appsAtOnce)
		snapshot := slices.Clone(acted)
		for _, i := range level {
			group.Go(func() error {
				acted[i] = r.actApp(ctx, request, snapshot, acted[i])
				return nil
			})
		}
		_ = group.Wait() // failures stand in the results
	}
	return acted
}

// planned are the results where nothing is done: what would be.
func planned(a app) []drift.Result {
	results := make([]drift.Result, len(a.steps))
	for i, step := range a.steps {
		results[i] = drift.Result{Step: step}
		if step.Decision.Action.Writes() && !a.empty {
			results[i].Outcome = drift.Planned
		}
	}
	return results
}

// actApp writes one app: a superset of the inventory first, then stage by stage,
// then the prunes, then the inventory as it is.
func (r Reconciler) actApp(ctx context.Context, request Request, apps []app, a app) app {
	if a.waits = r.unmetDependency(apps, a); a.waits != "" {
		a.results = skipWrites(a.results, a.waits)
		return a
	}
	if a.empty {
		return a
	}
	if ctx.Err() != nil {
		a.results = skipWrites(a.results, errStopped.Error())
		return a
	}
	if deleted(a.results) > 0 {
		a.deleting = r.Now()
	}
	superset := supersetOf(request, a)
	if len(superset.Entries) == 0 && !a.inventory.Known {
		return a // nothing was ever applied, and nothing will be
	}
	if !sameInventory(a.inventory, superset) {
		if err := r.Memory.SaveInventory(ctx, a.config.Name, superset); err != nil {
			a.failed = append(a.failed, fmt.Errorf("nothing was written, since it could not be noted first: %w", err))
			a.results = skipWrites(a.results, "the inventory could not be saved")
			return a
		}
		a = r.secondCopy(ctx, a, superset)
	}
	a = r.writeStages(ctx, request, apps, a)
	a = r.awaitHealth(ctx, a)
	a = r.prune(ctx, request, apps, a)
	return r.confirm(ctx, request, a)
}

// secondCopy writes the guards' second copy where the first one says something new that
// counts only if both do: a run that dies now must leave neither objects of an unknown
// source nor half of an accepted set to accept anew. A failure leaves just that, and is
// told when the state is saved at the end.
func (r Reconciler) secondCopy(ctx context.Context, a app, saved drift.Inventory) app {
	more := len(saved.Entries) > len(a.inventory.Entries) || len(saved.Guards.Accepted) > len(a.guards.Accepted)
	a.inventory, a.guards = saved, saved.Guards
	if more {
		state := a.state
		state.Guards = saved.Guards
		_ = r.Memory.SaveState(ctx, a.config.Name, state)
	}
	return a
}

// writeStages applies what is granted, one stage after the other.
func (r Reconciler) writeStages(ctx context.Context, request Request, apps []app, a app) app {
	a.results = slices.Clone(a.results)
	for _, stage := range dependency.Stages() {
		if stage == dependency.StageAdmission && slices.ContainsFunc(a.results, func(r drift.Result) bool {
			return r.Outcome == drift.Planned && dependency.StageOf(r.Step.Change.ID) == stage
		}) {
			// A webhook before the workload behind it serves would refuse what follows.
			a = r.awaitHealth(ctx, a)
		}
		r.writeStage(ctx, request, apps, &a, stage)
		if stage == dependency.StageCRDs {
			r.awaitCRDs(ctx, &a)
		}
	}
	return a
}

// writeStage applies what is granted of one stage: what others refer to before them. The
// API server refuses a RoleBinding without its Role to whoever may not bind at will.
func (r Reconciler) writeStage(ctx context.Context, request Request, apps []app, a *app, stage dependency.Stage) {
	var steps []drift.Step
	var at []int
	for i, result := range a.results {
		step := result.Step
		if result.Outcome == drift.Planned && step.Decision.Action != drift.Prune && dependency.StageOf(step.Change.ID) == stage {
			steps, at = append(steps, step), append(at, i)
		}
	}
	for _, wave := range dependency.Waves(steps) {
		group := errgroup.Group{}
		group.SetLimit(writesAtOnce)
		for _, n := range wave {
			step, i := steps[n], at[n]
			group.Go(func() error {
				r.Progress.Stage(a.config.Name, doing(step.Decision), step.Change.ID.Short())
				a.results[i] = r.write(ctx, request, apps, *a, step)
				return nil
			})
		}
		_ = group.Wait() // failures stand in the results
	}
}

func doing(d drift.Decision) string {
	if d.Replace {
		return summary.Replaced
	}
	return d.Action.String()
}

// awaitCRDs waits for the CRDs that were applied; one that is not established
// fails, and its custom resources then fail by themselves.
func (r Reconciler) awaitCRDs(ctx context.Context, a *app) {
	for i, result := range a.results {
		if result.Outcome != drift.Applied || dependency.StageOf(result.Step.Change.ID) != dependency.StageCRDs {
			continue
		}
		if err := r.Writer.AwaitCRD(ctx, a.config, result.Step.Change.ID.Name); err != nil {
			a.results[i].Outcome, a.results[i].Err = drift.Failed, err
		}
	}
}

var errStopped = errors.New("the run was told to stop before this write")

// apply makes one write and looks at what the server stored.
func (r Reconciler) apply(ctx context.Context, noise drift.Noise, a app, step drift.Step) drift.Result {
	result := drift.Result{Step: step, Outcome: drift.Failed}
	request, err := write.RequestOf(noise, a.config, step, r.Now())
	if err != nil {
		result.Err = err
		return result
	}
	after, err := r.Writer.Apply(ctx, request)
	if err != nil {
		result.Err = err
		return result
	}
	result.After, result.UID = after, nested.UIDOf(after)
	result.Health = r.Health(after, r.Now())
	if left := write.Remaining(noise, step.Decision.Granted, request.Object.Manifest, after, step.Observation.Predicted); len(left) > 0 {
		result.Err = fmt.Errorf("still differs at %s", left[0])
		return result
	}
	result.Outcome = drift.Applied
	return result
}

func unhealthy(result drift.Result) bool {
	return result.Outcome == drift.Applied && result.Health.Status != drift.HealthCurrent
}

// unsettled are the statuses that may still change by themselves.
var unsettled = map[drift.HealthStatus]bool{
	"": true, drift.HealthInProgress: true, drift.HealthUnknown: true, drift.HealthTerminating: true,
}

func skipWrites(results []drift.Result, reason string) []drift.Result {
	out := slices.Clone(results)
	for i, result := range out {
		if result.Outcome == drift.Planned {
			out[i].Outcome = drift.Skipped
			out[i].Err = errors.New(reason)
		}
	}
	return out
}

// patience is how long an app waits for its health: its healthTimeout, and never more than
// half of what is left of the run, since others depend on it and state is to be saved.
func (a app) patience(ctx context.Context) time.Duration {
	bound := a.config.HealthTimeout
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(deadline)/2)
	}
	return bound
}

// awaitHealth polls what was applied until it is Current or the app's patience is spent.
// What is still in progress then is carried to the next run, and so is at once what waits
// for something from outside.
func (r Reconciler) awaitHealth(ctx context.Context, a app) app {
	deadline := time.NewTimer(a.patience(ctx))
	defer deadline.Stop()
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	for {
		var waiting []int
		for i, result := range a.results {
			if unhealthy(result) && unsettled[result.Health.Status] && !result.Health.Outside {
				waiting = append(waiting, i)
			}
		}
		if len(waiting) == 0 {
			return a
		}
		r.Progress.Stage(a.config.Name, "health", a.results[waiting[0]].Step.Change.ID.Short())
		select {
		case <-ctx.Done():
			return a
		case <-deadline.C:
			return a
		case <-tick.C:
		}
		for _, i := range waiting {
			step := a.results[i].Step
			if now := r.Reader.Get(ctx, a.config, step.Change.ID, step.Object.Version); now.State == drift.Present {
				a.results[i].Health = r.Health(now.Live, r.Now())
			}
		}
	}
}

// healthInterval is the pause between two looks at what was applied.
const healthInterval = 500 * time.Millisecond
