package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/killick-dev/killick/internal/drift"
)

// Capabilities asks the cluster what it serves, afresh: two requests where the
// server answers with aggregated discovery (1.30 and later), one per
// group-version where it does not. A group-version that cannot be discovered is
// Degraded: its kinds are unknown, never absent.
func (c *Client) Capabilities(ctx context.Context) (drift.Capabilities, error) {
	groups, resources, failed, err := c.own.serves(ctx)
	if err != nil {
		return drift.Capabilities{}, fmt.Errorf("asking the cluster what it serves: %w", err)
	}
	c.mu.Lock()
	version := c.version
	c.mu.Unlock()
	served := capabilities(version, resources)
	for groupVersion, reason := range failed {
		served.Degraded[groupVersion.String()] = reason.Error()
	}
	maps.Copy(served.Degraded, undescribed(groups, resources, served.Degraded))
	if err := basics(served); err != nil {
		return drift.Capabilities{}, fmt.Errorf("asking the cluster what it serves: %w", err)
	}
	c.mu.Lock()
	c.served = &served
	c.mu.Unlock()
	return served, nil
}

// serves asks for discovery, again while the cause of a failure looks passing. failed are
// the group-versions that could not be discovered.
func (s *session) serves(ctx context.Context) (groups []*metav1.APIGroup, resources []*metav1.APIResourceList, failed map[schema.GroupVersion]error, err error) {
	for attempt := 0; ; attempt++ {
		groups, resources, err = s.discover(ctx)
		failed, partly := discovery.GroupDiscoveryFailedErrorGroups(err)
		if err == nil || partly {
			return groups, resources, failed, nil
		}
		if attempt == len(pauses) || !passing(err) {
			return nil, nil, nil, describe(err)
		}
		if ended := pause(ctx, pauses[attempt]); ended != nil {
			return nil, nil, nil, fmt.Errorf("%w, after: %w", ended, describe(err))
		}
	}
}

// discover makes client-go's requests for discovery, all of them in the time of one.
func (s *session) discover(ctx context.Context) ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	bounded, bound, cancel := s.untilAnswer(ctx)
	defer cancel()
	groups, resources, err := discovery.ServerGroupsAndResourcesWithContext(bounded, s.discovery)
	_, told := errors.AsType[*noAnswer](err)
	_, partly := discovery.GroupDiscoveryFailedErrorGroups(err)
	switch {
	case err == nil, ctx.Err() == nil && (told || partly):
	case ctx.Err() != nil:
		err = why(ctx)
	case isTimeout(err):
		err = &noAnswer{asked: "GET /api and /apis", after: spoken(bound)}
	}
	return groups, resources, err
}

// undescribed are the group-versions that the cluster names and says nothing about, as
// where an empty object came for their description. One of an aggregated API may serve
// nothing, as that of a metrics adapter without rules; a built-in one always does.
func undescribed(groups []*metav1.APIGroup, resources []*metav1.APIResourceList, failed map[string]string) map[string]string {
	described := map[string]bool{}
	for _, list := range resources {
		group, _, err := drift.ParseAPIVersion(list.GroupVersion)
		described[list.GroupVersion] = err == nil && (len(list.APIResources) > 0 || !drift.BuiltInGroup(group))
	}
	found := map[string]string{}
	for _, group := range groups {
		for _, version := range group.Versions {
			if failed[version.GroupVersion] == "" && !described[version.GroupVersion] {
				found[version.GroupVersion] = "the answer describes nothing of it"
			}
		}
	}
	return found
}

// basics makes sure that discovery names what no run can do without: an answer that
// lacks these is not a cluster's, and what else it lacks is not gone.
func basics(served drift.Capabilities) error {
	for _, of := range []resource{namespaceResource, configMaps, secrets, leases} {
		if _, ok := served.Kinds[of.Kind]; !ok && served.Degraded[of.APIVersion()] == "" {
			return malformed("it lacks %s, which every cluster serves", of.Kind)
		}
	}
	return nil
}

