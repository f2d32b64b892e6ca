package drift

import (
	"testing"
)

// TestRefusalText: a comparison of Go structs is nothing that a person can use.
func TestRefusalText(t *testing.T) {
	t.Parallel()
	dump := "Forbidden: pod updates may not change fields other than `spec.tolerations`,\n  core.PodSpec{\n  \t... // 3 ignored fields\n  }\n"
	for _, c := range []struct {
		why  string
		said Refusal
		want string
	}{
		{"a dump", Refusal{Kind: ErrInvalid, Message: `Pod "a" is invalid: spec: ` + dump, Causes: []RefusalCause{{Field: "spec", Message: dump}}},
			"invalid object: Pod \"a\" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.tolerations`"},
		{"a dump beside another field", Refusal{Kind: ErrImmutable, Message: `Pod "a" is invalid: [spec: ` + dump + `, spec.x: Required value]`,
			Causes: []RefusalCause{{Field: "spec", Message: dump}, {Field: "spec.x", Message: "Required value"}}},
			"immutable field: Pod \"a\" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.tolerations`; spec.x: Required value"},
		{"a webhook's own lines", Refusal{Kind: ErrDenied, Message: "one\ntwo", Causes: []RefusalCause{{Field: "a", Message: "b"}}}, "denied by admission: one\ntwo"},
		{"one line", Refusal{Kind: ErrInvalid, Message: "spec.x: no\n", Causes: []RefusalCause{{Field: "spec.x"}}}, "invalid object: spec.x: no"},
	} {
		if got := c.said.Error(); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}
