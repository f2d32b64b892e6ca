package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// Engine holds compiled policies. It is safe for concurrent use and keeps
// nothing from one evaluation to the next.
type Engine struct {
	set     *set
	options Options
	store   storage.Store
	all     question // every verb
	fields  question // ignore_fields alone
}

// question is a prepared query for the exact sets that policies define. Asking
// a whole package would evaluate helpers too, and one conflict in an unused
// helper would fail every decision.
type question struct {
	asked    []asked
	prepared rego.PreparedEvalQuery
}

// asked is one verb of one area.
type asked struct {
	area string
	verb drift.Verb
}

func (a asked) ref() ast.Ref {
	return ast.Ref{
		ast.DefaultRootDocument, ast.StringTerm("drift"), ast.StringTerm(a.area), ast.StringTerm(string(a.verb)),
	}
}

// store holds data.params.
func (s *set) store() storage.Store {
	return inmem.NewFromObject(map[string]any{"params": s.params})
}

func newEngine(s *set, compiler *ast.Compiler, options Options) (*Engine, error) {
	e := &Engine{set: s, options: options, store: s.store()}
	var err error
	if e.all, err = e.prepare(compiler, verbs); err != nil {
		return nil, &drift.Problem{Stage: "policy", Err: err}
	}
	if e.fields, err = e.prepare(compiler, []drift.Verb{drift.VerbIgnoreFields}); err != nil {
		return nil, &drift.Problem{Stage: "policy", Err: err}
	}
	return e, nil
}

// prepare builds the query [data.drift.a.heal, …] for the sets that exist.
func (e *Engine) prepare(compiler *ast.Compiler, wanted []drift.Verb) (question, error) {
	var q question
	var refs []*ast.Term
	for _, area := range e.set.areas() {
		for _, verb := range wanted {
			a := asked{area: area, verb: verb}
			if len(compiler.GetRulesExact(a.ref())) > 0 {
				q.asked, refs = append(q.asked, a), append(refs, ast.NewTerm(a.ref()))
			}
		}
	}
	if len(q.asked) == 0 {
		return q, nil
	}
	prepared, err := rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.ArrayTerm(refs...)))),
		rego.Compiler(compiler),
		rego.Store(e.store),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) { return term, nil }),
	).PrepareForEval(context.Background())
	if err != nil {
		return q, fmt.Errorf("preparing policies: %w", err)
	}
	q.prepared = prepared
	return q, nil
}

// IgnoreFields asks which fields of the object are to be left out of the
// comparison. The input holds all changes. Reasons of areas that do not speak
// for the object are dropped; Evaluate reports them.
func (e *Engine) IgnoreFields(ctx context.Context, input drift.Input) ([]drift.Reason, error) {
	verdict := e.ask(ctx, e.fields, input)
	return verdict.Reasons[drift.VerbIgnoreFields], verdict.Err
}

// Evaluate asks every policy about one object. An error, a timeout or a reason
// of the wrong form is the verdict's Err, and then it has no reasons.
func (e *Engine) Evaluate(ctx context.Context, input drift.Input) drift.Verdict {
	return e.ask(ctx, e.all, input)
}

func (e *Engine) ask(ctx context.Context, q question, input drift.Input) drift.Verdict {
	if len(q.asked) == 0 {
		return drift.Verdict{}
	}
	value, err := inputValue(input)
	if err != nil {
		return drift.Verdict{Err: &drift.Problem{Stage: "policy", Err: err}}
	}
	fired := &exits{rules: map[string][]*ast.Rule{}}
	sets, err := e.evaluate(ctx, q, value, rego.EvalQueryTracer(fired))
	if err != nil {
		return drift.Verdict{Err: err}
	}
	return e.verdict(q, sets, fired, input.Resource.Namespace)
}

// evaluate runs one query under the time limit, and returns its sets in the
// order in which they were asked.
func (e *Engine) evaluate(
	ctx context.Context, q question, input ast.Value, options ...rego.EvalOption,
) (sets *ast.Array, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, e.options.Timeout, errTimeout)
	defer cancel()
	defer func() {
		// A panic in the evaluator must cost one decision, not the run.
		if cause := recover(); cause != nil {
			sets, err = nil, &drift.Problem{Stage: "policy", Err: fmt.Errorf("evaluating policies: %v", cause)}
		}
	}()
	results, err := q.prepared.Eval(limited, append(options, rego.EvalParsedInput(input))...)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &drift.Problem{Stage: "policy", Err: fmt.Errorf("evaluating policies: %w", ctx.Err())}
	case err != nil && errors.Is(context.Cause(limited), errTimeout):
		return nil, e.tooSlow(err)
	case err != nil:
		return nil, evaluationProblem(err)
	}
	if len(results) == 1 && len(results[0].Expressions) == 1 {
		if term, ok := results[0].Expressions[0].Value.(*ast.Term); ok {
			if sets, ok := term.Value.(*ast.Array); ok && sets.Len() == len(q.asked) {
				return sets, nil
			}
		}
	}
	return nil, &drift.Problem{Stage: "policy", Err: errors.New("evaluating policies: undefined result")}
}

