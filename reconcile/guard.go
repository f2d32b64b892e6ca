package reconcile

import (
	"context"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// guard withdraws what SAFETY.md forbids: the whole app when its render is empty,
// single prunes that a rule refuses, and all prunes of an app over its budget.
// Policy has spoken already; a guard can only take away.
func (r Reconciler) guard(ctx context.Context, request Request, apps []app) []app {
	guarded := slices.Clone(apps)
	var candidates []drift.Candidates
	for i, a := range guarded {
		if !a.selected || a.err != nil {
			continue
		}
		guarded[i] = r.guardApp(ctx, request, apps, a)
		candidates = append(candidates, drift.Candidates{
			App: a.config.Name, Inventory: a.inventory, Prunes: prunesOf(guarded[i]), Keeps: idsOf(a.objects),
		})
	}
	over := drift.Budget(request.Guards.Prune, candidates)
	for i, a := range guarded {
		if reason := over[a.config.Name]; reason != "" && a.selected && a.err == nil {
			guarded[i] = withdrawPrunes(a, reason)
		}
	}
	return guarded
}

func (r Reconciler) guardApp(ctx context.Context, request Request, apps []app, a app) app {
	if drift.EmptyRefused(request.Guards, a.config.Name, a.revision.Commit, len(a.objects)) {
		a.empty, a.guarded = true, "the render is empty"
	}
	if !slices.ContainsFunc(a.steps, mayDelete) {
		return a
	}
	facts := pruneFacts(request, apps, a)
	steps := slices.Clone(a.steps)
	for i, step := range steps {
		facts.Occupied = r.occupied(ctx, a.config, step)
		if step.Decision.Replace {
			// Replacing deletes, so what must not be deleted must not be replaced.
			if refused := drift.RefuseReplace(facts, step); len(refused) > 0 {
				steps[i].Refused = refused
				steps[i] = withdraw(steps[i], "not replaced: "+refused[0])
			}
		}
		if step.Change.Type != drift.Extra {
			continue
		}
		steps[i].Refused = drift.RefusePrune(facts, step)
		if step.Decision.Action == drift.Prune && len(steps[i].Refused) > 0 {
			steps[i] = withdraw(steps[i], "not pruned: "+steps[i].Refused[0])
		}
	}
	a.steps = steps
	return a
}

// mayDelete says that a step is for the guards of deletion.
func mayDelete(step drift.Step) bool { return step.Decision.Replace || step.Change.Type == drift.Extra }

// occupied asks about foreign content only where it matters: before a Namespace
// or a CRD would be deleted.
func (r Reconciler) occupied(ctx context.Context, config drift.App, step drift.Step) map[drift.ID]string {
	id := step.Change.ID
	container := id.GroupKind() == "Namespace" || id.GroupKind() == "CustomResourceDefinition.apiextensions.k8s.io"
	if !container || step.Decision.Action != drift.Prune && !step.Decision.Replace {
		return nil
	}
	reason, err := r.Reader.Occupied(ctx, config, id, step.Observation.Live)
	if err != nil {
		reason = "whether it holds foreign objects is not known: " + err.Error()
	}
	return map[drift.ID]string{id: reason}
}

// pruneFacts go through what every app wants: they cost too much to be gathered
// where nothing is to be deleted.
func pruneFacts(request Request, apps []app, a app) drift.PruneFacts {
	facts := drift.PruneFacts{
		App: a.config, Commit: a.revision.Commit, Inventory: a.inventory, Rendered: len(a.objects),
		Incomplete: a.incomplete, Source: a.source, Guards: request.Guards,
		StateNamespace: request.StateNamespace,
		Wanted:         map[drift.ID]string{}, Desired: map[string]bool{},
	}
	for _, other := range apps {
		if other.err != nil && other.config.Name != a.config.Name {
			facts.Unknown = append(facts.Unknown, other.config.Name)
		}
		for _, object := range other.objects {
			if other.config.Name != a.config.Name {
				facts.Wanted[object.ID] = other.config.Name
			}
		}
		for _, step := range other.steps {
			if step.Change.Type != drift.Extra && step.Change.UID != "" {
				facts.Desired[step.Change.UID] = true
			}
		}
	}
	return facts
}

func prunesOf(a app) []drift.ID {
	var ids []drift.ID
	for _, step := range a.steps {
		if step.Decision.Action == drift.Prune {
			ids = append(ids, step.Change.ID)
		}
	}
	return ids
}

func idsOf(objects []drift.Object) []drift.ID {
	ids := make([]drift.ID, len(objects))
	for i, object := range objects {
		ids[i] = object.ID
	}
	return ids
}

func withdrawPrunes(a app, reason string) app {
	a.guarded = reason
	steps := slices.Clone(a.steps)
	for i, step := range steps {
		if step.Decision.Action == drift.Prune {
			steps[i].Refused = append(slices.Clone(step.Refused), reason)
			steps[i] = withdraw(steps[i], "not pruned: "+reason)
		}
	}
	a.steps = steps
	return a
}

// withdraw turns a decision to act into alert-only and keeps what was overruled.
func withdraw(step drift.Step, reason string) drift.Step {
	d := step.Decision
	step.Decision = drift.Decision{
		Reason: reason, Overruled: append(slices.Clone(d.Overruled), d.Because...),
		Severity: d.Severity, Routes: d.Routes,
	}
	return step
}
