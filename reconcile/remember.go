package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// supersetOf is the inventory before the first write: everything it held, what
// this run may create or adopt, and what re-enters a lost one. If the run dies
// now, nothing of ours is forgotten.
func supersetOf(request Request, a app) drift.Inventory {
	var created []drift.ID
	known := map[drift.ID]drift.Entry{}
	for _, entry := range a.inventory.Entries {
		known[entry.ID] = entry
	}
	for _, entry := range a.adopted {
		known[entry.ID] = entry
	}
	for _, result := range a.results {
		step := result.Step
		if result.Outcome != drift.Planned || step.Decision.Action == drift.Prune {
			continue
		}
		if _, ok := known[step.Change.ID]; !ok || step.Decision.Replace {
			created = append(created, step.Change.ID)
			// A replacement that dies between delete and create is ours to finish: the
			// object was not deleted by anybody in the cluster.
			known[step.Change.ID] = drift.Entry{ID: step.Change.ID, Version: step.Object.Version}
		}
	}
	for _, step := range a.steps {
		// What is ours by label and was never written down, because the inventory
		// was lost, re-enters it.
		if step.Change.Type == drift.Extra || !step.Change.Ownership.Tracked || step.Change.UID == "" || step.Decision.Replace {
			continue
		}
		entry := known[step.Change.ID]
		if entry.UID == "" && step.Change.Ownership.PartOf == a.partOf {
			known[step.Change.ID] = drift.Entry{ID: step.Change.ID, Version: step.Object.Version, UID: step.Change.UID}
		}
	}
	superset := inventoryOf(a, known)
	superset.Guards = a.guardingBefore(request, created, superset.Entries).Sealed(request.Key, a.config.Name)
	return superset
}

func inventoryOf(a app, entries map[drift.ID]drift.Entry) drift.Inventory {
	inventory := drift.Inventory{Known: true, Source: a.source.String(), Installation: a.inventory.Installation}
	for _, entry := range entries {
		inventory.Entries = append(inventory.Entries, entry)
	}
	slices.SortFunc(inventory.Entries, func(x, y drift.Entry) int { return x.ID.Compare(y.ID) })
	return inventory
}

func sameInventory(x, y drift.Inventory) bool {
	return x.Known == y.Known && x.Source == y.Source && x.Guards.Same(y.Guards) && slices.Equal(x.Entries, y.Entries)
}

// confirm writes the inventory as it is after the writes: UIDs of what was
// applied, without what was confirmed deleted, gone or handed over; what a
// finalizer still holds stays.
func (r Reconciler) confirm(ctx context.Context, request Request, a app) app {
	known := map[drift.ID]drift.Entry{}
	for _, entry := range a.inventory.Entries {
		known[entry.ID] = entry
	}
	for _, entry := range a.gone {
		delete(known, entry.ID)
	}
	for _, result := range a.results {
		id := result.Step.Change.ID
		switch {
		case result.Outcome == drift.Applied:
			known[id] = drift.Entry{ID: id, Version: result.Step.Object.Version, UID: result.UID, Finished: a.finished(result)}
		case result.Outcome == drift.Pruned && result.After == nil:
			delete(known, id)
		}
	}
	for _, object := range a.objects {
		if entry, ok := known[object.ID]; ok {
			entry.Keep = a.keeps[object.ID]
			known[object.ID] = entry
		}
	}
	confirmed := inventoryOf(a, known)
	a.guards = a.guardingAfter(request, confirmed.Entries)
	confirmed.Guards = a.guards.Sealed(request.Key, a.config.Name)
	if sameInventory(a.inventory, confirmed) {
		return a
	}
	if errors.Is(context.Cause(ctx), drift.ErrLeaseLost) {
		return a // whoever has the lease now writes it; what it holds covers what was done
	}
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishing)
	defer cancel()
	if err := r.Memory.SaveInventory(detached, a.config.Name, confirmed); err != nil {
		a.unconfirmed = len(a.failed) == 0
		a.failed = append(a.failed, fmt.Errorf("what was done stands, and could not be written down; the next run finds it: %w", err))
		return a
	}
	a.inventory = confirmed
	return a
}

// finished is what the inventory keeps of a Job with a TTL, so that it does not run
// again once it is gone.
func (a app) finished(result drift.Result) string {
	if !diff.Expires(result.Step.Object) {
		return ""
	}
	return a.hashes[result.Step.Change.ID]
}