// capabilities turns discovery documents into plain values. APIVersions holds
// the kinds of subresources too, as Helm's Capabilities.APIVersions does
// (helm, pkg/action/action.go, GetVersionSet).
func capabilities(kubeVersion string, resources []*metav1.APIResourceList) drift.Capabilities {
	served := drift.Capabilities{KubeVersion: kubeVersion, Kinds: map[drift.Kind]drift.KindInfo{}, Degraded: map[string]string{}}
	versions := map[string]bool{}
	for _, list := range resources {
		versions[list.GroupVersion] = true
		for _, resource := range list.APIResources {
			versions[path.Join(list.GroupVersion, resource.Kind)] = true
		}
		maps.Copy(served.Kinds, kindsOf(list))
	}
	served.APIVersions = slices.Sorted(maps.Keys(versions))
	return served
}

// kindsOf are the kinds of one group-version. Where two resources have one
// kind, the one that can be listed counts, then the first by name.
func kindsOf(list *metav1.APIResourceList) map[drift.Kind]drift.KindInfo {
	group, version, err := drift.ParseAPIVersion(list.GroupVersion)
	if err != nil {
		return nil
	}
	scalable := map[string]bool{}
	kinds := map[drift.Kind]drift.KindInfo{}
	resources := slices.Clone(list.APIResources)
	slices.SortFunc(resources, func(a, b metav1.APIResource) int { return strings.Compare(a.Name, b.Name) })
	for _, resource := range resources {
		parent, sub, nested := strings.Cut(resource.Name, "/")
		if nested {
			scalable[parent] = scalable[parent] || sub == "scale"
			continue
		}
		kind := drift.Kind{Group: group, Version: version, Kind: resource.Kind}
		info := drift.KindInfo{Resource: resource.Name, Namespaced: resource.Namespaced, Verbs: resource.Verbs,
			Names: namesOf(resource)}
		if earlier, taken := kinds[kind]; taken && (can(earlier, "list") || !can(info, "list")) {
			continue
		}
		kinds[kind] = info
	}
	for kind, info := range kinds {
		info.Scalable = scalable[info.Resource]
		kinds[kind] = info
	}
	return kinds
}

