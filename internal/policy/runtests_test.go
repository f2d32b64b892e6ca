package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shopPolicy = `package drift.shop

heal contains "put back" if {
	input.drift.cause == "live"
	startswith(input.resource.namespace, "shop-")
}

alert_only contains "people decide about deletions" if {
	input.drift.type == "extra"
	startswith(input.resource.namespace, "shop-")
}
`

// runShop runs one body of tests against shopPolicy and words the results.
func runShop(t *testing.T, tests string, options Options) ([]string, TestReport) {
	t.Helper()
	report, err := Test(context.Background(), []Source{folder(map[string]string{
		"shop.rego":      shopPolicy,
		"shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\nimport data.drift.testing\n\n" + tests,
	})}, options)
	if err != nil {
		t.Fatal(strings.Join(lines(err), "\n"))
	}
	var all []string
	for _, test := range report.Tests {
		all = append(all, fmt.Sprintf("%s %s.%s %s: %s", test.File, test.Package, test.Name, test.Status, test.Message))
	}
	return all, report
}

func TestTest(t *testing.T) {
	const prefix = "policies/shop/shop_test.rego:"
	tests := []struct {
		name  string
		tests string // from line 6
		want  []string
	}{
		{
			"passes", "test_heals if count(shop.heal) == 1 with input as testing.modified({\"resource\": {\"namespace\": \"shop-web\"}})\n",
			[]string{prefix + "6 data.drift.shop_test.test_heals pass: "},
		},
		{
			"fails, and says at which line",
			"test_heals if {\n\tfixture := testing.modified({})\n\tcount(shop.heal) == 1 with input as fixture\n}\n",
			[]string{prefix + "6 data.drift.shop_test.test_heals fail: line 8 did not hold: count(shop.heal) == 1 with input as fixture"},
		},
		{
			"a typo in a fixture is an error, not a test that passes for that reason",
			"test_quiet if count(shop.heal) == 0 with input as testing.modified({\"drfit\": {\"cause\": \"git\"}})\n",
			[]string{prefix + `6 data.drift.shop_test.test_quiet error: the test's input cannot occur: /drfit: unknown field, did you mean "drift"?`},
		},
		{
			"a word that cannot occur",
			"test_quiet if count(shop.heal) == 0 with input as testing.modified({\"drift\": {\"cause\": \"hand\"}})\n",
			[]string{prefix + `6 data.drift.shop_test.test_quiet error: the test's input cannot occur: /drift/cause: "hand" is none of "none", "git", "live", "both"`},
		},
		{
			"an input with only a few fields",
			"test_quiet if count(shop.heal) == 0 with input as {\"version\": \"killick.dev/input/v1\"}\n",
			[]string{prefix + "6 data.drift.shop_test.test_quiet error: the test's input cannot occur: /app: is missing; /approval: is missing; /changes: is missing; and 12 more"},
		},
		{
			"a part of the input replaced by something wrong",
			"test_quiet if count(shop.heal) == 0 with input as testing.modified({}) with input.resource.namespace as 3\n",
			[]string{prefix + "6 data.drift.shop_test.test_quiet error: the test's input cannot occur: /resource/namespace: want a string, have 3"},
		},
		{
			"no input at all", "test_quiet if count(shop.heal) == 0\n",
			[]string{prefix + "6 data.drift.shop_test.test_quiet error: a policy was asked without an input: write with input as testing.modified({})"},
		},
		{
			"a builtin fails", "test_quiet if not to_number(\"x\") == 1\n",
			[]string{prefix + `6 data.drift.shop_test.test_quiet error: policies/shop/shop_test.rego:6: evaluating policies: to_number: strconv.ParseFloat: parsing "x": invalid syntax`},
		},
		{
			"not yet", "todo_test_later if false\n",
			[]string{prefix + "6 data.drift.shop_test.todo_test_later skip: named todo_test_…"},
		},
		{
			"the cases of a table, sorted",
			"test_causes[cause] if {\n\tsome cause, want in {\"live\": 1, \"git\": 1, \"none\": 0}\n\tfixture := testing.modified({\"drift\": {\"cause\": cause}, \"resource\": {\"namespace\": \"shop-a\"}})\n\tcount(shop.heal) == want with input as fixture\n}\n",
			[]string{
				prefix + "6 data.drift.shop_test.test_causes/git fail: line 9 did not hold: count(shop.heal) == want with input as fixture",
				prefix + "6 data.drift.shop_test.test_causes/live pass: ",
				prefix + "6 data.drift.shop_test.test_causes/none pass: ",
			},
		},
		{"no tests", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, report := runShop(t, test.tests, Options{})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			bad := strings.Contains(strings.Join(test.want, ""), " fail: ") || strings.Contains(strings.Join(test.want, ""), " error: ")
			if report.Passed() == bad {
				t.Errorf("Passed() is %t", report.Passed())
			}
		})
	}
}

