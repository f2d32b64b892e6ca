package render

import (
	"context"
	"errors"
	"io/fs"

	"github.com/killick-dev/killick/internal/drift"
)

// wireError is an error on its way between parent and child: its words, its place
// and hint, and which known causes it has. An error of the parent's own file system
// also has a number: when it comes back, inside another one or not, the parent puts
// its own error in its place, with whatever that wraps.
type wireError struct {
	Text    string       `json:"text"`
	Problem *wireProblem `json:"problem,omitempty"` // the nearest one in the chain
	Is      []string     `json:"is,omitempty"`
	Number  int          `json:"number,omitempty"`
}

type wireProblem struct {
	Stage string `json:"stage,omitempty"`
	File  string `json:"file,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Text  string `json:"text"`
}

// wireCauses are the causes that somebody tests for with errors.Is.
var wireCauses = []struct {
	name  string
	cause error
}{
	{"notExist", fs.ErrNotExist},
	{"permission", fs.ErrPermission},
	{"invalid", fs.ErrInvalid},
	{"canceled", context.Canceled},
	{"deadline", context.DeadlineExceeded},
	{"network", errNoNetwork},
	{"unreachable", drift.ErrUnreachable},
}

// carried is an error that came over the pipe.
type carried struct {
	text   string
	causes []error
	number int
}

func (c *carried) Error() string   { return c.text }
func (c *carried) Unwrap() []error { return c.causes }

// toWire describes an error. Text from a library may be of any length.
func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	wire := &wireError{Text: err.Error()}
	var problem *drift.Problem
	if errors.As(err, &problem) {
		wire.Problem = &wireProblem{Stage: problem.Stage, File: problem.File, Hint: problem.Hint, Text: problem.Err.Error()}
	}
	for _, known := range wireCauses {
		if errors.Is(err, known.cause) {
			wire.Is = append(wire.Is, known.name)
		}
	}
	var numbered *carried
	if errors.As(err, &numbered) {
		wire.Number = numbered.number
	}
	return wire
}

// error is the error again. own gives back an error of this process by its number;
// nil where there is none.
func (w *wireError) error(own func(number int) error) error {
	if w == nil {
		return nil
	}
	var causes []error
	for _, known := range wireCauses {
		for _, name := range w.Is {
			if name == known.name {
				causes = append(causes, known.cause)
			}
		}
	}
	if own != nil && w.Number > 0 {
		if original := own(w.Number); original != nil {
			causes = append(causes, original)
		}
	}
	if w.Problem == nil {
		return &carried{text: w.Text, causes: causes, number: w.Number}
	}
	problem := &drift.Problem{Stage: w.Problem.Stage, File: w.Problem.File, Hint: w.Problem.Hint,
		Err: &carried{text: w.Problem.Text, causes: causes, number: w.Number}}
	if problem.Error() == w.Text {
		return problem
	}
	return &carried{text: w.Text, causes: []error{problem}, number: w.Number}
}
