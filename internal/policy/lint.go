package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// linter finds what compiles and can still only go wrong: words that a field
// can never hold, conditions that are always true, negations that change their
// meaning when a value is missing, and references to nothing.
type linter struct {
	in    *inference
	areas []string
	found *problems
	where *ast.Location   // of the expression being read
	line  map[string]bool // places at which OPA has already found something
	pkg   string          // of the rule being read, such as data.drift.shop
}

// lint checks the policies of all areas.
func (ps *problems) lint(s *set, modules resolved) {
	l := newLinter(ps, s, modules)
	for _, m := range s.modules {
		module := modules[m.file]
		if module == nil || m.test || m.library {
			continue
		}
		for _, rule := range module.Rules {
			l.rule(rule)
		}
	}
	ps.preferOurs()
}

// lintTests checks references of test packages: a test of a misspelt rule that
// must be empty would pass.
func (ps *problems) lintTests(s *set, modules resolved) {
	l := newLinter(ps, s, modules)
	for _, m := range s.modules {
		module := modules[m.file]
		if module == nil || !m.test {
			continue
		}
		for _, rule := range module.Rules {
			l.where = rule.Location
			w := &walker{in: l.in, onExpr: l.at, onRef: func(sc scope, t *ast.Term) { l.document(t, true) }}
			w.rule(rule)
		}
	}
	ps.preferOurs()
}

func newLinter(ps *problems, s *set, modules resolved) *linter {
	l := &linter{in: newInference(s, modules), areas: append(s.areas(), "lib"), found: ps, line: map[string]bool{}}
	for _, p := range *ps {
		l.line[fmt.Sprint(p.file, p.line)] = true
	}
	return l
}

func (l *linter) at(_ scope, expr *ast.Expr) {
	if expr.Location != nil {
		l.where = expr.Location
	}
}

func (l *linter) report(location *ast.Location, hint, format string, args ...any) {
	if location == nil || location.Row == 0 || location.File == "" {
		location = l.where
	}
	l.found.at(location, hint, format, args...)
}

// show writes a term as its author did, before names were resolved.
func (l *linter) show(value ast.Value) string {
	return strings.NewReplacer(l.pkg+".", "", "data.drift.", "").Replace(value.String())
}

func (l *linter) rule(rule *ast.Rule) {
	l.where, l.pkg = rule.Location, rule.Module.Package.Path.String()
	l.patterns(rule)
	w := &walker{
		in: l.in,
		onExpr: func(sc scope, expr *ast.Expr) {
			l.at(sc, expr)
			if expr.Negated {
				l.negation(sc, expr)
			} else {
				l.condition(sc, expr)
			}
			if len(expr.With) > 0 {
				l.found.warn(l.where.File, l.where.Row, "give the helper its value as an argument",
					"with belongs into tests: here it decides about an input that does not exist")
			}
		},
		onCall: l.comparison,
		onRef: func(sc scope, t *ast.Term) {
			l.document(t, false)
			l.fields(sc, t)
		},
	}
	w.rule(rule)
}

// preferOurs drops OPA's word where a check of ours says more: OPA reports a
// call of a missing function, ours the package and the nearest name.
func (ps *problems) preferOurs() {
	type line struct {
		file string
		row  int
	}
	ours := map[line]bool{}
	for _, p := range *ps {
		if strings.HasPrefix(p.message, "there is no ") {
			ours[line{p.file, p.line}] = true
		}
	}
	*ps = slices.DeleteFunc(*ps, func(p problem) bool {
		return strings.HasPrefix(p.message, `undefined function "data.`) && ours[line{p.file, p.line}]
	})
}

// comparison checks ==, !=, = and in against closed vocabularies.
func (l *linter) comparison(sc scope, call []*ast.Term) {
	l.at(sc, &ast.Expr{Location: call[0].Location})
	switch call[0].Value.String() {
	case ast.Equal.Name, ast.Equality.Name, ast.NotEqual.Name:
		if len(call) == 3 {
			l.words(sc, call[1], call[2])
			l.words(sc, call[2], call[1])
		}
	case ast.Member.Name:
		if len(call) == 3 {
			l.words(sc, call[1], call[2])
			l.memberWords(sc, call[1], call[2])
		}
	}
}

// words reports the constants in other that value can never be.
func (l *linter) words(sc scope, value, other *ast.Term) {
	l.never(l.show(value.Value), l.in.term(sc, value).vocabulary(), other.Location, l.constants(other))
}

// memberWords: the left side of "in" is the constant, the right side a
// collection of words.
func (l *linter) memberWords(sc scope, value, collection *ast.Term) {
	members := inferred{shapes: l.in.members(l.in.term(sc, collection))}
	if _, literal := value.Value.(ast.String); literal {
		l.never("a member of "+l.show(collection.Value), members.vocabulary(), value.Location, l.constants(value))
	}
}

func (l *linter) never(what string, vocabulary []string, location *ast.Location, constants []string) {
	if vocabulary == nil {
		return
	}
	for _, constant := range constants {
		if slices.Contains(vocabulary, constant) {
			continue
		}
		hint := "words: " + quoted(vocabulary)
		if best := nearest(constant, vocabulary); best != "" {
			hint = fmt.Sprintf("did you mean %q? %s", best, hint)
		}
		l.report(location, hint, "%s is never %q", what, constant)
	}
}

