package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with testdata/NAME, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if it is meant:\n%s", path, diff)
	}
}

// TestCards pins what people see: the terminal text and the Slack blocks.
func TestCards(t *testing.T) {
	long := healedDeployment("web")
	for i := range 9 {
		long.Fields = append(long.Fields, drift.ReportField{Path: fmt.Sprintf("/metadata/labels/extra-%d", i), Op: "add", Live: "x"})
	}
	multiline := alertedConfigMap("nginx")
	multiline.Fields[0].Path = "/data/nginx.conf"
	multiline.Fields[0].Desired = "worker_processes 4;\nevents {}\nhttp {\n  gzip on;\n}\n"
	multiline.Fields[0].Live = "worker_processes 4;\nevents {}\nhttp {\n  gzip off;\n}\n# tuned by hand\n"
	incomplete := appOf("storefront", alertedConfigMap("app"))
	incomplete.Complete, incomplete.Suspended = false, "until 2026-12-01 08:00 UTC: migration"
	incomplete.Resources[0].Routes = []string{"nobody"}
	unhealthyApp := appOf("storefront", syncedDeployment("web"))
	unhealthyApp.Health = drift.HealthFailed
	unhealthyApp.Unhealthy, unhealthyApp.UnhealthyTotal = []drift.ReportHealth{
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web", Health: drift.HealthFailed, Reason: "progress deadline exceeded", Since: &editTime},
		{Kind: "Service", Namespace: "shop", Name: "edge", Health: drift.HealthInProgress, Reason: "waits for a load balancer's address", Created: &commitTime},
		{Group: "example.com", Kind: "Boat", Namespace: "shop", Name: "b", Health: drift.HealthInProgress, Reason: "no reason given"},
		{Group: "example.com", Kind: "Boat", Namespace: "shop", Name: "c", Health: drift.HealthInProgress, Reason: "no reason given"},
	}, 7
	unhealthyApp.Resources[0].Health = drift.HealthFailed
	unhealthyApp.Resources[0].HealthReason = "progress deadline exceeded"
	linked := alertedConfigMap("app")
	linked.Rules[0].Ref = "https://runbooks.example.com/log-level"
	linkedApp := appOf("storefront", linked, failedIngress("shop"))
	linkedApp.Revision.Web = &githost.Web{URL: "https://git.example.com/acme/platform", Host: githost.GitLab}
	linkedReport := reportOf(linkedApp)
	linkedReport.Run.Policies = []drift.ReportPolicies{{Path: "policies", Folder: "policies", Revision: linkedApp.Revision}}
	var equal []drift.ReportResource
	for i := range 12 {
		one := alertedConfigMap(fmt.Sprintf("settings-%02d", i))
		at := editTime.Add(time.Duration(i) * time.Minute)
		one.Fields[0].ManagerTime = &at
		equal = append(equal, one)
	}
	critical := alertedConfigMap("keys")
	critical.Severity = "critical"
	heldBack := prunedService("db")
	heldBack.Outcome = "skipped"
	heldBack.Refused = []string{"P6: Service shop/db carries the keep annotation helm.sh/resource-policy"}
	replacedOne := prunedService("api")
	replacedOne.Drift, replacedOne.Action, replacedOne.Outcome, replacedOne.Replace = "modified", "sync", "applied", true
	replacedOne.Lost = []string{"cluster IP 10.96.0.7", "load balancer address 192.0.2.7"}
	replaceHeld := replacedOne
	replaceHeld.Name, replaceHeld.Outcome = "db", "skipped"
	waiting := alertedConfigMap("app")
	waiting.Waiting, waiting.Overruled, waiting.NotAsked = true, nil, []string{"billing", "payments"}
	waiting.Reason = "waiting for approval: production wants a second pair of eyes"
	first := manyApps(3)
	for i := range first {
		first[i].FirstRun = true
	}
	first[1].Resources = nil
	first[1].Counts = drift.ReportCounts{InSync: 2, Synced: 12}
	digest := tokenConfig()
	digest.Slack.Syncs = SyncsDigest
	each := tokenConfig()
	each.Slack.Syncs = SyncsEach
	broken := reportOf()
	broken.Cluster.Name = ""
	broken.Run.ExitCode = 2
	broken.Run.Job = "killick/killick-29123456"
	broken.Run.Config = &drift.ConfigPlace{Repository: "https://git.example.com/platform.git", Ref: "main", Path: "clusters/prod/killick.yaml"}
	broken.Errors = []drift.ReportError{{Stage: "config", File: "clusters/prod/killick.yaml:14",
		Message: `clusters/prod/killick.yaml:14: unknown field "repositry"`, Hint: `did you mean "repository"?`}}
	broken.Run.ConfigRevision = &drift.ReportRevision{Commit: linkedApp.Revision.Commit, Web: linkedApp.Revision.Web}
	same := reportOf()
	same.Run.ExitCode = 2
	for i := range 10 {
		same.Errors = append(same.Errors, drift.ReportError{App: fmt.Sprintf("app-%02d", i), Stage: "source",
			Message: `cloning "https://git.example.com/platform.git": connection refused`, Hint: "check that the Git host is up"})
	}
	notWhole := reportOf(incomplete)
	notWhole.Errors = []drift.ReportError{{App: "storefront", Stage: "observe", Message: "listing ConfigMap: forbidden"}}
	partial := reportOf(appOf("metrics"))
	partial.Run.ExitCode = 4
	partial.Errors = []drift.ReportError{
		{App: "storefront", Stage: "render", Message: "rendering Kustomize: base/web.yaml: yaml: line 3: did not find expected key", File: "apps/storefront/base/web.yaml:3"},
		{Stage: "cluster", Message: "listing metrics.k8s.io/v1beta1: the server is currently unable to handle the request"}}

	tests := []struct {
		name   string
		reason string
		report drift.Report
		told   drift.Told
		config Config
	}{
		{"app", "one of everything: failed first, ignored never", reportOf(appOf("storefront", prunedService("old"),
			healedDeployment("web"), ignoredDeployment("worker"), alertedConfigMap("app"), failedIngress("shop"), syncedDeployment("api"))),
			nil, tokenConfig()},
		{"healed", "only good news has a calm headline", reportOf(appOf("storefront", healedDeployment("web"))), nil, tokenConfig()},
		{"changed", "a reader sees which of the open findings is new", reportOf(appOf("storefront", alertedConfigMap("app"), alertedConfigMap("more"))),
			toldOpen("storefront", alertedConfigMap("app")), tokenConfig()},
		{"long", "cut fields and multi-line values are counted", reportOf(appOf("storefront", long, multiline)), nil, tokenConfig()},
		{"incomplete", "partial knowledge, suspension and an unknown route are said", notWhole,
			drift.Told{"": {errorID(notWhole.Errors[0]): "x"}}, tokenConfig()},
		{"unhealthy", "a rollout that fails its health is news", reportOf(unhealthyApp), nil, tokenConfig()},
		{"links", "the commit, the file at its line, the rule at its line, and its ref", linkedReport, nil, tokenConfig()},
		{"equal", "what changed alike is told once, with names and an exact count", reportOf(appOf("storefront", append(equal, failedIngress("shop"))...)), nil, tokenConfig()},
		{"equal-new", "a new one among known ones stands apart", reportOf(appOf("storefront", equal...)), toldOpen("storefront", equal[1:]...), tokenConfig()},
		{"critical", "what policy calls critical shows in the headline, its mark and its place", reportOf(appOf("storefront",
			alertedConfigMap("app"), critical, healedDeployment("web"))), nil, tokenConfig()},
		{"held-back", "a guard's refusal is said with its rule", reportOf(appOf("storefront", heldBack)), nil, tokenConfig()},
		{"replaced", "what is deleted and created again is news, and no quiet rollout", reportOf(appOf("storefront", replacedOne, replaceHeld)), nil, tokenConfig()},
		{"detect", "what a run that detects was granted waits for somebody", reportOf(appOf("storefront", planned(prunedService("old")),
			planned(healedDeployment("web")), planned(syncedDeployment("api")))), nil, tokenConfig()},
		{"waiting", "what waits for an approval is no overruled grant, and areas that were not asked are named", reportOf(appOf("storefront", waiting)), nil, tokenConfig()},
		{"resolved", "back in sync is short", reportOf(appOf("storefront")), toldOpen("storefront", alertedConfigMap("app")), tokenConfig()},
		{"resolved-many", "several are named, and what policy ignores now is said to be", reportOf(appOf("storefront", ignoredDeployment("web"))),
			drift.Told{"storefront": {DefaultRoute: func() string {
				list := findings(appOf("storefront", alertedConfigMap("app"), failedIngress("shop"), planned(healedDeployment("web"))))
				return settle(list).named(ledger{}, list).String()
			}()}}, tokenConfig()},
		{"resolved-old", "what an older version told has no name", reportOf(appOf("storefront")),
			drift.Told{"storefront": {DefaultRoute: "v1 open=AAAAAAAA,BBBBBBBB"}}, tokenConfig()},
		{"resolved-beside", "what went away is named beside what is new", reportOf(appOf("storefront", alertedConfigMap("more"))),
			toldOpen("storefront", alertedConfigMap("app")), tokenConfig()},
		{"first-run", "a first run is one digest, quiet apps included", reportOf(first...), nil, tokenConfig()},
		{"flood", "sixteen apps share one digest", reportOf(manyApps(16)...), nil, tokenConfig()},
		{"rollouts", "syncs: digest", reportOf(appOf("storefront", syncedDeployment("web")), appOf("payments", syncedDeployment("api"))), nil, digest},
		{"rollout-each", "syncs: each", reportOf(appOf("storefront", syncedDeployment("web"))), nil, each},
		{"errors-config", "a broken config is told with place and hint", broken, nil, tokenConfig()},
		{"errors-same", "one cause that many apps meet is told once", same, nil, tokenConfig()},
		{"errors-partial", "errors of apps and of the run", partial, nil, tokenConfig()},
		{"errors-gone", "errors that do not come back are closed", reportOf(appOf("metrics")),
			drift.Told{"": {"AAAAAAAA": "config: killick.yaml:9: apps[0].namespce is not a known field", "BBBBBBBB@metrics": "BBBBBBBB@metrics"}}, tokenConfig()},
		{"missed", "what a broken Slack swallowed is said later", reportOf(appOf("storefront")),
			drift.Told{"storefront": {DefaultRoute: "v1 missed=healed:2,pruned:1 since=2026-11-20_23:05_UTC"}}, tokenConfig()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			messages, _ := Messages(test.report, test.told, test.config)
			if len(messages) != 1 {
				t.Fatalf("%s: got %d messages, want 1", test.reason, len(messages))
			}
			golden(t, test.name+".txt", []byte(Text(messages[0])))
			golden(t, test.name+".json", wire(t, messages[0]))
		})
	}
}

// wire is the first form as JSON, readable.
func wire(t *testing.T, m Message) []byte {
	t.Helper()
	f := richForm(m)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(map[string]any{"text": f.text, "blocks": f.blocks}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestTextHasNoTrailingSpace keeps terminal output and golden files clean.
func TestTextHasNoTrailingSpace(t *testing.T) {
	messages, _ := Messages(reportOf(manyApps(2)...), nil, tokenConfig())
	for _, m := range messages {
		for line := range strings.Lines(Text(m)) {
			if trimmed := strings.TrimRight(line, "\n"); strings.TrimRight(trimmed, " ") != trimmed {
				t.Errorf("line %q ends in a space", line)
			}
		}
	}
}

// toldOpen is a Told in which these findings of one app were told on the default
// route.
func toldOpen(app string, resources ...drift.ReportResource) drift.Told {
	list := findings(appOf(app, resources...))
	return drift.Told{app: {DefaultRoute: settle(list).named(ledger{}, list).String()}}
}
