package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/redact"
)

// judge observes all apps at once, compares every object and lets the policies
// decide. Nothing is written.
func (r Reconciler) judge(ctx context.Context, request Request, apps []app) []app {
	var wants []drift.Want
	var at []int
	scaled := scaledBy(apps)
	for i, a := range apps {
		if a.selected && a.err == nil {
			a.scaled = scaled
			wants = append(wants, request.want(a))
			at = append(at, i)
		}
	}
	if len(wants) == 0 {
		return apps
	}
	r.Progress.Stage("", "observe", "")
	seen, err := r.Reader.Observe(ctx, wants)
	judged := slices.Clone(apps)
	if err != nil {
		for _, i := range at {
			judged[i] = judged[i].fail("observe", err)
		}
		return judged
	}
	court := court{Reconciler: r, request: request, family: family(request)}
	if slices.ContainsFunc(seen, func(s drift.Seen) bool { return len(s.Extras) > 0 }) {
		court.takers = takersOf(apps)
	}
	wanted, failed := contested(apps), failedApps(apps)
	sized, silenced := sizedBy(apps, seen), silenced{}
	for j, i := range at {
		r.Progress.Stage(judged[i].config.Name, "decide", "")
		judged[i].contested, judged[i].rivals, judged[i].silenced = wanted, failed, silenced
		judged[i].scaled, judged[i].sized = scaled, sized
		judged[i] = court.app(ctx, judged[i], seen[j])
		silenced = judged[i].silenced
	}
	for _, i := range at {
		judged[i].silenced = silenced // for what is judged once more, before it is written
	}
	return judged
}

// court is what judging any object of a run needs.
type court struct {
	Reconciler
	request Request
	family  map[string]string
	takers  map[drift.ID]bool
}

// app judges one app's objects, several at once; each has its own slot.
func (c court) app(ctx context.Context, a app, seen drift.Seen) app {
	steps, silenced := c.objects(ctx, a, seen)
	a.silenced = silenced
	for i, step := range steps {
		a.objects[i].Packed = nil // from here on only steps are looked at
		if !step.Decision.Action.Writes() {
			steps[i].Object.Packed = nil
		}
	}
	a.steps = steps
	for _, observation := range seen.Objects {
		a.secrets = append(a.secrets, redact.SecretValues(observation.ID, observation.Live)...)
	}
	for _, observation := range append(slices.Clone(seen.Extras), seen.Labelled...) {
		a.secrets = append(a.secrets, redact.SecretValues(observation.ID, observation.Live)...)
	}
	a = c.extras(ctx, a, seen)
	a.problems, a.forgotten = seen.Problems, seen.RebuildIncomplete
	a.incomplete = c.incomplete(a)
	return a
}

// object compares one desired object and decides about it.
func (c court) object(ctx context.Context, a app, object drift.Object, observation drift.Observation) drift.Step {
	if observation.Prediction != drift.ByMemo {
		object = object.Unpack()
	}
	change, err := c.compare(ctx, a, object, observation)
	if errors.Is(err, drift.ErrConflict) {
		// It changed while it was judged. One more look; if that does not help
		// either, the comparison that there is stands.
		if fresh, failed := c.observeOne(ctx, a, object); failed == nil {
			observation = fresh
			change, _ = c.compare(ctx, a, object, observation)
		}
	}
	step := c.decide(ctx, a, object, observation, change)
	if step.Decision.Action.Writes() {
		step.Object = step.Object.Unpack()
	}
	return step
}

