package diff

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/redact"
)

// Comparison is what comparing one desired object needs.
type Comparison struct {
	App         drift.App
	Object      drift.Object
	Observation drift.Observation
	PartOf      string // the app's ApplySet id
	// Noise tells hands from programs; the zero value is the built-in table.
	Noise drift.Noise
	// Family are the ApplySet ids of all apps of this installation: an object of
	// another app is handed over, not foreign.
	Family map[string]string
	// Contested says that another app wants the object as well: it goes from none to none.
	Contested bool
	// Entry is the object's inventory entry, if any.
	Entry *drift.Entry
	// Row is the memo of the last state confirmed in sync, if any.
	Row *drift.Row
	// DesiredHash is today's value of what the row recorded.
	DesiredHash string
	// Digest gives today's value likewise; it costs much and is rarely asked for.
	Digest func() string
}

// Compare says how one desired object and its observation differ. It asks
// nobody: the API server's own prediction stands in the observation.
func Compare(c Comparison) drift.Change {
	c.Object = KeepNondeterministic(c.Noise, c.Object, c.Observation.Live)
	change := drift.Change{ID: c.Object.ID, Version: c.Object.Version}
	switch c.Observation.State {
	case drift.Unreadable:
		change.Err = cmp.Or(c.Observation.Err, errors.New("the object could not be read"))
		return change
	case drift.Absent:
		return missing(c, change)
	}
	live := c.Observation.Live
	if live == nil && c.Observation.Prediction == drift.ByMemo {
		return confirmed(c, change)
	}
	change.UID, change.ResourceVersion = nested.UIDOf(live), nested.ResourceVersionOf(live)
	entries, err := ownership.Read(c.Noise, live)
	if err != nil {
		change.Err = err
		return change
	}
	change.Ownership = ownershipOf(c, live, entries)
	if c.Observation.Prediction == drift.ByMemo {
		change.Findings = c.Observation.Memo.Findings
		return Classify(change)
	}
	change.Terminating = nested.Metadata(live)["deletionTimestamp"] != nil
	if change.Terminating {
		change.Findings = append(change.Findings,
			fmt.Sprintf("is being deleted since %v", nested.Metadata(live)["deletionTimestamp"]))
	}
	if slices.ContainsFunc(entries, ownership.Entry.Merged) {
		change.Findings = append(change.Findings, drift.FindingMergedEntries)
	}
	change.Findings = append(change.Findings, c.chance()...)
	fields, err := fieldChanges(c, entries, &change)
	if err != nil {
		change.Err = err
		return change
	}
	change.Fields = redact.MaskFields(c.Object.ID, c.membership(fields, change.Ownership))
	if redact.IsSecret(c.Object.ID) && len(change.Fields) > 0 {
		change.Fields = redact.WithoutOwn(change.Fields, redact.Redactor{}.WithValues(redact.SecretValues(c.Object.ID, c.Object.Manifest)...).WithValues(redact.SecretValues(c.Object.ID, live)...))
	}
	if change.Ownership.Recreated {
		change.Findings = append(change.Findings,
			drift.FindingRecreated)
	}
	change.Findings = append(change.Findings, c.saysMembership(change.Ownership)...)
	return Classify(change)
}

// Classify derives type and cause from the fields that are left. Equality that the
// API server did not confirm is believed when the server only judged who asks or
// what admission thinks of it; it is said in a finding. When the server found the
// manifest itself impossible and no difference explains why, the object is
// Unknown.
//
// It is total: what was not compared (missing, extra, unread) stays what it is, since
// without differences it would look equal.
func Classify(change drift.Change) drift.Change {
	unread := change.Type == drift.Unknown && change.UID == "" && change.Err != nil && len(change.Fields) == 0
	if change.Type == drift.Missing || change.Type == drift.Extra || unread {
		return change
	}
	change.Type, change.Cause = drift.InSync, drift.CauseNone
	for _, field := range change.Fields {
		change.Type = drift.Modified
		change.Cause |= field.Cause
	}
	switch {
	case change.Type == drift.Modified:
	case change.Terminating:
		change.Type, change.Cause = drift.Modified, drift.CauseLive
	case change.Err == nil:
	case errors.Is(change.Err, drift.ErrForbidden) || errors.Is(change.Err, drift.ErrDenied):
		said := drift.FindingComparedLocally + change.Err.Error()
		if !slices.Contains(change.Findings, said) {
			change.Findings = append(slices.Clone(change.Findings), said)
		}
	default:
		change.Type = drift.Unknown
	}
	return change
}

// confirmed is the change of an object that nobody has written since its memo row
// was made: that row says all there is to say.
func confirmed(c Comparison, change drift.Change) drift.Change {
	row := c.Observation.Memo
	change.Type, change.UID, change.ResourceVersion, change.Findings = drift.InSync, row.UID, row.Version, row.Findings
	change.Ownership = drift.Ownership{Tracked: true, PartOf: c.PartOf, LabelOwned: true, Autoscaled: c.Observation.Autoscaled}
	return change
}

