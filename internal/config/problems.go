package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// Problems is everything that is wrong with a file, ordered by line. errors.As
// finds the first *drift.Problem in it; range over it for all.
type Problems []*drift.Problem

// Error is one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems to errors.Is and errors.As.
func (p Problems) Unwrap() []error {
	all := make([]error, len(p))
	for i, one := range p {
		all[i] = one
	}
	return all
}

// problem is a Problems of one.
func problem(file string, err error, hint string) error {
	return Problems{{Stage: "config", File: file, Hint: hint, Err: err}}
}

// located is a problem that still knows its place, for sorting.
type located struct {
	at      position
	problem *drift.Problem
}

// position is a place in a YAML file, both 1-based; the zero position means the
// file as a whole.
type position struct {
	line   int
	column int
}

func ordered(all []located) Problems {
	slices.SortStableFunc(all, func(a, b located) int {
		return cmp.Or(
			cmp.Compare(a.at.line, b.at.line),
			cmp.Compare(a.at.column, b.at.column),
			cmp.Compare(a.problem.Err.Error(), b.problem.Err.Error()),
		)
	})
	problems := make(Problems, len(all))
	for i, one := range all {
		problems[i] = one.problem
	}
	return problems
}
