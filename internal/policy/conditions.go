package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// condition checks an expression that stands alone. In Rego everything but
// false and undefined is true: "", 0, [] and {} as well.
func (l *linter) condition(sc scope, expr *ast.Expr) {
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		if l.isMembership(sc, terms) {
			return
		}
		if known := l.in.term(sc, terms); !known.isBoolean() {
			l.alwaysTrue(terms, known)
		}
	case []*ast.Term:
		if !l.isCondition(sc, terms) {
			l.report(expr.Location, "compare the result, for example with > 0 or != \"\"",
				"%s is not true or false: as a condition it holds for every value but false", source(expr))
		}
	}
}

func (l *linter) alwaysTrue(t *ast.Term, known inferred) {
	what := l.show(t.Value)
	for _, s := range known.shapes {
		switch {
		case s.set || s.Type == "array" || s.Type == "object":
			l.report(t.Location, fmt.Sprintf("write count(%s) > 0", what), "%s holds also when it is empty", what)
			return
		case s.Type == "string":
			l.report(t.Location, fmt.Sprintf(`write %s != ""`, what), "%s holds for every text, also an empty one", what)
			return
		case s.Type == "integer" || s.Type == "number":
			l.report(t.Location, fmt.Sprintf("write %s > 0", what), "%s holds for every number, also 0", what)
			return
		}
	}
	l.report(t.Location, fmt.Sprintf("write %s == true", what), "%s may be something else than true or false, and then it holds", what)
}

// isMembership says that the term looks a value up in a set: names[x].
func (l *linter) isMembership(sc scope, t *ast.Term) bool {
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) < 2 {
		return false
	}
	before := l.in.ref(sc, ref[:len(ref)-1])
	for _, s := range before.shapes {
		if !s.set || s.Items.Type == "boolean" {
			return false
		}
	}
	return len(before.shapes) > 0
}

// isCondition says that a call as an expression means something: it is
// boolean, it has no result, or its result goes into a further argument.
func (l *linter) isCondition(sc scope, call []*ast.Term) bool {
	name := call[0].Value.String()
	switch name {
	case ast.Assign.Name, ast.Equality.Name, ast.WalkBuiltin.Name:
		return true
	}
	if l.in.rules[name] == nil {
		builtin, known := ast.BuiltinMap[name]
		if !known || builtin.Decl.Result() == nil || len(call)-1 > len(builtin.Decl.FuncArgs().Args) {
			return true
		}
	}
	return l.in.call(sc, call).isBoolean()
}

// negation checks "not". Rego evaluates the arguments first: where one is
// missing, some negations hold and others do not, which nobody reads off the
// line. Only a rule that is true or undefined may be missing.
func (l *linter) negation(sc scope, expr *ast.Expr) {
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		l.negatedTerm(sc, terms)
	case []*ast.Term:
		for _, arg := range terms[1:] {
			if missing := l.missing(sc, arg); missing != nil {
				l.reportMissing(sc, missing)
				return
			}
		}
		if !l.isCondition(sc, terms) {
			l.report(expr.Location, "compare the result, for example with == 0 or == \"\"",
				"%s is not true or false: its negation never holds", source(expr))
		}
	}
}

func (l *linter) negatedTerm(sc scope, t *ast.Term) {
	if l.isMembership(sc, t) {
		ref := t.Value.(ast.Ref)
		if missing := l.missing(sc, ref[len(ref)-1]); missing != nil {
			l.reportMissing(sc, missing)
		}
		return
	}
	known := l.in.term(sc, t)
	ref, isRef := t.Value.(ast.Ref)
	switch {
	case isRef && l.in.rules[ref.String()] != nil && known.isBoolean():
	case isRef && !known.present:
		l.reportMissing(sc, t)
	case !known.isBoolean():
		l.report(t.Location, "compare it with what it must not be", "not %s never holds: it is not true or false", l.show(t.Value))
	}
}

// missing is the first reference in a term that may have no value.
func (l *linter) missing(sc scope, t *ast.Term) *ast.Term {
	switch value := t.Value.(type) {
	case ast.Ref:
		for _, element := range value[1:] {
			if found := l.missing(sc, element); found != nil {
				return found
			}
		}
		if call, ok := value[0].Value.(ast.Call); ok {
			if found := l.missing(sc, ast.NewTerm(call)); found != nil {
				return found
			}
		}
		if !l.in.ref(sc, value).present {
			return t
		}
	case ast.Call:
		for _, arg := range value[1:] {
			if found := l.missing(sc, arg); found != nil {
				return found
			}
		}
		if !l.in.call(sc, value).present {
			return t
		}
	case *ast.Array:
		return l.firstMissing(sc, value.Foreach)
	case ast.Set:
		return l.firstMissing(sc, value.Foreach)
	case ast.Object:
		return l.firstMissing(sc, func(each func(*ast.Term)) {
			value.Foreach(func(k, v *ast.Term) { each(k); each(v) })
		})
	}
	return nil
}

func (l *linter) firstMissing(sc scope, foreach func(func(*ast.Term))) *ast.Term {
	var found *ast.Term
	foreach(func(t *ast.Term) {
		if found == nil {
			found = l.missing(sc, t)
		}
	})
	return found
}

// reportMissing proposes object.get from the last value that is always there.
func (l *linter) reportMissing(sc scope, t *ast.Term) {
	hint := "give it a value in every case, for example with default or object.get"
	if ref, ok := t.Value.(ast.Ref); ok && ref.IsGround() {
		for n := len(ref) - 1; n > 0; n-- {
			if l.in.ref(sc, ref[:n]).present {
				hint = fmt.Sprintf("write object.get(%s, %s, …) with a default", l.show(ref[:n]), keyPath(ref[n:]))
				break
			}
		}
	}
	l.report(t.Location, hint, "not over %s, which can be missing", l.show(t.Value))
}

func keyPath(keys ast.Ref) string {
	if len(keys) == 1 {
		return keys[0].String()
	}
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = key.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// source is the expression as it was written.
func source(expr *ast.Expr) string {
	if expr.Location != nil && len(expr.Location.Text) > 0 {
		text, _, _ := strings.Cut(string(expr.Location.Text), "\n")
		return strings.TrimPrefix(text, "not ")
	}
	return expr.String()
}
