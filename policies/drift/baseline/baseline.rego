# METADATA
# title: The pack to start with
# description: |
#   Rolls out what Git says, puts back what somebody changed or deleted by hand,
#   and removes what Git no longer has where that is harmless. Everything else
#   is told to people: fields that somebody added, deletions of other kinds,
#   objects that were never ours.
#
#   Use it with "policies: [{builtin: baseline}]". Policies of your own can only
#   add reasons beside it; an alert_only of yours always wins.
package drift.baseline

# METADATA
# title: Git moved
# description: With cause both, the binary asks for heal as well.
sync contains "Git changed it: roll it out" if {
	input.drift.type in {"missing", "modified"}
	input.drift.cause in {"git", "both"}
}

# METADATA
# title: The cluster moved
# description: Break-glass on the object says that somebody is at work on it.
heal contains "changed in the cluster by hand: put it back" if {
	input.drift.cause in {"live", "both"}
	not input.controls.break_glass.active
}

# METADATA
# title: A field that Git never mentioned
# description: |
#   Whoever added a label, a variable or a toleration meant something by it, and
#   Git cannot say what: people decide.
alert_only contains "somebody added fields that Git does not have" if {
	count(input.changes) > 0
	every change in input.changes {
		_added(change)
	}
}

# METADATA
# title: Such a field beside other differences
# description: |
#   One added label must keep nothing else from being rolled out or put back: it
#   stays, and is told.
alert_only_fields contains change.pointer if {
	some change in input.changes
	_added(change)
}

_added(change) if {
	change.op == "add"
	change.cause in {"live", "both"}
}

# METADATA
# title: Git no longer has it, and deleting it loses nothing
prune contains "removed from Git, and nothing is lost with it" if {
	input.drift.type == "extra"
	_harmless
}

# METADATA
# title: Kinds that hold no data and no identity of their own
# description: |
#   Restoring the manifest restores the object completely. Not here on purpose:
#   whatever holds data (StatefulSet, PersistentVolumeClaim, Secret, custom
#   resources), work that would be cut off (Job, CronJob, DaemonSet), names and
#   addresses that others depend on and that come back different (Ingress,
#   ServiceAccount, a Service with a node port or a load balancer), and what
#   opens something by going away (NetworkPolicy, Role, RoleBinding).
_harmless if {
	[input.resource.group, input.resource.kind] in {
		["", "ConfigMap"],
		["apps", "Deployment"],
		["autoscaling", "HorizontalPodAutoscaler"],
		["policy", "PodDisruptionBudget"],
	}
}

_harmless if {
	input.resource.group == ""
	input.resource.kind == "Service"
	input.live.spec.type in {"ClusterIP", "ExternalName"}
}
