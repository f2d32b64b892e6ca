package policy

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// anything is the shape of a value about which nothing is known.
var anything = &shape{}

var boolean = &shape{Type: "boolean"}

// inferred is what is known about a term: the shapes it may have, and whether
// it always has a value.
type inferred struct {
	shapes  []*shape
	present bool
}

func (i inferred) known() bool {
	return len(i.shapes) > 0 && !slices.ContainsFunc(i.shapes, func(s *shape) bool { return s.Type == "" && !s.set })
}

// isBoolean says that the value can only be true or false.
func (i inferred) isBoolean() bool {
	return i.known() && !slices.ContainsFunc(i.shapes, func(s *shape) bool { return s.Type != "boolean" })
}

// vocabulary lists the only strings the value can be; nil when it is open.
func (i inferred) vocabulary() []string {
	var all []string
	for _, s := range i.shapes {
		if s.Type != "string" || len(s.Enum) == 0 {
			return nil
		}
		all = append(all, s.Enum...)
	}
	return all
}

// inference follows the input's shape through variables, helper rules and
// function arguments, where OPA's type checker loses it.
type inference struct {
	input  *shape
	params any                    // data.params; nil where it is not known
	rules  map[string][]*ast.Rule // by path, such as data.drift.shop.heal
	args   map[string][][]*shape  // function path → what its arguments are called with
	done   map[string]inferred    // rules inferred with these arguments
	busy   map[string]bool        // rules being inferred: recursion ends here
}

func newInference(s *set, modules resolved) *inference {
	in := &inference{
		input: s.input, rules: map[string][]*ast.Rule{},
		args: map[string][][]*shape{}, done: map[string]inferred{}, busy: map[string]bool{},
	}
	if !s.noData {
		in.params = s.params
	}
	for _, rule := range sortedRules(modules) {
		path := rulePath(rule)
		in.rules[path] = append(in.rules[path], rule)
	}
	in.settle(modules)
	return in
}

// settle collects what functions are called with until nothing new turns up.
// Should that not happen soon, functions take anything.
func (in *inference) settle(modules resolved) {
	for range 20 {
		next := map[string][][]*shape{}
		w := &walker{in: in, onCall: func(sc scope, call []*ast.Term) {
			path := call[0].Value.String()
			if in.rules[path] == nil {
				return
			}
			for len(next[path]) < len(call)-1 {
				next[path] = append(next[path], nil)
			}
			for i, arg := range call[1:] {
				next[path][i] = union(next[path][i], in.term(sc, arg).shapes)
			}
		}}
		for _, rule := range sortedRules(modules) {
			w.rule(rule)
		}
		if reflect.DeepEqual(next, in.args) {
			return
		}
		in.args, in.done = next, map[string]inferred{}
	}
	in.args, in.done = map[string][][]*shape{}, map[string]inferred{}
}

// union adds shapes that are not there yet; what may be anything is anything.
func union(a, b []*shape) []*shape {
	if len(b) == 0 {
		b = []*shape{anything}
	}
	for _, s := range b {
		if s.Type == "" && !s.set {
			return []*shape{anything}
		}
		if !slices.ContainsFunc(a, func(other *shape) bool { return other == s || reflect.DeepEqual(other, s) }) {
			a = append(slices.Clip(a), s)
		}
	}
	if slices.Contains(a, anything) {
		return []*shape{anything}
	}
	return a
}

// one is a single shape for several: their common vocabulary, or anything.
func one(shapes []*shape) *shape {
	if len(shapes) == 1 {
		return shapes[0]
	}
	if words := (inferred{shapes: shapes}).vocabulary(); words != nil {
		slices.Sort(words)
		return &shape{Type: "string", Enum: slices.Compact(words)}
	}
	return anything
}

// members are the shapes of a collection's values.
func (in *inference) members(collection inferred) []*shape {
	var all []*shape
	for _, s := range collection.shapes {
		switch {
		case s.Items != nil:
			all = union(all, []*shape{s.Items})
		case s.Type == "object" && s.Additional.shape != nil:
			all = union(all, []*shape{s.Additional.shape})
		default:
			return []*shape{anything}
		}
	}
	return all
}

// term infers one term.
func (in *inference) term(sc scope, t *ast.Term) inferred {
	switch value := t.Value.(type) {
	case ast.String:
		return inferred{[]*shape{{Type: "string"}}, true}
	case ast.Boolean:
		return inferred{[]*shape{boolean}, true}
	case ast.Number:
		return inferred{[]*shape{{Type: "number"}}, true}
	case ast.Null:
		return inferred{[]*shape{{Type: "null"}}, true}
	case ast.Var:
		return inferred{sc[value], true}
	case ast.Ref:
		return in.ref(sc, value)
	case ast.Call:
		return in.call(sc, value)
	case *ast.Array:
		return inferred{[]*shape{{Type: "array", Items: anything}}, in.allPresent(sc, value.Foreach)}
	case ast.Set:
		return inferred{[]*shape{{set: true, Items: anything}}, in.allPresent(sc, value.Foreach)}
	case ast.Object:
		return in.object(sc, value)
	case *ast.ArrayComprehension:
		items := one(in.term(in.body(sc, value.Body), value.Term).shapes)
		return inferred{[]*shape{{Type: "array", Items: items}}, true}
	case *ast.SetComprehension:
		items := one(in.term(in.body(sc, value.Body), value.Term).shapes)
		return inferred{[]*shape{{set: true, Items: items}}, true}
	case *ast.ObjectComprehension:
		values := one(in.term(in.body(sc, value.Body), value.Value).shapes)
		return inferred{[]*shape{{Type: "object", Additional: additional{values}}}, true}
	}
	return inferred{nil, true}
}

