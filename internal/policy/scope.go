package policy

import "github.com/open-policy-agent/opa/v1/ast"

// scope maps local variables to their shapes.
type scope map[ast.Var][]*shape

func (s scope) child() scope {
	copied := make(scope, len(s))
	for name, shapes := range s {
		copied[name] = shapes
	}
	return copied
}

// start is the scope of a rule: its arguments.
func (in *inference) start(rule *ast.Rule) scope {
	sc := scope{}
	known := in.args[rulePath(rule)]
	for i, arg := range rule.Head.Args {
		if name, ok := arg.Value.(ast.Var); ok && i < len(known) {
			sc[name] = known[i]
		}
	}
	return sc
}

// body is the scope with what a body binds. The order of expressions means
// nothing in Rego, so it looks until nothing new turns up.
func (in *inference) body(sc scope, body ast.Body) scope {
	sc = sc.child()
	for range len(body) + 1 {
		before := sc.known()
		for _, expr := range body {
			in.bind(sc, expr)
		}
		if sc.known() == before {
			break
		}
	}
	return sc
}

// known counts the variables about which something is known.
func (s scope) known() int {
	count := 0
	for _, shapes := range s {
		if len(shapes) > 0 {
			count++
		}
	}
	return count
}

func (in *inference) bind(sc scope, expr *ast.Expr) {
	set := func(target *ast.Term, shapes []*shape) {
		name, ok := target.Value.(ast.Var)
		if _, bound := sc[name]; ok && !bound && len(shapes) > 0 {
			sc[name] = shapes
		}
	}
	switch terms := expr.Terms.(type) {
	case []*ast.Term:
		switch operator := terms[0].Value.String(); {
		case expr.Negated || len(terms) != 3:
		case operator == ast.Assign.Name:
			// := declares: in a closure it hides an outer variable.
			if name, ok := terms[1].Value.(ast.Var); ok {
				sc[name] = in.term(sc, terms[2]).shapes
			}
		case operator == ast.Equality.Name:
			set(terms[1], in.term(sc, terms[2]).shapes)
			set(terms[2], in.term(sc, terms[1]).shapes)
		}
	case *ast.SomeDecl:
		for _, symbol := range terms.Symbols {
			call, ok := symbol.Value.(ast.Call)
			if !ok {
				continue
			}
			members := in.members(in.term(sc, call[len(call)-1]))
			set(call[len(call)-2], members)
		}
	}
}
