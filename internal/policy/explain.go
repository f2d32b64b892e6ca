package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// Explain evaluates one input and says of every verb rule whether it gave a
// reason and, if not, at which line it stopped and what the input held there.
// What print wrote comes last. Nothing is told once an evaluation was left behind.
func (e *Engine) Explain(ctx context.Context, input drift.Input) (string, error) {
	value, err := inputValue(input)
	if err != nil {
		return "", &drift.Problem{Stage: "policy", Err: err}
	}
	compiler := recipe(e.set, modeExplain)
	written := captureResolved(compiler)
	if compiler.Compile(e.set.parsed(modeExplain, false)); compiler.Failed() {
		return "", &drift.Problem{Stage: "policy", Err: fmt.Errorf("compiling policies: %w", compiler.Errors)}
	}
	var out strings.Builder
	var printed bytes.Buffer
	story := newStory(e.set, written, value, &out)
	fmt.Fprintf(&out, "%s: %s, cause %s\n", subject(input.Resource), input.Drift.Type, input.Drift.Cause)
	asked := 0
	var failed []error
	for _, area := range e.areas {
		q, err := e.prepare(compiler, area.area, verbs)
		if err != nil {
			return "", &drift.Problem{Stage: "policy", Err: err}
		}
		asked += len(q.verbs)
		if len(q.verbs) == 0 {
			continue
		}
		// Without the index and early exit every rule is tried and shown, which
		// takes about ten times as many steps.
		patient := *e
		patient.options.Steps *= 10
		_, err = patient.evaluate(ctx, q, value, rego.EvalQueryTracer(story), rego.EvalRuleIndexing(false),
			rego.EvalEarlyExit(false), rego.EvalPrintHook(topdown.NewPrintHook(&printed)))
		own := area.scope.covers(input.Resource.Namespace)
		if err != nil && !own && ctx.Err() == nil && !errors.Is(err, drift.ErrRunaway) {
			// A run does not ask it, so that it fails nothing there.
			fmt.Fprintf(&out, "not its area, so that a run does not ask it: %s fails: %v\n", area.area, err)
			continue
		}
		failed = append(failed, err)
		if errors.Is(err, drift.ErrRunaway) || err != nil && ctx.Err() != nil {
			// The evaluation may still run, and write into story and printed.
			return out.String(), errors.Join(failed...)
		}
	}
	if asked == 0 {
		out.WriteString("\nno policy defines any verb\n")
	}
	e.tell(compiler, story, input.Resource.Namespace)
	if printed.Len() > 0 {
		fmt.Fprintf(&out, "\nprint:\n%s", printed.String())
	}
	return out.String(), errors.Join(failed...)
}

func subject(resource drift.InputResource) string {
	return drift.ID{Kind: resource.Kind, Namespace: resource.Namespace, Name: resource.Name}.String()
}

// tell writes one block per verb that any policy defines.
func (e *Engine) tell(compiler *ast.Compiler, story *story, namespace string) {
	for _, verb := range verbs {
		heading := false
		for _, area := range e.areas {
			for _, rule := range compiler.GetRulesExact(setRef(area.area, verb)) {
				if !heading {
					heading = true
					fmt.Fprintf(story.out, "\n%s\n", verb)
				}
				story.tellVerb(rule, area.scope.covers(namespace))
			}
		}
	}
}

// attempt is what became of one rule.
type attempt struct {
	gave []string // members, or "true" for a rule that is no set
	row  int      // the last line at which it failed
}

// story is a tracer that keeps every rule's attempt.
type story struct {
	set     *set
	input   ast.Value
	out     *strings.Builder
	written resolved // rules as their authors wrote them
	rules   map[*ast.Rule]*attempt
	byPath  map[string][]*ast.Rule // rules that were tried, by path
	queries map[uint64]*ast.Rule   // query → the rule whose body it is
}

func newStory(s *set, written resolved, input ast.Value, out *strings.Builder) *story {
	return &story{
		set: s, input: input, out: out, written: written, rules: map[*ast.Rule]*attempt{},
		byPath: map[string][]*ast.Rule{}, queries: map[uint64]*ast.Rule{},
	}
}

