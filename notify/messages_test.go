package notify

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// run is one run of a sequence: what it reports and what must be said about it.
type run struct {
	reason string
	report drift.Report
	lost   bool // nothing can be delivered in this run
	want   []string
}

// play runs a sequence as a CronJob would, each run starting from what the last
// one told, and compares the titles of the messages.
func play(t *testing.T, config Config, runs []run) drift.Told {
	t.Helper()
	told := drift.Told{}
	for i, r := range runs {
		before := clone(told)
		messages, next := Messages(r.report, told, config)
		if diff := cmp.Diff(before, told); diff != "" {
			t.Fatalf("run %d changed the Told it was given:\n%s", i+1, diff)
		}
		var titles []string
		for _, m := range messages {
			titles = append(titles, strings.TrimSpace(m.Route+" "+m.Title()))
			if r.lost {
				next = m.Lost(next)
			} else {
				next = m.Delivered(next)
			}
		}
		if diff := cmp.Diff(r.want, titles); diff != "" {
			t.Errorf("run %d: %s (-want +got):\n%s", i+1, r.reason, diff)
		}
		told = next
	}
	return told
}

// TestTransitions walks one app through every state between runs.
func TestTransitions(t *testing.T) {
	const on = "default storefront on prod-eu: "
	alert := func(names ...string) drift.Report {
		var resources []drift.ReportResource
		for _, name := range names {
			resources = append(resources, alertedConfigMap(name))
		}
		return reportOf(appOf("storefront", resources...))
	}
	healed := reportOf(appOf("storefront", healedDeployment("web")))
	clean := reportOf(appOf("storefront"))
	flapping := alertedConfigMap("app")
	flapping.Fields = []drift.ReportField{flapping.Fields[0]}
	flapping.Fields[0].Live = "trace"
	moved := alertedConfigMap("app")
	moved.Fields = []drift.ReportField{moved.Fields[0]}
	moved.Fields[0].Desired = "warn"
	incomplete := appOf("storefront")
	incomplete.Complete = false
	unhealthyApp := appOf("storefront", syncedDeployment("web"))
	unhealthyApp.Resources[0].Health, unhealthyApp.Health = drift.HealthFailed, drift.HealthFailed
	sick := withUnhealthy(appOf("storefront"), drift.ReportHealth{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web", Health: drift.HealthFailed})
	approval := alertedConfigMap("app")
	approval.Approval = "0123456789abcdef0123456789abcdef"

	tests := []struct {
		name string
		runs []run
	}{
		{"nothing", []run{{"an app in sync is silent", clean, false, nil}}},
		{"alert", []run{
			{"new drift", alert("app"), false, []string{on + "1 needs attention (warning)"}},
			{"unchanged", alert("app"), false, nil},
			{"another live value is the same drift", reportOf(appOf("storefront", flapping)), false, nil},
			{"back in sync", clean, false, []string{on + "back in sync: ConfigMap shop/app"}},
			{"resolved is said once", clean, false, nil},
			{"again", alert("app"), false, []string{on + "1 needs attention (warning)"}},
		}},
		{"changes", []run{
			{"one", alert("app"), false, []string{on + "1 needs attention (warning)"}},
			{"a second one", alert("app", "more"), false, []string{on + "2 need attention (2 warning)"}},
			{"one of two went away", alert("more"), false, nil},
			{"it came back", alert("app", "more"), false, []string{on + "2 need attention (2 warning)"}},
			{"Git wants another value", reportOf(appOf("storefront", moved, alertedConfigMap("more"))), false,
				[]string{on + "2 need attention (2 warning)"}},
			{"a candidate for an approval got an ID", reportOf(appOf("storefront", approval, alertedConfigMap("more"))), false,
				[]string{on + "2 need attention (2 warning)"}},
		}},
		{"heals", []run{
			{"healed", healed, false, []string{on + "1 healed"}},
			{"nothing was open, so nothing is resolved", clean, false, nil},
			{"healed again", healed, false, []string{on + "1 healed"}},
			{"healed in every run: said once", healed, false, nil},
		}},
		{"alert then heal", []run{
			{"alert", alert("web"), false, []string{on + "1 needs attention (warning)"}},
			{"a policy now heals it: the card closes it", healed, false, []string{on + "1 healed"}},
			{"nothing left to resolve", clean, false, nil},
		}},
		{"alert gone while a heal repeats", []run{
			{"both", reportOf(appOf("storefront", alertedConfigMap("app"), healedDeployment("web"))), false,
				[]string{on + "1 needs attention (warning), 1 healed"}},
			{"the alert is gone, the heal is old", healed, false, []string{on + "back in sync: ConfigMap shop/app"}},
		}},
		{"rollouts are not news", []run{
			{"synced", reportOf(appOf("storefront", syncedDeployment("web"))), false, nil},
		}},
		{"ignored is not news", []run{
			{"ignored", reportOf(appOf("storefront", ignoredDeployment("web"))), false, nil},
		}},
		{"incomplete never resolves", []run{
			{"alert", alert("app"), false, []string{on + "1 needs attention (warning)"}},
			{"could not be evaluated", reportOf(incomplete), false, nil},
			{"not in the report at all", reportOf(), false, nil},
			{"still there", alert("app"), false, nil},
			{"evaluated, and gone", clean, false, []string{on + "back in sync: ConfigMap shop/app"}},
		}},
		{"failed health", []run{
			{"a rollout went wrong", reportOf(unhealthyApp), false, []string{on + "1 failed"}},
			{"in sync, but still unhealthy: not resolved", reportOf(sick), false, nil},
			{"recovered", clean, false, []string{on + "healthy again: Deployment shop/web"}},
		}},
		{"failed delivery of open findings", []run{
			{"Slack is down", alert("app"), true, []string{on + "1 needs attention (warning)"}},
			{"still down", alert("app"), true, []string{on + "1 needs attention (warning)"}},
			{"delivered at last", alert("app"), false, []string{on + "1 needs attention (warning)"}},
			{"and once only", alert("app"), false, nil},
		}},
		{"failed delivery of a heal", []run{
			{"Slack is down", healed, true, []string{on + "1 healed"}},
			{"the next report does not repeat it, the message does", clean, false, []string{on + "1 healed earlier"}},
			{"once", clean, false, nil},
		}},
		{"failed deliveries of several heals add up", []run{
			{"Slack is down", healed, true, []string{on + "1 healed"}},
			{"still down", reportOf(appOf("storefront", healedDeployment("api"), prunedService("old"))), true,
				[]string{on + "1 healed, 1 pruned"}},
			{"all of them are said", clean, false, []string{on + "2 healed, 1 pruned earlier"}},
		}},
		{"failed delivery of resolved", []run{
			{"alert", alert("app"), false, []string{on + "1 needs attention (warning)"}},
			{"Slack is down", clean, true, []string{on + "back in sync: ConfigMap shop/app"}},
			{"tried again", clean, false, []string{on + "back in sync: ConfigMap shop/app"}},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { play(t, tokenConfig(), test.runs) })
	}
}

// TestResolvedForgets checks that nothing is stored for an app that is in sync.
func TestResolvedForgets(t *testing.T) {
	told := play(t, tokenConfig(), []run{
		{"alert", reportOf(appOf("storefront", alertedConfigMap("app"))), false,
			[]string{"default storefront on prod-eu: 1 needs attention (warning)"}},
		{"resolved", reportOf(appOf("storefront")), false, []string{"default storefront on prod-eu: back in sync: ConfigMap shop/app"}},
	})
	if diff := cmp.Diff(drift.Told{}, told); diff != "" {
		t.Errorf("told after everything is resolved (-want +got):\n%s", diff)
	}
}

// TestFirstRun checks that a first run is one digest, also in the run after it.
func TestFirstRun(t *testing.T) {
	apps := manyApps(20)
	for i := range apps {
		apps[i].FirstRun = true
	}
	quiet := appOf("quiet")
	quiet.FirstRun = true
	broken := appOf("broken")
	broken.FirstRun, broken.Complete = true, false
	first := reportOf(append(apps, quiet, broken)...)
	play(t, tokenConfig(), []run{
		{"one digest; an app that could not be evaluated waits", first, false,
			[]string{"default Killick on prod-eu: first look at 21 apps: 20 need attention (20 warning)"}},
		{"state was not saved, but it was told", first, false, nil},
		{"second run: nothing new", reportOf(append(manyApps(20), appOf("quiet"))...), false, nil},
		{"a later change is an app's own message",
			reportOf(append(manyApps(19), appOf("app-19", alertedConfigMap("settings"), alertedConfigMap("more")))...), false,
			[]string{"default app-19 on prod-eu: 2 need attention (2 warning)"}},
	})
	play(t, tokenConfig(), []run{
		{"Slack is down", first, true, []string{"default Killick on prod-eu: first look at 21 apps: 20 need attention (20 warning)"}},
		{"the digest is due again", first, false, []string{"default Killick on prod-eu: first look at 21 apps: 20 need attention (20 warning)"}},
	})
}

// TestFlood checks the limit of messages per run and route.
func TestFlood(t *testing.T) {
	fifteen, _ := Messages(reportOf(manyApps(15)...), nil, tokenConfig())
	if len(fifteen) != 15 {
		t.Errorf("15 apps with news: got %d messages, want one each", len(fifteen))
	}
	clean := manyApps(16)
	for i := range clean {
		clean[i] = appOf(clean[i].Name)
	}
	play(t, tokenConfig(), []run{
		{"flood", reportOf(manyApps(16)...), false, []string{"default Killick on prod-eu: 16 apps with news: 16 need attention (16 warning)"}},
		{"unchanged", reportOf(manyApps(16)...), false, nil},
		{"all resolved", reportOf(clean...), false, []string{"default Killick on prod-eu: 16 apps back in sync"}},
		{"silent", reportOf(clean...), false, nil},
	})
	half := append(manyApps(10), clean[10:]...)
	for i := range 10 {
		half[i].Resources = append(half[i].Resources, alertedConfigMap("more"))
	}
	play(t, tokenConfig(), []run{
		{"flood", reportOf(manyApps(16)...), false, []string{"default Killick on prod-eu: 16 apps with news: 16 need attention (16 warning)"}},
		{"some worse, some resolved", reportOf(half...), false,
			[]string{"default Killick on prod-eu: 10 apps with news, 6 back in sync: 20 need attention (20 warning)"}},
	})
}

// TestDetect: what a run that detects was granted is told once, stays open, and is resolved
// when it is gone; adoption of what is equal is no news, whatever syncs says.
func TestDetect(t *testing.T) {
	adopted := planned(syncedDeployment("cache"))
	adopted.Drift, adopted.Cause, adopted.Fields = "in-sync", "none", nil
	detected := reportOf(appOf("storefront", planned(healedDeployment("web")), planned(syncedDeployment("api")), adopted))
	play(t, tokenConfig(), []run{
		{"drift and a rollout that nobody makes", detected, false, []string{"default storefront on prod-eu: 2 need attention"}},
		{"the same again", detected, false, nil},
		{"one was put right by hand", reportOf(appOf("storefront", planned(syncedDeployment("api")), adopted)), false, nil},
		{"all was", reportOf(appOf("storefront", adopted)), false, []string{"default storefront on prod-eu: back in sync: 2 objects"}},
	})
	play(t, tokenConfig(), []run{
		{"told", reportOf(appOf("storefront", planned(healedDeployment("web")))), false, []string{"default storefront on prod-eu: 1 needs attention"}},
		{"with the rights, it is done", reportOf(appOf("storefront", healedDeployment("web"))), false, []string{"default storefront on prod-eu: 1 healed"}},
	})
}

// TestSyncs checks the three ways to tell successful rollouts.
func TestSyncs(t *testing.T) {
	rollout := reportOf(appOf("storefront", syncedDeployment("web")), appOf("payments", syncedDeployment("api")))
	adopted := syncedDeployment("web")
	adopted.Drift, adopted.Cause, adopted.Fields = "in-sync", "none", nil
	both := syncedDeployment("web")
	both.Cause = "both"
	clean := reportOf(appOf("storefront"), appOf("payments"))
	tests := []struct {
		syncs SyncMode
		runs  []run
	}{
		{SyncsOff, []run{
			{"not told", rollout, false, nil},
			{"adoption is a rollout", reportOf(appOf("storefront", adopted)), false, nil},
			{"a sync over somebody's edit is not", reportOf(appOf("storefront", both)), false,
				[]string{"default storefront on prod-eu: 1 synced"}},
		}},
		{SyncsEach, []run{
			{"one per app", rollout, false, []string{"default storefront on prod-eu: 1 synced", "default payments on prod-eu: 1 synced"}},
			{"nothing to resolve", clean, false, nil},
		}},
		{SyncsDigest, []run{
			{"one per run", rollout, false, []string{"default Killick on prod-eu: rolled out 2 apps"}},
			{"same again", rollout, false, nil},
			{"done", clean, false, nil},
			{"other news stays an app's own", reportOf(appOf("storefront", syncedDeployment("web"), alertedConfigMap("app"))), false,
				[]string{"default storefront on prod-eu: 1 needs attention (warning)", "default Killick on prod-eu: rolled out 1 app"}},
		}},
	}
	for _, test := range tests {
		t.Run(string(test.syncs), func(t *testing.T) {
			config := tokenConfig()
			config.Slack.Syncs = test.syncs
			play(t, config, test.runs)
		})
	}
}

// TestRoutes checks who gets what.
func TestRoutes(t *testing.T) {
	routed := func(name string, routes ...string) drift.ReportResource {
		r := alertedConfigMap(name)
		r.Routes = routes
		return r
	}
	report := func(resources ...drift.ReportResource) drift.Report {
		return reportOf(appOf("storefront", resources...))
	}
	both := []string{"default storefront on prod-eu: 1 needs attention (warning)", "payments storefront on prod-eu: 1 needs attention (warning)"}
	play(t, tokenConfig(), []run{
		{"each route gets its own resources", report(routed("a"), routed("b", "payments")), false, both},
		{"unchanged on both", report(routed("a"), routed("b", "payments")), false, nil},
		{"one route is resolved", report(routed("a")), false, []string{"payments storefront on prod-eu: back in sync: ConfigMap shop/b"}},
		{"two routes for one resource", report(routed("c", "payments", "default")), false, both},
	})
	play(t, tokenConfig(), []run{
		{"an unknown route falls to default", report(routed("a", "nobody")), false,
			[]string{"default storefront on prod-eu: 1 needs attention (warning)"}},
	})
	webhook := Config{Slack: SlackConfig{WebhookFile: "webhook"}}
	play(t, webhook, []run{
		{"a webhook has one channel", report(routed("a"), routed("b", "payments")), false,
			[]string{"default storefront on prod-eu: 2 need attention (2 warning)"}},
	})

	told := play(t, tokenConfig(), []run{{"two routes", report(routed("b", "payments")), false, both[1:]}})
	config := tokenConfig()
	delete(config.Slack.Routes, "payments")
	messages, after := Messages(report(routed("b", "payments")), told, config)
	if len(messages) != 1 || messages[0].Route != DefaultRoute {
		t.Errorf("a route that left the config: got %d messages, want one on default", len(messages))
	}
	if _, kept := after["storefront"]["payments"]; kept {
		t.Error("the entry of a route that left the config was kept")
	}
	if diff := cmp.Diff([]string{"payments"}, UnknownRoutes(report(routed("b", "payments"), routed("c")), config)); diff != "" {
		t.Errorf("unknown routes (-want +got):\n%s", diff)
	}
	if messages[0].Channel != "C0DRIFT00001" {
		t.Errorf("channel %q, want the default route's", messages[0].Channel)
	}
}

// TestRunErrors checks that an error of the run is told once.
func TestRunErrors(t *testing.T) {
	failing := func(errs ...drift.ReportError) drift.Report {
		r := reportOf()
		r.Errors = errs
		return r
	}
	git := func(id string) drift.ReportError {
		return drift.ReportError{Stage: "source", Message: "fetching https://git.example.com/platform.git: dial tcp 10.0.0." + id +
			":443: i/o timeout after 30." + id + "s, request id: " + id}
	}
	config := drift.ReportError{Stage: "config", File: "killick.yaml:14", Message: "unknown field"}
	ofApp := drift.ReportError{App: "storefront", Stage: "render", Message: "no such file"}
	own := drift.ReportError{Stage: "notify", Message: "telling Slack: invalid_auth"}
	withApps := func(r drift.Report, apps ...drift.ReportApp) drift.Report { r.Apps = apps; return r }
	const one = "default Killick on prod-eu: 1 error in this run"

	play(t, tokenConfig(), []run{
		{"new", failing(git("7")), false, []string{one}},
		{"the same with another address, duration and request ID", failing(git("8")), false, nil},
		{"a second error", failing(git("9"), config), false, []string{one}},
		{"both known", failing(git("9"), config), false, nil},
		{"no run took place: nothing is known", failing(), false, nil},
		{"one is gone", withApps(failing(config), appOf("metrics")), false, nil},
		{"all gone", reportOf(appOf("metrics")), false, []string{"default Killick on prod-eu: the error told earlier is gone"}},
		{"said once", reportOf(appOf("metrics")), false, nil},
		{"it comes back", failing(config), false, []string{one}},
	})
	play(t, tokenConfig(), []run{
		{"an app's error", withApps(failing(ofApp), appOf("metrics")), false, []string{one}},
		{"a run that failed early says nothing about it", failing(config), false, []string{one}},
		{"the app works again", reportOf(appOf("storefront")), false, []string{"default Killick on prod-eu: the 2 errors told earlier are gone"}},
		{"an app's error", withApps(failing(ofApp), appOf("metrics")), false, []string{one}},
		{"the app left the config: forgotten, but not called gone", reportOf(appOf("metrics")), false, nil},
		{"it is back", withApps(failing(ofApp), appOf("metrics")), false, []string{one}},
	})
	play(t, tokenConfig(), []run{
		{"an error", failing(config), false, []string{one}},
		{"gone, but Slack is down", reportOf(appOf("metrics")), true, []string{"default Killick on prod-eu: the error told earlier is gone"}},
		{"gone, and said", reportOf(appOf("metrics")), false, []string{"default Killick on prod-eu: the error told earlier is gone"}},
		{"once", reportOf(appOf("metrics")), false, nil},
	})
	play(t, tokenConfig(), []run{{"one cause met twice is one error", failing(git("1"), git("2")), false, []string{one}}})
	play(t, tokenConfig(), []run{
		{"Slack is down", failing(config), true, []string{one}},
		{"due again", failing(config), false, []string{one}},
		{"twice in one run is one", failing(config, config), false, nil},
		{"our own failure cannot be told through ourselves", failing(config, own), false, nil},
	})
}

// TestErrorKeys checks what the caller stores: one key per error, so that a store
// that keeps only keys (with a time each) works as well.
func TestErrorKeys(t *testing.T) {
	report := reportOf()
	report.Errors = []drift.ReportError{{Stage: "config", Message: "a"}, {App: "storefront", Stage: "render", Message: "b"}}
	messages, told := Messages(report, nil, tokenConfig())
	told = messages[0].Delivered(told)
	onlyKeys := drift.Told{"": {}}
	for key := range told[""] {
		onlyKeys[""][key] = key
	}
	if len(onlyKeys[""]) != 2 {
		t.Errorf("keys %v, want one per error", onlyKeys)
	}
	if again, _ := Messages(report, onlyKeys, tokenConfig()); len(again) != 0 {
		t.Errorf("told again: %s", Text(again[0]))
	}
}

// TestErrorsComeFirst checks the order: what concerns everything, then apps.
func TestErrorsComeFirst(t *testing.T) {
	r := reportOf(appOf("storefront", alertedConfigMap("app")))
	r.Errors = []drift.ReportError{{Stage: "cluster", Message: "x"}}
	messages, _ := Messages(r, nil, tokenConfig())
	if len(messages) != 2 || messages[0].Kind != KindErrors || messages[1].Kind != KindApp || messages[1].App != "storefront" {
		t.Errorf("got %d messages, want errors, then the app", len(messages))
	}
}

// TestDocumentedLimits: docs/slack.md gives the numbers that hold.
func TestDocumentedLimits(t *testing.T) {
	doc, err := os.ReadFile("../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(doc)), " ")
	for _, want := range []string{
		fmt.Sprintf("at most %d resources", itemLimit), fmt.Sprintf("at most %d fields and %d rules of each", fieldLimit, ruleLimit),
		fmt.Sprintf("a line each, at most %d", digestLimit), fmt.Sprintf("news of more than %d apps at once", floodLimit),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/slack.md does not say %q", want)
		}
	}
}

// TestEveryMessageNamesTheCluster: a channel hears of several clusters.
func TestEveryMessageNamesTheCluster(t *testing.T) {
	config := &drift.ConfigPlace{Repository: "https://git.example.com/platform.git", Ref: "main", Path: "clusters/prod/killick.yaml"}
	for _, test := range []struct {
		reason  string
		cluster drift.ReportCluster
		config  *drift.ConfigPlace
		want    string
	}{
		{"by its name", drift.ReportCluster{Name: "prod-eu", UID: "6f1c"}, config, "Killick on prod-eu: 1 error in this run"},
		{"no name was ever read", drift.ReportCluster{UID: "6f1c"}, config, "Killick on cluster 6f1c: 1 error in this run"},
		{"the cluster cannot be reached either", drift.ReportCluster{}, config, "Killick for clusters/prod/killick.yaml: 1 error in this run"},
		{"a report of an older version", drift.ReportCluster{}, nil, "Killick: 1 error in this run"},
	} {
		report := reportOf()
		report.Cluster, report.Run.Config = test.cluster, test.config
		report.Errors = []drift.ReportError{{Stage: "config", Message: "unknown field"}}
		messages, _ := Messages(report, nil, tokenConfig())
		if got := messages[0].Title(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
		}
	}
}

// TestResolvedIsBounded: a message names some of many, and counts all.
func TestResolvedIsBounded(t *testing.T) {
	resources := many(30, "")
	told := toldOpen("storefront", resources...)
	if text := told["storefront"][DefaultRoute]; text != parseLedger(text).String() {
		t.Errorf("the ledger does not read what it wrote: %s", text)
	}
	// Half of them go one by one, in silence.
	for left := 29; left >= 15; left-- {
		var messages []Message
		if messages, told = Messages(reportOf(appOf("storefront", resources[:left]...)), told, tokenConfig()); len(messages) > 0 {
			t.Fatalf("%d messages with %d left", len(messages), left)
		}
	}
	messages, _ := Messages(reportOf(appOf("storefront")), told, tokenConfig())
	text := Text(messages[0])
	for _, want := range []string{"back in sync: 30 objects", "ConfigMap shop/settings-000\n", "…and 20 more objects"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
