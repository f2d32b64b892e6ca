package main

import (
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// recreator is the client that makes a deleted object again.
const recreator = "kubectl-create"

// classes are what docs/drift.md says of the clients that the scripts know.
var classes = map[string]drift.Class{
	"": drift.ClassNone, drift.FieldManager: drift.ClassSelf,
	"kubectl-edit": drift.ClassInteractive, "kubectl-patch": drift.ClassInteractive, "kubectl-replace": drift.ClassInteractive,
	"kubectl-scale": drift.ClassInteractive, "kubectl-label": drift.ClassInteractive, recreator: drift.ClassInteractive,
	"kubectl": drift.ClassInteractive, "k9s": drift.ClassInteractive, "Mozilla": drift.ClassInteractive,
	"kubectl-client-side-apply": drift.ClassPipeline, "curl": drift.ClassPipeline, "python-requests": drift.ClassPipeline, "Terraform": drift.ClassPipeline,
	"deploy-script": drift.ClassUnknown,
	"mesh-operator": drift.ClassController, "node-controller": drift.ClassController,
	"helm": drift.ClassDeployer,
}

// judgeFields: each reported field says what the cluster did, by whom, and which
// side moved. recorded says that the comparison had the memo's row.
func (s *subject) judgeFields(change drift.Change, recorded bool) {
	for _, f := range change.Fields {
		if op, known := s.opOf(f); known && f.Op != op {
			s.wrong("wrong op", "%s %s: %s → %s, and it is %s", f.Op, f.Path, brief(f.Desired), brief(f.Live), op)
		}
		manager, known := s.author(f)
		if known && f.Manager != manager {
			s.wrong("wrong manager", "%s %s by %q, and it was %q", f.Op, f.Path, f.Manager, manager)
		}
		if class, listed := classes[f.Manager]; listed && f.ManagerClass != class {
			s.wrong("wrong class", "%s %s by %q, which is %q and not %q", f.Op, f.Path, f.Manager, class, f.ManagerClass)
		}
		if least, most := s.causes(f, recorded); f.Cause&least != least || f.Cause&^most != 0 {
			s.wrong("wrong cause", "%s %s: %s, and it is %s or %s (recorded: %t)", f.Op, f.Path, f.Cause, least, most, recorded)
		}
		if recorded {
			s.judged++
		}
		if recorded && known {
			s.attributed++
		}
	}
}

// opOf is what the cluster did relative to Git. Not known is only where Git names
// nothing and the server has a default for it: whether an apply fills that in beside
// what stands there, the dry-run says.
func (s *subject) opOf(f drift.FieldChange) (op drift.Op, known bool) {
	_, live := nested.ValueAt(s.seen.Live, f.Path)
	_, named := s.script.kind.shape.at(s.object.Manifest, f.Path)
	_, filled := nested.ValueAt(s.truth, f.Path)
	_, predicted := nested.ValueAt(s.seen.Predicted, f.Path)
	switch {
	case !live:
		return drift.OpRemove, true
	case named:
		return drift.OpReplace, true
	case !filled && !predicted:
		return drift.OpAdd, true
	}
	return "", false
}

// author is the field manager that a reported field must have. It is known from
// the script, and from what the object held before and after each act: who wrote
// what stands there now.
//
// Not known is who wrote a field
//   - that several managers wrote: managedFields keep seconds, and all acts of a
//     case lie within one;
//   - that an apply gave the value it had already: then several own it;
//   - that its applier left out of a later apply: the server takes it away, or puts
//     a default there that is nobody's;
//   - that somebody wrote in other words, with a zero value that is not stored: the
//     server compares before it leaves those out;
//   - in which somebody only took something away, or everything that somebody added is
//     gone again: the rest can be anybody's;
//   - of a null that several acts left: an empty list is stored as one, so that a
//     write of it does not show;
//   - of or in a list in which a key stands twice: which item is whose, no path says;
//   - of an empty structure that a new object was created with: where the server's type
//     always has it (a NetworkPolicy's podSelector), creating it is no change, and the
//     creator's entry does not name it.
func (s *subject) author(f drift.FieldChange) (manager string, known bool) {
	live, present := nested.ValueAt(s.seen.Live, f.Path)
	switch {
	case s.special == "reset", f.Path.Equal(replicas) && s.memoOnly():
		return "", true
	case !present:
		return s.emptied(f.Path)
	case s.reordered(f.Path):
		return "", true // nobody owns an order
	case s.special == "recreate":
		_, shape, shaped := s.script.kind.shape.follow(s.seen.Live, f.Path)
		implied := shaped && shape.sort == object && equal(live, map[string]any{}) && !s.script.kind.custom
		return recreator, !implied && live != nil // a list that was never set is stored as null
	case s.muddled(f.Path), live == nil && len(s.actsAt(f.Path)) > 1:
		return "", false
	}
	if len(s.actsAt(f.Path)) == 0 {
		return s.ownAt(f.Path)
	}
	var wrote []string
	for _, i := range s.actsAt(f.Path) {
		a := s.done[i]
		names := !a.applies() || a.appliesAt(s.script.kind.shape, f.Path)
		switch {
		case s.appliedLater(&s.done[i]):
			return "", false
		case s.wrote(i, f.Path) && s.left(i, f.Path) && names:
			wrote = append(wrote, s.nameOf(i))
		case a.applies(), s.reworded(i):
			return "", false
		}
	}
	if wrote = slices.Compact(wrote); len(wrote) == 1 {
		return wrote[0], true
	}
	return "", false
}

// emptied is the author of a place where nothing stands: what is gone has no owner.
// But who applied a zero value there owns a field that the server does not store,
// unless it is an empty list that merges, of which managedFields have no path. Not
// known is whether Killick's own zero value outlasted what others did there, or
// somebody's what others did beside. Who makes a deleted object again owns what is
// stored of it, and nobody who applied something to the old one owns anything.
func (s *subject) emptied(at nested.Path) (manager string, known bool) {
	acts := s.actsAt(at)
	v, shape, named := s.script.kind.shape.follow(s.applied(), at)
	switch {
	case s.special == "recreate", s.unlabelled(at), named && shape.merges():
		return "", true
	case named && isZero(v):
		return drift.FieldManager, len(acts) == 0
	}
	for _, i := range acts {
		a := s.done[i]
		if a.applies() && isZero(a.edit.value) && a.edit.path.written().Equal(at) && a.appliesAt(s.script.kind.shape, at) {
			return a.hand.manager, len(acts) == 1 && !s.appliedLater(&s.done[i])
		}
	}
	return "", true
}

// isZero says that the server may leave the value out of what it stores.
func isZero(v any) bool {
	return hollow(v) || equal(v, false) || equal(v, "") || equal(v, int64(0))
}

// reworded says that an act wrote another value than stood there, and that the same one
// is stored.
func (s *subject) reworded(i int) bool {
	e := s.done[i].edit
	if e.op != "change" && e.op != "add" {
		return false
	}
	before, _ := s.script.kind.shape.get(s.before[i], e.path)
	after, _ := s.script.kind.shape.get(s.after(i), e.path)
	return equal(before, after) && !equal(before, e.value) && hasZero(e.value)
}

func hasZero(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0 || slices.ContainsFunc(sortedKeys(v), func(key string) bool { return hasZero(v[key]) })
	case []any:
		return len(v) == 0 || slices.ContainsFunc(v, hasZero)
	}
	return isZero(v)
}

