package drift.storefront_test

import data.drift.storefront
import data.drift.testing

image(cause) := testing.change({
	"path": ["spec", "template", "spec", "containers", "[name=app]", "image"],
	"desired": "app:1",
	"live": "app:2",
	"cause": cause,
})

test_a_hotfix_is_told if {
	count(storefront.alert_only) == 1 with input as testing.modified({"changes": [image("live")]})
}

test_a_rollout_is_not_a_hotfix if {
	count(storefront.alert_only) == 0 with input as testing.rollout({"changes": [image("git")]})
}

test_storefront_hears_about_its_own if {
	storefront.notify == {"storefront"} with input as testing.modified({"resource": {"namespace": "storefront"}})
}