// remember is the app's cache after the run. It is a pure function of what the
// run saw and did.
func remember(request Request, a app, now time.Time) drift.AppState {
	state := drift.AppState{
		Rows: map[string]drift.Row{}, Incidents: map[string]drift.Incident{},
		Heals: map[string][]time.Time{}, Applies: map[string]drift.Applies{}, Notified: a.state.Notified, LastApplied: a.state.LastApplied,
		Basis: request.basis(), Guards: a.guards.Sealed(request.Key, a.config.Name),
	}
	believed := request.believes(a)
	clean := len(a.incomplete) == 0 && len(a.failed) == 0 && a.waits == "" && len(a.stops()) == 0
	for _, result := range a.results {
		step := result.Step
		key := step.Change.ID.String()
		if row, ok := a.state.Rows[key]; ok {
			row.Proof = row.Proof && believed
			state.Rows[key] = named(request, row, result)
		}
		row, confirmed := confirmedRow(request, a, result)
		if confirmed {
			state.Rows[key] = row
		}
		if applies := inVain(a, result, confirmed, now); len(applies.At) > 0 {
			state.Applies[key] = applies
		}
		if drifted(result) {
			clean = false
			incident := firstSeen(a.state.Incidents, key, now)
			incident.Blind = false
			state.Incidents[key] = incident
		}
		if result.Outcome == drift.Pruned {
			delete(state.Rows, key)
		}
		heals := recent(a.state.Heals[key], now)
		if result.After != nil && step.Decision.Action == drift.Heal {
			heals = append(heals, now) // also one that the server took and that changed nothing
		}
		if len(heals) > 0 {
			state.Heals[key] = heals
		}
	}
	if clean {
		state.LastApplied = drift.AppliedRevision{
			Repository: a.revision.Repository, Ref: a.revision.Ref, Commit: a.revision.Commit,
		}
	}
	return state.Sealed(request.Key, a.config.Name)
}

// inVain are the writes of today's manifest that the API server took and that
// did not bring the object to Git's state. A heal counts with the heals.
func inVain(a app, result drift.Result, confirmed bool, now time.Time) drift.Applies {
	id := result.Step.Change.ID
	applies := drift.Applies{DesiredHash: a.hashes[id]}
	if known := a.state.Applies[id.String()]; known.DesiredHash == applies.DesiredHash {
		applies.At = recent(known.At, now)
	}
	if result.After != nil && result.Step.Decision.Action == drift.Sync && !confirmed {
		applies.At = append(applies.At, now)
	}
	return applies
}

// drifted says that an object is not as it should be after this run, or not all of it.
func drifted(result drift.Result) bool {
	if result.Step.Change.Type == drift.InSync && result.Outcome != drift.Failed {
		return false
	}
	return result.Outcome != drift.Pruned && (result.Outcome != drift.Applied || len(unwritten(result)) > 0)
}

func firstSeen(incidents map[string]drift.Incident, key string, now time.Time) drift.Incident {
	if known, ok := incidents[key]; ok {
		return known
	}
	return drift.Incident{FirstSeen: now.UTC().Truncate(time.Second)}
}

// confirmedRow is the memo of an object at which everything is now as Git says: it was in
// sync, or everything that differed was put right, or all that is left of it was added by
// others, which tells what Git wants as well. Only a comparison that found nothing makes a
// row that proves something.
func confirmedRow(request Request, a app, result drift.Result) (drift.Row, bool) {
	step := result.Step
	if diff.Held(step.Change) || step.Change.Untried {
		return drift.Row{}, false
	}
	inSync := step.Change.Type == drift.InSync && step.Change.Ownership.Tracked && result.After == nil
	left, live := unwritten(result), result.After
	switch {
	case inSync && step.Observation.Prediction == drift.ByMemo:
		return renewed(step.Observation.Memo, step.Observation.Live, result.Health), true
	case inSync && step.Observation.State == drift.Absent:
		return drift.Row{DesiredHash: a.hashes[step.Change.ID], Proof: true, Gone: true}, true
	case inSync || result.After == nil && besideAdditions(step.Change):
		live = step.Observation.Live
	case result.Outcome != drift.Applied || !allAdded(left):
		return drift.Row{}, false
	}
	if live == nil {
		return drift.Row{}, false
	}
	row, err := rowOf(request, step, live)
	if err != nil {
		return drift.Row{}, false
	}
	row.DesiredHash = a.hashes[step.Change.ID]
	if slices.ContainsFunc(left, diff.IsReplicas) {
		row.Replicas = a.state.Rows[step.Change.ID.String()].Replicas // somebody scaled it
	}
	change := step.Change
	if !inSync {
		change = stored(request, a, result)
	}
	if change.Type == drift.InSync && change.Err == nil && len(left) == 0 && settled(change) && !slices.ContainsFunc(step.Change.Ignored, isLeftover) {
		row.Proof, row.Autoscaled = true, len(change.Ignored) > 0
		row.Planned = row.Autoscaled && a.scaled[step.Change.ID]
		row.Findings = change.Findings
		row = renewed(row, live, result.Health)
	}
	return row, true
}

