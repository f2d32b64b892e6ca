package diff

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// local compares a manifest with a live object without the server's help. It is
// used only where the dry-run was refused (an immutable field, a keyed list
// whose key was edited) or is not allowed, and says what the manifest asks for
// that live does not have; defaults and values nobody applied stay out.
type local struct {
	// service says that the manifest is a Service, whose selector is a map of texts and
	// not a LabelSelector.
	service bool
	ours    *fieldpath.Set // what our Apply entry would own
	own     *fieldpath.Set // what it owns now
	root    *fieldpath.Set
	moved   bool // the manifest is known to be another one than was applied
	found   []rawChange
}

func localDiff(manifest, live map[string]any, entries []ownership.Entry, moved bool) local {
	l := local{service: manifest["apiVersion"] == "v1" && manifest["kind"] == "Service", own: ownership.OwnFields(entries), root: ownership.Structure(entries), moved: moved, ours: fieldpath.NewSet()}
	l.mapping(nil, l.root, Comparable(manifest), Comparable(live))
	return l
}

func (l *local) note(path fieldpath.Path, op drift.Op, desired, live any) {
	l.found = append(l.found, rawChange{path: path, op: op, desired: nested.Clone(desired), live: nested.Clone(live)})
}

func (l *local) mapping(path fieldpath.Path, set *fieldpath.Set, desired, live map[string]any) {
	for _, key := range nested.Keys(desired, live) {
		element := ownership.FieldElement(key)
		below := ownership.AppendElement(path, element)
		want, wanted := desired[key]
		have, present := live[key]
		switch {
		case !wanted:
			if ownership.Touches(l.own, l.root, below) {
				l.note(below, drift.OpAdd, nil, have) // we applied it and Git dropped it
			}
		case !present:
			// A zero value that we still own was not removed: the server does not
			// store it. An empty list that merges is never owned; and where nothing is
			// ours any more, nothing tells that an empty selector was not stored.
			items, isList := want.([]any)
			unseen := IsZero(want) && (ownership.Touches(l.own, l.root, below) || l.own.Empty() && l.isSelector(below)) || isList && len(items) == 0
			if want != nil && !unseen {
				l.note(below, drift.OpRemove, want, nil)
			}
		default:
			l.value(below, set.WithPrefix(element), set.Members.Has(element), want, have)
		}
		if wanted {
			l.claim(below, want)
		}
	}
}

// IsZero says whether the API may leave the value out of what it stores.
func IsZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	n, ok := nested.Number(v)
	return ok && n == 0
}

// claim records scalars and atomic values as ours; other containers are claimed
// by what is in them.
func (l *local) claim(path fieldpath.Path, want any) {
	switch want := want.(type) {
	case map[string]any:
		if len(want) > 0 && !(l.root.Has(path) && setAt(l.root, path).Empty()) {
			return
		}
	case []any:
		if len(want) > 0 && !ownership.ShapeOf(setAt(l.root, path)).Atomic() {
			return
		}
	}
	l.ours.Insert(path)
}

func setAt(root *fieldpath.Set, path fieldpath.Path) *fieldpath.Set {
	for _, element := range path {
		root = root.WithPrefix(element)
	}
	return root
}

func (l *local) value(path fieldpath.Path, set *fieldpath.Set, member bool, desired, live any) {
	switch want := desired.(type) {
	case map[string]any:
		if have, ok := live.(map[string]any); ok && member && set.Empty() {
			l.atomic(path, want, have)
			return
		} else if ok {
			l.mapping(path, set, want, have)
			return
		}
	case []any:
		if have, ok := live.([]any); ok {
			l.list(path, set, want, have)
			return
		}
	}
	if desired == "" && l.own.Has(path) && !l.moved {
		return // we own it still, so the server fills it in: clusterIP
	}
	if !SameMeaning(ownership.PathOf(path), desired, live) {
		l.note(path, drift.OpReplace, desired, live)
	}
}

// atomic compares a value that merges as one. As long as our own entry owns it
// nobody has changed it since we applied it: what live has beyond the manifest
// then are the server's defaults, of which a selector of labels has none. A list that
// no entry names may merge by keys for all that is known; more than the manifest asks
// for is nobody's there, as in a map. An empty map of ours was applied empty: zero values in it are Git's change.
func (l *local) atomic(path fieldpath.Path, desired, live any) {
	same := nested.EqualValues(desired, live)
	if !same && !l.isSelector(path) && (!nested.IsEmpty(live) || nested.EmptyThroughout(desired)) && (l.own.Has(path) || !l.root.Has(path)) {
		same = Contains(ownership.PathOf(path), live, desired) && sameLabels(desired, live)
	}
	if !same {
		l.note(path, drift.OpReplace, desired, live)
	}
}

func (l *local) isSelector(path fieldpath.Path) bool {
	return l.service && path.Equals(fieldpath.MakePathOrDie("spec", "selector"))
}

