package health

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var live map[string]any
	if err := yaml.UnmarshalStrict([]byte(text), &live); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return live
}

const (
	c = drift.HealthCurrent
	p = drift.HealthInProgress
	f = drift.HealthFailed
	s = drift.HealthSuspended
	d = drift.HealthTerminating
	u = drift.HealthUnknown
)

// of is one case: an object in flow YAML after its "apiVersion Kind", and what
// is said of it. says must be contained in the reason.
type of struct {
	why    string
	kind   string
	object string
	want   drift.HealthStatus
	says   string
}

func (test of) live(t *testing.T) map[string]any {
	t.Helper()
	apiVersion, kind, _ := strings.Cut(test.kind, " ")
	live := parse(t, test.object)
	live["apiVersion"], live["kind"] = apiVersion, kind
	return live
}

var generic = []of{
	{"deletion comes before everything", "apps/v1 Deployment", `{metadata: {deletionTimestamp: "2026-11-21T11:00:00Z", finalizers: [a/b, c/d]}, status: {conditions: [{type: Stalled, status: "True"}]}}`, d, "is being deleted, waiting for a/b, c/d"},
	{"deletion without finalizers", "v1 ConfigMap", `{metadata: {deletionTimestamp: "2026-11-21T11:00:00Z"}}`, d, "is being deleted"},
	{"a spec that nobody has read yet proves nothing", "example.com/v1 Widget", `{metadata: {generation: 4}, status: {observedGeneration: 3, conditions: [{type: Ready, status: "True"}]}}`, p, "has seen generation 3, and the object is at 4"},
	{"observedGeneration -1 is how Flux begins", "example.com/v1 Widget", `{metadata: {generation: 1}, status: {observedGeneration: -1}}`, p, "generation -1"},
	{"a restored object: the status is of another life", "example.com/v1 Widget", `{metadata: {generation: 1}, status: {observedGeneration: 7, conditions: [{type: Ready, status: "True"}]}}`, p, "generation 7"},
	{"an observed spec without conditions", "example.com/v1 Widget", `{metadata: {generation: 3}, status: {observedGeneration: 3}}`, c, "says nothing against it"},
	{"Stalled needs a person, whatever Ready says", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: Stalled, status: "True", reason: BadSpec, message: "no such image"}]}}`, f, "stalled: BadSpec: no such image"},
	{"Stalled before Reconciling: the worse counts", "example.com/v1 Widget", `{status: {conditions: [{type: Reconciling, status: "True"}, {type: Stalled, status: "True"}]}}`, f, "stalled"},
	{"Stalled of an older generation is no verdict on this one", "example.com/v1 Widget", `{metadata: {generation: 2}, status: {conditions: [{type: Stalled, status: "True", observedGeneration: 1}, {type: Ready, status: "False", observedGeneration: 1}]}}`, p, "older generation"},
	{"Stalled=False says nothing", "example.com/v1 Widget", `{status: {conditions: [{type: Stalled, status: "False"}]}}`, c, ""},
	{"Reconciling goes before the kind's own rule", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: Reconciling, status: "True", reason: Upgrading}]}}`, p, "reconciling: Upgrading"},
	{"a kind without status (kstatus: absence of conditions is current)", "rbac.authorization.k8s.io/v1 ClusterRole", `{rules: []}`, c, "reports no status"},
	{"a custom resource that reports nothing (kstatus likewise)", "example.com/v1 Widget", `{spec: {size: 3}}`, c, "reports no status"},
	{"an empty status is no status", "example.com/v1 Widget", `{status: {}}`, c, "reports no status"},
	{"a ConfigMap has no status", "v1 ConfigMap", `{data: {a: b}}`, c, ""},
	{"a Secret has no status", "v1 Secret", `{}`, c, ""},
	{"a StorageClass has no status", "storage.k8s.io/v1 StorageClass", `{provisioner: x}`, c, ""},
	{"a status of the wrong type reads as none", "example.com/v1 Widget", `{status: broken}`, c, "reports no status"},
	{"conditions of the wrong type read as none", "example.com/v1 Widget", `{status: {conditions: {Ready: "True"}}}`, c, "says nothing against it"},
	{"a condition of the wrong type is skipped", "example.com/v1 Widget", `{status: {conditions: [x, {type: Ready, status: "False"}]}}`, p, "not Ready yet"},
}

const deployed = `status: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: NewReplicaSetAvailable}]}`

