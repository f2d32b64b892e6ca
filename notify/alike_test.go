package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// TestOneCauseIsToldOnce: objects that a webhook which is down refuses are one item where
// they differ in nothing else; where they do, the first tells why, and the others refer to
// it. A list that failed is not told beside the objects that it concerns.
func TestOneCauseIsToldOnce(t *testing.T) {
	const down = `denied by admission: failed calling webhook "a.example.com": no endpoints available`
	const list = "listing Ingress.networking.k8s.io: forbidden"
	var all []drift.ReportResource
	add := func(name, text, file string) {
		r := failedIngress(name)
		r.Error, r.Origin.File, r.Hint = file+":1: "+text, file, "check its service"
		all = append(all, r)
	}
	for _, name := range []string{"a", "b", "c"} {
		add(name, "applying Ingress shop/"+name+": "+down, "apps/"+name+".yaml")
	}
	for i := range 2 {
		add(fmt.Sprintf("edited-%d", i), fmt.Sprintf("applying Ingress shop/edited-%d: %s", i, down), "apps/edited.yaml")
		all[len(all)-1].Fields = []drift.ReportField{{Path: "/spec/a", Op: "replace", Desired: i, Live: "x", Cause: "live"}}
	}
	add("unread", list, "apps/unread.yaml")
	app := appOf("storefront", all...)
	app.Complete = false
	report := reportOf(app)
	report.Errors = []drift.ReportError{{App: "storefront", Stage: "observe", Message: list}}
	messages, _ := Messages(report, nil, tokenConfig())
	for _, m := range messages {
		if m.Kind == KindErrors {
			continue
		}
		text := Text(m)
		for part, times := range map[string]int{
			"failed calling webhook": 1, "3 objects": 1, "error: the same as of Ingress shop/a and 2 more": 2, "forbidden": 1, "first error": 0, "hint: check its service": 2,
		} {
			if got := strings.Count(text, part); got != times {
				t.Errorf("%q is told %d times, not %d:\n%s", part, got, times, text)
			}
		}
	}
}
