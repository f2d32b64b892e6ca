package redact

import (
	"github.com/killick-dev/killick/internal/drift"
)

// State is a sealed state in which nothing is left of what the redactor knows: rows say
// in words how an object is, and an object's status holds what its controller likes.
func State(s drift.AppState, r Redactor, key []byte, app string) drift.AppState {
	rows := map[string]drift.Row{}
	for id, row := range s.Rows {
		row.HealthReason = r.String(row.HealthReason)
		rows[id] = row
	}
	s.Rows = rows
	return s.Sealed(key, app)
}
