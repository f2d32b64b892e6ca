package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
)

// guard withdraws what docs/guards.md forbids: single deletions that a rule refuses, and
// sets of them that a guard withholds until a person accepts. Policy has spoken already;
// a guard can only take away. unused are the accepted hashes that match nothing.
func (r Reconciler) guard(ctx context.Context, request Request, apps []app) (guarded []app, unused []string) {
	guarded = slices.Clone(apps)
	var candidates []drift.Candidates
	whole := len(request.Only) == 0
	for i, a := range guarded {
		if a.err != nil || !a.selected {
			whole = whole && a.err == nil
			candidates = append(candidates, drift.Candidates{App: a.config.Name, Keeps: idsOf(a.objects)})
			continue
		}
		guarded[i] = r.guardApp(ctx, request, apps, a)
		candidates = append(candidates, guarded[i].candidates(r.Now()))
	}
	withholding := guard.Withhold(request.Guards, request.Cluster.UID, candidates)
	for i, a := range guarded {
		if a.selected && a.err == nil {
			guarded[i] = r.withhold(ctx, apps, a, withholding)
		}
	}
	if whole {
		// Only a run that knows every app's deletions can say that a hash is none's.
		unused = withholding.Unused
	}
	return guarded, unused
}

// guardApp asks the rules that nobody can lift, and gathers what the others need to
// know of the app.
func (r Reconciler) guardApp(ctx context.Context, request Request, apps []app, a app) app {
	a.empty = len(a.objects) == 0 && (!a.inventory.Known || a.holds())
	if left := a.leftovers(a.inventory.Entries); len(left) > 0 {
		a.descent = r.unproved(ctx, a)
		a.reappeared = r.reappeared(ctx, request, a, left)
	}
	if !slices.ContainsFunc(a.steps, mayDelete) {
		return a
	}
	facts := pruneFacts(request, apps, a, r.Now())
	facts.Going = going(a.steps)
	steps := slices.Clone(a.steps)
	for i, step := range steps {
		if mayDelete(step) {
			facts.Occupied = r.occupied(ctx, a.config, step)
			steps[i] = refuse(facts, step)
		}
	}
	a.steps = steps
	return r.keepUsed(ctx, apps, a)
}

// holds says that the inventory has more than what is gone and what others take over.
func (a app) holds() bool {
	return slices.ContainsFunc(a.inventory.Entries, func(e drift.Entry) bool {
		same := func(other drift.Entry) bool { return other.ID == e.ID }
		return !slices.ContainsFunc(a.gone, same) && !slices.ContainsFunc(a.leaving, same)
	})
}

// refuse asks every guard that reads one live object whether it may be deleted. It is
// the same question before the first write and on what the last look before a deletion
// returned.
func refuse(facts guard.PruneFacts, step drift.Step) drift.Step {
	switch {
	case step.Change.Type == drift.Extra:
		step.Refused = guard.RefusePrune(facts, step)
		if step.Decision.Action == drift.Prune && len(step.Refused) > 0 {
			return withdraw(step, notDone(step)+step.Refused[0])
		}
	case step.Decision.Replace:
		// Replacing deletes, so what must not be deleted must not be replaced.
		if refused := guard.RefuseReplace(facts, step); len(refused) > 0 {
			step.Refused = refused
			return withdraw(step, notDone(step)+refused[0])
		}
	}
	return step
}

// mayDelete says that a step is for the guards of deletion.
func mayDelete(step drift.Step) bool { return step.Decision.Replace || step.Change.Type == drift.Extra }

// deletes says that a step is to delete its object, for good or to create it again.
func deletes(step drift.Step) bool {
	return step.Decision.Action == drift.Prune || step.Decision.Action.Writes() && step.Decision.Replace
}

func going(steps []drift.Step) map[drift.ID]bool {
	ids := map[drift.ID]bool{}
	for _, step := range steps {
		if step.Decision.Action == drift.Prune {
			ids[step.Change.ID] = true
		}
	}
	return ids
}

