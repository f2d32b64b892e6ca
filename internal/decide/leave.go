package decide

import (
	"slices"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// LeaveToPeople marks the differences that policy's alert_only_fields name. A pattern that
// reaches inside a value that merges as one leaves all of it: a write could not keep the
// part without deciding about the rest.
func LeaveToPeople(change drift.Change, patterns []nested.Path) drift.Change {
	if len(patterns) == 0 || len(change.Fields) == 0 {
		return change
	}
	var fields []drift.FieldChange
	for _, whole := range change.Fields {
		for _, field := range diff.WithoutMember(whole, patterns) {
			if leftBy(field, patterns) {
				field.Left = true
				if field.Note == "" {
					field.Note = drift.NoteLeftToPeople
				}
			}
			fields = append(fields, field)
		}
	}
	change.Fields = fields
	return change
}

func isLeft(f drift.FieldChange) bool { return f.Left }

// leftBy says that a pattern names a difference, what it lies in, or a part of it.
func leftBy(field drift.FieldChange, patterns []nested.Path) bool {
	if field.Path.Equal(diff.PartOfPath) {
		return false // membership is not the policies' to leave
	}
	if slices.ContainsFunc(patterns, field.Path.Matches) {
		return true
	}
	parts := diff.PatternsWithin(field.Path, patterns)
	return len(parts) > 0 && (field.Op == drift.OpReplace || slices.ContainsFunc(parts, func(part nested.Path) bool {
		return diff.PatternNames(field.Live, part) || diff.PatternNames(field.Desired, part)
	}))
}

// goesOn is the part of a change about which the rest of the table decides: without what
// is left to people. What cannot be changed in place hinders nothing that stays.
func goesOn(change drift.Change) drift.Change {
	var left []nested.Path
	for _, field := range change.Fields {
		if field.Left {
			left = append(left, field.Path)
		}
	}
	if len(left) == 0 || len(left) == len(change.Fields) {
		return change
	}
	return diff.Permitted(diff.WithoutFields(change, isLeft), left)
}

// besideLeft completes a decision about an object of which policy leaves a part to people:
// that part is told, whatever becomes of the rest, and is never lost with it.
func besideLeft(d drift.Decision, change drift.Change, verdict drift.Verdict) drift.Decision {
	i := slices.IndexFunc(change.Fields, isLeft)
	if i < 0 || verdict.Has(drift.VerbAlertOnly) {
		return d
	}
	reasons := verdict.Reasons[drift.VerbAlertOnlyFields]
	path := change.Fields[i].Path.String()
	stays := func(reason string) drift.Decision {
		return drift.Decision{Reason: reason, Because: slices.Clone(reasons), Overruled: grants(verdict), Severity: d.Severity, Routes: d.Routes}
	}
	excludes := slices.IndexFunc(change.Fields, func(f drift.FieldChange) bool { return f.Left && f.Excluded })
	switch {
	case !slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return !f.Left }), d.Action == drift.Ignore:
		return stays("a policy leaves " + path + " to people")
	case d.Action.Writes() && d.Replace:
		return stays("a policy leaves " + path + " to people, and replacing the object would lose it")
	case d.Action.Writes() && excludes >= 0:
		return stays("a policy leaves " + change.Fields[excludes].Path.String() + " to people, and the API server does not take it beside what Git says")
	case !d.Action.Writes():
		return d
	}
	d.Because = append(slices.Clone(d.Because), reasons...)
	if slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return f.Left && !f.Addition }) {
		d.Reason += "; " + path + " stays as it is"
	} else {
		d.Reason += "; what was added by hand stays"
	}
	return d
}
