package main

import (
	"math/rand/v2"
	"slices"
)

// shape is what a value of a kind may look like: enough of its schema to make
// valid manifests and valid edits, and to know which lists merge by what. It is
// written down here and not read from the server, so that it can judge what the
// server and Killick make of it.
type shape struct {
	sort     sort
	gen      func(*rand.Rand) any // leaf
	fields   []field              // object
	names    []string             // mapping: the keys to choose from
	value    *shape               // of a mapping's entries or a list's items
	keys     []string             // list: what its items merge by
	defaults map[string]any       // keys that the server fills in
	set      bool                 // list: merges as a set
	whole    bool                 // merges as one value
	fixed    bool                 // the server refuses to change it
	min, max int                  // of a mapping or list
}

type sort int

const (
	leaf sort = iota
	object
	mapping
	list
)

type field struct {
	name   string
	shape  *shape
	always bool
}

// one is a leaf with one of these values.
func one(values ...any) *shape {
	return &shape{sort: leaf, gen: func(r *rand.Rand) any { return values[r.IntN(len(values))] }}
}

// between is an integer of a range, both ends included.
func between(low, high int64) *shape {
	return &shape{sort: leaf, gen: func(r *rand.Rand) any { return low + r.Int64N(high-low+1) }}
}

var (
	boolean = one(true, false)
	word    = one("alpha", "beta", "gamma", "delta", "x", "1", "true", "a b", "long-word-0123456789")
)

// obj is a structure with these fields.
func obj(fields ...field) *shape { return &shape{sort: object, fields: fields} }

func must(name string, s *shape) field { return field{name, s, true} }
func may(name string, s *shape) field  { return field{name, s, false} }

// named is a map from some of these names to values.
func named(value *shape, names ...string) *shape {
	return &shape{sort: mapping, names: names, value: value, max: 3}
}

// keyed is a list whose items merge by these keys.
func keyed(item *shape, min, max int, keys ...string) *shape {
	return &shape{sort: list, value: item, keys: keys, min: min, max: max}
}

// setOf is a list that merges as a set of scalars.
func setOf(item *shape, min, max int) *shape {
	return &shape{sort: list, value: item, set: true, min: min, max: max}
}

// listOf is a list that merges as one value.
func listOf(item *shape, min, max int) *shape {
	return &shape{sort: list, value: item, whole: true, min: min, max: max}
}

// filled says which values the server gives to keys that an item leaves out.
func (s shape) filled(key string, v any) *shape {
	s.defaults = map[string]any{key: v}
	return &s
}

// atomic is the shape merging as one value.
func (s shape) atomic() *shape {
	s.whole = true
	return &s
}

// frozen is the shape where nothing may be changed once it was created.
func (s shape) frozen() *shape {
	s.fixed = true
	return &s
}

// merges says that it is a list that merges item by item; managedFields name its
// items, and not an empty one.
func (s *shape) merges() bool { return s.sort == list && !s.whole }

func (s *shape) field(name string) (*shape, bool) {
	for _, f := range s.fields {
		if f.name == name {
			return f.shape, f.always
		}
	}
	return nil, false
}

// make gives a random value; rich is the share of optional fields that are there.
func (s *shape) make(r *rand.Rand, rich float64) any {
	switch s.sort {
	case object:
		out := map[string]any{}
		for _, f := range s.fields {
			if f.always || r.Float64() < rich {
				out[f.name] = f.shape.make(r, rich)
			}
		}
		return out
	case mapping:
		out := map[string]any{}
		for _, name := range pick(r, s.names, s.min, s.max) {
			out[name] = s.value.make(r, rich)
		}
		return out
	case list:
		return s.makeItems(r, rich)
	}
	return s.gen(r)
}

// makeItems leaves out items whose identity is there already.
func (s *shape) makeItems(r *rand.Rand, rich float64) any {
	count := s.min + r.IntN(s.max-s.min+1)
	items := []any{}
	for range 4 * count {
		if len(items) == count {
			break
		}
		item := s.value.make(r, rich)
		if s.whole || s.find(items, s.identity(item)) < 0 {
			items = append(items, item)
		}
	}
	return items
}

func pick(r *rand.Rand, names []string, low, high int) []string {
	high = min(high, len(names))
	count := low + r.IntN(high-low+1)
	shuffled := slices.Clone(names)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:count]
}

// identity is how an item of a list that merges is found again.
func (s *shape) identity(item any) element {
	if s.set {
		return element{value: item}
	}
	fields, _ := item.(map[string]any)
	keys := map[string]any{}
	for _, key := range s.keys {
		if v, ok := fields[key]; ok {
			keys[key] = v
		} else if v, ok := s.defaults[key]; ok {
			keys[key] = v
		}
	}
	return element{keys: keys}
}

// find is the place of the item with this identity, or -1.
func (s *shape) find(items []any, identity element) int {
	return slices.IndexFunc(items, func(item any) bool { return same(s.identity(item), identity) })
}
