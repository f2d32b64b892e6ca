package decide

import (
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// grantVerbs are the verbs that allow something.
var grantVerbs = []drift.Verb{drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbAdopt, drift.VerbReplace, drift.VerbIgnore}

func grants(verdict drift.Verdict) []drift.Reason {
	var out []drift.Reason
	for _, verb := range grantVerbs {
		out = append(out, verdict.Reasons[verb]...)
	}
	return out
}

// overruled are reasons that were given and that the decision did not follow.
func overruled(verdict drift.Verdict, d drift.Decision) []drift.Reason {
	var out []drift.Reason
	for _, reason := range grants(verdict) {
		if !slices.Contains(d.Because, reason) && relevant(reason.Verb, d) {
			out = append(out, reason)
		}
	}
	return out
}

// relevant leaves out grants for another drift type: a rule that grants prune is
// not overruled by an object that is not extra.
func relevant(verb drift.Verb, d drift.Decision) bool {
	return d.Action == drift.AlertOnly || d.Action == drift.Ignore && d.Because != nil || verb == drift.VerbIgnore
}

func firstText(reasons []drift.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return reasons[0].Text
}

var severityRank = map[string]int{"": 0, "info": 1, "warning": 2, "critical": 3}

// severityOf is the highest severity any reason names.
func severityOf(verdict drift.Verdict) string {
	highest := ""
	for _, reasons := range verdict.Reasons {
		for _, reason := range reasons {
			if severityRank[reason.Severity] > severityRank[highest] {
				highest = reason.Severity
			}
		}
	}
	return highest
}

func routesOf(verdict drift.Verdict) []string {
	var routes []string
	for _, reason := range verdict.Reasons[drift.VerbNotify] {
		routes = append(routes, reason.Text)
	}
	slices.Sort(routes)
	return slices.Compact(routes)
}
