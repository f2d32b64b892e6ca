package policy

import "github.com/open-policy-agent/opa/v1/ast"

// walker visits a rule with the scope in which each part stands.
type walker struct {
	in     *inference
	onExpr func(scope, *ast.Expr)
	onCall func(scope, []*ast.Term) // operator and arguments
	onRef  func(scope, *ast.Term)   // references, operators of calls included
}

func (w *walker) rule(rule *ast.Rule) {
	start := w.in.start(rule)
	for part := rule; part != nil; part = part.Else {
		sc := w.in.body(start, part.Body)
		w.body(sc, part.Body)
		for _, term := range []*ast.Term{part.Head.Key, part.Head.Value} {
			if term != nil {
				w.term(sc, term)
			}
		}
	}
}

func (w *walker) body(sc scope, body ast.Body) {
	for _, expr := range body {
		w.expr(sc, expr)
	}
}

func (w *walker) expr(sc scope, expr *ast.Expr) {
	if w.onExpr != nil {
		w.onExpr(sc, expr)
	}
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		w.term(sc, terms)
	case []*ast.Term:
		w.call(sc, terms)
	case *ast.SomeDecl:
		for _, symbol := range terms.Symbols {
			if call, ok := symbol.Value.(ast.Call); ok {
				w.term(sc, call[len(call)-1])
			}
		}
	case *ast.Every:
		w.term(sc, terms.Domain)
		inner := sc.child()
		if name, ok := terms.Value.Value.(ast.Var); ok {
			inner[name] = w.in.members(w.in.term(sc, terms.Domain))
		}
		w.body(w.in.body(inner, terms.Body), terms.Body)
	}
	for _, with := range expr.With {
		w.term(sc, with.Value)
	}
}

func (w *walker) call(sc scope, call []*ast.Term) {
	if w.onCall != nil {
		w.onCall(sc, call)
	}
	for _, term := range call {
		w.term(sc, term)
	}
}

func (w *walker) term(sc scope, t *ast.Term) {
	each := func(t *ast.Term) { w.term(sc, t) }
	switch value := t.Value.(type) {
	case ast.Ref:
		if w.onRef != nil {
			w.onRef(sc, t)
		}
		for i, element := range value {
			if _, isVar := element.Value.(ast.Var); i > 0 || !isVar {
				w.term(sc, element)
			}
		}
	case ast.Call:
		w.call(sc, value)
	case *ast.Array:
		value.Foreach(each)
	case ast.Set:
		value.Foreach(each)
	case ast.Object:
		value.Foreach(func(k, v *ast.Term) { w.term(sc, k); w.term(sc, v) })
	case *ast.ArrayComprehension:
		w.closure(sc, value.Body, value.Term)
	case *ast.SetComprehension:
		w.closure(sc, value.Body, value.Term)
	case *ast.ObjectComprehension:
		w.closure(sc, value.Body, value.Key, value.Value)
	case *ast.TemplateString:
		for _, part := range value.Parts {
			w.part(sc, part)
		}
	}
}

// part is a piece of a template string. It is written like an expression and is
// no condition.
func (w *walker) part(sc scope, part ast.Node) {
	switch part := part.(type) {
	case *ast.Term:
		w.term(sc, part)
	case *ast.Expr:
		switch terms := part.Terms.(type) {
		case *ast.Term:
			w.term(sc, terms)
		case []*ast.Term:
			w.call(sc, terms)
		}
	}
}

func (w *walker) closure(sc scope, body ast.Body, heads ...*ast.Term) {
	inner := w.in.body(sc, body)
	w.body(inner, body)
	for _, head := range heads {
		w.term(inner, head)
	}
}
