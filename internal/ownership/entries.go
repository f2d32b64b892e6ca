package ownership

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Entry is one entry of metadata.managedFields.
type Entry struct {
	Manager     string
	Class       drift.Class
	Operation   string // Apply or Update
	ApiVersion  string
	Subresource string
	Time        time.Time
	Fields      *fieldpath.Set
}

// Ours says whether the entry is Killick's own Apply entry.
func (m Entry) Ours() bool {
	return m.Manager == drift.FieldManager && m.Operation == "Apply" && m.Subresource == ""
}

// Human says whether additions by this entry are drift. Status belongs to
// controllers whoever wrote it.
func (m Entry) Human() bool {
	return m.Subresource != "status" && !m.Ours() && m.Class.Human()
}

// MergedManager is the name under which the API server merges the oldest entries of an
// object that more than ten clients updated, hands and controllers alike (apimachinery,
// managedfields/internal/capmanagers.go).
const MergedManager = "ancient-changes"

// Merged says that nobody knows whose entry it is, unless the config gives it a class.
func (m Entry) Merged() bool { return m.Manager == MergedManager && m.Class == drift.ClassUnknown }

// OthersFields are those that must stay although Git does not name them: controllers' and
// other deployers', and of a merged entry what we have no part in.
func OthersFields(entries []Entry) []*fieldpath.Set {
	var sets []*fieldpath.Set
	for _, entry := range entries {
		switch {
		case entry.Merged():
			sets = append(sets, entry.Fields.Difference(OwnFields(entries)))
		case !entry.Ours() && !entry.Human():
			sets = append(sets, entry.Fields)
		}
	}
	return sets
}

// Deployed says whether another deployer wrote the entry: what adoption takes
// over.
func (m Entry) Deployed() bool {
	return m.Subresource == "" && (m.Class == drift.ClassDeployer || m.Manager == "kubectl-client-side-apply")
}

