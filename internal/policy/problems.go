package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// Finding is one result of Check. Warnings stop nothing; everything else is
// also an error of Load.
type Finding struct {
	Warning bool
	Problem *drift.Problem
}

// problem is a finding before it is sorted.
type problem struct {
	file    string
	line    int
	message string
	hint    string
	warning bool
}

// problems collects findings; the first message at a place wins.
type problems []problem

func (ps *problems) add(file string, line int, hint, format string, args ...any) {
	*ps = append(*ps, problem{file: file, line: line, message: fmt.Sprintf(format, args...), hint: hint})
}

func (ps *problems) at(location *ast.Location, hint, format string, args ...any) {
	if location == nil {
		location = &ast.Location{}
	}
	ps.add(location.File, location.Row, hint, format, args...)
}

func (ps *problems) warn(file string, line int, hint, format string, args ...any) {
	ps.add(file, line, hint, format, args...)
	(*ps)[len(*ps)-1].warning = true
}

// findings sorts by place and drops repetitions.
func (ps problems) findings() []Finding {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b problem) int {
		return cmp.Or(
			cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line),
			strings.Compare(a.message, b.message),
		)
	})
	sorted = slices.CompactFunc(sorted, func(a, b problem) bool {
		return a.file == b.file && a.line == b.line && a.message == b.message
	})
	var findings []Finding
	for _, p := range sorted {
		findings = append(findings, Finding{Warning: p.warning, Problem: &drift.Problem{
			Stage: "policy",
			File:  drift.FileLine(p.file, p.line),
			Hint:  p.hint,
			Err:   errors.New(p.message),
		}})
	}
	return findings
}

// err joins the errors among the findings; nil when there are none.
func (ps problems) err() error {
	var all []error
	for _, finding := range ps.findings() {
		if !finding.Warning {
			all = append(all, finding.Problem)
		}
	}
	return errors.Join(all...)
}

// failed says whether anything but warnings was found.
func (ps problems) failed() bool {
	return slices.ContainsFunc(ps, func(p problem) bool { return !p.warning })
}

// fromOPA takes over the errors of OPA's parser and compiler.
func (ps *problems) fromOPA(file string, err error, warning bool) {
	var several ast.Errors
	if !errors.As(err, &several) {
		ps.add(file, 0, "", "%v", err)
		return
	}
	for _, one := range several {
		message, hint := explainOPA(one)
		ps.at(one.Location, hint, "%s", message)
		last := &(*ps)[len(*ps)-1]
		last.warning = warning
		if last.file == "" {
			last.file = file
		}
	}
}

// explainOPA turns an error of OPA's into one sentence and a hint.
func explainOPA(err *ast.Error) (message, hint string) {
	switch detail := err.Details.(type) {
	case *ast.RefErrInvalidDetail:
		return explainRef(detail)
	case *ast.RefErrUnsupportedDetail:
		return fmt.Sprintf("%s has no fields: its type is %s", detail.Ref[:detail.Pos+1], typeName(detail.Have)), ""
	case *ast.UnificationErrDetail:
		return fmt.Sprintf("compares %s with %s, which are never equal", typeName(detail.Left), typeName(detail.Right)), ""
	}
	if name, found := strings.CutPrefix(err.Message, "undefined function "); found {
		return fmt.Sprintf("undefined function %q", name), undefinedFunctionHint(name)
	}
	message = err.Message
	if err.Details != nil {
		if lines := err.Details.Lines(); len(lines) > 0 && err.Code != ast.ParseErr {
			message += " (" + strings.Join(lines, ", ") + ")"
		}
	}
	if err.Code == ast.ParseErr {
		message = "syntax error: " + message
	}
	if strings.Contains(message, "keyword is required before") {
		hint = `policies are Rego v1: write "if" before a body and "contains" in a set, or run opa fmt --rego-v1`
	}
	return message, hint
}

// explainRef names the field that does not exist, and the nearest that does.
func explainRef(detail *ast.RefErrInvalidDetail) (message, hint string) {
	var valid []string
	for _, value := range detail.OneOf {
		if name, ok := value.(ast.String); ok {
			valid = append(valid, string(name))
		}
	}
	slices.Sort(valid)
	element, ok := detail.Ref[detail.Pos].Value.(ast.String)
	if !ok || len(valid) == 0 {
		return fmt.Sprintf("%s is never defined", detail.Ref), ""
	}
	return unknownField(detail.Ref[:detail.Pos].String(), string(element), valid)
}

// unknownField words a field that a closed object does not have.
func unknownField(object, field string, valid []string) (message, hint string) {
	hint = "fields: " + strings.Join(valid, ", ")
	if best := nearest(field, valid); best != "" {
		hint = fmt.Sprintf("did you mean %q? %s", best, hint)
	}
	return fmt.Sprintf("%s has no field %q", object, field), hint
}

// typeName is a short word for one of OPA's types.
func typeName(t fmt.Stringer) string {
	if t == nil {
		return "value"
	}
	name := t.String()
	if i := strings.IndexAny(name, "<["); i > 0 {
		return name[:i]
	}
	return name
}

// recovered turns a panic of OPA's parser or compiler into a finding: policies
// are input, and no input may end the process.
func (ps *problems) recovered() {
	if cause := recover(); cause != nil {
		ps.add("", 0, "please report this policy", "compiling policies: internal error: %v", cause)
	}
}

// evaluationProblem words an error that happened while policies were evaluated.
func evaluationProblem(err error) *drift.Problem {
	problem := &drift.Problem{Stage: "policy", Err: err}
	var raised *topdown.Error
	if errors.As(err, &raised) {
		if raised.Location != nil {
			problem.File = drift.FileLine(raised.Location.File, raised.Location.Row)
		}
		problem.Err = errors.New("evaluating policies: " + strings.TrimSpace(raised.Message))
		switch raised.Code {
		case topdown.BuiltinErr:
			problem.Hint = "check the value before the call, or give it a default with object.get"
			if bound := (*boundError)(nil); errors.As(err, &bound) {
				problem.Hint = "what one call may do is bounded: docs/policies.md, Bounds"
			}
		case topdown.ConflictErr:
			problem.Hint = `write the rule so that only one value is possible, or as a set with "contains"`
		}
	}
	return problem
}