var workloads = []of{
	{"all replicas there", "apps/v1 Deployment", `{metadata: {generation: 2}, spec: {replicas: 3, progressDeadlineSeconds: 600}, ` + deployed + `}`, c, "3 of 3 replicas are available"},
	{"replicas default to one", "apps/v1 Deployment", `{metadata: {generation: 1}, spec: {}, status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: "True"}]}}`, c, "1 of 1"},
	{"not seen by its controller yet", "apps/v1 Deployment", `{metadata: {generation: 1}, spec: {replicas: 0}}`, p, "has not looked at it yet"},
	{"scaled to zero is as wanted", "apps/v1 Deployment", `{metadata: {generation: 2}, spec: {replicas: 0, progressDeadlineSeconds: 600}, status: {observedGeneration: 2, conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: NewReplicaSetAvailable}]}}`, c, "0 of 0"},
	{"too few pods", "apps/v1 Deployment", `{metadata: {generation: 2}, spec: {replicas: 4}, ` + deployed + `}`, p, "3 of 4 replicas exist"},
	{"too few pods, and why", "apps/v1 Deployment", `{spec: {replicas: 4}, status: {replicas: 1, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: "exceeded quota"}]}}`, p, "1 of 4 replicas exist: FailedCreate: exceeded quota"},
	{"old pods still serve", "apps/v1 Deployment", `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3}}`, p, "1 of 3 replicas are updated"},
	{"old pods are being removed", "apps/v1 Deployment", `{spec: {replicas: 3}, status: {replicas: 4, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3}}`, p, "1 old replicas"},
	{"updated, but not available", "apps/v1 Deployment", `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 2}}`, p, "2 of 3 replicas are available"},
	{"available, but one lost readiness", "apps/v1 Deployment", `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, readyReplicas: 2, availableReplicas: 3}}`, p, "2 of 3 replicas are ready"},
	{"counts fit, the controller has not concluded", "apps/v1 Deployment", `{spec: {replicas: 1, progressDeadlineSeconds: 600}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: ReplicaSetUpdated}]}}`, p, "not reported as available yet"},
	{"no deadline: Progressing is never written", "apps/v1 Deployment", `{spec: {replicas: 1, progressDeadlineSeconds: 2147483647}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: "True"}]}}`, c, ""},
	{"Available=False", "apps/v1 Deployment", `{spec: {replicas: 1}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: "False", reason: MinimumReplicasUnavailable}]}}`, p, "not available: MinimumReplicasUnavailable"},
	{"the deadline passed", "apps/v1 Deployment", `{metadata: {generation: 2}, spec: {replicas: 3}, status: {observedGeneration: 2, replicas: 4, updatedReplicas: 1, conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: "ReplicaSet web-1 has timed out"}]}}`, f, "within its deadline: ProgressDeadlineExceeded: ReplicaSet web-1 has timed out"},
	{"the deadline passed for the spec before this one", "apps/v1 Deployment", `{metadata: {generation: 3}, spec: {replicas: 3}, status: {observedGeneration: 2, conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`, p, "generation 2"},
	{"paused between two revisions, all pods fine: a person decides", "apps/v1 Deployment", `{spec: {replicas: 3, paused: true}, status: {replicas: 3, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3, conditions: [{type: Available, status: "True"}, {type: Progressing, status: Unknown, reason: DeploymentPaused}]}}`, s, "1 of 3 replicas updated"},
	{"paused with pods down is no rest", "apps/v1 Deployment", `{spec: {replicas: 3, paused: true}, status: {replicas: 3, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}}`, p, "paused with 1 of 3"},

	{"all replicas ready", "apps/v1 StatefulSet", `{metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2, currentReplicas: 2, currentRevision: a, updateRevision: a}}`, c, "2 of 2 replicas are ready"},
	{"not seen by its controller yet", "apps/v1 StatefulSet", `{metadata: {generation: 1}, spec: {replicas: 0}, status: {}}`, p, "has not looked"},
	{"pods missing", "apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 1, readyReplicas: 1}}`, p, "1 of 3 replicas exist"},
	{"pods not ready", "apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 3, readyReplicas: 2}}`, p, "2 of 3 replicas are ready"},
	{"ready for less than minReadySeconds", "apps/v1 StatefulSet", `{spec: {replicas: 2, minReadySeconds: 10}, status: {replicas: 2, readyReplicas: 2, availableReplicas: 1, updatedReplicas: 2}}`, p, "1 of 2 replicas are available"},
	{"scaling down", "apps/v1 StatefulSet", `{spec: {replicas: 1}, status: {replicas: 2, readyReplicas: 2, updatedReplicas: 2}}`, p, "1 replicas too many"},
	{"rolling", "apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}`, p, "1 of 3 replicas are updated"},
	{"all updated, revision not concluded", "apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 3, currentRevision: a, updateRevision: b}}`, p, "3 of 3 replicas are updated"},
	{"the partition is what Git asked for", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}`, c, "above partition 2"},
	{"the partition is not reached", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}`, p, "1 of the 2 replicas above partition 1"},
	{"a partition above all replicas holds everything", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 9}}}, status: {replicas: 3, readyReplicas: 3, currentRevision: a, updateRevision: b}}`, c, "partition 9"},
	{"OnDelete without pods is not healthy (kstatus: Current)", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {type: OnDelete}}, status: {}}`, p, "0 of 3 replicas exist"},
	{"OnDelete with old pods waits for a person (kstatus: Current)", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {type: OnDelete}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}`, s, "2 of 3 pods wait to be deleted"},
	{"OnDelete, all replaced: currentRevision never moves", "apps/v1 StatefulSet", `{spec: {replicas: 3, updateStrategy: {type: OnDelete}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 3, currentRevision: a, updateRevision: b}}`, c, "ready and updated"},

	{"on every node", "apps/v1 DaemonSet", `{metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 4, numberAvailable: 4, numberReady: 4}}`, c, "4 of 4 pods are available"},
	{"not seen by its controller yet", "apps/v1 DaemonSet", `{metadata: {generation: 1}, status: {desiredNumberScheduled: 0}}`, p, "has not looked"},
	{"no node matches", "apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 0}}`, c, "no node matches"},
	{"pods missing", "apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 4, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3, numberReady: 3}}`, p, "3 of 4 pods are scheduled"},
	{"rolling", "apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 1, numberAvailable: 4, numberReady: 4}}`, p, "1 of 4 pods are updated"},
	{"not available", "apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 4, numberAvailable: 2, numberReady: 4}}`, p, "2 of 4 pods are available"},
	{"not ready", "apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 4, numberAvailable: 4, numberReady: 3}}`, p, "3 of 4 pods are ready"},
	{"OnDelete with old pods waits for a person", "apps/v1 DaemonSet", `{spec: {updateStrategy: {type: OnDelete}}, status: {desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 1, numberAvailable: 4, numberReady: 4}}`, s, "3 of 4 pods wait"},
	{"OnDelete does not excuse pods that are down", "apps/v1 DaemonSet", `{spec: {updateStrategy: {type: OnDelete}}, status: {desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1}}`, p, "1 of 4 pods are available"},

	{"all replicas", "apps/v1 ReplicaSet", `{spec: {replicas: 2}, status: {replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 2, readyReplicas: 2}}`, c, "2 of 2"},
	{"not seen by its controller yet", "apps/v1 ReplicaSet", `{metadata: {generation: 1}, spec: {replicas: 0}}`, p, "has not looked"},
	{"labels missing", "apps/v1 ReplicaSet", `{spec: {replicas: 2}, status: {replicas: 2, fullyLabeledReplicas: 1}}`, p, "1 of 2 replicas carry all labels"},
	{"not available", "apps/v1 ReplicaSet", `{spec: {replicas: 2}, status: {replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 1}}`, p, "1 of 2 replicas are available"},
	{"not ready", "apps/v1 ReplicaSet", `{spec: {replicas: 2}, status: {replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 2, readyReplicas: 1}}`, p, "1 of 2 replicas are ready"},
	{"scaling down", "apps/v1 ReplicaSet", `{spec: {replicas: 1}, status: {replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 2, readyReplicas: 2}}`, p, "1 replicas too many"},
	{"pods refused: no deadline ever ends this (kstatus: InProgress)", "apps/v1 ReplicaSet", `{spec: {replicas: 2}, status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: forbidden}]}}`, f, "FailedCreate: forbidden"},
	{"a ReplicationController is judged likewise", "v1 ReplicationController", `{spec: {replicas: 1}, status: {replicas: 1, fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1}}`, c, ""},

	{"running and ready", "v1 Pod", `{status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}`, c, ""},
	{"running, not ready", "v1 Pod", `{status: {phase: Running, conditions: [{type: Ready, status: "False", reason: ContainersNotReady}]}}`, p, "ContainersNotReady"},
	{"running, readiness not reported", "v1 Pod", `{status: {phase: Running}}`, p, "not ready"},
	{"completed", "v1 Pod", `{status: {phase: Succeeded}}`, c, "completed"},
	{"a failed Pod is Failed (kstatus: Current)", "v1 Pod", `{status: {phase: Failed, reason: Evicted, message: "The node was low on resource: memory."}}`, f, "Evicted: The node was low on resource: memory."},
	{"a failed Pod names its container", "v1 Pod", `{status: {phase: Failed, containerStatuses: [{name: ok, state: {terminated: {exitCode: 0}}}, {name: web, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}}`, f, "container web: OOMKilled"},
	{"a failed Pod that says nothing", "v1 Pod", `{status: {phase: Failed}}`, f, "ended in failure"},
	{"just pending", "v1 Pod", `{status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}}`, p, "phase Pending"},
	{"no phase yet", "v1 Pod", `{status: {}}`, p, "no phase"},
	{"its node is lost", "v1 Pod", `{status: {phase: Unknown}}`, u, "node"},
	{"unschedulable for a moment", "v1 Pod", `{status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: "2026-11-21T11:59:50Z"}]}}`, p, "not scheduled yet"},
	{"unschedulable for longer than kstatus allows", "v1 Pod", `{status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available", lastTransitionTime: "2026-11-21T11:59:40Z"}]}}`, f, "no node can take it: Unschedulable: 0/3 nodes"},
	{"crash loop", "v1 Pod", `{status: {phase: Running, conditions: [{type: Ready, status: "False"}], containerStatuses: [{name: web, state: {waiting: {reason: CrashLoopBackOff, message: "back-off 5m0s"}}}]}}`, f, "container web: CrashLoopBackOff: back-off 5m0s"},
	{"crash loop of an init container (kstatus: InProgress)", "v1 Pod", `{status: {phase: Pending, initContainerStatuses: [{name: migrate, state: {waiting: {reason: CrashLoopBackOff}}}]}}`, f, "container migrate"},
	{"no such image (kstatus: InProgress)", "v1 Pod", `{status: {phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: ImagePullBackOff}}}]}}`, f, "ImagePullBackOff"},
	{"a Secret that is not there", "v1 Pod", `{status: {phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: CreateContainerConfigError, message: 'secret "x" not found'}}}]}}`, f, "CreateContainerConfigError"},
}

var builtins = []of{
	{"a running Job is not done (kstatus: Current)", "batch/v1 Job", `{status: {startTime: "2026-11-21T11:00:00Z", active: 1}}`, p, "runs: 1 active"},
	{"a Job that did not start", "batch/v1 Job", `{status: {}}`, p, "has not started"},
	{"a completed Job", "batch/v1 Job", `{status: {startTime: x, succeeded: 2, conditions: [{type: SuccessCriteriaMet, status: "True"}, {type: Complete, status: "True"}]}}`, c, "completed, 2 succeeded"},
	{"a failed Job", "batch/v1 Job", `{status: {startTime: x, conditions: [{type: Failed, status: "True", reason: BackoffLimitExceeded}]}}`, f, "BackoffLimitExceeded"},
	{"a Job about to fail", "batch/v1 Job", `{status: {startTime: x, active: 1, conditions: [{type: FailureTarget, status: "True", reason: PodFailurePolicy}]}}`, f, "about to fail"},
	{"a suspended Job", "batch/v1 Job", `{spec: {suspend: true}, status: {conditions: [{type: Suspended, status: "True"}]}}`, s, "suspended"},
	{"a Job that completed and was suspended later", "batch/v1 Job", `{spec: {suspend: true}, status: {conditions: [{type: Complete, status: "True"}]}}`, c, "completed"},
	{"a CronJob", "batch/v1 CronJob", `{spec: {schedule: "* * * * *"}}`, c, "scheduled"},
	{"a suspended CronJob (kstatus: Current)", "batch/v1 CronJob", `{spec: {suspend: true}}`, s, "suspended"},

	{"a ClusterIP Service", "v1 Service", `{spec: {type: ClusterIP, clusterIP: 10.0.0.1}}`, c, ""},
	{"a Service without type", "v1 Service", `{spec: {clusterIP: None}}`, c, ""},
	{"an ExternalName Service", "v1 Service", `{spec: {type: ExternalName, externalName: x}}`, c, ""},
	{"a load balancer without address (kstatus: Current)", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {}}}`, p, "waits for a load balancer"},
	{"a load balancer without cluster IP", "v1 Service", `{spec: {type: LoadBalancer}}`, p, "no cluster IP"},
	{"a load balancer with addresses", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: lb.example.com}]}}}`, c, "192.0.2.1, lb.example.com"},
	{"a load balancer with an entry that holds no address", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {ingress: [{}]}}}`, p, "waits"},
	{"a load balancer with external IPs (as Helm waits)", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1, externalIPs: [192.0.2.9]}}`, c, "external IPs"},

	{"an Ingress with an address", "networking.k8s.io/v1 Ingress", `{status: {loadBalancer: {ingress: [{hostname: h}]}}}`, c, "reachable at h"},
	{"an Ingress whose controller reports none", "networking.k8s.io/v1 Ingress", `{status: {loadBalancer: {}}}`, c, "reports no address"},

	{"a bound claim", "v1 PersistentVolumeClaim", `{spec: {volumeName: pv1}, status: {phase: Bound}}`, c, "bound to pv1"},
	{"a lost claim", "v1 PersistentVolumeClaim", `{spec: {volumeName: pv1}, status: {phase: Lost}}`, f, "pv1 is gone"},
	{"a claim being provisioned", "v1 PersistentVolumeClaim", `{metadata: {annotations: {volume.kubernetes.io/storage-provisioner: csi}}, spec: {storageClassName: fast}, status: {phase: Pending}}`, p, "provisioned"},
	{"a claim whose consumer has a node", "v1 PersistentVolumeClaim", `{metadata: {annotations: {volume.kubernetes.io/selected-node: n1}}, spec: {storageClassName: fast}, status: {phase: Pending}}`, p, "provisioned"},
	{"WaitForFirstConsumer: nobody needs to wait, and it is not healthy either", "v1 PersistentVolumeClaim", `{spec: {storageClassName: fast}, status: {phase: Pending}}`, s, "waits for a pod to use it, or for storage class fast"},
	{"no class, no volume", "v1 PersistentVolumeClaim", `{spec: {storageClassName: ""}, status: {phase: Pending}}`, p, "no storage class"},
	{"a claim for one volume", "v1 PersistentVolumeClaim", `{spec: {storageClassName: fast, volumeName: pv1}, status: {phase: Pending}}`, p, "waits for volume pv1"},
	{"a claim without phase", "v1 PersistentVolumeClaim", `{spec: {}}`, p, "no phase"},
	{"a claim with a phase of the future", "v1 PersistentVolumeClaim", `{status: {phase: Dreaming}}`, u, "Dreaming"},

	{"an available volume", "v1 PersistentVolume", `{status: {phase: Available}}`, c, ""},
	{"a bound volume", "v1 PersistentVolume", `{status: {phase: Bound}}`, c, ""},
	{"a released volume is of no use to anyone", "v1 PersistentVolume", `{status: {phase: Released}}`, s, "claimRef"},
	{"a volume that could not be reclaimed", "v1 PersistentVolume", `{status: {phase: Failed, message: "no plugin"}}`, f, "no plugin"},
	{"a pending volume", "v1 PersistentVolume", `{status: {phase: Pending}}`, p, ""},
	{"a volume with a phase of the future", "v1 PersistentVolume", `{status: {phase: Dreaming}}`, u, "Dreaming"},

	{"an active namespace", "v1 Namespace", `{status: {phase: Active}}`, c, ""},
	{"a terminating namespace", "v1 Namespace", `{status: {phase: Terminating}}`, d, ""},
	{"a namespace without phase", "v1 Namespace", `{}`, p, ""},

	{"a ready node", "v1 Node", `{status: {conditions: [{type: Ready, status: "True"}, {type: DiskPressure, status: "False"}]}}`, c, ""},
	{"a node whose kubelet is gone (kstatus: InProgress)", "v1 Node", `{status: {conditions: [{type: Ready, status: Unknown, reason: NodeStatusUnknown}]}}`, f, "NodeStatusUnknown"},
	{"a node under pressure", "v1 Node", `{status: {conditions: [{type: Ready, status: "True"}, {type: DiskPressure, status: "True", reason: KubeletHasDiskPressure}]}}`, f, "DiskPressure"},
	{"a cordoned node", "v1 Node", `{spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: "True"}]}}`, s, "cordoned"},
	{"a new node", "v1 Node", `{}`, p, ""},

	{"a budget with all pods", "policy/v1 PodDisruptionBudget", `{metadata: {generation: 1}, status: {observedGeneration: 1, currentHealthy: 3, desiredHealthy: 2}}`, c, "3 of 2 needed"},
	{"a budget that protects a broken workload does its work", "policy/v1 PodDisruptionBudget", `{status: {currentHealthy: 1, desiredHealthy: 2, conditions: [{type: DisruptionAllowed, status: "False", reason: InsufficientPods}]}}`, c, "1 of 2"},
	{"a budget that cannot be worked out", "policy/v1 PodDisruptionBudget", `{status: {conditions: [{type: DisruptionAllowed, status: "False", reason: SyncFailed, message: "found no controllers"}]}}`, f, "found no controllers"},

	{"a scaling autoscaler", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "True"}, {type: ScalingActive, status: "True"}, {type: ScalingLimited, status: "False"}]}}`, c, "scaling"},
	{"an autoscaler at its limit", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "True"}, {type: ScalingActive, status: "True"}, {type: ScalingLimited, status: "True", reason: TooManyReplicas}]}}`, c, "TooManyReplicas"},
	{"an autoscaler without metrics (kstatus: Current)", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "True"}, {type: ScalingActive, status: "False", reason: FailedGetResourceMetric}]}}`, f, "FailedGetResourceMetric"},
	{"an autoscaler without target", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "False", reason: FailedGetScale}]}}`, f, "FailedGetScale"},
	{"an autoscaler that waits between two steps", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "False", reason: BackoffBoth}, {type: ScalingActive, status: "True"}]}}`, c, "scaling"},
	{"an autoscaler of a target with no replicas", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "True"}, {type: ScalingActive, status: "False", reason: ScalingDisabled}]}}`, s, "scaling is off"},
	{"a new autoscaler", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {currentReplicas: 0}}`, p, "has not looked"},
	{"an autoscaler before its first metric", "autoscaling/v2 HorizontalPodAutoscaler", `{status: {conditions: [{type: AbleToScale, status: "True"}]}}`, p, "no metric"},
	{"version v1 keeps the conditions in an annotation", "autoscaling/v1 HorizontalPodAutoscaler", `{metadata: {annotations: {autoscaling.alpha.kubernetes.io/conditions: '[{"type":"AbleToScale","status":"True"},{"type":"ScalingActive","status":"False","reason":"FailedGetResourceMetric"}]'}}}`, f, "FailedGetResourceMetric"},

	{"an established CRD", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: NamesAccepted, status: "True"}, {type: Established, status: "True"}]}}`, c, "established"},
	{"a CRD being installed", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: NamesAccepted, status: "True"}, {type: Established, status: "False", reason: Installing}]}}`, p, ""},
	{"a CRD without conditions", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {}}`, p, ""},
	{"a CRD whose names are taken", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: NamesAccepted, status: "False", reason: PluralConflict, message: "\"widgets\" is already in use"}]}}`, f, "is already in use"},
	{"a CRD that is not established", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: NamesAccepted, status: "True"}, {type: Established, status: "False", reason: NotAccepted}]}}`, f, "NotAccepted"},
	{"a CRD that terminates", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: NamesAccepted, status: "True"}, {type: Established, status: "True"}, {type: Terminating, status: "True"}]}}`, d, ""},
	{"a CRD with a broken schema", "apiextensions.k8s.io/v1 CustomResourceDefinition", `{status: {conditions: [{type: Established, status: "True"}, {type: NonStructuralSchema, status: "True", message: "spec.x: Required value"}]}}`, f, "Required value"},

	{"a served API", "apiregistration.k8s.io/v1 APIService", `{status: {conditions: [{type: Available, status: "True", reason: Local}]}}`, c, "available"},
	{"an API whose pods start (kstatus: Current)", "apiregistration.k8s.io/v1 APIService", `{status: {conditions: [{type: Available, status: "False", reason: MissingEndpoints}]}}`, p, "MissingEndpoints"},
	{"an API that does not answer yet", "apiregistration.k8s.io/v1 APIService", `{status: {conditions: [{type: Available, status: "False", reason: FailedDiscoveryCheck}]}}`, p, "FailedDiscoveryCheck"},
	{"an API without Service", "apiregistration.k8s.io/v1 APIService", `{status: {conditions: [{type: Available, status: "False", reason: ServiceNotFound}]}}`, f, "ServiceNotFound"},
	{"a new API", "apiregistration.k8s.io/v1 APIService", `{}`, p, ""},

	{"a snapshot that can be used", "snapshot.storage.k8s.io/v1 VolumeSnapshot", `{status: {readyToUse: true}}`, c, ""},
	{"a snapshot being taken", "snapshot.storage.k8s.io/v1 VolumeSnapshot", `{status: {readyToUse: false}}`, p, ""},
	{"a snapshot that failed", "snapshot.storage.k8s.io/v1 VolumeSnapshot", `{status: {readyToUse: false, error: {message: "no driver"}}}`, f, "no driver"},
}

var customs = []of{
	{"ready", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}]}}`, c, "Ready"},
	{"not ready, and the reason says it is under way", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False", reason: Creating}]}}`, p, "not Ready yet: Creating"},
	{"not ready, and the reason says it cannot be (kstatus: InProgress for ever)", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False", reason: InstallFailed, message: "timed out"}]}}`, f, "InstallFailed: timed out"},
	{"not ready without a reason", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False"}]}}`, p, "no reason given"},
	{"unknown readiness is no readiness", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: Unknown, reason: CheckFailed}]}}`, p, ""},
	{"ready for an older generation (kstatus: Current)", "example.com/v1 Widget", `{metadata: {generation: 2}, status: {conditions: [{type: Ready, status: "True", observedGeneration: 1}]}}`, p, "older generation"},
	{"ready for this generation", "example.com/v1 Widget", `{metadata: {generation: 2}, status: {conditions: [{type: Ready, status: "True", observedGeneration: 2}]}}`, c, ""},
	{"ready but degraded (kstatus: Current)", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: Degraded, status: "True", reason: DiskFull}]}}`, f, "Degraded: DiskFull"},
	{"degraded for an older generation", "example.com/v1 Widget", `{metadata: {generation: 2}, status: {conditions: [{type: Degraded, status: "True", observedGeneration: 1}]}}`, p, "older"},
	{"Available instead of Ready (kstatus does not look)", "example.com/v1 Widget", `{status: {conditions: [{type: Available, status: "False"}]}}`, p, "not Available yet"},
	{"Healthy instead of Ready", "example.com/v1 Widget", `{status: {conditions: [{type: Healthy, status: "False", reason: UnhealthyPackageRevision}]}}`, f, ""},
	{"an upgrade under way", "config.openshift.io/v1 ClusterOperator", `{status: {conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: Rollout}]}}`, p, "Progressing: Rollout"},
	{"Progressing as Deployments say done", "example.com/v1 Widget", `{status: {conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: NewReplicaSetAvailable}]}}`, c, ""},
	{"Progressing with a failure", "example.com/v1 Widget", `{status: {conditions: [{type: Progressing, status: "True", reason: SyncError}]}}`, f, "SyncError"},
	{"a sub-condition counts without a summary", "example.com/v1 Widget", `{status: {conditions: [{type: DatabaseReady, status: "False"}]}}`, p, "DatabaseReady"},
	{"a summary makes sub-conditions detail", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: CacheReady, status: "False"}]}}`, c, ""},
	{"a condition that ends in Failed is bad news", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: BackupFailed, status: "True", message: "no space"}]}}`, f, "BackupFailed: no space"},
	{"its absence is not", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "True"}, {type: BackupFailed, status: "False"}]}}`, c, ""},
	{"NotReady is not a kind of Ready", "kafka.strimzi.io/v1 Kafka", `{status: {conditions: [{type: NotReady, status: "True", reason: Creating}]}}`, p, "NotReady: Creating"},
	{"NodesNotReady is not a kind of Ready either", "example.com/v1 Widget", `{status: {conditions: [{type: NodesNotReady, status: "False"}]}}`, c, ""},
	{"a condition that nobody knows says nothing (kstatus likewise)", "example.com/v1 Widget", `{status: {conditions: [{type: Sparkling, status: "False"}]}}`, c, "says nothing against it"},
	{"a paused resource does not get ready", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False"}, {type: Paused, status: "True"}]}}`, s, "Paused"},
	{"a paused resource that failed is Failed", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False", reason: Failed}, {type: Paused, status: "True"}]}}`, f, ""},
	{"a status word of its own", "monitoring.coreos.com/v1 Prometheus", `{status: {conditions: [{type: Available, status: Degraded, reason: SomePodsNotReady}]}}`, f, "Available is Degraded"},
	{"a status word that nobody knows", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: Maybe}]}}`, u, `"Maybe"`},
	{"Cluster API's severity", "cluster.x-k8s.io/v1beta1 Machine", `{status: {conditions: [{type: Ready, status: "False", severity: Error, reason: X}]}}`, f, ""},
	{"Cluster API's failure fields", "cluster.x-k8s.io/v1beta1 Machine", `{status: {phase: Running, failureReason: CreateError, failureMessage: "no quota"}}`, f, "CreateError: no quota"},
	{"a long message is cut", "example.com/v1 Widget", `{status: {conditions: [{type: Ready, status: "False", message: "` + strings.Repeat("x", 400) + `"}]}}`, p, strings.Repeat("x", 300) + "…"},

	{"a phase that is good", "example.com/v1 Widget", `{status: {phase: Running}}`, c, "status.phase is Running"},
	{"a phase that is bad", "operators.coreos.com/v1alpha1 ClusterServiceVersion", `{status: {phase: Failed}}`, f, ""},
	{"a phase on the way", "example.com/v1 Widget", `{status: {phase: In-Progress}}`, p, ""},
	{"a phase that nobody knows is not healthy (kstatus: Current)", "example.com/v1 Widget", `{status: {phase: Sparkling}}`, u, "Sparkling, which is not known"},
	{"a phase that nobody knows beside Ready", "postgresql.cnpg.io/v1 Cluster", `{status: {phase: Cluster in healthy state, conditions: [{type: Ready, status: "True"}]}}`, c, "Ready"},
	{"a bad phase beside Ready", "example.com/v1 Widget", `{status: {phase: Error, conditions: [{type: Ready, status: "True"}]}}`, f, "status.phase is Error"},
	{"a state instead of a phase", "example.com/v1 Widget", `{status: {state: degraded}}`, f, "status.state"},
	{"a colour", "elasticsearch.k8s.elastic.co/v1 Elasticsearch", `{status: {health: yellow, phase: Ready}}`, p, "status.health is yellow"},
	{"a health with a status in it", "example.com/v1 Widget", `{status: {health: {status: Healthy}}}`, c, ""},
	{"a stopped machine", "example.com/v1 Machine", `{status: {state: Stopped}}`, s, ""},
	{"a phase of deletion", "example.com/v1 Widget", `{status: {phase: Deleting}}`, d, ""},
	{"a boolean", "infrastructure.cluster.x-k8s.io/v1 Thing", `{status: {ready: false}}`, p, "status.ready is false"},
	{"a boolean that is true", "infrastructure.cluster.x-k8s.io/v1 Thing", `{status: {ready: true}}`, c, ""},
	{"replicas that are not ready", "example.com/v1 Widget", `{spec: {replicas: 3}, status: {readyReplicas: 1}}`, p, "1 of 3 replicas"},
	{"replicas that are", "example.com/v1 Widget", `{spec: {replicas: 3}, status: {readyReplicas: 3}}`, c, ""},

	{"a certificate", "cert-manager.io/v1 Certificate", `{metadata: {generation: 1}, status: {conditions: [{type: Ready, status: "True", observedGeneration: 1}]}}`, c, ""},
	{"a certificate that nobody issued yet (kstatus: Current)", "cert-manager.io/v1 Certificate", `{spec: {secretName: x}}`, p, "has not reported Ready yet"},
	{"a certificate being issued", "cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "False", reason: DoesNotExist}, {type: Issuing, status: "True", reason: DoesNotExist}]}}`, p, "issuing"},
	{"a certificate that was refused", "cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "False", reason: DoesNotExist}, {type: Issuing, status: "False", reason: Failed, message: "order is invalid"}]}}`, f, "order is invalid"},
	{"a renewal that failed while the old certificate is valid", "cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "True"}, {type: Issuing, status: "False", reason: Failed}]}}`, f, "issuing it failed"},
	{"an expired certificate", "cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "False", reason: Expired}]}}`, f, "Expired"},
	{"an issuer that cannot register", "cert-manager.io/v1 ClusterIssuer", `{status: {conditions: [{type: Ready, status: "False", reason: ErrRegisterACMEAccount}]}}`, f, "ErrRegisterACMEAccount"},
	{"an issuer without status", "cert-manager.io/v1 Issuer", `{}`, p, ""},

	{"a managed resource of Crossplane", "s3.aws.upbound.io/v1beta1 Bucket", `{status: {conditions: [{type: Synced, status: "True", reason: ReconcileSuccess}, {type: Ready, status: "True", reason: Available}]}}`, c, ""},
	{"ready but not synced: the change did not arrive", "s3.aws.upbound.io/v1beta1 Bucket", `{status: {conditions: [{type: Synced, status: "False", reason: ReconcileError, message: "access denied"}, {type: Ready, status: "True"}]}}`, f, "ReconcileError: access denied"},
	{"synced, being created", "s3.aws.upbound.io/v1beta1 Bucket", `{status: {conditions: [{type: Synced, status: "True"}, {type: Ready, status: "False", reason: Creating}]}}`, p, "Creating"},
	{"paused by annotation", "s3.aws.upbound.io/v1beta1 Bucket", `{status: {conditions: [{type: Synced, status: "False", reason: ReconcilePaused}, {type: Ready, status: "True"}]}}`, s, "ReconcilePaused"},
	{"a provider that is not healthy yet", "pkg.crossplane.io/v1 Provider", `{status: {conditions: [{type: Installed, status: "True"}, {type: Healthy, status: Unknown, reason: UnknownPackageRevisionHealth}]}}`, p, ""},
	{"a provider that only said half", "pkg.crossplane.io/v1 Provider", `{status: {conditions: [{type: Installed, status: "True"}]}}`, p, "has not reported Healthy"},

	{"Flux, suspended", "kustomize.toolkit.fluxcd.io/v1 Kustomization", `{spec: {suspend: true}, status: {conditions: [{type: Ready, status: "True"}]}}`, s, "spec.suspend"},
	{"Flux, failed", "helm.toolkit.fluxcd.io/v2 HelmRelease", `{status: {conditions: [{type: Ready, status: "False", reason: UpgradeFailed}]}}`, f, "UpgradeFailed"},
	{"Flux, waiting for another", "kustomize.toolkit.fluxcd.io/v1 Kustomization", `{status: {conditions: [{type: Ready, status: "False", reason: DependencyNotReady}]}}`, p, "DependencyNotReady"},
	{"Flux, new", "source.toolkit.fluxcd.io/v1 GitRepository", `{}`, p, "has not reported"},

	{"an external secret", "external-secrets.io/v1 ExternalSecret", `{status: {conditions: [{type: Ready, status: "True", reason: SecretSynced}]}}`, c, ""},
	{"an external secret that cannot be read", "external-secrets.io/v1 ExternalSecret", `{status: {conditions: [{type: Ready, status: "False", reason: SecretSyncedError}]}}`, f, "SecretSyncedError"},
	{"a sealed secret", "bitnami.com/v1alpha1 SealedSecret", `{status: {conditions: [{type: Synced, status: "True"}]}}`, c, ""},
	{"a sealed secret that nobody can open", "bitnami.com/v1alpha1 SealedSecret", `{status: {conditions: [{type: Synced, status: "False", message: "no key could decrypt secret"}]}}`, f, "no key could decrypt"},
	{"a sealed secret whose state is not known", "bitnami.com/v1alpha1 SealedSecret", `{status: {conditions: [{type: Synced, status: Unknown}]}}`, p, ""},
	{"a new sealed secret", "bitnami.com/v1alpha1 SealedSecret", `{}`, p, ""},

	{"Knative: False is final", "serving.knative.dev/v1 Service", `{status: {conditions: [{type: Ready, status: "False", reason: RevisionMissing}]}}`, f, ""},
	{"Knative: Unknown is under way", "serving.knative.dev/v1 Service", `{status: {conditions: [{type: Ready, status: Unknown}]}}`, p, ""},
	{"Tekton: Succeeded=False is final", "tekton.dev/v1 PipelineRun", `{status: {conditions: [{type: Succeeded, status: "False", reason: CouldntGetTask}]}}`, f, ""},
	{"KEDA: not active is not broken", "keda.sh/v1alpha1 ScaledObject", `{status: {conditions: [{type: Ready, status: "True"}, {type: Active, status: "False"}, {type: Fallback, status: "False"}]}}`, c, ""},

	{"a rollout", "argoproj.io/v1alpha1 Rollout", `{metadata: {generation: 3}, status: {observedGeneration: "3", phase: Healthy}}`, c, ""},
	{"a rollout that was not observed; the number is a string", "argoproj.io/v1alpha1 Rollout", `{metadata: {generation: 3}, status: {observedGeneration: "2", phase: Healthy}}`, p, "generation 2"},
	{"a rollout in a canary step", "argoproj.io/v1alpha1 Rollout", `{status: {phase: Paused, message: CanaryPauseStep}}`, s, "CanaryPauseStep"},
	{"an aborted rollout", "argoproj.io/v1alpha1 Rollout", `{status: {phase: Degraded, message: "RolloutAborted: metric failed"}}`, f, "metric failed"},
	{"a moving rollout", "argoproj.io/v1alpha1 Rollout", `{status: {phase: Progressing}}`, p, ""},
	{"a new rollout", "argoproj.io/v1alpha1 Rollout", `{}`, p, ""},
	{"a rollout with a phase of the future", "argoproj.io/v1alpha1 Rollout", `{status: {phase: Dreaming}}`, u, ""},

	{"an application", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: Synced}, health: {status: Healthy}}}`, c, ""},
	{"an application that is healthy but not what Git says", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: OutOfSync}, health: {status: Healthy}}}`, p, "OutOfSync"},
	{"a degraded application", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: Synced}, health: {status: Degraded}}}`, f, ""},
	{"a progressing application", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: Synced}, health: {status: Progressing}}}`, p, ""},
	{"a suspended application", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: Synced}, health: {status: Suspended}}}`, s, ""},
	{"an application that cannot be compared", "argoproj.io/v1alpha1 Application", `{status: {sync: {status: Unknown}, health: {status: Healthy}}}`, u, ""},
	{"a new application", "argoproj.io/v1alpha1 Application", `{}`, p, ""},

	{"a gateway", "gateway.networking.k8s.io/v1 Gateway", `{metadata: {generation: 1}, status: {conditions: [{type: Accepted, status: "True", observedGeneration: 1}, {type: Programmed, status: "True", observedGeneration: 1}], listeners: [{name: http, conditions: [{type: Programmed, status: "True"}, {type: Conflicted, status: "False"}]}]}}`, c, ""},
	{"a gateway that nobody has taken", "gateway.networking.k8s.io/v1 Gateway", `{status: {conditions: [{type: Accepted, status: Unknown, reason: Pending}, {type: Programmed, status: Unknown, reason: Pending}]}}`, p, "Pending"},
	{"a gateway with a broken listener", "gateway.networking.k8s.io/v1 Gateway", `{status: {conditions: [{type: Accepted, status: "True"}, {type: Programmed, status: "True"}], listeners: [{name: https, conditions: [{type: ResolvedRefs, status: "False", reason: InvalidCertificateRef}]}]}}`, f, "listener https: not ResolvedRefs: InvalidCertificateRef"},
	{"a route", "gateway.networking.k8s.io/v1 HTTPRoute", `{status: {parents: [{parentRef: {name: gw}, conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "True"}]}]}}`, c, "gateway gw"},
	{"a route without gateway", "gateway.networking.k8s.io/v1 HTTPRoute", `{status: {parents: []}}`, p, "no gateway"},
	{"a route to a backend that is missing", "gateway.networking.k8s.io/v1 HTTPRoute", `{status: {parents: [{parentRef: {name: gw}, conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "False", reason: BackendNotFound}]}]}}`, f, "BackendNotFound"},
	{"a route that one of two gateways refuses", "gateway.networking.k8s.io/v1 HTTPRoute", `{status: {parents: [{parentRef: {name: a}, conditions: [{type: Accepted, status: "True"}]}, {parentRef: {name: b}, conditions: [{type: Accepted, status: "False", reason: NotAllowedByListeners}]}]}}`, f, "gateway b"},
	{"a route that a gateway has not judged", "gateway.networking.k8s.io/v1 HTTPRoute", `{status: {parents: [{parentRef: {name: a}}]}}`, p, "gateway a: has not reported"},

	{"a constraint template", "templates.gatekeeper.sh/v1 ConstraintTemplate", `{status: {created: true, byPod: [{id: a}]}}`, c, ""},
	{"a constraint template with broken Rego", "templates.gatekeeper.sh/v1 ConstraintTemplate", `{status: {created: true, byPod: [{id: a, errors: [{code: rego_parse_error, message: "unexpected token"}]}]}}`, f, "unexpected token"},
	{"a new constraint template", "templates.gatekeeper.sh/v1 ConstraintTemplate", `{}`, p, ""},
}

func TestOf(t *testing.T) {
	total := 0
	for name, table := range map[string][]of{"generic": generic, "workloads": workloads, "builtins": builtins, "customs": customs} {
		for _, test := range table {
			total++
			t.Run(name+"/"+test.kind+"/"+test.why, func(t *testing.T) {
				got := Of(test.live(t), now)
				if got.Status != test.want || !strings.Contains(got.Reason, test.says) {
					t.Errorf("got %s: %q\nwant %s with %q", got.Status, got.Reason, test.want, test.says)
				}
				if got.Reason == "" || strings.Contains(got.Reason, "\n") {
					t.Errorf("the reason must be one line for people, got %q", got.Reason)
				}
			})
		}
	}
	if total < 80 {
		t.Errorf("%d cases, want at least 80", total)
	}
}

func TestOfNothing(t *testing.T) {
	for why, live := range map[string]map[string]any{
		"no object":                       nil,
		"an empty object":                 {},
		"a kind that is no text":          {"kind": 3},
		"a status without a kind to read": {"status": map[string]any{"phase": "Running"}},
	} {
		if got := Of(live, now); got.Status != u {
			t.Errorf("%s: got %s, want Unknown", why, got.Status)
		}
	}
}

// Live objects hold int64; JSON from elsewhere holds float64. Both must count.
func TestOfReadsEveryNumberType(t *testing.T) {
	for _, three := range []any{int64(3), float64(3), int(3), int32(3)} {
		live := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget",
			"metadata": map[string]any{"generation": int64(4)}, "status": map[string]any{"observedGeneration": three}}
		if got := Of(live, now); got.Status != p {
			t.Errorf("%T: got %s, want InProgress", three, got.Status)
		}
	}
}

func TestOfLeavesItsInputAlone(t *testing.T) {
	for _, test := range append(append(append(append([]of{}, generic...), workloads...), builtins...), customs...) {
		live := test.live(t)
		Of(live, now)
		if diff := cmp.Diff(test.live(t), live); diff != "" {
			t.Errorf("%s: the object was changed:\n%s", test.why, diff)
		}
	}
}

// TestAging: what says that it ages is the one thing that becomes another status
// though nobody writes the object; a run that finds the same object believes the
// status of the run before.
func TestAging(t *testing.T) {
	aging := 0
	for _, test := range append(append(append(append([]of{}, generic...), workloads...), builtins...), customs...) {
		live := test.live(t)
		got, later := Of(live, now), Of(live, now.AddDate(10, 0, 0))
		if got.Aging != (got.Status != later.Status) {
			t.Errorf("%s: ages: %v; %s becomes %s", test.why, got.Aging, got.Status, later.Status)
		}
		if got.Aging {
			aging++
		}
	}
	if aging == 0 {
		t.Error("no case ages")
	}
}

func TestWorst(t *testing.T) {
	for _, test := range []struct {
		why  string
		in   []drift.HealthStatus
		want drift.HealthStatus
	}{
		{"nothing looked at is not healthy", nil, u},
		{"all current", []drift.HealthStatus{c, c}, c},
		{"suspended is known and quiet", []drift.HealthStatus{c, s}, s},
		{"what moves outweighs what rests", []drift.HealthStatus{s, p, c}, p},
		{"deletion outweighs progress", []drift.HealthStatus{p, d}, d},
		{"what is not known may be broken", []drift.HealthStatus{d, u, c}, u},
		{"what is broken is certain", []drift.HealthStatus{u, f, c}, f},
		{"a status that was not looked at is not known", []drift.HealthStatus{c, ""}, u},
		{"a status of the future is not known", []drift.HealthStatus{"Sparkling"}, u},
	} {
		if got := Worst(test.in...); got != test.want {
			t.Errorf("%s: Worst(%v) = %s, want %s", test.why, test.in, got, test.want)
		}
	}
}

func TestVocabularyIsUnambiguous(t *testing.T) {
	meant := map[string]drift.HealthStatus{}
	for status, words := range vocabulary {
		for _, word := range words {
			if other, twice := meant[word]; twice {
				t.Errorf("%q means both %s and %s", word, other, status)
			}
			meant[word] = status
			if word != strings.ToLower(separators.Replace(word)) {
				t.Errorf("%q can never match: words are folded first", word)
			}
		}
	}
}

// Every kind with a rule of its own has a case, so that the table cannot grow
// untested.
func TestEveryKindHasACase(t *testing.T) {
	tested := map[string]bool{}
	for _, table := range [][]of{generic, workloads, builtins, customs} {
		for _, test := range table {
			o := newObject(test.live(t), now)
			tested[o.group+"/"+o.kind] = true
		}
	}
	same := map[string]bool{"/ServiceAccount": true, "gateway.networking.k8s.io/GRPCRoute": true, "gateway.networking.k8s.io/TCPRoute": true,
		"gateway.networking.k8s.io/TLSRoute": true, "gateway.networking.k8s.io/UDPRoute": true}
	for key := range kinds {
		if !tested[key] && !same[key] {
			t.Errorf("%s has a rule and no case", key)
		}
	}
}

func FuzzOf(fuzz *testing.F) {
	for _, table := range [][]of{generic, workloads, builtins, customs} {
		for _, test := range table {
			fuzz.Add(test.kind, test.object)
		}
	}
	fuzz.Fuzz(func(t *testing.T, kind, object string) {
		var live map[string]any
		if yaml.Unmarshal([]byte(object), &live) != nil || live == nil {
			return
		}
		live["apiVersion"], live["kind"], _ = strings.Cut(kind, " ")
		got := Of(live, now)
		if _, known := severity[got.Status]; !known || got.Reason == "" {
			t.Errorf("got status %q with reason %q", got.Status, got.Reason)
		}
		if again := Of(live, now); again != got {
			t.Errorf("the same object gives %v and %v", got, again)
		}
	})
}

// What waits for something that no controller of Kubernetes brings says so, so that nobody
// waits for it; what passes by itself does not.
func TestOutside(t *testing.T) {
	for _, test := range []struct {
		why, kind, body string
		want            bool
	}{
		{"no load balancer in sight", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}}`, true},
		{"not even a cluster IP yet", "v1 Service", `{spec: {type: LoadBalancer}}`, false},
		{"reachable", "v1 Service", `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}`, false},
		{"a claim that nobody provisions", "v1 PersistentVolumeClaim", `{status: {phase: Pending}}`, true},
		{"a claim on a volume that is not there", "v1 PersistentVolumeClaim", `{spec: {volumeName: disk}, status: {phase: Pending}}`, true},
		{"a claim that is being provisioned", "v1 PersistentVolumeClaim", `{metadata: {annotations: {volume.kubernetes.io/storage-provisioner: x}}, spec: {storageClassName: fast}, status: {phase: Pending}}`, false},
		{"a gateway without an address", "gateway.networking.k8s.io/v1 Gateway", `{status: {conditions: [{type: Accepted, status: "True"}, {type: Programmed, status: "False", reason: AddressNotAssigned}]}}`, true},
		{"a gateway that nobody has taken yet", "gateway.networking.k8s.io/v1 Gateway", `{status: {conditions: [{type: Accepted, status: Unknown, reason: Pending}, {type: Programmed, status: Unknown, reason: Pending}]}}`, false},
		{"a rollout", "apps/v1 Deployment", `{spec: {replicas: 2}, status: {replicas: 1}}`, false},
		{"pods without a node, which may come", "v1 Pod", `{status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable}]}}`, false},
	} {
		t.Run(test.why, func(t *testing.T) {
			got := Of(of{kind: test.kind, object: test.body}.live(t), now)
			if got.Outside != test.want || got.Outside && got.Status != p {
				t.Errorf("%s, outside %v: %s", got.Status, got.Outside, got.Reason)
			}
		})
	}
}
