package cluster

import (
	"context"

	"github.com/killick-dev/killick/internal/drift"
)

// Get reads one object afresh, as the app's identity. No dry-run is made.
func (c *Client) Get(ctx context.Context, app drift.App, id drift.ID, version string) drift.Observation {
	seen := drift.Observation{ID: id}
	session, err := c.as(app)
	if err != nil {
		seen.Err = err
		return seen
	}
	of, err := c.resource(ctx, drift.Kind{Group: id.Group, Version: version, Kind: id.Kind})
	if err != nil {
		seen.Err = unreadable(drift.Object{ID: id}, err)
		return seen
	}
	leave, err := enter(ctx, c.reads)
	if err != nil {
		seen.Err = err
		return seen
	}
	defer leave()
	seen = session.fetch(ctx, of, id)
	if seen.State == drift.Unreadable {
		seen.Err = unreadable(drift.Object{ID: id}, seen.Err)
	}
	return seen
}

// KindIsGone says that nothing can hold an object of a kind any more, because the kind was
// taken out of the cluster. Whatever cannot be read makes the answer no. Get does not ask
// that: before a write, and for what may still use an object, a kind that is not served is
// one that cannot be read.
func (c *Client) KindIsGone(ctx context.Context, id drift.ID) bool {
	served, err := c.known(ctx)
	if err != nil {
		return false
	}
	leave, err := enter(ctx, c.reads)
	if err != nil {
		return false
	}
	defer leave()
	return c.own.kindIsGone(ctx, served, id)
}