// compare is how an object differs. The error says that the API server did not
// tell everything that was asked; then the differences stand as they were found.
func (c court) compare(ctx context.Context, a app, object drift.Object, observation drift.Observation) (drift.Change, error) {
	observation.Sized = a.sized[object.ID]
	comparison := diff.Comparison{
		App: a.config, Object: object, Observation: observation,
		PartOf: a.partOf, Family: c.family, DesiredHash: a.hashes[object.ID], Noise: c.request.Noise,
		Contested: len(a.contested[object.ID]) > 0,
	}
	if i := slices.IndexFunc(a.inventory.Entries, func(e drift.Entry) bool { return e.ID == object.ID }); i >= 0 {
		comparison.Entry = &a.inventory.Entries[i]
	}
	if row, ok := a.state.Rows[object.ID.String()]; ok {
		comparison.Row = &row
		comparison.Digest = func() string {
			digest, err := diff.HashLive(c.request.Noise, c.request.Key, observation.Live)
			if err != nil {
				return "" // equals no recorded one
			}
			return digest
		}
	}
	change := diff.Compare(comparison)
	if observation.Live == nil {
		return change, nil
	}
	return comparison.Ask(change, diff.Questions{
		Patch: func(patch []nested.PatchOp) (map[string]any, error) {
			return c.Reader.DryPatch(ctx, a.config, change.ID, change.Version, observation.Live, patch)
		},
		Create: func() (map[string]any, error) { return c.Reader.DryCreate(ctx, a.config, object) },
	})
}

// observeOne reads one object again, with all that belongs to it, and asks the API
// server about it.
func (r Reconciler) observeOne(ctx context.Context, a app, object drift.Object) (drift.Observation, error) {
	seen, err := r.Reader.Observe(ctx, []drift.Want{{
		App: a.config, PartOf: a.partOf, Objects: []drift.Object{object}, Inventory: drift.Inventory{Known: true}, Scaled: a.scaled,
	}})
	if err != nil {
		return drift.Observation{}, err
	}
	if len(seen) != 1 || len(seen[0].Objects) != 1 {
		return drift.Observation{}, errors.New("the object was not observed")
	}
	return seen[0].Objects[0], nil
}

// extras judges what is inventoried or labelled and no longer wanted.
func (c court) extras(ctx context.Context, a app, seen drift.Seen) app {
	for _, observation := range seen.Extras {
		entry := entryOf(a.inventory, observation.ID)
		if observation.State == drift.Absent {
			a.gone = append(a.gone, entry)
			continue
		}
		change := diff.CompareExtra(observation, entry, c.family)
		if heir := c.heir(a, change); heir != "" {
			a.gone = append(a.gone, entry) // it carries the other app's label already
			continue
		}
		if c.takes(a, change) {
			a.leaving = append(a.leaving, entry) // told by the app that wants it
			continue
		}
		if entry.UID == "" && ours(a.partOf, change) {
			// It was created by a run that died before it could write down the UID.
			a.adopted = append(a.adopted, drift.Entry{ID: entry.ID, Version: entry.Version, UID: change.UID})
		}
		a = a.judged(c.decide(ctx, a, drift.Object{}, observation, change))
	}
	for _, observation := range seen.Labelled {
		if observation.State != drift.Present || skipped(a, observation.ID) {
			continue
		}
		entry := drift.Entry{ID: observation.ID, Version: versionOf(observation.Live), UID: nested.UIDOf(observation.Live)}
		change := diff.CompareExtra(observation, entry, c.family)
		if !ours(a.partOf, change) {
			continue // a copy of the label: somebody else's object
		}
		a.adopted = append(a.adopted, entry)
		a = a.judged(c.decide(ctx, a, drift.Object{}, observation, change))
	}
	return a
}

// ours says that a live object proves by itself that this app applied it:
// docs/guards.md, P4.
func ours(partOf string, change drift.Change) bool {
	own := change.Ownership
	return own.PartOf == partOf && own.LabelOwned && !own.Controlled
}

// heir is the app that took an extra over: its live label names that app, and we
// wrote it. A label that somebody else wrote makes no heir.
func (c court) heir(a app, change drift.Change) string {
	name := c.family[change.Ownership.PartOf]
	if name == a.config.Name || !change.Ownership.LabelOwned {
		return ""
	}
	return name
}

// takes says that an object of this app, which it does not want any more, is another
// app's to take over in this run: there it is one line of the report. Where that app is not
// looked at, or has dropped out, this one says so (docs/guards.md, P7).
func (c court) takes(a app, change drift.Change) bool {
	return c.takers[change.ID] && ours(a.partOf, change)
}

// takersOf are the objects that an app of this run wants and can write.
func takersOf(apps []app) map[drift.ID]bool {
	wanted := map[drift.ID]bool{}
	for _, a := range apps {
		if !a.selected || a.err != nil {
			continue
		}
		for _, object := range a.objects {
			wanted[object.ID] = true
		}
	}
	return wanted
}

