package diff

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/redact"
)

// DryPatch asks the API server what a JSON patch of the judged object would store.
type DryPatch func([]nested.PatchOp) (map[string]any, error)

// AsksAtMost bounds the questions about one object of which the API server refuses the
// dry-run.
const AsksAtMost = 24

// ClearTheWay finds out what of a change the API server refuses, and why, where it refuses
// to dry-run the apply. It asks about the whole write as one object and goes by the fields
// that the refusal names (Status.details.causes), not by its words:
//
//   - What Git's choice excludes is Excluded, so that the write removes it: a field that
//     Git does not name and that belongs to the old choice of a union, such as a
//     Deployment's rollingUpdate beside type Recreate. Often it is a server's default that
//     nobody owns.
//   - What the cluster changed and the server does not change back is Fixed: a claim
//     that was grown, most fields of a Pod. It keeps its live value, and the rest of the
//     object is put right.
//
// Where neither makes the server take the write, the change stays as it was. The error says
// that the object changed meanwhile.
func (c Comparison) ClearTheWay(change drift.Change, dry DryPatch) (drift.Change, error) {
	refusal := invalid(change.Err)
	if refusal == nil || !c.writable(change) {
		return change, nil
	}
	w, err := c.wholeOf(change)
	if err != nil {
		return change, nil //nolint:nilerr // the comparison has said it
	}
	excluded := w.excluded
	way := clearing{Comparison: c, whole: w, change: change, dry: dry}
	cleared, err := way.clear()
	if !cleared && err == nil && change.Cause&drift.CauseLive != 0 && way.asked < AsksAtMost {
		// What somebody added may be in the way of what is put back, so it goes first.
		w.excluded, w.removed, way.fixes = excluded, Additions(change), true
		cleared, err = way.clear()
	}
	if !cleared || len(w.excluded)+len(w.fixed) == 0 {
		return change, err
	}
	change.Err, change.Immutable = nil, nil
	change.Fields = redact.MaskFields(c.Object.ID, marked(change, w))
	return Classify(change), nil
}

// unremovable marks the additions that the server does not let anybody take away in place:
// a debug container of a Pod, the mark that makes a Secret immutable. err is its refusal to
// take all of them away, which may have other reasons: an item of a list whose key was
// edited goes only together with Git's item that comes back.
func (c Comparison) unremovable(change drift.Change, dry DryPatch, err error) (drift.Change, error) {
	if !c.writable(change) {
		return change, err
	}
	w, unread := c.wholeOf(change)
	if unread != nil {
		return change, err
	}
	w.removed = Additions(change)
	way := clearing{Comparison: c, whole: w, change: change, dry: dry, fixes: true}
	fixed := len(w.fixed)
	switch cleared, conflict := way.clear(); {
	case conflict != nil:
		return change, conflict
	case !cleared || len(w.fixed) == fixed:
		return change, err
	}
	change.Err, change.Immutable = nil, nil
	change.Fields = redact.MaskFields(c.Object.ID, marked(change, w))
	return Restored(Classify(change), outside(w.removed, w.fixed), way.answer), nil
}

func (c Comparison) writable(change drift.Change) bool {
	return c.Observation.State == drift.Present && c.Observation.Live != nil && !change.Terminating && !change.Ownership.Foreign
}

// invalid is the API server's refusal of an object's content, or nil.
func invalid(err error) *drift.Refusal {
	var refusal *drift.Refusal
	if errors.As(err, &refusal) && (errors.Is(refusal, drift.ErrInvalid) || errors.Is(refusal, drift.ErrImmutable)) && len(refusal.Causes) > 0 {
		return refusal
	}
	return nil
}

// clearing looks for what makes the API server take a whole write.
type clearing struct {
	Comparison
	*whole
	change drift.Change
	dry    DryPatch
	fixes  bool // what the cluster changed may keep its live value
	asked  int
	answer map[string]any // to the last write that was taken
	tried  []*trial
}

// trial is what was done about one field of a refusal, and what else may be done.
type trial struct {
	field string
	now   way
	next  []way
}

// way is one way around a refusal.
type way struct{ excluded, fixed []nested.Path }

