package diff

import (
	"maps"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// whole is a write as one object: what the live one becomes when what Git dropped and
// what is in the way is removed and the manifest is merged into the rest. An apply and the
// JSON patch before it cannot be dry-run together; this object can, as one JSON patch.
type whole struct {
	live     map[string]any
	manifest map[string]any
	root     *fieldpath.Set // the union of all fieldsets: how lists and maps merge
	entries  []ownership.Entry
	dropped  []nested.Path // what our entry alone owns and Git does not name any more
	removed  []nested.Path // what others added, where the write removes it
	excluded []nested.Path // what Git's choice excludes
	fixed    []nested.Path // what keeps its live value
}

// wholeOf is the write of a comparison. An error says that the live object's managedFields
// cannot be read.
func (c Comparison) wholeOf(change drift.Change) (*whole, error) {
	entries, err := ownership.Read(c.Noise, c.Observation.Live)
	if err != nil {
		return nil, err
	}
	w := &whole{live: c.Observation.Live, manifest: c.Object.Manifest, entries: entries, root: ownership.Structure(entries)}
	local := localDiff(w.manifest, w.live, entries, c.Row != nil && !c.unmoved())
	for _, raw := range local.found {
		if raw.op == drift.OpAdd && !w.othersOwn(raw.path) {
			w.dropped = append(w.dropped, ownership.PathOf(raw.path))
		}
	}
	for _, field := range change.Fields {
		switch {
		case field.Excluded:
			w.excluded = append(w.excluded, field.Path)
		case field.Fixed:
			w.fixed = append(w.fixed, field.Path)
		}
	}
	return w, nil
}

// othersOwn says that an entry beside ours names something at or below a path.
func (w *whole) othersOwn(path fieldpath.Path) bool {
	return slices.ContainsFunc(w.entries, func(entry ownership.Entry) bool {
		return !entry.Ours() && entry.Subresource != "status" && ownership.Touches(entry.Fields, w.root, path)
	})
}

// object is what the write would store, before the server's defaults.
func (w *whole) object() map[string]any {
	object, manifest := any(w.live), any(w.manifest)
	for _, path := range slices.Concat(w.dropped, w.removed, w.excluded) {
		if !slices.ContainsFunc(w.fixed, path.Equal) {
			object = nested.WithoutValue(object, path, nested.LiveIndex)
		}
	}
	for _, path := range w.fixed {
		if v, present := nested.ValueAt(w.live, path); present {
			if _, named := nested.DesiredAt(w.manifest, path); named {
				manifest = nested.WithValue(manifest, path, v)
			}
		} else {
			manifest = nested.WithoutValue(manifest, path, nested.DesiredIndex)
		}
	}
	return overlay(w.root, manifest, object).(map[string]any)
}

// overlay merges a desired value into a live one as an apply would: maps by their fields,
// lists as the fieldsets say that they merge, everything else as one value.
func overlay(shape *fieldpath.Set, desired, live any) any {
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return want
		}
		out := nested.ShallowCopy(have)
		for key, v := range want {
			element := ownership.FieldElement(key)
			below := shape.WithPrefix(element)
			old, present := have[key]
			_, isMap := v.(map[string]any)
			switch {
			case v == nil:
			case !present, isMap && shape.Members.Has(element) && below.Empty():
				out[key] = v
			default:
				out[key] = overlay(below, v, old)
			}
		}
		return out
	case []any:
		if have, ok := live.([]any); ok {
			return overlayList(shape, want, have)
		}
	}
	return desired
}

// overlayList keeps the places of the items that are there and appends new ones.
func overlayList(shape *fieldpath.Set, desired, live []any) any {
	list := ownership.ShapeOf(shape)
	if list.Atomic() {
		return desired
	}
	out, taken := slices.Clone(live), make([]bool, len(live))
	for _, want := range desired {
		i := findItem(list, want, live, taken)
		if i < 0 {
			out = append(out, want)
			continue
		}
		taken[i] = true
		if element, ok := list.ElementFor(live[i]); ok && !list.Set {
			out[i] = overlay(shape.WithPrefix(element), want, live[i])
		}
	}
	return out
}

// patch is the JSON patch that makes the write's object of the live one.
func (w *whole) patch() []nested.PatchOp {
	object := w.object()
	ops := rewriting("", w.live, object, func(key string) bool {
		return key == "status" || key == "metadata" || key == "apiVersion" || key == "kind"
	})
	return append(ops, rewriting("/metadata", nested.Metadata(w.live), nested.Metadata(object), func(key string) bool {
		return serverFields[key] || key == "name" || key == "namespace"
	})...)
}

// rewriting are the operations that replace whole members of a map.
func rewriting(at string, before, after map[string]any, skip func(string) bool) []nested.PatchOp {
	var ops []nested.PatchOp
	for _, key := range nested.Keys(before, after) {
		want, wanted := after[key]
		switch {
		case skip(key) || nested.EqualValues(before[key], want):
		case wanted: // add replaces a member, too
			ops = append(ops, nested.PatchOp{Op: "add", Path: at + nested.Path{key}.Pointer(), Value: want})
		default:
			ops = append(ops, nested.PatchOp{Op: "remove", Path: at + nested.Path{key}.Pointer()})
		}
	}
	return ops
}

// FieldsAt is a path of a live object as managedFields write it; false where a list on
// the way does not merge by keys.
func FieldsAt(live map[string]any, root *fieldpath.Set, path nested.Path) (fieldpath.Path, bool) {
	var fields fieldpath.Path
	current := any(live)
	for _, name := range path {
		switch parent := current.(type) {
		case map[string]any:
			fields, current = append(fields, ownership.FieldElement(name)), parent[name]
		case []any:
			i := nested.LiveIndex(parent, name)
			if i < 0 {
				return nil, false
			}
			element, ok := ownership.ShapeOf(setAt(root, fields)).ElementFor(parent[i])
			if !ok {
				return nil, false
			}
			fields, current = append(fields, element), parent[i]
		default:
			return nil, false
		}
	}
	return fields, true
}

// LeavesAt are a path and all fields of maps below it.
func LeavesAt(at fieldpath.Path, v any) *fieldpath.Set {
	set := fieldpath.NewSet(at.Copy())
	fields, _ := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		set = set.Union(LeavesAt(ownership.AppendElement(at, ownership.FieldElement(key)), fields[key]))
	}
	return set
}
