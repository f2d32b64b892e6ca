package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// podKinds are the live objects that outlast the manifest they were made from: the Pods
// of an older revision, and the ReplicaSets that make them.
var podKinds = []drift.Kind{{Version: "v1", Kind: "Pod"}, {Group: "apps", Version: "v1", Kind: "ReplicaSet"}}

// Using lists the Pods and ReplicaSets of a namespace, of all when it is "", that refer
// to one of the targets, whoever made them: what they use must not be deleted under them
// (docs/guards.md, P2). Only those are kept in memory. The error says that this is not known.
func (c *Client) Using(ctx context.Context, app drift.App, namespace string, targets []dependency.Target) ([]map[string]any, error) {
	session, err := c.as(app)
	if err != nil {
		return nil, err
	}
	leave, err := enter(ctx, c.lists)
	if err != nil {
		return nil, err
	}
	defer leave()
	var using []map[string]any
	for _, kind := range podKinds {
		of, err := c.resource(ctx, kind)
		if err != nil {
			return nil, err
		}
		found, err := session.using(ctx, of, namespace, targets)
		if err != nil {
			return nil, fmt.Errorf("%w%s", err, inNamespace(namespace))
		}
		using = append(using, found...)
	}
	return using, nil
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return fmt.Sprintf(" (namespace %q)", namespace)
}

// using reads one kind page by page.
func (s *session) using(ctx context.Context, of resource, namespace string, targets []dependency.Target) ([]map[string]any, error) {
	var using []map[string]any
	partial, err := s.pages(ctx, of, namespace, "", runtime.ContentTypeJSON, func(body []byte, first bool) (listHead, error) {
		if first {
			using = nil
		}
		var page collection
		head, err := page.addPage(body, of, namespace, nil)
		for _, item := range page.items {
			// Items of built-in lists do not repeat their kind.
			item["apiVersion"], item["kind"] = of.APIVersion(), of.Kind.Kind
			references := dependency.ReferencesOf(item)
			if slices.ContainsFunc(targets, func(t dependency.Target) bool { return references.To(t) != "" }) {
				using = append(using, item)
			}
		}
		return head, err
	})
	if err = cmp.Or(err, partial); err != nil {
		return nil, err // what is not whole may lack a user
	}
	return using, nil
}
