package diff

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// NamedFields are the fields of a manifest of which the API server stored live.
func NamedFields(manifest, live map[string]any, shape *fieldpath.Set) nested.PathSums {
	var sums []uint32
	walk := leaves{found: func(sum uint32) { sums = append(sums, sum) }}
	walk.both(nested.SumOf(nil), shape, applied(manifest), Comparable(live))
	return nested.SumsOf(sums)
}

// LacksAll says that a manifest named nothing of a value. An empty set is that of a row of
// an earlier version, which lacks nothing that is known.
func LacksAll(n nested.PathSums, path nested.Path, shape *fieldpath.Set, value any) bool {
	lacks := len(n) > 0
	walk := leaves{inner: true, found: func(sum uint32) { lacks = lacks && !n.Has(sum) }}
	walk.both(nested.SumOf(path), shape, value, value)
	return lacks
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
			w.both(nested.SumBelow(at, key), shape.WithPrefix(ownership.FieldElement(key)), value, live[key])
		}
		holds = len(want) > 0
	case []any:
		holds = w.items(at, shape, want, have)
	}
	if !holds || w.inner {
		w.found(nested.Fold(at))
	}
}

// items visits a list that merges by key or as a set; false says that it is one value.
func (w leaves) items(at uint32, shape *fieldpath.Set, want []any, have any) bool {
	list := ownership.ShapeOf(shape)
	live, _ := have.([]any)
	if list.Atomic() || len(want) == 0 {
		return false
	}
	if elements, ok := ElementsOf(list, want); ok {
		for i, element := range elements {
			stored, _ := ownership.ChildOf(have, element)
			w.both(nested.SumBelow(at, ownership.ElementOf(element)), shape.WithPrefix(element), want[i], stored)
		}
		return true
	}
	elements, ok := ElementsOf(list, live)
	for i, element := range elements {
		written := ownership.ElementOf(element)
		if j := nested.DesiredIndex(want, written); j >= 0 {
			w.both(nested.SumBelow(at, written), shape.WithPrefix(element), want[j], live[i])
		}
	}
	return ok && len(live) > 0
}