// nameOf is the name under which the server keeps an act; a scaling may leave none.
func (s *subject) nameOf(i int) string {
	if s.done[i].hand.way == scaling && s.unrecorded(i) {
		return ""
	}
	return s.done[i].hand.manager
}

// ownAt is the author of what no act touched: Killick, where it applied something
// there, and else nobody. An empty list or map may have no place in managedFields.
func (s *subject) ownAt(at nested.Path) (string, bool) {
	v, named := s.script.kind.shape.at(s.applied(), at)
	if !named {
		return "", true
	}
	return drift.FieldManager, !hollow(v)
}

// applied is the manifest that Killick applied last.
func (s *subject) applied() map[string]any {
	applied, _ := s.manifests()
	return applied[len(applied)-1]
}

func hollow(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == nil
}

// actsAt are the acts that may have touched a place or a part of it.
func (s *subject) actsAt(at nested.Path) []int {
	var found []int
	for i, a := range s.done {
		reaches := func(p path) bool { return touched{path: p, act: &s.done[i]}.reaches(at) }
		if slices.ContainsFunc(s.places(a), reaches) || overlap(at, a.edit.path.written()) {
			found = append(found, i)
		}
	}
	return found
}

func (a act) applies() bool { return a.hand.way == forcing || a.hand.way == offering }

