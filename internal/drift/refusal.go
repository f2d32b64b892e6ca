package drift

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/nested"
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

// Error is what the server said. Where validation says it over many lines, with a
// comparison of Go structs below (kubernetes, core/validation), each field's first line is
// all that a person can use. What is left of Go's notation is put in words.
func (r *Refusal) Error() string {
	message := strings.TrimSpace(r.Message)
	if head, _, lines := strings.Cut(message, "\n"); lines && len(r.Causes) > 0 && (errors.Is(r.Kind, ErrInvalid) || errors.Is(r.Kind, ErrImmutable)) {
		subject, _, _ := strings.Cut(head, " is invalid: ")
		said := make([]string, 0, len(r.Causes))
		for _, cause := range r.Causes {
			first, _, _ := strings.Cut(cause.Message, "\n")
			said = append(said, cause.Field+": "+strings.TrimRight(first, " ,:"))
		}
		message = subject + " is invalid: " + strings.Join(said, "; ")
	}
	return fmt.Sprintf("%v: %s", r.Kind, plainWords(message))
}

// Unwrap gives the kind, for errors.Is.
func (r *Refusal) Unwrap() error { return r.Kind }

// Nulled says that all the API server refuses is the null that an apply makes of maps and
// lists which Git empties: few schemas of custom resources allow it. granted are what
// Git dropped there, too; a write removes that before it applies (Removals), so that the
// container is empty already.
func Nulled(refusal *Refusal, granted []FieldChange) bool {
	causes := slices.DeleteFunc(slices.Clone(refusal.Causes), func(cause RefusalCause) bool {
		return strings.Contains(cause.Message, UncheckedRules)
	})
	return len(causes) > 0 && !slices.ContainsFunc(causes, func(cause RefusalCause) bool {
		isNull := cause.Type == "FieldValueTypeInvalid" && strings.HasPrefix(cause.Message, `Invalid value: "null"`)
		return !isNull || !slices.ContainsFunc(granted, func(f FieldChange) bool { return f.Op == OpAdd && liesBelow(f.Path, cause.Field) })
	})
}

// UncheckedRules is what the API server adds to a refusal where a CRD has rules in CEL
// (apiextensions-apiserver, registry/customresource/strategy.go).
const UncheckedRules = "some validation rules were not checked because the object was invalid"

// index is how the API counts an item of a list whose items have keys.
var index = regexp.MustCompile(`\[[^\]]*\]`)

// liesBelow says that a path lies below a place in the API's own notation: in any item
// where that counts the items of an object which nobody has seen.
func liesBelow(path nested.Path, field string) bool {
	place, above := index.ReplaceAllString(field, "[]"), ""
	for _, element := range path[:len(path)-1] {
		switch {
		case strings.HasPrefix(element, "["):
			above += "[]"
		case above == "":
			above = element
		default:
			above += "." + element
		}
		if above == place {
			return true
		}
	}
	return false
}

// Separable are the additions that may be removed where the server refused to remove
// all of them at once: those outside of the fields that it refused. nil when it did
// not say which fields those are.
func Separable(added []nested.Path, err error) []nested.Path {
	var refusal *Refusal
	if !errors.As(err, &refusal) || len(refusal.Causes) == 0 {
		return nil
	}
	rest := slices.Clone(added)
	for _, cause := range refusal.Causes {
		refused := ParseFieldPath(cause.Field)
		if i := slices.IndexFunc(refused, func(name string) bool { return strings.HasPrefix(name, "[") }); i >= 0 {
			refused = refused[:i] // an index of the object without them
		}
		if len(refused) == 0 {
			return nil
		}
		rest = slices.DeleteFunc(rest, func(p nested.Path) bool { return p.HasPrefix(refused) || refused.HasPrefix(p) })
	}
	if len(rest) == len(added) {
		return nil
	}
	return rest
}

// ImmutablePaths reads from a refusal which fields cannot change in place.
func ImmutablePaths(err error) []nested.Path {
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(refusal, ErrImmutable) {
		return nil
	}
	paths := make([]nested.Path, 0, len(refusal.Causes))
	for _, cause := range refusal.Causes {
		if path := ParseFieldPath(cause.Field); len(path) > 0 {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		paths = append(paths, nested.Path{"spec"})
	}
	return paths
}

// ParseFieldPath reads the API's own notation: spec.ports[0].name.
func ParseFieldPath(field string) nested.Path {
	var path nested.Path
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
