package policy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// Status is what became of one test.
type Status string

// A test that errs could not tell: it raised an error, ran out of time, or used
// an input that does not exist.
const (
	StatusPass  Status = "pass"
	StatusFail  Status = "fail"
	StatusError Status = "error"
	StatusSkip  Status = "skip" // named todo_test_…
)

// TestResult is one test, or one case of a table test.
type TestResult struct {
	Package  string // data.drift.payments_test
	Name     string // test_heals, or test_heals/case
	File     string // file:line
	Status   Status
	Message  string // why it did not pass
	Output   string // what print wrote
	Duration time.Duration
}

// Coverage says whether any test made a verb rule give a reason.
type Coverage struct {
	Area    string
	Verb    drift.Verb
	Rule    string // file:line
	Covered bool
}

// TestReport is the outcome of Test, sorted by file, line and name.
type TestReport struct {
	Tests    []TestResult
	Coverage []Coverage
}

// Passed says that no test failed or erred.
func (r TestReport) Passed() bool {
	return !slices.ContainsFunc(r.Tests, func(t TestResult) bool {
		return t.Status == StatusFail || t.Status == StatusError
	})
}

// Test runs the tests of the policies: rules named test_… in packages
// drift.<area>_test. Policies are compiled as a run compiles them, every input
// that a policy sees is checked against the input schema, and an error of a
// builtin fails the test. The error is Load's, or the tests' own compile errors.
func Test(ctx context.Context, sources []Source, options Options) (TestReport, error) {
	options = options.withDefaults()
	set, found := read(sources, options)
	found.thenCompile(set, modeRun)
	if !found.failed() {
		found.compileTests(set, options)
	}
	if _, err := regexp.Compile(options.Run); err != nil {
		found.add("", 0, "the filter is a regular expression over data.drift.<area>_test.<test>", "selecting tests: %v", err)
	}
	if err := found.err(); err != nil {
		return TestReport{}, err
	}
	watch := newWatch(set, 5*options.Steps)
	results, err := tester.NewRunner().
		SetCompiler(recipe(set, modeTest)).
		SetModules(set.parsed(modeTest, options.shippedTests)).
		SetStore(set.store()).
		SetCoverageQueryTracer(watch).
		SetParallel(1). // the tracer must know which test it sees
		SetTimeout(options.Patience).
		RaiseBuiltinErrors(true).
		CapturePrintOutput(true).
		Filter(options.Run).
		RunTests(ctx, nil)
	if err != nil {
		return TestReport{}, &drift.Problem{Stage: "policy", Err: fmt.Errorf("running tests: %w", err)}
	}
	var report TestReport
	for result := range results {
		report.Tests = append(report.Tests, watch.results(result)...)
	}
	for _, test := range watch.cut {
		if test.Message != "" {
			report.Tests = append(report.Tests, test)
		}
	}
	slices.SortFunc(report.Tests, func(a, b TestResult) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
	})
	report.Coverage = watch.coverage(options.shippedTests)
	if ctx.Err() != nil {
		return report, fmt.Errorf("running tests: %w", ctx.Err())
	}
	return report, nil
}

// compileTests compiles policies and tests together and adds what is wrong.
func (ps *problems) compileTests(s *set, options Options) {
	defer ps.recovered()
	compiler := recipe(s, modeTest)
	names := captureResolved(compiler)
	compiler.Compile(s.parsed(modeTest, options.shippedTests))
	if compiler.Failed() {
		ps.fromOPA("", compiler.Errors, false)
	}
	ps.lintTests(s, names)
}

// watch is a tracer over all tests, one after the other: it checks the inputs
// that policies see, keeps where a test stopped, and which verb rules gave
// reasons.
type watch struct {
	set     *set
	areas   map[string]bool
	files   map[string][]byte
	fired   map[string]bool // file:line of verb rules
	current string          // file:line of the test that runs
	input   *ast.Term       // the input checked last
	wrong   map[string]string
	stopped map[string]int

	steps int          // that one test may take
	meter *meter       // of the test that runs
	cut   []TestResult // tests that began, with a message where they took more
}

func newWatch(s *set, steps int) *watch {
	w := &watch{
		set: s, areas: map[string]bool{}, files: map[string][]byte{}, fired: map[string]bool{},
		wrong: map[string]string{}, stopped: map[string]int{}, steps: steps, meter: newMeter(steps),
	}
	for _, area := range s.areas() {
		w.areas[area] = true
	}
	for _, m := range s.modules {
		w.files[m.file] = m.text
	}
	return w
}

// Enabled implements topdown.QueryTracer.
func (*watch) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*watch) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (w *watch) TraceEvent(event topdown.Event) {
	rule, isRule := event.Node.(*ast.Rule)
	if isRule && event.Op == topdown.EnterOp && isTest(rule) {
		w.current, w.meter = place(rule.Location), newMeter(w.steps)
		w.cut = append(w.cut, TestResult{Package: rule.Module.Package.Path.String(), Name: ruleName(rule.Head), File: w.current, Status: StatusError})
	}
	w.count(event)
	if isRule && event.Op == topdown.ExitOp && isVerb(string(rule.Head.Name)) {
		w.fired[place(rule.Location)] = true
	}
	if event.Op == topdown.FailOp && event.Location != nil && sameFile(event.Location, w.current) {
		w.stopped[w.current] = max(w.stopped[w.current], event.Location.Row)
	}
	w.checkInput(event)
}

