package drift

import "strings"

// fixedOf are the changes that the API server does not let anybody make in place.
func fixedOf(fields []FieldChange) []FieldChange {
	var fixed []FieldChange
	for _, field := range fields {
		if field.Fixed {
			fixed = append(fixed, field)
		}
	}
	return fixed
}

// leaving is what can be done about a change of which a part is left as it is. Where all
// of it is, it stays what it is.
func leaving(change Change, left func(FieldChange) bool) Change {
	var fields []FieldChange
	cause := CauseNone
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

func isFixed(f FieldChange) bool { return f.Fixed }

func isUnsure(f FieldChange) bool { return f.Unsure }

// carried says that a write in place leaves the live value there.
func carried(f FieldChange) bool { return f.Fixed || f.Unsure }

// besideFixed says what a decision leaves as it is, and what a person can do about it.
func besideFixed(d Decision, change Change) Decision {
	fixed := fixedOf(change.Fields)
	if len(fixed) == 0 || d.Replace || d.Action == Ignore {
		return d
	}
	if d.Hint = hintFixed(fixed[0]); d.Action.Writes() {
		d.Reason += "; " + fixed[0].Path.String() + " cannot be changed in place, and stays"
	}
	return d
}

// saysFixed is why nothing is done about an object of which all that differs is fixed.
func saysFixed(path Path) string {
	return path.String() + " cannot be changed in place, and no policy grants replace"
}

// saysUnsure is why nothing is done about an object of which all that differs is unsure.
func saysUnsure(path Path) string {
	return path.String() + " stays, because the API server did not say whether it can be changed in place"
}

// hintFixed is what a person can do about a difference that Killick cannot take back.
func hintFixed(field FieldChange) string {
	const general = "delete the object, and a run creates it as Git says (or grant replace); or name the field in ignore_fields"
	path := field.Path.Pointer()
	switch {
	case strings.HasSuffix(path, "/resources/requests/storage"):
		return "a claim does not shrink: raise the size in Git, or name the field in ignore_fields"
	case strings.HasPrefix(path, "/spec/ephemeralContainers"):
		return "a debug container goes with its Pod: delete the Pod, and a run creates it as Git says; or name the field in ignore_fields"
	case field.Op == OpAdd && field.Cause == CauseGit:
		return "name the field in Git again, or " + general
	case field.Op == OpAdd:
		return general
	}
	return "write the live value to Git; or " + general
}
