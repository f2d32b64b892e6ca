package reconcile

import (
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Mode says what a run does about what it finds.
type Mode string

// The modes. The zero Mode is none of them and writes nothing.
const (
	// Plan says what a run would do, and leaves nothing behind.
	Plan Mode = "plan"
	// Run does what policy allows.
	Run Mode = "run"
	// Detect is a run that changes no object: what policy allows is told as what would be
	// done, and Killick's own state says of nothing that it was applied.
	Detect Mode = "detect"
)

// Acts says whether objects are changed.
func (m Mode) Acts() bool { return m == Run }

// Remembers says whether the run tells people and leaves state to the next one.
func (m Mode) Remembers() bool { return m == Run || m == Detect }

// Header is the part of a report that says which run it is of. The mode of a detecting
// run is run there, and Detect says more: the words of the report are closed.
func (m Mode) Header(id, version string, started time.Time) drift.ReportRun {
	header := drift.ReportRun{ID: id, Mode: string(m), Version: version, Started: started}
	if m == Detect {
		header.Mode, header.Detect = string(Run), true
	}
	return header
}
