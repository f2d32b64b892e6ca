package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/drift"
)

// scaled is a Deployment that somebody scaled by hand.
func scaled() drift.Input {
	return drift.Input{
		Version: drift.InputVersion,
		Run:     drift.InputRun{TimeNS: 1767346200000000000, Weekday: "Friday", HourUTC: 9, MinuteUTC: 30, Cluster: "prod-eu"},
		App:     drift.InputApp{Name: "storefront", Path: "apps/storefront", Renderer: "kustomize"},
		Resource: drift.InputResource{
			Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop-web", Name: "web",
			Labels: map[string]string{"team": "core"},
		},
		Drift: drift.InputDrift{Type: "modified", Cause: "live"},
		Changes: []drift.InputChange{{
			Path: []string{"spec", "replicas"}, Pointer: "/spec/replicas", Op: "replace",
			Desired: int64(3), Live: int64(5), Cause: "live", Manager: "kubectl", ManagerClass: "interactive",
		}},
		Ownership: drift.InputOwnership{Tracked: true, Managers: []string{"killick", "kubectl"}},
		Desired:   map[string]any{"spec": map[string]any{"replicas": int64(3)}},
		Live:      map[string]any{"spec": map[string]any{"replicas": int64(5), "ratio": 0.5, "paused": nil}},
	}
}

func TestNoPoliciesSayNothing(t *testing.T) {
	engine := mustLoad(t, nil)
	verdict := engine.Evaluate(context.Background(), scaled())
	fields, err := engine.IgnoreFields(context.Background(), scaled())
	if verdict.Err != nil || len(verdict.Reasons) > 0 || fields != nil || err != nil {
		t.Errorf("got %+v, %v, %v", verdict, fields, err)
	}
}

