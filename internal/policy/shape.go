package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/policies"
)

// shape is what is known about a value: the part of JSON Schema that the input
// schema uses. OPA's own types stop at function arguments and know no
// vocabularies; shapes carry both (OPA's type checker ignores enum).
type shape struct {
	Type       string            `json:"type"` // object, array, string, boolean, integer; "" is anything
	Properties map[string]*shape `json:"properties"`
	Required   []string          `json:"required"`
	Additional additional        `json:"additionalProperties"`
	Items      *shape            `json:"items"`
	Enum       []string          `json:"enum"`
	// set marks a Rego set, which JSON does not have; Items are its members.
	set bool
}

// additional is the shape of an object's other fields: nil when it is closed.
type additional struct{ shape *shape }

// UnmarshalJSON reads false, or a schema.
func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	a.shape = &shape{}
	return json.Unmarshal(b, a.shape)
}

// readInputShape parses the embedded schema twice: as shapes, and as the plain
// value that OPA's type checker takes.
func readInputShape() (*shape, any, error) {
	input, raw := &shape{}, any(nil)
	if err := json.Unmarshal(policies.InputSchema, input); err != nil {
		return nil, nil, fmt.Errorf("reading the embedded input schema: %w", err)
	}
	if err := json.Unmarshal(policies.InputSchema, &raw); err != nil {
		return nil, nil, fmt.Errorf("reading the embedded input schema: %w", err)
	}
	return input, raw, nil
}

// closed says that the shape has a fixed list of fields.
func (s *shape) closed() bool {
	return s.Type == "object" && s.Additional.shape == nil
}

// step follows one element of a reference. present says that a value is always
// there; known is false for a field that a closed object does not have.
func (s *shape) step(key *ast.Term) (next *shape, present, known bool) {
	switch {
	case s.set:
		return s.Items, false, true
	case s.Type == "array":
		return s.Items, false, true
	case s.Type == "object" && s.closed():
		name, ok := key.Value.(ast.String)
		if !ok {
			return nil, !key.IsGround(), true
		}
		field, found := s.Properties[string(name)]
		return field, found, found
	case s.Type == "object":
		return s.Additional.shape, false, true
	}
	return nil, false, true
}

// check lists how a value differs from the shape, as "/pointer: what is wrong".
func (s *shape) check(value ast.Value, at nested.Path) []string {
	wrong := func(format string, args ...any) []string {
		pointer := at.Pointer()
		if pointer == "" {
			pointer = "input"
		}
		return []string{pointer + ": " + fmt.Sprintf(format, args...)}
	}
	switch s.Type {
	case "":
		return nil
	case "string":
		text, ok := value.(ast.String)
		if !ok {
			return wrong("want a string, have %s", value)
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, string(text)) {
			return wrong("%s is none of %s", text, quoted(s.Enum))
		}
	case "boolean":
		if _, ok := value.(ast.Boolean); !ok {
			return wrong("want true or false, have %s", value)
		}
	case "integer":
		number, ok := value.(ast.Number)
		if _, whole := number.Int64(); !ok || !whole {
			return wrong("want a whole number, have %s", value)
		}
	case "array":
		array, ok := value.(*ast.Array)
		if !ok {
			return wrong("want an array, have %s", value)
		}
		var all []string
		for i := range array.Len() {
			all = append(all, s.Items.check(array.Elem(i).Value, at.Field(fmt.Sprint(i)))...)
		}
		return all
	case "object":
		object, ok := value.(ast.Object)
		if !ok {
			return wrong("want an object, have %s", value)
		}
		return s.checkObject(object, at)
	}
	return nil
}

func (s *shape) checkObject(object ast.Object, at nested.Path) []string {
	var all []string
	for _, name := range s.Required {
		if object.Get(ast.StringTerm(name)) == nil {
			all = append(all, at.Field(name).Pointer()+": is missing")
		}
	}
	for _, key := range object.Keys() {
		name, ok := key.Value.(ast.String)
		field := s.Properties[string(name)]
		switch {
		case !ok:
			all = append(all, at.Field(key.String()).Pointer()+": the key is no string")
		case field != nil:
			all = append(all, field.check(object.Get(key).Value, at.Field(string(name)))...)
		case s.Additional.shape != nil:
			all = append(all, s.Additional.shape.check(object.Get(key).Value, at.Field(string(name)))...)
		case s.closed():
			all = append(all, at.Field(string(name)).Pointer()+": unknown field"+
				suggestion(string(name), s.fieldNames()))
		}
	}
	sort.Strings(all)
	return all
}

// fieldNames are the names of a closed object's fields, sorted.
func (s *shape) fieldNames() []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// quoted lists words as people read them: "a", "b", "c".
func quoted(words []string) string {
	each := make([]string, len(words))
	for i, word := range words {
		each[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(each, ", ")
}
