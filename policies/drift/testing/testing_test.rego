package drift.testing_test

import data.drift.lib
import data.drift.testing

# Reading the input makes the test runner check it against the schema: each of
# these fails when a fixture is no valid input.
test_fixtures_are_valid[note] if {
	some note, fixture in {
		"modified": testing.modified({}),
		"rollout": testing.rollout({}),
		"missing": testing.missing({}),
		"deleted": testing.deleted({}),
		"extra": testing.extra({}),
		"untracked": testing.untracked({}),
		"with an addition": testing.modified({"changes": [testing.addition({})]}),
		"at another time": testing.modified({"run": testing.at("2026-06-01T00:00:00Z")}),
	}
	lib.label("app") == "web" with input as fixture
}

test_fixtures_say_what_they_are if {
	testing.modified({}).drift == {"type": "modified", "cause": "live"}
	testing.rollout({}).drift == {"type": "modified", "cause": "git"}
	testing.missing({}).drift == {"type": "missing", "cause": "git"}
	testing.deleted({}).drift == {"type": "missing", "cause": "live"}
	testing.extra({}).drift == {"type": "extra", "cause": "git"}
	testing.untracked({}).drift == {"type": "in-sync", "cause": "none"}
}

test_the_absent_side_is_empty if {
	testing.missing({}).live == {}
	testing.extra({}).desired == {}
}

test_overrides_reach_every_level if {
	fixture := testing.modified({"resource": {"labels": {"team": "core"}}, "live": {"spec": {"replicas": 9}}})
	fixture.resource.labels == {"app": "web", "team": "core"}
	fixture.resource.name == "web"
	fixture.live.spec.replicas == 9
}

test_the_pointer_follows_the_path if {
	testing.change({}).pointer == "/spec/replicas"
	testing.change({"path": ["metadata", "labels", "a/b~c"]}).pointer == "/metadata/labels/a~1b~0c"
	testing.addition({}).pointer == "/metadata/labels/team"
}

test_at if {
	testing.at("2026-01-02T09:30:00Z") == {
		"time_ns": 1767346200000000000,
		"weekday": "Friday",
		"hour_utc": 9,
		"minute_utc": 30,
	}
}
