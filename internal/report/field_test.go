package report

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/drift"
)

func rule(groups, resources, verbs string) map[string]any {
	return map[string]any{"apiGroups": []any{groups}, "resources": []any{resources}, "verbs": []any{verbs}}
}

// TestLongValues: what differs is seen before anything is cut.
func TestLongValues(t *testing.T) {
	lines := make([]string, 60)
	for i := range lines {
		lines[i] = fmt.Sprintf("key%d = value%d", i, i)
	}
	config := strings.Join(lines, "\n") + "\n"
	filler := strings.Repeat("0123456789", 30)
	pem := func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\n" + s + "\n-----END CERTIFICATE-----\n"))
	}
	for _, c := range []struct {
		why   string
		field drift.ReportField
		want  []string
	}{
		{"a wildcard rule that somebody added", drift.ReportField{Path: "/rules", Op: "replace",
			Live:    []any{rule("", "pods", "get"), rule("apps", "deployments", "get"), rule("*", "*", "*")},
			Desired: []any{rule("", "pods", "get"), rule("apps", "deployments", "get")}},
			[]string{
				"rules: live → desired, 1 difference",
				`  [2]: {"apiGroups":["*"],"resources":["*"],"verbs":["*"]} → (not in Git)`}},
		{"a list that Git does not have", drift.ReportField{Path: "/rules", Op: "add", Live: []any{rule("", "pods", "get"), rule("*", "*", "*"), rule("*", "*", "*")}},
			[]string{
				"rules: live → desired, (not in Git)",
				`  [0]: {"apiGroups":[""],"resources":["pods"],"verbs":["get"]} → (not in Git)`,
				`  [1]: {"apiGroups":["*"],"resources":["*"],"verbs":["*"]} → (not in Git)`,
				`  [2]: {"apiGroups":["*"],"resources":["*"],"verbs":["*"]} → (not in Git)`}},
		{"a long text that differs at its end", drift.ReportField{Path: "/data/x", Op: "replace", Live: filler + "a", Desired: filler + "b"},
			[]string{
				"data.x: live → desired",
				`  live    …890123456789012345678901234567890123456789a" (characters 260-303 of 303; -o json has all)`,
				`  desired …890123456789012345678901234567890123456789b" (characters 260-303 of 303; -o json has all)`}},
		{"only one needs quotes", drift.ReportField{Path: "/data/x", Op: "replace", Live: filler + " a", Desired: filler},
			[]string{
				"data.x: live → desired",
				`  live    …90123456789012345678901234567890123456789 a" (characters 261-304 of 304; -o json has all)`,
				`  desired …90123456789012345678901234567890123456789" (characters 261-302 of 302; -o json has all)`}},
		{"one line of a long text", drift.ReportField{Path: "/data/f", Op: "replace", Live: strings.Replace(config, "value59", "other", 1), Desired: config},
			[]string{"data.f: live → desired, -1 +1 lines", "    key58 = value58", "  - key59 = other", "  + key59 = value59"}},
		{"a long line in a text", drift.ReportField{Path: "/data/f", Op: "replace", Live: "a\n" + filler + "x\nb\n", Desired: "a\n" + filler + "y\nb\n"},
			[]string{
				"data.f: live → desired, -1 +1 lines",
				"    a",
				"  - …12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x (characters 212-301 of 301; -o json has all)",
				"  + …12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789y (characters 212-301 of 301; -o json has all)",
				"    b"}},
		{"one side has one line", drift.ReportField{Path: "/data/f", Op: "replace", Live: "key0 = value0", Desired: strings.Join(lines[:12], "\n")},
			[]string{"data.f: live → desired, -0 +11 lines", "    key0 = value0"}},
		{"JSON in an annotation", drift.ReportField{Path: "/metadata/annotations/example.com~1state", Op: "replace",
			Live:    `{"filler": "` + filler + `", "spec": {"mode": "row"}}`,
			Desired: `{"filler": "` + filler + `", "spec": {"mode": "sail"}}`},
			[]string{`metadata.annotations["example.com/state"]: live → desired, 1 difference in its JSON`, "  spec.mode: row → sail"}},
		{"base64", drift.ReportField{Path: "/webhooks/[name=a]/clientConfig/caBundle", Op: "replace", Live: pem("b2xk"), Desired: pem("bmV3")},
			[]string{
				"webhooks[name=a].clientConfig.caBundle: live → desired, decoded from base64, -1 +1 lines",
				"    -----BEGIN CERTIFICATE-----", "  - b2xk", "  + bmV3", "    -----END CERTIFICATE-----"}},
		{"a map in a map", drift.ReportField{Path: "/spec/selector", Op: "replace",
			Live:    map[string]any{"matchLabels": map[string]any{"app": "storefront", "tier": "back"}, "matchExpressions": []any{map[string]any{"key": "x", "operator": "Exists"}}},
			Desired: map[string]any{"matchLabels": map[string]any{"app": "storefront", "tier": "front"}, "matchExpressions": []any{map[string]any{"key": "x", "operator": "Exists"}}}},
			[]string{"spec.selector: live → desired, 1 difference", "  matchLabels.tier: back → front"}},
	} {
		p := &printer{width: DefaultWidth, glyphs: unicodeGlyphs}
		p.field(c.field)
		var got []string
		for line := range strings.Lines(p.buf.String()) {
			got = append(got, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "      "))
		}
		if len(got) > len(c.want) && len(c.want) == 2 && strings.HasPrefix(c.why, "one side") {
			got = got[:2]
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestManyDifferences: what is too much is counted, and where to see it is said.
func TestManyDifferences(t *testing.T) {
	var live []any
	for i := range 50 {
		live = append(live, rule("apps", fmt.Sprint("r", i), "get"))
	}
	p := &printer{width: DefaultWidth, glyphs: unicodeGlyphs}
	p.field(drift.ReportField{Path: "/rules", Op: "replace", Live: live, Desired: []any{}})
	got := strings.Split(strings.TrimSuffix(p.buf.String(), "\n"), "\n")
	if len(got) != fieldLines+2 || !strings.Contains(got[len(got)-1], "(30 more lines; -o json has all)") {
		t.Errorf("%d lines, the last is %q", len(got), got[len(got)-1])
	}
}

// TestPropertyDifferent: the two sides of a difference never look the same.
func TestPropertyDifferent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return strings.Repeat(rapid.SampledFrom([]string{"a", "b ", "é", "\n", `"`}).Draw(t, name+" filler"), rapid.IntRange(0, 300).Draw(t, name+" length")) +
				rapid.StringOfN(rapid.RuneFrom([]rune("ab \n\t")), 0, 5, -1).Draw(t, name)
		}
		live, desired := text("live"), text("desired")
		if rapid.Bool().Draw(t, "much in common") {
			desired = live + rapid.StringOfN(rapid.RuneFrom([]rune("ab \n")), 0, 3, -1).Draw(t, "more")
		}
		if live == desired {
			return
		}
		p := &printer{width: rapid.IntRange(20, 120).Draw(t, "width"), glyphs: asciiGlyphs, ascii: true}
		p.field(drift.ReportField{Path: "/a", Op: "replace", Live: live, Desired: desired})
		var left, right []string
		for line := range strings.Lines(p.buf.String()) {
			switch trimmed := strings.TrimSpace(line); {
			case strings.HasPrefix(trimmed, "live "), strings.HasPrefix(trimmed, "- "), trimmed == "-":
				left = append(left, strings.TrimPrefix(strings.TrimPrefix(trimmed, "live "), "- "))
			case strings.HasPrefix(trimmed, "desired "), strings.HasPrefix(trimmed, "+ "), trimmed == "+":
				right = append(right, strings.TrimPrefix(strings.TrimPrefix(trimmed, "desired "), "+ "))
			case strings.Contains(trimmed, " -> ") && !strings.Contains(trimmed, "live -> desired"):
				a, b, _ := strings.Cut(strings.TrimPrefix(trimmed, "a: "), " -> ")
				left, right = append(left, a), append(right, b)
			}
		}
		if strings.Contains(p.buf.String(), "more lines;") {
			return
		}
		if strings.Join(left, "\n") == strings.Join(right, "\n") {
			t.Fatalf("%q and %q look the same:\n%s", live, desired, p.buf.String())
		}
		if !utf8.ValidString(p.buf.String()) {
			t.Fatal("no UTF-8")
		}
	})
}