// TestTestCoverage: a rule counts when a test made it give a reason, not when a
// test merely asked it.
func TestTestCoverage(t *testing.T) {
	_, report := runShop(t, `test_heals if {
	count(shop.heal) == 1 with input as testing.modified({"resource": {"namespace": "shop-web"}})
	count(shop.alert_only) == 0 with input as testing.modified({"resource": {"namespace": "shop-web"}})
}
`, Options{})
	want := []Coverage{
		{Area: "shop", Verb: "heal", Rule: "policies/shop/shop.rego:3", Covered: true},
		{Area: "shop", Verb: "alert_only", Rule: "policies/shop/shop.rego:8", Covered: false},
	}
	if diff := cmp.Diff(want, report.Coverage); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTestPrints(t *testing.T) {
	_, report := runShop(t, "test_x if {\n\tprint(\"namespace\", testing.modified({}).resource.namespace)\n}\n", Options{})
	if len(report.Tests) != 1 || report.Tests[0].Output != "namespace storefront\n" {
		t.Errorf("got %+v", report.Tests)
	}
}

func TestTestSelects(t *testing.T) {
	got, _ := runShop(t, "test_a if true\n\ntest_b if true\n", Options{Run: "test_b$"})
	if want := []string{"policies/shop/shop_test.rego:8 data.drift.shop_test.test_b pass: "}; !cmp.Equal(want, got) {
		t.Errorf("got %q", got)
	}
}

// TestTestErrors: tests do not start on policies that a run would refuse, nor
// when they could pass for the wrong reason.
func TestTestErrors(t *testing.T) {
	tests := []struct {
		name, test, run, want string
	}{
		{"a rule that does not exist: it would be empty, and the test pass", "test_x if count(shop.heel) == 0 with input as testing.modified({})\n", "",
			`policies/shop/shop_test.rego:6: there is no rule "heel" in package drift.shop [did you mean "heal"?`},
		{"an undefined function", "test_x if testing.modfied({}) == {}\n", "",
			`policies/shop/shop_test.rego:6: there is no rule "modfied" in package drift.testing [did you mean "modified"?`},
		{"the network", "test_x if http.send({}).status_code == 200\n", "", `policies/shop/shop_test.rego:6: undefined function "http.send"`},
		{"a filter that is none", "test_x if true\n", "(", "selecting tests: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Test(context.Background(), []Source{folder(map[string]string{
				"shop.rego":      shopPolicy,
				"shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\nimport data.drift.testing\n\n" + test.test,
			})}, Options{Run: test.run})
			if got := strings.Join(lines(err), "\n"); !strings.Contains(got, test.want) {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
	_, err := Test(context.Background(), shop("heal if true\n"), Options{})
	if got := strings.Join(lines(err), "\n"); !strings.Contains(got, "heal is written without contains") {
		t.Errorf("want the load error, got %q", got)
	}
}

// TestTestParameters: tests see the parameters of the config.
func TestTestParameters(t *testing.T) {
	source := folder(map[string]string{
		"shop.rego":      "package drift.shop\n\nheal contains \"x\" if data.params.shop.limit > input.history.healed_24h\n",
		"shop_test.rego": "package drift.shop_test\n\nimport data.drift.shop\nimport data.drift.testing\n\ntest_x if count(shop.heal) == 1 with input as testing.modified({})\n\ntest_y if count(shop.heal) == 0 with input as testing.modified({}) with data.params.shop.limit as 0\n",
	})
	source.Data = map[string]any{"shop": map[string]any{"limit": 3}}
	report, err := Test(context.Background(), []Source{source}, Options{})
	if err != nil || !report.Passed() || len(report.Tests) != 2 {
		t.Errorf("got %+v, %v", report.Tests, err)
	}
}

// TestTestBounds: a test that takes too much work is an error, with its place, and the
// others run.
func TestTestBounds(t *testing.T) {
	got, _ := runShop(t, `test_a if true

test_b if {
	count([1 | some a in numbers.range(1, 999); some b in numbers.range(1, 999); a == b]) == 3
}

test_c if true
`, Options{Steps: 1000})
	want := []string{
		"policies/shop/shop_test.rego:6 data.drift.shop_test.test_a pass: ",
		"policies/shop/shop_test.rego:8 data.drift.shop_test.test_b error: policies/shop/shop_test.rego:9: the test takes more than 5000 steps",
		"policies/shop/shop_test.rego:12 data.drift.shop_test.test_c pass: ",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
