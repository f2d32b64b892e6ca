package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/killick-dev/killick/internal/nested"
)

// edit is one change to a tree.
type edit struct {
	op    string // change, remove, add, reorder, rekey
	path  path   // what is touched: for reorder the list, for rekey the old item
	value any    // change and add: the new value; rekey: the keys to set
	old   any    // change and remove: the value when the script was made
	at    int    // add: the item's place in the list; reorder: how far to rotate
}

// paths are where an edit shows: the values that merge as one, at or below what
// it touches.
func (e edit) paths(s *shape) []path {
	if e.op == "rekey" {
		parent, old := e.path.parent()
		renamed := shallow(old.keys)
		for k, v := range e.value.(map[string]any) {
			renamed[k] = v
		}
		return []path{e.path, parent.with(element{keys: renamed})}
	}
	if e.op == "reorder" {
		return []path{e.path}
	}
	for _, step := range e.path {
		s = s.below(step)
	}
	var found []path
	for _, v := range []any{e.old, e.value} {
		for _, p := range s.units(v, e.path) {
			if !slices.ContainsFunc(found, func(q path) bool { return q.written().Equal(p.written()) }) {
				found = append(found, p)
			}
		}
	}
	return found
}

// units are the paths of a value's parts that merge as one, or that are empty.
func (s *shape) units(v any, at path) []path {
	if s == nil || s.whole || v == nil {
		if v == nil {
			return nil
		}
		return []path{at}
	}
	var found []path
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			found = append(found, s.below(element{name: key}).units(v[key], at.field(key))...)
		}
	case []any:
		for _, item := range v {
			found = append(found, s.value.units(item, at.with(s.identity(item)))...)
		}
	}
	if len(found) == 0 && s.sort != list { // managedFields cannot name an empty list that merges
		return []path{at}
	}
	return found
}

func (e edit) String() string {
	switch e.op {
	case "remove":
		return fmt.Sprintf("remove %s", e.path.written())
	case "reorder":
		return fmt.Sprintf("rotate %s by %d", e.path.written(), e.at)
	case "rekey":
		return fmt.Sprintf("rename %s to %s", e.path.written(), brief(e.value))
	case "add":
		return fmt.Sprintf("add %s = %s (at %d)", e.path.written(), brief(e.value), e.at)
	}
	return fmt.Sprintf("set %s = %s", e.path.written(), brief(e.value))
}

// on is the tree after the edit; false when it cannot be made there.
func (e edit) on(s *shape, tree any) (any, bool) {
	switch e.op {
	case "remove":
		if _, present := s.get(tree, e.path); !present {
			return tree, false
		}
		return s.update(tree, e.path, func(any) (any, bool) { return nil, false })
	case "rekey":
		return s.update(tree, e.path, func(old any) (any, bool) {
			item, _ := nested.Clone(old).(map[string]any)
			for k, v := range e.value.(map[string]any) {
				item[k] = v
			}
			return item, true
		})
	case "reorder":
		done := false
		out, ok := s.update(tree, e.path, func(old any) (any, bool) {
			items, _ := old.([]any)
			if len(items) < 2 {
				return old, true
			}
			done = true
			turn := 1 + e.at%(len(items)-1)
			return slices.Concat(items[turn:], items[:turn]), true
		})
		return out, ok && done
	case "add":
		return e.insert(s, tree)
	}
	if _, present := s.get(tree, e.path); !present {
		return tree, false
	}
	return s.update(tree, e.path, func(any) (any, bool) { return nested.Clone(e.value), true })
}

// insert adds a field, or an item at its place.
func (e edit) insert(s *shape, tree any) (any, bool) {
	parent, last := e.path.parent()
	if last.name != "" {
		return s.update(tree, e.path, func(old any) (any, bool) {
			there, isMap := old.(map[string]any)
			more, areFields := e.value.(map[string]any)
			if !isMap || !areFields {
				return nested.Clone(e.value), true
			}
			for key, v := range more { // the server, or Killick, has made the map already
				there[key] = nested.Clone(v)
			}
			return there, true
		})
	}
	done := false
	out, ok := s.update(tree, parent, func(old any) (any, bool) {
		items, isList := old.([]any)
		if !isList && old != nil {
			return old, true
		}
		done = true
		return slices.Insert(slices.Clone(items), min(e.at, len(items)), nested.Clone(e.value)), true
	})
	return out, ok && done
}

// site is a place where an edit of some sort can be made.
type site struct {
	op    string
	path  path
	shape *shape // of the value at the path
	old   any
	list  *shape // add and rekey of items: the list's shape
	items []any
}

