package report_test

import (
	"time"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
	"github.com/killick-dev/killick/internal/summary"
)

var (
	started  = time.Date(2026, 8, 21, 9, 30, 8, 0, time.UTC)
	finished = time.Date(2026, 8, 21, 9, 30, 12, 200_000_000, time.UTC)
)

func before(d time.Duration) *time.Time {
	t := finished.Add(-d).Truncate(time.Second)
	return &t
}

func frame(mode string, exit int) drift.Report {
	return drift.Report{
		Schema:  drift.ReportSchema,
		Cluster: drift.ReportCluster{Name: "prod-eu", UID: "0f2c7c1e-6a0e-4c4e-9d6b-6f3a4b8f3a11"},
		Run: drift.ReportRun{ID: "20260821-093008-5d1c", Job: "killick/killick-29123456", Mode: mode, Version: "v0.1.0",
			Started: started, Finished: finished, ExitCode: exit},
	}
}

func revision() drift.ReportRevision {
	return drift.ReportRevision{
		Repository: "https://git.example.com/platform.git", Ref: "main",
		Commit: "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", Author: "Ada Lovelace",
		Subject: "storefront: web 1.25 → 1.26", Time: started.Add(-40 * time.Minute),
	}
}

// richReport has one resource of every sort, in the wrong order.
func richReport() drift.Report {
	report := frame("run", 4)
	own := summary.ReportRevisionOf(drift.Revision{Repository: "https://git.example.com/platform.git", Ref: "main",
		Commit: "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", Time: started.Add(-40 * time.Minute)},
		githost.Web{URL: "https://git.example.com/acme/platform", Host: githost.Gitea})
	report.Run.ConfigRevision = &own
	report.Run.Policies = []drift.ReportPolicies{{Path: "policies", Folder: "policies", Revision: own}}
	report.Apps = []drift.ReportApp{{
		Name: "storefront", Path: "apps/storefront/overlays/prod", Renderer: drift.RendererKustomize,
		Revision: revision(), Health: drift.HealthInProgress,
		Counts: drift.ReportCounts{InSync: 33, Missing: 2, Modified: 7, Extra: 1, Unknown: 1, Skipped: 2,
			Synced: 2, Healed: 1, Replaced: 1, Pruned: 1, Alerted: 3, Ignored: 1, Failed: 1},
		Resources: []drift.ReportResource{
			ignoredResource(), syncedResource(), missingResource(), healedResource(), prunedResource(),
			configResource(), replacedResource(), alertedResource(), secretResource(), unknownResource(), failedResource(), adoptedResource(),
		},
		Unhealthy: []drift.ReportHealth{
			{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "storefront", Name: "web", Health: drift.HealthFailed,
				Reason: "ScalingActive: FailedGetResourceMetric: no metrics", Since: before(72 * time.Hour)},
			{Kind: "Service", Namespace: "storefront", Name: "edge", Health: drift.HealthInProgress, Reason: "waits for a load balancer's address", Created: before(20 * time.Minute)},
			{Group: "example.com", Kind: "Boat", Namespace: "storefront", Name: "b", Health: drift.HealthInProgress},
		},
		UnhealthyTotal: 5,
		Warnings:       []string{"apps/storefront/overlays/prod: Helm hook Job storefront/migrate was left out"},
		Withheld: []drift.ReportWithheld{
			{Guard: drift.GuardSource, Hash: "9f86d081884c7d659a2feaa0c55ad015", Reason: `P5: another source applied it: the app's path was "apps/shop", is "apps/storefront"`,
				Objects: []drift.ReportDeletion{{Kind: "ConfigMap", Namespace: "storefront", Name: "old", UID: "u1"}}},
			{Guard: drift.GuardBudget, Hash: "0a86d081884c7d659a2feaa0c55ad015", Reason: "budget: 5 deletions, and 3 of 12 objects are allowed", Later: true,
				Objects: []drift.ReportDeletion{{Kind: "ConfigMap", Namespace: "storefront", Name: "a", UID: "u2"}, {Kind: "ConfigMap", Namespace: "storefront", Name: "b", UID: "u3"},
					{Kind: "ConfigMap", Namespace: "storefront", Name: "c", UID: "u4"}, {Kind: "ConfigMap", Namespace: "storefront", Name: "d", UID: "u5"},
					{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web", UID: "u6", Replace: true}}}},
	}, {
		Name: "metrics", Path: "metrics", Renderer: drift.RendererHelm, Complete: true, FirstRun: true,
		Revision: drift.ReportRevision{Worktree: true, Repository: "/srv/platform"},
		Health:   drift.HealthCurrent, Counts: drift.ReportCounts{InSync: 1},
		Suspended: "until 2026-12-01T08:00:00Z: migration",
	}}
	report.Warnings = []string{"guards.accept: 1b86d081884c7d659a2feaa0c55ad015 matches nothing any more: remove it from the config"}
	report.Errors = []drift.ReportError{
		{App: "storefront", Stage: "observe", Message: "listing metrics.k8s.io/v1beta1: the server is currently unable to handle the request"},
		{App: "billing", Stage: "render", File: "apps/billing/web.yaml:12",
			Message: "apps/billing/web.yaml:12: parsing YAML: mapping values are not allowed in this context\nline 12 is:\n\tname: a: b",
			Hint:    "quote the value, or remove the second colon"},
		{Stage: "policy", File: "policies/drift/shop/shop.rego:7", Message: "heal if without contains adds nothing"},
	}
	return report
}

func rules(verb drift.Verb, reason, where string) []drift.ReportRule {
	return []drift.ReportRule{{Verb: string(verb), Reason: reason, Rule: where}}
}

func healedResource() drift.ReportResource {
	reason := "hand edits in the shop are put back"
	return drift.ReportResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "storefront", Name: "web",
		Drift: "modified", Cause: "live", Action: "heal", Outcome: "applied", Reason: reason,
		Rules: rules(drift.VerbHeal, reason, "policies/drift/shop/shop.rego:7"),
		Fields: []drift.ReportField{
			{Path: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5), Cause: "live",
				Manager: "kubectl", ManagerClass: "interactive", ManagerTime: before(34 * time.Minute)},
			{Path: "/spec/template/spec/containers/[name=web]/image", Op: "replace",
				Desired: "registry.example.com/shop/web:1.26", Live: "registry.example.com/shop/web:debug", Cause: "live",
				Manager: "kubectl-edit", ManagerClass: "interactive", ManagerTime: before(3 * time.Hour)},
			{Path: "/spec/template/spec/containers/[name=web]/env/[name=DEBUG]", Op: "add",
				Live: map[string]any{"name": "DEBUG", "value": "1"}, Cause: "live",
				Manager: "kubectl-edit", ManagerClass: "interactive", ManagerTime: before(3 * time.Hour)},
		},
		Origin: drift.Origin{File: "apps/storefront/base/web.yaml", Line: 1}, Health: drift.HealthInProgress,
		HealthReason: "2 of 3 replicas are available", FirstSeen: before(30 * time.Minute),
	}
}

func syncedResource() drift.ReportResource {
	reason := "Git is what runs"
	return drift.ReportResource{
		Version: "v1", Kind: "Service", Namespace: "storefront", Name: "web",
		Drift: "modified", Cause: "git", Action: "sync", Outcome: "applied", Reason: reason,
		Rules: rules(drift.VerbSync, reason, "builtin:baseline/baseline.rego:21"),
		Fields: []drift.ReportField{
			{Path: "/spec/ports/[port=8080,protocol=TCP]", Op: "remove",
				Desired: map[string]any{"name": "http", "port": int64(8080), "protocol": "TCP"}, Cause: "git"},
			{Path: "/metadata/labels/app.kubernetes.io~1version", Op: "replace", Desired: "1.26", Live: "1.25", Cause: "git",
				Manager: "killick", ManagerClass: "self", ManagerTime: before(26 * time.Hour)},
		},
		Origin: drift.Origin{File: "apps/storefront/base/web.yaml", Line: 40}, Health: drift.HealthCurrent,
	}
}

func missingResource() drift.ReportResource {
	return drift.ReportResource{
		Group: "policy", Version: "v1", Kind: "PodDisruptionBudget", Namespace: "storefront", Name: "web",
		Drift: "missing", Cause: "git", Action: "sync", Outcome: "applied", Reason: "Git is what runs",
		Rules:  rules(drift.VerbSync, "Git is what runs", "builtin:baseline/baseline.rego:21"),
		Origin: drift.Origin{Repository: "charts", File: "web/templates/pdb.yaml", Chart: "web-1.4.0", Template: "web/templates/pdb.yaml"},
	}
}

// replacedResource could not be changed in place.
func replacedResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "Service", Namespace: "storefront", Name: "cache",
		Drift: "modified", Cause: "git", Action: "sync", Outcome: "applied", Replace: true,
		Lost: []string{"cluster IP 10.96.0.7", "load balancer address 192.0.2.7"}, Reason: "Git is what runs",
		Rules: append(rules(drift.VerbSync, "Git is what runs", "builtin:baseline/baseline.rego:21"),
			rules(drift.VerbReplace, "what cannot be changed in place is made anew", "policies/drift/shop/shop.rego:60")...),
		Fields: []drift.ReportField{{Path: "/spec/clusterIP", Op: "replace", Desired: "None", Live: "10.96.0.7", Cause: "git"}},
		Health: drift.HealthCurrent,
	}
}

func prunedResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "old-flags",
		Drift: "extra", Cause: "git", Action: "prune", Outcome: "pruned", Reason: "ConfigMaps may go when Git drops them",
		Rules: rules(drift.VerbPrune, "ConfigMaps may go when Git drops them", "policies/drift/shop/prune.rego:12"),
	}
}

func configResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "nginx",
		Drift: "modified", Cause: "both", Action: "alert-only", Outcome: "skipped", Severity: "warning",
		Reason: "both sides moved and no policy grants heal",
		Fields: []drift.ReportField{
			{Path: "/data/nginx.conf", Op: "replace", Cause: "both", Manager: "", Note: "admission changed our own write",
				Live:    "worker_processes 1;\nevents {}\nhttp {\n  gzip off; \n  server {}\n}\n",
				Desired: "worker_processes 4;\nevents {}\nhttp {\n  gzip on;\n  server {}\n}"},
			{Path: "/data/allow", Op: "replace", Cause: "live", Manager: "Mozilla", ManagerClass: "interactive",
				Live: "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 198.18.0.0/15 203.0.113.0/24 198.51.100.0/24 192.0.2.0/24 2001:db8::/32", Desired: "10.0.0.0/8"},
			{Path: "/data/enabled", Op: "replace", Cause: "live", Manager: "Mozilla", ManagerClass: "interactive", Live: "true", Desired: "false"},
		},
		Origin: drift.Origin{File: "apps/storefront/base/nginx.yaml"},
	}
}

