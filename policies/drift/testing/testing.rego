# METADATA
# title: Inputs for tests of policies
# description: |
#   Every fixture is a complete input. overrides is merged into it, objects key
#   by key and everything else by replacement:
#
#     count(payments.heal) == 1 with input as testing.modified({"resource": {"kind": "Service"}})
#
#   "killick policy test" checks every input that a test uses against the input
#   schema, so that a misspelt override fails the test.
package drift.testing

# METADATA
# title: A Deployment that somebody scaled by hand
modified(overrides) := object.union(_deployment, overrides)

# METADATA
# title: A Deployment that Git changed
rollout(overrides) := object.union(
	object.union(_deployment, {
		"drift": {"cause": "git"},
		"changes": [change({"cause": "git", "manager": "killick", "manager_class": "self"})],
	}),
	overrides,
)

# METADATA
# title: A Deployment that Git has and the cluster does not, because Git added it
missing(overrides) := object.union(
	object.union(_without(_deployment, "live"), {
		"drift": {"type": "missing", "cause": "git"},
		"changes": [],
		"ownership": {"tracked": false, "managers": []},
		"health": {"status": ""},
	}),
	overrides,
)

# METADATA
# title: A Deployment that somebody deleted by hand
deleted(overrides) := object.union(
	missing({"drift": {"cause": "live"}, "ownership": {"tracked": true}}),
	overrides,
)

# METADATA
# title: A ConfigMap that the cluster has and Git does not any more
extra(overrides) := object.union(
	object.union(_without(_deployment, "desired"), {
		"resource": {"group": "", "kind": "ConfigMap", "name": "settings"},
		"drift": {"type": "extra", "cause": "git"},
		"changes": [],
		"ownership": {"managers": ["killick"]},
		"live": _configmap,
	}),
	overrides,
)

# METADATA
# title: A Deployment that equals Git and was never ours
untracked(overrides) := object.union(
	object.union(_deployment, {
		"drift": {"type": "in-sync", "cause": "none"},
		"changes": [],
		"ownership": {"tracked": false, "managers": ["helm"], "tool": "Helm"},
		"live": _manifest,
	}),
	overrides,
)

# METADATA
# title: One field change; the pointer follows from the path
# description: |
#   Without overrides: somebody scaled from 3 to 5 replicas with kubectl.
change(overrides) := object.union(
	object.union(_change, {"pointer": pointer(object.get(overrides, "path", _change.path))}),
	overrides,
)

# METADATA
# title: One field that somebody added with kubectl
addition(overrides) := change(object.union(
	{
		"path": ["metadata", "labels", "team"],
		"op": "add",
		"desired": null,
		"live": "core",
		"manager": "kubectl-label",
	},
	overrides,
))

# METADATA
# title: The JSON pointer of a path
pointer(path) := concat("", [part |
	some element in path
	part := concat("", ["/", replace(replace(element, "~", "~0"), "/", "~1")])
])

# METADATA
# title: The run's facts at a time in RFC 3339
# description: |
#   testing.modified({"run": testing.at("2026-01-02T17:30:00Z")})
at(moment) := {
	"time_ns": ns,
	"weekday": time.weekday(ns),
	"hour_utc": time.clock(ns)[0],
	"minute_utc": time.clock(ns)[1],
} if {
	ns := time.parse_rfc3339_ns(moment)
}

_without(input_document, side) := object.union(object.remove(input_document, [side]), {side: {}})

_change := {
	"path": ["spec", "replicas"],
	"pointer": "/spec/replicas",
	"op": "replace",
	"desired": 3,
	"live": 5,
	"cause": "live",
	"manager": "kubectl",
	"manager_class": "interactive",
	"changed_ns": 1767345000000000000,
}

_manifest := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": "storefront", "labels": {"app": "web"}},
	"spec": {"replicas": 3},
}

_configmap := {
	"apiVersion": "v1",
	"kind": "ConfigMap",
	"metadata": {"name": "settings", "namespace": "storefront", "labels": {"app": "web"}},
	"data": {"colour": "green"},
}

_deployment := {
	"version": "killick.dev/input/v1",
	"run": object.union({"cluster": "prod-eu"}, at("2026-01-02T09:30:00Z")),
	"revision": {
		"ref": "main",
		"commit": "3f786850e387550fdab836ed7e6dc881de23001b",
		"author": "Ada",
		"time_ns": 1767344400000000000,
		"signed": false,
		"signed_by": "",
	},
	"app": {"name": "storefront", "path": "apps/storefront", "renderer": "kustomize"},
	"resource": {
		"group": "apps",
		"version": "v1",
		"kind": "Deployment",
		"namespace": "storefront",
		"name": "web",
		"labels": {"app": "web"},
		"annotations": {},
		"namespace_labels": {"kubernetes.io/metadata.name": "storefront"},
	},
	"drift": {"type": "modified", "cause": "live"},
	"changes": [_change],
	"ignored_changes": [],
	"ownership": {
		"tracked": true,
		"foreign": false,
		"tool": "",
		"managers": ["killick", "kubectl"],
		"controlled": false,
		"autoscaled": false,
	},
	"health": {"status": "Current", "reason": ""},
	"history": {"first_seen_ns": 0, "healed_24h": 0},
	"controls": {
		"suspend": {"active": false, "until_ns": 0, "reason": ""},
		"break_glass": {"active": false, "until_ns": 0, "reason": ""},
	},
	"approval": {"id": "", "granted": false, "by": "", "claimed": false, "expires_ns": 0},
	"incomplete": [],
	"desired": _manifest,
	"live": object.union(_manifest, {"spec": {"replicas": 5}}),
}
