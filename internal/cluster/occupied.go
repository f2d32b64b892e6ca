package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// Occupied says what a Namespace, or a CRD's kind, holds that the app owning it
// does not: deleting the container would delete that too (docs/guards.md, P6). "" means
// that it holds nothing foreign; an error, that this is not known.
func (c *Client) Occupied(ctx context.Context, app drift.App, id drift.ID, live map[string]any) (string, error) {
	session, err := c.as(app)
	if err != nil {
		return "", err
	}
	// Asked afresh: a kind that came since the run began may hold objects too.
	served, err := c.Capabilities(ctx)
	if err != nil {
		return "", err
	}
	kinds, _, crd := dependency.CRDOf(live)
	namespace := ""
	if !crd {
		if len(served.Degraded) > 0 {
			return "", fmt.Errorf("some APIs are not available, so what namespace %q holds is not known", id.Name)
		}
		if served, err = c.whole(ctx, session, served); err != nil {
			return "", fmt.Errorf("what namespace %q holds is not known: %w", id.Name, err)
		}
		kinds = slices.DeleteFunc(listable(served), func(kind drift.Kind) bool {
			// What cannot be deleted is a view of something else, such as metrics of
			// pods, and goes with that.
			return !served.Kinds[kind].Namespaced || !can(served.Kinds[kind], "delete")
		})
		namespace = id.Name
	}
	var held []occupant
	for _, kind := range kinds {
		of, err := resolve(served, kind)
		if err != nil {
			return "", err
		}
		found, err := session.collect(ctx, of, namespace, "", nil)
		if err = cmp.Or(err, found.partial); err != nil {
			return "", fmt.Errorf("listing %s: %w", kind, describe(err))
		}
		for _, item := range found.items {
			held = append(held, occupant{kind, item})
		}
	}
	return stranger(held, text(live, "metadata", "labels", partOfLabel)), nil
}

// occupant is one object inside a container.
type occupant struct {
	kind   drift.Kind
	object map[string]any
}

// listable is one version of every kind that can be listed. Events tell what
// happened and are nobody's state.
func listable(served drift.Capabilities) []drift.Kind {
	byGroupKind := map[string]drift.Kind{}
	for kind, info := range served.Kinds {
		event := kind.GroupKind() == "Event" || kind.GroupKind() == "Event.events.k8s.io"
		if !can(info, "list") || event {
			continue
		}
		if known, ok := byGroupKind[kind.GroupKind()]; !ok || kind.Version < known.Version {
			byGroupKind[kind.GroupKind()] = kind
		}
	}
	kinds := make([]drift.Kind, 0, len(byGroupKind))
	for _, kind := range byGroupKind {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b drift.Kind) int { return strings.Compare(a.String(), b.String()) })
	return kinds
}

// stranger names one object that is neither the owner's, nor what every
// namespace holds, nor made by the controller of such an object.
func stranger(held []occupant, owner string) string {
	known := map[string]bool{}
	rest := slices.DeleteFunc(slices.Clone(held), func(o occupant) bool {
		if !o.memberOf(owner) && !o.standard() {
			return false
		}
		known[uidOf(o.object)] = true
		return true
	})
	for {
		before := len(rest)
		rest = slices.DeleteFunc(rest, func(o occupant) bool {
			if maker := controllerOf(o.object); maker == "" || !known[maker] {
				return false
			}
			known[uidOf(o.object)] = true
			return true
		})
		if len(rest) == before {
			break
		}
	}
	if len(rest) == 0 {
		return ""
	}
	return fmt.Sprintf("it holds %s %s, which is not the app's", rest[0].kind.Kind, text(rest[0].object, "metadata", "name"))
}

// memberOf says that we applied the object as the owner's: anybody can copy a
// label, as the endpoints controller does from a Service to its Endpoints, which
// go with the Service.
func (o occupant) memberOf(owner string) bool {
	if owner == "" || text(o.object, "metadata", "labels", partOfLabel) != owner {
		return false
	}
	if o.kind.GroupKind() == "Endpoints" {
		return true
	}
	return labelledByUs(o.object)
}

// standard says that Kubernetes puts the object into every namespace.
func (o occupant) standard() bool {
	name := text(o.object, "metadata", "name")
	return o.kind.GroupKind() == "ConfigMap" && name == "kube-root-ca.crt" ||
		o.kind.GroupKind() == "ServiceAccount" && name == "default"
}

// controllerOf is the UID of the object's controller, "" when it has none.
func controllerOf(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	references, _ := meta["ownerReferences"].([]any)
	for _, item := range references {
		if reference, ok := item.(map[string]any); ok && reference["controller"] == true {
			uid, _ := reference["uid"].(string)
			return uid
		}
	}
	return ""
}
