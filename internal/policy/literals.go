package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// maxParts bounds the value that the lines of policies spell out. Forty lines of
// x1 := [x0, x0] spell out 2^40 parts, and OPA's type checker visits each.
const maxParts = 100_000

// parts counts what terms spell out: variables and rules of one value are as large as
// it. Everything that is only known when a policy is evaluated counts as one part
// here, and is bounded there (meter).
type parts struct {
	rules map[string]int // by path, such as data.drift.shop._limits
	vars  map[ast.Var]int
	pkg   string
}

// checkParts refuses rules that spell out too large a value; false says that there is
// one.
func (ps *problems) checkParts(s *set) bool {
	p := parts{rules: map[string]int{}}
	// A rule may use one that stands below it; each round goes one further. After 64,
	// whatever doubles has outgrown the bound.
	for range 64 {
		changed := false
		for _, m := range s.modules {
			for _, rule := range m.parsed.Rules {
				path := m.parsed.Package.Path.String() + "." + ruleName(rule.Head)
				if size := p.rule(m, rule); size > p.rules[path] {
					p.rules[path], changed = size, true
				}
			}
		}
		if !changed {
			break
		}
	}
	for _, m := range s.modules {
		for _, rule := range m.parsed.Rules {
			if p.rule(m, rule) > maxParts {
				ps.at(rule.Location, "name each value once, and look parts up where they are needed",
					"%s spells out a value of more than %d parts", ruleName(rule.Head), maxParts)
				return false // what uses it does so too
			}
		}
	}
	return true
}

// rule is the largest value that a rule spells out.
func (p parts) rule(m *module, rule *ast.Rule) int {
	p.vars, p.pkg = map[ast.Var]int{}, m.parsed.Package.Path.String()
	most := 0
	for part := rule; part != nil; part = part.Else {
		most = max(most, p.body(part), p.term(part.Head.Key), p.term(part.Head.Value))
	}
	return most
}

// body gives variables their sizes, those of closures included, and returns the
// largest.
func (p parts) body(rule *ast.Rule) int {
	most := 0
	for range 64 {
		changed := false
		ast.WalkExprs(rule, func(expr *ast.Expr) bool {
			terms, ok := expr.Terms.([]*ast.Term)
			if !ok || len(terms) != 3 || !expr.IsEquality() && !expr.IsAssignment() {
				return false
			}
			for _, side := range [][2]*ast.Term{{terms[1], terms[2]}, {terms[2], terms[1]}} {
				size := p.term(side[1])
				if name, isVar := side[0].Value.(ast.Var); isVar && size > p.vars[name] {
					p.vars[name], changed = size, true
				}
				most = max(most, size)
			}
			return false
		})
		if !changed || most > maxParts {
			break
		}
	}
	return most
}

func (p parts) term(t *ast.Term) int {
	if t == nil {
		return 0
	}
	size := 1
	add := func(t *ast.Term) { size = min(size+p.term(t), 2*maxParts) }
	switch value := t.Value.(type) {
	case ast.Var:
		return max(1, p.vars[value], p.rules[p.pkg+"."+string(value)])
	case ast.Ref:
		if head, isVar := value[0].Value.(ast.Var); isVar && !head.Equal(ast.DefaultRootDocument.Value) {
			return p.term(value[0])
		}
		for n := range value {
			size = max(size, p.rules[value[:n+1].String()])
		}
	case ast.Call:
		return max(1, p.rules[p.pkg+"."+value[0].String()], p.rules[value[0].String()])
	case *ast.Array:
		value.Foreach(add)
	case ast.Set:
		value.Foreach(add)
	case ast.Object:
		value.Foreach(func(k, v *ast.Term) { add(k); add(v) })
	case *ast.ArrayComprehension:
		add(value.Term)
	case *ast.SetComprehension:
		add(value.Term)
	case *ast.ObjectComprehension:
		add(value.Key)
		add(value.Value)
	}
	return size
}
