package notify

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestFieldLine pins how one field change reads.
func TestFieldLine(t *testing.T) {
	digest := "registry.example.com/team/shop/storefront/web@sha256:" + strings.Repeat("ab12", 15)
	tests := []struct {
		reason string
		field  drift.ReportField
		want   string
	}{
		{"numbers are bare", drift.ReportField{Path: "/spec/replicas", Op: "replace", Live: 5.0, Desired: int64(3)}, "spec.replicas: 5 → 3"},
		{"a large float stays readable", drift.ReportField{Path: "/a", Op: "replace", Live: 3e9, Desired: 0.5}, "a: 3000000000 → 0.5"},
		{"a string that looks like a number is quoted", drift.ReportField{Path: "/data/port", Op: "replace", Live: "80", Desired: "http"}, `data.port: "80" → http`},
		{"an empty string is visible", drift.ReportField{Path: "/a", Op: "replace", Live: "", Desired: "true"}, `a: "" → "true"`},
		{"added in the cluster", drift.ReportField{Path: "/metadata/labels/team", Op: "add", Live: "x"}, "metadata.labels.team: x → absent"},
		{"removed in the cluster", drift.ReportField{Path: "/spec/paused", Op: "remove", Desired: true}, "spec.paused: absent → true"},
		{"the word absent is not absence", drift.ReportField{Path: "/a", Op: "remove", Desired: "absent"}, `a: absent → "absent"`},
		{"keyed list elements and escapes", drift.ReportField{Path: "/metadata/annotations/example.com~1owner", Op: "replace", Live: "a", Desired: "b"},
			`metadata.annotations["example.com/owner"]: a → b`},
		{"null is a value", drift.ReportField{Path: "/a", Op: "replace", Live: nil, Desired: []any{"<x>"}}, `a: null → ["<x>"]`},
		{"long values show where they differ", drift.ReportField{Path: "/image", Op: "replace", Live: digest + "0000", Desired: digest + "ffff"},
			"image: …ont/web@sha256:" + strings.Repeat("ab12", 14) + "ab120000 → …ont/web@sha256:" + strings.Repeat("ab12", 14) + "ab12ffff"},
		{"a prefix that ends early", drift.ReportField{Path: "/a", Op: "replace", Live: strings.Repeat("x", 10), Desired: strings.Repeat("x", 200)},
			"a: xxxxxxxxxx → " + strings.Repeat("x", 79) + "…"},
		{"one line of many", drift.ReportField{Path: "/data/f", Op: "replace", Live: "a\nb\nc\n", Desired: "a\nB\nc\n"}, "data.f: line 2: b → B"},
		{"a line more", drift.ReportField{Path: "/data/f", Op: "replace", Live: "a\nb", Desired: "a"}, "data.f: line 2: b → absent"},
		{"several lines", drift.ReportField{Path: "/data/f", Op: "replace", Live: "a\nb\nc", Desired: "x\ny\nc"}, "data.f: line 1: a → x …and 1 more line"},
		{"Windows line ends", drift.ReportField{Path: "/data/f", Op: "replace", Live: "a\r\nb", Desired: "a\nc"}, `data.f: line 1: "a\r" → "a" …and 1 more line`},
		{"what does not print", drift.ReportField{Path: "/a", Op: "replace", Live: "a\x01", Desired: "a\x02"}, `a: "a\x01" → "a\x02"`},
		{"a line at the top", drift.ReportField{Path: "/data/f", Op: "replace", Live: "new\na\nb\n", Desired: "a\nb\n"}, "data.f: line 1: new → absent"},
		{"a pointer that is none", drift.ReportField{Path: "x\u202ey", Op: "replace", Live: 1, Desired: 2}, "x�y: 1 → 2"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, fieldLine(test.field)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestFieldTexts: what differs inside a long value is told, not its beginning.
func TestFieldTexts(t *testing.T) {
	rule := func(verbs ...any) map[string]any {
		return map[string]any{"apiGroups": []any{""}, "resources": []any{"pods", "configmaps", "secrets"}, "verbs": verbs}
	}
	many := make([]any, 10)
	for i := range many {
		many[i] = rule(strings.Repeat("x", i+1), "get", "list")
	}
	filler := strings.Repeat("x", 100)
	for _, test := range []struct {
		reason string
		field  drift.ReportField
		want   []string
	}{
		{"short values stay whole", drift.ReportField{Path: "/a", Op: "replace", Live: []any{"a", "b"}, Desired: []any{"a"}}, []string{`a: ["a","b"] → ["a"]`}},
		{"a verb in one of two rules", drift.ReportField{Path: "/rules", Op: "replace",
			Live: []any{rule("get"), rule("get", "*")}, Desired: []any{rule("get"), rule("get", "list")}},
			[]string{"rules[1].verbs[1]: * → list"}},
		{"a rule more", drift.ReportField{Path: "/rules", Op: "replace", Live: []any{rule("get"), rule("*")}, Desired: []any{rule("get")}},
			[]string{`rules[1]: {"apiGroups":[""],"resources":["pods","configmaps","secrets"],"verbs":["*"]} → absent`}},
		{"too many are counted", drift.ReportField{Path: "/rules", Op: "replace", Live: many[:6], Desired: []any{}},
			[]string{`rules[0]: {"apiGroups":[""],"resources":["pods","configmaps","secrets"],"verbs":["x","get… → absent`,
				`rules[1]: {"apiGroups":[""],"resources":["pods","configmaps","secrets"],"verbs":["xx","ge… → absent`,
				`rules[2]: {"apiGroups":[""],"resources":["pods","configmaps","secrets"],"verbs":["xxx","g… → absent`,
				`rules[3]: {"apiGroups":[""],"resources":["pods","configmaps","secrets"],"verbs":["xxxx","… → absent`,
				"…and 2 more differences: the run's log and -o json have all"}},
		{"JSON in an annotation", drift.ReportField{Path: "/metadata/annotations/x", Op: "replace",
			Live: `{"a":"` + filler + `","mode":"row"}`, Desired: `{"a":"` + filler + `","mode":"sail"}`}, []string{"metadata.annotations.x.mode: row → sail"}},
		{"base64", drift.ReportField{Path: "/caBundle", Op: "replace", Live: base64.StdEncoding.EncodeToString([]byte(filler + "\nold")),
			Desired: base64.StdEncoding.EncodeToString([]byte(filler + "\nnew"))}, []string{"caBundle, decoded from base64: line 2: old → new"}},
	} {
		if diff := cmp.Diff(test.want, fieldTexts(test.field)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestClean checks that one line stays one line and hides nothing.
func TestClean(t *testing.T) {
	tests := []struct{ reason, in, want string }{
		{"line breaks are visible", "a\r\nb\nc\u2028d", "a⏎b⏎c⏎d"},
		{"tabs and odd spaces are spaces", "a\tb\u00a0c", "a b c"},
		{"bidirectional overrides are visible", "\u202eabc\u202c", "�abc�"},
		{"zero-width characters are visible", "a\u200bb\ufeff", "a�b�"},
		{"terminal escapes lose their power", "\x1b[31mred\x07", "�[31mred�"},
		{"invalid UTF-8 is repaired", "a\xffb", "a�b"},
		{"emoji survive", "ship it 🚀 👩‍💻", "ship it 🚀 👩💻"},
	}
	for _, test := range tests {
		if got := clean(test.in); got != test.want {
			t.Errorf("%s: clean(%q) = %q, want %q", test.reason, test.in, got, test.want)
		}
	}
}

// TestCut counts runes, not bytes.
func TestCut(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{{"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"", 3, ""}} {
		if got := cut(test.in, test.limit); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
		}
	}
}

// TestManagers checks when a field manager is named once, per field, or never.
func TestManagers(t *testing.T) {
	r := healedDeployment("web")
	r.Fields[1].Manager = r.Fields[0].Manager
	want := []string{
		"spec.replicas: 5 → 3",
		`spec.template.spec.containers[name=app].env[name=DEBUG]: {"name":"DEBUG","value":"1"} → absent`,
		"field manager kubectl-scale, last write 2026-11-21 01:12 UTC",
	}
	if diff := cmp.Diff(want, texts(fieldLines(r))); diff != "" {
		t.Errorf("one manager (-want +got):\n%s", diff)
	}
	r.Fields[1].Op, r.Fields[1].Manager, r.Fields[1].ManagerTime = "remove", "", nil
	want = []string{
		"spec.replicas: 5 → 3 (field manager kubectl-scale, last write 2026-11-21 01:12 UTC)",
		"spec.template.spec.containers[name=app].env[name=DEBUG]: absent → null",
	}
	if diff := cmp.Diff(want, texts(fieldLines(r))); diff != "" {
		t.Errorf("a removed field has no manager (-want +got):\n%s", diff)
	}
	if got := fieldLines(syncedDeployment("web")); len(got) != 1 {
		t.Errorf("our own field manager is not worth a line: %v", texts(got))
	}
}

func texts(lines []line) []string {
	var all []string
	for _, l := range lines {
		all = append(all, l.String())
	}
	return all
}