func alertedResource() drift.ReportResource {
	return drift.ReportResource{
		Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy", Namespace: "storefront", Name: "default-deny",
		Drift: "missing", Cause: "live", Action: "alert-only", Outcome: "skipped", Severity: "critical",
		Reason: "a deleted network policy wants a human",
		Rules: []drift.ReportRule{{Verb: "alert_only", Reason: "a deleted network policy wants a human",
			Rule: "policies/drift/security/net.rego:31", Ref: "https://runbooks.example.com/net"}},
		Overruled: rules(drift.VerbHeal, "the shop puts everything back", "policies/drift/shop/shop.rego:19"),
		NotAsked:  []string{"billing", "payments"},
		Findings:  []string{"it had been there in the run before"},
		Approval:  "5f0c4f7f1c2b4d0e8a9b6c7d8e9f0a1b",
	}
}

func secretResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "Secret", Namespace: "storefront", Name: "db",
		Drift: "extra", Cause: "git", Action: "prune", Outcome: "skipped", Reason: "what Git drops may go",
		Refused: []string{"P4: its part-of label was not written by us", "P6: it carries the keep annotation helm.sh/resource-policy"},
		Fields:  []drift.ReportField{{Path: "/data/password", Op: "replace", Desired: "*** (desired)", Live: "*** (live)", Cause: "live"}},
	}
}

func unknownResource() drift.ReportResource {
	return drift.ReportResource{
		Group: "cert-manager.io", Version: "v1", Kind: "Certificate", Namespace: "storefront", Name: "web-tls",
		Drift: "unknown", Cause: "none", Action: "alert-only", Outcome: "skipped", Reason: "it could not be read",
		Error: `reading Certificate.cert-manager.io storefront/web-tls: forbidden: User "system:serviceaccount:killick:killick" cannot get resource "certificates"`,
		Hint:  "grant Killick's identity the verb and resource named in the message",
	}
}

func failedResource() drift.ReportResource {
	return drift.ReportResource{
		Group: "apps", Version: "v1", Kind: "StatefulSet", Namespace: "storefront", Name: "db",
		Drift: "modified", Cause: "git", Action: "sync", Outcome: "failed", Reason: "Git is what runs",
		Rules:  rules(drift.VerbSync, "Git is what runs", "builtin:baseline/baseline.rego:21"),
		Fields: []drift.ReportField{{Path: "/spec/serviceName", Op: "replace", Desired: "db", Live: "database", Cause: "git", Manager: "killick", ManagerClass: "self"}},
		Error:  "applying StatefulSet.apps storefront/db: denied by admission: webhook said:\nserviceName is immutable\n",
		Health: drift.HealthCurrent,
	}
}

func adoptedResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "ServiceAccount", Namespace: "storefront", Name: "web",
		Drift: "in-sync", Cause: "none", Action: "sync", Outcome: "applied", Reason: "the shop moves over from Helm",
		Rules: rules(drift.VerbAdopt, "the shop moves over from Helm", "policies/drift/shop/adopt.rego:3"),
	}
}

func ignoredResource() drift.ReportResource {
	return drift.ReportResource{
		Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "feature-flags",
		Drift: "modified", Cause: "live", Action: "ignore", Outcome: "skipped", Reason: "flags are flipped by hand",
		Rules:  rules(drift.VerbIgnore, "flags are flipped by hand", "policies/drift/shop/shop.rego:44"),
		Fields: []drift.ReportField{{Path: "/data/beta", Op: "replace", Desired: "off", Live: "on", Cause: "live", Manager: "flagctl", ManagerClass: "unknown", ManagerTime: before(50 * time.Hour)}},
		Ignored: []drift.ReportField{{Path: "/metadata/annotations/shop.example.com~1touched", Op: "add",
			Live: "yes", Cause: "live", Manager: "flagctl", ManagerClass: "unknown", Note: "ignore_fields"}},
	}
}

// planReport is what a plan says before anything was written.
func planReport() drift.Report {
	report := frame("plan", 1)
	resource := healedResource()
	resource.Outcome = "planned"
	waits := healedResource()
	waits.Name, waits.Action, waits.Outcome, waits.Waiting, waits.Reason = "api", "alert-only", "skipped", true, "waiting for approval: production wants a second pair of eyes"
	waits.Hint = decide.ApprovalsNotYet
	waits.Rules = append(waits.Rules, rules(drift.VerbRequireApproval, "production wants a second pair of eyes", "policies/drift/shop/shop.rego:70")...)
	again := replacedResource()
	again.Outcome = "planned"
	held := replacedResource()
	held.Name, held.Outcome = "queue", "skipped"
	report.Apps = []drift.ReportApp{{
		Name: "storefront", Path: "apps/storefront/overlays/prod", Renderer: drift.RendererKustomize, Complete: true,
		Revision: revision(), Health: drift.HealthCurrent,
		Counts:    drift.ReportCounts{InSync: 41, Modified: 4, Alerted: 1, Waiting: 1},
		Resources: []drift.ReportResource{resource, again, held, waits},
	}}
	return report
}

// detectReport is a run that only detects: what is planned was not done.
func detectReport() drift.Report {
	report := planReport()
	report.Run.Mode, report.Run.Detect, report.Run.ExitCode = "run", true, 0
	return report
}

// brokenReport is a run that ended before it knew any app.
func brokenReport() drift.Report {
	report := frame("run", 2)
	report.Errors = []drift.ReportError{{Stage: "config", File: "clusters/prod/killick.yaml:14",
		Message: `clusters/prod/killick.yaml:14: unknown field "pth"`, Hint: `did you mean "path"?`}}
	return report
}

// hostileReport holds text that attacks a terminal or a reader.
func hostileReport() drift.Report {
	report := frame("run", 0)
	report.Cluster.Name = "prod\x1b]0;owned\x07"
	resource := healedResource()
	resource.Name = "web\x1b[2J"
	resource.Reason = "fine\r\x1b[1A\x1b[31mnothing drifted\u202e"
	resource.Fields = []drift.ReportField{
		{Path: "/data/a\x1b[31m", Op: "replace", Desired: "x\x1b[0m\u009b31m", Live: "\xff\u2066trojan", Cause: "live", Manager: "kubectl\x1b[5m"},
		{Path: "/data/obj", Op: "add", Live: map[string]any{"k\x7f": "v\u0085"}, Cause: "live", Note: "line\nbreak"},
		{Path: "/data/text", Op: "replace", Live: "a\n\x1b[2Jb\n", Desired: "a\n\tc\u200b\n", Cause: "live"},
		{Path: "no pointer \x1b", Op: "replace", Live: "1", Desired: int64(1), Cause: "live"},
	}
	report.Apps = []drift.ReportApp{{Name: "shop", Revision: drift.ReportRevision{Commit: "abc\x1b", Author: "Émile\x1b[1m", Subject: "a\nb"},
		Complete: true, Resources: []drift.ReportResource{resource}, Warnings: []string{"w\x1b[0m"}}}
	report.Errors = []drift.ReportError{{Stage: "notify\x1b", Message: "m\x1b[0m\n\x9b", Hint: "h\x08"}}
	return report
}
