package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/killick-dev/killick/internal/drift"
)

// StateNamespaceExists says whether there is a state namespace. An identity that may not
// look is taken to have been given one.
func (c *Client) StateNamespaceExists(ctx context.Context) (bool, error) {
	_, err := c.own.get(ctx, namespaceResource, "", c.stateNamespace)
	switch {
	case err == nil, forbidden(err):
		return true, nil
	case errors.Is(err, errNotFound):
		return false, nil
	}
	return false, stateProblem("reading the state namespace", err)
}

// OtherRuns are what the last runs with other state namespaces left in this cluster, by
// namespace. An identity that may not list ConfigMaps of this one name in the whole
// cluster is told of none; what is damaged, or was copied from somewhere else, is none.
func (c *Client) OtherRuns(ctx context.Context) (map[string]drift.RunState, error) {
	const doing = "looking for the state of other runs"
	uid, err := c.Identity(ctx)
	if err != nil {
		return nil, stateProblem(doing, err)
	}
	where, err := configMaps.path("")
	if err != nil {
		return nil, err
	}
	// One object of a namespace at most, so pages are not needed. RBAC takes the name in a
	// field selector for that of a resource: a rule with resourceNames allows it.
	body, err := c.own.read(ctx, request{path: where, query: values("fieldSelector", "metadata.name="+runName)})
	if forbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, stateProblem(doing, err)
	}
	page, err := configMaps.readList(body)
	if err != nil {
		return nil, stateProblem(doing, fmt.Errorf("decoding the list: %w", err))
	}
	runs := map[string]drift.RunState{}
	for _, raw := range page.Items {
		item, err := configMaps.item(raw, "")
		if err != nil {
			return nil, stateProblem(doing, fmt.Errorf("decoding the list: %w", err))
		}
		var state drift.RunState
		namespace := text(item, "metadata", "namespace")
		packed, err := contentOf(item, "binaryData", stateKey)
		if err != nil || unpack(packed, &state) != nil {
			continue
		}
		if namespace != c.stateNamespace && state.Installation == uid+"/"+namespace {
			runs[namespace] = state
		}
	}
	return runs, nil
}
