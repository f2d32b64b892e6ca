package drift

import "errors"

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
func (c Comparison) Ask(change Change, ask Questions) (Change, error) {
	c.Object = c.Noise.LeaveAlone(c.Object, c.Observation.Live)
	change, err := c.clearTheWay(change, ask.Patch)
	if errors.Is(err, ErrConflict) {
		return change, err
	}
	change, err = withoutDefaults(change, func(paths []Path) (map[string]any, error) {
		return ask.Patch(RemovalPatch(c.Observation.Live, paths))
	})
	if invalid(err) != nil {
		change, err = c.unremovable(change, ask.Patch, err)
		change = verified(change)
	}
	if errors.Is(err, ErrConflict) {
		return change, err
	}
	change, unanswered := c.settleKept(change, ask)
	if err == nil || errors.Is(unanswered, ErrConflict) {
		err = unanswered
	}
	return change, err
}
