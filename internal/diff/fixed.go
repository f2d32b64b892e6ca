package diff

import (
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// FixedOf are the changes that the API server does not let anybody make in place.
func FixedOf(fields []drift.FieldChange) []drift.FieldChange {
	var fixed []drift.FieldChange
	for _, field := range fields {
		if field.Fixed {
			fixed = append(fixed, field)
		}
	}
	return fixed
}

// WithoutFields is what can be done about a change of which a part is left as it is. Where all
// of it is, it stays what it is.
func WithoutFields(change drift.Change, left func(drift.FieldChange) bool) drift.Change {
	var fields []drift.FieldChange
	cause := drift.CauseNone
	for _, field := range change.Fields {
		if !left(field) {
			fields, cause = append(fields, field), cause|field.Cause
		}
	}
	if len(fields) > 0 && len(fields) < len(change.Fields) {
		change.Fields, change.Cause = fields, cause
	}
	return change
}

// IsFixed says that the field cannot be changed in place.
func IsFixed(f drift.FieldChange) bool { return f.Fixed }

// IsUnsure says that the API server did not answer whether the field can be removed in place.
func IsUnsure(f drift.FieldChange) bool { return f.Unsure }

// KeepsLive says that a write in place leaves the live value there.
func KeepsLive(f drift.FieldChange) bool { return f.Fixed || f.Unsure }

// BesideFixed says what a decision leaves as it is, and what a person can do about it.
func BesideFixed(d drift.Decision, change drift.Change) drift.Decision {
	fixed := FixedOf(change.Fields)
	if len(fixed) == 0 || d.Replace || d.Action == drift.Ignore {
		return d
	}
	if d.Hint = hintFixed(fixed[0]); d.Action.Writes() {
		d.Reason += "; " + fixed[0].Path.String() + " cannot be changed in place, and stays"
	}
	return d
}

// DescribeFixed is why nothing is done about an object of which all that differs is fixed.
func DescribeFixed(path nested.Path) string {
	return path.String() + " cannot be changed in place, and no policy grants replace"
}

// DescribeUnsure is why nothing is done about an object of which all that differs is unsure.
func DescribeUnsure(path nested.Path) string {
	return path.String() + " stays, because the API server did not say whether it can be changed in place"
}

// hintFixed is what a person can do about a difference that Killick cannot take back.
func hintFixed(field drift.FieldChange) string {
	const general = "delete the object, and a run creates it as Git says (or grant replace); or name the field in ignore_fields"
	path := field.Path.Pointer()
	switch {
	case strings.HasSuffix(path, "/resources/requests/storage"):
		return "a claim does not shrink: raise the size in Git, or name the field in ignore_fields"
	case strings.HasPrefix(path, "/spec/ephemeralContainers"):
		return "a debug container goes with its Pod: delete the Pod, and a run creates it as Git says; or name the field in ignore_fields"
	case field.Op == drift.OpAdd && field.Cause == drift.CauseGit:
		return "name the field in Git again, or " + general
	case field.Op == drift.OpAdd:
		return general
	}
	return "write the live value to Git; or " + general
}
