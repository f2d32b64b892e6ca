package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/decide"
)

func findings(sources []Source) []string {
	var all []string
	for _, finding := range Check(sources, Options{}) {
		kind := "error"
		if finding.Warning {
			kind = "warning"
		}
		all = append(all, fmt.Sprintf("%s: %v [%s]", kind, finding.Problem, finding.Problem.Hint))
	}
	return all
}

func TestCheck(t *testing.T) {
	const test = "package drift.shop_test\n\nimport data.drift.shop\n\ntest_x if shop.heal == set()\n"
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing to say", map[string]string{"shop.rego": shopPolicy, "shop_test.rego": test}, nil},
		{
			"errors and warnings in the order of lines",
			map[string]string{
				"a.rego":      "package drift.a\n\nheal contains \"x\" if   input.drift.cause == \"live\"\n\nheals contains \"x\" if input.drift.cause == \"live\"\n",
				"a_test.rego": "package drift.a_test\n\nimport data.drift.a\n\ntest_x if a.heal == set()\n",
			},
			[]string{
				"warning: policies/a/a.rego:3: not formatted as opa fmt does [run opa fmt -w policies/a/a.rego]",
				"error: policies/a/a.rego:5: heals is neither a verb nor used by another rule, so it has no effect [did you mean heal? Otherwise remove the rule, or use it in another]",
			},
		},
		{
			"unused variables and imports",
			map[string]string{
				"shop.rego":      "package drift.shop\n\nimport data.drift.lib\n\nheal contains \"x\" if {\n\tname := input.app.name\n\tinput.drift.cause == \"live\"\n}\n",
				"shop_test.rego": test,
			},
			[]string{
				"warning: policies/shop/shop.rego:3: import data.drift.lib unused []",
				"warning: policies/shop/shop.rego:6: assigned var name unused []",
			},
		},
		{
			"tests that do not compile stop no run",
			map[string]string{"shop.rego": shopPolicy, "shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\n\ntest_x if count(shop.heel) == 0\n"},
			[]string{`warning: policies/shop/shop_test.rego:5: there is no rule "heel" in package drift.shop [did you mean "heal"? rules: alert_only, heal]`},
		},
		{
			"no tests",
			map[string]string{"shop.rego": shopPolicy},
			[]string{"warning: no policy has a test [start with a file policies/drift/<area>/<area>_test.rego; see docs/policies.md]"},
		},
		{
			"data files",
			map[string]string{"shop.rego": shopPolicy, "shop_test.rego": test, "teams.yaml": "core: [ada]\n"},
			[]string{"warning: policies/teams.yaml: data files are not read [parameters go under data: of the policies entry, and are seen as data.params.<area>]"},
		},
		{
			"with outside tests",
			map[string]string{
				"shop.rego":      "package drift.shop\n\nheal contains \"x\" if _live with input.drift.cause as \"live\"\n\n_live if input.drift.cause == \"live\"\n",
				"shop_test.rego": test,
			},
			[]string{"warning: policies/shop/shop.rego:3: with belongs into tests: here it decides about an input that does not exist [give the helper its value as an argument]"},
		},
		{
			"an approval that nobody can give, at each rule that asks for one",
			map[string]string{
				"shop.rego":      "package drift.shop\n\nrequire_approval contains \"prod\" if input.run.cluster == \"prod\"\n\nrequire_approval contains \"node\" if input.resource.kind == \"Node\"\n",
				"shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\n\n# require_approval is only asked about here.\ntest_x if shop.require_approval == set()\n",
			},
			[]string{
				"warning: policies/shop/shop.rego:3: require_approval: what it asks an approval for is alert-only [" + decide.ApprovalsNotYet + "]",
				"warning: policies/shop/shop.rego:5: require_approval: what it asks an approval for is alert-only [" + decide.ApprovalsNotYet + "]",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, findings([]Source{folder(test.files)})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheckAreas: a listed area without a package, or parameters that no area
// sees, are slips that cost nothing. All entries may carry the same areas.
func TestCheckAreas(t *testing.T) {
	source := withAreas(folder(map[string]string{"shop.rego": shopPolicy, "shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\n\ntest_x if shop.heal == set()\n"}),
		map[string]Area{"shop": {All: true}, "shpo": {All: true}})
	want := []string{`warning: policies: areas: shpo is listed and there is no package drift.shpo, did you mean "shop"? [areas found: baseline, shop]`}
	source.Data = map[string]any{"Shop": map[string]any{}}
	want = append(want, `warning: policies: data: Shop is no area of this entry, did you mean "shop"? [areas found: shop]`)
	if diff := cmp.Diff(want, findings([]Source{source, withAreas(Source{Builtin: "baseline"}, source.Areas)})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckAgreesWithLoad: what Check calls an error is an error of Load, and
// what it only warns about is none.
func TestCheckAgreesWithLoad(t *testing.T) {
	for _, policy := range []string{
		"heal if true\n", "heal contains \"x\" if   true\n", "heal contains \"x\" if input.x == 1\n", "heal contains \"x\" if {\n",
		"heal contains \"x\" if input.drift.cause == \"cluster\"\n", "import data.drift.lib\n\nheal contains \"x\" if true\n",
	} {
		failed := false
		for _, finding := range Check(shop(policy), Options{}) {
			failed = failed || !finding.Warning
		}
		if _, err := Load(shop(policy), Options{}); (err != nil) != failed {
			t.Errorf("%q: Check fails: %t, Load: %v", policy, failed, err)
		}
	}
}
