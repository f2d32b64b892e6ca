package drift

import (
	"cmp"
	"slices"
	"time"
)

// badness orders health from best to worst: an app is as healthy as its worst object.
var badness = map[HealthStatus]int{
	"": 0, HealthCurrent: 1, HealthSuspended: 2, HealthTerminating: 3,
	HealthInProgress: 4, HealthUnknown: 5, HealthFailed: 6,
}

// WorstHealth is the health of an app.
func WorstHealth(results []Result) HealthStatus {
	status := HealthStatus("")
	for _, result := range results {
		if current := healthOf(result).Status; badness[current] > badness[status] {
			status = current
		}
	}
	return cmp.Or(status, HealthUnknown)
}

// healthOf is one object's part in its app's health. What left Git has none.
func healthOf(result Result) Health {
	switch change := result.Step.Change; {
	case change.Type == Extra:
		return Health{}
	case change.Type == Unknown && !change.NotVerified():
		return Health{Status: HealthUnknown, Reason: "could not be read or compared"}
	case change.Type == Missing && result.After == nil:
		return Health{Status: HealthUnknown, Reason: "is missing"}
	}
	return result.Health
}

// unhealthy are the live objects that keep an app from being Current, worst first and then
// the one that has been so the longest, and how many there are. What is missing or cannot be
// read is among the report's resources.
func unhealthy(results []Result) ([]ReportHealth, int) {
	var found []ReportHealth
	for _, result := range results {
		health, id := result.Health, result.Step.Change.ID
		if healthOf(result) != health || badness[health.Status] <= badness[HealthCurrent] {
			continue
		}
		found = append(found, ReportHealth{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name,
			Health: health.Status, Reason: health.Reason, Since: timeOrNil(health.Since), Created: timeOrNil(health.Created)})
	}
	slices.SortFunc(found, func(a, b ReportHealth) int {
		return cmp.Or(cmp.Compare(badness[b.Health], badness[a.Health]), a.age().Compare(b.age()), a.ID().Compare(b.ID()))
	})
	return found[:min(len(found), MostUnhealthy)], len(found)
}

// age is what objects are ordered by; what has none comes first.
func (h ReportHealth) age() time.Time {
	switch {
	case h.Since != nil:
		return *h.Since
	case h.Created != nil:
		return *h.Created
	}
	return time.Time{}
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// HealthThen is the health that the row recorded.
func (r Row) HealthThen() Health {
	return Health{Status: cmp.Or(r.Health, HealthCurrent), Reason: r.HealthReason, Since: r.HealthSince, Created: r.HealthCreated, Aging: r.Aging, Outside: r.HealthOutside}
}

// WithHealth is the row with an object's health; what is Current needs no words.
func (r Row) WithHealth(health Health) Row {
	r.Health, r.HealthReason, r.HealthSince, r.HealthCreated, r.Aging = "", "", time.Time{}, time.Time{}, health.Aging
	r.HealthOutside = health.Outside
	if health.Status != HealthCurrent {
		r.Health, r.HealthReason = health.Status, health.Reason
		r.HealthSince, r.HealthCreated = health.Since.UTC(), health.Created.UTC()
	}
	return r
}
