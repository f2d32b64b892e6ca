package cluster

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/drift"
)

// DryRemove answers what an object would be without what stands at these paths;
// nothing is written. It is asked about the very object that was observed, since
// list indexes of another one would name other items; a controller that writes
// status meanwhile does not matter. The error is the API server's refusal.
func (c *Client) DryRemove(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, paths []drift.Path) (map[string]any, error) {
	look := func() drift.Observation { return c.Get(ctx, app, id, version) }
	return insist(ctx, live, look, func(live map[string]any) (map[string]any, error) {
		return c.dryRemove(ctx, app, id, version, live, paths)
	})
}

func (c *Client) dryRemove(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, paths []drift.Path) (map[string]any, error) {
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
	body, err := encode(append([]drift.PatchOp{{Op: "replace", Path: "/metadata/resourceVersion", Value: versionOf(live)}},
		drift.RemovalPatch(live, paths)...))
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
		return nil, fmt.Errorf("asking what %s would be without what was added: %w", id.Short(), withhold(id, describe(err)))
	}
	return asked{of, id.Namespace, id.Name}.tried(answer)
}
