# What the storefront team wants for its own namespace.
package drift.storefront

alert_only contains {
	"reason": "an image set by hand is a hotfix: ask before it is put back",
	"severity": "warning",
} if {
	input.drift.cause == "live"
	some change in input.changes
	change.path[count(change.path) - 1] == "image"
}

notify contains "storefront" if input.resource.namespace == "storefront"