// named is the row of an object that was written and is not all as Git says, or is not known
// to be: it also names what was written. Who takes that away again is the cluster.
func named(request Request, row drift.Row, result drift.Result) drift.Row {
	if result.After == nil {
		return row
	}
	object := diff.KeepNondeterministic(request.Noise, result.Step.Object.Unpack(), result.After)
	written, err := diff.RowOf(request.Noise, request.Key, object.Manifest, result.After)
	if err == nil {
		row.Named = row.Named.With(written.Named)
	}
	return row
}

// unwritten are the differences that are still there after the run.
func unwritten(result drift.Result) []drift.FieldChange {
	if result.Outcome != drift.Applied {
		return result.Step.Change.Fields
	}
	granted := result.Step.Decision.Granted
	return slices.DeleteFunc(slices.Clone(result.Step.Change.Fields), func(field drift.FieldChange) bool {
		return slices.ContainsFunc(granted, func(g drift.FieldChange) bool { return g.Path.Equal(field.Path) })
	})
}

// besideAdditions says that an object of ours differs in nothing but what others added.
func besideAdditions(change drift.Change) bool {
	return change.Type == drift.Modified && change.Ownership.Tracked && change.Err == nil && !change.Terminating &&
		len(change.Fields) > 0 && allAdded(change.Fields)
}

// allAdded says that Git has no part in any of the differences.
func allAdded(fields []drift.FieldChange) bool {
	return !slices.ContainsFunc(fields, func(f drift.FieldChange) bool { return !f.Addition || f.Cause != drift.CauseLive })
}

// rowOf is what a row keeps of an object, with the empty lists that Git dropped and policy
// ignores: they are told again when it does not any more.
func rowOf(request Request, step drift.Step, live map[string]any) (drift.Row, error) {
	object := diff.KeepNondeterministic(request.Noise, step.Object.Unpack(), live)
	row, err := diff.RowOf(request.Noise, request.Key, object.Manifest, live)
	for _, field := range step.Change.Ignored {
		if isLeftover(field) {
			row.EmptyLists = append(row.EmptyLists, field.Path)
		}
	}
	return row, err
}

func isLeftover(field drift.FieldChange) bool { return field.Leftover }

// stored compares what a write stored, as far as the object proves it by itself;
// else the next run asks.
func stored(request Request, a app, result drift.Result) drift.Change {
	object := result.Step.Object
	if !diff.Proved(object, result.After) {
		return drift.Change{}
	}
	return diff.Compare(diff.Comparison{
		App: a.config, Object: object, PartOf: a.partOf, Family: family(request), Noise: request.Noise,
		Observation: drift.Observation{ID: object.ID, State: drift.Present, Live: result.After,
			Predicted: result.After, Prediction: drift.ByProof, Autoscaled: result.Step.Observation.Autoscaled},
	})
}

// renewed is a row with what may change about an object that stays in sync. live is
// nil when not even that changed.
func renewed(row drift.Row, live map[string]any, health drift.Health) drift.Row {
	if live == nil {
		return row
	}
	row.Version = nested.ResourceVersionOf(live)
	return row.WithHealth(health)
}

// settled says that nothing about an object that is in sync is policy's to decide
// again: what is left out of the verdict is an autoscaler's.
func settled(change drift.Change) bool {
	return len(change.Ignored) == 0 || change.Ownership.Autoscaled &&
		!slices.ContainsFunc(change.Ignored, func(f drift.FieldChange) bool { return f.Path.Pointer() != "/spec/replicas" })
}
