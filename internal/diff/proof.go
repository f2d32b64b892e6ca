package diff

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// Proved says that a forced server-side apply of the manifest would change
// nothing, from what the live object says of itself: our own Apply entry names
// exactly the manifest's fields, and each has the manifest's value. It needs no
// schema, because the entry tells which lists are keyed and what is atomic, and
// it never guesses: whatever it cannot see at once is not proved, and the server
// is asked instead.
//
// The server's own test for a no-op apply is value equality after merging
// (structured-merge-diff, merge.Updater.Apply). Merging changes nothing when
// every desired value stands at its path, nothing we own is missing from the
// manifest, we own all of it, and the items of keyed lists keep their order.
//
// A proof is about the schema that the entry was written under: when a CRD makes a
// list or map atomic that merged by its keys, the server's answer can differ
// until the next write. Such objects are found by the audit.
func Proved(object drift.Object, live map[string]any) bool {
	if live == nil || nested.Metadata(live)["deletionTimestamp"] != nil || live["apiVersion"] != object.Kind().APIVersion() {
		return false
	}
	if object.Manifest["status"] != nil {
		return false // the server stores it where a CRD has no status subresource
	}
	entries, err := ownership.Read(drift.Noise{}, live)
	if err != nil {
		return false
	}
	var own *ownership.Entry
	for i, entry := range entries {
		if !entry.Ours() {
			continue
		}
		if own != nil {
			return false
		}
		own = &entries[i]
	}
	if own == nil || own.ApiVersion != object.Kind().APIVersion() {
		return false
	}
	return provedMap(own.Fields, applied(KeepNondeterministic(drift.Noise{}, object, live).Manifest), live)
}

// applied is the part of a manifest that managedFields record: the server strips
// identity and its own metadata (apiserver, fieldmanager/stripmeta.go), and
// resets status.
func applied(manifest map[string]any) map[string]any {
	fields := Comparable(manifest)
	meta := nested.ShallowCopy(nested.Metadata(fields))
	delete(meta, "name")
	delete(meta, "namespace")
	fields["metadata"] = meta
	if len(meta) == 0 {
		delete(fields, "metadata")
	}
	return fields
}

func provedMap(set *fieldpath.Set, desired, live map[string]any) bool {
	for name, want := range desired {
		element := ownership.FieldElement(name)
		have, present := live[name]
		if want == nil || !present || !provedValue(set, element, want, have) {
			return false
		}
	}
	return eachElement(set, func(element fieldpath.PathElement) bool {
		if element.FieldName == nil {
			return false
		}
		_, wanted := desired[*element.FieldName]
		return wanted
	})
}

// provedValue checks one field or list item that the set must name.
func provedValue(set *fieldpath.Set, element fieldpath.PathElement, want, have any) bool {
	below, parent := set.Children.Get(element)
	if !parent {
		return set.Members.Has(element) && nested.EqualValues(want, have)
	}
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		return ok && provedMap(below, want, have)
	case []any:
		have, ok := have.([]any)
		return ok && provedList(below, want, have)
	}
	return false
}

func provedList(set *fieldpath.Set, desired, live []any) bool {
	shape := ownership.ShapeOf(set)
	count, last := 0, -1
	if !eachElement(set, func(element fieldpath.PathElement) bool {
		count++
		return (element.Key != nil) != (element.Value != nil) && (element.Value != nil) == shape.Set
	}) || count != len(desired) {
		return false
	}
	places := map[string]int{}
	for i, item := range live {
		element, ok := shape.ElementFor(item)
		if !ok {
			return false
		}
		if _, twice := places[element.String()]; twice {
			return false
		}
		places[element.String()] = i
	}
	for _, want := range desired {
		element, ok := shape.ElementFor(want)
		if !ok {
			return false
		}
		place, present := places[element.String()]
		if !present || place <= last || !provedValue(set, element, want, live[place]) {
			return false
		}
		last = place
	}
	return true
}

// eachElement says whether a check holds for everything that a set names at its
// root, each once. Every element is visited, because a loop that leaves
// fieldpath's iterator early panics (SetNodeMap.All goes on after yield said no).
func eachElement(set *fieldpath.Set, check func(fieldpath.PathElement) bool) bool {
	holds := true
	set.Members.Iterate(func(element fieldpath.PathElement) {
		if _, both := set.Children.Get(element); !both {
			holds = check(element) && holds
		}
	})
	set.Children.Iterate(func(element fieldpath.PathElement) { holds = check(element) && holds })
	return holds
}
