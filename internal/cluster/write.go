package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// target is where one write goes: as whom, and to which resource.
type target struct {
	*session
	of resource
}

// grace is how long a write that has begun may go on after the run was told to
// stop.
const grace = 10 * time.Second

// write does one write: as the app's identity, as one of a bounded number, and
// with a context that outlives the run's by the grace, because a write cut off
// halfway is one whose outcome nobody knows. No write begins after ctx ended.
func (c *Client) write(ctx context.Context, app drift.App, kind drift.Kind, work func(context.Context, target) error) error {
	session, err := c.as(app)
	if err != nil {
		return err
	}
	of, err := c.resource(ctx, kind)
	if err != nil {
		return err
	}
	leave, err := enter(ctx, c.writes)
	if err != nil {
		return err
	}
	defer leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, end := graceful(ctx)
	defer end()
	return work(ctx, target{session, of})
}

// graceful is a context that ends a little later than its parent.
func graceful(parent context.Context) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// resource resolves a kind to write; one that is not known yet is asked for
// once, because a CRD may have come meanwhile.
func (c *Client) resource(ctx context.Context, kind drift.Kind) (resource, error) {
	served, err := c.known(ctx)
	if err != nil {
		return resource{}, err
	}
	of, err := resolve(served, kind)
	if !errors.Is(err, drift.ErrNotServed) {
		return of, err
	}
	if err := c.discover(ctx, kind.APIVersion()); err != nil {
		return resource{}, err
	}
	if served, err = c.known(ctx); err != nil {
		return resource{}, err
	}
	return resolve(served, kind)
}
