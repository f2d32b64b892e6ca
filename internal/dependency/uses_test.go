package dependency_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// user is one user in a table: a live object, with its health before it.
func user(t *testing.T, status drift.HealthStatus, live string, edit ...func(*dependency.User)) dependency.User {
	t.Helper()
	object := model.Tree(t, live)
	u := dependency.User{ID: drift.IDOf(object), Live: object, Status: status}
	for _, change := range edit {
		change(&u)
	}
	return u
}

func wanted(u *dependency.User) { u.Wanted = true }

func fate(f dependency.Fate) func(*dependency.User) { return func(u *dependency.User) { u.Fate = f } }

func unread(u *dependency.User) { u.Err = errors.New("no") }

// Objects of kinds in namespace shop, which mount the ConfigMap x or do not.
const (
	using = "{containers: [{name: c}], volumes: [{name: v, configMap: {name: x}}]}"
	idle  = "{containers: [{name: c}]}"
)

func ofKind(apiVersion, kind, name, owner, rest string) string {
	meta := "{name: " + name + ", namespace: shop, uid: " + name
	if owner != "" {
		kind, apiVersion := strings.Fields(owner)[0], "apps/v1"
		meta += ", ownerReferences: [{apiVersion: " + apiVersion + ", kind: " + kind + ", name: " + strings.Fields(owner)[1] + ", uid: " + strings.Fields(owner)[1] + ", controller: true}]"
	}
	return "{apiVersion: " + apiVersion + ", kind: " + kind + ", metadata: " + meta + "}, " + rest + "}"
}

func maker(kind, name, owner, pod, more string) string {
	return ofKind("apps/v1", kind, name, owner, "spec: {template: {spec: "+pod+"}"+more+"}")
}

