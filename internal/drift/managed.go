package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// managed is one entry of metadata.managedFields.
type managed struct {
	manager     string
	class       Class
	operation   string // Apply or Update
	apiVersion  string
	subresource string
	time        time.Time
	fields      *fieldpath.Set
}

// ours says whether the entry is Killick's own Apply entry.
func (m managed) ours() bool {
	return m.manager == FieldManager && m.operation == "Apply" && m.subresource == ""
}

// human says whether additions by this entry are drift. Status belongs to
// controllers whoever wrote it.
func (m managed) human() bool {
	return m.subresource != "status" && !m.ours() && m.class.Human()
}

// mergedManager is the name under which the API server merges the oldest entries of an
// object that more than ten clients updated, hands and controllers alike (apimachinery,
// managedfields/internal/capmanagers.go).
const mergedManager = "ancient-changes"

// merged says that nobody knows whose entry it is, unless the config gives it a class.
func (m managed) merged() bool { return m.manager == mergedManager && m.class == ClassUnknown }

// othersFields are those that must stay although Git does not name them: controllers' and
// other deployers', and of a merged entry what we have no part in.
func othersFields(entries []managed) []*fieldpath.Set {
	var sets []*fieldpath.Set
	for _, entry := range entries {
		switch {
		case entry.merged():
			sets = append(sets, entry.fields.Difference(ownFields(entries)))
		case !entry.ours() && !entry.human():
			sets = append(sets, entry.fields)
		}
	}
	return sets
}

// deployed says whether another deployer wrote the entry: what adoption takes
// over.
func (m managed) deployed() bool {
	return m.subresource == "" && (m.class == ClassDeployer || m.manager == "kubectl-client-side-apply")
}

// read decodes an object's managedFields, with each manager's class. An entry
// that does not decode is an error: a missing owner must not look like "nobody".
func (n Noise) read(object map[string]any) ([]managed, error) {
	stored := metadata(object)["managedFields"]
	raw, ok := stored.([]any)
	if !ok && stored != nil {
		return nil, fmt.Errorf("reading managedFields: they are a %T", stored)
	}
	entries := make([]managed, 0, len(raw))
	for _, item := range raw {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("reading managedFields: entry is a %T", item)
		}
		entry := managed{
			manager:     stringAt(fields, "manager"),
			operation:   stringAt(fields, "operation"),
			apiVersion:  stringAt(fields, "apiVersion"),
			subresource: stringAt(fields, "subresource"),
		}
		entry.class = n.ClassOf(entry.manager)
		if at, err := time.Parse(time.RFC3339, stringAt(fields, "time")); err == nil {
			entry.time = at
		}
		if format := stringAt(fields, "fieldsType"); format != "" && format != "FieldsV1" {
			return nil, fmt.Errorf("reading managedFields of %q: unknown fieldsType %q", entry.manager, format)
		}
		set, err := decodeFields(fields["fieldsV1"])
		if err != nil {
			return nil, fmt.Errorf("reading managedFields of %q: %w", entry.manager, err)
		}
		entry.fields = set
		entries = append(entries, entry)
	}
	return entries, nil
}

func decodeFields(fieldsV1 any) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if fieldsV1 == nil {
		return set, nil
	}
	data, err := json.Marshal(fieldsV1)
	if err != nil {
		return nil, err
	}
	if err := set.FromJSON(bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return set, nil
}

func encodeFields(set *fieldpath.Set) (map[string]any, error) {
	data, err := set.ToJSON()
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	return fields, nil
}

// ownEntry is our Apply entry; without one, the zero entry with an empty set.
func ownEntry(entries []managed) managed {
	for _, entry := range entries {
		if entry.ours() {
			return entry
		}
	}
	return managed{fields: fieldpath.NewSet()}
}

// ownFields is our Apply entry's set; empty when there is none.
func ownFields(entries []managed) *fieldpath.Set { return ownEntry(entries).fields }

// structure unites all fieldsets: which lists are keyed, which are sets and
// which values are atomic can be read from it without any schema.
func structure(lists ...[]managed) *fieldpath.Set {
	union := fieldpath.NewSet()
	for _, entries := range lists {
		for _, entry := range entries {
			union = union.Union(entry.fields)
		}
	}
	return union
}

// touches says whether the set names the path, something below it, or an atomic
// value above it. A set may name a map or list without naming anything in it
// ("f:annotations": {".": {}}); that is an atomic value only if no set of the
// object names anything in it either, which shape, the union of them all, tells.
func touches(set, shape *fieldpath.Set, path fieldpath.Path) bool {
	for i, element := range path {
		member := set.Members.Has(element)
		next, child := set.Children.Get(element)
		if i == len(path)-1 {
			return member || child
		}
		shape = shape.WithPrefix(element)
		if !child {
			return member && shape.Empty() // an atomic value that contains the path
		}
		set = next
	}
	return false
}

