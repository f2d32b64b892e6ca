package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

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
	areas   []speaker
}

// speaker is one area that may give reasons. Each is asked by itself, so that what
// one does, errors and work included, depends on no other.
type speaker struct {
	area   string
	scope  Area
	all    question // every verb
	fields question // ignore_fields alone
}

// question is a prepared query for the exact sets that an area defines. Asking
// the whole package would evaluate helpers too, and one conflict in an unused
// helper would fail every decision.
type question struct {
	area     string
	verbs    []drift.Verb // in the order of the query's result
	prepared rego.PreparedEvalQuery
}

func setRef(area string, verb drift.Verb) ast.Ref {
	return ast.Ref{
		ast.DefaultRootDocument, ast.StringTerm("drift"), ast.StringTerm(area), ast.StringTerm(string(verb)),
	}
}

// store holds data.params.
func (s *set) store() storage.Store {
	return inmem.NewFromObject(map[string]any{"params": s.params})
}

// scope is what an area speaks for: everything, unless the config says less.
func (s *set) scope(area string) Area {
	if scope, scoped := s.scopes[area]; scoped {
		return scope
	}
	return Area{All: true}
}

func newEngine(s *set, compiler *ast.Compiler, options Options) (*Engine, error) {
	e := &Engine{set: s, options: options, store: s.store()}
	for _, area := range s.areas() {
		all, err := e.prepare(compiler, area, verbs)
		if err != nil {
			return nil, &drift.Problem{Stage: "policy", Err: err}
		}
		fields, err := e.prepare(compiler, area, []drift.Verb{drift.VerbIgnoreFields})
		if err != nil {
			return nil, &drift.Problem{Stage: "policy", Err: err}
		}
		e.areas = append(e.areas, speaker{area: area, scope: s.scope(area), all: all, fields: fields})
	}
	return e, nil
}