var errTimeout = errors.New("out of time")

func (e *Engine) tooSlow(err error) error {
	problem := &drift.Problem{
		Stage: "policy",
		Hint:  "compare input.resource first, and avoid loops inside loops",
		Err:   fmt.Errorf("evaluating policies: no answer within %s: %w", e.options.Timeout, context.DeadlineExceeded),
	}
	var raised *topdown.Error
	if errors.As(err, &raised) && raised.Location != nil {
		problem.File = drift.FileLine(raised.Location.File, raised.Location.Row)
	}
	return problem
}

// verdict decodes the sets, finds each reason's rules and applies the areas.
func (e *Engine) verdict(q question, sets *ast.Array, fired *exits, namespace string) drift.Verdict {
	verdict := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{}}
	for i, asked := range q.asked {
		members, ok := sets.Elem(i).Value.(ast.Set)
		if !ok {
			return drift.Verdict{Err: &drift.Problem{
				Stage: "policy", Err: fmt.Errorf("evaluating policies: %s is no set", asked.ref()),
			}}
		}
		scope, scoped := e.set.scopes[asked.area]
		for _, member := range members.Slice() {
			rules := fired.of(asked, member)
			reason, err := decodeReason(asked.verb, member.Value)
			if err != nil {
				return drift.Verdict{Err: &drift.Problem{
					Stage: "policy", File: rules[0], Hint: reasonHint(asked.verb), Err: err,
				}}
			}
			reason.Area = asked.area
			for _, rule := range rules {
				reason.Rule = rule
				if scoped && !scope.covers(namespace) {
					verdict.OutOfArea = append(verdict.OutOfArea, reason)
					continue
				}
				verdict.Reasons[asked.verb] = append(verdict.Reasons[asked.verb], reason)
			}
		}
	}
	return verdict
}

// exits is a tracer that keeps which verb rules gave which members. It costs
// about as much as the evaluation itself, which is worth knowing the line.
type exits struct {
	rules map[string][]*ast.Rule // member → rules, see exitKey
}

// Enabled implements topdown.QueryTracer.
func (*exits) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*exits) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent keeps the rule and the member when a verb rule succeeds.
func (x *exits) TraceEvent(event topdown.Event) {
	if event.Op != topdown.ExitOp {
		return
	}
	rule, ok := event.Node.(*ast.Rule)
	if !ok || rule.Head.Key == nil || !isVerb(string(rule.Head.Name)) {
		return
	}
	key := exitKey(rule.Module.Package.Path, string(rule.Head.Name), event.Plug(rule.Head.Key))
	if !slices.Contains(x.rules[key], rule) {
		x.rules[key] = append(x.rules[key], rule)
	}
}

func exitKey(pkg ast.Ref, name string, member *ast.Term) string {
	return pkg.String() + "." + name + " " + member.String()
}

// of lists "file:line" of the rules that gave a member, in the order of files
// and lines; one empty string when none is known.
func (x *exits) of(a asked, member *ast.Term) []string {
	ref := a.ref()
	rules := slices.Clone(x.rules[exitKey(ref[:len(ref)-1], string(a.verb), member)])
	slices.SortFunc(rules, func(a, b *ast.Rule) int {
		return cmp.Or(strings.Compare(a.Location.File, b.Location.File), cmp.Compare(a.Location.Row, b.Location.Row))
	})
	var lines []string
	for _, rule := range rules {
		lines = append(lines, drift.FileLine(rule.Location.File, rule.Location.Row))
	}
	if len(lines) == 0 {
		return []string{""}
	}
	return slices.Compact(lines)
}

// inputValue converts the input by its JSON names. Maps and lists that are nil
// become empty ones: the input is complete.
func inputValue(input drift.Input) (ast.Value, error) {
	value, err := valueOf(reflect.ValueOf(input))
	if err != nil {
		return nil, fmt.Errorf("preparing policy input: %w", err)
	}
	return value, nil
}

func valueOf(v reflect.Value) (ast.Value, error) {
	switch v.Kind() {
	case reflect.Struct:
		fields := make([][2]*ast.Term, 0, v.NumField())
		for i := range v.NumField() {
			field, err := valueOf(v.Field(i))
			if err != nil {
				return nil, err
			}
			fields = append(fields, ast.Item(ast.StringTerm(v.Type().Field(i).Tag.Get("json")), ast.NewTerm(field)))
		}
		return ast.NewObject(fields...), nil
	case reflect.Slice:
		elements := make([]*ast.Term, v.Len())
		for i := range v.Len() {
			element, err := valueOf(v.Index(i))
			if err != nil {
				return nil, err
			}
			elements[i] = ast.NewTerm(element)
		}
		return ast.NewArray(elements...), nil
	case reflect.Map:
		if v.IsNil() {
			return ast.NewObject(), nil
		}
	}
	return ast.InterfaceToValue(v.Interface())
}
