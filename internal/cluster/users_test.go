package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// TestUsing: the Pods and ReplicaSets that refer to something, whoever made them, in one
// namespace or in all; and what may not be read is no empty answer.
func TestUsing(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	config := dependency.TargetOf(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: "settings"}, nil)
	account := dependency.TargetOf(drift.ID{Kind: "ServiceAccount", Namespace: e.ns, Name: "runner"}, nil)
	class := dependency.TargetOf(drift.ID{Group: "scheduling.k8s.io", Kind: "PriorityClass", Name: "system-node-critical"}, nil)
	const template = "{metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}], volumes: [{name: v, configMap: {name: settings}}]}}"
	e.create("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: old, namespace: NS}, spec: {replicas: 0, selector: {matchLabels: {app: a}}, template: " + template + "}}")
	e.create("{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: NS}, spec: {priorityClassName: system-node-critical, containers: [{name: settings, image: i}]}}")
	e.create("{apiVersion: v1, kind: Pod, metadata: {name: user, namespace: NS}, spec: {containers: [{name: c, image: i, envFrom: [{configMapRef: {name: settings}}]}]}}")

	limited, half := "limited-"+e.ns, "half-"+e.ns
	e.allow(limited, e.ns, `[{apiGroups: [""], resources: [pods], verbs: [list]}, {apiGroups: [apps], resources: [replicasets], verbs: [list]}]`)
	e.allow(half, e.ns, `[{apiGroups: [""], resources: [pods], verbs: [list]}]`)
	for _, c := range []struct {
		why       string
		client    *Client
		namespace string
		targets   []dependency.Target
		want      []string
		err       error
	}{
		{"what mounts or names it", client, e.ns, []dependency.Target{config}, []string{"Pod user", "ReplicaSet old"}, nil},
		{"any of several targets", client, e.ns, []dependency.Target{account, class, config}, []string{"Pod other", "Pod user", "ReplicaSet old"}, nil},
		{"nothing refers to it", client, e.ns, []dependency.Target{account}, nil, nil},
		{"a namespace that does not exist holds nothing", client, e.ns + "-none", []dependency.Target{config}, nil, nil},
		{"in all namespaces", client, "", []dependency.Target{class, config}, []string{"Pod other", "Pod user", "ReplicaSet old"}, nil},
		{"by who may read one namespace", e.connectAs(limited, Options{}), e.ns, []dependency.Target{config}, []string{"Pod user", "ReplicaSet old"}, nil},
		{"by who may not read all", e.connectAs(limited, Options{}), "", []dependency.Target{config}, nil, drift.ErrForbidden},
		{"by who may not read ReplicaSets", e.connectAs(half, Options{}), e.ns, []dependency.Target{config}, nil, drift.ErrForbidden},
	} {
		found, err := c.client.Using(e.ctx, drift.App{}, c.namespace, c.targets)
		var got []string
		for _, live := range found {
			if id := drift.IDOf(live); id.Namespace == e.ns {
				got = append(got, id.Kind+" "+id.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), "listing ") {
			t.Errorf("%s: %v (-want +got):\n%s", c.why, err, diff)
		}
	}
}
