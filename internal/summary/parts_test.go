package summary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func showParts(parts []summary.Part) []string {
	lines := make([]string, 0, len(parts))
	for _, part := range parts {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s %s: %v → %v %s", part.Op, part.Path, part.Live, part.Desired, part.Note), " "))
	}
	return lines
}

func TestParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, live, desired string // below v
		want                  []string
	}{
		{"a rule that somebody added to a Role", `[{verbs: [get, list], resources: [pods]}, {verbs: ["*"], resources: ["*"]}]`, `[{verbs: [get, list], resources: [pods]}]`,
			[]string{"add [1]: map[resources:[*] verbs:[*]] → <nil>"}},
		{"a verb in a rule", `[{apiGroups: [""], resources: [pods], verbs: [get, list, delete]}]`, `[{apiGroups: [""], resources: [pods], verbs: [get, list]}]`,
			[]string{"add [0].verbs[2]: delete → <nil>"}},
		{"in front, without the others moving", `[{host: z}, {host: a}, {host: b}]`, `[{host: a}, {host: b}]`, []string{"add [0]: map[host:z] → <nil>"}},
		{"one taken out of the middle", `[a, c]`, `[a, b, c]`, []string{"remove [1]: <nil> → b"}},
		{"a value for a value", `[a, x, c]`, `[a, b, c]`, []string{"replace [1]: x → b"}},
		{"elements that name themselves", `[{name: a, port: 1, x: 1}, {name: b, port: 3, x: 2}]`, `[{name: a, port: 1, x: 1}, {name: b, port: 4, x: 9}]`,
			[]string{"replace [1].port: 3 → 4", "replace [1].x: 2 → 9"}},
		{"claim templates, of which the API server adds most", `[{apiVersion: v1, kind: C, metadata: {name: data}, spec: {size: 1Gi}, status: {a: 1}}]`, `[{metadata: {name: data}, spec: {size: 2Gi}}]`,
			[]string{"add [0].apiVersion: v1 → <nil>", "add [0].kind: C → <nil>", "replace [0].spec.size: 1Gi → 2Gi", "add [0].status: map[a:1] → <nil>"}},
		{"nothing in common: two elements", `[{a: 1, b: 1}]`, `[{c: 1, d: 1}]`, []string{"add [0]: map[a:1 b:1] → <nil>", "remove [0]: <nil> → map[c:1 d:1]"}},
		{"an atomic map in an atomic map", `{matchLabels: {app: web, tier: back}, x: {w: {z: 1}}}`, `{matchLabels: {app: web}, x: {w: {z: 2}}}`,
			[]string{"add matchLabels.tier: back → <nil>", "replace x.w.z: 1 → 2"}},
		{"a deep list", `{spec: {resources: {requests: {storage: 2Gi}}}, metadata: {name: data}}`, `{spec: {resources: {requests: {storage: 1Gi}}}, metadata: {name: data}}`,
			[]string{"replace spec.resources.requests.storage: 2Gi → 1Gi"}},
		{"moved, and one changed", `[b, a, x]`, `[a, b, w]`, []string{"replace [2]: x → w", "replace : <nil> → <nil> the order of the other elements differs, too"}},
		{"only the order", `[b, a]`, `[a, b]`, []string{}},
		{"twice in the cluster", `[a, a, b]`, `[a, b]`, []string{"add [1]: a → <nil>"}},
		{"a list in place of a map", `[1]`, `{a: 1}`, []string{}},
		{"nothing in Git", `[{a: 1}, {b: 2}]`, `null`, []string{"add [0]: map[a:1] → <nil>", "add [1]: map[b:2] → <nil>"}},
		{"JSON in a text", `'{"spec": {"mode": "row"}, "n": 1}'`, `'{"spec": {"mode": "sail"}, "n": 1}'`, []string{"replace spec.mode: row → sail"}},
		{"JSON that is laid out otherwise", `'{"a": 1}'`, `'{"a":1}'`, []string{}},
		{"no JSON", `'{a'`, `'{b'`, []string{}},
		{"a JSON list in a text", `'["a","b","c"]'`, `'["a","c"]'`, []string{"add [1]: b → <nil>"}},
		{"scalars", `a`, `b`, []string{}},
	} {
		live, desired := model.Tree(t, "v: "+c.live)["v"], model.Tree(t, "v: "+c.desired)["v"]
		if diff := cmp.Diff(c.want, showParts(summary.Parts(live, desired))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// TestPropertyParts: lists that differ have a part, unless the order is all; and equal ones
// have none.
func TestPropertyParts(t *testing.T) {
	t.Parallel()
	item := rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "map") {
			return map[string]any{"name": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), "x": rapid.Int64Range(0, 3).Draw(t, "x")}
		}
		return rapid.SampledFrom([]any{"a", "b", int64(1)}).Draw(t, "scalar")
	})
	rapid.Check(t, func(t *rapid.T) {
		live := rapid.SliceOfN(item, 0, 6).Draw(t, "live")
		desired := rapid.SliceOfN(item, 0, 6).Draw(t, "desired")
		if parts := summary.Parts(live, nested.Clone(live)); len(parts) > 0 {
			t.Fatalf("equal lists have parts: %v", showParts(parts))
		}
		counts := map[string]int{}
		for _, text := range summary.Encoded(live) {
			counts[text]++
		}
		same := len(live) == len(desired)
		for _, text := range summary.Encoded(desired) {
			counts[text]--
			same = same && counts[text] >= 0
		}
		if parts := summary.Parts(live, desired); (len(parts) == 0) != same {
			t.Fatalf("%v and %v: %v", live, desired, showParts(parts))
		}
	})
}
