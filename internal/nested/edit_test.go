package nested_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestValueAt(t *testing.T) {
	t.Parallel()
	object := model.Tree(t, `
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
		path   nested.Path
		want   any
		found  bool
	}{
		{"a field", nested.Path{"metadata", "labels", "app.kubernetes.io/name"}, "web", true},
		{"an empty name", nested.Path{"metadata", "labels", ""}, "empty", true},
		{"a value that is null is there", nested.Path{"spec", "nothing"}, nil, true},
		{"the root", nested.Path{}, object, true},
		{"two keys", nested.Path{"spec", "ports", "[port=80,protocol=UDP]", "id"}, "b", true},
		{"the first of two that match a part of the keys", nested.Path{"spec", "ports", "[port=80]", "id"}, "a", true},
		{"a comma and an equals sign in a key", nested.Path{"spec", "names", `[name="a,b=c"]`, "v"}, int64(1), true},
		{"quotes and a bracket in a key", nested.Path{"spec", "names", `[name="q\"]"]`, "v"}, int64(2), true},
		{"a slash and a tilde in a key", nested.Path{"spec", "names", `[name="x y/z~"]`, "v"}, int64(3), true},
		{"a boolean key", nested.Path{"spec", "flags", "[up=false]", "v"}, "b", true},
		{"a set element", nested.Path{"spec", "set", "[=a]"}, "a", true},
		{"a number in a set", nested.Path{"spec", "set", "[=5]"}, int64(5), true},
		{"a text with a blank in a set", nested.Path{"spec", "set", `[="b c"]`}, "b c", true},
		{"a bracket in a set", nested.Path{"spec", "set", `[="]"]`}, "]", true},
		{"an index", nested.Path{"spec", "plain", "[1]"}, "q", true},
		{"an index of a JSON pointer", nested.Path{"spec", "plain", "0"}, "p", true},
		{"no such field", nested.Path{"spec", "other"}, nil, false},
		{"no such item", nested.Path{"spec", "ports", "[port=81]"}, nil, false},
		{"no such key", nested.Path{"spec", "ports", "[name=x]"}, nil, false},
		{"no such index", nested.Path{"spec", "plain", "[2]"}, nil, false},
		{"a name in a list", nested.Path{"spec", "plain", "x"}, nil, false},
		{"a broken element", nested.Path{"spec", "ports", "[port]"}, nil, false},
		{"a broken literal", nested.Path{"spec", "ports", `[port="80]`}, nil, false},
		{"an empty element", nested.Path{"spec", "ports", "[]"}, nil, false},
		{"below a scalar", nested.Path{"spec", "plain", "[0]", "x"}, nil, false},
		{"an item that is no map", nested.Path{"spec", "plain", "[name=x]"}, nil, false},
	}
	for _, c := range cases {
		got, found := nested.ValueAt(object, c.path)
		if found != c.found || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v at %s: %v, %t", c.reason, c.path, c.path.Pointer(), got, found)
		}
	}
	if v, ok := nested.ValueAt(nil, nested.Path{"a"}); ok || v != nil {
		t.Error("nothing is in nothing")
	}
}

// A path of the live object names all keys of an item; the manifest may leave
// protocol to the server.
func TestWantedValue(t *testing.T) {
	t.Parallel()
	manifest := model.Tree(t, `
spec:
  ports: [{port: 53, protocol: UDP, id: u}, {port: 53, id: t}, {port: 80, id: w}]
  other: [{id: 1}, {name: x}]
`)
	cases := []struct {
		reason string
		path   nested.Path
		want   any
		found  bool
	}{
		{"the named one first", model.At("spec ports [port=53,protocol=UDP] id"), "u", true},
		{"the default", model.At("spec ports [port=53,protocol=TCP] id"), "t", true},
		{"not the default", model.At("spec ports [port=80,protocol=UDP] id"), nil, false},
		{"only protocol has a default", model.At("spec other [id=1,name=x]"), nil, false},
		{"an index", model.At("spec ports [2] id"), "w", true},
		{"no element at all", model.At("spec ports port"), nil, false},
		{"a broken one", model.At("spec ports [x]"), nil, false},
	}
	for _, c := range cases {
		if got, found := nested.DesiredAt(manifest, c.path); got != c.want || found != c.found {
			t.Errorf("%s: %s: %v, %t", c.reason, c.path, got, found)
		}
	}
}

