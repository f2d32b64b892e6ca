package drift

import (
	"errors"
	"fmt"
)

// Problem is an error that knows where it is and what a user can do about it.
// It reads "doing what: cause", with file:line in front where there is one.
type Problem struct {
	Stage string // config, policy, cluster, source, render, observe, decide, act, notify
	File  string // file or file:line
	Hint  string
	Err   error
}

// Error is the location and the cause; the hint is printed by the terminal.
func (p *Problem) Error() string {
	if p.File == "" {
		return p.Err.Error()
	}
	return p.File + ": " + p.Err.Error()
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }

// ReportOf turns an error into a report entry; the nearest Problem in its chain
// gives file and hint.
func ReportOf(app, stage string, err error) ReportError {
	entry := ReportError{App: app, Stage: stage, Message: err.Error()}
	var problem *Problem
	if errors.As(err, &problem) {
		entry.File, entry.Hint = problem.File, problem.Hint
		if problem.Stage != "" {
			entry.Stage = problem.Stage
		}
	}
	return entry
}

// NoNamespace is the refusal of an object whose namespace is not there.
type NoNamespace struct {
	Namespace string
	Err       error // what the API server said
}

// Error is what the API server said.
func (e *NoNamespace) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *NoNamespace) Unwrap() error { return e.Err }

// FileLine is "file:line", or the file alone when the line is unknown.
func FileLine(file string, line int) string {
	if line <= 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// Causes that stages test for with errors.Is.
var (
	// ErrConflict: the object changed between observation and write.
	ErrConflict = errors.New("the object changed meanwhile")
	// ErrNotServed: the kind is neither served nor defined by a desired CRD.
	ErrNotServed = errors.New("the cluster does not serve this kind")
	// ErrForbidden: the API server's authorizer said no.
	ErrForbidden = errors.New("forbidden")
	// ErrDenied: an admission plugin, webhook or policy said no.
	ErrDenied = errors.New("denied by admission")
	// ErrImmutable: a field cannot be changed in place.
	ErrImmutable = errors.New("immutable field")
	// ErrInvalid: the API server's validation said no.
	ErrInvalid = errors.New("invalid object")
	// ErrFixedName: the object's name follows from its content, so that it cannot be
	// tried under another one.
	ErrFixedName = errors.New("its name follows from its content")
	// ErrUnreachable: the cluster, or the Git server, cannot be reached.
	ErrUnreachable = errors.New("unreachable")
	// ErrUnproved: a repository's history does not tell whether a commit descends
	// from another, and waiting will not make it tell.
	ErrUnproved = errors.New("descent not proved")
	// ErrWrongCluster: not the cluster that the config names.
	ErrWrongCluster = errors.New("wrong cluster")
	// ErrLeaseHeld: another run is at work.
	ErrLeaseHeld = errors.New("another run holds the lease")
	// ErrLeaseLost: the lease could not be renewed, or another run has taken it. It ends
	// the run: nothing more is written, this run's state neither.
	ErrLeaseLost = errors.New("the lease was lost")
	// ErrRunaway: a policy neither answered nor could be stopped. It ends the run.
	ErrRunaway = errors.New("a policy neither answers nor can be stopped")
)

// CutOff is the error of a policy that took more work than one decision may. It
// concerns an area, not one object: what else the area would say in this run is not
// asked for, and its vetoes are not known.
type CutOff struct {
	Area   string
	Rule   string // the verb, "" when none had begun
	At     string // file:line that was at work, where it is not the rule's own
	Reason string // takes more than 1000000 steps
}

// Error says which area was cut off, where, and why.
func (c *CutOff) Error() string {
	text := "evaluating policies: area " + c.Area
	if c.Rule != "" {
		text = "evaluating policies: " + c.Rule + " of area " + c.Area
	}
	if c.At != "" {
		text += ", at " + c.At + ","
	}
	return text + " " + c.Reason
}

// ErrNotVerified says that only a dry-run could tell, and that the account may not ask for one.
var ErrNotVerified = errors.New("not verified")

// NotVerified says that a change is Unknown for want of a dry-run alone: the object was
// read.
func (c Change) NotVerified() bool { return c.Type == Unknown && errors.Is(c.Err, ErrNotVerified) }