// decide asks the policies about one change and combines what they say.
func (c court) decide(ctx context.Context, a app, object drift.Object, observation drift.Observation, change drift.Change) drift.Step {
	step := drift.Step{App: a.config.Name, Object: object, Observation: observation, Change: c.told(change, nil)}
	facts := c.facts(a, step)
	var verdict drift.Verdict
	if asked(step.Change, facts) {
		step.NotAsked = c.Policies.NotAsked(step.Change.ID.Namespace)
		if err := a.silenced.among(c.Policies.Speakers(step.Change.ID.Namespace)); err != nil {
			step.Decision = decide.Decide(step.Change, drift.Verdict{Err: err}, facts)
			return step
		}
		input := c.input(a, step)
		reasons, err := c.Policies.IgnoreFields(ctx, input)
		if err == nil {
			patterns, bad := pointers(reasons)
			if err = bad; err == nil && len(patterns) > 0 {
				step.Change = c.told(change, patterns)
				input = c.input(a, step)
			}
		}
		switch {
		case err != nil:
			verdict = drift.Verdict{Err: err}
		case asked(step.Change, facts):
			verdict = c.Policies.Evaluate(ctx, input)
			left, bad := pointers(verdict.Reasons[drift.VerbAlertOnlyFields])
			if step.Change = decide.LeaveToPeople(step.Change, left); bad != nil {
				verdict = drift.Verdict{Err: bad}
			}
		}
	}
	if errors.Is(verdict.Err, drift.ErrRunaway) && c.halt != nil {
		c.halt(verdict.Err)
	}
	step.Decision = decide.Decide(step.Change, verdict, facts)
	return step
}

// told is a change without what policy's patterns ignore. Where nothing is to be written,
// a dry-run that the account may not ask for is no refusal; only a plan goes on to doubt
// what it could not ask about, since a run has to come to a verdict.
func (c court) told(change drift.Change, patterns []nested.Path) drift.Change {
	change = diff.WithoutIgnored(change, patterns)
	if c.request.Mode.Acts() {
		return change
	}
	return diff.WithoutDryRun(change, c.request.Mode == Plan)
}

// asked says whether policy has a say: about every difference, and about objects
// that are equal and not ours (they may be adopted).
func asked(change drift.Change, facts decide.Facts) bool {
	if change.Type == drift.Unknown || len(facts.Incomplete) > 0 {
		return false
	}
	return change.Type != drift.InSync || !change.Ownership.Tracked
}

func pointers(reasons []drift.Reason) ([]nested.Path, error) {
	paths := make([]nested.Path, 0, len(reasons))
	for _, reason := range reasons {
		path, err := nested.ParsePointer(reason.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", reason.Rule, reason.Verb, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// incomplete lists why nothing of an app may be pruned (docs/guards.md, P2, as far as it
// is known before the first write).
func (c court) incomplete(a app) []string {
	var reasons []string
	for _, problem := range a.problems {
		reasons = append(reasons, problem.Message)
	}
	for _, step := range a.steps {
		switch {
		case step.Change.NotVerified():
			reasons = append(reasons, step.Change.ID.Short()+" was not verified")
		case step.Change.Type == drift.Unknown:
			reasons = append(reasons, step.Change.ID.Short()+" could not be read")
		case step.Decision.Failed:
			reasons = append(reasons, step.Change.ID.Short()+" could not be decided")
		case refused(step):
			reasons = append(reasons, step.Change.ID.Short()+" would be refused by the API server")
		case step.Change.Type == drift.Missing && !step.Decision.Action.Writes():
			reasons = append(reasons, step.Change.ID.Short()+" stays missing")
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

func entryOf(inventory drift.Inventory, id drift.ID) drift.Entry {
	for _, entry := range inventory.Entries {
		if entry.ID == id {
			return entry
		}
	}
	return drift.Entry{ID: id}
}

func versionOf(live map[string]any) string {
	apiVersion, _ := live["apiVersion"].(string)
	_, version, _ := drift.ParseAPIVersion(apiVersion) // what the server answered is well-formed
	return version
}
