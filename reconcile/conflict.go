package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
	"github.com/killick-dev/killick/internal/nested"
)

// write applies one step. When the object changed since it was judged, it is
// observed and judged again, once. After that only a change of its status is no
// reason to give up: nothing that was judged is different.
func (r Reconciler) write(ctx context.Context, request Request, apps []app, a app, step drift.Step) drift.Result {
	if ctx.Err() != nil {
		return drift.Result{Step: step, Err: errStopped}
	}
	result := r.apply(ctx, request.Noise, a, step)
	if !errors.Is(result.Err, drift.ErrConflict) {
		return result
	}
	again, err := r.rejudge(ctx, request, apps, a, step)
	if err != nil {
		result.Err = fmt.Errorf("%w; judging it again: %w", result.Err, err)
		return result
	}
	if !again.Decision.Action.Writes() {
		return drift.Result{Step: again}
	}
	result = r.apply(ctx, request.Noise, a, again)
	for _, pause := range diff.Pauses() {
		if !errors.Is(result.Err, drift.ErrConflict) || !rest(ctx, pause) {
			break
		}
		fresh := r.Reader.Get(ctx, a.config, again.Change.ID, again.Change.Version)
		if fresh.State != drift.Present || !diff.SameButStatus(fresh.Live, again.Observation.Live) {
			break
		}
		again.Observation.Live = fresh.Live
		again.Change.ResourceVersion = nested.ResourceVersionOf(fresh.Live)
		result = r.apply(ctx, request.Noise, a, again)
	}
	return result
}

// rest waits; false says that the run was told to stop first.
func rest(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// rejudge observes and judges one object again, by policy and by the guards.
func (r Reconciler) rejudge(ctx context.Context, request Request, apps []app, a app, step drift.Step) (drift.Step, error) {
	seen, err := r.observeOne(ctx, a, step.Object)
	if err != nil {
		return step, err
	}
	facts := guard.PruneFacts{}
	if step.Decision.Replace {
		facts = pruneFacts(request, apps, a, r.Now())
		facts.Occupied = r.occupied(ctx, a.config, step)
	}
	court := court{Reconciler: r, request: request, family: family(request)}
	return court.again(ctx, a, facts, step, seen), nil
}
