package diff

import (
	"errors"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// What was never compared must not become in sync because it has no differences.
func TestSettleLeavesWhatWasNotCompared(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]drift.Change{
		"missing":                {Type: drift.Missing, Cause: drift.CauseLive},
		"missing and unverified": {Type: drift.Missing, Cause: drift.CauseGit, Unverified: true, Err: drift.ErrForbidden},
		"extra":                  {Type: drift.Extra, Cause: drift.CauseGit, UID: "u"},
		"may not be read":        {Type: drift.Unknown, Err: drift.ErrForbidden},
		"admission hides it":     {Type: drift.Unknown, Err: drift.ErrDenied},
		"could not be read":      {Type: drift.Unknown, Err: errors.New("the connection was refused")},
	} {
		if got := Classify(change); got.Type != change.Type || got.Cause != change.Cause {
			t.Errorf("%s became %s by %s", name, got.Type, got.Cause)
		}
	}
}
