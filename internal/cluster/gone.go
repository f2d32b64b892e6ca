package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// Aggregated discovery, which a run asks once, is one document that the API server fills
// by itself, group by group, after it has started or anything about a group has changed
// (kube-aggregator, pkg/apiserver/handler_discovery.go). What it lacks may be served all
// the same. Before anything is concluded from what it lacks, the documents of single
// groups are asked, which are made from the API services when they are asked for.

// kindIsGone says whether nothing can hold objects of a kind any more: no
// version of its group failed discovery, the group's own documents do not describe it
// either, and no CRD defines it. A built-in kind needs no CRD to be asked for, and one of
// an aggregated API has none. Whatever cannot be read makes the answer no.
func (s *survey) kindIsGone(ctx context.Context, id drift.ID) bool {
	return s.session.kindIsGone(ctx, s.served, id)
}

func (s *session) kindIsGone(ctx context.Context, served drift.Capabilities, id drift.ID) bool {
	if groupDegraded(served, id.Group) {
		return false
	}
	if described, err := s.describes(ctx, id.Group, id.Kind); described || err != nil {
		return false
	}
	if drift.BuiltInGroup(id.Group) {
		return true
	}
	crds, err := s.heads(ctx, crdResource, "", "")
	if err != nil {
		return false
	}
	for _, one := range crds {
		name := one.Metadata.Name // always PLURAL.GROUP
		if !strings.HasSuffix(name, "."+id.Group) {
			continue
		}
		crd, err := s.get(ctx, crdResource, "", name)
		if err != nil || text(crd, "spec", "names", "kind") == id.Kind {
			return false
		}
	}
	return true
}

// describes says whether the API server describes a kind at any version of its group,
// asked afresh and group-version by group-version.
func (s *session) describes(ctx context.Context, group, kind string) (bool, error) {
	versions := []string{"v1"}
	if group != "" {
		var said metav1.APIGroup
		err := s.describe(ctx, "/apis/"+group, &said)
		if errors.Is(err, drift.ErrNotServed) {
			return false, nil
		}
		if err != nil || said.Kind != "APIGroup" || said.Name != group {
			return false, fmt.Errorf("asking what %q serves: %w", group, cmp.Or(err, malformed("it is no description of the group")))
		}
		versions = nil
		for _, one := range said.Versions {
			versions = append(versions, one.GroupVersion)
		}
	}
	for _, version := range versions {
		where, err := groupVersionPath(version)
		if err != nil {
			return false, err
		}
		var said metav1.APIResourceList
		err = s.describe(ctx, where, &said)
		if errors.Is(err, drift.ErrNotServed) {
			continue
		}
		if err != nil || said.Kind != "APIResourceList" || said.GroupVersion != version {
			return false, fmt.Errorf("asking what %q serves: %w", version, cmp.Or(err, malformed("it describes %q", said.GroupVersion)))
		}
		if slices.ContainsFunc(said.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind }) {
			return true, nil
		}
	}
	return false, nil
}

func (s *session) describe(ctx context.Context, where string, into any) error {
	body, err := s.read(ctx, request{path: where})
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// lacking is a group-version that the API server names and that what it serves lacks; ""
// where there is none.
func (s *session) lacking(ctx context.Context, served drift.Capabilities) (string, error) {
	var said metav1.APIGroupList
	err := s.describe(ctx, "/apis", &said)
	if err == nil && (said.Kind != "APIGroupList" || len(said.Groups) == 0) {
		err = malformed("it is no list of groups")
	}
	if err != nil {
		return "", fmt.Errorf("asking the cluster which groups it serves: %w", err)
	}
	for _, group := range said.Groups {
		for _, version := range group.Versions {
			if _, degraded := served.Degraded[version.GroupVersion]; !degraded && !slices.Contains(served.APIVersions, version.GroupVersion) {
				return version.GroupVersion, nil
			}
		}
	}
	return "", nil
}

// whole is what the cluster serves, once it lacks nothing that the API server names. What
// is just being installed or removed may take a second to be in both.
func (c *Client) whole(ctx context.Context, s *session, served drift.Capabilities) (drift.Capabilities, error) {
	for attempt := 0; ; attempt++ {
		lacks, err := s.lacking(ctx, served)
		if err != nil || lacks == "" {
			return served, err
		}
		if attempt == len(pauses) {
			return served, fmt.Errorf("discovery lacks %q, which the API server names", lacks)
		}
		if err := pause(ctx, pauses[attempt]); err != nil {
			return served, err
		}
		if served, err = c.Capabilities(ctx); err != nil {
			return served, err
		}
	}
}
