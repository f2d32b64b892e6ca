package cluster

import (
	"context"
	"errors"

	"github.com/killick-dev/killick/internal/drift"
)

// Get reads one object afresh, as the app's identity. No dry-run is made. An object of a kind
// that was taken out of the cluster is absent.
func (c *Client) Get(ctx context.Context, app drift.App, id drift.ID, version string) drift.Observation {
	seen := drift.Observation{ID: id}
	session, err := c.as(app)
	if err != nil {
		seen.Err = err
		return seen
	}
	of, err := c.resource(ctx, drift.Kind{Group: id.Group, Version: version, Kind: id.Kind})
	if errors.Is(err, drift.ErrNotServed) && c.kindIsGone(ctx, session, id) {
		seen.State = drift.Absent
		return seen
	}
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

// kindIsGone says that nothing can hold an object of a kind any more, because the kind was
// taken out of the cluster. Whatever cannot be read makes the answer no.
func (c *Client) kindIsGone(ctx context.Context, session *session, id drift.ID) bool {
	served, err := c.Capabilities(ctx)
	if err != nil {
		return false
	}
	leave, err := enter(ctx, c.reads)
	if err != nil {
		return false
	}
	defer leave()
	return session.kindIsGone(ctx, served, id)
}
