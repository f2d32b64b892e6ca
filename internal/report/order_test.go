package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

func TestWorstFirst(t *testing.T) {
	resources := []drift.ReportResource{
		{Name: "ignored", Action: "ignore", Outcome: "skipped", Drift: "modified"},
		{Name: "synced", Action: "sync", Outcome: "applied", Drift: "missing"},
		{Name: "healed", Action: "heal", Outcome: "applied", Drift: "modified"},
		{Name: "pruned", Action: "prune", Outcome: "pruned", Drift: "extra"},
		{Name: "alert b", Action: "alert-only", Outcome: "skipped", Drift: "extra"},
		{Name: "alert a", Action: "alert-only", Outcome: "skipped", Drift: "extra", Severity: "info"},
		{Name: "warning", Action: "alert-only", Outcome: "skipped", Drift: "extra", Severity: "warning"},
		{Name: "critical", Action: "alert-only", Outcome: "skipped", Drift: "extra", Severity: "critical"},
		{Name: "held back", Action: "prune", Outcome: "skipped", Drift: "extra"},
		{Name: "unknown", Action: "alert-only", Outcome: "skipped", Drift: "unknown"},
		{Name: "failed", Action: "sync", Outcome: "failed", Drift: "modified"},
	}
	var names []string
	for _, r := range worstFirst(resources) {
		names = append(names, r.Name)
	}
	want := []string{"failed", "unknown", "critical", "warning", "alert a", "alert b", "held back", "pruned", "healed", "synced", "ignored"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if resources[0].Name != "ignored" {
		t.Error("sorting changed the report")
	}
}

func TestAge(t *testing.T) {
	p := &printer{now: time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "0s ago"}, {59 * time.Second, "59s ago"}, {time.Minute, "1m ago"}, {59*time.Minute + 59*time.Second, "59m ago"},
		{time.Hour, "1h ago"}, {47 * time.Hour, "47h ago"}, {48 * time.Hour, "2d ago"}, {-time.Second, "after the run"},
	} {
		if got := p.age(p.now.Add(-c.ago)); got != c.want {
			t.Errorf("age of %v = %q, want %q", c.ago, got, c.want)
		}
	}
}
