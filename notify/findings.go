package notify

import (
	"cmp"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// class orders findings by how much they want a person.
type class int

const (
	failed    class = iota // an action was tried and failed, or what was written is unhealthy
	failing                // in sync, and its health has failed
	attention              // alert only, or an action was held back
	replaced               // deleted and created again
	healed
	pruned
	synced
)

// finding is one resource that is worth telling.
type finding struct {
	resource    drift.ReportResource
	class       class
	verdict     string // "alert only", "healed", "prune failed"
	rollout     bool   // a successful, allowed rollout
	acted       bool   // the run did it, and no later report repeats it
	fingerprint string
	fresh       bool                 // not told before
	revision    drift.ReportRevision // of the app
	run         drift.ReportRun      // knows where the policies stand
	health      *drift.ReportHealth  // where it has failed: drift and health begin and end apart
}

// open says whether the finding still waits for somebody.
func (f finding) open() bool {
	return f.class == failed || f.class == failing || f.class == attention
}

// findings are what is worth telling about an app, the most urgent first.
func findings(app drift.ReportApp) []finding {
	var list []finding
	told := map[drift.ID]bool{}
	for _, resource := range app.Resources {
		if f, ok := judge(resource); ok {
			f = f.withHealth(app)
			f.revision = app.Revision
			list, told[resource.ID()] = append(list, f), true
		}
	}
	for _, object := range app.Unhealthy {
		if object.Health == drift.HealthFailed && !told[object.ID()] {
			f := failingObject(object)
			f.revision = app.Revision
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b finding) int {
		return cmp.Or(
			cmp.Compare(a.class, b.class),
			cmp.Compare(severityRank(a.resource.Severity), severityRank(b.resource.Severity)),
			a.resource.ID().Compare(b.resource.ID()),
		)
	})
	return list
}

// judge says whether a resource is worth telling, and as what. Resources that
// policy ignores are only counted.
func judge(resource drift.ReportResource) (finding, bool) {
	f := finding{resource: resource, fingerprint: resourceFingerprint(resource)}
	action, outcome := resource.Action, resource.Outcome
	switch {
	case outcome == drift.Failed.String():
		f.class, f.verdict = failed, action+" failed"
		if resource.Replace {
			f.verdict = summary.Replaced + " failed"
		}
		if action == drift.AlertOnly.String() || action == drift.Ignore.String() {
			f.verdict = "could not be judged"
		}
	case action == drift.Ignore.String():
		return finding{}, false
	case action == drift.AlertOnly.String():
		if nothingToSay(resource) {
			return finding{}, false
		}
		f.class, f.verdict = attention, "alert only"
		if resource.Waiting {
			f.verdict = "waits for an approval"
		}
	case outcome == drift.Skipped.String():
		f.class, f.verdict = attention, action+" held back"
		if resource.Replace {
			f.verdict = summary.Replaced + " held back"
		}
	case outcome == drift.Planned.String() && resource.Drift == drift.InSync.String():
		return finding{}, false // would be adopted: nothing differs
	case outcome == drift.Planned.String():
		// Granted in a run that detects: it stays as it is until somebody acts.
		f.class, f.verdict = attention, "would "+actionWord(resource)
	default:
		f.class, f.verdict = done(resource)
		f.acted = true
		if resource.Drift == drift.InSync.String() && f.class == synced {
			f.verdict = "adopted"
		}
		if unhealthy(resource) {
			f.class, f.verdict = failed, f.verdict+", but unhealthy"
			break
		}
		f.rollout = f.class == synced && resource.Cause != drift.CauseBoth.String() &&
			resource.Cause != drift.CauseLive.String()
	}
	return f, true
}

func done(resource drift.ReportResource) (class, string) {
	switch {
	case resource.Replace:
		return replaced, replacedVerdict
	case resource.Action == drift.Prune.String():
		return pruned, "pruned"
	case resource.Action == drift.Sync.String():
		return synced, "synced"
	}
	return healed, "healed"
}

// actionWord is what was granted, in the report's words.
func actionWord(resource drift.ReportResource) string {
	if resource.Replace {
		return summary.Replaced
	}
	return resource.Action
}

// replacedVerdict is what was done about an object that could not be changed in place.
const replacedVerdict = "deleted and created again"

// nothingToSay holds for an object that is in sync, untouched and listed only
// for completeness.
func nothingToSay(resource drift.ReportResource) bool {
	return resource.Drift == drift.InSync.String() && len(resource.Findings) == 0 &&
		len(resource.Refused) == 0 && resource.Error == ""
}

// unhealthy says whether an object that this run wrote has failed since.
func unhealthy(resource drift.ReportResource) bool {
	return resource.Outcome == drift.Applied.String() && resource.Health == drift.HealthFailed
}

func severityRank(severity string) int {
	switch severity {
	case "critical":
		return 0
	case "warning":
		return 1
	}
	return 2
}

// settle is the ledger after these findings were told.
func settle(list []finding) ledger {
	var l ledger
	for _, f := range list {
		if f.health != nil {
			l.open = append(l.open, healthFingerprint(f.resource.ID()))
		}
		if f.acted {
			l.done = append(l.done, f.fingerprint)
		} else {
			l.open = append(l.open, f.fingerprint)
		}
	}
	l.open, l.done = sortedUnique(l.open), sortedUnique(l.done)
	return l
}

// doneCounts counts the fresh findings that no later report will repeat.
func doneCounts(list []finding) map[string]int {
	counts := map[string]int{}
	for _, f := range list {
		if f.fresh && !f.open() {
			counts[f.verdict]++
		}
	}
	return counts
}
