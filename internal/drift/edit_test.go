package drift

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// applyPatch carries out removals the way a JSON patch does (RFC 6902).
func applyPatch(t testing.TB, object map[string]any, ops []PatchOp) map[string]any {
	t.Helper()
	root := any(CloneMap(object))
	for _, op := range ops {
		path, err := ParsePointer(op.Path)
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
func removeAt(t testing.TB, root any, path Path) any {
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
func addAt(t testing.TB, root any, path Path, v any) any {
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

func TestValueAt(t *testing.T) {
	t.Parallel()
	object := tree(t, `
metadata: {labels: {app.kubernetes.io/name: web, "": empty}}
spec:
  ports: [{port: 80, protocol: TCP, id: a}, {port: 80, protocol: UDP, id: b}]
  names: [{name: "a,b=c", v: 1}, {name: 'q"]', v: 2}, {name: "x y/z~", v: 3}]
  flags: [{up: true, v: a}, {up: false, v: b}]
  set: [a, 5, "b c", "]"]
  plain: [p, q]
  nothing: null
`)
	cases := []struct {
		reason string
		path   Path
		want   any
		found  bool
	}{
		{"a field", Path{"metadata", "labels", "app.kubernetes.io/name"}, "web", true},
		{"an empty name", Path{"metadata", "labels", ""}, "empty", true},
		{"a value that is null is there", Path{"spec", "nothing"}, nil, true},
		{"the root", Path{}, object, true},
		{"two keys", Path{"spec", "ports", "[port=80,protocol=UDP]", "id"}, "b", true},
		{"the first of two that match a part of the keys", Path{"spec", "ports", "[port=80]", "id"}, "a", true},
		{"a comma and an equals sign in a key", Path{"spec", "names", `[name="a,b=c"]`, "v"}, int64(1), true},
		{"quotes and a bracket in a key", Path{"spec", "names", `[name="q\"]"]`, "v"}, int64(2), true},
		{"a slash and a tilde in a key", Path{"spec", "names", `[name="x y/z~"]`, "v"}, int64(3), true},
		{"a boolean key", Path{"spec", "flags", "[up=false]", "v"}, "b", true},
		{"a set element", Path{"spec", "set", "[=a]"}, "a", true},
		{"a number in a set", Path{"spec", "set", "[=5]"}, int64(5), true},
		{"a text with a blank in a set", Path{"spec", "set", `[="b c"]`}, "b c", true},
		{"a bracket in a set", Path{"spec", "set", `[="]"]`}, "]", true},
		{"an index", Path{"spec", "plain", "[1]"}, "q", true},
		{"an index of a JSON pointer", Path{"spec", "plain", "0"}, "p", true},
		{"no such field", Path{"spec", "other"}, nil, false},
		{"no such item", Path{"spec", "ports", "[port=81]"}, nil, false},
		{"no such key", Path{"spec", "ports", "[name=x]"}, nil, false},
		{"no such index", Path{"spec", "plain", "[2]"}, nil, false},
		{"a name in a list", Path{"spec", "plain", "x"}, nil, false},
		{"a broken element", Path{"spec", "ports", "[port]"}, nil, false},
		{"a broken literal", Path{"spec", "ports", `[port="80]`}, nil, false},
		{"an empty element", Path{"spec", "ports", "[]"}, nil, false},
		{"below a scalar", Path{"spec", "plain", "[0]", "x"}, nil, false},
		{"an item that is no map", Path{"spec", "plain", "[name=x]"}, nil, false},
	}
	for _, c := range cases {
		got, found := ValueAt(object, c.path)
		if found != c.found || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v at %s: %v, %t", c.reason, c.path, c.path.Pointer(), got, found)
		}
	}
	if v, ok := ValueAt(nil, Path{"a"}); ok || v != nil {
		t.Error("nothing is in nothing")
	}
}

// A path of the live object names all keys of an item; the manifest may leave
// protocol to the server.
func TestWantedValue(t *testing.T) {
	t.Parallel()
	manifest := tree(t, `
spec:
  ports: [{port: 53, protocol: UDP, id: u}, {port: 53, id: t}, {port: 80, id: w}]
  other: [{id: 1}, {name: x}]
`)
	cases := []struct {
		reason string
		path   Path
		want   any
		found  bool
	}{
		{"the named one first", at("spec ports [port=53,protocol=UDP] id"), "u", true},
		{"the default", at("spec ports [port=53,protocol=TCP] id"), "t", true},
		{"not the default", at("spec ports [port=80,protocol=UDP] id"), nil, false},
		{"only protocol has a default", at("spec other [id=1,name=x]"), nil, false},
		{"an index", at("spec ports [2] id"), "w", true},
		{"no element at all", at("spec ports port"), nil, false},
		{"a broken one", at("spec ports [x]"), nil, false},
	}
	for _, c := range cases {
		if got, found := wantedValue(manifest, c.path); got != c.want || found != c.found {
			t.Errorf("%s: %s: %v, %t", c.reason, c.path, got, found)
		}
	}
}

func TestWithAndWithoutValue(t *testing.T) {
	t.Parallel()
	manifest := `{"spec": {"ports": [{"port": 80, "x": 1}, {"port": 81, "protocol": "UDP"}], "set": ["a"], "m": {"k": "v"}}}`
	cases := []struct {
		reason string
		path   Path
		v      any
		want   string
	}{
		{"replace a field", at("spec m k"), "w", `{"spec":{"m":{"k":"w"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"make maps on the way", at("spec a b c"), "w", `{"spec":{"a":{"b":{"c":"w"}},"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"in an item with a default key", at("spec ports [port=80,protocol=TCP] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":2},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"append an item", at("spec ports [port=81,protocol=TCP]"), map[string]any{"port": int64(81)}, `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"},{"port":81}],"set":["a"]}}`},
		{"append to a set", at("spec set [=b]"), "b", `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a","b"]}}`},
		{"an item of a missing list", at("spec new [name=a]"), map[string]any{"name": "a"}, `{"spec":{"m":{"k":"v"},"new":[{"name":"a"}],"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of a missing item", at("spec ports [port=99,protocol=TCP] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of an item of a missing list", at("spec new [name=a] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"below a scalar", at("spec m k x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
	}
	for _, c := range cases {
		object := plainTree(t, []byte(manifest))
		if got := short(withValue(object, c.path, c.v)); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
		if !equalValues(object, plainTree(t, []byte(manifest))) {
			t.Errorf("%s: the manifest was changed in place", c.reason)
		}
	}
	if got := short(withValue(map[string]any{}, nil, "x")); got != `"x"` {
		t.Errorf("the root: %s", got)
	}
	removals := []struct {
		reason string
		path   Path
		want   string
	}{
		{"a field", at("spec m k"), `{"spec":{"m":{},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"an item", at("spec ports [port=80,protocol=TCP]"), `{"spec":{"m":{"k":"v"},"ports":[{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of an item", at("spec ports [port=80,protocol=TCP] x"), `{"spec":{"m":{"k":"v"},"ports":[{"port":80},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"the last of a set", at("spec set [=a]"), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":[]}}`},
	}
	for _, c := range removals {
		object := plainTree(t, []byte(manifest))
		if got := short(withoutValue(object, c.path, wantedIn)); got != c.want {
			t.Errorf("without %s: %s", c.reason, got)
		}
		if !equalValues(object, plainTree(t, []byte(manifest))) {
			t.Errorf("without %s: the manifest was changed in place", c.reason)
		}
	}
	for _, path := range []Path{nil, at("spec other"), at("other x"), at("spec ports [port=81,protocol=TCP]"), at("spec m k x")} {
		object := plainTree(t, []byte(manifest))
		if got := withoutValue(object, path, wantedIn); !equalValues(got, object) {
			t.Errorf("nothing at %v: %s", path, short(got))
		}
	}
}

func TestRemovalPatch(t *testing.T) {
	t.Parallel()
	object := tree(t, `
metadata: {annotations: {"a/b": x, "c~d": y}, labels: {app: web}}
spec: {env: [{name: A}, {name: B}, {name: C}], set: [p, q, r]}
`)
	cases := []struct {
		reason string
		paths  []Path
		want   []PatchOp
	}{
		{"nothing", nil, nil},
		{"escapes", []Path{{"metadata", "annotations", "a/b"}, {"metadata", "annotations", "c~d"}},
			[]PatchOp{{Op: "remove", Path: "/metadata/annotations/c~0d"}, {Op: "remove", Path: "/metadata/annotations/a~1b"}}},
		{"later items first", []Path{at("spec env [name=A]"), at("spec env [name=C]")},
			[]PatchOp{{Op: "remove", Path: "/spec/env/2"}, {Op: "remove", Path: "/spec/env/0"}}},
		{"any order", []Path{at("spec env [name=C]"), at("spec env [name=A]")},
			[]PatchOp{{Op: "remove", Path: "/spec/env/0"}, {Op: "remove", Path: "/spec/env/1"}}},
		{"what is not there", []Path{at("spec env [name=X]"), at("spec other"), at("spec set [=q]"), at("metadata labels app x")},
			[]PatchOp{{Op: "remove", Path: "/spec/set/1"}}},
		{"twice", []Path{at("spec set [=q]"), at("spec set [=q]")}, []PatchOp{{Op: "remove", Path: "/spec/set/1"}}},
		{"a part of what goes whole", []Path{at("metadata labels"), at("metadata labels app")},
			[]PatchOp{{Op: "remove", Path: "/metadata/labels/app"}, {Op: "remove", Path: "/metadata/labels"}}},
	}
	for _, c := range cases {
		got := RemovalPatch(object, c.paths)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		after := applyPatch(t, object, got)
		for _, path := range c.paths {
			if _, found := ValueAt(after, path); found {
				t.Errorf("%s: %s is still there", c.reason, path)
			}
		}
	}
}

// oddText draws names and values with the characters that paths give a meaning.
func oddText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(`ab/~,=[]"' .*\0{}:<>&é`)), 1, 8, -1),
		rapid.SampledFrom([]string{"80", "true", "null", "-1", "1e3", "a.b-c_d", "", "[name=x]", "~1", "~0", "[0]"}),
	)
}

// drawTree draws an object: maps, lists keyed by name and protocol, sets, plain
// lists. It returns the paths of everything in it.
func drawTree(t *rapid.T, depth int, at Path, paths *[]Path) any {
	kinds := []string{"text", "number", "float", "bool", "null"}
	if depth > 0 {
		kinds = append(kinds, "map", "map", "map", "keyed", "keyed", "set", "plain")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "map":
		out := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "size") {
			name := oddText().Draw(t, "field")
			if _, twice := out[name]; twice {
				continue
			}
			below := at.Field(name)
			*paths = append(*paths, below)
			out[name] = drawTree(t, depth-1, below, paths)
		}
		return out
	case "keyed":
		return drawKeyed(t, depth, at, paths)
	case "set":
		var out []any
		seen := map[string]bool{}
		for range rapid.IntRange(0, 4).Draw(t, "size") {
			v := rapid.OneOf(rapid.Map(oddText(), func(s string) any { return s }),
				rapid.Map(rapid.Int64Range(-5, 5), func(n int64) any { return n })).Draw(t, "member")
			below := at.Value(v)
			if seen[below[len(below)-1]] {
				continue
			}
			seen[below[len(below)-1]] = true
			*paths = append(*paths, below)
			out = append(out, v)
		}
		return out
	case "plain":
		out := []any{}
		for i := range rapid.IntRange(0, 3).Draw(t, "size") {
			below := at.Field("[" + strconv.Itoa(i) + "]")
			*paths = append(*paths, below)
			out = append(out, map[string]any{"i": drawTree(t, 0, below, &[]Path{})})
		}
		return out
	case "number":
		return rapid.Int64Range(-1<<53, 1<<53).Draw(t, "number")
	case "float":
		return rapid.Float64Range(-1e6, 1e6).Draw(t, "float")
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "null":
		return nil
	}
	return oddText().Draw(t, "text")
}

func drawKeyed(t *rapid.T, depth int, at Path, paths *[]Path) any {
	var out []any
	seen := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(t, "size") {
		keys := map[string]any{"name": oddText().Draw(t, "key")}
		if rapid.Bool().Draw(t, "two keys") {
			keys["port"] = rapid.Int64Range(0, 3).Draw(t, "port")
			keys["on"] = rapid.Bool().Draw(t, "on")
		}
		below := at.Key(keys)
		// An item with fewer keys would match a path with more of them, and the
		// other way round; real lists have the same keys everywhere.
		if seen[keys["name"].(string)] {
			continue
		}
		seen[keys["name"].(string)] = true
		item := map[string]any{"zz": drawTree(t, depth-1, below.Field("zz"), paths)}
		*paths = append(*paths, below, below.Field("zz"))
		for name, v := range keys {
			item[name] = v
		}
		out = append(out, item)
	}
	return out
}

// Property: every path of a random tree leads to its value, its pointer reads
// back, and removing it by patch removes exactly that.
func TestPathsFindTheirValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		paths := []Path{{"root"}}
		object := map[string]any{"root": drawTree(rt, 4, Path{"root"}, &paths)}
		for _, path := range paths {
			back, err := ParsePointer(path.Pointer())
			if err != nil || !back.Equal(path) {
				rt.Fatalf("%q reads back as %q: %v", path, back, err)
			}
			v, found := ValueAt(object, path)
			if !found {
				rt.Fatalf("nothing at %q in %s", path, short(object))
			}
			set := withValue(object, path, "replaced")
			if got, _ := ValueAt(set, path); got != "replaced" && !strings.HasPrefix(path[len(path)-1], "[") {
				rt.Fatalf("setting %q gave %v", path, got)
			}
			ops := RemovalPatch(object, []Path{path})
			if len(ops) != 1 {
				rt.Fatalf("removing %q takes %v", path, ops)
			}
			patched := applyPatch(t, object, ops)
			if !equalValues(patched, withoutValue(object, path, indexIn)) {
				rt.Fatalf("removing %q (%s) by patch and by path differ", path, short(v))
			}
		}
		rest := applyPatch(t, object, RemovalPatch(object, paths))
		for key := range rest {
			rt.Fatalf("after removing everything %q is left", key)
		}
	})
}
