package nested

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// ValueAt follows a path inside an object.
func ValueAt(root any, path Path) (any, bool) { return Follow(root, path, LiveIndex) }

// DesiredAt follows a path of a live object inside a manifest, which may leave
// a part of a list item's keys to the server.
func DesiredAt(manifest map[string]any, path Path) (any, bool) {
	return Follow(manifest, path, DesiredIndex)
}

// finder finds the list item that a path element names; -1 when none does.
type finder func(items []any, element string) int

// Follow walks a path from the root; find chooses the item of a list.
func Follow(root any, path Path, find finder) (any, bool) {
	current := root
	for _, element := range path {
		switch parent := current.(type) {
		case map[string]any:
			next, ok := parent[element]
			if !ok {
				return nil, false
			}
			current = next
		case []any:
			i := find(parent, element)
			if i < 0 {
				return nil, false
			}
			current = parent[i]
		default:
			return nil, false
		}
	}
	return current, true
}

// LiveIndex is the finder for live objects, whose items have all their keys.
func LiveIndex(items []any, element string) int {
	for i, item := range items {
		if MatchesElement(i, item, element) {
			return i
		}
	}
	return -1
}

// DesiredIndex is the finder for manifests.
func DesiredIndex(items []any, element string) int {
	if i := LiveIndex(items, element); i >= 0 || !strings.HasPrefix(element, "[") {
		return i
	}
	keys, ok := SplitKeys(strings.TrimSuffix(element[1:], "]"))
	if !ok {
		return -1
	}
	return slices.IndexFunc(items, func(item any) bool {
		fields, ok := item.(map[string]any)
		if !ok {
			return false
		}
		for name, literal := range keys {
			if v, known := KeyOf(fields, name); !known || ElementValue(v) != literal {
				return false
			}
		}
		return true
	})
}

// MatchesElement says that a path element names the item at this index of a list.
func MatchesElement(i int, item any, element string) bool {
	if element == strconv.Itoa(i) {
		return true // a plain JSON pointer index
	}
	inner, ok := strings.CutPrefix(element, "[")
	if !ok {
		return false
	}
	inner = strings.TrimSuffix(inner, "]")
	if inner == strconv.Itoa(i) {
		return true
	}
	if literal, ok := strings.CutPrefix(inner, "="); ok {
		return ElementValue(item) == literal
	}
	fields, ok := item.(map[string]any)
	if !ok {
		return false
	}
	keys, ok := SplitKeys(inner)
	if !ok {
		return false
	}
	for name, literal := range keys {
		v, present := fields[name]
		if !present || ElementValue(v) != literal {
			return false
		}
	}
	return true
}

// SplitKeys reads "k=v,k2=v2" where a value is a plain word or JSON.
func SplitKeys(inner string) (map[string]string, bool) {
	keys := map[string]string{}
	for inner != "" {
		name, rest, ok := strings.Cut(inner, "=")
		if !ok {
			return nil, false
		}
		literal := rest
		if i := strings.IndexByte(rest, ','); i >= 0 {
			literal = rest[:i]
		}
		if rest != "" && strings.ContainsRune(`"{[`, rune(rest[0])) {
			decoder := json.NewDecoder(strings.NewReader(rest))
			var v any
			if err := decoder.Decode(&v); err != nil {
				return nil, false
			}
			literal = rest[:decoder.InputOffset()]
		}
		keys[name] = literal
		inner = strings.TrimPrefix(rest[len(literal):], ",")
	}
	return keys, len(keys) > 0
}

