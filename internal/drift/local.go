package drift

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
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

func localDiff(manifest, live map[string]any, entries []managed, moved bool) local {
	l := local{service: manifest["apiVersion"] == "v1" && manifest["kind"] == "Service", own: ownFields(entries), root: structure(entries), moved: moved, ours: fieldpath.NewSet()}
	l.mapping(nil, l.root, comparable(manifest), comparable(live))
	return l
}

func (l *local) note(path fieldpath.Path, op Op, desired, live any) {
	l.found = append(l.found, rawChange{path: path, op: op, desired: Clone(desired), live: Clone(live)})
}

func (l *local) mapping(path fieldpath.Path, set *fieldpath.Set, desired, live map[string]any) {
	for _, key := range unionKeys(desired, live) {
		element := fieldElement(key)
		below := appendElement(path, element)
		want, wanted := desired[key]
		have, present := live[key]
		switch {
		case !wanted:
			if touches(l.own, l.root, below) {
				l.note(below, OpAdd, nil, have) // we applied it and Git dropped it
			}
		case !present:
			// A zero value that we still own was not removed: the server does not
			// store it. An empty list that merges is never owned; and where nothing is
			// ours any more, nothing tells that an empty selector was not stored.
			items, isList := want.([]any)
			unseen := isZero(want) && (touches(l.own, l.root, below) || l.own.Empty() && l.isSelector(below)) || isList && len(items) == 0
			if want != nil && !unseen {
				l.note(below, OpRemove, want, nil)
			}
		default:
			l.value(below, set.WithPrefix(element), set.Members.Has(element), want, have)
		}
		if wanted {
			l.claim(below, want)
		}
	}
}

// isZero says whether the API may leave the value out of what it stores.
func isZero(v any) bool {
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
	n, ok := number(v)
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
		if len(want) > 0 && !shapeOf(setAt(l.root, path)).atomic() {
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
	if !sameMeaning(pathOf(path), desired, live) {
		l.note(path, OpReplace, desired, live)
	}
}

// atomic compares a value that merges as one. As long as our own entry owns it
// nobody has changed it since we applied it: what live has beyond the manifest
// then are the server's defaults, of which a selector of labels has none. A list that
// no entry names may merge by keys for all that is known; more than the manifest asks
// for is nobody's there, as in a map. An empty map of ours was applied empty: zero values in it are Git's change.
func (l *local) atomic(path fieldpath.Path, desired, live any) {
	same := equalValues(desired, live)
	if !same && !l.isSelector(path) && (!isEmpty(live) || hollow(desired)) && (l.own.Has(path) || !l.root.Has(path)) {
		same = contains(pathOf(path), live, desired) && sameLabels(desired, live)
	}
	if !same {
		l.note(path, OpReplace, desired, live)
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
			if key == "matchLabels" && !equalValues(v, have[key]) && !(isZero(v) && isZero(have[key])) || !sameLabels(v, have[key]) {
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
	shape := shapeOf(set)
	if shape.atomic() {
		l.atomic(path, desired, live)
		return
	}
	before, last, ordered := len(l.found), -1, true
	taken := make([]bool, len(live))
	for _, want := range desired {
		j := findItem(shape, want, live, taken)
		ordered, last = ordered && (j < 0 || j > last), max(j, last)
		if j < 0 {
			below := appendElement(path, l.elementOrValue(shape, want))
			l.note(below, OpRemove, want, nil)
			continue
		}
		taken[j] = true
		element, ok := shape.elementFor(live[j])
		if !ok {
			continue
		}
		below := appendElement(path, element)
		if shape.set {
			l.ours.Insert(below)
			continue
		}
		l.value(below, set.WithPrefix(element), set.Members.Has(element), want, live[j])
	}
	for j, item := range live {
		element, ok := shape.elementFor(item)
		if taken[j] || !ok {
			continue
		}
		if below := appendElement(path, element); touches(l.own, l.root, below) {
			l.note(below, OpAdd, nil, item)
		}
	}
	if !ordered && len(l.found) == before {
		l.found = append(l.found, rawChange{path: path, op: OpReplace, desired: Clone(desired), live: Clone(live), note: orderOnly})
	}
}

// elementOrValue names a desired item that may lack keys the server defaults.
func (l *local) elementOrValue(shape listShape, item any) fieldpath.PathElement {
	if element, ok := shape.elementFor(item); ok {
		return element
	}
	fields, _ := item.(map[string]any)
	var pairs []any
	for _, key := range shape.keys {
		if v, ok := keyOf(fields, key); ok {
			pairs = append(pairs, key, v)
		}
	}
	if len(pairs) == 0 {
		return fieldpath.IndexElement(0)
	}
	return fieldpath.KeyElementByFields(pairs...)
}

// keyOf is an item's key, or what the server makes of one that the manifest
// leaves out: of the keys of Kubernetes' own lists only protocol has a default
// (core/v1, ServicePort and ContainerPort).
func keyOf(item map[string]any, key string) (any, bool) {
	v, ok := item[key]
	if !ok && key == "protocol" {
		return "TCP", true
	}
	return v, ok
}

// findItem finds the live item with the same keys; a key that the manifest
// leaves to the server matches any value.
func findItem(shape listShape, want any, live []any, taken []bool) int {
	for j, item := range live {
		if taken[j] {
			continue
		}
		if shape.set {
			if equalValues(want, item) {
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
		for _, key := range shape.keys {
			if v, named := keyOf(wanted, key); named && !equalValues(v, have[key]) {
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

func isQuantity(path Path) bool {
	n := len(path)
	switch {
	case n > 0 && quantityFields[path[n-1]]:
		return true
	case n > 1:
		return quantityMaps[path[n-2]] || path[n-2] == "target" && path[n-1] == "value"
	}
	return false
}

// sameMeaning compares scalars; two spellings of one quantity are the same here,
// where no server can say so.
func sameMeaning(path Path, desired, live any) bool {
	if equalValues(desired, live) {
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
		text = Path(nil).Value(v)[0]
		text = text[2 : len(text)-1]
	default:
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}
