package drift.shop

sync contains "Git is where changes are made" if input.drift.cause in {"git", "both"}

heal contains "what was changed by hand is put back" if input.drift.cause in {"live", "both"}

prune contains "what left Git is removed" if input.drift.type == "extra"

alert_only contains "the banner is left to marketing" if {
	input.drift.cause == "live"
	input.resource.name == "banner"
}

ignore contains "bookkeeping labels do no harm" if {
	every change in input.changes {
		change.op == "add"
		array.slice(change.path, 0, 2) == ["metadata", "labels"]
	}
	count(input.changes) > 0
}

notify contains "shop" if input.resource.name == "banner"