// namesOf are the names of a resource beside its plural.
func namesOf(resource metav1.APIResource) []string {
	names := slices.Clone(resource.ShortNames)
	if resource.SingularName != "" {
		names = append(names, resource.SingularName)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func can(info drift.KindInfo, verb string) bool { return slices.Contains(info.Verbs, verb) }

// known is what the cluster serves, asked for once.
func (c *Client) known(ctx context.Context) (drift.Capabilities, error) {
	c.mu.Lock()
	served := c.served
	c.mu.Unlock()
	if served != nil {
		return *served, nil
	}
	return c.Capabilities(ctx)
}

// discover asks about one group-version afresh and merges the answer into what
// is known. A group-version that is not served is not an error.
func (c *Client) discover(ctx context.Context, apiVersion string) error {
	base, err := groupVersionPath(apiVersion)
	if err != nil {
		return err
	}
	body, err := c.own.read(ctx, request{path: base})
	if errors.Is(err, drift.ErrNotServed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking what %q serves: %w", apiVersion, err)
	}
	var resources metav1.APIResourceList
	err = json.Unmarshal(body, &resources)
	if err == nil && (resources.Kind != "APIResourceList" || resources.GroupVersion != apiVersion) {
		err = malformed("it describes %q", resources.GroupVersion)
	}
	if err != nil {
		return fmt.Errorf("asking what %q serves: %w", apiVersion, err)
	}
	if _, err := c.known(ctx); err != nil {
		return err
	}
	fresh := capabilities("", []*metav1.APIResourceList{&resources})
	c.mu.Lock()
	defer c.mu.Unlock()
	merged := *c.served
	merged.Kinds, merged.Degraded = maps.Clone(merged.Kinds), maps.Clone(merged.Degraded)
	maps.Copy(merged.Kinds, fresh.Kinds)
	delete(merged.Degraded, apiVersion)
	merged.APIVersions = slices.Compact(slices.Sorted(slices.Values(slices.Concat(merged.APIVersions, fresh.APIVersions))))
	c.served = &merged
	return nil
}

// resource is a kind together with what is needed to address its objects.
type resource struct {
	drift.Kind
	drift.KindInfo
}

// resolve finds how a kind is served. A kind of a degraded group-version is
// unknown; one that nobody serves is drift.ErrNotServed.
func resolve(served drift.Capabilities, kind drift.Kind) (resource, error) {
	info, ok := served.Kinds[kind]
	if ok && can(info, "get") {
		return resource{kind, info}, nil
	}
	if ok {
		return resource{}, &drift.Refusal{Kind: drift.ErrInvalid, Message: fmt.Sprintf("%s cannot be read back, only created: it is a request, not an object to keep", kind)}
	}
	if reason, degraded := served.Degraded[kind.APIVersion()]; degraded {
		return resource{}, fmt.Errorf("finding %s: its API %q does not answer: %s", kind, kind.APIVersion(), reason)
	}
	if others := versionsOf(served, kind.Group, kind.Kind); len(others) > 0 {
		return resource{}, fmt.Errorf("finding %s: %w; served versions: %s", kind, drift.ErrNotServed, strings.Join(others, ", "))
	}
	return resource{}, fmt.Errorf("finding %s: %w", kind, drift.ErrNotServed)
}

// versionsOf are the versions at which a kind is served, sorted.
func versionsOf(served drift.Capabilities, group, kind string) []string {
	var versions []string
	for other := range served.Kinds {
		if other.Group == group && other.Kind == kind {
			versions = append(versions, other.Version)
		}
	}
	slices.Sort(versions)
	return versions
}

// groupDegraded says whether any version of the group could not be discovered.
func groupDegraded(served drift.Capabilities, group string) bool {
	for apiVersion := range served.Degraded {
		if other, _, err := drift.ParseAPIVersion(apiVersion); err != nil || other == group {
			return true
		}
	}
	return false
}

// path addresses the collection, of one namespace when one is given.
func (r resource) path(namespace string) (string, error) {
	base, err := groupVersionPath(r.APIVersion())
	if err != nil || namespace == "" || !r.Namespaced {
		return base + "/" + r.Resource, err
	}
	if err := segment("namespace", namespace); err != nil {
		return "", err
	}
	return base + "/namespaces/" + namespace + "/" + r.Resource, nil
}

// object addresses one object. Names come from manifests: one that would leave
// its place in the URL is refused here.
func (r resource) object(namespace, name string) (string, error) {
	if r.Namespaced && namespace == "" {
		return "", &drift.Refusal{Kind: drift.ErrInvalid, Message: fmt.Sprintf("%s %q is namespaced and names no namespace", r.Kind.Kind, name)}
	}
	base, err := r.path(namespace)
	if err != nil {
		return "", err
	}
	if err := segment("name", name); err != nil {
		return "", err
	}
	return base + "/" + name, nil
}

func groupVersionPath(apiVersion string) (string, error) {
	group, version, err := drift.ParseAPIVersion(apiVersion)
	if err == nil {
		err = segment("version", version)
	}
	if err != nil {
		return "", err
	}
	if group == "" {
		return "/api/" + version, nil
	}
	return "/apis/" + group + "/" + version, segment("group", group)
}

func segment(what, value string) error {
	if value == "" {
		return &drift.Refusal{Kind: drift.ErrInvalid, Message: what + " is empty"}
	}
	if faults := content.IsPathSegmentName(value); len(faults) > 0 {
		return &drift.Refusal{Kind: drift.ErrInvalid, Message: fmt.Sprintf("%s %q %s", what, value, strings.Join(faults, "; "))}
	}
	return nil
}