func TestEvaluateReasons(t *testing.T) {
	engine := mustLoad(t, []Source{folder(map[string]string{
		"shop/shop.rego": `package drift.shop

import data.drift.lib

heal contains "scaled by hand" if lib.only_under(["spec", "replicas"])

heal contains "scaled by hand" if {
	input.resource.kind == "Deployment"
}

heal contains {"reason": "again", "severity": "critical", "ref": "RB-7"} if input.drift.cause == "live"

heal contains sprintf("%s by %s", [change.pointer, change.manager]) if some change in input.changes

notify contains "oncall" if input.resource.kind == "Deployment"

notify contains {"route": "shop", "severity": "info"} if input.resource.kind == "Deployment"

require_approval contains "prod" if input.run.cluster == "prod-eu"

sync contains "not now" if input.drift.cause == "git"

ignore_fields contains "/spec/replicas" if input.resource.kind == "Deployment"
`,
		"core/core.rego":      "package drift.core\n\nadopt contains \"ours\" if input.resource.labels.team == \"core\"\n",
		"core/more.rego":      "package drift.core\n\nreplace contains \"ours too\" if input.live.spec.ratio == 0.5\n",
		"core/core_test.rego": "package drift.core_test\n\ntest_x if false\n",
	})})
	const file = "policies/shop/shop.rego:"
	want := map[drift.Verb][]drift.Reason{
		drift.VerbHeal: {
			{Area: "shop", Text: "/spec/replicas by kubectl", Rule: file + "13"},
			{Area: "shop", Text: "scaled by hand", Rule: file + "5"},
			{Area: "shop", Text: "scaled by hand", Rule: file + "7"},
			{Area: "shop", Text: "again", Severity: "critical", Ref: "RB-7", Rule: file + "11"},
		},
		drift.VerbNotify: {
			{Area: "shop", Text: "oncall", Rule: file + "15"},
			{Area: "shop", Text: "shop", Severity: "info", Rule: file + "17"},
		},
		drift.VerbRequireApproval: {{Area: "shop", Text: "prod", Rule: file + "19"}},
		drift.VerbIgnoreFields:    {{Area: "shop", Text: "/spec/replicas", Rule: file + "23"}},
		drift.VerbAdopt:           {{Area: "core", Text: "ours", Rule: "policies/core/core.rego:3"}},
		drift.VerbReplace:         {{Area: "core", Text: "ours too", Rule: "policies/core/more.rego:3"}},
	}
	for verb, reasons := range want {
		for i := range reasons {
			want[verb][i].Verb = verb
		}
	}
	verdict := engine.Evaluate(context.Background(), scaled())
	if verdict.Err != nil {
		t.Fatal(verdict.Err)
	}
	if diff := cmp.Diff(want, verdict.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	fields, err := engine.IgnoreFields(context.Background(), scaled())
	if diff := cmp.Diff(want[drift.VerbIgnoreFields], fields); diff != "" || err != nil {
		t.Errorf("ignored fields, error %v (-want +got):\n%s", err, diff)
	}
}

// TestAreas: an area is asked only about what it speaks for.
func TestAreas(t *testing.T) {
	const policy = "\n\nheal contains \"x\" if input.drift.cause == \"live\"\n\nignore_fields contains \"/spec\" if input.drift.cause == \"live\"\n"
	files := map[string]string{"a.rego": "package drift.a" + policy, "b.rego": "package drift.b" + policy}
	tests := []struct {
		name      string
		a         Area
		namespace string
		asked     []string
	}{
		{"inside its glob", Area{Namespaces: []string{"web", "shop-*"}}, "shop-web", []string{"a", "b"}},
		{"outside", Area{Namespaces: []string{"pay-*"}}, "shop-web", []string{"b"}},
		{"a glob matches the whole name", Area{Namespaces: []string{"shop"}}, "shop-web", []string{"b"}},
		{"all", Area{All: true}, "shop-web", []string{"a", "b"}},
		{"cluster-scoped objects belong to all", Area{All: true}, "", []string{"a", "b"}},
		{"cluster-scoped objects belong to no namespace", Area{Namespaces: []string{"*"}}, "", []string{"b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			engine := mustLoad(t, []Source{withAreas(folder(files), map[string]Area{"a": test.a, "b": {All: true}})})
			input := scaled()
			input.Resource.Namespace = test.namespace
			verdict := engine.Evaluate(context.Background(), input)
			if diff := cmp.Diff(test.asked, areasOf(verdict.Reasons[drift.VerbHeal])); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.asked, engine.Speakers(test.namespace)); diff != "" {
				t.Errorf("speakers (-want +got):\n%s", diff)
			}
			fields, err := engine.IgnoreFields(context.Background(), input)
			if diff := cmp.Diff(test.asked, areasOf(fields)); diff != "" || err != nil {
				t.Errorf("ignored fields, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestAreasFailAlone: what is wrong with an area concerns the objects that it
// speaks for, and no other.
func TestAreasFailAlone(t *testing.T) {
	const grant = "package drift.shop\n\nheal contains \"put back\" if input.drift.cause == \"live\"\n"
	failures := map[string]string{
		"a builtin fails":              "alert_only contains \"x\" if to_number(\"x\") > 3\n",
		"two values for one rule":      "alert_only contains \"x\" if _level == 1\n\n_level := 1 if input.drift.cause == \"live\"\n\n_level := 2 if input.drift.type == \"modified\"\n",
		"a reason of the wrong form":   "alert_only contains input.history.healed_24h if input.drift.cause == \"live\"\n",
		"the fields it would ignore":   "ignore_fields contains input.resource.name if input.drift.cause == \"live\"\n",
		"a helper of the binary fails": "alert_only contains \"x\" if data.drift.lib.clock(\"Europe/Berln\").hour > 3\n",
	}
	for name, failing := range failures {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"shop.rego": grant, "pay.rego": "package drift.pay\n\n" + failing}
			scoped := withAreas(folder(files), map[string]Area{"shop": {All: true}, "pay": {Namespaces: []string{"pay-*"}}})
			for _, test := range []struct {
				reason    string
				source    Source
				namespace string
				fails     bool
			}{
				{"another area's object", scoped, "shop-web", false},
				{"its own object", scoped, "pay-web", true},
				{"a cluster-scoped object", scoped, "", false},
				{"without areas it speaks for everything", folder(files), "shop-web", true},
			} {
				input := scaled()
				input.Resource.Namespace = test.namespace
				verdict := mustLoad(t, []Source{test.source}).Evaluate(context.Background(), input)
				if failed := verdict.Err != nil; failed != test.fails || verdict.Has(drift.VerbHeal) == test.fails {
					t.Errorf("%s: error %v, reasons %v", test.reason, verdict.Err, verdict.Reasons)
				}
			}
		})
	}
}

func areasOf(reasons []drift.Reason) []string {
	var areas []string
	for _, reason := range reasons {
		areas = append(areas, reason.Area)
	}
	return areas
}

// TestAreasOfPacks: packs need no entry, and take one.
func TestAreasOfPacks(t *testing.T) {
	open := mustLoad(t, []Source{{Builtin: "baseline"}, withAreas(
		folder(map[string]string{"a.rego": "package drift.a\n\nsync contains \"x\" if input.drift.cause == \"git\"\n"}),
		map[string]Area{"a": {All: true}})})
	if verdict := open.Evaluate(context.Background(), scaled()); !verdict.Has(drift.VerbHeal) {
		t.Errorf("the pack is not heard: %+v", verdict)
	}
	scoped := mustLoad(t, []Source{withAreas(Source{Builtin: "baseline"}, map[string]Area{"baseline": {Namespaces: []string{"pay-*"}}})})
	if verdict := scoped.Evaluate(context.Background(), scaled()); verdict.Has(drift.VerbHeal) || verdict.Err != nil {
		t.Errorf("the pack is asked outside its area: %+v", verdict)
	}
}

// TestEvaluateErrors: whatever goes wrong, there is an error and no reason.
func TestEvaluateErrors(t *testing.T) {
	const other = "heal contains \"granted\" if input.drift.cause == \"live\"\n\n"
	tests := []struct {
		name   string
		policy string
		want   string
	}{
		{"a builtin fails", "alert_only contains \"x\" if to_number(input.resource.name) > 3\n",
			"policies/shop/shop.rego:5: evaluating policies: to_number: strconv.ParseFloat"},
		{"two values for one rule", "alert_only contains \"x\" if _level == 1\n\n_level := 1 if input.drift.cause == \"live\"\n\n_level := 2 if input.drift.type == \"modified\"\n",
			"policies/shop/shop.rego:"},
		{"a reason that is no string", "alert_only contains input.history.healed_24h if input.drift.cause == \"live\"\n",
			"policies/shop/shop.rego:5: alert_only: 0 is a number, not a string"},
		{"an empty reason", "alert_only contains input.revision.signed_by if input.drift.cause == \"live\"\n",
			"policies/shop/shop.rego:5: alert_only: the reason is empty"},
		{"a misspelt key", "alert_only contains {\"reason\": input.app.name, \"level\": \"info\"} if input.drift.cause == \"live\"\n",
			`policies/shop/shop.rego:5: alert_only: unknown key "level"`},
		{"a severity that does not exist", "alert_only contains {\"reason\": \"x\", \"severity\": input.app.name} if input.drift.cause == \"live\"\n",
			`policies/shop/shop.rego:5: alert_only: severity "storefront" is none of "info", "warning", "critical"`},
		{"a route that is no string", "notify contains {\"route\": input.changes} if input.drift.cause == \"live\"\n",
			`policies/shop/shop.rego:5: notify: "route" must be a string`},
		{"a reason's key on a route", "notify contains {\"reason\": input.app.name} if input.drift.cause == \"live\"\n",
			`policies/shop/shop.rego:5: notify: unknown key "reason"`},
		{"a pointer that is none", "ignore_fields contains input.resource.name if input.drift.cause == \"live\"\n",
			`policies/shop/shop.rego:5: ignore_fields: "web": a JSON pointer starts with /`},
		{"a pointer as an object", "ignore_fields contains {\"pointer\": input.resource.name} if input.drift.cause == \"live\"\n",
			"policies/shop/shop.rego:5: ignore_fields: "},
		{"an unknown time zone", "import data.drift.lib\n\nalert_only contains \"x\" if lib.clock(\"Europe/Berln\").hour > 3\n",
			"builtin:lib/lib.rego:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy := other + test.policy
			if rest, found := strings.CutPrefix(test.policy, "import data.drift.lib\n\n"); found {
				policy = "import data.drift.lib\n\n" + other + rest
			}
			verdict := mustLoad(t, shop(policy)).Evaluate(context.Background(), scaled())
			if verdict.Err == nil || !strings.HasPrefix(verdict.Err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, verdict.Err)
			}
			var problem *drift.Problem
			if !errors.As(verdict.Err, &problem) || problem.Stage != "policy" || problem.Hint == "" {
				t.Errorf("want a problem with a hint, got %#v", problem)
			}
			if len(verdict.Reasons) > 0 {
				t.Errorf("an error must grant nothing: %+v", verdict.Reasons)
			}
		})
	}
}

// TestEvaluateInterrupted: a cancelled run is not a slow policy.
func TestEvaluateInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	engine := mustLoad(t, shop("heal contains \"x\" if count([[a, b] | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000)]) == 3\n"))
	verdict := engine.Evaluate(ctx, scaled())
	if !errors.Is(verdict.Err, context.Canceled) {
		t.Errorf("want context.Canceled, got %v", verdict.Err)
	}
}