// prepare builds the query [data.drift.a.heal, …] for the sets that exist.
func (e *Engine) prepare(compiler *ast.Compiler, area string, wanted []drift.Verb) (question, error) {
	q := question{area: area}
	var refs []*ast.Term
	for _, verb := range wanted {
		if ref := setRef(area, verb); len(compiler.GetRulesExact(ref)) > 0 {
			q.verbs, refs = append(q.verbs, verb), append(refs, ast.NewTerm(ref))
		}
	}
	if len(q.verbs) == 0 {
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

// Speakers are the areas in whose scope the objects of a namespace lie, sorted; ""
// is the namespace of cluster-scoped objects. Only these are asked about one.
func (e *Engine) Speakers(namespace string) []string {
	var names []string
	for _, s := range e.areas {
		if s.scope.covers(namespace) {
			names = append(names, s.area)
		}
	}
	return names
}

// NotAsked are the areas that define a verb and are not asked about the objects of a
// namespace, sorted.
func (e *Engine) NotAsked(namespace string) []string {
	var names []string
	for _, s := range e.areas {
		if !s.scope.covers(namespace) && len(s.all.verbs) > 0 {
			names = append(names, s.area)
		}
	}
	slices.Sort(names)
	return names
}

// IgnoreFields asks which fields of the object are to be left out of the
// comparison. The input holds all changes.
func (e *Engine) IgnoreFields(ctx context.Context, input drift.Input) ([]drift.Reason, error) {
	verdict := e.ask(ctx, input, func(s speaker) question { return s.fields })
	return verdict.Reasons[drift.VerbIgnoreFields], verdict.Err
}

// Evaluate asks every area in whose scope the object lies. An error or a reason of
// the wrong form is the verdict's Err, and then it has no reasons.
func (e *Engine) Evaluate(ctx context.Context, input drift.Input) drift.Verdict {
	return e.ask(ctx, input, func(s speaker) question { return s.all })
}

func (e *Engine) ask(ctx context.Context, input drift.Input, about func(speaker) question) drift.Verdict {
	var value ast.Value
	verdict := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{}}
	for _, s := range e.areas {
		q := about(s)
		if len(q.verbs) == 0 || !s.scope.covers(input.Resource.Namespace) {
			continue
		}
		if value == nil {
			var err error
			if value, err = inputValue(input); err != nil {
				return drift.Verdict{Err: &drift.Problem{Stage: "policy", Err: err}}
			}
		}
		fired := &exits{rules: map[string][]*ast.Rule{}}
		sets, err := e.evaluate(ctx, q, value, rego.EvalQueryTracer(fired))
		if err == nil {
			err = q.read(sets, fired, verdict.Reasons)
		}
		if err != nil {
			return drift.Verdict{Err: err}
		}
	}
	return verdict
}

// answered is what an evaluation gave.
type answered struct {
	sets *ast.Array
	err  error
}

// evaluate runs one query within the bounds of work, and returns its sets in the
// order in which they were asked. It waits for no evaluation that cannot be stopped:
// when the run is told to stop, or patience ends, the goroutine is left behind.
func (e *Engine) evaluate(
	ctx context.Context, q question, input ast.Value, options ...rego.EvalOption,
) (*ast.Array, error) {
	meter := newMeter(e.options.Steps)
	defer context.AfterFunc(ctx, meter.Cancel)()
	patience := time.NewTimer(e.options.Patience)
	defer patience.Stop()
	options = append(options, rego.EvalParsedInput(input), rego.EvalQueryTracer(meter), rego.EvalExternalCancel(meter))
	done := make(chan answered, 1)
	go func() {
		var answer answered
		// A panic in the evaluator must cost one decision, not the run.
		defer func() {
			if cause := recover(); cause != nil {
				answer.err = &drift.Problem{Stage: "policy", Err: fmt.Errorf("evaluating policies: %v", cause)}
			}
			done <- answer
		}()
		answer.sets, answer.err = q.eval(ctx, options)
	}()
	select {
	case answer := <-done:
		switch {
		case meter.cut != "":
			return nil, meter.err(q.area)
		case answer.err != nil && ctx.Err() != nil:
			return nil, meter.left(q.area, ctx.Err())
		}
		return answer.sets, answer.err
	case <-ctx.Done():
		return nil, meter.left(q.area, ctx.Err())
	case <-patience.C:
		meter.Cancel()
		return nil, meter.left(q.area, fmt.Errorf("no answer within %s: %w", e.options.Patience, drift.ErrRunaway))
	}
}

func (q question) eval(ctx context.Context, options []rego.EvalOption) (*ast.Array, error) {
	results, err := q.prepared.Eval(ctx, options...)
	if err != nil {
		return nil, evaluationProblem(err)
	}
	if len(results) == 1 && len(results[0].Expressions) == 1 {
		if term, ok := results[0].Expressions[0].Value.(*ast.Term); ok {
			if sets, ok := term.Value.(*ast.Array); ok && sets.Len() == len(q.verbs) {
				return sets, nil
			}
		}
	}
	return nil, &drift.Problem{Stage: "policy", Err: errors.New("evaluating policies: undefined result")}
}

// read decodes the sets and adds each reason once per rule that gave it.
func (q question) read(sets *ast.Array, fired *exits, into map[drift.Verb][]drift.Reason) error {
	for i, verb := range q.verbs {
		members, ok := sets.Elem(i).Value.(ast.Set)
		if !ok {
			return &drift.Problem{Stage: "policy", Err: fmt.Errorf("evaluating policies: %s is no set", setRef(q.area, verb))}
		}
		for _, member := range members.Slice() {
			rules := fired.of(setRef(q.area, verb), member)
			reason, err := decodeReason(verb, member.Value)
			if err != nil {
				return &drift.Problem{Stage: "policy", File: rules[0], Hint: reasonHint(verb), Err: err}
			}
			reason.Area = q.area
			for _, rule := range rules {
				reason.Rule = rule
				into[verb] = append(into[verb], reason)
			}
		}
	}
	return nil
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
func (x *exits) of(set ast.Ref, member *ast.Term) []string {
	verb, _ := set[len(set)-1].Value.(ast.String)
	rules := slices.Clone(x.rules[exitKey(set[:len(set)-1], string(verb), member)])
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
