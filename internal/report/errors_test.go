package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
)

// refusedReport has an app of which a webhook that is down refuses every object, edited
// ones included, one of which the namespace's labels could not be read, and another app
// that met the same list error.
func refusedReport() drift.Report {
	const down = `denied by admission: failed calling webhook "a.example.com": no endpoints available for service "a"`
	const list = "listing Namespace: the API server did not answer GET /api/v1/namespaces within 45s"
	r := frame("run", 4)
	shop := drift.ReportApp{Name: "shop", Path: "apps/shop", Revision: revision(), Counts: drift.ReportCounts{Modified: 4, Alerted: 4}}
	for i, name := range []string{"web", "db", "cache"} {
		o := labelled("ConfigMap", name, 0)
		o.Action, o.Outcome, o.Reason, o.Rules = "alert-only", "skipped", "the API server refused the dry-run: denied by admission", nil
		o.Error = fmt.Sprintf("apps/storefront/%s.yaml:1: asking what applying ConfigMap storefront/%s would do: %s", name, name, down)
		o.Hint = "check its service"
		o.Fields[0].Live = fmt.Sprint(i)
		shop.Resources = append(shop.Resources, o)
	}
	blind := labelled("ConfigMap", "blind", 0)
	blind.Action, blind.Outcome, blind.Rules = "alert-only", "skipped", nil
	blind.Reason = `facts are missing: labels of namespace "storefront" could not be read: ` + list
	blind.Refused = []string{"P2: the app is not complete: " + list}
	shop.Resources = append(shop.Resources, blind)
	r.Apps = []drift.ReportApp{shop}
	for _, name := range []string{"shop", "blog"} {
		r.Errors = append(r.Errors, drift.ReportError{App: name, Stage: "observe", Message: list, Hint: "find out what does not answer"})
	}
	return r
}

// TestOneCauseIsToldOnce: what several objects and apps failed for stands in one place, with
// its hint, their count and names, and each refers to it; JSON has it with each.
func TestOneCauseIsToldOnce(t *testing.T) {
	text := string(write(t, refusedReport(), report.Options{}))
	for part, times := range map[string]int{
		"failed calling webhook":         1,
		"check its service":              1,
		"refused the dry-run":            0,
		"GET /api/v1/namespaces within":  1,
		"find out what does not answer":  1,
		"✗ [1] shop, blog, observe: ":    1,
		"✗ [2] shop: ":                   1,
		"error     [2] under Errors":     3,
		"could not be read: [1] under E": 1,
		"not complete: [1] under Errors": 1,
		"3 objects: ConfigMap storefront/web, ConfigMap storefront/db, ConfigMap storefront/cache": 1,
	} {
		if got := strings.Count(text, part); got != times {
			t.Errorf("%q is told %d times, not %d:\n%s", part, got, times, text)
		}
	}
	short := string(write(t, refusedReport(), report.Options{Format: report.FormatShort}))
	if strings.Count(short, "failed calling webhook") != 1 || strings.Count(short, "[2] under Errors") != 3 {
		t.Errorf("the short view:\n%s", short)
	}
	excerpt := string(write(t, refusedReport(), report.Options{Excerpt: true}))
	if strings.Count(excerpt, "failed calling webhook") != 3 || strings.Contains(excerpt, "under Errors") {
		t.Errorf("an excerpt:\n%s", excerpt)
	}
	if json := string(write(t, refusedReport(), report.Options{Format: report.FormatJSON})); strings.Count(json, "failed calling webhook") != 3 {
		t.Error("JSON does not have the error with each object")
	}
}