// occupied asks about foreign content only where it matters: before a Namespace
// or a CRD would be deleted.
func (r Reconciler) occupied(ctx context.Context, config drift.App, step drift.Step) map[drift.ID]string {
	id := step.Change.ID
	if !container(id) || !deletes(step) {
		return nil
	}
	reason, err := r.Reader.Occupied(ctx, config, id, step.Observation.Live)
	if err != nil {
		reason = "whether it holds foreign objects is not known: " + err.Error()
	}
	return map[drift.ID]string{id: reason}
}

// container says that deleting the object deletes others with it.
func container(id drift.ID) bool {
	return id.GroupKind() == "Namespace" || id.GroupKind() == "CustomResourceDefinition.apiextensions.k8s.io"
}

// pruneFacts go through what every app wants: they cost too much to be gathered
// where nothing is to be deleted.
func pruneFacts(request Request, apps []app, a app, now time.Time) guard.PruneFacts {
	facts := guard.PruneFacts{
		App: a.config, Now: now, Inventory: a.inventory, Incomplete: a.incomplete, Guards: request.Guards,
		Own:    request.own(),
		Wanted: map[drift.ID]string{}, Desired: map[string]bool{},
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

// reappeared says of objects that left the render why they left: rendered with what the
// cluster served when the app was last applied, this very commit has them (docs/guards.md, P2).
//
// A chart that renders a Deployment only where foo.example.com/v1 is served has it no
// more once that CRD is deleted; Git still wants it.
func (r Reconciler) reappeared(ctx context.Context, request Request, a app, gone []drift.ID) map[drift.ID]string {
	left := map[drift.ID]string{}
	today := request.Capabilities.Served()
	for _, saw := range a.guards.Saw {
		if saw.Equal(today) {
			continue
		}
		objects, err := r.renderWith(ctx, request, a, saw)
		if err != nil {
			for _, id := range gone {
				left[id] = "P2: whether it left because of the cluster is not known: rendering with what was served before: " + err.Error()
			}
			continue
		}
		for _, object := range objects {
			if slices.Contains(gone, object.ID) {
				left[object.ID] = "P2: it left because of the cluster, not because of Git: " + changed(saw, today)
			}
		}
	}
	return left
}

// renderWith renders the app's commit as if the cluster served what it did then.
func (r Reconciler) renderWith(ctx context.Context, request Request, a app, saw drift.Served) ([]drift.Object, error) {
	checkout, err := r.checkout(ctx, a.config.Repository)
	if err != nil {
		return nil, err
	}
	then := request.Capabilities
	then.KubeVersion, then.APIVersions = saw.KubeVersion, saw.APIVersions
	rendered, err := r.render(ctx, drift.RenderRequest{App: a.config, Checkout: checkout, Capabilities: then})
	return rendered.Objects, err
}

// changed words how two clusters differ for a template.
func changed(then, now drift.Served) string {
	var words []string
	if then.KubeVersion != now.KubeVersion {
		words = append(words, fmt.Sprintf("Kubernetes was %s, is %s", then.KubeVersion, now.KubeVersion))
	}
	const told = 3
	for _, part := range []struct {
		says string
		in   []string
		out  []string
	}{{"not served any more: ", then.APIVersions, now.APIVersions}, {"served now: ", now.APIVersions, then.APIVersions}} {
		var only []string
		for _, version := range part.in {
			if _, found := slices.BinarySearch(part.out, version); !found {
				only = append(only, version)
			}
		}
		if more := len(only) - told; more > 0 {
			only = append(only[:told], fmt.Sprintf("and %d more", more))
		}
		if len(only) > 0 {
			words = append(words, part.says+strings.Join(only, ", "))
		}
	}
	return strings.Join(words, "; ")
}

// candidates are the app's granted deletions that no rule has refused.
func (a app) candidates(now time.Time) drift.Candidates {
	found := drift.Candidates{App: a.config.Name, Inventory: a.standing(), Keeps: idsOf(a.objects),
		Deleted: a.guards.Deleted(now), Empty: a.empty, Accepted: a.guards.Accepted,
		Source: map[drift.ID]string{}, Cluster: a.reappeared}
	for _, step := range a.steps {
		if !deletes(step) {
			continue
		}
		id := step.Change.ID
		found.Delete = append(found.Delete, drift.Candidate{ID: id, UID: step.Change.UID, Replace: step.Decision.Replace})
		if why := guard.RefuseSource(a.guards, a.source, a.descent.why, id); why != "" {
			found.Source[id] = why
		}
	}
	return found
}

// standing is the inventory without what is gone, or on its way out.
func (a app) standing() drift.Inventory {
	over := map[drift.ID]bool{}
	for _, entry := range a.gone {
		over[entry.ID] = true
	}
	for _, step := range a.steps {
		if step.Change.Type == drift.Extra && step.Change.Terminating {
			over[step.Change.ID] = true
		}
	}
	left := a.inventory
	left.Entries = slices.DeleteFunc(slices.Clone(left.Entries), func(e drift.Entry) bool { return over[e.ID] })
	return left
}

func idsOf(objects []drift.Object) []drift.ID {
	ids := make([]drift.ID, len(objects))
	for i, object := range objects {
		ids[i] = object.ID
	}
	return ids
}

// withhold takes away the deletions that a guard withholds, those of what these use, and
// those of what holds them.
func (r Reconciler) withhold(ctx context.Context, apps []app, a app, withholding guard.Withholding) app {
	a.withheld = withholding.Apps[a.config.Name]
	a.empty = a.empty && !slices.ContainsFunc(a.withheld, func(set drift.Withheld) bool {
		return set.Guard == drift.GuardEmpty && set.Accepted
	})
	steps := slices.Clone(a.steps)
	stay := false
	for i, step := range steps {
		if !deletes(step) {
			continue
		}
		if against := withholding.Against(a.config.Name, step.Change.ID); len(against) > 0 {
			steps[i], stay = withdrawDeletion(step, against), true
		}
	}
	a.steps = steps
	if stay {
		a = r.keepUsed(ctx, apps, a)
	}
	return keepContainers(a)
}

// keepContainers takes away the deletions of what holds something that stays.
func keepContainers(a app) app {
	steps := slices.Clone(a.steps)
	left := going(steps)
	for i, step := range steps {
		if container(step.Change.ID) && step.Decision.Action == drift.Prune {
			if why := guard.RefuseContainer(step.Change.ID, step.Observation.Live, a.inventory, left); why != "" {
				steps[i].Refused = append(slices.Clone(step.Refused), why)
				steps[i] = withdraw(steps[i], notDone(step)+why)
			}
		}
	}
	a.steps = steps
	return a
}

func withdrawDeletion(step drift.Step, against []drift.Withheld) drift.Step {
	step.Refused = slices.Clone(step.Refused)
	for _, set := range against {
		step.Refused = append(step.Refused, set.Reason)
	}
	return withdraw(step, notDone(step)+against[0].Reason)
}

// notDone begins the reason of a deletion that was withdrawn.
func notDone(step drift.Step) string {
	if step.Decision.Replace {
		return "not replaced: "
	}
	return "not pruned: "
}

// stops are the sets that a guard withholds now and that stop the app's writes.
func (a app) stops() []drift.Withheld {
	var stops []drift.Withheld
	for _, set := range a.withheld {
		if set.Guard.Stops() && !set.Accepted && !set.Later {
			stops = append(stops, set)
		}
	}
	return stops
}

// acceptHint is the line that lifts a guard for one set.
func acceptHint(hash string) string {
	return fmt.Sprintf("to accept exactly this, add to the config: guards: {accept: [%q]}", hash)
}

// unusedWarnings ask for hashes to be removed that do nothing any more.
func unusedWarnings(unused []string) []string {
	var warnings []string
	for _, hash := range unused {
		warnings = append(warnings, fmt.Sprintf("guards.accept: %s matches nothing any more: remove it from the config", hash))
	}
	return warnings
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