// TestEvaluateConcurrently: the race detector reads along, and all answers are
// the same.
func TestEvaluateConcurrently(t *testing.T) {
	engine := mustLoad(t, []Source{{Builtin: "baseline"}, shop("import data.drift.lib\n\nheal contains sprintf(\"%s %d\", [c.pointer, lib.clock(\"Europe/Berlin\").hour]) if some c in input.changes\n")[0]})
	input := scaled()
	want := engine.Evaluate(context.Background(), input)
	if want.Err != nil || len(want.Reasons[drift.VerbHeal]) != 2 {
		t.Fatalf("got %+v", want)
	}
	got := make([]drift.Verdict, 64)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() { got[i] = engine.Evaluate(context.Background(), input) })
	}
	wait.Wait()
	for _, verdict := range got {
		if diff := cmp.Diff(want, verdict); diff != "" {
			t.Fatalf("another answer to the same question (-want +got):\n%s", diff)
		}
	}
}

// TestSameCommitSameDecision: a second engine from the same files gives the
// same bytes, whatever order maps have.
func TestSameCommitSameDecision(t *testing.T) {
	sources := []Source{{Builtin: "baseline"}, folder(map[string]string{
		"a.rego": "package drift.a\n\nheal contains key if some key, _ in input.live.spec\n",
		"b.rego": "package drift.b\n\nheal contains key if some key, _ in input.live.spec\n\nheal contains key if some key, _ in input.resource.labels\n",
	})}
	var first string
	for range 20 {
		verdict := mustLoad(t, sources).Evaluate(context.Background(), scaled())
		if verdict.Err != nil {
			t.Fatal(verdict.Err)
		}
		text, err := json.Marshal(verdict.Reasons)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if first != string(text) {
			t.Fatalf("two answers:\n%s\n%s", first, text)
		}
	}
}

