package diff

import (
	"fmt"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Every object is asked about at least every six hours, on any schedule up to
// hourly, also when runs that find nothing moved ask nobody for an hour.
func TestAuditReachesEveryObject(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 21, 3, 2, 1, 0, time.UTC)
	for _, interval := range []time.Duration{time.Minute, 5 * time.Minute, 7 * time.Minute, 15 * time.Minute, 20 * time.Minute, time.Hour} {
		for _, idle := range []bool{false, true} {
			asked := map[int]time.Time{}
			last := begin
			for object := range 300 {
				asked[object] = begin
			}
			for now := begin; now.Sub(begin) < 26*time.Hour; now = now.Add(interval) {
				if idle && now.Sub(last) < drift.FullEvery {
					continue
				}
				audit := drift.AuditSince(last, now)
				last = now
				for object := range asked {
					if !audit.Due(fmt.Sprintf("uid-%d", object)) {
						continue
					}
					if gap := now.Sub(asked[object]); gap > 6*time.Hour {
						t.Fatalf("every %s, idle %t: object %d was not asked about for %s", interval, idle, object, gap)
					}
					asked[object] = now
				}
			}
			for object, at := range asked {
				if gap := begin.Add(26 * time.Hour).Sub(at); gap > 6*time.Hour {
					t.Fatalf("every %s, idle %t: object %d was not asked about for the last %s", interval, idle, object, gap)
				}
			}
		}
	}
}

func TestAuditShare(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 3, 2, 1, 0, time.UTC)
	count := func(a drift.Audit) (due int) {
		for object := range 4800 {
			if a.Due(fmt.Sprintf("uid-%d", object)) {
				due++
			}
		}
		return due
	}
	for _, c := range []struct {
		name     string
		last     time.Time
		low, top int
	}{
		{"no audit on record: one slot", time.Time{}, 50, 200},
		{"five minutes", now.Add(-5 * time.Minute), 50, 200},
		{"an hour", now.Add(-time.Hour), 1000, 1400},
		{"a day", now.Add(-24 * time.Hour), 4800, 4800},
		{"a moment", now.Add(-time.Second), 0, 0},
		{"a clock that went back", now.Add(time.Hour), 0, 0},
	} {
		if due := count(drift.AuditSince(c.last, now)); due < c.low || due > c.top {
			t.Errorf("%s: %d of 4800 are due", c.name, due)
		}
	}
	if count(drift.Audit{}) != 0 {
		t.Error("the zero value audits nothing")
	}
}