// sameLabels says that the labels of every LabelSelector in an atomic value are those
// that the manifest names. live holds what the manifest asks for.
func sameLabels(desired, live any) bool {
	switch want := desired.(type) {
	case map[string]any:
		have, _ := live.(map[string]any)
		for key, v := range want {
			if key == "matchLabels" && !nested.EqualValues(v, have[key]) && !(IsZero(v) && IsZero(have[key])) || !sameLabels(v, have[key]) {
				return false
			}
		}
	case []any:
		have, _ := live.([]any)
		for i := range want {
			if i < len(have) && !sameLabels(want[i], have[i]) {
				return false
			}
		}
	}
	return true
}

func (l *local) list(path fieldpath.Path, set *fieldpath.Set, desired, live []any) {
	shape := ownership.ShapeOf(set)
	if shape.Atomic() {
		l.atomic(path, desired, live)
		return
	}
	before, last, ordered := len(l.found), -1, true
	taken := make([]bool, len(live))
	for _, want := range desired {
		j := findItem(shape, want, live, taken)
		ordered, last = ordered && (j < 0 || j > last), max(j, last)
		if j < 0 {
			below := ownership.AppendElement(path, l.elementOrValue(shape, want))
			l.note(below, drift.OpRemove, want, nil)
			continue
		}
		taken[j] = true
		element, ok := shape.ElementFor(live[j])
		if !ok {
			continue
		}
		below := ownership.AppendElement(path, element)
		if shape.Set {
			l.ours.Insert(below)
			continue
		}
		l.value(below, set.WithPrefix(element), set.Members.Has(element), want, live[j])
	}
	for j, item := range live {
		element, ok := shape.ElementFor(item)
		if taken[j] || !ok {
			continue
		}
		if below := ownership.AppendElement(path, element); ownership.Touches(l.own, l.root, below) {
			l.note(below, drift.OpAdd, nil, item)
		}
	}
	if !ordered && len(l.found) == before {
		l.found = append(l.found, rawChange{path: path, op: drift.OpReplace, desired: nested.Clone(desired), live: nested.Clone(live), note: drift.NoteOrderOnly})
	}
}

// elementOrValue names a desired item that may lack keys the server defaults.
func (l *local) elementOrValue(shape ownership.ListShape, item any) fieldpath.PathElement {
	if element, ok := shape.ElementFor(item); ok {
		return element
	}
	fields, _ := item.(map[string]any)
	var pairs []any
	for _, key := range shape.Keys {
		if v, ok := nested.KeyOf(fields, key); ok {
			pairs = append(pairs, key, v)
		}
	}
	if len(pairs) == 0 {
		return fieldpath.IndexElement(0)
	}
	return fieldpath.KeyElementByFields(pairs...)
}

// findItem finds the live item with the same keys; a key that the manifest
// leaves to the server matches any value.
func findItem(shape ownership.ListShape, want any, live []any, taken []bool) int {
	for j, item := range live {
		if taken[j] {
			continue
		}
		if shape.Set {
			if nested.EqualValues(want, item) {
				return j
			}
			continue
		}
		wanted, ok := want.(map[string]any)
		have, haveOK := item.(map[string]any)
		if !ok || !haveOK {
			continue
		}
		same := true
		for _, key := range shape.Keys {
			if v, named := nested.KeyOf(wanted, key); named && !nested.EqualValues(v, have[key]) {
				same = false
			}
		}
		if same {
			return j
		}
	}
	return -1
}

// quantityMaps hold quantities by resource name, and quantityFields are one
// (core/v1, autoscaling/v2, node/v1). Everywhere else "1.10" and "1.1" are
// different texts: an environment variable, a version, an annotation.
var (
	quantityMaps = map[string]bool{
		"limits": true, "requests": true, "capacity": true, "allocatable": true, "hard": true, "podFixed": true,
		"default": true, "defaultRequest": true, "max": true, "min": true, "maxLimitRequestRatio": true,
	}
	quantityFields = map[string]bool{"sizeLimit": true, "averageValue": true, "divisor": true}
)

func isQuantity(path nested.Path) bool {
	n := len(path)
	switch {
	case n > 0 && quantityFields[path[n-1]]:
		return true
	case n > 1:
		return quantityMaps[path[n-2]] || path[n-2] == "target" && path[n-1] == "value"
	}
	return false
}

// SameMeaning compares scalars; two spellings of one quantity are the same here,
// where no server can say so.
func SameMeaning(path nested.Path, desired, live any) bool {
	if nested.EqualValues(desired, live) {
		return true
	}
	return isQuantity(path) && sameQuantity(desired, live)
}

func sameQuantity(desired, live any) bool {
	want, ok := quantity(desired)
	if !ok {
		return false
	}
	have, ok := quantity(live)
	return ok && want.Cmp(have) == 0
}

func quantity(v any) (resource.Quantity, bool) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case int64, float64:
		text = nested.Path(nil).Value(v)[0]
		text = text[2 : len(text)-1]
	default:
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}
