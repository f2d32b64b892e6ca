package cluster

import (
	"context"
	"errors"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// insist sends what is pinned to an object's resourceVersion. Where that is stale
// because a controller wrote status meanwhile, it is sent again for the object as it
// is now; any other change is a conflict, and the error is do's.
func insist(ctx context.Context, judged map[string]any, look func() drift.Observation, do func(live map[string]any) (map[string]any, error)) (map[string]any, error) {
	answer, err := do(judged)
	for _, rest := range diff.Pauses() {
		if !errors.Is(err, drift.ErrConflict) || pause(ctx, rest) != nil {
			break
		}
		now := look()
		if now.State != drift.Present || !diff.SameButStatus(judged, now.Live) {
			break
		}
		answer, err = do(now.Live)
	}
	return answer, err
}
