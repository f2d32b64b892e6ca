package health

import (
	"math"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// notObserved is the answer for a workload that its controller has not seen.
var notObserved = inProgress("its controller has not looked at it yet")

// deployment follows kstatus. Two things differ: a new object without status is
// InProgress also when it wants no replicas, and a paused Deployment whose pods
// are all there is Suspended instead of InProgress for ever.
func deployment(o object) drift.Health {
	progressing, hasProgressing := o.condition("Progressing")
	if progressing.reason == "ProgressDeadlineExceeded" {
		return failed("the rollout made no progress within its deadline: %s", progressing.explain())
	}
	if !o.observed() {
		return notObserved
	}
	want := o.replicas()
	replicas, updated := o.count("status", "replicas"), o.count("status", "updatedReplicas")
	ready, available := o.count("status", "readyReplicas"), o.count("status", "availableReplicas")
	if o.flag("spec", "paused") {
		if available < want {
			return inProgress("the rollout is paused with %d of %d replicas available", available, want)
		}
		return suspended("the rollout is paused with %d of %d replicas updated", updated, want)
	}
	switch {
	case replicas < want:
		return inProgress("%d of %d replicas exist%s", replicas, want, o.replicaFailure())
	case updated < want:
		return inProgress("%d of %d replicas are updated%s", updated, want, o.replicaFailure())
	case replicas > updated:
		return inProgress("%d old replicas are still to be removed", replicas-updated)
	case available < updated:
		return inProgress("%d of %d replicas are available", available, updated)
	case ready < want:
		return inProgress("%d of %d replicas are ready", ready, want)
	}
	deadline, hasDeadline := o.number("spec", "progressDeadlineSeconds")
	if hasDeadline && deadline != math.MaxInt32 && (!hasProgressing || progressing.reason != "NewReplicaSetAvailable") {
		return inProgress("the new ReplicaSet is not reported as available yet")
	}
	if !o.isTrue("Available") {
		c, _ := o.condition("Available")
		return inProgress("not available: %s", c.explain())
	}
	return current("%d of %d replicas are available", available, want)
}

// replicaFailure adds why pods cannot be created, such as a quota.
func (o object) replicaFailure() string {
	if c, ok := o.condition("ReplicaFailure"); ok && c.status == "True" {
		return ": " + c.explain()
	}
	return ""
}

// replicaSet judges a ReplicaSet or a ReplicationController. kstatus reads
// ReplicaFailure as InProgress; no deadline ever ends that, so it is Failed here.
func replicaSet(o object) drift.Health {
	if c, ok := o.condition("ReplicaFailure"); ok && c.status == "True" {
		return failed("pods cannot be created or deleted: %s", c.explain())
	}
	if !o.observed() {
		return notObserved
	}
	want, replicas := o.replicas(), o.count("status", "replicas")
	labelled, available, ready := o.count("status", "fullyLabeledReplicas"), o.count("status", "availableReplicas"), o.count("status", "readyReplicas")
	switch {
	case labelled < want:
		return inProgress("%d of %d replicas carry all labels", labelled, want)
	case available < want:
		return inProgress("%d of %d replicas are available", available, want)
	case ready < want:
		return inProgress("%d of %d replicas are ready", ready, want)
	case replicas > want:
		return inProgress("%d replicas too many are still to be removed", replicas-want)
	}
	return current("%d of %d replicas are available", available, want)
}

// statefulSet follows kstatus for RollingUpdate. With OnDelete kstatus is always
// Current, even with no pod at all; here the pods must be ready, and those of the
// old revision wait for a person. The controller never moves currentRevision
// with OnDelete (completeRollingUpdate in pkg/controller/statefulset), so there
// only updatedReplicas tells.
func statefulSet(o object) drift.Health {
	if !o.observed() {
		return notObserved
	}
	want := o.replicas()
	replicas, ready, updated := o.count("status", "replicas"), o.count("status", "readyReplicas"), o.count("status", "updatedReplicas")
	available, hasAvailable := o.number("status", "availableReplicas")
	switch {
	case replicas < want:
		return inProgress("%d of %d replicas exist", replicas, want)
	case ready < want:
		return inProgress("%d of %d replicas are ready", ready, want)
	case replicas > want:
		return inProgress("%d replicas too many are still to be removed", replicas-want)
	case (hasAvailable || o.count("spec", "minReadySeconds") > 0) && available < want:
		return inProgress("%d of %d replicas are available", available, want)
	}
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		if updated < want {
			return suspended("update strategy OnDelete: %d of %d pods wait to be deleted by hand to get the new revision", want-updated, want)
		}
		return current("%d of %d replicas are ready and updated", ready, want)
	}
	if partition := o.count("spec", "updateStrategy", "rollingUpdate", "partition"); partition > 0 {
		if due := max(want-partition, 0); updated < due {
			return inProgress("%d of the %d replicas above partition %d are updated", updated, due, partition)
		}
		return current("%d of %d replicas are ready, and those above partition %d are updated", ready, want, partition)
	}
	if updated < want || o.text("status", "currentRevision") != o.text("status", "updateRevision") {
		return inProgress("%d of %d replicas are updated", updated, want)
	}
	return current("%d of %d replicas are ready", ready, want)
}