// appliesAt says that an apply named a place, or something in it.
func (a act) appliesAt(shape *shape, at nested.Path) bool {
	for _, step := range a.edit.path {
		shape = shape.below(step)
	}
	return slices.ContainsFunc(shape.units(a.edit.value, a.edit.path), func(p path) bool { return overlap(at, p.written()) })
}

// wrote says that an act put something new at a place.
func (s *subject) wrote(i int, at nested.Path) bool {
	return s.gainedAt(at, s.before[i], s.after(i))
}

// left says that something stands at a place that was not there before an act.
func (s *subject) left(i int, at nested.Path) bool {
	return s.gainedAt(at, s.before[i], s.seen.Live)
}

func (s *subject) gainedAt(at nested.Path, before, after map[string]any) bool {
	now, shape, present := s.script.kind.shape.follow(after, at)
	was, _ := s.script.kind.shape.at(before, at)
	return present && shape.gained(was, now)
}

// after is the object after an act.
func (s *subject) after(i int) map[string]any {
	if i+1 < len(s.done) {
		return s.before[i+1]
	}
	return s.seen.Live
}

// gained says that there is something in the one value that was not in the other. A
// null is something: a Role without rules stores one.
func (s *shape) gained(was, now any) bool {
	switch now := now.(type) {
	case map[string]any:
		had, ok := was.(map[string]any)
		if !ok || s.whole || s.sort == leaf {
			break
		}
		for key, v := range now {
			if s.below(element{name: key}).gained(had[key], v) {
				return true
			}
		}
		return false
	case []any:
		had, ok := was.([]any)
		if !ok || s.whole || s.sort == leaf {
			break
		}
		return slices.ContainsFunc(now, func(item any) bool {
			i := s.find(had, s.identity(item))
			return i < 0 || s.value.gained(had[i], item)
		})
	}
	return !equal(was, now)
}

// reordered says that a list which merges has Git's items in another order. Such a
// list is reported item by item otherwise.
func (s *subject) reordered(at nested.Path) bool {
	live, shape, _ := s.script.kind.shape.follow(s.seen.Live, at)
	want, _ := s.script.kind.shape.at(s.truth, at)
	have, isList := live.([]any)
	items, both := want.([]any)
	if !isList || !both || !shape.merges() || s.doubled(at) {
		return false
	}
	last, ordered := -1, true
	for _, item := range items {
		if i := shape.find(have, shape.identity(item)); i >= 0 {
			ordered, last = ordered && i > last, i
		}
	}
	return !ordered
}

// doubled says that a place is a list that merges, and that a key stands twice in it.
func (s *subject) doubled(at nested.Path) bool {
	live, shape, _ := s.script.kind.shape.follow(s.seen.Live, at)
	items, isList := live.([]any)
	if !isList || !shape.merges() {
		return false
	}
	for i, item := range items {
		if shape.find(items, shape.identity(item)) != i {
			return true
		}
	}
	return false
}

// muddled says that a place is or lies in such a list.
func (s *subject) muddled(at nested.Path) bool {
	for i := range at {
		if s.doubled(at[:i+1]) {
			return true
		}
	}
	return false
}

// unrecorded says that an act scaled and that nobody owns the replicas now: nobody
// owned them before, or there are to be none. A Scale leaves 0 out (autoscaling/v1,
// ScaleSpec: omitempty), and the server takes that for replicas that nobody wrote.
// A patch or update that leaves them as they are, as one that writes the default, makes
// nobody their owner. A scaling that leaves them takes them out of an updater's entry that
// names more, and out of no other (fieldmanager/scalehandler.go): what the entries tell is
// believed there, unless somebody wrote the replicas once more.
func (s *subject) unrecorded(i int) bool {
	_, owned := s.script.kind.shape.at(s.applied(), replicas)
	for j, a := range s.done[:i+1] {
		switch {
		case !overlap(a.edit.path.written(), replicas):
		case a.hand.way != scaling:
			owned = owned || a.applies() || !s.kept(j, replicas)
		case equal(a.edit.value, int64(0)):
			owned = false
		case owned && s.kept(j, replicas) && len(s.actsAt(replicas)) > 0 && slices.Max(s.actsAt(replicas)) == j:
			owned = s.hasOwner(replicas)
		}
	}
	return !owned
}