// TestEvaluateKeepsInput: policies cannot change what they judge.
func TestEvaluateKeepsInput(t *testing.T) {
	input, before := scaled(), scaled()
	mustLoad(t, []Source{{Builtin: "baseline"}}).Evaluate(context.Background(), input)
	if diff := cmp.Diff(before, input); diff != "" {
		t.Errorf("changed (-before +after):\n%s", diff)
	}
}

// TestParameters: data of an entry is seen by its areas, and later changes of
// the caller's map are not.
func TestParameters(t *testing.T) {
	sources := shop("heal contains \"few\" if data.params.shop.limits.web >= input.changes[_].live\n")
	limits := map[string]any{"web": 5}
	sources[0].Data = map[string]any{"shop": map[string]any{"limits": limits}}
	engine := mustLoad(t, sources)
	limits["web"] = 0
	if verdict := engine.Evaluate(context.Background(), scaled()); !verdict.Has(drift.VerbHeal) {
		t.Errorf("got %+v", verdict)
	}
}

// TestInputValue: the conversion gives what JSON would, except that what is
// empty is never null.
func TestInputValue(t *testing.T) {
	for name, input := range map[string]drift.Input{"full": scaled(), "zero": {}} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(input)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ast.ValueFromReader(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := inputValue(input)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.NewReplacer(
				`"labels":null`, `"labels":{}`, `"annotations":null`, `"annotations":{}`, `"namespace_labels":null`, `"namespace_labels":{}`,
				`"changes":null`, `"changes":[]`, `"ignored_changes":null`, `"ignored_changes":[]`, `"managers":null`, `"managers":[]`,
				`"incomplete":null`, `"incomplete":[]`, `"desired":null`, `"desired":{}`, `"live":null`, `"live":{}`,
			).Replace(compact(t, want)), compact(t, got)); diff != "" {
				t.Errorf("(-JSON +ours):\n%s", diff)
			}
		})
	}
}

func compact(t *testing.T, value ast.Value) string {
	t.Helper()
	plain, err := ast.JSON(value)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkEvaluate(b *testing.B) {
	files := map[string]string{}
	for i := range 40 {
		area := fmt.Sprintf("team%d", i)
		files[area+".rego"] = fmt.Sprintf(`package drift.%s

heal contains "put back" if {
	input.drift.cause == "live"
	startswith(input.resource.namespace, "%s-")
}

sync contains "roll out" if {
	input.drift.cause == "git"
	startswith(input.resource.namespace, "%s-")
}

alert_only contains "deletions need people" if {
	input.drift.type == "extra"
	startswith(input.resource.namespace, "%s-")
}
`, area, area, area, area)
	}
	scopes := map[string]Area{}
	for i := range 40 {
		area := fmt.Sprintf("team%d", i)
		scopes[area] = Area{Namespaces: []string{area + "-*"}}
	}
	scopes["team0"] = Area{All: true}
	for _, bench := range []struct {
		name    string
		sources []Source
	}{
		{"baseline", []Source{{Builtin: "baseline"}}},
		{"baseline and 40 areas", []Source{{Builtin: "baseline"}, folder(files)}},
		{"baseline and 40 areas of which one speaks", []Source{{Builtin: "baseline"}, withAreas(folder(files), scopes)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			engine := mustLoad(b, bench.sources)
			input := scaled()
			b.ReportAllocs()
			for b.Loop() {
				if verdict := engine.Evaluate(context.Background(), input); verdict.Err != nil {
					b.Fatal(verdict.Err)
				}
			}
		})
	}
	b.Run("load 40 areas", func(b *testing.B) {
		for b.Loop() {
			mustLoad(b, []Source{{Builtin: "baseline"}, folder(files)})
		}
	})
}
