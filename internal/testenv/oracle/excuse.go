package main

import (
	"slices"

	"github.com/killick-dev/killick/internal/nested"
)

// disputed says whether a controller or another deployer had a hand in it, or in
// something below.
func (s *subject) disputed(p nested.Path) bool {
	return s.meddled(func(q nested.Path) bool { return overlap(q, p) })
}

func (s *subject) meddled(at func(nested.Path) bool) bool {
	return slices.ContainsFunc(s.done, func(a act) bool {
		if a.hand.human() {
			return false
		}
		places := s.places(a)
		if a.edit.op == "rekey" {
			parent, _ := a.edit.path.parent() // a strategic patch may merge it with another item
			places = append(places, parent)
		}
		return slices.ContainsFunc(places, func(q path) bool { return at(q.written()) })
	})
}

// binding says whether a touched place must look as Git says: Git names it, or
// a person or program added it, or Killick itself once applied it.
func (s *subject) binding(t touched, live map[string]any) bool {
	shape := s.script.kind.shape
	_, named := shape.get(s.object.Manifest, t.path)
	_, present := shape.get(live, t.path)
	switch {
	case t.filled(live, shape):
		return false
	case s.meddled(func(q nested.Path) bool { return len(q) > len(t.path) && q.HasPrefix(t.path.written()) }):
		return false // a part of it is somebody else's business
	case s.holds(t.path):
		return false
	case named:
		return true
	case s.disputed(t.path.written()):
		return false
	case t.newer && t.path[len(t.path)-1].name == "serviceAccountName":
		return false // Killick's own run had to take both names away
	case t.act != nil && t.path[len(t.path)-1].name == "serviceAccountName" && t.act.hand.way == forcing && s.appliedLater(t.act):
		return false // who added it let go of it, and the server kept it under its deprecated name: it is nobody's
	case s.forgotten():
		return false
	case t.act == nil:
		return present
	}
	return present && t.act.hand.human()
}

// merged says that somebody made two items of a keyed list one, so that the list has
// the key twice.
func (s *subject) merged() bool {
	shape := s.script.kind.shape
	return slices.ContainsFunc(s.done, func(a act) bool {
		parent, _ := a.edit.path.parent()
		v, _ := shape.get(s.seen.Live, parent)
		items, _ := v.([]any)
		list := shape
		for _, step := range parent {
			list = list.below(step)
		}
		seen := map[string]bool{}
		return a.edit.op == "rekey" && slices.ContainsFunc(items, func(item any) bool {
			key := path{list.identity(item)}.written().String()
			twice := seen[key]
			seen[key] = true
			return twice
		})
	})
}

// appliedLater says that who applied this applied again, without it.
func (s *subject) appliedLater(first *act) bool {
	later := false
	return slices.ContainsFunc(s.done, func(a act) bool {
		again := later && a.applies() && first.applies() && a.hand.manager == first.hand.manager
		later = later || a.edit.String() == first.edit.String()
		return again
	})
}

// forgotten says that who did what is not known any more.
func (s *subject) forgotten() bool {
	return s.special == "reset" || s.special == "recreate" || s.unowned
}

// asGitSays says whether an object looks at a touched place as it must. Where a
// controller had a hand in it, or who did what is forgotten, what Git does not name
// there may stay, and only the rest is judged.
func (s *subject) asGitSays(t touched, live map[string]any) bool {
	shape := s.script.kind.shape
	have, _ := shape.get(live, t.path)
	want, _ := shape.get(s.truth, t.path)
	if manifest, named := shape.get(s.object.Manifest, t.path); named && (s.forgotten() || s.disputed(t.path.written())) {
		for _, step := range t.path {
			shape = shape.below(step)
		}
		have, want = shape.part(have, manifest), shape.part(want, manifest)
	}
	return equal(have, want)
}

// holds says that a path is a key of an item in which a controller has a part:
// then the item stays, and its keys with it.
func (s *subject) holds(p path) bool {
	if len(p) < 2 || p[len(p)-2].keys == nil {
		return false
	}
	if _, isKey := p[len(p)-2].keys[p[len(p)-1].name]; !isKey {
		return false
	}
	return s.disputed(p[:len(p)-1].written())
}

// filled says that somebody wrote an empty map, and there are things in it: then
// those are judged, and not the map.
func (t touched) filled(live map[string]any, shape *shape) bool {
	v, _ := shape.get(live, t.path)
	for _, step := range t.path {
		shape = shape.below(step)
	}
	fields, _ := v.(map[string]any)
	return shape.sort == mapping && !shape.whole && len(fields) > 0
}

// invisible says that an edit cannot be seen without more than the object. A scaling
// that leaves no entry is judged with the memo's row instead. And while the dry-run
// is refused there is no telling a map or list that Git emptied from one that was
// always written empty and the server fills (strategy: {}): only the schema knows. So it
// is with empty lists that Git dropped.
func (s *subject) invisible(t touched) bool {
	want, _ := s.script.kind.shape.get(s.object.Manifest, t.path)
	if s.seen.Predicted == nil && t.act == nil && (equal(want, map[string]any{}) || equal(want, []any{})) {
		return true
	}
	if t.path.written().Equal(replicas) && s.memoOnly() {
		return true
	}
	shape, rest := s.script.kind.shape, any(s.seen.Live)
	for _, at := range s.leftByApply() {
		rest, _ = shape.update(rest, at, func(any) (any, bool) { return nil, false })
	}
	have, _ := shape.get(rest, t.path)
	truth, _ := shape.get(s.truth, t.path)
	return equal(have, truth)
}

// moved says that what Killick applied and what Git says differ at a path.
func (s *subject) moved(at nested.Path) bool {
	applied, desired := s.manifests()
	want, named := s.script.kind.shape.at(desired, at)
	return slices.ContainsFunc(applied, func(manifest map[string]any) bool {
		had, was := s.script.kind.shape.at(manifest, at)
		return was != named || !equal(had, want)
	})
}

// companions are fields that the server writes itself when another one is
// written: defaults that depend on it, and a deprecated name.
var companions = map[string]string{
	"serviceAccount": "serviceAccountName", "emptyDir": "configMap", "externalTrafficPolicy": "externalIPs", "sessionAffinityConfig": "sessionAffinity",
}

func alias(found, edited nested.Path) bool {
	last := len(found) - 1
	other, ok := companions[found[last]]
	return ok && edited.HasPrefix(found[:last].Field(other))
}

// reaches says that what was touched may show at a reported place.
func (t touched) reaches(found nested.Path) bool {
	return overlap(found, t.path.written()) || alias(found, t.path.written()) || t.merged(found)
}

// merged says that an act may have merged its item with another one of the list:
// strategic merge patches know one key only where the list merges by two.
func (t touched) merged(found nested.Path) bool {
	if t.act == nil || t.act.hand.way != strategic && t.act.hand.way != deploying {
		return false
	}
	parent, last := t.act.edit.path.parent()
	return last.keys != nil && found.HasPrefix(parent.written())
}
