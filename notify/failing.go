package notify

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// unhealthyMark ends the fingerprint of an object's failed health, and its name among what
// is resolved.
const unhealthyMark = "!"

// healthFingerprint identifies that an object has failed, for as long as it has: its reason
// may change meanwhile, and whether it also drifts is told apart.
func healthFingerprint(id drift.ID) string { return fingerprint("health", id) + unhealthyMark }

// failingObject is the finding of an object that is in sync, or whose drift is not told, and
// whose health has failed.
func failingObject(object drift.ReportHealth) finding {
	return finding{class: failing, verdict: "unhealthy", health: &object, fingerprint: healthFingerprint(object.ID()),
		resource: drift.ReportResource{
			Group: object.Group, Kind: object.Kind, Namespace: object.Namespace, Name: object.Name,
			Drift: drift.InSync.String(), Health: object.Health, HealthReason: object.Reason,
		}}
}

// withHealth adds the failed health of the app's object to what else is told of it. What
// left Git has no part in the app's health.
func (f finding) withHealth(app drift.ReportApp) finding {
	r := f.resource
	if r.Health != drift.HealthFailed || r.Drift == drift.Extra.String() {
		return f
	}
	f.health = &drift.ReportHealth{Health: r.Health, Reason: r.HealthReason}
	for _, object := range app.Unhealthy {
		if object.ID() == r.ID() {
			f.health = &object
		}
	}
	if !unhealthy(r) {
		f.verdict += ", unhealthy"
	}
	return f
}

// stillOpen are findings told earlier that this run cannot clear: everything of an app that
// could not be evaluated completely, and the failed health of objects that are not Current
// again, or may be among those that the report only counts.
func stillOpen(app drift.ReportApp, was ledger) []string {
	if !app.Complete {
		return was.open
	}
	ill := map[string]bool{}
	for _, object := range app.Unhealthy {
		ill[healthFingerprint(object.ID())] = true
	}
	var kept []string
	for _, fingerprint := range was.open {
		if strings.HasSuffix(fingerprint, unhealthyMark) && (ill[fingerprint] || app.UnhealthyTotal > len(app.Unhealthy)) {
			kept = append(kept, fingerprint)
		}
	}
	return kept
}

// routesThatKnow are the routes that were told of an object's failed health. What is in sync
// is asked of no policy, so that none can name its route.
func (p *planner) routesThatKnow(app string, f finding) []string {
	var routes []string
	for route := range p.before[app] {
		if slices.Contains(read(p.before, entry{app, route}).open, f.fingerprint) && p.hasRoute(route) {
			routes = append(routes, route)
		}
	}
	return sortedUnique(routes)
}

// healthLine says since when an object has failed, and why.
func healthLine(health drift.ReportHealth, once *sentences) line {
	text := "health " + cut(clean(string(health.Health)), nameLimit)
	switch {
	case health.Since != nil:
		text += " since " + timeText(*health.Since)
	case health.Created != nil:
		text += ", created " + timeText(*health.Created)
	}
	if health.Reason != "" && !once.repeats(health.Reason) {
		text += ": " + message(health.Reason)
	}
	return strongly(text)
}
