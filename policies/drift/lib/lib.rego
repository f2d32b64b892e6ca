# METADATA
# title: Helpers for policies
# description: |
#   Import it with "import data.drift.lib". Every helper that returns a value
#   always returns one, so that it is safe below "not".
package drift.lib

# METADATA
# title: A change lies at or below a path
# description: |
#   path is an array of elements, in which "*" stands for exactly one element:
#
#     some change in input.changes
#     lib.under(change, ["spec", "template", "spec", "containers", "*", "image"])
under(change, path) if {
	count(path) <= count(change.path)
	every i, element in path {
		element in {"*", change.path[i]}
	}
}

# METADATA
# title: The object differs at or below a path, and nowhere else
# description: False when there is no change at all.
only_under(path) if {
	count(input.changes) > 0
	every change in input.changes {
		under(change, path)
	}
}

# METADATA
# title: Fields that somebody added in the cluster and Git never mentioned
additions contains change if {
	some change in input.changes
	change.op == "add"
	change.cause == "live"
}

# METADATA
# title: The time of the run in a time zone
# description: |
#   zone is a name of the IANA time zone database. Sixteen o'clock or later on
#   a Friday in Berlin:
#
#     now := lib.clock("Europe/Berlin")
#     now.weekday == "Friday"
#     now.hour >= 16
clock(zone) := {
	"date": sprintf("%04d-%02d-%02d", time.date([input.run.time_ns, zone])),
	"weekday": time.weekday([input.run.time_ns, zone]),
	"hour": time.clock([input.run.time_ns, zone])[0],
	"minute": time.clock([input.run.time_ns, zone])[1],
}

# METADATA
# title: The run is between two times of the day in a time zone
# description: |
#   from and to are "HH:MM" with two digits each; from is included, to is not.
#   A window may cross midnight: lib.between("UTC", "22:00", "04:00").
between(zone, from, to) if {
	from <= to
	from <= _hhmm(zone)
	_hhmm(zone) < to
}

between(zone, from, to) if {
	from > to
	from <= _hhmm(zone)
}

between(zone, from, to) if {
	from > to
	_hhmm(zone) < to
}

_hhmm(zone) := sprintf("%02d:%02d", [clock(zone).hour, clock(zone).minute])

# METADATA
# title: The value of a label, or "" when there is none
label(name) := object.get(input.resource.labels, name, "")

# METADATA
# title: The value of an annotation, or "" when there is none
annotation(name) := object.get(input.resource.annotations, name, "")

# METADATA
# title: The value of a label of the object's namespace, or "" when there is none
namespace_label(name) := object.get(input.resource.namespace_labels, name, "")
