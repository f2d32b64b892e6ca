package diff

import (
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// WithoutNondeterministic is the object without what chance decides of it: the same in every render
// of one commit.
func WithoutNondeterministic(o drift.Object) drift.Object {
	if len(o.Nondeterministic) == 0 {
		return o
	}
	o = o.Unpack()
	tree := any(o.Manifest)
	for _, path := range o.Nondeterministic {
		tree = nested.WithoutValue(tree, path, nested.DesiredIndex)
	}
	o.Manifest, _ = tree.(map[string]any)
	return o
}

// KeepNondeterministic is the object as it is to be compared with a live one, and written over it:
// what chance decides is as the live object has it where we own it, and left out where we
// do not, as with ignored fields. A list item that the live object lacks is created, and
// gets Git's value. Of an object without our Apply entry, what its deployers own counts
// as ours, since adoption takes it over.
func KeepNondeterministic(n drift.Noise, object drift.Object, live map[string]any) drift.Object {
	if len(object.Nondeterministic) == 0 || live == nil {
		return object
	}
	entries, err := ownership.Read(n, live)
	if err != nil {
		return object // nothing is compared or written then
	}
	own := ownership.OwnFields(entries)
	if own.Empty() {
		for _, entry := range entries {
			if entry.Deployed() {
				own = own.Union(entry.Fields)
			}
		}
	}
	object = object.Unpack()
	for _, path := range object.Nondeterministic {
		object.Manifest = leftAlone(object.Manifest, live, holding{set: own, shape: ownership.Structure(entries)}, path)
	}
	return object
}

// holding is what of a value we own.
type holding struct {
	set   *fieldpath.Set // what is named inside; nil when nothing is
	shape *fieldpath.Set // what anybody's entry names inside
	named bool           // the value itself is
	whole bool           // the value is atomic, or inside of one that is
}

func (h holding) any() bool { return h.named || h.whole || h.set != nil }

func (h holding) below(element fieldpath.PathElement) holding {
	if h.whole || h.set == nil {
		return holding{whole: h.whole}
	}
	inside := holding{shape: h.shape.WithPrefix(element), named: h.set.Members.Has(element)}
	inside.set, _ = h.set.Children.Get(element)
	inside.whole = inside.named && inside.set == nil && inside.shape.Empty()
	return inside
}

// item is what of an item of a live list we own.
func (h holding) item(item any) holding {
	if h.whole || h.set == nil {
		return holding{whole: h.whole}
	}
	element, ok := ownership.ShapeOf(h.shape).ElementFor(item)
	if !ok {
		return holding{}
	}
	return h.below(element)
}

// part is what of a live value is ours.
func (h holding) part(live any) any {
	switch live := live.(type) {
	case map[string]any:
		if h.whole {
			break
		}
		out := map[string]any{}
		for key, v := range live {
			if inside := h.below(ownership.FieldElement(key)); inside.any() {
				out[key] = inside.part(v)
			}
		}
		return out
	case []any:
		if h.whole {
			break
		}
		out := []any{}
		for _, v := range live {
			if inside := h.item(v); inside.any() {
				out = append(out, inside.part(v))
			}
		}
		return out
	}
	return nested.Clone(live)
}

// leftAlone is a manifest's map with what is ours of the live value at one path, or
// without anything there. A map that thereby becomes empty goes, too: nobody meant it.
func leftAlone(want, live map[string]any, own holding, path nested.Path) map[string]any {
	name, inside := path[0], own.below(ownership.FieldElement(path[0]))
	wanted, present := want[name]
	have, stands := live[name]
	out := nested.ShallowCopy(want)
	if len(path) == 1 {
		delete(out, name)
		if stands && inside.any() {
			out[name] = inside.part(have)
		}
		return out
	}
	if !present {
		return want
	}
	switch wanted := wanted.(type) {
	case map[string]any:
		have, _ := have.(map[string]any)
		out[name] = leftAlone(wanted, have, inside, path[1:])
		if nested.IsEmpty(out[name]) {
			delete(out, name)
		}
	case []any:
		have, _ := have.([]any)
		i, j := nested.DesiredIndex(wanted, path[1]), nested.LiveIndex(have, path[1])
		if i < 0 || j < 0 {
			return want
		}
		item, isMap := wanted[i].(map[string]any)
		stands, _ := have[j].(map[string]any)
		if !isMap || len(path) == 2 {
			return want
		}
		items := slices.Clone(wanted)
		items[i] = leftAlone(item, stands, inside.item(have[j]), path[2:])
		out[name] = items
	}
	return out
}

// ofChance says that a path of the live object lies in what chance decides.
func (c Comparison) ofChance(path nested.Path) bool {
	return slices.ContainsFunc(c.Object.Nondeterministic, func(field nested.Path) bool { return leads(c.Observation.Live, field, path) })
}

// leads says that a path is another, or lies below it. Two paths may name one list item by
// different fields of it.
func leads(root any, to, path nested.Path) bool {
	if len(path) < len(to) {
		return false
	}
	for i, element := range to {
		items, isList := root.([]any)
		switch {
		case isList:
			at := nested.LiveIndex(items, element)
			if at < 0 || at != nested.LiveIndex(items, path[i]) {
				return false
			}
			root = items[at]
		case element != path[i]:
			return false
		default:
			fields, _ := root.(map[string]any)
			root = fields[element]
		}
	}
	return true
}

// DescribeNondeterministic says which fields of the object chance decides; "" when none.
func DescribeNondeterministic(o drift.Object) string {
	if len(o.Nondeterministic) == 0 {
		return ""
	}
	fields := make([]string, len(o.Nondeterministic))
	for i, path := range o.Nondeterministic {
		fields[i] = path.String()
	}
	return drift.FindingNondeterministic + ": " + strings.Join(fields, ", ")
}

// chance is what to say of an object that has such fields, as a finding; nil otherwise.
func (c Comparison) chance() []string {
	said := DescribeNondeterministic(c.Object)
	if said == "" {
		return nil
	}
	var lacking []string
	for _, path := range c.Object.Nondeterministic {
		if _, stands := nested.ValueAt(c.Observation.Live, path); !stands && c.Observation.Live != nil {
			lacking = append(lacking, path.String())
		}
	}
	if len(lacking) > 0 {
		said += "; the live object lacks " + strings.Join(lacking, ", ")
	}
	return []string{said}
}
