package drift

import (
	"fmt"
	"time"

	"github.com/killick-dev/killick/internal/nested"
)

// Switches that stand as annotation pairs on a live object (docs/policies.md). They
// are never drift.
const (
	AnnotationSuspendUntil     = "killick.dev/suspend-until"
	AnnotationSuspendReason    = "killick.dev/suspend-reason"
	AnnotationBreakGlassUntil  = "killick.dev/break-glass-until"
	AnnotationBreakGlassReason = "killick.dev/break-glass-reason"
)

// Controls are the switches of one live object.
type Controls struct {
	Suspend    Control
	BreakGlass Control
}

// ReadControls parses the switches of a live object. Both annotations of a pair
// are required and the time is RFC 3339; anything else is an error, and the
// object is alert-only until it is mended.
func ReadControls(live map[string]any, now time.Time) (Controls, error) {
	annotations := nested.Annotations(live)
	suspend, err := readControl(annotations, AnnotationSuspendUntil, AnnotationSuspendReason, now)
	if err != nil {
		return Controls{}, err
	}
	glass, err := readControl(annotations, AnnotationBreakGlassUntil, AnnotationBreakGlassReason, now)
	if err != nil {
		return Controls{}, err
	}
	return Controls{Suspend: suspend, BreakGlass: glass}, nil
}

func readControl(annotations map[string]string, untilKey, reasonKey string, now time.Time) (Control, error) {
	until, hasUntil := annotations[untilKey]
	reason, hasReason := annotations[reasonKey]
	switch {
	case !hasUntil && !hasReason:
		return Control{}, nil
	case !hasUntil:
		return Control{}, fmt.Errorf("annotation %q needs %q beside it", reasonKey, untilKey)
	case !hasReason || reason == "":
		return Control{}, fmt.Errorf("annotation %q needs %q beside it", untilKey, reasonKey)
	}
	at, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return Control{}, fmt.Errorf("annotation %q: %q is not an RFC 3339 time", untilKey, until)
	}
	return Control{Active: now.Before(at), Until: at, Reason: reason}, nil
}
