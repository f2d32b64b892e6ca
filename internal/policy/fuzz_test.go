package policy

import (
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// FuzzLoad: whatever a policy file holds, it is refused with problems or gives
// verdicts; nothing panics.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		shopPolicy, explained, "", "package", "package drift.a", "package drift.a_test", "package gate.x", "package drift[\"a b\"]",
		"package drift.a\n\nheal contains x if x := input.live[_][_]\n",
		"package drift.a\n\nheal contains x if some x, y in input\n",
		"package drift.a\n\nheal[x] contains y if { x := 1; y := 2 }\n",
		"package drift.a\n\nheal contains $\"{input.app.name}{1}\" if not input[\"app\"][input.app.name]\n",
		"package drift.a\n\nheal contains \"x\" if every k, v in input.resource.labels { not v[k] }\n",
		"package drift.a\n\nf(x, [y, z]) := x if y == z\n\nheal contains \"x\" if f(input, input.changes)\n",
		"package drift.a\n\nheal contains \"x\" if data[_].x == data.params[input.app.name]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		engine, err := Load([]Source{folder(map[string]string{"a.rego": text})}, Options{MaxBytes: 4096})
		if err != nil {
			for _, line := range lines(err) {
				if line == "" {
					t.Errorf("an empty message for %q", text)
				}
			}
			return
		}
		engine.Evaluate(context.Background(), scaled())
	})
}

// FuzzDecodeReason: a reason is decoded or refused, and what is decoded has
// text.
func FuzzDecodeReason(f *testing.F) {
	for _, seed := range []string{`"x"`, `{"reason": "x"}`, `{"route": 3}`, `"/a/~0/*"`, `[]`, `null`, `""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		term, err := ast.ParseTerm(text)
		if err != nil {
			return
		}
		for _, verb := range verbs {
			reason, err := decodeReason(verb, term.Value)
			if err == nil && reason.Text == "" {
				t.Errorf("%s: %s gives an empty reason", verb, text)
			}
			if err == nil && (verb == drift.VerbIgnoreFields || verb == drift.VerbAlertOnlyFields) {
				if _, err := nested.ParsePointer(reason.Text); err != nil {
					t.Errorf("%s is accepted and no pointer: %v", text, err)
				}
			}
		}
	})
}
