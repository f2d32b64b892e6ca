package drift

import (
	"errors"
	"strings"
	"testing"
)

// user is one user in a table: a live object, with its health before it.
func user(t *testing.T, status HealthStatus, live string, edit ...func(*User)) User {
	t.Helper()
	object := tree(t, live)
	u := User{ID: IDOf(object), Live: object, Status: status}
	for _, change := range edit {
		change(&u)
	}
	return u
}

func wanted(u *User)          { u.Wanted = true }
func fate(f Fate) func(*User) { return func(u *User) { u.Fate = f } }
func unread(u *User)          { u.Err = errors.New("no") }

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
		users []User
		want  string // in the reason; "" is no use
	}{
		{"nobody", nil, ""},
		{"a mount that is Current", []User{user(t, HealthCurrent, maker("Deployment", "d", "", using, ""), wanted)}, ""},
		{"a mount that is not", []User{user(t, HealthInProgress, maker("Deployment", "d", "", using, ""), wanted)}, "P2: Deployment shop/d, which mounts it, is InProgress"},
		{"somebody else's mount that is not", []User{user(t, HealthFailed, maker("Deployment", "d", "", using, ""))}, "Deployment shop/d, which mounts it, is Failed"},
		{"a mount that is going away", []User{user(t, HealthTerminating, maker("Deployment", "d", "", using, ""))}, "is Terminating"},
		{"a mount in what Git says only", []User{user(t, HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *User) {
			u.Applied = tree(t, maker("Deployment", "d", "", using, ""))
		})}, "which mounts it"},
		{"a mount in what Git says without a namespace", []User{user(t, HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *User) {
			u.Applied = tree(t, strings.Replace(maker("Deployment", "d", "", using, ""), "namespace: shop, ", "", 1))
		})}, "which mounts it"},
		{"a mount in what kubectl applied last", []User{user(t, HealthInProgress, maker("Deployment", "d", "", idle, ""), func(u *User) {
			metadata(u.Live)["annotations"] = map[string]any{lastApplied: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"volumes": [{"configMap": {"name": "x"}}]}}}}`}
		})}, "which mounts it"},

		{"a mount that Git took away, and policy did not", []User{user(t, HealthCurrent, maker("Deployment", "d", "", using, ""), func(u *User) {
			u.Applied = tree(t, maker("Deployment", "d", "", idle, ""))
		})}, "Deployment shop/d, which mounts it, is not as Git says"},
		{"a mount that Git has, and that is Current", []User{user(t, HealthCurrent, maker("Deployment", "d", "", using, ""), func(u *User) {
			u.Applied = tree(t, maker("Deployment", "d", "", using, ""))
		})}, ""},
		{"a word that a controller wrote", []User{user(t, HealthCurrent, strings.Replace(ofKind("v1", "Service", "d", "", service), "uid: d", "uid: d, annotations: {example.com/seen: x}", 1), func(u *User) {
			u.Applied = tree(t, ofKind("v1", "Service", "d", "", service))
		})}, ""},

		{"a workload of the app that is not Current", []User{user(t, HealthInProgress, maker("StatefulSet", "d", "", idle, ""), wanted)}, "StatefulSet shop/d is InProgress, and what it ran before may use this"},
		{"a workload of another app that is not Current", []User{user(t, HealthInProgress, maker("StatefulSet", "d", "", idle, ""))}, ""},
		{"a custom resource of the app that is not Current", []User{user(t, HealthUnknown, ofKind("example.com/v1", "Thing", "d", "", "spec: {}"), wanted)}, "Thing shop/d is Unknown"},
		{"a custom resource of a group that looks built in", []User{user(t, HealthFailed, ofKind("gateway.networking.k8s.io/v1", "Gateway", "d", "", "spec: {}"), wanted)}, "Gateway shop/d is Failed"},
		{"a custom resource that somebody suspended", []User{user(t, HealthSuspended, ofKind("example.com/v1", "Thing", "d", "", "spec: {}"), wanted)}, ""},
		{"a custom resource that somebody suspended and that names it", []User{user(t, HealthSuspended, ofKind("example.com/v1", "Thing", "d", "", "spec: {config: x}"), wanted)}, "Thing shop/d, which names it, is Suspended"},
		{"a Service without its address", []User{user(t, HealthInProgress, ofKind("v1", "Service", "d", "", service), wanted)}, ""},
		{"a Service without its address, which names it", []User{user(t, HealthInProgress, strings.Replace(ofKind("v1", "Service", "d", "", service), "uid: d", "uid: d, annotations: {example.com/pool: x}", 1), wanted)}, "which names it"},
		{"a claim that waits", []User{user(t, HealthInProgress, ofKind("v1", "PersistentVolumeClaim", "d", "", "spec: {}"), wanted)}, ""},
		{"an autoscaler that does not work", []User{user(t, HealthFailed, ofKind("autoscaling/v2", "HorizontalPodAutoscaler", "d", "", "spec: {}"), wanted)}, ""},

		{"a Job that runs", []User{user(t, HealthInProgress, job(idle, "active: 1"), wanted)}, "Job shop/j is InProgress"},
		{"a Job that failed", []User{user(t, HealthFailed, job(using, failed), wanted)}, ""},
		{"a Job that failed and has Pods left", []User{user(t, HealthFailed, job(idle, failed+", terminating: 1"), wanted)}, "Job shop/j is Failed"},
		{"a Job that is about to fail", []User{user(t, HealthFailed, job(using, `active: 0, conditions: [{type: FailureTarget, status: "True"}]`), wanted)}, "Job shop/j, which mounts it"},
		{"a suspended Job", []User{user(t, HealthSuspended, strings.Replace(job(using, ""), "spec: {template", "spec: {suspend: true, template", 1), wanted)}, ""},
		{"a Pod that ended", []User{user(t, HealthFailed, ofKind("v1", "Pod", "p", "", "spec: "+using+", status: {phase: Failed}"), wanted)}, ""},
		{"a paused Deployment", []User{user(t, HealthInProgress, maker("Deployment", "d", "", using, ", paused: true"), wanted)}, ""},
		{"pods that wait to be deleted by hand", []User{user(t, HealthSuspended, maker("DaemonSet", "d", "", using, ""), wanted)}, ""},
		{"a ReplicaSet that was scaled down", []User{user(t, HealthFailed, maker("ReplicaSet", "r", "", using, ", replicas: 0"))}, ""},
		{"a ReplicaSet that is being scaled down", []User{user(t, HealthInProgress, strings.TrimSuffix(maker("ReplicaSet", "r", "", using, ", replicas: 0"), "}")+", status: {replicas: 1}}")}, "ReplicaSet shop/r, which mounts it"},

		{"an old ReplicaSet of a Deployment that is Current", []User{
			user(t, HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")), user(t, HealthCurrent, maker("Deployment", "d", "", idle, ""))}, "ReplicaSet shop/r of an older revision still mounts it"},
		{"the ReplicaSet of today", []User{
			user(t, HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")), user(t, HealthCurrent, maker("Deployment", "d", "", using, ""))}, ""},
		{"a Pod of an old ReplicaSet", []User{
			user(t, HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, HealthCurrent, maker("Deployment", "d", "", idle, "")),
			user(t, HealthCurrent, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1"))}, "Pod shop/p of an older revision"},
		{"a Pod that admission gave the volume", []User{
			user(t, HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, HealthCurrent, maker("Deployment", "d", "", idle, "")),
			user(t, HealthCurrent, maker("ReplicaSet", "r", "Deployment d", idle, ", replicas: 1"))}, ""},
		{"a Pod that admission gave the volume, in a rollout", []User{
			user(t, HealthCurrent, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, HealthSuspended, maker("Deployment", "d", "", idle, ", paused: true")),
			user(t, HealthCurrent, maker("ReplicaSet", "r", "Deployment d", idle, ", replicas: 1"))}, "Pod shop/p of an older revision"},
		{"a Pod of a DaemonSet in a rollout", []User{
			user(t, HealthCurrent, ofKind("v1", "Pod", "p", "DaemonSet d", "spec: "+using)), user(t, HealthSuspended, maker("DaemonSet", "d", "", idle, ""))}, "Pod shop/p of an older revision"},
		{"a Pod of a StatefulSet's last revision", []User{
			user(t, HealthCurrent, strings.Replace(ofKind("v1", "Pod", "p", "StatefulSet d", "spec: "+using), "uid: p", "uid: p, labels: {controller-revision-hash: d-1}", 1)),
			user(t, HealthCurrent, strings.TrimSuffix(maker("StatefulSet", "d", "", idle, ""), "}")+", status: {updateRevision: d-2}}")}, "Pod shop/p of an older revision"},
		{"a Pod of nobody", []User{user(t, HealthCurrent, ofKind("v1", "Pod", "p", "", "spec: "+using))}, ""},
		{"a Pod of a controller that nobody knows", []User{user(t, HealthCurrent, ofKind("v1", "Pod", "p", "Rollout d", "spec: "+using))}, ""},
		{"a Pod whose controller may not be read", []User{user(t, HealthCurrent, ofKind("v1", "Pod", "p", "DaemonSet d", "spec: "+using), unread)}, "whether Pod shop/p uses it could not be read: no"},

		{"it leaves too", []User{user(t, HealthFailed, maker("Deployment", "d", "", using, ""), fate(Leaves))}, ""},
		{"what made it leaves too", []User{
			user(t, HealthInProgress, ofKind("v1", "Pod", "p", "ReplicaSet r", "spec: "+using)), user(t, HealthInProgress, maker("ReplicaSet", "r", "Deployment d", using, ", replicas: 1")),
			user(t, HealthFailed, maker("Deployment", "d", "", using, ""), fate(Leaves))}, ""},
		{"it is asked again when it has been written", []User{user(t, HealthFailed, maker("Deployment", "d", "", using, ""), fate(Changes), wanted)}, ""},
		{"it is written later", []User{user(t, HealthCurrent, maker("Deployment", "d", "", using, ""), fate(Due))}, "is changed by this run too"},
		{"a paused Deployment is written later", []User{user(t, HealthCurrent, maker("Deployment", "d", "", using, ", paused: true"), fate(Due))}, "is changed by this run too"},
		{"something else is written later", []User{user(t, HealthCurrent, maker("Deployment", "d", "", idle, ""), fate(Due))}, ""},
		{"owners in a circle", []User{user(t, HealthFailed, maker("Deployment", "a", "Deployment b", idle, "")), user(t, HealthCurrent, maker("Deployment", "b", "Deployment a", using, ""))}, ""},

		{"Pods may not be read", []User{{ID: ID{Kind: "Pod", Namespace: "shop"}, Err: errors.New("forbidden")}}, "whether Pods use it could not be read: forbidden"},
		{"Pods of another namespace may not be read", []User{{ID: ID{Kind: "Pod", Namespace: "other"}, Err: errors.New("forbidden")}}, ""},
		{"a workload beside it may not be read", []User{{ID: ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden")}}, "whether Deployment shop/d uses it could not be read"},
		{"a workload may not be read that has no part in it in Git", []User{{ID: ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden"),
			Applied: tree(t, maker("Deployment", "d", "", idle, ""))}}, ""},
		{"a workload elsewhere may not be read", []User{{ID: ID{Group: "apps", Kind: "Deployment", Namespace: "other", Name: "d"}, Err: errors.New("forbidden")}}, ""},
		{"a quota beside it may not be read", []User{{ID: ID{Kind: "ResourceQuota", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden")}}, ""},
		{"what Git says uses it may not be read", []User{{ID: ID{Kind: "ServiceAccount", Namespace: "shop", Name: "d"}, Err: errors.New("forbidden"),
			Applied: tree(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: d}, metadata2: {configMap: {name: x}}}")}}, "whether ServiceAccount shop/d uses it"},
		{"an object that does not exist yet", []User{{ID: ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "d"}, Applied: tree(t, maker("Deployment", "d", "", using, ""))}}, ""},
	} {
		id := ID{Kind: "ConfigMap", Namespace: "shop", Name: "x"}
		got := Used([]Target{TargetOf(id, nil)}, c.users)[id].Reason
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// TestUsedTogether: what is kept keeps what it uses, in whatever order they are looked
// at, and says who is the cause.
func TestUsedTogether(t *testing.T) {
	t.Parallel()
	leaving := []User{
		user(t, HealthCurrent, ofKind("rbac.authorization.k8s.io/v1", "RoleBinding", "b", "", "roleRef: {kind: Role, name: r}, subjects: [{kind: ServiceAccount, name: a, namespace: shop}]"), fate(Leaves)),
		user(t, HealthCurrent, ofKind("rbac.authorization.k8s.io/v1", "Role", "r", "", "rules: []"), fate(Leaves)),
		user(t, HealthCurrent, ofKind("v1", "ServiceAccount", "a", "", "secrets: [{name: s}]"), fate(Leaves)),
		user(t, HealthCurrent, ofKind("v1", "Secret", "s", "", "data: {}"), fate(Leaves)),
		user(t, HealthCurrent, ofKind("v1", "Secret", "free", "", "data: {}"), fate(Leaves)),
	}
	pod := user(t, HealthFailed, ofKind("v1", "Pod", "p", "", "spec: {serviceAccountName: a, containers: []}"))
	var targets []Target
	for _, u := range leaving {
		targets = append([]Target{TargetOf(u.ID, u.Live)}, targets...)
	}
	used := Used(targets, append([]User{pod}, leaving...))
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
	if used := Used(targets, leaving); len(used) > 0 {
		t.Errorf("without the Pod all of them may go: %v", used)
	}
}
