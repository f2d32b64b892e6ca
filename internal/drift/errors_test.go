package drift_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

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
