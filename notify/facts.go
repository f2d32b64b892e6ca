package notify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// factLimit and nameLimit keep the lines about a whole app short enough that
// header and facts always fit, even when Slack counts each character as twelve.
const (
	factLimit = 120
	nameLimit = 40
	jobLimit  = 127 // a namespace and a Job's name, both DNS labels
)

// fact is a cleaned string of bounded length for the lines below the title.
func fact(s string) string { return cut(strings.TrimSpace(clean(s)), factLimit) }

// appFacts are the lines about the app as a whole.
func appFacts(n news) []string {
	facts := []string{countsText(n.app)}
	if !n.app.Complete {
		facts = append(facts, "incomplete: not everything of this app could be read, decided or recorded")
	}
	if n.app.Suspended != "" {
		facts = append(facts, "suspended: "+fact(n.app.Suspended))
	}
	facts = append(facts, healthFacts(n.app, 3, n.findings)...)
	facts = append(facts, withheldFacts(n.app.Withheld)...)
	if len(n.was.missed) > 0 {
		text := "not told before, since Slack did not take the message: " + missedText(n.was)
		if n.was.since != "" {
			text += ", first at " + fact(n.was.since)
		}
		facts = append(facts, text)
	}
	if len(n.unknown) > 0 {
		facts = append(facts, "a policy routes to "+fact(strings.Join(n.unknown, ", "))+
			", which the config does not have: told here instead")
	}
	return facts
}

// healthFacts name the objects behind the app's health, at most so many, but for those that
// the message's findings have told.
func healthFacts(app drift.ReportApp, most int, told []finding) []string {
	others := slices.DeleteFunc(slices.Clone(app.Unhealthy), func(object drift.ReportHealth) bool {
		return slices.ContainsFunc(told, func(f finding) bool { return f.health != nil && f.resource.ID() == object.ID() })
	})
	more := app.UnhealthyTotal - len(app.Unhealthy) + len(others)
	var facts []string
	for _, object := range others[:min(most, len(others))] {
		age := "age unknown"
		switch {
		case object.Since != nil:
			age = "since " + timeText(*object.Since)
		case object.Created != nil:
			age = "created " + timeText(*object.Created)
		}
		head := cut(clean(string(object.Health)+" "+object.ID().Short()), factLimit/2) + ", " + age
		facts = append(facts, strings.Join(nonEmpty(head, fact(object.Reason)), ": "))
	}
	if more -= len(facts); more > 0 && len(app.Unhealthy) > 0 {
		facts = append(facts, count(more, "more object")+" not Current")
	}
	return facts
}

// withheldFacts name the sets that a person may accept, each with its hash.
func withheldFacts(sets []drift.ReportWithheld) []string {
	const named = 3
	var facts []string
	for _, set := range sets[:min(named, len(sets))] {
		facts = append(facts, fmt.Sprintf("%s withheld by guard %s; guards.accept: %s",
			count(len(set.Objects), "deletion"), fact(string(set.Guard)), fact(set.Hash)))
	}
	if more := len(sets) - named; more > 0 {
		facts = append(facts, fmt.Sprintf("%s more withheld: see the report", count(more, "set")))
	}
	return facts
}

// countsText are the app's exact totals, zeros left out.
func countsText(app drift.ReportApp) string {
	counts, granted := app.Counts, plannedCounts(app)
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{
		{counts.InSync, "in sync"}, {counts.Failed, "failed"}, {counts.Alerted, "alert only"},
		{granted[drift.Heal.String()], "would heal"}, {granted[summary.Replaced], "would " + summary.Replaced}, {granted[drift.Prune.String()], "would prune"}, {granted[drift.Sync.String()], "would sync"},
		{counts.Replaced, replacedVerdict}, {counts.Healed, "healed"}, {counts.Pruned, "pruned"}, {counts.Synced, "synced"},
		{counts.Ignored, "ignored"}, {counts.Unknown, "unknown"}, {counts.Skipped, "skipped"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no objects")
	}
	if app.Health != "" {
		parts = append(parts, "health "+cut(clean(string(app.Health)), nameLimit))
	}
	return strings.Join(parts, " · ")
}

// plannedCounts are the actions that a run which detects was granted and did not take, by
// their words. Objects that are equal and would be adopted are in sync.
func plannedCounts(app drift.ReportApp) map[string]int {
	counts := map[string]int{}
	for _, r := range app.Resources {
		if r.Outcome == drift.Planned.String() && r.Drift != drift.InSync.String() {
			counts[actionWord(r)]++
		}
	}
	return counts
}

// commitFacts place the commit. Whatever a person reads first, they take for the cause:
// where Git moved, that is the commit and its author. Where the cluster moved, the field
// managers come first, and an author is named only if some of it is Git's doing.
func commitFacts(n news, facts []line) (above, below []line) {
	var git, live bool
	for _, f := range n.findings {
		cause := f.resource.Cause
		git = git || cause == drift.CauseGit.String() || cause == drift.CauseBoth.String()
		live = live || cause == drift.CauseLive.String() || cause == drift.CauseBoth.String()
	}
	commit := committed(n.app.Revision)
	if git {
		commit = authored(n.app.Revision)
	}
	switch {
	case commit == nil:
		return facts, nil
	case live:
		return facts, []line{commit}
	}
	return slices.Insert(facts, 1, commit), nil
}

// committed is `main 3f9d2c1 "subject", time`.
func committed(revision drift.ReportRevision) line {
	revision.Author = ""
	return authored(revision)
}

// authored is `main 3f9d2c1 "subject" by author, time`, with a link to the commit; nil
// where nothing is known of it.
func authored(revision drift.ReportRevision) line {
	var said line
	if revision.Ref != "" {
		said = words(cut(clean(revision.Ref), nameLimit))
	}
	if revision.Commit != "" {
		if said != nil {
			said = said.then(span{text: " "})
		}
		address := ""
		if web := revision.Web; web != nil {
			address = web.Commit(revision.Commit)
		}
		said = said.then(link(shortCommit(revision.Commit), address))
	}
	var b strings.Builder
	if revision.Subject != "" {
		b.WriteString(` "` + cut(clean(revision.Subject), 80) + `"`)
	}
	if revision.Author != "" {
		b.WriteString(" by " + cut(clean(revision.Author), nameLimit))
	}
	if !revision.Time.IsZero() {
		b.WriteString(", " + timeText(revision.Time))
	}
	if revision.Worktree {
		b.WriteString(" (uncommitted files)")
	}
	if b.Len() > 0 {
		said = said.then(span{text: b.String()})
	}
	return said
}

func shortCommit(commit string) string {
	runes := []rune(clean(commit))
	return string(runes[:min(len(runes), 7)])
}

func missedText(was ledger) string {
	var parts []string
	for _, verdict := range sortedKeys(was.missed) {
		parts = append(parts, fmt.Sprintf("%d %s", was.missed[verdict], verdict))
	}
	return fact(strings.Join(parts, ", "))
}