// clear tries ways around each field that the server names until it takes the write, and
// then leaves out what was not needed. false: there is no way, or the server did not
// show of all that is left that it is needed.
func (c *clearing) clear() (bool, error) {
	c.tried = nil
	for {
		taken, refusal, err := c.ask()
		switch {
		case taken:
			return c.narrow()
		case refusal == nil, c.asked >= AsksAtMost:
			return false, err
		}
		if !c.around(refusal) {
			return false, nil
		}
	}
}

// ask dry-runs the write. An error is one that ends the search.
func (c *clearing) ask() (taken bool, refusal *drift.Refusal, err error) {
	c.asked++
	answer, err := c.dry(c.patch())
	var denied *drift.Refusal
	switch refusal := invalid(err); {
	case err == nil:
		c.answer = answer
		return true, nil, nil
	case refusal != nil:
		return false, refusal, nil
	case errors.Is(err, drift.ErrConflict):
		return false, nil, err
	case errors.As(err, &denied):
		return false, &drift.Refusal{Kind: denied.Kind}, nil // admission names no field
	}
	return false, nil, nil // not reached: the first refusal is what is said
}

// around takes the next way around a refusal; false when there is none left. A field that
// is refused in spite of what was done about it gets its next way, and what was done since
// is taken back. One that is refused for the first time gets its first; if it has none, it
// is refused because of what was done last.
func (c *clearing) around(refusal *drift.Refusal) bool {
	for k, t := range c.tried {
		if slices.ContainsFunc(refusal.Causes, func(cause drift.RefusalCause) bool { return cause.Field == t.field }) {
			return c.advance(k)
		}
	}
	var fresh *trial
	for _, cause := range refusal.Causes {
		if strings.Contains(cause.Message, drift.UncheckedRules) {
			continue
		}
		ways := c.ways(cause.Field)
		if len(ways) == 0 {
			return c.advance(len(c.tried) - 1)
		}
		if fresh == nil {
			fresh = &trial{field: cause.Field, next: ways}
		}
	}
	if fresh != nil {
		c.tried = append(c.tried, fresh)
	}
	return c.advance(len(c.tried) - 1)
}

// advance takes the next way of a trial, or of the last one before it that has one.
func (c *clearing) advance(k int) bool {
	for ; k >= 0; k-- {
		for _, t := range c.tried[k:] {
			c.excluded, c.fixed = outside(c.excluded, t.now.excluded), outside(c.fixed, t.now.fixed)
		}
		c.tried = c.tried[:k+1]
		if t := c.tried[k]; len(t.next) > 0 {
			t.now, t.next = t.next[0], t.next[1:]
			c.excluded, c.fixed = append(c.excluded, t.now.excluded...), append(c.fixed, t.now.fixed...)
			return true
		}
		c.tried = c.tried[:k]
	}
	return false
}

// ways are what may be done about a field that the server refuses, best first: to go
// without it, where Git does not name it; without what stands beside it and Git does not
// name; with the live value of what the cluster changed there; and without what stands
// in it. What nobody else owns goes before what somebody does.
func (c *clearing) ways(field string) []way {
	place, path, present := c.locate(drift.ParseFieldPath(field))
	var ways []way
	exclude := func(paths []nested.Path) {
		if paths = outside(paths, c.excluded); len(paths) > 0 {
			ways = append(ways, way{excluded: paths})
		}
	}
	without := func(container nested.Path) {
		free, owned := c.spares(container)
		exclude(free)
		if len(owned) > 0 {
			exclude(slices.Concat(free, owned))
		}
	}
	// What is not there is what Git leaves out, or somebody's that was removed.
	named := present && len(place) > 0 && !c.spare(place)
	if present && c.spare(place) {
		exclude([]nested.Path{place})
	}
	if named {
		without(place[:len(place)-1])
	}
	var fixed []nested.Path
	for _, f := range c.change.Fields {
		if c.fixes && f.Cause&drift.CauseLive != 0 && !f.Excluded && (f.Path.HasPrefix(path) || path.HasPrefix(f.Path)) {
			fixed = append(fixed, f.Path)
		}
	}
	if fixed = outside(fixed, c.fixed); len(fixed) > 0 {
		ways = append(ways, way{fixed: fixed})
	}
	if named {
		without(place)
	}
	return ways
}

