package redact_test

import (
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
)

// TestStateRedacted: a controller may write a password into a status, and the state is a
// ConfigMap.
func TestStateRedacted(t *testing.T) {
	t.Parallel()
	key := []byte("k")
	state := drift.AppState{Rows: map[string]drift.Row{"Boat a": {UID: "1", HealthReason: "cannot log in with correct-horse-battery"}}}.Sealed(key, "shop")
	clean := redact.State(state, redact.Redactor{}.With("correct-horse-battery"), key, "shop")
	if got := clean.Rows["Boat a"].HealthReason; got != "cannot log in with [redacted]" {
		t.Errorf("the reason is %q", got)
	}
	if !clean.Trusted(key, "shop") || state.Rows["Boat a"].HealthReason == clean.Rows["Boat a"].HealthReason {
		t.Error("the seal is broken, or the state was changed in place")
	}
}