// hasOwner says that some entry names a field.
func (s *subject) hasOwner(at nested.Path) bool {
	entries, _ := nested.ValueAt(s.seen.Live, nested.Path{"metadata", "managedFields"})
	items, _ := entries.([]any)
	named := nested.Path{"fieldsV1"}
	for _, name := range at {
		named = named.Field("f:" + name)
	}
	return slices.ContainsFunc(items, func(entry any) bool {
		_, has := nested.ValueAt(entry, named)
		return has
	})
}

// kept says that an act left a place as it was.
func (s *subject) kept(i int, at nested.Path) bool {
	was, had := s.script.kind.shape.at(s.before[i], at)
	now, has := s.script.kind.shape.at(s.after(i), at)
	return had == has && equal(was, now)
}

// causes are the sides that a reported field must name, and those that it may.
//
// The memo's row has one hash for a whole manifest, and the fields that it named. So
// where Git moved anywhere, what the cluster changed elsewhere may be said to be both's,
// which needs both grants; an addition, what Git alone changed of ours and what Git alone
// named for the first time are told apart even then.
// The cluster has changed too when a controller has, which no script says: the one
// that binds claims writes into annotations that Git names as empty.
// What both touched is told by who owns it now, and is not judged here; nor what
// a reset or a new object made unknowable after Git moved; nor a null where Killick
// applied a map, which somebody's apply leaves, or one of its own that did not end.
//
// Without a row nothing tells who moved but the manager: docs/drift.md promises
// live for interactive and unknown ones, and git for the rest. Only where that is
// the truth is it judged. What stands in a map that Git names as empty is one place
// with it, which both own.
func (s *subject) causes(f drift.FieldChange, recorded bool) (least, most drift.Cause) {
	git := s.gitMoved(f.Path)
	live := len(s.actsAt(f.Path)) > 0 || s.unlabelled(f.Path)
	own, shape, ours := s.script.kind.shape.follow(s.applied(), f.Path)
	ours = ours && !s.reordered(f.Path) && !(hollow(own) && shape.merges())
	had, present := nested.ValueAt(s.seen.Live, f.Path)
	nulled := present && had == nil && ours && hollow(own)
	still := len(s.done) == 0 && s.special == "" && equal(values(s.stored), values(s.seen.Live))
	switch {
	case recorded && s.unmoved():
		return drift.CauseLive, drift.CauseLive
	case s.forgotten(), git == live, nulled:
		return drift.CauseNone, drift.CauseBoth
	case git && (ours || still || !recorded || s.gitAdds(f)):
		return drift.CauseGit, drift.CauseGit
	case git:
		return drift.CauseGit, drift.CauseBoth
	case f.Addition:
		return drift.CauseLive, drift.CauseLive
	case recorded:
		return drift.CauseLive, drift.CauseBoth
	case ours && hollow(own):
		return drift.CauseNone, drift.CauseBoth
	}
	if manager, known := s.author(f); known && (classes[manager] == drift.ClassInteractive || classes[manager] == drift.ClassUnknown) {
		return drift.CauseLive, drift.CauseLive
	}
	return drift.CauseNone, drift.CauseBoth
}

// gitAdds says that Git names a field that it did not name when Killick applied last, and
// that the object does not have.
func (s *subject) gitAdds(f drift.FieldChange) bool {
	_, desired := s.manifests()
	_, was := s.script.kind.shape.at(s.applied(), f.Path)
	_, named := s.script.kind.shape.at(desired, f.Path)
	return f.Op == drift.OpRemove && !was && named
}

// unlabelled says that somebody took Killick's own label away at a place.
func (s *subject) unlabelled(at nested.Path) bool {
	return s.special == "unlabel" && overlap(at, nested.Path{"metadata", "labels", drift.LabelPartOf})
}

// unmoved says that Git says what Killick applied last.
func (s *subject) unmoved() bool {
	_, desired := s.manifests()
	return equal(s.applied(), desired)
}

// gitMoved says that Git changed something at a place since the last apply, or
// something that the place depends on.
func (s *subject) gitMoved(at nested.Path) bool {
	_, desired := s.manifests()
	had, was := s.script.kind.shape.at(s.applied(), at)
	want, named := s.script.kind.shape.at(desired, at)
	edits := s.git
	if s.back {
		edits = s.newer
	}
	return was != named || !equal(had, want) || slices.ContainsFunc(edits, func(e edit) bool {
		reaches := func(p path) bool { return touched{path: p}.reaches(at) }
		return overlap(at, e.path.written()) || slices.ContainsFunc(e.paths(s.script.kind.shape), reaches)
	})
}
