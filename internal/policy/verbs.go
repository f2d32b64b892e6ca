package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
)

// ruleName is a rule's name below its package, such as "heal" or "teams.core".
func ruleName(head *ast.Head) string {
	name := head.Ref().GroundPrefix().String()
	if i := strings.IndexByte(name, '['); i > 0 {
		return name[:i]
	}
	return name
}

// checkVerbs checks the form of every verb rule: a set of reasons, and reasons
// that are known at load time are valid.
func (ps *problems) checkVerbs(m *module, input *shape) {
	for _, rule := range m.parsed.Rules {
		name, _, nested := strings.Cut(ruleName(rule.Head), ".")
		if !isVerb(name) {
			continue
		}
		hint := "write " + name + ` contains "why" if { … }`
		switch head := rule.Head; {
		case rule.Default:
			ps.at(rule.Location, "remove the default: a set that nothing is added to is empty", "%s cannot have a default", name)
		case len(head.Args) > 0:
			ps.at(rule.Location, hint, "%s is a verb and cannot be a function", name)
		case head.RuleKind() != ast.MultiValue && !nested && len(head.Ref()) == 1 && head.Value != nil && head.Value.Equal(ast.BooleanTerm(true)):
			ps.at(rule.Location, hint, "%s is written without contains, so it would be true or undefined, and no reason", name)
		case head.RuleKind() != ast.MultiValue || nested || len(head.Ref()) != 1:
			ps.at(rule.Location, hint, "%s is a verb and must be a set of reasons", name)
		default:
			ps.checkLiteralReason(drift.Verb(name), head.Key)
		}
	}
}

// refuseVerbs: runs leave test packages out, so a veto in one would be lost.
func (ps *problems) refuseVerbs(m *module) {
	for _, rule := range m.parsed.Rules {
		if name, _, _ := strings.Cut(ruleName(rule.Head), "."); isVerb(name) {
			ps.at(rule.Location, "move it into package drift."+m.area+", or give the helper another name",
				"%s stands in a test package, and is never asked", name)
		}
	}
}

// checkLiteralReason checks a reason that stands in the rule's head as text.
func (ps *problems) checkLiteralReason(verb drift.Verb, key *ast.Term) {
	if key == nil || !isLiteral(key.Value) {
		return
	}
	if _, err := decodeReason(verb, key.Value); err != nil {
		ps.at(key.Location, reasonHint(verb), "%v", err)
	}
}

// isLiteral says whether the value is written out, with nothing to evaluate.
func isLiteral(value ast.Value) bool {
	switch value.(type) {
	case ast.Call, ast.Var, ast.Ref, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.TemplateString:
		return false
	}
	return value.IsGround() && !hasClosure(value)
}

func hasClosure(value ast.Value) bool {
	found := false
	ast.WalkTerms(ast.NewTerm(value), func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.Call, ast.Ref, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.TemplateString:
			found = true
		}
		return found
	})
	return found
}

// checkReferenced finds rules that are neither a verb nor used by another rule:
// a misspelt verb is one, and would silently never be asked.
func (ps *problems) checkReferenced(s *set, compiler *ast.Compiler) {
	if compiler.Graph == nil {
		return
	}
	used := usedRules(compiler)
	for _, module := range s.modules {
		compiled := compiler.Modules[module.file]
		if module.library || module.test || compiled == nil {
			continue
		}
		for _, rule := range compiled.Rules {
			name := ruleName(rule.Head)
			verb, _, _ := strings.Cut(name, ".")
			if isVerb(verb) || used[rulePath(rule)] {
				continue
			}
			hint := "remove the rule, or use it in another; verbs: " + strings.Join(verbNames(), ", ")
			if best := nearest(name, verbNames()); best != "" {
				hint = "did you mean " + best + "? Otherwise remove the rule, or use it in another"
			}
			if strings.HasPrefix(name, "test_") || strings.HasPrefix(name, "todo_test_") {
				hint = "tests stand in package drift." + module.area + "_test, in a file named *_test.rego"
			}
			ps.at(rule.Location, hint, "%s is neither a verb nor used by another rule, so it has no effect", name)
		}
	}
}

// usedRules are the paths of rules that some rule of another path depends on.
func usedRules(compiler *ast.Compiler) map[string]bool {
	used := map[string]bool{}
	for _, rule := range sortedRules(compiler.Modules) {
		for dependency := range compiler.Graph.Dependencies(rule) {
			if other, ok := dependency.(*ast.Rule); ok && rulePath(other) != rulePath(rule) {
				used[rulePath(other)] = true
			}
		}
	}
	return used
}

func rulePath(rule *ast.Rule) string { return rule.Ref().GroundPrefix().String() }

// checkApprovals warns of what nobody can grant in this version.
func (ps *problems) checkApprovals(s *set) {
	for _, m := range s.modules {
		if m.parsed == nil {
			continue
		}
		for _, rule := range m.parsed.Rules {
			if drift.Verb(ruleName(rule.Head)) == drift.VerbRequireApproval {
				ps.warn(rule.Location.File, rule.Location.Row, decide.ApprovalsNotYet, "require_approval: what it asks an approval for is alert-only")
			}
		}
	}
}
