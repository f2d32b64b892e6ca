package summary

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// The Go types are the published document: every field has a JSON name, and none
// is left out when empty.
func TestInputTypesAreClosed(t *testing.T) {
	t.Parallel()
	var visit func(reflect.Type, string)
	visit = func(of reflect.Type, at string) {
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				field := of.Field(i)
				name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name == "" || name == "-" || options != "" || strings.ToLower(name) != name {
					t.Errorf("%s.%s: json tag %q", at, field.Name, field.Tag.Get("json"))
				}
				visit(field.Type, at+"."+field.Name)
			}
		case reflect.Slice, reflect.Map:
			visit(of.Elem(), at+"[]")
		case reflect.Pointer:
			t.Errorf("%s can be null", at)
		}
	}
	visit(reflect.TypeFor[drift.Input](), "Input")
}

func TestReportOfProblems(t *testing.T) {
	t.Parallel()
	cause := errors.New("unknown field")
	problem := &drift.Problem{Stage: "config", File: "killick.yaml:7", Hint: "did you mean path?", Err: cause}
	cases := []struct {
		reason string
		err    error
		want   drift.ReportError
	}{
		{"a plain error has the caller's stage", cause, drift.ReportError{App: "a", Stage: "act", Message: "unknown field"}},
		{"a problem knows where it is", problem, drift.ReportError{App: "a", Stage: "config", Message: "killick.yaml:7: unknown field", File: "killick.yaml:7", Hint: "did you mean path?"}},
		{"wherever it stands in the chain", fmt.Errorf("loading: %w", problem),
			drift.ReportError{App: "a", Stage: "config", Message: "loading: killick.yaml:7: unknown field", File: "killick.yaml:7", Hint: "did you mean path?"}},
		{"without a stage of its own", &drift.Problem{Err: cause}, drift.ReportError{App: "a", Stage: "act", Message: "unknown field"}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, drift.ReportOf("a", "act", c.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	if !errors.Is(problem, cause) {
		t.Error("a problem has its cause")
	}
	for line, want := range map[int]string{0: "a.yaml", -1: "a.yaml", 3: "a.yaml:3"} {
		if got := drift.FileLine("a.yaml", line); got != want {
			t.Errorf("%s", got)
		}
	}
	refusal := &drift.Refusal{Kind: drift.ErrDenied, Message: " no \n"}
	if refusal.Error() != "denied by admission: no" || !errors.Is(refusal, drift.ErrDenied) || errors.Is(refusal, drift.ErrInvalid) {
		t.Errorf("%v", refusal)
	}
}
