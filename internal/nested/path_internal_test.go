package nested

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathElements(t *testing.T) {
	t.Parallel()
	base := Path{"spec"}
	cases := []struct {
		reason string
		got    Path
		want   string
	}{
		{"a field", base.Field("replicas"), "replicas"},
		{"a plain key", base.Key(map[string]any{"name": "app"}), "[name=app]"},
		{"keys are sorted", base.Key(map[string]any{"protocol": "TCP", "port": int64(80)}), "[port=80,protocol=TCP]"},
		{"a float that is whole", base.Key(map[string]any{"port": 80.0}), "[port=80]"},
		{"a plain word with dots", base.Key(map[string]any{"name": "a.b-c_D9"}), "[name=a.b-c_D9]"},
		{"a text with a slash is JSON", base.Key(map[string]any{"mountPath": "/data"}), `[mountPath="/data"]`},
		{"an empty text is JSON", base.Key(map[string]any{"name": ""}), `[name=""]`},
		{"quotes", base.Key(map[string]any{"name": `a"b`}), `[name="a\"b"]`},
		{"no HTML escapes: people write these", base.Key(map[string]any{"name": "a<b>&c"}), `[name="a<b>&c"]`},
		{"a boolean", base.Key(map[string]any{"on": true}), "[on=true]"},
		{"a set element", base.Value("a"), "[=a]"},
		{"a number in a set", base.Value(int64(-5)), "[=-5]"},
		{"a map in a set", base.Value(map[string]any{"a": int64(1)}), `[={"a":1}]`},
		{"null", base.Value(nil), "[=null]"},
		{"what JSON cannot hold", base.Value(func() {})[:1].Field("x"), "x"},
	}
	for _, c := range cases {
		if got := c.got[len(c.got)-1]; got != c.want {
			t.Errorf("%s: %s, want %s", c.reason, got, c.want)
		}
		if c.got[0] != "spec" || len(c.got) != 2 {
			t.Errorf("%s: %v", c.reason, c.got)
		}
	}
	roomy := make(Path, 1, 8)
	a, b := roomy.Field("a"), roomy.Field("b")
	if a[1] != "a" || b[1] != "b" {
		t.Error("siblings share memory")
	}
}

func TestPathPointerAndString(t *testing.T) {
	t.Parallel()
	cases := []struct {
		path            Path
		pointer, string string
	}{
		{Path{"spec", "replicas"}, "/spec/replicas", "spec.replicas"},
		{Path{"metadata", "labels", "app.kubernetes.io/name"}, "/metadata/labels/app.kubernetes.io~1name", `metadata.labels["app.kubernetes.io/name"]`},
		{Path{"a~b"}, "/a~0b", "a~b"},
		{Path{"a~1b"}, "/a~01b", "a~1b"},
		{Path{"spec", "containers", "[name=app]", "image"}, "/spec/containers/[name=app]/image", "spec.containers[name=app].image"},
		{Path{"spec", "mounts", `[mountPath="/data"]`}, `/spec/mounts/[mountPath="~1data"]`, `spec.mounts[mountPath="/data"]`},
		{Path{"a b", ""}, "/a b/", `["a b"].`},
		{Path{}, "", ""},
		{Path{"x"}, "/x", "x"},
	}
	for _, c := range cases {
		if got := c.path.Pointer(); got != c.pointer {
			t.Errorf("%q: pointer %s, want %s", c.path, got, c.pointer)
		}
		if got := c.path.String(); got != c.string {
			t.Errorf("%q: %s, want %s", c.path, got, c.string)
		}
		if c.pointer == "" {
			continue
		}
		back, err := ParsePointer(c.pointer)
		if err != nil {
			t.Errorf("%s: %v", c.pointer, err)
		}
		if diff := cmp.Diff(c.path, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.pointer, diff)
		}
	}
	for _, bad := range []string{"", "spec", "spec/replicas", "#/spec"} {
		if path, err := ParsePointer(bad); err == nil {
			t.Errorf("%q was read as %v", bad, path)
		}
	}
}

func TestPathMatching(t *testing.T) {
	t.Parallel()
	path := Path{"spec", "template", "[name=app]", "image"}
	cases := []struct {
		reason                 string
		other                  Path
		prefix, matches, equal bool
	}{
		{"itself", path, true, true, true},
		{"a parent", Path{"spec", "template"}, true, true, false},
		{"the root", Path{}, true, true, false},
		{"a child", path.Field("x"), false, false, false},
		{"another", Path{"spec", "other"}, false, false, false},
		{"a part of a name", Path{"spec", "temp"}, false, false, false},
		{"a star", Path{"spec", "*", "[name=app]"}, false, true, false},
		{"stars all the way", Path{"*", "*", "*", "*"}, false, true, false},
		{"one star too many", Path{"*", "*", "*", "*", "*"}, false, false, false},
	}
	for _, c := range cases {
		if path.HasPrefix(c.other) != c.prefix || path.Matches(c.other) != c.matches || path.Equal(c.other) != c.equal {
			t.Errorf("%s: prefix %t, matches %t, equal %t", c.reason, path.HasPrefix(c.other), path.Matches(c.other), path.Equal(c.other))
		}
	}
}
