package drift.lib_test

import data.drift.lib
import data.drift.testing

_image := testing.change({"path": ["spec", "template", "spec", "containers", "[name=app]", "image"]})

test_under[note] if {
	some note, case in {
		"the path itself": {"path": _image.path, "want": true},
		"a path above": {"path": ["spec", "template"], "want": true},
		"everything": {"path": [], "want": true},
		"* is one element": {"path": ["spec", "template", "spec", "containers", "*", "image"], "want": true},
		"* is not several": {"path": ["spec", "*", "containers"], "want": false},
		"a sibling": {"path": ["spec", "replicas"], "want": false},
		"a path below": {"path": array.concat(_image.path, ["tag"]), "want": false},
		"a name that only begins alike": {"path": ["spec", "temp"], "want": false},
	}
	_holds(_image, case.path) == case.want
}

default _holds(_, _) := false

_holds(change, path) if lib.under(change, path)

test_only_under if {
	lib.only_under(["spec", "replicas"]) with input as testing.modified({})
	lib.only_under(["spec"]) with input as testing.modified({"changes": [testing.change({}), _image]})
}

test_not_only_under if {
	not lib.only_under(["spec", "replicas"]) with input as testing.modified({"changes": [testing.change({}), _image]})
}

test_only_under_needs_a_change if {
	not lib.only_under(["spec"]) with input as testing.missing({})
}

test_additions if {
	additions := lib.additions with input as testing.modified({"changes": [
		testing.change({}),
		testing.addition({}),
		testing.addition({"cause": "git", "manager": "killick", "manager_class": "self"}),
	]})
	additions == {testing.addition({})}
}

test_clock_in_utc if {
	now := lib.clock("UTC") with input as testing.modified({"run": testing.at("2026-01-02T23:05:00Z")})
	now == {"date": "2026-01-02", "weekday": "Friday", "hour": 23, "minute": 5}
}

test_clock_in_a_zone if {
	now := lib.clock("Asia/Tokyo") with input as testing.modified({"run": testing.at("2026-01-02T23:05:00Z")})
	now == {"date": "2026-01-03", "weekday": "Saturday", "hour": 8, "minute": 5}
}

test_clock_knows_summer_time if {
	now := lib.clock("Europe/Berlin") with input as testing.modified({"run": testing.at("2026-07-01T10:00:00Z")})
	now.hour == 12
}

test_between[note] if {
	some note, case in {
		"inside": {"at": "2026-01-02T09:30:00Z", "from": "09:00", "to": "17:00", "want": true},
		"from is included": {"at": "2026-01-02T09:00:00Z", "from": "09:00", "to": "17:00", "want": true},
		"to is not": {"at": "2026-01-02T17:00:00Z", "from": "09:00", "to": "17:00", "want": false},
		"before": {"at": "2026-01-02T08:59:59Z", "from": "09:00", "to": "17:00", "want": false},
		"over midnight, late": {"at": "2026-01-02T23:00:00Z", "from": "22:00", "to": "04:00", "want": true},
		"over midnight, early": {"at": "2026-01-02T03:59:00Z", "from": "22:00", "to": "04:00", "want": true},
		"over midnight, outside": {"at": "2026-01-02T12:00:00Z", "from": "22:00", "to": "04:00", "want": false},
		"an empty window": {"at": "2026-01-02T09:00:00Z", "from": "09:00", "to": "09:00", "want": false},
	}
	result := _between("UTC", case.from, case.to) with input as testing.modified({"run": testing.at(case.at)})
	result == case.want
}

default _between(_, _, _) := false

_between(zone, from, to) if lib.between(zone, from, to)

_labelled := testing.modified({"resource": {
	"labels": {"team": "core"},
	"annotations": {"owner": "ada"},
	"namespace_labels": {"env": "prod"},
}})

test_labels if {
	lib.label("team") == "core" with input as _labelled
	lib.annotation("owner") == "ada" with input as _labelled
	lib.namespace_label("env") == "prod" with input as _labelled
}

test_missing_labels_are_empty if {
	lib.label("none") == "" with input as _labelled
	lib.annotation("none") == "" with input as _labelled
	lib.namespace_label("none") == "" with input as _labelled
}
