package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/drift"
)

// versions are the resourceVersions of every object that killick manages, of
// whatever kind: it carries the part-of label and a field that killick wrote.
// (The endpoints controller copies a Service's labels to its EndpointSlices.)
func (s *stage) versions(ctx context.Context) (map[string]string, error) {
	_, lists, err := s.cluster.Client().Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	resources, err := discovery.GroupVersionResources(discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "patch"}}, lists))
	if err != nil {
		return nil, err
	}
	config := s.cluster.RESTConfig()
	config.WarningHandler = rest.NoWarnings{} // some listed kinds are deprecated
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, resource := range slices.SortedFunc(maps.Keys(resources), byName) {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: drift.LabelPartOf})
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			if ours(item) {
				seen[fmt.Sprintf("%s %s/%s", item.GetKind(), item.GetNamespace(), item.GetName())] = item.GetResourceVersion()
			}
		}
	}
	return seen, nil
}

func byName(a, b schema.GroupVersionResource) int { return strings.Compare(a.String(), b.String()) }

func ours(item unstructured.Unstructured) bool {
	return slices.ContainsFunc(item.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == drift.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

// How long nothing may have written anything before the cluster counts as
// settled, and how long that may take: controllers write a Deployment's status
// when they like.
const (
	quietFor    = 2 * time.Second
	settleLimit = time.Minute
)

// settled is versions once the controllers have finished with what was changed.
func (s *stage) settled(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	tick := time.NewTicker(quietFor / 8)
	defer tick.Stop()
	last, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	since := time.Now()
	for time.Since(since) < quietFor {
		select {
		case <-ctx.Done():
			return nil, errors.New("something keeps writing to the managed objects")
		case <-tick.C:
		}
		now, err := s.versions(ctx)
		if err != nil {
			return nil, err
		}
		if !maps.Equal(last, now) {
			last, since = now, time.Now()
		}
	}
	return last, nil
}
