package notify

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// unhealthyObject is an object of the given kind that is not Current.
func unhealthyObject(kind, name string, status drift.HealthStatus) drift.ReportHealth {
	at := editTime
	return drift.ReportHealth{Kind: kind, Namespace: "shop", Name: name, Health: status, Reason: "cannot scale", Since: &at}
}

// withUnhealthy is the app with these objects behind its health.
func withUnhealthy(app drift.ReportApp, objects ...drift.ReportHealth) drift.ReportApp {
	app.Unhealthy, app.UnhealthyTotal = objects, len(objects)
	app.Health = drift.HealthInProgress
	for i, object := range objects {
		if object.Health == drift.HealthFailed {
			app.Health = drift.HealthFailed
		}
		for j, r := range app.Resources {
			if r.ID() == object.ID() {
				app.Resources[j].Health, app.Resources[j].HealthReason = object.Health, objects[i].Reason
			}
		}
	}
	return app
}

// TestFailing walks apps whose objects fail and recover, with drift and without.
func TestFailing(t *testing.T) {
	const on = "default storefront on prod-eu: "
	clean := reportOf(appOf("storefront"))
	ill := func(objects ...drift.ReportHealth) drift.Report {
		return reportOf(withUnhealthy(appOf("storefront"), objects...))
	}
	failed := func(name string) drift.ReportHealth { return unhealthyObject("Boat", name, drift.HealthFailed) }
	slow := func(name string) drift.ReportHealth { return unhealthyObject("Boat", name, drift.HealthInProgress) }
	otherReason := failed("a")
	otherReason.Reason = "cannot read metrics"
	rollout := func() drift.ReportResource {
		r := syncedDeployment("a")
		r.Group, r.Kind, r.Health = "", "Boat", drift.HealthFailed
		return r
	}
	again := rollout()
	again.Fields = []drift.ReportField{{Path: "/spec/image", Op: "replace", Desired: "web:1.9", Live: "web:1.8", Cause: "git"}}
	alerted := alertedConfigMap("a")
	alerted.Kind = "Boat"
	ignored := alerted
	ignored.Action = "ignore"
	incomplete := withUnhealthy(appOf("storefront"))
	incomplete.Complete = false
	cut := withUnhealthy(appOf("storefront"), failed("b"))
	cut.UnhealthyTotal = 2
	first := withUnhealthy(appOf("storefront"), failed("a"))
	first.FirstRun = true

	tests := []struct {
		name string
		runs []run
	}{
		{"begins and ends", []run{
			{"it has failed", ill(failed("a")), false, []string{on + "1 unhealthy"}},
			{"it still has", ill(failed("a")), false, nil},
			{"for another reason: the same object", ill(otherReason), false, nil},
			{"it recovers, and is not there yet", ill(slow("a")), false, nil},
			{"it fails again before it was Current", ill(failed("a")), false, nil},
			{"it is Current", clean, false, []string{on + "healthy again: Boat shop/a"}},
			{"said once", clean, false, nil},
			{"it fails again", ill(failed("a")), false, []string{on + "1 unhealthy"}},
		}},
		{"a rollout under way is no news", []run{
			{"in progress", ill(slow("a")), false, nil},
			{"done", clean, false, nil},
		}},
		{"another one beside it", []run{
			{"one", ill(failed("a")), false, []string{on + "1 unhealthy"}},
			{"two", ill(failed("a"), failed("b")), false, []string{on + "2 unhealthy"}},
			{"one of two is well, and one that never failed is slow", ill(failed("b"), slow("c")), false, nil},
			{"what is slow keeps nothing open", ill(slow("c")), false, []string{on + "healthy again: 2 objects"}},
		}},
		{"a rollout that fails", []run{
			{"told with what was written", reportOf(withUnhealthy(appOf("storefront", rollout()), failed("a"))), false, []string{on + "1 failed"}},
			{"in sync, and as unhealthy as before", ill(failed("a")), false, nil},
			{"the next commit fails as well", reportOf(withUnhealthy(appOf("storefront", again), failed("a"))), false, []string{on + "1 failed"}},
			{"well", clean, false, []string{on + "healthy again: Boat shop/a"}},
		}},
		{"drift and health of one object", []run{
			{"drift", reportOf(appOf("storefront", alerted)), false, []string{on + "1 needs attention (warning)"}},
			{"it fails: news of the same object", reportOf(withUnhealthy(appOf("storefront", alerted), failed("a"))), false, []string{on + "1 needs attention (warning)"}},
			{"the drift is gone", ill(failed("a")), false, nil},
			{"the health as well", clean, false, []string{on + "healthy again: Boat shop/a"}},
		}},
		{"both end at once", []run{
			{"both", reportOf(withUnhealthy(appOf("storefront", alerted), failed("a"))), false, []string{on + "1 needs attention (warning)"}},
			{"one object is one line", clean, false, []string{on + "back in sync: Boat shop/a"}},
		}},
		{"drift that policy ignores hides no failure", []run{
			{"ignored, and failed", reportOf(withUnhealthy(appOf("storefront", ignored), failed("a"))), false, []string{on + "1 unhealthy"}},
		}},
		{"what cannot be seen is not well", []run{
			{"two", ill(failed("a"), failed("b")), false, []string{on + "2 unhealthy"}},
			{"the app could not be evaluated", reportOf(incomplete), false, nil},
			{"the list is cut: the other may be behind its end", reportOf(cut), false, nil},
			{"both are well", clean, false, []string{on + "healthy again: 2 objects"}},
		}},
		{"a first run", []run{
			{"the digest tells it", reportOf(first), false, []string{"default Killick on prod-eu: first look at 1 app: 1 unhealthy"}},
			{"no news any more", ill(failed("a")), false, nil},
		}},
		{"Slack is down", []run{
			{"not delivered", reportOf(withUnhealthy(appOf("storefront", rollout()), failed("a"))), true, []string{on + "1 failed"}},
			{"the next run says it, though nothing was written", ill(failed("a")), false, []string{on + "1 unhealthy"}},
			{"once", ill(failed("a")), false, nil},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { play(t, tokenConfig(), test.runs) })
	}
}

// TestFailingRoute: a route that was told of a failed rollout is the one that hears of its
// health afterwards, when no policy is asked any more.
func TestFailingRoute(t *testing.T) {
	routed := syncedDeployment("api")
	routed.Routes, routed.Health = []string{"payments"}, drift.HealthFailed
	object := drift.ReportHealth{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "api", Health: drift.HealthFailed}
	play(t, tokenConfig(), []run{
		{"a rollout went wrong", reportOf(withUnhealthy(appOf("pay", routed), object)), false, []string{"payments pay on prod-eu: 1 failed"}},
		{"still so", reportOf(withUnhealthy(appOf("pay"), object)), false, nil},
		{"well", reportOf(appOf("pay")), false, []string{"payments pay on prod-eu: healthy again: Deployment shop/api"}},
	})
}

// TestNotifyFailing posts to Slack itself: twice over an object that fails and recovers.
func TestNotifyFailing(t *testing.T) {
	for name, configure := range map[string]func(*SlackConfig, *slack.Server){"token": nil, "webhook": webhookMode} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, configure)
			var told drift.Told
			ill := reportOf(withUnhealthy(appOf("storefront"), unhealthyObject("Boat", "a", drift.HealthFailed)))
			clean := reportOf(appOf("storefront"))
			for i, report := range []drift.Report{ill, ill, clean, clean} {
				var err error
				if told, err = w.Notify(t.Context(), report, told); err != nil {
					t.Fatalf("run %d: %v", i+1, err)
				}
			}
			want := []string{"C0DRIFT00001 🔥 storefront on prod-eu: 1 unhealthy", "C0DRIFT00001 ✅ storefront on prod-eu: healthy again: Boat shop/a"}
			if diff := cmp.Diff(want, w.posted()); diff != "" {
				t.Errorf("posted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(drift.Told{}, told); diff != "" {
				t.Errorf("told after everything is well (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFailingCards pins what people see of failed health.
func TestFailingCards(t *testing.T) {
	scaler := unhealthyObject("HorizontalPodAutoscaler", "web", drift.HealthFailed)
	scaler.Group, scaler.Reason = "autoscaling", "cannot work out the number of replicas: FailedGetResourceMetric"
	job := drift.ReportHealth{Group: "batch", Kind: "Job", Namespace: "shop", Name: "migrate", Health: drift.HealthFailed, Reason: "BackoffLimitExceeded", Created: &commitTime}
	edge := drift.ReportHealth{Kind: "Service", Namespace: "shop", Name: "edge", Health: drift.HealthInProgress, Reason: "waits for a load balancer's address", Created: &commitTime}
	var boats []drift.ReportHealth
	for i := range 4 {
		boats = append(boats, unhealthyObject("Boat", fmt.Sprintf("b%d", i), drift.HealthFailed))
	}
	alerted := alertedConfigMap("app")
	first := withUnhealthy(appOf("storefront"), scaler, job)
	first.FirstRun = true
	told := func(app drift.ReportApp) drift.Told {
		list := findings(app)
		return drift.Told{"storefront": {DefaultRoute: settle(list).named(ledger{}, list).String()}}
	}
	tests := []struct {
		name, reason string
		report       drift.Report
		told         drift.Told
	}{
		{"failing", "what failed stands among the items, what is slow among the facts", reportOf(withUnhealthy(appOf("storefront", alerted), scaler, job, edge)), nil},
		{"failing-alike", "what failed alike is one item", reportOf(withUnhealthy(appOf("storefront"), boats...)), nil},
		{"failing-first", "a digest names the object and why", reportOf(first), nil},
		{"failing-over", "what is well again is named", reportOf(appOf("storefront")), told(first)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			messages, _ := Messages(test.report, test.told, tokenConfig())
			if len(messages) != 1 {
				t.Fatalf("%s: got %d messages, want 1", test.reason, len(messages))
			}
			golden(t, test.name+".txt", []byte(Text(messages[0])))
			golden(t, test.name+".json", wire(t, messages[0]))
		})
	}
}