// sites lists what could be edited in a tree.
func (s *shape) sites(tree any, at path, out []site) []site {
	if s.fixed {
		return out
	}
	if s.whole || s.sort == leaf {
		out = append(out, site{op: "change", path: at, shape: s, old: tree})
		if items, _ := tree.([]any); len(items) > 1 {
			out = append(out, site{op: "reorder", path: at, shape: s, old: tree})
		}
		return out
	}
	switch s.sort {
	case object:
		fields, _ := tree.(map[string]any)
		for _, f := range s.fields {
			below := at.field(f.name)
			v, present := fields[f.name]
			switch {
			case f.shape.fixed:
				continue
			case !present:
				out = append(out, site{op: "add", path: below, shape: f.shape})
				continue
			case !f.always:
				out = append(out, site{op: "remove", path: below, shape: f.shape, old: v})
			}
			out = f.shape.sites(v, below, out)
		}
	case mapping:
		fields, _ := tree.(map[string]any)
		for _, name := range s.names {
			below := at.field(name)
			v, present := fields[name]
			if !present {
				out = append(out, site{op: "add", path: below, shape: s.value})
				continue
			}
			if len(fields) > s.min {
				out = append(out, site{op: "remove", path: below, shape: s.value, old: v})
			}
			out = s.value.sites(v, below, out)
		}
	case list:
		out = s.listSites(tree, at, out)
	}
	return out
}

func (s *shape) listSites(tree any, at path, out []site) []site {
	items, _ := tree.([]any)
	out = append(out, site{op: "add", path: at, shape: s.value, list: s, items: items})
	if len(items) > 1 {
		out = append(out, site{op: "reorder", path: at, shape: s, old: tree})
	}
	for _, item := range items {
		identity := s.identity(item)
		below := at.with(identity)
		if len(items) > s.min {
			out = append(out, site{op: "remove", path: below, shape: s.value, old: item})
		}
		if s.set {
			continue
		}
		out = append(out, site{op: "rekey", path: below, shape: s.value, old: item, list: s, items: items})
		for _, inner := range s.value.sites(item, below, nil) {
			last := inner.path[len(inner.path)-1]
			if len(inner.path) != len(below)+1 || !slices.Contains(s.keys, last.name) {
				out = append(out, inner)
			}
		}
	}
	return out
}

// weights say how often which sort of edit is made.
var weights = []struct {
	op     string
	weight int
}{{"change", 40}, {"remove", 18}, {"add", 26}, {"reorder", 8}, {"rekey", 8}}

// randomEdit chooses an edit of a tree; false when nothing can be edited.
func randomEdit(r *rand.Rand, s *shape, tree any) (edit, bool) {
	sites := s.sites(tree, nil, nil)
	for range 12 {
		roll := r.IntN(100)
		op := ""
		for _, w := range weights {
			if roll -= w.weight; roll < 0 {
				op = w.op
				break
			}
		}
		var fitting []site
		for _, one := range sites {
			if one.op == op {
				fitting = append(fitting, one)
			}
		}
		if len(fitting) == 0 {
			continue
		}
		if e, ok := fitting[r.IntN(len(fitting))].edit(r); ok {
			return e, true
		}
	}
	return edit{}, false
}

// edit makes the site's edit with random values.
func (s site) edit(r *rand.Rand) (edit, bool) {
	e := edit{op: s.op, path: s.path, old: s.old}
	switch s.op {
	case "change":
		e.value = s.shape.make(r, 0.5)
		return e, !equal(e.value, s.old)
	case "add":
		e.value = s.shape.make(r, 0.3)
		if s.list == nil {
			return e, true
		}
		identity := s.list.identity(e.value)
		e.path = s.path.with(identity)
		e.at = r.IntN(len(s.items) + 1)
		return e, s.list.find(s.items, identity) < 0
	case "reorder":
		e.at = r.IntN(4)
	case "rekey":
		// One key takes the value that another item of the shape would have; now
		// and then one that is taken already.
		key := s.list.keys[r.IntN(len(s.list.keys))]
		fresh, _ := s.shape.make(r, 0).(map[string]any)
		v, present := fresh[key]
		old, _ := s.old.(map[string]any)
		if !present || equal(v, old[key]) {
			return e, false
		}
		e.value = map[string]any{key: v}
		renamed := nested.CloneMap(old)
		renamed[key] = v
		if s.list.find(s.items, s.list.identity(renamed)) >= 0 && r.IntN(4) > 0 {
			return e, false
		}
	}
	return e, true
}
