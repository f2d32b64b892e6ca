package drift

import (
	"cmp"
	"time"
)

// Age is what objects are ordered by; what has none comes first.
func (h ReportHealth) Age() time.Time {
	switch {
	case h.Since != nil:
		return *h.Since
	case h.Created != nil:
		return *h.Created
	}
	return time.Time{}
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
