package model

import (
	"errors"
	"fmt"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Granting is a verdict with one reason per verb.
func Granting(verbs ...drift.Verb) drift.Verdict {
	verdict := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{}}
	for i, verb := range verbs {
		verdict.Reasons[verb] = append(verdict.Reasons[verb], drift.Reason{
			Verb: verb, Area: "shop", Text: "because of " + string(verb), Rule: fmt.Sprintf("policies/shop.rego:%d", i+1),
		})
	}
	return verdict
}

// Acting are all verbs that allow something and none that narrows.
var Acting = []drift.Verb{drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbAdopt, drift.VerbReplace}

// ExtraChange is an object that Git no longer has.
func ExtraChange() drift.Change {
	return drift.Change{Type: drift.Extra, Cause: drift.CauseGit, Version: "v1", Ownership: drift.Ownership{Tracked: true}}
}

// DrawChange draws any change at all, sensible or not, but for its cause: that of
// a modified object is the union of its fields', as Compare makes it.
func DrawChange(t *rapid.T) drift.Change {
	change := drift.Change{
		Type:        rapid.SampledFrom([]drift.Type{drift.Unknown, drift.InSync, drift.Missing, drift.Modified, drift.Extra}).Draw(t, "type"),
		Cause:       rapid.SampledFrom([]drift.Cause{drift.CauseNone, drift.CauseGit, drift.CauseLive, drift.CauseBoth}).Draw(t, "cause"),
		Ownership:   drift.Ownership{Tracked: rapid.Bool().Draw(t, "tracked"), Foreign: rapid.IntRange(0, 5).Draw(t, "foreign") == 0},
		Terminating: rapid.IntRange(0, 5).Draw(t, "terminating") == 0,
		Unverified:  rapid.Bool().Draw(t, "unverified"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		field := drift.FieldChange{
			Path:     At(rapid.SampledFrom([]string{"data a", "spec ports [port=1]", "spec ports [port=2]", "metadata labels x"}).Draw(t, "path")),
			Op:       rapid.SampledFrom([]drift.Op{drift.OpAdd, drift.OpRemove, drift.OpReplace}).Draw(t, "op"),
			Cause:    rapid.SampledFrom([]drift.Cause{drift.CauseGit, drift.CauseLive, drift.CauseBoth}).Draw(t, "field cause"),
			Addition: rapid.Bool().Draw(t, "addition"),
		}
		change.Fields = append(change.Fields, field)
	}
	if change.Type == drift.Modified && len(change.Fields) > 0 {
		change.Cause = drift.CauseNone
		for _, field := range change.Fields {
			change.Cause |= field.Cause
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "immutable") == 0 {
		change.Immutable = []nested.Path{{"spec"}}
	}
	if rapid.IntRange(0, 3).Draw(t, "err") == 0 {
		change.Err = rapid.SampledFrom([]error{errors.New("reset"), Refused(drift.ErrInvalid), Refused(drift.ErrForbidden), Refused(drift.ErrDenied), Refused(drift.ErrImmutable)}).Draw(t, "error")
	}
	return change
}

// Fixing is a change of the fields a and b of which some are fixed.
func Fixing(cause drift.Cause, fixed ...int) drift.Change {
	change := drift.Change{Type: drift.Modified, Cause: cause, Ownership: drift.Ownership{Tracked: true}, Fields: []drift.FieldChange{
		{Path: At("a"), Op: drift.OpReplace, Cause: cause}, {Path: At("b"), Op: drift.OpReplace, Cause: cause},
	}}
	for _, i := range fixed {
		change.Fields[i].Fixed = true
	}
	return change
}
