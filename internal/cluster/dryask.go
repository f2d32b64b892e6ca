package cluster

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// DryPatch answers what a JSON patch would make of an object; nothing is written. It
// is asked about the very object that was observed, since list indexes of another one
// would name other items; a controller that writes status meanwhile does not matter. The
// error is the API server's refusal.
func (c *Client) DryPatch(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, patch []nested.PatchOp) (map[string]any, error) {
	look := func() drift.Observation { return c.Get(ctx, app, id, version) }
	return insist(ctx, live, look, func(live map[string]any) (map[string]any, error) {
		return c.dryPatch(ctx, app, id, version, live, patch)
	})
}

func (c *Client) dryPatch(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, patch []nested.PatchOp) (map[string]any, error) {
	session, err := c.as(app)
	if err != nil {
		return nil, err
	}
	of, err := c.resource(ctx, drift.Kind{Group: id.Group, Version: version, Kind: id.Kind})
	if err != nil {
		return nil, err
	}
	where, err := of.object(id.Namespace, id.Name)
	if err != nil {
		return nil, err
	}
	body, err := encode(append([]nested.PatchOp{{Op: "replace", Path: "/metadata/resourceVersion", Value: versionOf(live)}},
		patch...))
	if err != nil {
		return nil, err
	}
	leave, err := enter(ctx, c.reads)
	if err != nil {
		return nil, err
	}
	defer leave()
	answer, err := session.read(ctx, request{verb: http.MethodPatch, path: where,
		query:       values("fieldManager", drift.FieldManager, "dryRun", "All"),
		contentType: string(types.JSONPatchType), body: body})
	if err != nil {
		return nil, fmt.Errorf("asking what %s would become: %w", id.Short(), withhold(id, describe(err)))
	}
	return asked{of, id.Namespace, id.Name}.tried(answer)
}

// DryCreate answers what an object would be if it were created afresh, under a name that
// nobody has; nothing is written. The error is drift.ErrFixedName for a kind whose
// names follow from its content.
func (c *Client) DryCreate(ctx context.Context, app drift.App, object drift.Object) (map[string]any, error) {
	session, err := c.as(app)
	if err != nil {
		return nil, err
	}
	of, err := c.resource(ctx, object.Kind())
	if err != nil {
		return nil, err
	}
	if fixedNames[object.ID.GroupKind()] {
		return nil, drift.ErrFixedName
	}
	leave, err := enter(ctx, c.reads)
	if err != nil {
		return nil, err
	}
	defer leave()
	created, err := session.wouldCreate(ctx, of, object)
	if err != nil {
		return nil, fmt.Errorf("asking what %s would be if it were created: %w", object.ID.Short(), withhold(object.ID, describe(err)))
	}
	return created, nil
}
