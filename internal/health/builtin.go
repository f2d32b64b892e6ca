package health

import (
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// job differs from kstatus, which calls a running Job Current: here only a Job
// that completed is. FailureTarget is Failed before the last pods are gone.
func job(o object) drift.Health {
	if c, ok := o.condition("Failed"); ok && c.status == "True" {
		return failed("the Job failed: %s", c.explain())
	}
	if c, ok := o.condition("FailureTarget"); ok && c.status == "True" {
		return failed("the Job is about to fail: %s", c.explain())
	}
	if o.isTrue("Complete") {
		return current("completed, %d succeeded", o.count("status", "succeeded"))
	}
	if o.flag("spec", "suspend") {
		return suspended("the Job is suspended")
	}
	if o.text("status", "startTime") == "" {
		return inProgress("the Job has not started yet")
	}
	return inProgress("the Job runs: %d active, %d succeeded, %d failed",
		o.count("status", "active"), o.count("status", "succeeded"), o.count("status", "failed"))
}

// cronJob says nothing about the Jobs it made: their outcome is not in its
// status.
func cronJob(o object) drift.Health {
	if o.flag("spec", "suspend") {
		return suspended("the CronJob is suspended")
	}
	return current("scheduled")
}

// service differs from kstatus, which does not look at the load balancer's
// address. external IPs make a Service reachable without one (as Helm's wait
// does).
func service(o object) drift.Health {
	if o.text("spec", "type") != "LoadBalancer" {
		return current("has no status of its own")
	}
	if o.text("spec", "clusterIP") == "" {
		return inProgress("it has no cluster IP yet")
	}
	if addresses := o.addresses(); addresses != "" {
		return current("reachable at %s", addresses)
	}
	if len(o.list("spec", "externalIPs")) > 0 {
		return current("reachable at its external IPs")
	}
	return outside("waits for a load balancer's address")
}

// ingress is Current without an address: many controllers never write one, so
// demanding it would leave whole clusters InProgress for ever (kstatus likewise;
// Argo CD differs). The reason says which it is.
func ingress(o object) drift.Health {
	if addresses := o.addresses(); addresses != "" {
		return current("reachable at %s", addresses)
	}
	return current("admitted; its controller reports no address")
}

// addresses lists status.loadBalancer.ingress.
func (o object) addresses() string {
	var all []string
	for _, item := range o.list("status", "loadBalancer", "ingress") {
		fields, _ := item.(map[string]any)
		entry := object{tree: fields}
		if address := firstOf(entry.text("ip"), entry.text("hostname")); address != "" {
			all = append(all, address)
		}
	}
	return strings.Join(all, ", ")
}

// Annotations that the volume controller and the scheduler write on a claim
// once somebody provisions it (component-helpers/storage/volume).
const (
	selectedNode        = "volume.kubernetes.io/selected-node"
	storageProvisioner  = "volume.kubernetes.io/storage-provisioner"
	betaProvisioner     = "volume.beta.kubernetes.io/storage-provisioner"
	betaStorageClass    = "volume.beta.kubernetes.io/storage-class"
	claimLost           = "Lost"
	claimBound          = "Bound"
	volumeReleasedState = "Released"
)

// persistentVolumeClaim differs from kstatus for a class with
// WaitForFirstConsumer, where kstatus waits for ever. The class is another
// object, but its effect shows: nobody provisions such a claim before a pod uses
// it, and then it carries neither provisioner nor node. A class that does not
// exist looks the same, so this is Suspended, not Current: nothing happens until
// somebody acts, and nobody needs to wait.
func persistentVolumeClaim(o object) drift.Health {
	switch phase := o.text("status", "phase"); phase {
	case claimBound:
		return current("bound to %s", o.text("spec", "volumeName"))
	case claimLost:
		return failed("its volume %s is gone", o.text("spec", "volumeName"))
	case "Pending":
	case "":
		return inProgress("it has no phase yet")
	default:
		return unknown("phase %q is not known", phase)
	}
	note := o.fields("metadata", "annotations")
	class := firstOf(o.text("spec", "storageClassName"), object{tree: note}.text(betaStorageClass))
	switch {
	case o.text("spec", "volumeName") != "":
		return outside("pending: waits for volume %s", o.text("spec", "volumeName"))
	case note[storageProvisioner] != nil || note[betaProvisioner] != nil || note[selectedNode] != nil:
		return inProgress("pending: its volume is being provisioned")
	case class == "":
		return outside("pending: no volume fits, and it names no storage class")
	}
	return suspended("pending: waits for a pod to use it, or for storage class %s to exist", class)
}

func persistentVolume(o object) drift.Health {
	switch phase := o.text("status", "phase"); phase {
	case "Available", claimBound:
		return current("phase %s", phase)
	case "Failed":
		return failed("reclaiming it failed: %s", firstOf(o.text("status", "message"), "no reason given"))
	case volumeReleasedState:
		return suspended("released by its claim; nothing can use it until somebody clears spec.claimRef or deletes it")
	case "", "Pending":
		return inProgress("it is not available yet")
	default:
		return unknown("phase %q is not known", phase)
	}
}

// volumeSnapshot reads the two fields that the snapshot controller writes; the
// kind has no conditions.
func volumeSnapshot(o object) drift.Health {
	if message := o.text("status", "error", "message"); message != "" {
		return failed("taking the snapshot failed: %s", shorten(message))
	}
	if o.flag("status", "readyToUse") {
		return current("ready to use")
	}
	return inProgress("the snapshot is being taken")
}

func namespace(o object) drift.Health {
	switch o.text("status", "phase") {
	case "Active":
		return current("active")
	case "Terminating":
		return terminating(o)
	}
	return inProgress("it has no phase yet")
}

// node is Failed also for Ready=Unknown: then its kubelet stopped reporting.
func node(o object) drift.Health {
	ready, ok := o.condition("Ready")
	if !ok {
		return inProgress("it has not reported yet")
	}
	if ready.status != "True" {
		return failed("not ready: %s", ready.explain())
	}
	for _, name := range []string{"NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure"} {
		if c, _ := o.condition(name); c.status == "True" {
			return failed("%s: %s", name, c.explain())
		}
	}
	if o.flag("spec", "unschedulable") {
		return suspended("ready, but cordoned")
	}
	return current("ready")
}

// podDisruptionBudget is Current while too few pods are healthy: that is what
// it is for, and the pods' own workload says so. It fails only when it cannot be
// worked out (two budgets for one pod, or a controller without scale).
func podDisruptionBudget(o object) drift.Health {
	if c, ok := o.condition("DisruptionAllowed"); ok && c.status == "False" && c.reason == "SyncFailed" {
		return failed("it cannot be worked out: %s", c.explain())
	}
	return current("%d of %d needed pods are healthy", o.count("status", "currentHealthy"), o.count("status", "desiredHealthy"))
}

// horizontalPodAutoscaler has no rule in kstatus, which calls it Current. The
// reasons are those of pkg/controller/podautoscaler; in version v1 the
// conditions stand in an annotation.
func horizontalPodAutoscaler(o object) drift.Health {
	able, hasAble := o.condition("AbleToScale")
	active, hasActive := o.condition("ScalingActive")
	switch {
	case !hasAble && !hasActive:
		return inProgress("its controller has not looked at it yet")
	case able.status == "False" && strings.HasPrefix(able.reason, "Failed"):
		return failed("cannot scale: %s", able.explain())
	case active.reason == "ScalingDisabled":
		return suspended("scaling is off: %s", active.explain())
	case active.status == "False":
		return failed("cannot work out the number of replicas: %s", active.explain())
	case active.status != "True":
		return inProgress("no metric has been read yet")
	}
	if limited, _ := o.condition("ScalingLimited"); limited.status == "True" {
		return current("scaling, at its limit: %s", limited.explain())
	}
	return current("scaling")
}

// customResourceDefinition follows kstatus.
func customResourceDefinition(o object) drift.Health {
	if c, ok := o.condition("NamesAccepted"); ok && c.status == "False" {
		return failed("its names are taken: %s", c.explain())
	}
	if c, ok := o.condition("Terminating"); ok && c.status == "True" {
		return terminating(o)
	}
	established, ok := o.condition("Established")
	switch {
	case !ok, established.reason == "Installing" && established.status != "True":
		return inProgress("it is being installed")
	case established.status == "False":
		return failed("not established: %s", established.explain())
	case established.status != "True":
		return inProgress("not established yet: %s", established.explain())
	}
	if c, ok := o.condition("NonStructuralSchema"); ok && c.status == "True" {
		return failed("its schema is not structural: %s", c.explain())
	}
	return current("established")
}

// apiService has no rule in kstatus, which calls it Current while nobody serves
// it. A Service that is missing or has no such port does not come by itself; one
// without endpoints, or that does not answer yet, may just be starting.
func apiService(o object) drift.Health {
	c, ok := o.condition("Available")
	switch {
	case !ok:
		return inProgress("its availability has not been checked yet")
	case c.status == "True":
		return current("available")
	case c.reason == "ServiceNotFound", c.reason == "ServicePortError", c.reason == "ServiceAccessError":
		return failed("not available: %s", c.explain())
	}
	return inProgress("not available: %s", c.explain())
}
