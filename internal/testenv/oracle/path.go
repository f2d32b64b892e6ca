package main

import (
	"slices"

	"github.com/killick-dev/killick/internal/nested"
)

// element is one step of a path: a field, an item by its keys, or an item of a
// set.
type element struct {
	name  string
	keys  map[string]any
	value any
}

type path []element

func (p path) field(name string) path  { return p.with(element{name: name}) }
func (p path) with(e element) path     { return append(slices.Clone(p), e) }
func (p path) parent() (path, element) { return p[:len(p)-1], p[len(p)-1] }

// written is the path in Killick's own form.
func (p path) written() nested.Path {
	out := nested.Path{}
	for _, e := range p {
		switch {
		case e.name != "":
			out = out.Field(e.name)
		case e.keys != nil:
			out = out.Key(e.keys)
		default:
			out = out.Value(e.value)
		}
	}
	return out
}

// overlap says whether one of the paths lies at or below the other.
func overlap(a, b nested.Path) bool { return a.HasPrefix(b) || b.HasPrefix(a) }

// below is the shape of what an element names.
func (s *shape) below(e element) *shape {
	var child *shape
	if s.sort == object {
		child, _ = s.field(e.name)
	} else {
		child = s.value
	}
	if child == nil {
		return &shape{sort: leaf} // a field that manifests never have
	}
	return child
}

// get follows a path; keys that an item leaves to the server count as filled in.
func (s *shape) get(tree any, p path) (any, bool) {
	for _, e := range p {
		switch parent := tree.(type) {
		case map[string]any:
			v, ok := parent[e.name]
			if !ok {
				return nil, false
			}
			tree = v
		case []any:
			i := s.find(parent, e)
			if i < 0 {
				return nil, false
			}
			tree = parent[i]
		default:
			return nil, false
		}
		s = s.below(e)
	}
	return tree, true
}

// at is get for a path in Killick's own form.
func (s *shape) at(tree any, p nested.Path) (any, bool) {
	v, _, found := s.follow(tree, p)
	return v, found
}

// follow is at, with the shape of the value.
func (s *shape) follow(tree any, p nested.Path) (any, *shape, bool) {
	for _, name := range p {
		e := element{name: name}
		if items, isList := tree.([]any); isList {
			i := slices.IndexFunc(items, func(item any) bool { return path{s.identity(item)}.written()[0] == name })
			if i < 0 {
				return nil, nil, false
			}
			e = s.identity(items[i])
		}
		v, ok := s.get(tree, path{e})
		if !ok {
			return nil, nil, false
		}
		tree, s = v, s.below(e)
	}
	return tree, s, true
}

// part is what a manifest names of a value.
func (s *shape) part(v, manifest any) any {
	if s.whole {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		named, _ := manifest.(map[string]any)
		out := map[string]any{}
		for key, below := range v {
			if inner, ok := named[key]; ok {
				out[key] = s.below(element{name: key}).part(below, inner)
			}
		}
		return out
	case []any:
		named, _ := manifest.([]any)
		out := []any{}
		for _, item := range v {
			if i := s.find(named, s.identity(item)); i >= 0 {
				out = append(out, s.value.part(item, named[i]))
			}
		}
		return out
	}
	return v
}

// update is a copy of the tree in which change was made at the path; false where
// the path does not lead anywhere. change gets nil for what is not there yet.
func (s *shape) update(tree any, p path, change func(old any) (v any, keep bool)) (any, bool) {
	if len(p) == 0 {
		v, _ := change(tree)
		return v, true
	}
	switch parent := tree.(type) {
	case map[string]any:
		out := shallow(parent)
		old, present := parent[p[0].name]
		if !present && len(p) > 1 {
			if p[1].name == "" {
				return tree, false
			}
			old = map[string]any{}
		}
		if len(p) == 1 {
			v, keep := change(old)
			if keep {
				out[p[0].name] = v
			} else {
				delete(out, p[0].name)
			}
			return out, true
		}
		v, ok := s.below(p[0]).update(old, p[1:], change)
		out[p[0].name] = v
		return out, ok
	case []any:
		i := s.find(parent, p[0])
		if i < 0 {
			return tree, false
		}
		out := slices.Clone(parent)
		if len(p) == 1 {
			v, keep := change(out[i])
			if !keep {
				return slices.Delete(out, i, i+1), true
			}
			out[i] = v
			return out, true
		}
		v, ok := s.value.update(out[i], p[1:], change)
		out[i] = v
		return out, ok
	}
	return tree, false
}

func shallow(m map[string]any) map[string]any {
	out := make(map[string]any, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}

func same(a, b element) bool {
	return a.name == b.name && equal(anyMap(a.keys), anyMap(b.keys)) && equal(a.value, b.value)
}

func anyMap(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// equal compares JSON trees; numbers compare by value.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for k, v := range a {
			w, ok := other[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, equal)
	case int64:
		if f, ok := b.(float64); ok {
			return float64(a) == f
		}
	case float64:
		if i, ok := b.(int64); ok {
			return a == float64(i)
		}
	}
	return a == b
}