func TestWithAndWithoutValue(t *testing.T) {
	t.Parallel()
	manifest := `{"spec": {"ports": [{"port": 80, "x": 1}, {"port": 81, "protocol": "UDP"}], "set": ["a"], "m": {"k": "v"}}}`
	cases := []struct {
		reason string
		path   nested.Path
		v      any
		want   string
	}{
		{"replace a field", model.At("spec m k"), "w", `{"spec":{"m":{"k":"w"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"make maps on the way", model.At("spec a b c"), "w", `{"spec":{"a":{"b":{"c":"w"}},"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"in an item with a default key", model.At("spec ports [port=80,protocol=TCP] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":2},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"append an item", model.At("spec ports [port=81,protocol=TCP]"), map[string]any{"port": int64(81)}, `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"},{"port":81}],"set":["a"]}}`},
		{"append to a set", model.At("spec set [=b]"), "b", `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a","b"]}}`},
		{"an item of a missing list", model.At("spec new [name=a]"), map[string]any{"name": "a"}, `{"spec":{"m":{"k":"v"},"new":[{"name":"a"}],"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of a missing item", model.At("spec ports [port=99,protocol=TCP] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of an item of a missing list", model.At("spec new [name=a] x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"below a scalar", model.At("spec m k x"), int64(2), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
	}
	for _, c := range cases {
		object := model.PlainTree(t, []byte(manifest))
		if got := model.Short(nested.WithValue(object, c.path, c.v)); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
		if !nested.EqualValues(object, model.PlainTree(t, []byte(manifest))) {
			t.Errorf("%s: the manifest was changed in place", c.reason)
		}
	}
	if got := model.Short(nested.WithValue(map[string]any{}, nil, "x")); got != `"x"` {
		t.Errorf("the root: %s", got)
	}
	removals := []struct {
		reason string
		path   nested.Path
		want   string
	}{
		{"a field", model.At("spec m k"), `{"spec":{"m":{},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"an item", model.At("spec ports [port=80,protocol=TCP]"), `{"spec":{"m":{"k":"v"},"ports":[{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"a field of an item", model.At("spec ports [port=80,protocol=TCP] x"), `{"spec":{"m":{"k":"v"},"ports":[{"port":80},{"port":81,"protocol":"UDP"}],"set":["a"]}}`},
		{"the last of a set", model.At("spec set [=a]"), `{"spec":{"m":{"k":"v"},"ports":[{"port":80,"x":1},{"port":81,"protocol":"UDP"}],"set":[]}}`},
	}
	for _, c := range removals {
		object := model.PlainTree(t, []byte(manifest))
		if got := model.Short(nested.WithoutValue(object, c.path, nested.DesiredIndex)); got != c.want {
			t.Errorf("without %s: %s", c.reason, got)
		}
		if !nested.EqualValues(object, model.PlainTree(t, []byte(manifest))) {
			t.Errorf("without %s: the manifest was changed in place", c.reason)
		}
	}
	for _, path := range []nested.Path{nil, model.At("spec other"), model.At("other x"), model.At("spec ports [port=81,protocol=TCP]"), model.At("spec m k x")} {
		object := model.PlainTree(t, []byte(manifest))
		if got := nested.WithoutValue(object, path, nested.DesiredIndex); !nested.EqualValues(got, object) {
			t.Errorf("nothing at %v: %s", path, model.Short(got))
		}
	}
}

func TestRemovalPatch(t *testing.T) {
	t.Parallel()
	object := model.Tree(t, `
metadata: {annotations: {"a/b": x, "c~d": y}, labels: {app: web}}
spec: {env: [{name: A}, {name: B}, {name: C}], set: [p, q, r]}
`)
	cases := []struct {
		reason string
		paths  []nested.Path
		want   []nested.PatchOp
	}{
		{"nothing", nil, nil},
		{"escapes", []nested.Path{{"metadata", "annotations", "a/b"}, {"metadata", "annotations", "c~d"}},
			[]nested.PatchOp{{Op: "remove", Path: "/metadata/annotations/c~0d"}, {Op: "remove", Path: "/metadata/annotations/a~1b"}}},
		{"later items first", []nested.Path{model.At("spec env [name=A]"), model.At("spec env [name=C]")},
			[]nested.PatchOp{{Op: "remove", Path: "/spec/env/2"}, {Op: "remove", Path: "/spec/env/0"}}},
		{"any order", []nested.Path{model.At("spec env [name=C]"), model.At("spec env [name=A]")},
			[]nested.PatchOp{{Op: "remove", Path: "/spec/env/0"}, {Op: "remove", Path: "/spec/env/1"}}},
		{"what is not there", []nested.Path{model.At("spec env [name=X]"), model.At("spec other"), model.At("spec set [=q]"), model.At("metadata labels app x")},
			[]nested.PatchOp{{Op: "remove", Path: "/spec/set/1"}}},
		{"twice", []nested.Path{model.At("spec set [=q]"), model.At("spec set [=q]")}, []nested.PatchOp{{Op: "remove", Path: "/spec/set/1"}}},
		{"a part of what goes whole", []nested.Path{model.At("metadata labels"), model.At("metadata labels app")},
			[]nested.PatchOp{{Op: "remove", Path: "/metadata/labels/app"}, {Op: "remove", Path: "/metadata/labels"}}},
	}
	for _, c := range cases {
		got := nested.RemovalPatch(object, c.paths)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		after := model.ApplyPatch(t, object, got)
		for _, path := range c.paths {
			if _, found := nested.ValueAt(after, path); found {
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
func drawTree(t *rapid.T, depth int, at nested.Path, paths *[]nested.Path) any {
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
			out = append(out, map[string]any{"i": drawTree(t, 0, below, &[]nested.Path{})})
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

func drawKeyed(t *rapid.T, depth int, at nested.Path, paths *[]nested.Path) any {
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
		paths := []nested.Path{{"root"}}
		object := map[string]any{"root": drawTree(rt, 4, nested.Path{"root"}, &paths)}
		for _, path := range paths {
			back, err := nested.ParsePointer(path.Pointer())
			if err != nil || !back.Equal(path) {
				rt.Fatalf("%q reads back as %q: %v", path, back, err)
			}
			v, found := nested.ValueAt(object, path)
			if !found {
				rt.Fatalf("nothing at %q in %s", path, model.Short(object))
			}
			set := nested.WithValue(object, path, "replaced")
			if got, _ := nested.ValueAt(set, path); got != "replaced" && !strings.HasPrefix(path[len(path)-1], "[") {
				rt.Fatalf("setting %q gave %v", path, got)
			}
			ops := nested.RemovalPatch(object, []nested.Path{path})
			if len(ops) != 1 {
				rt.Fatalf("removing %q takes %v", path, ops)
			}
			patched := model.ApplyPatch(t, object, ops)
			if !nested.EqualValues(patched, nested.WithoutValue(object, path, nested.LiveIndex)) {
				rt.Fatalf("removing %q (%s) by patch and by path differ", path, model.Short(v))
			}
		}
		rest := model.ApplyPatch(t, object, nested.RemovalPatch(object, paths))
		for key := range rest {
			rt.Fatalf("after removing everything %q is left", key)
		}
	})
}
