package policy

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

// meter counts the work of one evaluation and ends it at a bound. It is a tracer,
// which sees every step, and the evaluation's cancel flag. Steps do not depend on
// the machine: the same input takes as many everywhere, so that the same policies
// give the same decision on a busy node.
//
// A step is one event of the tracer: an expression that is tried, a rule entered or
// left, two terms unified. What a step costs is bounded too: values have a greatest
// weight, and a step that handles a heavy one counts as several.
type meter struct {
	steps    int // that are left
	total    int
	canceled atomic.Bool
	cut      string // why the evaluation was ended, or ""

	verb atomic.Pointer[ast.Rule] // the verb rule that was entered last
	at   *ast.Location            // of the last step that has one
	scale
}

// The bounds of one evaluation: of one area about one object.
const (
	// maxSteps is more than a thousand times what a decision of the baseline takes, and
	// enough to walk through the large objects that there are; on an idle core they last
	// a tenth of a second. More would let sets grow in which the evaluator looks for
	// members one by one: the hash of [1, 4] is that of [2, 3].
	maxSteps = 100_000
	// maxWeight bounds one value, in bytes of its text and eight per part. Objects
	// are at most 1.5 MiB (etcd's default limit of a request).
	maxWeight = 8 << 20
	// stepWeight is the weight that a value may have per step that handles it.
	stepWeight = 1024
)

func newMeter(steps int) *meter {
	return &meter{steps: steps, total: steps, scale: scale{vars: map[ast.Var]int{}, known: map[ast.Value]int{}}}
}

// Cancel implements topdown.Cancel.
func (m *meter) Cancel() { m.canceled.Store(true) }

// Cancelled implements topdown.Cancel. The evaluator asks before every expression.
func (m *meter) Cancelled() bool { return m.canceled.Load() }

// Enabled implements topdown.QueryTracer.
func (*meter) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*meter) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent counts one step.
func (m *meter) TraceEvent(event topdown.Event) {
	if m.cut == "" {
		if event.Location != nil && event.Location.Row > 0 {
			m.at = event.Location
		}
		switch event.Op {
		case topdown.EnterOp:
			if rule, ok := event.Node.(*ast.Rule); ok && isVerb(string(rule.Head.Name)) {
				m.verb.Store(rule)
			}
		case topdown.UnifyOp:
			m.unify(event.Node)
		}
	}
	m.charge(1)
	if m.steps < -m.total/10 {
		// One expression that goes through a list within a list asks nobody whether
		// it should stop. Its goroutine ends here; deferred calls run.
		runtime.Goexit()
	}
}

// charge takes steps off the bound.
func (m *meter) charge(steps int) {
	if m.steps -= steps; m.steps < 0 {
		m.stop(fmt.Sprintf("takes more than %d steps", m.total))
	}
}

// stop ends the evaluation at its next expression.
func (m *meter) stop(why string) {
	if m.cut == "" {
		m.cut = why
		m.canceled.Store(true)
	}
}

// unify weighs what is unified, and keeps what a variable weighs now: it may stand
// in a larger value without having been copied there yet.
func (m *meter) unify(node ast.Node) {
	expr, ok := node.(*ast.Expr)
	if !ok {
		return
	}
	a, b := expr.Operand(0), expr.Operand(1)
	weight := max(m.bind(a, b), m.bind(b, a))
	if weight > maxWeight {
		m.stop(fmt.Sprintf("makes a value of more than %d MiB", maxWeight>>20))
		return
	}
	m.charge(weight / stepWeight)
}

// bind weighs a value, and remembers the weight of the variable that stands for it
// from now on. A few letters are not worth it.
func (m *meter) bind(variable, value *ast.Term) int {
	weight := m.weigh(value)
	if name, isVar := variable.Value.(ast.Var); isVar {
		if weight > shortText || isComposite(value.Value) {
			m.vars[name] = weight
		} else if len(m.vars) > 0 {
			delete(m.vars, name)
		}
	}
	return weight
}

func isComposite(value ast.Value) bool {
	switch value.(type) {
	case *ast.Array, ast.Object, ast.Set:
		return true
	}
	return false
}

// err is why the meter ended the evaluation, with the rule's place.
func (m *meter) err(area string) error {
	cut := &drift.CutOff{Area: area, Reason: m.cut}
	problem := &drift.Problem{Stage: "policy", Hint: "compare input.resource first, and avoid loops inside loops", Err: cut}
	if rule := m.verb.Load(); rule != nil {
		cut.Rule, problem.File = string(rule.Head.Name), place(rule.Location)
	}
	if at := place(m.at); at != problem.File {
		cut.At = at
	}
	return problem
}

// left is why nobody waits for the evaluation any more. It may still run.
func (m *meter) left(area string, cause error) error {
	problem := &drift.Problem{Stage: "policy", Err: fmt.Errorf("evaluating policies: area %s: %w", area, cause)}
	if rule := m.verb.Load(); rule != nil {
		problem.File = place(rule.Location)
		problem.Err = fmt.Errorf("evaluating policies: %s of area %s: %w", rule.Head.Name, area, cause)
	}
	return problem
}