// locate finds a place of a refusal in the write's object: the path of what is there, the
// same path with the names below it that are not, and whether all of it is.
func (c *clearing) locate(names nested.Path) (place, path nested.Path, present bool) {
	current, fields := any(c.object()), fieldpath.Path(nil)
	for i, name := range names {
		switch parent := current.(type) {
		case map[string]any:
			name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]") // annotations[example.com/a]
			v, ok := parent[name]
			if !ok {
				return place, append(slices.Clone(place), upToIndex(names[i:])...), false
			}
			place, fields, current = place.With(name), append(fields, ownership.FieldElement(name)), v
		case []any:
			j := nested.LiveIndex(parent, name)
			element, ok := fieldpath.PathElement{}, false
			if j >= 0 {
				element, ok = ownership.ShapeOf(setAt(c.root, fields)).ElementFor(parent[j])
			}
			if !ok {
				return place, place, true // within a value that merges as one, or an item that is not there
			}
			place, fields, current = place.With(ownership.ElementOf(element)), append(fields, element), parent[j]
		default:
			return place, place, true
		}
	}
	return place, place, true
}

// upToIndex are the field names before the first list index.
func upToIndex(names nested.Path) nested.Path {
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "[") }); i >= 0 {
		return names[:i]
	}
	return names
}

// spare says that a field of the live object may go because Git does not name it.
func (c *clearing) spare(path nested.Path) bool {
	fields, ok := FieldsAt(c.live, c.root, path)
	if !ok || isItem(fields) || isKey(fields) || path[0] == "metadata" || path[0] == "apiVersion" || path[0] == "kind" || path[0] == "status" {
		return false
	}
	want, _ := nested.DesiredAt(c.manifest, path)
	_, present := nested.ValueAt(c.live, path)
	return present && want == nil && !slices.ContainsFunc(c.dropped, func(dropped nested.Path) bool { return path.HasPrefix(dropped) })
}

// spares are the fields of a map that Git does not name: those that nobody or only our
// own entry owns, and others'.
func (c *clearing) spares(container nested.Path) (free, owned []nested.Path) {
	v, _ := nested.ValueAt(c.live, container)
	members, _ := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		path := container.With(key)
		if !c.spare(path) {
			continue
		}
		if fields, _ := FieldsAt(c.live, c.root, path); c.othersOwn(fields) {
			owned = append(owned, path)
		} else {
			free = append(free, path)
		}
	}
	return free, owned
}

// narrow leaves out, one by one, what the server takes as well when it is not removed, or
// when it gets Git's value. false: not all of it was tried.
func (c *clearing) narrow() (bool, error) {
	for _, path := range slices.Clone(c.excluded) {
		v, present := nested.ValueAt(c.answer, path)
		live, _ := nested.ValueAt(c.live, path)
		if len(c.excluded) == 1 && !(present && nested.EqualValues(v, live)) {
			continue
		}
		before := c.excluded
		c.excluded = outside(before, []nested.Path{path})
		if tried, err := c.insist(func() { c.excluded = before }); !tried {
			return false, err
		}
	}
	for _, path := range slices.Clone(c.fixed) {
		if len(c.fixed) == 1 {
			break
		}
		before := c.fixed
		c.fixed = outside(before, []nested.Path{path})
		if tried, err := c.insist(func() { c.fixed = before }); !tried {
			return false, err
		}
	}
	return true, nil
}

// insist asks again, and goes back where the server refuses. tried is false where the
// questions have run out, or the answer does not tell what is needed.
func (c *clearing) insist(back func()) (tried bool, err error) {
	if c.asked >= AsksAtMost {
		return false, nil
	}
	taken, refusal, err := c.ask()
	if !taken {
		back()
	}
	return taken || refusal != nil && len(refusal.Causes) > 0, err
}

// outside are the paths that are not among others.
func outside(paths, others []nested.Path) []nested.Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p nested.Path) bool { return slices.ContainsFunc(others, p.Equal) })
}
