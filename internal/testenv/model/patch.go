package model

import (
	"slices"
	"strconv"
	"testing"

	"github.com/killick-dev/killick/internal/nested"
)

// ApplyPatch carries out removals the way a JSON patch does (RFC 6902).
func ApplyPatch(t testing.TB, object map[string]any, ops []nested.PatchOp) map[string]any {
	t.Helper()
	root := any(nested.CloneMap(object))
	for _, op := range ops {
		path, err := nested.ParsePointer(op.Path)
		if err != nil {
			t.Fatal(err)
		}
		switch op.Op {
		case "remove":
			root = removeAt(t, root, path)
		case "add":
			root = addAt(t, root, path, op.Value)
		default:
			t.Fatalf("unexpected %s", op.Op)
		}
	}
	return root.(map[string]any)
}

// removeAt knows plain pointers only: names and indexes.
func removeAt(t testing.TB, root any, path nested.Path) any {
	t.Helper()
	switch parent := root.(type) {
	case map[string]any:
		if _, ok := parent[path[0]]; !ok {
			t.Fatalf("no %q to remove", path[0])
		}
		if len(path) == 1 {
			delete(parent, path[0])
		} else {
			parent[path[0]] = removeAt(t, parent[path[0]], path[1:])
		}
		return parent
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i >= len(parent) {
			t.Fatalf("no item %q to remove", path[0])
		}
		if len(path) == 1 {
			return append(append([]any{}, parent[:i]...), parent[i+1:]...)
		}
		parent[i] = removeAt(t, parent[i], path[1:])
		return parent
	}
	t.Fatalf("nothing below %v", path)
	return nil
}

// addAt is RFC 6902's add: a member is set, an item inserted.
func addAt(t testing.TB, root any, path nested.Path, v any) any {
	t.Helper()
	switch parent := root.(type) {
	case map[string]any:
		if len(path) > 1 {
			v = addAt(t, parent[path[0]], path[1:], v)
		}
		parent[path[0]] = v
		return parent
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i > len(parent) {
			t.Fatalf("no place %q to add at", path[0])
		}
		if len(path) == 1 {
			return slices.Insert(slices.Clone(parent), i, v)
		}
		parent[i] = addAt(t, parent[i], path[1:], v)
		return parent
	}
	t.Fatalf("nothing below %v", path)
	return nil
}
