package drift

import (
	"slices"
	"sort"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Named is the set of fields that a manifest named, as a memo row keeps it: three bytes
// per value that holds no other, sorted. It is a hash of the path alone, because the
// names of fields are no secret, and short, because a state must fit into one object:
// of 16 million sums a manifest uses a hundred. Where two paths share one, a field that
// Git adds counts as one that it had, as it does where nothing was recorded. The zero
// value says that nothing was.
type Named []byte

// namedBytes is how much of a sum is kept. In the row's JSON they are four characters, so
// that what the rows of a state have in common stays aligned, and compresses.
const namedBytes = 3

// namedFields are the fields of a manifest of which the API server stored live.
func namedFields(manifest, live map[string]any, shape *fieldpath.Set) Named {
	var sums []uint32
	walk := leaves{found: func(sum uint32) { sums = append(sums, sum) }}
	walk.both(pathSum(nil), shape, applied(manifest), comparable(live))
	return namedOf(sums)
}

func namedOf(sums []uint32) Named {
	slices.Sort(sums)
	sums = slices.Compact(sums)
	named := make(Named, 0, len(sums)*namedBytes)
	for _, sum := range sums {
		named = append(named, byte(sum>>16), byte(sum>>8), byte(sum))
	}
	return named
}

// With is the set that also has another one's fields. That of a row of an earlier version
// stays empty: of the fields before nothing is known.
func (n Named) With(more Named) Named {
	if len(n) == 0 {
		return n
	}
	var sums []uint32
	for _, set := range []Named{n, more} {
		for i := range len(set) / namedBytes {
			sums = append(sums, set.sum(i))
		}
	}
	return namedOf(sums)
}

// lacks says that a manifest named nothing of a value. An empty set is that of a row of
// an earlier version, which lacks nothing that is known.
func (n Named) lacks(path Path, shape *fieldpath.Set, value any) bool {
	lacks := len(n) > 0
	walk := leaves{inner: true, found: func(sum uint32) { lacks = lacks && !n.has(sum) }}
	walk.both(pathSum(path), shape, value, value)
	return lacks
}

func (n Named) has(sum uint32) bool {
	at := sort.Search(len(n)/namedBytes, func(i int) bool { return n.sum(i) >= sum })
	return at < len(n)/namedBytes && n.sum(at) == sum
}

func (n Named) sum(i int) uint32 {
	of := n[i*namedBytes:]
	return uint32(of[0])<<16 | uint32(of[1])<<8 | uint32(of[2])
}

// leaves visits the values of a manifest that hold no other, with inner the others too: what
// merges item by item today may have been one value when it was recorded. Items of lists
// that merge are named by their keys, which the live items have and a manifest may leave
// to defaults.
type leaves struct {
	found func(sum uint32)
	inner bool
}

func (w leaves) both(at uint32, shape *fieldpath.Set, want, have any) {
	holds := false
	switch want := want.(type) {
	case map[string]any:
		live, _ := have.(map[string]any)
		for key, value := range want {
			w.both(step(at, key), shape.WithPrefix(fieldElement(key)), value, live[key])
		}
		holds = len(want) > 0
	case []any:
		holds = w.items(at, shape, want, have)
	}
	if !holds || w.inner {
		w.found(folded(at))
	}
}

// items visits a list that merges by key or as a set; false says that it is one value.
func (w leaves) items(at uint32, shape *fieldpath.Set, want []any, have any) bool {
	list := shapeOf(shape)
	live, _ := have.([]any)
	if list.atomic() || len(want) == 0 {
		return false
	}
	if elements, ok := elementsOf(list, want); ok {
		for i, element := range elements {
			stored, _ := childOf(have, element)
			w.both(step(at, elementOf(element)), shape.WithPrefix(element), want[i], stored)
		}
		return true
	}
	elements, ok := elementsOf(list, live)
	for i, element := range elements {
		written := elementOf(element)
		if j := wantedIn(want, written); j >= 0 {
			w.both(step(at, written), shape.WithPrefix(element), want[j], live[i])
		}
	}
	return ok && len(live) > 0
}

// pathSum is a hash of a path, and step that of one with another element: FNV-1a of 32
// bits (hash/fnv), without a state to allocate.
func pathSum(path Path) uint32 {
	sum := uint32(2166136261)
	for _, element := range path {
		sum = step(sum, element)
	}
	return sum
}

func step(sum uint32, element string) uint32 {
	for i := range len(element) {
		sum = (sum ^ uint32(element[i])) * 16777619
	}
	return (sum ^ '/') * 16777619 // ends the element
}

// folded is a sum of as many bits as are kept.
func folded(sum uint32) uint32 { return sum>>(8*namedBytes) ^ sum&(1<<(8*namedBytes)-1) }
