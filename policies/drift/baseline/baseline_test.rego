package drift.baseline_test

import data.drift.baseline
import data.drift.testing

# What was said about an input: the verbs with at least one reason.
_said := {verb |
	some verb, reasons in {
		"sync": baseline.sync,
		"heal": baseline.heal,
		"prune": baseline.prune,
		"alert_only": baseline.alert_only,
		"alert_only_fields": baseline.alert_only_fields,
	}
	count(reasons) > 0
}

_edit_and_addition := [testing.change({}), testing.addition({})]

_rollout_and_addition := [
	testing.change({"cause": "git", "manager": "killick", "manager_class": "self"}),
	testing.addition({}),
]

_removed_from_git := testing.change({
	"path": ["metadata", "labels", "old"],
	"op": "add",
	"desired": null,
	"live": "x",
	"cause": "git",
	"manager": "killick",
	"manager_class": "self",
})

test_decides[note] if {
	some note, case in {
		"Git changed a field: roll out": {
			"input": testing.rollout({}),
			"want": {"sync"},
		},
		"Git added an object: create it": {
			"input": testing.missing({}),
			"want": {"sync"},
		},
		"Git dropped a field that we own: that is no foreign addition": {
			"input": testing.rollout({"changes": [_removed_from_git]}),
			"want": {"sync"},
		},
		"somebody changed a field: put it back": {
			"input": testing.modified({}),
			"want": {"heal"},
		},
		"somebody deleted the object: put it back": {
			"input": testing.deleted({}),
			"want": {"heal"},
		},
		"somebody broke the glass: leave the object to them": {
			"input": testing.modified({"controls": {"break_glass": {"active": true}}}),
			"want": set(),
		},
		"somebody added a label: people decide": {
			"input": testing.modified({"changes": [testing.addition({})]}),
			"want": {"heal", "alert_only", "alert_only_fields"},
		},
		"somebody changed one field and added another: the change is put back": {
			"input": testing.modified({"changes": _edit_and_addition}),
			"want": {"heal", "alert_only_fields"},
		},
		"Git moved and somebody added a label: the rollout goes on": {
			"input": testing.modified({"drift": {"cause": "both"}, "changes": _rollout_and_addition}),
			"want": {"sync", "heal", "alert_only_fields"},
		},
		"Git moved, somebody edited and added: all but the addition": {
			"input": testing.modified({
				"drift": {"cause": "both"},
				"changes": array.concat(_rollout_and_addition, [testing.change({})]),
			}),
			"want": {"sync", "heal", "alert_only_fields"},
		},
		"equal and never ours: not adopted": {
			"input": testing.untracked({}),
			"want": set(),
		},
	}
	said := _said with input as case.input
	said == case.want
}

test_leaves_additions_alone_and_nothing_else if {
	edited := testing.modified({"changes": _edit_and_addition})
	baseline.alert_only_fields == {testing.addition({}).pointer} with input as edited
}

test_prunes_what_is_harmless[note] if {
	some note, kind in {
		"ConfigMap": {"group": "", "kind": "ConfigMap"},
		"Deployment": {"group": "apps", "kind": "Deployment"},
		"HorizontalPodAutoscaler": {"group": "autoscaling", "kind": "HorizontalPodAutoscaler"},
		"PodDisruptionBudget": {"group": "policy", "kind": "PodDisruptionBudget"},
	}
	said := _said with input as testing.extra({"resource": kind})
	said == {"prune"}
}

test_does_not_prune[note] if {
	some note, kind in {
		"Secret": {"group": "", "kind": "Secret"},
		"PersistentVolumeClaim": {"group": "", "kind": "PersistentVolumeClaim"},
		"Namespace": {"group": "", "kind": "Namespace", "namespace": ""},
		"ServiceAccount": {"group": "", "kind": "ServiceAccount"},
		"StatefulSet": {"group": "apps", "kind": "StatefulSet"},
		"DaemonSet": {"group": "apps", "kind": "DaemonSet"},
		"Job": {"group": "batch", "kind": "Job"},
		"CronJob": {"group": "batch", "kind": "CronJob"},
		"Ingress": {"group": "networking.k8s.io", "kind": "Ingress"},
		"NetworkPolicy": {"group": "networking.k8s.io", "kind": "NetworkPolicy"},
		"RoleBinding": {"group": "rbac.authorization.k8s.io", "kind": "RoleBinding"},
		"a ConfigMap of somebody else's API": {"group": "example.com", "kind": "ConfigMap"},
	}
	said := _said with input as testing.extra({"resource": kind})
	said == set()
}

test_prunes_a_service_by_its_type[note] if {
	some note, case in {
		"ClusterIP": {"spec": {"type": "ClusterIP"}, "want": {"prune"}},
		"ExternalName": {"spec": {"type": "ExternalName"}, "want": {"prune"}},
		"NodePort": {"spec": {"type": "NodePort"}, "want": set()},
		"LoadBalancer": {"spec": {"type": "LoadBalancer"}, "want": set()},
		"unknown type": {"spec": {}, "want": set()},
	}
	said := _said with input as testing.extra({
		"resource": {"group": "", "kind": "Service"},
		"live": {"spec": case.spec},
	})
	said == case.want
}
