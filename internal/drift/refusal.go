package drift

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Refusal is the API server's no to one write or dry-run.
type Refusal struct {
	Kind    error // one of the causes in errors.go
	Message string
	Causes  []RefusalCause
}

// RefusalCause is one field of a Status' details.
type RefusalCause struct {
	Field   string // "spec.ports[0].name"
	Type    string // FieldValueInvalid, FieldValueDuplicate, …
	Message string
}

// Error is what the server said.
func (r *Refusal) Error() string { return fmt.Sprintf("%v: %s", r.Kind, strings.TrimSpace(r.Message)) }

// Unwrap gives the kind, for errors.Is.
func (r *Refusal) Unwrap() error { return r.Kind }

// nulled says that all the API server refuses is what an apply makes of a container
// that Git empties: null, which few schemas of custom resources allow. A write removes
// the members before it applies (Removals).
func nulled(refusal *Refusal, granted []FieldChange) bool {
	return len(refusal.Causes) > 0 && !slices.ContainsFunc(refusal.Causes, func(cause RefusalCause) bool {
		at := parseContainer(cause.Field)
		emptied := slices.ContainsFunc(granted, func(f FieldChange) bool {
			return f.Op == OpAdd && len(f.Path) > len(at) && f.Path.HasPrefix(at)
		})
		return len(at) == 0 || !emptied || !strings.Contains(cause.Message, `Invalid value: "null"`)
	})
}

// displaced says that what stands at a path keeps out a field that Git wants beside
// it: the API server forbids both.
func (c Change) displaced(path Path) bool {
	var refusal *Refusal
	if !errors.As(c.Err, &refusal) || !errors.Is(refusal, ErrInvalid) {
		return false
	}
	return slices.ContainsFunc(c.Fields, func(removed FieldChange) bool {
		last := len(removed.Path) - 1
		if removed.Op != OpRemove || len(path) != len(removed.Path) || !removed.Path[:last].Equal(path[:last]) {
			return false
		}
		return slices.ContainsFunc(refusal.Causes, func(cause RefusalCause) bool {
			forbidden := parseFieldPath(cause.Field)
			return len(forbidden) == len(removed.Path) && forbidden[last] == removed.Path[last] &&
				strings.Contains(cause.Message, "may not specify more than 1 ") // core/validation: volume sources, handlers
		})
	})
}

// unremovable marks additions that cannot be taken away in place: a Secret or
// ConfigMap that somebody made immutable stays so (core/v1 validation). err is the
// server's refusal to say what removing them would store; one for any other
// reason leaves the change as it is.
func unremovable(change Change, err error) Change {
	var refusal *Refusal
	if !errors.As(err, &refusal) || len(refusal.Causes) == 0 {
		return change
	}
	paths := make([]Path, 0, len(refusal.Causes))
	for _, cause := range refusal.Causes {
		path := parseFieldPath(cause.Field)
		if len(path) == 0 || !strings.Contains(cause.Message, "field is immutable") {
			return change
		}
		paths = append(paths, path)
	}
	change.Immutable = append(slices.Clone(change.Immutable), paths...)
	return change
}

// immutablePaths reads from a refusal which fields cannot change in place.
func immutablePaths(err error) []Path {
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(refusal, ErrImmutable) {
		return nil
	}
	paths := make([]Path, 0, len(refusal.Causes))
	for _, cause := range refusal.Causes {
		if path := parseFieldPath(cause.Field); len(path) > 0 {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		paths = append(paths, Path{"spec"})
	}
	return paths
}

// parseFieldPath reads the API's own notation: spec.ports[0].name.
func parseFieldPath(field string) Path {
	var path Path
	name := ""
	flush := func() {
		if name != "" {
			path = append(path, name)
			name = ""
		}
	}
	inside := false
	for _, r := range field {
		switch {
		case r == '[' && !inside:
			flush()
			inside = true
			name = "["
		case r == ']' && inside:
			name += "]"
			inside = false
			flush()
		case r == '.' && !inside:
			flush()
		default:
			name += string(r)
		}
	}
	flush()
	return path
}

// parseContainer reads such a path up to the first index, which counts the items of an object
// that nobody has seen.
func parseContainer(field string) Path {
	path := parseFieldPath(field)
	if i := slices.IndexFunc(path, func(name string) bool { return strings.HasPrefix(name, "[") }); i >= 0 {
		path = path[:i]
	}
	return path
}
