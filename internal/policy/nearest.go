package policy

import (
	"fmt"

	"github.com/killick-dev/killick/internal/drift"
)

// suggestion is `, did you mean "x"?` for the nearest of the valid names, or
// nothing when none is near.
func suggestion(name string, valid []string) string {
	if best := nearest(name, valid); best != "" {
		return fmt.Sprintf(", did you mean %q?", best)
	}
	return ""
}

// nearest is the valid name that was most likely meant, or nothing.
func nearest(name string, valid []string) string {
	if near := drift.Near(name, valid); len(near) > 0 {
		return near[0]
	}
	return ""
}
