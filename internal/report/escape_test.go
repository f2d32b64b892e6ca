package report

import "testing"

func TestInline(t *testing.T) {
	for _, c := range []struct {
		why   string
		value any
		want  string
	}{
		{"a word reads without quotes", "nginx:1.25", "nginx:1.25"},
		{"a quantity is a string, and no other type looks like it", "500m", "500m"},
		{"a string that looks like a number keeps its quotes", "5", `"5"`},
		{"a number has none", int64(5), "5"},
		{"a string that looks like a boolean", "true", `"true"`},
		{"the empty string must be visible", "", `""`},
		{"a space may be the whole difference", "a ", `"a "`},
		{"null is not the string null", nil, "null"},
		{"null is not the string null", "null", `"null"`},
		{"an object is compact JSON with sorted keys", map[string]any{"b": int64(1), "a": []any{"<x>"}}, `{"a":["<x>"],"b":1}`},
		{"a line break does not break the line", "a\nb", `"a\nb"`},
		{"an escape sequence is shown", "\x1b[31m", `"\x1b[31m"`},
		{"JSON does not escape DEL and C1", map[string]any{"k": "\x7f\u009b"}, `{"k":"\x7f\u009b"}`},
	} {
		if got := inline(c.value, false); got != c.want {
			t.Errorf("inline(%#v) = %s, want %s: %s", c.value, got, c.want, c.why)
		}
	}
}

func TestCut(t *testing.T) {
	p := &printer{glyphs: asciiGlyphs}
	if got, want := p.cut("héllo wörld", 5), "héllo... (6 more characters; -o json has all)"; got != want {
		t.Errorf("cut counts characters, not bytes: %q, want %q", got, want)
	}
	if got := p.cut("hello", 5); got != "hello" {
		t.Errorf("what fits is not cut: %q", got)
	}
}

func TestReadablePath(t *testing.T) {
	for pointer, want := range map[string]string{
		"/spec/replicas": "spec.replicas",
		"/spec/template/spec/containers/[name=web]/image": "spec.template.spec.containers[name=web].image",
		"/metadata/labels/app.kubernetes.io~1name":        `metadata.labels["app.kubernetes.io/name"]`,
		"":              "",
		"not a pointer": "not a pointer",
	} {
		if got := readablePath(pointer); got != want {
			t.Errorf("readablePath(%q) = %q, want %q", pointer, got, want)
		}
	}
}