// Read decodes an object's managedFields, with each manager's class. An entry
// that does not decode is an error: a missing owner must not look like "nobody".
func Read(n drift.Noise, object map[string]any) ([]Entry, error) {
	stored := nested.Metadata(object)["managedFields"]
	raw, ok := stored.([]any)
	if !ok && stored != nil {
		return nil, fmt.Errorf("reading managedFields: they are a %T", stored)
	}
	entries := make([]Entry, 0, len(raw))
	for _, item := range raw {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("reading managedFields: entry is a %T", item)
		}
		entry := Entry{
			Manager:     nested.StringAt(fields, "manager"),
			Operation:   nested.StringAt(fields, "operation"),
			ApiVersion:  nested.StringAt(fields, "apiVersion"),
			Subresource: nested.StringAt(fields, "subresource"),
		}
		entry.Class = n.ClassOf(entry.Manager)
		if at, err := time.Parse(time.RFC3339, nested.StringAt(fields, "time")); err == nil {
			entry.Time = at
		}
		if format := nested.StringAt(fields, "fieldsType"); format != "" && format != "FieldsV1" {
			return nil, fmt.Errorf("reading managedFields of %q: unknown fieldsType %q", entry.Manager, format)
		}
		set, err := decodeFields(fields["fieldsV1"])
		if err != nil {
			return nil, fmt.Errorf("reading managedFields of %q: %w", entry.Manager, err)
		}
		entry.Fields = set
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

// EncodeFields is the set as managedFields write it (fieldsV1).
func EncodeFields(set *fieldpath.Set) (map[string]any, error) {
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

// OwnEntry is our Apply entry; without one, the zero entry with an empty set.
func OwnEntry(entries []Entry) Entry {
	for _, entry := range entries {
		if entry.Ours() {
			return entry
		}
	}
	return Entry{Fields: fieldpath.NewSet()}
}

// OwnFields is our Apply entry's set; empty when there is none.
func OwnFields(entries []Entry) *fieldpath.Set { return OwnEntry(entries).Fields }

// Structure unites all fieldsets: which lists are keyed, which are sets and
// which values are atomic can be read from it without any schema.
func Structure(lists ...[]Entry) *fieldpath.Set {
	union := fieldpath.NewSet()
	for _, entries := range lists {
		for _, entry := range entries {
			union = union.Union(entry.Fields)
		}
	}
	return union
}

// Touches says whether the set names the path, something below it, or an atomic
// value above it. A set may name a map or list without naming anything in it
// ("f:annotations": {".": {}}); that is an atomic value only if no set of the
// object names anything in it either, which shape, the union of them all, tells.
func Touches(set, shape *fieldpath.Set, path fieldpath.Path) bool {
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

// Owner finds the field manager to name for a path: the latest writer among the
// others, else ourselves, else nobody.
func Owner(entries []Entry, shape *fieldpath.Set, path fieldpath.Path) Entry {
	var found Entry
	known := false
	for _, entry := range entries {
		if entry.Subresource == "status" || !Touches(entry.Fields, shape, path) {
			continue
		}
		switch {
		case !known, found.Ours() && !entry.Ours():
			found, known = entry, true
		case entry.Ours():
		case entry.Time.After(found.Time), entry.Time.Equal(found.Time) && entry.Manager < found.Manager:
			found = entry // managedFields keep seconds: of two writers at once the name decides
		}
	}
	return found
}

// managerNames lists the distinct field managers of an object, sorted.
func managerNames(entries []Entry) []string {
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Manager)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// PathOf writes a managedFields path in Killick's own form.
func PathOf(fields fieldpath.Path) nested.Path {
	path := make(nested.Path, 0, len(fields))
	for _, element := range fields {
		path = append(path, ElementOf(element))
	}
	return path
}

// ElementOf is one path element of managedFields as an element of Path.
func ElementOf(element fieldpath.PathElement) string {
	switch {
	case element.FieldName != nil:
		return *element.FieldName
	case element.Key != nil:
		keys := make(map[string]any, len(*element.Key))
		for _, field := range *element.Key {
			keys[field.Name] = field.Value.Unstructured()
		}
		return nested.Path(nil).Key(keys)[0]
	case element.Value != nil:
		return nested.Path(nil).Value((*element.Value).Unstructured())[0]
	case element.Index != nil:
		return fmt.Sprintf("[%d]", *element.Index)
	}
	return ""
}

// AppendElement copies before it appends: sibling paths share their parent.
func AppendElement(path fieldpath.Path, element fieldpath.PathElement) fieldpath.Path {
	longer := make(fieldpath.Path, len(path), len(path)+1)
	copy(longer, path)
	return append(longer, element)
}

// FieldElement is the path element of a field by its name.
func FieldElement(name string) fieldpath.PathElement { return fieldpath.FieldNameElement(name) }

// ListShape tells from a fieldset how a list merges: by which keys, as a set of
// values, or not at all.
type ListShape struct {
	Keys []string
	Set  bool
}

// Atomic says that the list is one value, because nothing tells how its items merge.
func (s ListShape) Atomic() bool { return len(s.Keys) == 0 && !s.Set }

// ShapeOf reads how a list merges from the first item that somebody owns.
func ShapeOf(set *fieldpath.Set) ListShape {
	var shape ListShape
	look := func(element fieldpath.PathElement) {
		switch {
		case element.Key != nil && shape.Keys == nil:
			for _, field := range *element.Key {
				shape.Keys = append(shape.Keys, field.Name)
			}
		case element.Value != nil:
			shape.Set = true
		}
	}
	set.Members.Iterate(look)
	for element := range set.Children.All() {
		look(element)
	}
	return shape
}

// ElementFor is the path element of one list item, or false when the item lacks
// a key or is not what the shape says.
func (s ListShape) ElementFor(item any) (fieldpath.PathElement, bool) {
	if s.Set {
		switch item.(type) {
		case map[string]any, []any, nil:
			return fieldpath.PathElement{}, false
		}
		return fieldpath.ValueElement(value.NewValueInterface(item)), true
	}
	fields, ok := item.(map[string]any)
	if !ok || len(s.Keys) == 0 {
		return fieldpath.PathElement{}, false
	}
	keys := make([]value.Field, 0, len(s.Keys))
	for _, name := range s.Keys {
		v, present := fields[name]
		if !present {
			return fieldpath.PathElement{}, false
		}
		keys = append(keys, value.Field{Name: name, Value: value.NewValueInterface(v)})
	}
	return fieldpath.KeyElement(keys...), true
}

// ValueAt follows a managedFields path inside an object.
func ValueAt(root any, path fieldpath.Path) (any, bool) {
	current := root
	for _, element := range path {
		next, ok := ChildOf(current, element)
		if !ok {
			return nil, false
		}
		current = next
	}
	return current, true
}

// ChildOf is the value of a field, or the list item that a key or value names.
func ChildOf(parent any, element fieldpath.PathElement) (any, bool) {
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
	var shape ListShape
	if element.Key != nil {
		for _, field := range *element.Key {
			shape.Keys = append(shape.Keys, field.Name)
		}
	} else {
		shape.Set = true
	}
	for _, item := range items {
		if got, ok := shape.ElementFor(item); ok && got.Equals(element) {
			return item, true
		}
	}
	return nil, false
}