// Enabled implements topdown.QueryTracer.
func (*story) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*story) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (s *story) TraceEvent(event topdown.Event) {
	if rule, ok := event.Node.(*ast.Rule); ok {
		s.ruleEvent(event, rule)
		return
	}
	if event.Op != topdown.FailOp || event.Location == nil {
		return
	}
	if rule, ok := s.queries[event.QueryID]; ok && event.Location.File == rule.Location.File {
		s.rules[rule].row = max(s.rules[rule].row, event.Location.Row)
	}
}

func (s *story) ruleEvent(event topdown.Event, rule *ast.Rule) {
	tried := s.rules[rule]
	if tried == nil {
		tried = &attempt{row: rule.Location.Row}
		s.rules[rule] = tried
		s.byPath[rulePath(rule)] = append(s.byPath[rulePath(rule)], rule)
	}
	switch event.Op {
	case topdown.EnterOp:
		s.queries[event.QueryID] = rule
	case topdown.ExitOp:
		member := "true"
		if rule.Head.Key != nil {
			member = event.Plug(rule.Head.Key).String()
		}
		if !slices.Contains(tried.gave, member) {
			tried.gave = append(tried.gave, member)
		}
	}
}

// tellVerb writes what became of one verb rule.
func (s *story) tellVerb(rule *ast.Rule, speaks bool) {
	at, tried := place(rule.Location), s.rules[rule]
	if !speaks {
		fmt.Fprintf(s.out, "  -    %s  not its area: a run does not ask it; it would %s\n", at, s.wouldSay(tried))
		return
	}
	if tried == nil {
		fmt.Fprintf(s.out, "  -    %s  not reached\n", at)
		return
	}
	for _, member := range tried.gave {
		fmt.Fprintf(s.out, "  yes  %s  %s\n", at, member)
	}
	if len(tried.gave) == 0 {
		fmt.Fprintf(s.out, "  no   %s  stopped at line %d: %s\n", at, tried.row, s.set.line(rule.Location.File, tried.row))
		s.tellWhy(rule.Location.File, tried.row, "       ", map[*ast.Rule]bool{rule: true})
	}
}

// wouldSay is what a rule answers that a run does not ask.
func (s *story) wouldSay(tried *attempt) string {
	switch {
	case tried == nil:
		return "not be reached"
	case len(tried.gave) == 0:
		return fmt.Sprintf("say nothing, stopped at line %d", tried.row)
	}
	return "say " + strings.Join(tried.gave, ", ")
}

// tellWhy writes the values of the input that a line names and, for helper
// rules it names that did not hold, where they stopped.
func (s *story) tellWhy(file string, row int, indent string, told map[*ast.Rule]bool) {
	for _, ref := range s.refs(file, row) {
		if ref.HasPrefix(ast.InputRootRef) && ref.IsGround() && len(ref) > 1 {
			value := "is not there"
			if found, err := s.input.Find(ref[1:]); err == nil {
				value = "is " + found.String()
			}
			fmt.Fprintf(s.out, "%s%s %s\n", indent, ref, value)
		}
		for _, helper := range s.byPath[ref.GroundPrefix().String()] {
			tried := s.rules[helper]
			if len(tried.gave) > 0 || told[helper] {
				continue
			}
			told[helper] = true
			fmt.Fprintf(s.out, "%s%s stopped at %s: %s\n", indent, ruleName(helper.Head),
				drift.FileLine(helper.Location.File, tried.row), s.set.line(helper.Location.File, tried.row))
			s.tellWhy(helper.Location.File, tried.row, indent+"  ", told)
		}
	}
}

// refs are the references in the expressions that begin on a line, once each.
func (s *story) refs(file string, row int) []ast.Ref {
	module := s.written[file]
	if module == nil {
		return nil
	}
	var all []ast.Ref
	ast.WalkExprs(module, func(expr *ast.Expr) bool {
		if expr.Location == nil || expr.Location.Row != row {
			return false
		}
		ast.WalkRefs(expr, func(ref ast.Ref) bool {
			if !slices.ContainsFunc(all, func(other ast.Ref) bool { return other.Equal(ref) }) {
				all = append(all, ref)
			}
			return false
		})
		return false
	})
	return all
}

// line is one line of a loaded file without its indentation.
func (s *set) line(file string, row int) string {
	for _, m := range s.modules {
		if m.file == file {
			return sourceLine(m.text, row)
		}
	}
	return ""
}
