# What holds for every resource of the cluster, whoever owns it.
package drift.platform

import data.drift.lib

sync contains "Git is where changes are made" if input.drift.cause in {"git", "both"}

heal contains "what was changed by hand is put back" if input.drift.cause in {"live", "both"}

prune contains "configuration that left Git is removed" if {
	input.drift.type == "extra"
	input.resource.kind in {"ConfigMap", "Service"}
}

ignore contains "labels that people add for their own bookkeeping do no harm" if {
	lib.only_under(["metadata", "labels"])
	every change in input.changes {
		change.op == "add"
	}
}

alert_only contains "environment added by hand: somebody is looking for a fault" if {
	some change in input.changes
	change.op == "add"
	"env" in change.path
}