// missing judges an absent object. A Job with a TTL that was applied from this
// very manifest finished and was removed by the TTL controller.
func missing(c Comparison, change drift.Change) drift.Change {
	if Expires(c.Object) && c.ran() {
		change.Type, change.Ownership.Tracked = drift.InSync, true
		if c.Entry != nil && c.Entry.Finished != "" && !drift.SameKey(c.Entry.Finished, c.DesiredHash) {
			change.Findings = []string{"finished and was removed; the key of the stored hashes was lost since, so whether Git wants another one cannot be told"}
		}
		return change
	}
	change.Type, change.Cause, change.Findings = drift.Missing, drift.CauseGit, c.chance()
	change.Unverified = c.Observation.Prediction == drift.Unverified
	change.Err = c.Observation.Err
	if c.Entry != nil && c.Entry.UID != "" {
		change.Ownership.Tracked = true
		if Expires(c.Object) && c.Entry.Finished != "" {
			return change // the one that ran was another: Git wants a new one
		}
		change.Cause = drift.CauseLive
		change.Findings = append(change.Findings, drift.FindingDeleted)
	}
	return change
}

// Expires says that the TTL controller removes the object once it has finished: a
// Job with a TTL. Creating it again would run it again.
func Expires(object drift.Object) bool {
	spec, _ := object.Manifest["spec"].(map[string]any)
	return object.ID.GroupKind() == "Job.batch" && spec["ttlSecondsAfterFinished"] != nil
}

// ran says that a Job was applied from this very manifest: the inventory remembers,
// or the cache does. When the key of the hashes was lost nobody can tell, and a Job
// that may have run does not run again.
func (c Comparison) ran() bool {
	if c.Entry != nil && c.Entry.Finished != "" {
		return c.Entry.Finished == c.DesiredHash || !drift.SameKey(c.Entry.Finished, c.DesiredHash)
	}
	return c.unmoved()
}

// unmoved says that Git wants what it wanted when the memo row was written.
func (c Comparison) unmoved() bool {
	return c.Row != nil && c.DesiredHash != "" && c.Row.DesiredHash == c.DesiredHash
}

// fieldChanges finds the differences against the server's prediction, or
// locally where there is none, and the additions by other managers.
func fieldChanges(c Comparison, entries []ownership.Entry, change *drift.Change) ([]drift.FieldChange, error) {
	var found []rawChange
	var ours, shape *fieldpath.Set
	var refusal *drift.Refusal
	switch {
	case c.Observation.Predicted != nil:
		predicted, err := ownership.Read(c.Noise, c.Observation.Predicted)
		if err != nil {
			return nil, err
		}
		ours, shape = ownership.OwnFields(predicted), ownership.Structure(entries, predicted)
		diff := differ{root: shape}
		diff.object(c.Observation.Predicted, c.Observation.Live)
		rewritten := c.rewritten(ours)
		if len(rewritten) > 0 {
			change.Findings = append(change.Findings, DescribeRewritten(rewritten))
		}
		found = c.judgeable(c.withoutQuiet(diff.found), rewritten, ours, entries)
		if change.Ownership.Tracked && !change.Ownership.Recreated {
			change.Findings = append(change.Findings, lostOwnership(ours, entries, len(found) == 0)...)
		}
	case errors.As(c.Observation.Err, &refusal), c.Observation.Err == nil && c.Observation.Prediction == drift.ByComparison:
		local := localDiff(c.Object.Manifest, c.Observation.Live, entries, c.Row != nil && !c.unmoved())
		ours, shape, found = local.ours, local.root, local.found
		change.Err = c.Observation.Err
		change.Immutable = drift.ImmutablePaths(c.Observation.Err)
	default:
		return nil, cmp.Or(c.Observation.Err, errors.New("nobody said what an apply would store"))
	}
	fields := c.explain(found, entries, shape)
	if c.Observation.Predicted == nil {
		claimed(fields, found, entries, shape)
	}
	added := c.additions(entries, ours, shape, fields, change.Ownership.Tracked)
	fields = slices.DeleteFunc(fields, func(f drift.FieldChange) bool { return covered(added, f.Path) })
	fields = append(fields, added...)
	fields = append(fields, slices.DeleteFunc(c.kept(entries, shape), func(f drift.FieldChange) bool { return covered(fields, f.Path) })...)
	fields = append(fields, c.rescaled(entries, shape, fields)...)
	fields = append(fields, c.leftovers(entries, fields)...)
	fields = slices.DeleteFunc(fields, func(f drift.FieldChange) bool { return c.ofChance(f.Path) })
	if !change.Ownership.Tracked {
		fields = withoutMembership(fields, change.Ownership)
		for i := range fields {
			fields[i].Cause = drift.CauseGit // never ours: Git asks for something new
		}
	}
	slices.SortFunc(fields, func(a, b drift.FieldChange) int { return cmp.Compare(a.Path.Pointer(), b.Path.Pointer()) })
	return fields, nil
}

