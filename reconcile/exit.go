package reconcile

// The exit codes of docs/report.md.
const (
	ExitOK          = 0
	ExitDrift       = 1
	ExitUsage       = 2 // configuration, policies, or every app failed to fetch or render
	ExitUnreachable = 3
	ExitPartial     = 4
	ExitGuard       = 5
	ExitInterrupted = 7
)

// Tally is what an exit code depends on.
type Tally struct {
	Interrupted bool
	Unreachable bool // the cluster went away before anything was written
	Guarded     bool // a guard stopped writes
	Partial     bool // an app, objects or decisions failed or could not be read
	NoneUsable  bool // every app failed to fetch or render
	Drift       bool // something is neither in sync nor ignored
}

// ExitCode is the code for a tally; where several hold, the order of docs/report.md
// decides. Drift counts only when detailed (plan, or run with --exit-code).
func ExitCode(t Tally, detailed bool) int {
	switch {
	case t.Unreachable:
		return ExitUnreachable
	case t.Interrupted:
		return ExitInterrupted
	case t.NoneUsable:
		return ExitUsage
	case t.Guarded:
		return ExitGuard
	case t.Partial:
		return ExitPartial
	case t.Drift && detailed:
		return ExitDrift
	}
	return ExitOK
}