// owner finds the field manager to name for a path: the latest writer among the
// others, else ourselves, else nobody.
func owner(entries []managed, shape *fieldpath.Set, path fieldpath.Path) managed {
	var found managed
	known := false
	for _, entry := range entries {
		if entry.subresource == "status" || !touches(entry.fields, shape, path) {
			continue
		}
		switch {
		case !known, found.ours() && !entry.ours():
			found, known = entry, true
		case entry.ours():
		case entry.time.After(found.time), entry.time.Equal(found.time) && entry.manager < found.manager:
			found = entry // managedFields keep seconds: of two writers at once the name decides
		}
	}
	return found
}

// managerNames lists the distinct field managers of an object, sorted.
func managerNames(entries []managed) []string {
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.manager)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pathOf writes a managedFields path in Killick's own form.
func pathOf(fields fieldpath.Path) Path {
	path := make(Path, 0, len(fields))
	for _, element := range fields {
		path = append(path, elementOf(element))
	}
	return path
}

func elementOf(element fieldpath.PathElement) string {
	switch {
	case element.FieldName != nil:
		return *element.FieldName
	case element.Key != nil:
		keys := make(map[string]any, len(*element.Key))
		for _, field := range *element.Key {
			keys[field.Name] = field.Value.Unstructured()
		}
		return Path(nil).Key(keys)[0]
	case element.Value != nil:
		return Path(nil).Value((*element.Value).Unstructured())[0]
	case element.Index != nil:
		return fmt.Sprintf("[%d]", *element.Index)
	}
	return ""
}

// appendElement copies before it appends: sibling paths share their parent.
func appendElement(path fieldpath.Path, element fieldpath.PathElement) fieldpath.Path {
	longer := make(fieldpath.Path, len(path), len(path)+1)
	copy(longer, path)
	return append(longer, element)
}

func fieldElement(name string) fieldpath.PathElement { return fieldpath.FieldNameElement(name) }

// listShape tells from a fieldset how a list merges: by which keys, as a set of
// values, or not at all.
type listShape struct {
	keys []string
	set  bool
}

func (s listShape) atomic() bool { return len(s.keys) == 0 && !s.set }

func shapeOf(set *fieldpath.Set) listShape {
	var shape listShape
	look := func(element fieldpath.PathElement) {
		switch {
		case element.Key != nil && shape.keys == nil:
			for _, field := range *element.Key {
				shape.keys = append(shape.keys, field.Name)
			}
		case element.Value != nil:
			shape.set = true
		}
	}
	set.Members.Iterate(look)
	for element := range set.Children.All() {
		look(element)
	}
	return shape
}

// elementFor is the path element of one list item, or false when the item lacks
// a key or is not what the shape says.
func (s listShape) elementFor(item any) (fieldpath.PathElement, bool) {
	if s.set {
		switch item.(type) {
		case map[string]any, []any, nil:
			return fieldpath.PathElement{}, false
		}
		return fieldpath.ValueElement(value.NewValueInterface(item)), true
	}
	fields, ok := item.(map[string]any)
	if !ok || len(s.keys) == 0 {
		return fieldpath.PathElement{}, false
	}
	keys := make([]value.Field, 0, len(s.keys))
	for _, name := range s.keys {
		v, present := fields[name]
		if !present {
			return fieldpath.PathElement{}, false
		}
		keys = append(keys, value.Field{Name: name, Value: value.NewValueInterface(v)})
	}
	return fieldpath.KeyElement(keys...), true
}

// valueAt follows a managedFields path inside an object.
func valueAt(root any, path fieldpath.Path) (any, bool) {
	current := root
	for _, element := range path {
		next, ok := childOf(current, element)
		if !ok {
			return nil, false
		}
		current = next
	}
	return current, true
}

func childOf(parent any, element fieldpath.PathElement) (any, bool) {
	if element.FieldName != nil {
		fields, ok := parent.(map[string]any)
		if !ok {
			return nil, false
		}
		v, ok := fields[*element.FieldName]
		return v, ok
	}
	items, ok := parent.([]any)
	if !ok {
		return nil, false
	}
	if element.Index != nil {
		if *element.Index < 0 || *element.Index >= len(items) {
			return nil, false
		}
		return items[*element.Index], true
	}
	var shape listShape
	if element.Key != nil {
		for _, field := range *element.Key {
			shape.keys = append(shape.keys, field.Name)
		}
	} else {
		shape.set = true
	}
	for _, item := range items {
		if got, ok := shape.elementFor(item); ok && got.Equals(element) {
			return item, true
		}
	}
	return nil, false
}