// withoutQuiet leaves out what the server changes beside our fields: it counts a
// DaemonSet's templates in an annotation, for example.
func (c Comparison) withoutQuiet(found []rawChange) []rawChange {
	return slices.DeleteFunc(found, func(raw rawChange) bool {
		_, wanted := ownership.ValueAt(c.Object.Manifest, raw.path)
		return !wanted && c.Noise.IsQuiet(ownership.PathOf(raw.path))
	})
}

// rescaled finds replicas that somebody set by hand where Git names none. The scale
// subresource leaves no trace in managedFields when nobody owned the field
// (apiserver, fieldmanager/scalehandler.go), so only the memo can tell; an
// autoscaler may always write it.
func (c Comparison) rescaled(entries []ownership.Entry, shape *fieldpath.Set, found []drift.FieldChange) []drift.FieldChange {
	path := fieldpath.MakePathOrDie("spec", "replicas")
	live, present := ownership.ValueAt(c.Observation.Live, path)
	_, wanted := ownership.ValueAt(c.Object.Manifest, path)
	if c.Row == nil || c.Row.Replicas == nil || c.Row.UID != nested.UIDOf(c.Observation.Live) || c.Observation.Autoscaled ||
		wanted || !present || nested.EqualValues(live, *c.Row.Replicas) || covered(found, ReplicasPath) {
		return nil
	}
	if ownership.Owner(entries, shape, path).Manager != "" {
		return nil // its manager's class has said what it is
	}
	return []drift.FieldChange{{
		Path: ReplicasPath, Op: drift.OpAdd, Live: live, Cause: drift.CauseLive, Addition: true,
		Note: fmt.Sprintf("scaled from %d; the scale subresource does not record by whom", *c.Row.Replicas),
	}}
}

// IsReplicas says that a difference is about the number of replicas.
func IsReplicas(field drift.FieldChange) bool { return field.Path.Equal(ReplicasPath) }

// claimed marks what Git dropped and a person or program applied too: as long as
// their entry names it, an apply leaves it there, or the keys of it alone, which
// the server refuses (`containers[0].image: Required value`).
func claimed(fields []drift.FieldChange, found []rawChange, entries []ownership.Entry, shape *fieldpath.Set) {
	for i := range fields {
		fields[i].Addition = fields[i].Op == drift.OpAdd && slices.ContainsFunc(entries, func(entry ownership.Entry) bool {
			return entry.Human() && ownership.Touches(entry.Fields, shape, found[i].path)
		})
	}
}

// withoutMembership leaves out that an object of nobody's does not carry our
// part-of label: that it is not ours is no difference from Git.
func withoutMembership(fields []drift.FieldChange, own drift.Ownership) []drift.FieldChange {
	return slices.DeleteFunc(fields, func(f drift.FieldChange) bool { return !own.Foreign && aboutMembership(f) })
}

// lostOwnership says what became of the record of what we applied: it is gone
// altogether, or others have the fields that an apply would make ours although
// nothing differs. Fields that nobody owns are only new in Git.
func lostOwnership(ours *fieldpath.Set, entries []ownership.Entry, equal bool) []string {
	own := ownership.OwnFields(entries)
	switch {
	case len(entries) == 0:
		return []string{drift.FindingNoManagers}
	case own.Empty():
		return []string{drift.FindingNoEntry}
	case !equal:
		return nil
	}
	lost := ours.Difference(own)
	var names []string
	for _, entry := range entries {
		if !entry.Ours() && !entry.Fields.Intersection(lost).Empty() {
			names = append(names, strconv.Quote(entry.Manager))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []string{drift.FindingOwnershipTaken + ": " + strings.Join(slices.Compact(names), ", ")}
}

// elsewhere says that somebody wrote the object at another API version, for a
// field that nobody owns at this one.
func elsewhere(entries []ownership.Entry, apiVersion string) string {
	for _, entry := range entries {
		if entry.Human() && entry.ApiVersion != apiVersion {
			return fmt.Sprintf("nobody owns it at %s; %q wrote at %s", apiVersion, entry.Manager, entry.ApiVersion)
		}
	}
	return ""
}

// CompareExtra describes an inventoried object that no app wants any more.
func CompareExtra(observation drift.Observation, entry drift.Entry, family map[string]string) drift.Change {
	change := drift.Change{ID: observation.ID, Version: entry.Version}
	if observation.State != drift.Present {
		change.Err = cmp.Or(observation.Err, errors.New("the object could not be read"))
		return change
	}
	live := observation.Live
	entries, err := ownership.Read(drift.Noise{}, live) // nobody asks for classes here
	if err != nil {
		change.Err = err
		return change
	}
	change.Type, change.Cause = drift.Extra, drift.CauseGit
	change.UID, change.ResourceVersion = nested.UIDOf(live), nested.ResourceVersionOf(live)
	change.Ownership = ownership.LiveOwnership(live, entries)
	_, mine := family[change.Ownership.PartOf]
	change.Ownership.Tracked = entry.UID != "" && entry.UID == change.UID
	change.Ownership.Foreign = change.Ownership.PartOf != "" && !mine
	change.Terminating = nested.Metadata(live)["deletionTimestamp"] != nil
	return change
}