// count ends a test that takes too much work. OPA's runner has a flag of its own to
// stop one, so its goroutine ends here: deferred calls run, and the runner goes on.
func (w *watch) count(event topdown.Event) {
	w.meter.TraceEvent(event)
	if w.meter.cut != "" {
		w.cut[len(w.cut)-1].Message = fmt.Sprintf("%s: the test %s", place(w.meter.at), w.meter.cut)
		w.meter = newMeter(w.steps) // what comes before the next test is entered counts as its own
		runtime.Goexit()
	}
}

// checkInput validates the input of every evaluation that reaches a policy. It
// looks at all events and not only at rules: where the input is wrong, the rule
// index may leave no rule to enter, and the test would pass for that reason.
func (w *watch) checkInput(event topdown.Event) {
	if event.Input() == nil {
		if event.Op == topdown.IndexOp && event.Ref != nil && w.ofPolicy(*event.Ref) {
			w.complain("a policy was asked without an input: write with input as testing.modified({})")
		}
		return
	}
	if event.Input() == w.input {
		return
	}
	w.input = event.Input()
	if wrong := w.set.input.check(w.input.Value, nil); len(wrong) > 0 {
		if more := len(wrong) - 3; more > 0 {
			wrong = append(wrong[:3:3], fmt.Sprintf("and %d more", more))
		}
		w.complain("the test's input cannot occur: " + strings.Join(wrong, "; "))
	}
}

func (w *watch) complain(message string) {
	if _, found := w.wrong[w.current]; !found {
		w.wrong[w.current] = message
	}
}

// ofPolicy says whether the reference names a verb of an area.
func (w *watch) ofPolicy(ref ast.Ref) bool {
	if len(ref) < 4 || !ref[1].Equal(ast.StringTerm("drift")) {
		return false
	}
	area, _ := ref[2].Value.(ast.String)
	verb, _ := ref[3].Value.(ast.String)
	return w.areas[string(area)] && isVerb(string(verb))
}

// results turns one of OPA's results into ours: one for a plain test, one per
// case of a table test.
func (w *watch) results(result *tester.Result) []TestResult {
	at := place(result.Location)
	test := TestResult{
		Package: result.Package, Name: result.Name, File: at,
		Output: string(result.Output), Duration: result.Duration, Status: StatusPass,
	}
	switch {
	case result.Skip:
		test.Status, test.Message = StatusSkip, "named todo_test_…"
	case result.Error != nil:
		test.Status, test.Message = StatusError, testError(result.Error)
	case w.wrong[at] != "":
		test.Status, test.Message = StatusError, w.wrong[at]
	case result.Fail:
		test.Status, test.Message = StatusFail, w.why(result.Location)
	}
	if test.Status != StatusPass && test.Status != StatusFail || len(result.SubResults) == 0 {
		return []TestResult{test}
	}
	var cases []TestResult
	for names, sub := range result.SubResults.Iter {
		if len(sub.SubResults) > 0 {
			continue
		}
		one := test
		one.Name, one.Status, one.Message = test.Name+"/"+strings.Join(names, "/"), StatusPass, ""
		if sub.Fail {
			one.Status, one.Message = StatusFail, w.why(result.Location)
		}
		cases = append(cases, one)
	}
	return cases
}

func testError(err error) string {
	if topdown.IsCancel(err) {
		return "out of time"
	}
	problem := evaluationProblem(err)
	if problem.File == "" {
		return problem.Err.Error()
	}
	return problem.File + ": " + problem.Err.Error()
}

// why shows the line of the test that did not hold.
func (w *watch) why(location *ast.Location) string {
	row := w.stopped[place(location)]
	if row == 0 {
		return "a condition did not hold"
	}
	return fmt.Sprintf("line %d did not hold: %s", row, sourceLine(w.files[location.File], row))
}

// coverage lists the verb rules of the policies under test.
func (w *watch) coverage(shipped bool) []Coverage {
	var all []Coverage
	for _, m := range w.set.modules {
		if m.test || m.library || m.shipped && !shipped {
			continue
		}
		for _, rule := range m.parsed.Rules {
			name := ruleName(rule.Head)
			if isVerb(name) {
				at := place(rule.Location)
				all = append(all, Coverage{Area: m.area, Verb: drift.Verb(name), Rule: at, Covered: w.fired[at]})
			}
		}
	}
	return all
}

func isTest(rule *ast.Rule) bool {
	return rule.Module != nil && strings.HasSuffix(rule.Module.Package.Path.String(), "_test") &&
		strings.HasPrefix(ruleName(rule.Head), "test_")
}

func sameFile(location *ast.Location, at string) bool {
	file, _, found := strings.Cut(at, ".rego:")
	return found && location.File == file+".rego"
}

func place(location *ast.Location) string {
	if location == nil {
		return ""
	}
	return drift.FileLine(location.File, location.Row)
}

// sourceLine is one line of a file without its indentation.
func sourceLine(text []byte, row int) string {
	lines := bytes.Split(text, []byte("\n"))
	if row < 1 || row > len(lines) {
		return ""
	}
	return strings.TrimSpace(string(lines[row-1]))
}
