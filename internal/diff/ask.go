package diff

import (
	"errors"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Questions are what a comparison asks the API server about one object. Nothing is written.
type Questions struct {
	// Patch answers what a JSON patch would make of the judged object.
	Patch DryPatch
	// Create answers what the manifest would be if it were created afresh.
	Create func() (map[string]any, error)
}

// Ask takes to the API server what a comparison alone cannot tell: what stands in the way
// of the write, which additions are defaults of the server's own, and what it keeps
// whatever is written. The error says that it did not tell everything; then the
// differences stand as they were found.
func (c Comparison) Ask(change drift.Change, ask Questions) (drift.Change, error) {
	c.Object = KeepNondeterministic(c.Noise, c.Object, c.Observation.Live)
	change, err := c.ClearTheWay(change, ask.Patch)
	if errors.Is(err, drift.ErrConflict) {
		return change, err
	}
	change, err = WithoutDefaults(change, func(paths []nested.Path) (map[string]any, error) {
		return ask.Patch(nested.RemovalPatch(c.Observation.Live, paths))
	})
	if invalid(err) != nil {
		change, err = c.unremovable(change, ask.Patch, err)
		change = verified(change)
	}
	if errors.Is(err, drift.ErrConflict) {
		return change, err
	}
	change, unanswered := c.settleKept(change, ask)
	if err == nil || errors.Is(unanswered, drift.ErrConflict) {
		err = unanswered
	}
	return change, err
}
