package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// doubled is a body that makes a value of 2^n parts out of n lines.
func doubled(n int, end string) string {
	var body strings.Builder
	body.WriteString("\tx0 := [input.app.name, 1]\n")
	for i := range n {
		fmt.Fprintf(&body, "\tx%d := [x%d, x%d]\n", i+1, i, i)
	}
	return body.String() + "\t" + fmt.Sprintf(end, fmt.Sprintf("x%d", n)) + "\n"
}

// TestCutOff: work and memory are bounded, whatever they are spent on; the error
// names the rule, and nothing is granted.
func TestCutOff(t *testing.T) {
	const steps, size = "takes more than 100000 steps", "makes a value of more than 8 MiB"
	rule := func(body string) string { return "heal contains \"x\" if {\n" + body + "}\n" }
	tests := []struct {
		reason, policy, at, want string
	}{
		{"a loop in a loop", rule("\tcount([1 | some a in numbers.range(1, 9999); some b in numbers.range(1, 9999); a == b]) == 3\n"), "", steps},
		{"a loop in a loop that never gets to another expression", rule("\ta := numbers.range(1, 9999)\n\tb := numbers.range(10000, 19999)\n\ta[_] = b[_]\n"), "6", steps},
		{"a helper rule", "heal contains \"x\" if count(_pairs) == 3\n\n_pairs contains (a * 10000) + b if {\n\tsome a in numbers.range(1, 9999)\n\tsome b in numbers.range(1, 9999)\n}\n", "", steps},
		{"a helper function", "heal contains \"x\" if _f(9999) == 3\n\n_f(n) := count([1 | some a in numbers.range(1, n); some b in numbers.range(1, n); a == b])\n", "", steps},
		{"every", rule("\tevery a in numbers.range(1, 9999) {\n\t\tevery b in numbers.range(1, 9999) {\n\t\t\ta * b > 0\n\t\t}\n\t}\n"), "", steps},
		{"ignore_fields", "ignore_fields contains \"/a\" if count([1 | some a in numbers.range(1, 9999); some b in numbers.range(1, 9999); a == b]) == 3\n", "", steps},
		{"an object of everything", rule("\tcount({[a, b]: 1 | some a in numbers.range(1, 9999); some b in numbers.range(1, 9999)}) == 3\n"), "", steps},
		{"doubled by functions", "heal contains \"x\" if count(_h(_h(_h([input.app.name])))) == 2\n\n_f(x) := [x, x, x, x, x, x, x, x]\n\n_g(x) := _f(_f(_f(_f(x))))\n\n_h(x) := _g(_g(x))\n", "", size},
		{"doubled on the way into functions", chained(40), "", size},
		{"doubled in comprehensions", rule("\tr := numbers.range(1, 999)\n" + "\ta := [r | some _ in r]\n\tb := [a | some _ in r]\n\tc := [b | some _ in r]\n\tcount(c) == 2\n"), "", size},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			verdict := mustLoad(t, shop("sync contains \"y\" if input.drift.cause == \"live\"\n\n"+test.policy)).Evaluate(context.Background(), scaled())
			var cut *drift.CutOff
			if !errors.As(verdict.Err, &cut) || cut.Area != "shop" || cut.Reason != test.want {
				t.Fatalf("want %q, got %v", test.want, verdict.Err)
			}
			if got := verdict.Err.Error(); !strings.HasPrefix(got, "policies/shop/shop.rego:5: evaluating policies: "+cut.Rule+" of area shop") {
				t.Errorf("the rule is not named: %s", got)
			}
			if test.at != "" && cut.At != "policies/shop/shop.rego:"+fmt.Sprint(8) {
				t.Errorf("at %q", cut.At)
			}
			if len(verdict.Reasons) > 0 {
				t.Errorf("an error must grant nothing: %+v", verdict.Reasons)
			}
		})
	}
}

// TestLoadBoundsParts: what lines spell out is bounded before OPA's type checker, to
// which nothing is bounded, sees it.
func TestLoadBoundsParts(t *testing.T) {
	rule := func(body string) string { return "heal contains \"x\" if {\n" + body + "}\n" }
	tests := []struct{ reason, policy string }{
		{"doubled by lines", rule(doubled(40, "count(%s) == 2"))},
		{"doubled by lines and compared", rule(doubled(40, "%s == input.live"))},
		{"doubled by lines and unified", rule(doubled(40, "%s = input.live"))},
		{"doubled in objects", rule("\tx0 := {\"a\": input.app.name}\n" + chain("\tx%d := {\"a\": x%d, \"b\": x%d}\n", 40) + "\tcount(x40) == 2\n")},
		{"grown in sets", rule("\tx0 := {input.app.name}\n" + chain("\tx%d := {[x%d, 1], [x%d, 2]}\n", 40) + "\tcount(x40) == 2\n")},
		{"doubled without declaring", rule("\tx0 = [input.app.name]\n" + chain("\tx%d = [x%d, x%d]\n", 40) + "\tcount(x40) == 2\n")},
		{"doubled by rules", "heal contains \"x\" if count(_x40) == 2\n\n_x0 := [input.app.name]\n\n" + chain("_x%d := [_x%d, _x%d]\n\n", 40)},
		{"doubled in another order", "heal contains \"x\" if count(_x40) == 2\n\n" + reversed(chain("_x%d := [_x%d, _x%d]\n\n", 40)) + "_x0 := [input.app.name]\n"},
		{"doubled by closures", rule("\tx0 := [input.app.name]\n" + chain("\tx%d := [[x%d, x%d] | true]\n", 40) + "\tcount(x40) == 2\n")},
	}
	for _, test := range tests {
		_, err := Load(shop(test.policy), Options{})
		if got := strings.Join(lines(err), "\n"); !strings.Contains(got, "spells out a value of more than 100000 parts") {
			t.Errorf("%s: got %q", test.reason, got)
		}
	}
}

