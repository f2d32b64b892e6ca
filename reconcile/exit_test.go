package reconcile

import "testing"

// TestExitCode: where several hold, the order of docs/report.md decides. (3 is decided
// before a run begins.)
func TestExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason   string
		tally    Tally
		detailed bool
		want     int
	}{
		{"nothing to say", Tally{}, true, ExitOK},
		{"drift is for those who ask", Tally{Drift: true}, true, ExitDrift},
		{"and for nobody else", Tally{Drift: true}, false, ExitOK},
		{"a failure outranks drift", Tally{Partial: true, Drift: true}, true, ExitPartial},
		{"a guard outranks a failure", Tally{Guarded: true, Partial: true, Drift: true}, true, ExitGuard},
		{"nothing usable at all", Tally{NoneUsable: true, Partial: true}, true, ExitUsage},
		{"interrupted outranks everything of the run", Tally{Interrupted: true, NoneUsable: true, Guarded: true, Partial: true, Drift: true}, true, ExitInterrupted},
	} {
		if got := ExitCode(c.tally, c.detailed); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.reason, got, c.want)
		}
	}
}
