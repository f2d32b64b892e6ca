package ownership

import (
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Writers are the field managers that wrote an object after a moment, with the time
// of their last write; ourselves and writers of status aside.
func Writers(live map[string]any, after time.Time) []Writer {
	entries, err := Read(drift.Noise{}, live)
	if err != nil {
		return nil
	}
	var found []Writer
	for _, entry := range entries {
		if !entry.Ours() && entry.Subresource != "status" && !entry.Time.Before(after.Truncate(time.Second)) {
			found = append(found, Writer{Manager: entry.Manager, Time: entry.Time})
		}
	}
	return found
}

// Writer is one field manager and its last write.
type Writer struct {
	Manager string
	Time    time.Time
}
