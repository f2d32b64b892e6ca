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