// WithValue is a manifest with a value set at a path of the live object. Missing
// maps on the way are made; a missing list element is appended when the value is
// the element itself, and otherwise the manifest stays as it is.
func WithValue(root any, path Path, v any) any {
	if len(path) == 0 {
		return v
	}
	switch parent := root.(type) {
	case map[string]any:
		next, present := parent[path[0]]
		child := WithValue(next, path[1:], v)
		if !present && child == nil && len(path) > 1 {
			return root // below is a list without the element: nothing to set
		}
		out := ShallowCopy(parent)
		out[path[0]] = child
		return out
	case []any:
		out := append([]any(nil), parent...)
		if i := DesiredIndex(out, path[0]); i >= 0 {
			out[i] = WithValue(out[i], path[1:], v)
		} else if len(path) == 1 {
			out = append(out, v)
		}
		return out
	case nil:
		if !strings.HasPrefix(path[0], "[") {
			return WithValue(map[string]any{}, path, v)
		}
		if len(path) == 1 {
			return []any{v}
		}
	}
	return root
}

// WithoutValue is the tree without the value at the path. A container that
// becomes empty stays: an empty map can be meant.
func WithoutValue(root any, path Path, find finder) any {
	if len(path) == 0 {
		return root
	}
	switch parent := root.(type) {
	case map[string]any:
		next, ok := parent[path[0]]
		if !ok {
			return root
		}
		out := ShallowCopy(parent)
		if len(path) == 1 {
			delete(out, path[0])
		} else {
			out[path[0]] = WithoutValue(next, path[1:], find)
		}
		return out
	case []any:
		i := find(parent, path[0])
		if i < 0 {
			return root
		}
		out := append([]any(nil), parent...)
		if len(path) == 1 {
			return append(out[:i], out[i+1:]...)
		}
		out[i] = WithoutValue(out[i], path[1:], find)
		return out
	}
	return root
}

// ShallowCopy copies a map and shares its values.
func ShallowCopy(m map[string]any) map[string]any {
	out := make(map[string]any, len(m)+1)
	for key, item := range m {
		out[key] = item
	}
	return out
}

// RemovalPatch is the JSON patch that removes the values at the paths from this
// very object, list items as often as they are there; paths that the object does
// not have are left out. Later list
// items go first, so that earlier indexes stay true.
func RemovalPatch(object map[string]any, paths []Path) []PatchOp {
	var ops []PatchOp
	rest := any(object)
	for _, path := range paths {
		if second, stored := SecondName(object, path); stored && IsAccountName(path) {
			paths = append(slices.Clip(paths), second) // or the value comes back from there
		}
	}
	for i := len(paths) - 1; i >= 0; i-- {
		for {
			pointer, ok := PlainPointer(rest, paths[i])
			if !ok {
				break
			}
			ops = append(ops, PatchOp{Op: "remove", Path: pointer})
			rest = WithoutValue(rest, paths[i], LiveIndex)
			if !strings.Contains(paths[i][len(paths[i])-1], "=") {
				break // only items found by their keys or value can be there twice
			}
		}
	}
	return ops
}

// UndoPatch is the JSON patch that puts back what another one removes from this very
// object. A null is not put back.
func UndoPatch(object map[string]any, removals []PatchOp) []PatchOp {
	var ops []PatchOp
	rest := any(object)
	for _, removal := range removals {
		path, err := ParsePointer(removal.Path)
		if err != nil {
			continue // Removals writes none such
		}
		if v, _ := ValueAt(rest, path); v != nil {
			ops = append(ops, PatchOp{Op: "add", Path: removal.Path, Value: Clone(v)})
		}
		rest = WithoutValue(rest, path, LiveIndex)
	}
	slices.Reverse(ops)
	return ops
}

// PlainPointer writes a path as a JSON pointer with list indexes.
func PlainPointer(root any, path Path) (string, bool) {
	plain := make(Path, 0, len(path))
	current := root
	for _, element := range path {
		switch parent := current.(type) {
		case map[string]any:
			next, ok := parent[element]
			if !ok {
				return "", false
			}
			plain = append(plain, element)
			current = next
		case []any:
			i := LiveIndex(parent, element)
			if i < 0 {
				return "", false
			}
			plain = append(plain, strconv.Itoa(i))
			current = parent[i]
		default:
			return "", false
		}
	}
	return plain.Pointer(), true
}