// constants are the strings of a literal, of a literal collection, or of a rule
// that is one.
func (l *linter) constants(t *ast.Term) []string {
	var all []string
	collect := func(t *ast.Term) {
		if text, ok := t.Value.(ast.String); ok {
			all = append(all, string(text))
		}
	}
	switch value := t.Value.(type) {
	case ast.String:
		collect(t)
	case *ast.Array:
		value.Foreach(collect)
	case ast.Set:
		value.Foreach(collect)
	case ast.Ref:
		rules := l.in.rules[value.String()]
		if len(rules) == 1 && unconditional(rules[0]) && rules[0].Head.RuleKind() == ast.SingleValue {
			if _, again := rules[0].Head.Value.Value.(ast.Ref); !again {
				return l.constants(rules[0].Head.Value)
			}
		}
	}
	return all
}

// patterns checks literal arguments in a function's head against what the
// function is called with.
func (l *linter) patterns(rule *ast.Rule) {
	known := l.in.args[rulePath(rule)]
	for i, arg := range rule.Head.Args {
		if text, ok := arg.Value.(ast.String); ok && i < len(known) {
			what := fmt.Sprintf("argument %d of %s", i+1, ruleName(rule.Head))
			l.never(what, inferred{shapes: known[i]}.vocabulary(), arg.Location, []string{string(text)})
		}
	}
}

// fields reports a field that no value reaching this place has. OPA does so
// too, except through function arguments.
func (l *linter) fields(sc scope, t *ast.Term) {
	ref := t.Value.(ast.Ref)
	from, rest := l.in.head(sc, ref)
	for i, key := range rest {
		if !from.known() {
			return
		}
		missing := !slices.ContainsFunc(from.shapes, func(s *shape) bool { _, _, known := s.step(key); return known })
		if name, ok := key.Value.(ast.String); ok && missing {
			location := cmpLocation(t.Location, l.where)
			if location != nil && l.line[fmt.Sprint(location.File, location.Row)] {
				return
			}
			message, hint := unknownField(l.show(ref[:len(ref)-len(rest)+i]), string(name), from.shapes[0].fieldNames())
			l.report(t.Location, hint, "%s", message)
			return
		}
		from = l.in.step(sc, from, key)
	}
}

func cmpLocation(a, b *ast.Location) *ast.Location {
	if a == nil || a.Row == 0 || a.File == "" {
		return b
	}
	return a
}

// document checks that a reference into data leads to a rule or a parameter.
func (l *linter) document(t *ast.Term, test bool) {
	ref := t.Value.(ast.Ref)
	if !ref.HasPrefix(ast.DefaultRootRef) {
		return
	}
	const visible = "policies see input, data.params.<area> and the rules of other packages by name"
	if len(ref) < 2 || !ref[1].IsGround() {
		l.report(t.Location, visible, "%s reads all of data", ref)
		return
	}
	switch root, _ := ref[1].Value.(ast.String); {
	case root == "params":
		l.parameter(t, ref)
	case root != "drift":
		l.report(t.Location, visible, "there is no %s", ref[:2])
	case len(ref) < 4 || !ref[2].IsGround() || !ref[3].IsGround():
		l.report(t.Location, visible, "%s names no rule", ref)
	default:
		l.ruleExists(t, ref, test)
	}
}

func (l *linter) ruleExists(t *ast.Term, ref ast.Ref, test bool) {
	area, _ := ref[2].Value.(ast.String)
	if area == "testing" && !test {
		l.report(t.Location, "use the input itself", "%s is a fixture, for tests only", ref)
		return
	}
	for n := 4; n <= len(ref); n++ {
		if l.in.rules[ref[:n].String()] != nil {
			return
		}
	}
	if names := l.names(ref[:3].String()); len(names) > 0 {
		name, _ := ref[3].Value.(ast.String)
		hint := "rules: " + strings.Join(names, ", ")
		if best := nearest(string(name), names); best != "" {
			hint = fmt.Sprintf("did you mean %q? %s", best, hint)
		}
		l.report(t.Location, hint, "there is no rule %q in package %s", string(name), string("drift."+area))
		return
	}
	l.report(t.Location, "packages: "+strings.Join(l.areas, ", "), "there is no package drift.%s%s",
		string(area), suggestion(string(area), l.areas))
}

// names are the rules of a package that others may use, sorted.
func (l *linter) names(pkg string) []string {
	var names []string
	for path := range l.in.rules {
		name, found := strings.CutPrefix(path, pkg+".")
		if found && !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// parameter checks a reference into data.params as far as it is written out.
func (l *linter) parameter(t *ast.Term, ref ast.Ref) {
	if len(ref) < 3 {
		l.report(t.Location, "write data.params.<area>", "%s reads the parameters of every area", ref)
		return
	}
	if l.in.params == nil {
		return
	}
	value := l.in.params
	for i, key := range ref[2:] {
		object, isObject := value.(map[string]any)
		name, isName := key.Value.(ast.String)
		if !isObject || !isName {
			return
		}
		next, found := object[string(name)]
		if !found {
			hint := "set it under data: of the policies entry"
			if i == 0 {
				hint = "parameters belong to an area: data.params.<area>"
			}
			l.report(t.Location, hint+suggestion(string(name), slices.Sorted(keys(object))), "there is no parameter %s", ref[:i+3])
			return
		}
		value = next
	}
}
