package notify

import (
	"fmt"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

var (
	runTime    = time.Date(2026, 11, 21, 2, 13, 0, 0, time.UTC)
	editTime   = time.Date(2026, 11, 21, 1, 12, 40, 0, time.UTC)
	commitTime = time.Date(2026, 11, 20, 17, 58, 0, 0, time.UTC)
)

// tokenConfig posts through a bot token to two routes.
func tokenConfig() Config {
	return Config{Slack: SlackConfig{TokenFile: "token", Routes: map[string]Route{
		DefaultRoute: {Channel: "C0DRIFT00001"}, "payments": {Channel: "C0PAYMENTS01"}}}}
}

func reportOf(apps ...drift.ReportApp) drift.Report {
	return drift.Report{
		Schema:  drift.ReportSchema,
		Cluster: drift.ReportCluster{Name: "prod-eu", UID: "6f1c"},
		Run:     drift.ReportRun{ID: "20261121-021300", Mode: "run", Started: runTime, Finished: runTime},
		Apps:    apps,
	}
}

func appOf(name string, resources ...drift.ReportResource) drift.ReportApp {
	app := drift.ReportApp{
		Name: name, Path: "apps/" + name, Renderer: drift.RendererKustomize, Complete: true, Health: drift.HealthCurrent,
		Revision: drift.ReportRevision{Ref: "main", Commit: "3f9d2c1aa0b14c7e9f3a5b6c7d8e9f0a1b2c3d4e",
			Author: "Jane Doe", Subject: "bump api to 1.8", Time: commitTime},
		Counts:    drift.ReportCounts{InSync: 41},
		Resources: resources,
	}
	for _, r := range resources {
		switch {
		case r.Outcome == "failed":
			app.Counts.Failed++
		case r.Outcome == "planned": // a run that detects counts what it did
		case r.Replace:
			app.Counts.Replaced++
		case r.Action == "alert-only":
			app.Counts.Alerted++
		case r.Action == "heal":
			app.Counts.Healed++
		case r.Action == "prune":
			app.Counts.Pruned++
		case r.Action == "sync":
			app.Counts.Synced++
		case r.Action == "ignore":
			app.Counts.Ignored++
		}
	}
	return app
}

// healedDeployment was scaled by hand and put back.
func healedDeployment(name string) drift.ReportResource {
	at := editTime
	return drift.ReportResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: name,
		Drift: "modified", Cause: "live", Action: "heal", Outcome: "applied",
		Reason: "hand edits in shop are put back", Health: drift.HealthCurrent,
		Rules: []drift.ReportRule{{Verb: "heal", Reason: "hand edits in shop are put back", Rule: "policies/drift/shop/shop.rego:7"}},
		Fields: []drift.ReportField{
			{Path: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5), Cause: "live",
				Manager: "kubectl-scale", ManagerClass: "interactive", ManagerTime: &at},
			{Path: "/spec/template/spec/containers/[name=app]/env/[name=DEBUG]", Op: "add", Live: map[string]any{"name": "DEBUG", "value": "1"}, Cause: "live",
				Manager: "kubectl-edit", ManagerClass: "interactive", ManagerTime: &at},
		},
		Origin: drift.Origin{File: "apps/storefront/base/web.yaml", Line: 1},
	}
}

// planned is a resource as a run reports it that detects.
func planned(r drift.ReportResource) drift.ReportResource {
	r.Outcome = "planned"
	return r
}

// alertedConfigMap was edited by hand and left alone.
func alertedConfigMap(name string) drift.ReportResource {
	at := editTime
	return drift.ReportResource{
		Version: "v1", Kind: "ConfigMap", Namespace: "shop", Name: name,
		Drift: "modified", Cause: "live", Action: "alert-only", Outcome: "skipped",
		Reason: "production settings want a human", Severity: "warning",
		Rules:     []drift.ReportRule{{Verb: "alert_only", Reason: "production settings want a human", Rule: "policies/drift/prod/prod.rego:12", Ref: "RUN-42"}},
		Overruled: []drift.ReportRule{{Verb: "heal", Reason: "hand edits in shop are put back", Rule: "policies/drift/shop/shop.rego:7"}},
		Fields: []drift.ReportField{{Path: "/data/LOG_LEVEL", Op: "replace", Desired: "info", Live: "debug", Cause: "live",
			Manager: "kubectl-edit", ManagerClass: "interactive", ManagerTime: &at}},
		Origin: drift.Origin{File: "apps/storefront/base/config.yaml", Line: 4},
	}
}

// prunedService left Git and was deleted.
func prunedService(name string) drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "Service", Namespace: "shop", Name: name,
		Drift: "extra", Cause: "git", Action: "prune", Outcome: "pruned", Reason: "Services that left Git may go",
		Rules: []drift.ReportRule{{Verb: "prune", Reason: "Services that left Git may go", Rule: "builtin/baseline/baseline.rego:31"}},
	}
}

// syncedDeployment is a successful, allowed rollout.
func syncedDeployment(name string) drift.ReportResource {
	return drift.ReportResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: name,
		Drift: "modified", Cause: "git", Action: "sync", Outcome: "applied", Health: drift.HealthInProgress,
		Reason: "Git moved",
		Rules:  []drift.ReportRule{{Verb: "sync", Reason: "Git moved", Rule: "builtin/baseline/baseline.rego:10"}},
		Fields: []drift.ReportField{{Path: "/spec/template/spec/containers/[name=app]/image", Op: "replace",
			Desired: "registry.example.com/shop/web:1.8", Live: "registry.example.com/shop/web:1.7", Cause: "git",
			Manager: "killick", ManagerClass: "self"}},
	}
}

// failedIngress was refused by an admission webhook.
func failedIngress(name string) drift.ReportResource {
	return drift.ReportResource{
		Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: name,
		Drift: "missing", Cause: "git", Action: "sync", Outcome: "failed", Reason: "Git moved",
		Rules:  []drift.ReportRule{{Verb: "sync", Reason: "Git moved", Rule: "builtin/baseline/baseline.rego:10"}},
		Error:  `applying Ingress shop/` + name + `: denied by admission: host "shop.example.com" is already defined`,
		Origin: drift.Origin{File: "apps/storefront/base/ingress.yaml", Line: 1},
	}
}

// ignoredDeployment is ignored by policy: counted, never told.
func ignoredDeployment(name string) drift.ReportResource {
	r := healedDeployment(name)
	r.Action, r.Outcome = "ignore", "skipped"
	return r
}

// manyApps are n apps with one alert each.
func manyApps(n int) []drift.ReportApp {
	apps := make([]drift.ReportApp, n)
	for i := range apps {
		apps[i] = appOf(fmt.Sprintf("app-%02d", i), alertedConfigMap("settings"))
	}
	return apps
}