// TestUsed: who keeps the ConfigMap shop/x.
func TestUsed(t *testing.T) {
	t.Parallel()
	const service = "spec: {type: LoadBalancer, selector: {app: a}}"
	job := func(pod, status string) string {
		return ofKind("batch/v1", "Job", "j", "", "spec: {template: {spec: "+pod+"}}, status: {"+status+"}")
	}
	const failed = `conditions: [{type: Failed, status: "True"}]`
	for _, c := range []struct {
		why   string
		users []dependency.User
		want  string // in the reason; "" is no use
	}{
		{"nobody", nil, ""},
		{"a mount that is Current", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ""), wanted)}, ""},
		{"a mount that is not", []dependency.User{user(t, drift.HealthInProgress, maker("Deployment", "d", "", using, ""), wanted)}, "P2: Deployment shop/d, which mounts it, is InProgress"},
		{"somebody else's mount that is not", []dependency.User{user(t, drift.HealthFailed, maker("Deployment", "d", "", using, ""))}, "Deployment shop/d, which mounts it, is Failed"},
		{"a mount that is going away", []dependency.User{user(t, drift.HealthTerminating, maker("Deployment", "d", "", using, ""))}, "is Terminating"},
		{"a mount in what Git says only", []dependency.User{user(t, drift.HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *dependency.User) {
			u.Applied = model.Tree(t, maker("Deployment", "d", "", using, ""))
		})}, "which mounts it"},
		{"a mount in what Git says without a namespace", []dependency.User{user(t, drift.HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *dependency.User) {
			u.Applied = model.Tree(t, strings.Replace(maker("Deployment", "d", "", using, ""), "namespace: shop, ", "", 1))
		})}, "which mounts it"},
		{"a mount in what kubectl applied last", []dependency.User{user(t, drift.HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *dependency.User) {
			nested.Metadata(u.Live)["annotations"] = map[string]any{drift.LastApplied: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"volumes": [{"configMap": {"name": "x"}}]}}}}`}
		})}, "which mounts it"},

		{"a mount that Git took away, and policy did not", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ""), func(u *dependency.User) {
			u.Applied = model.Tree(t, maker("Deployment", "d", "", idle, ""))
		})}, "Deployment shop/d, which mounts it, is not as Git says"},
		{"a mount that Git has, and that is Current", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ""), func(u *dependency.User) {
			u.Applied = model.Tree(t, maker("Deployment", "d", "", using, ""))
		})}, ""},
		{"a word that a controller wrote", []dependency.User{user(t, drift.HealthCurrent, strings.Replace(ofKind("v1", "Service", "d", "", service), "uid: d", "uid: d, annotations: {example.com/seen: x}", 1), func(u *dependency.User) {
			u.Applied = model.Tree(t, ofKind("v1", "Service", "d", "", service))
		})}, ""},

		{"a workload of the app that is not Current", []dependency.User{user(t, drift.HealthInProgress, maker("StatefulSet", "d", "", idle, ""), wanted)}, "StatefulSet shop/d is InProgress, and what it ran before may use this"},
		{"a workload of another app that is not Current", []dependency.User{user(t, drift.HealthInProgress, maker("StatefulSet", "d", "", idle, ""))}, ""},
		{"a custom resource of the app that is not Current", []dependency.User{user(t, drift.HealthUnknown, ofKind("example.com/v1", "Thing", "d", "", "spec: {}"), wanted)}, "Thing shop/d is Unknown"},
		{"a custom resource of a group that looks built in", []dependency.User{user(t, drift.HealthFailed, ofKind("gateway.networking.k8s.io/v1", "Gateway", "d", "", "spec: {}"), wanted)}, "Gateway shop/d is Failed"},
		{"a custom resource that somebody suspended", []dependency.User{user(t, drift.HealthSuspended, ofKind("example.com/v1", "Thing", "d", "", "spec: {}"), wanted)}, ""},
		{"a custom resource that somebody suspended and that names it", []dependency.User{user(t, drift.HealthSuspended, ofKind("example.com/v1", "Thing", "d", "", "spec: {config: x}"), wanted)}, "Thing shop/d, which names it, is Suspended"},
		{"a Service without its address", []dependency.User{user(t, drift.HealthInProgress, ofKind("v1", "Service", "d", "", service), wanted)}, ""},
		{"a Service without its address, which names it", []dependency.User{user(t, drift.HealthInProgress, strings.Replace(ofKind("v1", "Service", "d", "", service), "uid: d", "uid: d, annotations: {example.com/pool: x}", 1), wanted)}, "which names it"},
		{"a claim that waits", []dependency.User{user(t, drift.HealthInProgress, ofKind("v1", "PersistentVolumeClaim", "d", "", "spec: {}"), wanted)}, ""},
		{"an autoscaler that does not work", []dependency.User{user(t, drift.HealthFailed, ofKind("autoscaling/v2", "HorizontalPodAutoscaler", "d", "", "spec: {}"), wanted)}, ""},

		{"a Job that runs", []dependency.User{user(t, drift.HealthInProgress, job(idle, "active: 1"), wanted)}, "Job shop/j is InProgress"},
		{"a Job that failed", []dependency.User{user(t, drift.HealthFailed, job(using, failed), wanted)}, ""},
		{"a Job that failed and has Pods left", []dependency.User{user(t, drift.HealthFailed, job(idle, failed+", terminating: 1"), wanted)}, "Job shop/j is Failed"},
		{"a Job that is about to fail", []dependency.User{user(t, drift.HealthFailed, job(using, `active: 0, conditions: [{type: FailureTarget, status: "True"}]`), wanted)}, "Job shop/j, which mounts it"},
		{"a suspended Job", []dependency.User{user(t, drift.HealthSuspended, strings.Replace(job(using, ""), "spec: {template", "spec: {suspend: true, template", 1), wanted)}, ""},
		{"a Pod that ended", []dependency.User{user(t, drift.HealthFailed, ofKind("v1", "Pod", "p", "", "spec: "+using+", status: {phase: Failed}"), wanted)}, ""},
		{"a paused Deployment", []dependency.User{user(t, drift.HealthInProgress, maker("Deployment", "d", "", using, ", paused: true"), wanted)}, ""},
		{"pods that wait to be deleted by hand", []dependency.User{user(t, drift.HealthSuspended, maker("DaemonSet", "d", "", using, ""), wanted)}, ""},
		{"a ReplicaSet that was scaled down", []dependency.User{user(t, drift.HealthFailed, maker("ReplicaSet", "r", "", using, ", replicas: 0"))}, ""},
		{"a ReplicaSet that is being scaled down", []dependency.User{user(t, drift.HealthInProgress, strings.TrimSuffix(maker("ReplicaSet", "r", "", using, ", replicas: 0"), "}")+", status: {replicas: 1}}")}, "ReplicaSet shop/r, which mounts it"},

		{"an old ReplicaSet of a Deployment that is Current", []dependency.User{
			user(t, drift.HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")), user(t, drift.HealthCurrent, maker("Deployment", "d", "", idle, ""))}, "ReplicaSet shop/r of an older revision still mounts it"},
		{"the ReplicaSet of today", []dependency.User{
			user(t, drift.HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")), user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ""))}, ""},
		{"a Pod of an old ReplicaSet", []dependency.User{
			user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, drift.HealthCurrent, maker("Deployment", "d", "", idle, "")),
			user(t, drift.HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1"))}, "Pod shop/p of an older revision"},
		{"a Pod that admission gave the volume", []dependency.User{
			user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, drift.HealthCurrent, maker("Deployment", "d", "", idle, "")),
			user(t, drift.HealthCurrent, maker("ReplicaSet", "r", "Deployment d", idle, ", replicas: 1"))}, ""},
		{"a Pod that admission gave the volume, in a rollout", []dependency.User{
			user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, drift.HealthSuspended, maker("Deployment", "d", "", idle, ", paused: true")),
			user(t, drift.HealthCurrent, maker("ReplicaSet", "r", "Deployment d", idle, ", replicas: 1"))}, "Pod shop/p of an older revision"},
		{"a Pod of a DaemonSet in a rollout", []dependency.User{
			user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "DaemonSet d", "spec: "+using)), user(t, drift.HealthSuspended, maker("DaemonSet", "d", "", idle, ""))}, "Pod shop/p of an older revision"},
		{"a Pod of a StatefulSet's last revision", []dependency.User{
			user(t, drift.HealthCurrent, strings.Replace(ofKind("v1", "Pod", "p", "StatefulSet d", "spec: "+using), "uid: p", "uid: p, labels: {controller-revision-hash: d-1}", 1)),
			user(t, drift.HealthCurrent, strings.TrimSuffix(maker("StatefulSet", "d", "", idle, ""), "}")+", status: {updateRevision: d-2}}")}, "Pod shop/p of an older revision"},
		{"a Pod of nobody", []dependency.User{user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "", "spec: "+using))}, ""},
		{"a Pod of a controller that nobody knows", []dependency.User{user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "Rollout d", "spec: "+using))}, ""},
		{"a Pod whose controller may not be read", []dependency.User{user(t, drift.HealthCurrent, ofKind("v1", "Pod", "p", "DaemonSet d", "spec: "+using), unread)}, "whether Pod shop/p uses it could not be read: no"},

		{"it leaves too", []dependency.User{user(t, drift.HealthFailed, maker("Deployment", "d", "", using, ""), fate(dependency.Leaves))}, ""},
		{"what made it leaves too", []dependency.User{
			user(t, drift.HealthInProgress, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, drift.HealthInProgress, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")),
			user(t, drift.HealthFailed, maker("Deployment", "d", "", using, ""), fate(dependency.Leaves))}, ""},
		{"it is asked again when it has been written", []dependency.User{user(t, drift.HealthFailed, maker("Deployment", "d", "", using, ""), fate(dependency.Changes), wanted)}, ""},
		{"it is written later", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ""), fate(dependency.Due))}, "is changed by this run too"},
		{"a paused Deployment is written later", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", using, ", paused: true"), fate(dependency.Due))}, "is changed by this run too"},
		{"something else is written later", []dependency.User{user(t, drift.HealthCurrent, maker("Deployment", "d", "", idle, ""), fate(dependency.Due))}, ""},
		{"owners in a circle", []dependency.User{user(t, drift.HealthFailed, maker("Deployment", "a", "Deployment b", idle, "")), user(t, drift.HealthCurrent, maker("Deployment", "b", "Deployment a", using, ""))}, ""},

		{"Pods may not be read", []dependency.User{{ID: drift.ID{Kind: "Pod", Namespace: "shop"}, Err: errors.New("forbidden")}}, "whether Pods use it could not be read: forbidden"},
		{"Pods of another namespace may not be read", []dependency.User{{ID: drift.ID{Kind: "Pod", Namespace: "other"}, Err: errors.New("forbidden")}}, ""},
		{"a workload beside it may not be read", []dependency.User{{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden")}}, "whether Deployment shop/d uses it could not be read"},
		{"a workload may not be read that has no part in it in Git", []dependency.User{{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden"),
			Applied: model.Tree(t, maker("Deployment", "d", "", idle, ""))}}, ""},
		{"a workload elsewhere may not be read", []dependency.User{{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "other", Name: "d"}, Err: errors.New("forbidden")}}, ""},
		{"a quota beside it may not be read", []dependency.User{{ID: drift.ID{Kind: "ResourceQuota", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden")}}, ""},
		{"what Git says uses it may not be read", []dependency.User{{ID: drift.ID{Kind: "ServiceAccount", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden"),
			Applied: model.Tree(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: d}, metadata2: {configMap: {name: x}}}")}}, "whether ServiceAccount shop/d uses it"},
		{"an object that does not exist yet", []dependency.User{{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Applied: model.Tree(t, maker("Deployment", "d", "", using, ""))}}, ""},
	} {
		id := drift.ID{Kind: "ConfigMap", Namespace: "shop", Name: "x"}
		got := dependency.Used([]dependency.Target{dependency.TargetOf(id, nil)}, c.users)[id].Reason
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// TestUsedTogether: what is kept keeps what it uses, in whatever order they are looked
// at, and says who is the cause.
func TestUsedTogether(t *testing.T) {
	t.Parallel()
	leaving := []dependency.User{
		user(t, drift.HealthCurrent, ofKind("rbac.authorization.k8s.io/v1", "RoleBinding", "b", "", "roleRef: {kind: Role, name: r}, subjects: [{kind: ServiceAccount, name: a, namespace: shop}]"), fate(dependency.Leaves)),
		user(t, drift.HealthCurrent, ofKind("rbac.authorization.k8s.io/v1", "Role", "r", "", "rules: []"), fate(dependency.Leaves)),
		user(t, drift.HealthCurrent, ofKind("v1", "ServiceAccount", "a", "", "secrets: [{name: s}]"), fate(dependency.Leaves)),
		user(t, drift.HealthCurrent, ofKind("v1", "Secret", "s", "", "data: {}"), fate(dependency.Leaves)),
		user(t, drift.HealthCurrent, ofKind("v1", "Secret", "free", "", "data: {}"), fate(dependency.Leaves)),
	}
	pod := user(t, drift.HealthFailed, ofKind("v1", "Pod", "p", "", "spec: {serviceAccountName: a, containers: []}"))
	var targets []dependency.Target
	for _, u := range leaving {
		targets = append([]dependency.Target{dependency.TargetOf(u.ID, u.Live)}, targets...)
	}
	used := dependency.Used(targets, append([]dependency.User{pod}, leaving...))
	want := map[string]string{
		"RoleBinding": "P2: Pod shop/p, which gets rights from it, is Failed", "Role": "P2: RoleBinding shop/b, which names it, is not pruned either",
		"ServiceAccount": "P2: Pod shop/p, which runs as it, is Failed", "Secret": "P2: ServiceAccount shop/a, which names it, is not pruned either",
	}
	for _, u := range leaving {
		reason := want[u.ID.Kind]
		if u.ID.Name == "free" {
			reason = ""
		}
		if got := used[u.ID].Reason; got != reason {
			t.Errorf("%s: %q, want %q", u.ID.Short(), got, reason)
		}
	}
	if by := used[leaving[0].ID].By; by != pod.ID {
		t.Errorf("the cause is %s", by)
	}
	if used := dependency.Used(targets, leaving); len(used) > 0 {
		t.Errorf("without the Pod all of them may go: %v", used)
	}
}
