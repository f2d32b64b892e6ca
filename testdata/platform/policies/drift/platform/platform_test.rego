package drift.platform_test

import data.drift.platform
import data.drift.testing

test_rollouts_are_allowed if count(platform.sync) == 1 with input as testing.rollout({})

test_hand_edits_are_put_back if count(platform.heal) == 1 with input as testing.modified({})

test_config_is_pruned if count(platform.prune) == 1 with input as testing.extra({})

test_deployments_are_not_pruned if {
	count(platform.prune) == 0 with input as testing.extra({"resource": {"group": "apps", "kind": "Deployment"}})
}

test_added_labels_are_ignored if {
	count(platform.ignore) == 1 with input as testing.modified({"changes": [testing.addition({})]})
}

test_a_label_does_not_hide_another_change if {
	count(platform.ignore) == 0 with input as testing.modified({"changes": [testing.addition({}), testing.change({})]})
}

test_added_environment_is_told if {
	addition := testing.addition({"path": ["spec", "template", "spec", "containers", "[name=app]", "env", "[name=DEBUG]"]})
	count(platform.alert_only) == 1 with input as testing.modified({"changes": [addition]})
}