func (in *inference) allPresent(sc scope, each func(func(*ast.Term))) bool {
	all := true
	each(func(t *ast.Term) { all = all && in.term(sc, t).present })
	return all
}

func (in *inference) object(sc scope, object ast.Object) inferred {
	result, present := &shape{Type: "object", Properties: map[string]*shape{}}, true
	object.Foreach(func(key, value *ast.Term) {
		known := in.term(sc, value)
		present = present && known.present && in.term(sc, key).present
		if name, ok := key.Value.(ast.String); ok {
			result.Properties[string(name)] = one(known.shapes)
		} else {
			result.Additional.shape = anything
		}
	})
	return inferred{[]*shape{result}, present}
}

// ref infers a reference: what its head is, then step by step.
func (in *inference) ref(sc scope, ref ast.Ref) inferred {
	head, rest := in.head(sc, ref)
	for _, key := range rest {
		head = in.step(sc, head, key)
	}
	return head
}

func (in *inference) head(sc scope, ref ast.Ref) (inferred, ast.Ref) {
	switch {
	case ref.HasPrefix(ast.InputRootRef):
		return inferred{[]*shape{in.input}, true}, ref[1:]
	case ref.HasPrefix(ast.DefaultRootRef):
		return in.document(ref)
	}
	return in.term(sc, ref[0]), ref[1:]
}

// document infers a reference into data: a rule, or a parameter.
func (in *inference) document(ref ast.Ref) (inferred, ast.Ref) {
	if len(ref) > 1 && ref[1].Equal(ast.StringTerm("params")) {
		return inferred{[]*shape{shapeOfData(in.params)}, in.params != nil}, ref[2:]
	}
	for n := len(ref); n > 2; n-- {
		if path := ref[:n].String(); in.rules[path] != nil {
			return in.rule(path), ref[n:]
		}
	}
	return inferred{nil, false}, nil
}

func (in *inference) step(sc scope, from inferred, key *ast.Term) inferred {
	next := inferred{present: from.present && in.term(sc, key).present}
	if len(from.shapes) == 0 {
		return inferred{present: false}
	}
	for _, s := range from.shapes {
		found, present, _ := s.step(key)
		if found == nil {
			found = anything
		}
		next.shapes = union(next.shapes, []*shape{found})
		next.present = next.present && present
	}
	return next
}

// rule infers a rule's document, or a function's result.
func (in *inference) rule(path string) inferred {
	if result, found := in.done[path]; found || in.busy[path] {
		return result
	}
	in.busy[path] = true
	defer delete(in.busy, path)
	result := in.ruleAfresh(path)
	in.done[path] = result
	return result
}

func (in *inference) ruleAfresh(path string) inferred {
	var result inferred
	for _, rule := range in.rules[path] {
		if rule.Head.RuleKind() == ast.MultiValue {
			items := one(in.term(in.body(in.start(rule), rule.Body), rule.Head.Key).shapes)
			result = inferred{union(result.shapes, []*shape{{set: true, Items: items}}), true}
			continue
		}
		if len(rule.Head.Ref()) > len(rule.Head.Ref().GroundPrefix()) {
			result = inferred{[]*shape{anything}, true} // a partial object
			continue
		}
		for part := rule; part != nil; part = part.Else {
			sc := in.body(in.start(rule), part.Body)
			value := in.term(sc, part.Head.Value)
			result.shapes = union(result.shapes, value.shapes)
			result.present = result.present || value.present && unconditional(part)
		}
	}
	return result
}

// unconditional says that the rule always has a value.
func unconditional(rule *ast.Rule) bool {
	for _, arg := range rule.Head.Args {
		if _, ok := arg.Value.(ast.Var); !ok {
			return false
		}
	}
	if rule.Default {
		return true
	}
	return len(rule.Body) == 1 && rule.Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true)))
}

// call infers a call's result.
func (in *inference) call(sc scope, call ast.Call) inferred {
	name := call[0].Value.String()
	present := true
	for _, arg := range call[1:] {
		present = present && in.term(sc, arg).present
	}
	if in.rules[name] != nil {
		result := in.rule(name)
		return inferred{result.shapes, result.present && present}
	}
	if name == "time.weekday" {
		return inferred{[]*shape{in.input.Properties["run"].Properties["weekday"]}, present}
	}
	if name == ast.ObjectGet.Name && len(call) == 4 {
		if _, path := call[2].Value.(*ast.Array); !path {
			found := in.step(sc, in.term(sc, call[1]), call[2])
			return inferred{union(found.shapes, in.term(sc, call[3]).shapes), present}
		}
	}
	builtin, known := ast.BuiltinMap[name]
	if !known || builtin.Decl.Result() == nil {
		return inferred{nil, present}
	}
	return inferred{[]*shape{shapeOfType(builtin.Decl.Result())}, present}
}

func shapeOfType(t types.Type) *shape {
	switch t.(type) {
	case types.Boolean:
		return boolean
	case types.String:
		return &shape{Type: "string"}
	case types.Number:
		return &shape{Type: "number"}
	case *types.Set:
		return &shape{set: true, Items: anything}
	case *types.Array:
		return &shape{Type: "array", Items: anything}
	}
	return anything
}

// shapeOfData is the shape of a parameter: exactly what the config says.
func shapeOfData(value any) *shape {
	switch value := value.(type) {
	case bool:
		return boolean
	case string:
		return &shape{Type: "string"}
	case int, int64, float64, json.Number:
		return &shape{Type: "number"}
	case []any:
		return &shape{Type: "array", Items: anything}
	case map[string]any:
		object := &shape{Type: "object", Properties: map[string]*shape{}}
		for name, field := range value {
			object.Properties[name] = shapeOfData(field)
		}
		return object
	}
	return anything
}
