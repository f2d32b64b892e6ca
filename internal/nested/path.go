package nested

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// Path addresses one value inside an object. Each element is a field name, a
// keyed list element "[k=v,k2=v2]" (keys sorted; values as JSON unless they are
// plain strings), a set element "[=v]", or an index "[0]" where a list has no
// keys.
type Path []string

var plain = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Field is the path with one more field name.
func (p Path) Field(name string) Path { return p.With(name) }

// Key is the path with one more keyed list element.
func (p Path) Key(keys map[string]any) Path {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + "=" + ElementValue(keys[name])
	}
	return p.With("[" + strings.Join(parts, ",") + "]")
}

// Value is the path with one more set element.
func (p Path) Value(v any) Path { return p.With("[=" + ElementValue(v) + "]") }

// With is the path with one more element, in a copy.
func (p Path) With(element string) Path {
	longer := make(Path, len(p), len(p)+1)
	copy(longer, p)
	return append(longer, element)
}

// ElementValue writes plain strings bare and everything else as JSON. A string
// that JSON would read as a number or a word is still a plain string here: the
// element "[name=80]" names the string, "[port=80]" the number, and which of
// them it is follows from the list's keys.
func ElementValue(v any) string {
	if s, ok := v.(string); ok && plain.MatchString(s) {
		return s
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // people write these elements in policies
	if err := encoder.Encode(v); err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer joins the elements as a JSON pointer (RFC 6901).
func (p Path) Pointer() string {
	var b strings.Builder
	for _, element := range p {
		b.WriteByte('/')
		b.WriteString(escapePointer.Replace(element))
	}
	return b.String()
}

// String is the path for people: "spec.template.spec.containers[name=app].image".
// A field name with a dot or slash is quoted: metadata.labels["app.kubernetes.io/name"].
func (p Path) String() string {
	var b strings.Builder
	for i, element := range p {
		switch {
		case strings.HasPrefix(element, "["):
			b.WriteString(element)
		case strings.ContainsAny(element, "./ "):
			fmt.Fprintf(&b, "[%q]", element)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(element)
		}
	}
	return b.String()
}

// HasPrefix says whether p is prefix or lies below it.
func (p Path) HasPrefix(prefix Path) bool {
	if len(p) < len(prefix) {
		return false
	}
	for i := range prefix {
		if p[i] != prefix[i] {
			return false
		}
	}
	return true
}

// Equal says whether both paths address the same value.
func (p Path) Equal(other Path) bool { return len(p) == len(other) && p.HasPrefix(other) }

// ParsePointer reads a JSON pointer back into a path.
func ParsePointer(pointer string) (Path, error) {
	if !strings.HasPrefix(pointer, "/") {
		return nil, fmt.Errorf("JSON pointer %q must start with %q", pointer, "/")
	}
	parts := strings.Split(pointer[1:], "/")
	path := make(Path, len(parts))
	for i, part := range parts {
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return path, nil
}

// Matches says whether the path is covered by a pattern of policy's
// ignore_fields: "*" matches exactly one element, and a pattern covers the whole
// subtree below the value it names.
func (p Path) Matches(pattern Path) bool {
	if len(p) < len(pattern) {
		return false
	}
	for i, element := range pattern {
		if element != "*" && element != p[i] {
			return false
		}
	}
	return true
}
