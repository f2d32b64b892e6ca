package summary

import (
	"cmp"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// badness orders health from best to worst: an app is as healthy as its worst object.
var badness = map[drift.HealthStatus]int{
	"": 0, drift.HealthCurrent: 1, drift.HealthSuspended: 2, drift.HealthTerminating: 3,
	drift.HealthInProgress: 4, drift.HealthUnknown: 5, drift.HealthFailed: 6,
}

// WorstHealth is the health of an app.
func WorstHealth(results []drift.Result) drift.HealthStatus {
	status := drift.HealthStatus("")
	for _, result := range results {
		if current := healthOf(result).Status; badness[current] > badness[status] {
			status = current
		}
	}
	return cmp.Or(status, drift.HealthUnknown)
}

// healthOf is one object's part in its app's health. What left Git has none.
func healthOf(result drift.Result) drift.Health {
	switch change := result.Step.Change; {
	case change.Type == drift.Extra:
		return drift.Health{}
	case change.Type == drift.Unknown && !change.NotVerified():
		return drift.Health{Status: drift.HealthUnknown, Reason: "could not be read or compared"}
	case change.Type == drift.Missing && result.After == nil:
		return drift.Health{Status: drift.HealthUnknown, Reason: "is missing"}
	}
	return result.Health
}

// unhealthy are the live objects that keep an app from being Current, worst first and then
// the one that has been so the longest, and how many there are. What is missing or cannot be
// read is among the report's resources.
func unhealthy(results []drift.Result) ([]drift.ReportHealth, int) {
	var found []drift.ReportHealth
	for _, result := range results {
		health, id := result.Health, result.Step.Change.ID
		if healthOf(result) != health || badness[health.Status] <= badness[drift.HealthCurrent] {
			continue
		}
		found = append(found, drift.ReportHealth{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name,
			Health: health.Status, Reason: health.Reason, Since: timeOrNil(health.Since), Created: timeOrNil(health.Created)})
	}
	slices.SortFunc(found, func(a, b drift.ReportHealth) int {
		return cmp.Or(cmp.Compare(badness[b.Health], badness[a.Health]), a.Age().Compare(b.Age()), a.ID().Compare(b.ID()))
	})
	return found[:min(len(found), drift.MostUnhealthy)], len(found)
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