// daemonSet follows kstatus, which waits for ever for updated pods with
// OnDelete; here those wait for a person.
func daemonSet(o object) drift.Health {
	if !o.observed() {
		return notObserved
	}
	want, scheduled := o.count("status", "desiredNumberScheduled"), o.count("status", "currentNumberScheduled")
	updated, available := o.count("status", "updatedNumberScheduled"), o.count("status", "numberAvailable")
	ready := o.count("status", "numberReady")
	onDelete := o.text("spec", "updateStrategy", "type") == "OnDelete"
	switch {
	case scheduled < want:
		return inProgress("%d of %d pods are scheduled", scheduled, want)
	case updated < want && !onDelete:
		return inProgress("%d of %d pods are updated", updated, want)
	case available < want:
		return inProgress("%d of %d pods are available", available, want)
	case ready < want:
		return inProgress("%d of %d pods are ready", ready, want)
	case updated < want:
		return suspended("update strategy OnDelete: %d of %d pods wait to be deleted by hand to get the new revision", want-updated, want)
	case want == 0:
		return current("no node matches")
	}
	return current("%d of %d pods are available", available, want)
}

// unschedulableGrace is kstatus's allowance for a pod that no node can take.
const unschedulableGrace = 15 * time.Second

// pod follows kstatus, except that a pod that failed is Failed and that every
// waiting reason that does not pass by itself counts, not only CrashLoopBackOff,
// in init containers too (as Argo CD judges pods).
func pod(o object) drift.Health {
	phase := o.text("status", "phase")
	switch phase {
	case "Succeeded":
		return current("completed")
	case "Failed":
		return failed("%s", firstOf(join(o.text("status", "reason"), o.text("status", "message")), o.podExit(), "a container ended in failure"))
	case "Unknown":
		return unknown("its node does not report")
	case "":
		return inProgress("it has no phase yet")
	}
	if waiting := o.stuck(); waiting != "" {
		return failed("%s", waiting)
	}
	if c, ok := o.condition("PodScheduled"); ok && c.status == "False" && c.reason == "Unschedulable" {
		if c.since.IsZero() || o.now.Sub(c.since) <= unschedulableGrace {
			waiting := inProgress("not scheduled yet: %s", c.explain())
			waiting.Aging = !c.since.IsZero()
			return waiting
		}
		return failed("no node can take it: %s", c.explain())
	}
	if phase != "Running" {
		return inProgress("phase %s", phase)
	}
	if c, ok := o.condition("Ready"); !ok || c.status != "True" {
		return inProgress("running, but not ready: %s", c.explain())
	}
	return current("running and ready")
}

var containerLists = []string{"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"}

// stuck names a container that waits for something that will not come by
// itself.
func (o object) stuck() string {
	for _, list := range containerLists[:2] {
		for _, item := range o.list("status", list) {
			fields, _ := item.(map[string]any)
			container := object{tree: fields}
			reason := container.text("state", "waiting", "reason")
			if strings.HasPrefix(reason, "Err") || strings.HasSuffix(reason, "Error") || strings.HasSuffix(reason, "BackOff") || reason == "InvalidImageName" {
				return shorten("container " + container.text("name") + ": " + join(reason, container.text("state", "waiting", "message")))
			}
		}
	}
	return ""
}

// podExit names the first container that ended in failure.
func (o object) podExit() string {
	for _, list := range containerLists {
		for _, item := range o.list("status", list) {
			fields, _ := item.(map[string]any)
			container := object{tree: fields}
			if container.count("state", "terminated", "exitCode") != 0 {
				return shorten("container " + container.text("name") + ": " + join(container.text("state", "terminated", "reason"), container.text("state", "terminated", "message")))
			}
		}
	}
	return ""
}

func join(reason, message string) string {
	if reason == "" || message == "" {
		return reason + message
	}
	return reason + ": " + strings.Join(strings.Fields(message), " ")
}

func firstOf(candidates ...string) string {
	for _, candidate := range candidates {
		if candidate != "" {
			return candidate
		}
	}
	return ""
}