// reversed are rules in the opposite order.
func reversed(rules string) string {
	all := strings.Split(rules, "\n\n")
	slices.Reverse(all)
	return strings.Join(all, "\n\n") + "\n\n"
}

// chain is n lines, each of which has its number and, twice, the one before.
func chain(line string, n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, line, i+1, i, i)
	}
	return all.String()
}

// chained is n functions, each of which hands its argument on twice.
func chained(n int) string {
	var all strings.Builder
	all.WriteString("heal contains \"x\" if _f0([input.app.name]) == 2\n\n")
	for i := range n {
		fmt.Fprintf(&all, "_f%d(x) := y if y := _f%d([x, x])\n\n", i, i+1)
	}
	fmt.Fprintf(&all, "_f%d(x) := count(x)\n", n)
	return all.String()
}

// TestStepsAreTheSame: how much work a decision is depends on nothing but the input
// and the policies, so that where a bound lies between two inputs is the same on
// every machine, however busy.
func TestStepsAreTheSame(t *testing.T) {
	sources := []Source{{Builtin: "baseline"}, folder(map[string]string{
		"a.rego": `package drift.a

heal contains key if {
	some key, value in input.live.spec
	some other, _ in data.params.a
	_same({key, other}, {other: value, key: 1, "z": {"y", "x", key}})
}

heal contains "walked" if {
	walk([input, data.params.a], [path, value])
	count(path) > 2
	value in {1, 2, "web", {"a"}}
}

_same(names, values) if {
	some name in names
	some _, value in values
	name == value
}

_same(names, _) if names[_] == "replicas"
`,
	})}
	sources[1].Data = map[string]any{"a": map[string]any{"x": 1, "y": []any{1, 2}, "z": map[string]any{"p": 1, "q": 2, "r": 3}, "w": nil}}
	want := stepsOf(t, mustLoad(t, sources))
	for range 5 {
		engine := mustLoad(t, sources)
		got := make([]map[string]int, 8*runtime.GOMAXPROCS(0))
		var wait sync.WaitGroup
		for i := range got {
			wait.Go(func() { got[i] = stepsOf(t, engine) })
		}
		wait.Wait()
		for _, one := range got {
			if diff := cmp.Diff(want, one); diff != "" {
				t.Fatalf("another number of steps (-want +got):\n%s", diff)
			}
		}
	}
	// With exactly that many there is an answer, and with one less there is none.
	most := max(want["a"], want["baseline"])
	for bound, answered := range map[int]bool{most: true, most - 1: false} {
		engine, err := Load(sources, Options{Steps: bound})
		if err != nil {
			t.Fatal(err)
		}
		verdict := engine.Evaluate(context.Background(), scaled())
		if (verdict.Err == nil) != answered {
			t.Errorf("%d steps of %d: %v", bound, most, verdict.Err)
		}
	}
}

// stepsOf counts the steps of each area.
func stepsOf(t *testing.T, e *Engine) map[string]int {
	t.Helper()
	steps := map[string]int{}
	input, err := inputValue(scaled())
	if err != nil {
		t.Error(err)
		return nil
	}
	for _, s := range e.areas {
		m := newMeter(maxSteps)
		if _, err := s.all.eval(context.Background(), []rego.EvalOption{
			rego.EvalParsedInput(input), rego.EvalQueryTracer(m), rego.EvalExternalCancel(m),
		}); err != nil {
			t.Errorf("%s: %v", s.area, err)
		}
		steps[s.area] = m.total - m.steps
	}
	return steps
}

// TestStepsOfOthers: an area has its steps for itself, however many areas there are.
func TestStepsOfOthers(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		area := fmt.Sprintf("team%d", i)
		files[area+".rego"] = "package drift." + area + "\n\nheal contains \"x\" if count([1 | some a in numbers.range(1, 50); a > 0]) > 3\n"
	}
	engine, err := Load([]Source{folder(files)}, Options{Steps: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if verdict := engine.Evaluate(context.Background(), scaled()); verdict.Err != nil || len(verdict.Reasons[drift.VerbHeal]) != 100 {
		t.Errorf("%d reasons, error %v", len(verdict.Reasons[drift.VerbHeal]), verdict.Err)
	}
}

// stuck is an evaluation that nothing can stop, until the test is over.
type stuck struct{ release chan struct{} }

func (stuck) Enabled() bool                { return true }
func (stuck) Config() topdown.TraceConfig  { return topdown.TraceConfig{} }
func (s stuck) TraceEvent(e topdown.Event) { <-s.release }

// TestNobodyWaits: an evaluation that cannot be stopped is left behind, when the run
// is told to stop and when patience ends.
func TestNobodyWaits(t *testing.T) {
	hang := stuck{make(chan struct{})}
	defer close(hang.release)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		reason   string
		ctx      context.Context
		patience time.Duration
		want     error
	}{
		{"the run is told to stop", canceled, time.Hour, context.Canceled},
		{"no answer", context.Background(), time.Millisecond, drift.ErrRunaway},
	} {
		engine, err := Load(shop("heal contains \"x\" if input.drift.cause == \"live\"\n"), Options{Patience: test.patience})
		if err != nil {
			t.Fatal(err)
		}
		input, err := inputValue(scaled())
		if err != nil {
			t.Fatal(err)
		}
		_, err = engine.evaluate(test.ctx, engine.areas[0].all, input, rego.EvalQueryTracer(hang))
		if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), "of area shop") && !strings.Contains(fmt.Sprint(err), "area shop") {
			t.Errorf("%s: got %v", test.reason, err)
		}
	}
}
