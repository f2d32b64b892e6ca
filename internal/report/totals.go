package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// tally is the report's own counts, and what they do not say: actions that are
// planned, and actions that policy allowed and something else held back.
type tally struct {
	drift.ReportCounts
	toSync, toHeal, toReplace, toPrune, heldBack int
}

func tallyOf(app drift.ReportApp) tally {
	t := tally{ReportCounts: app.Counts}
	for _, r := range app.Resources {
		switch {
		case heldBack(r):
			t.heldBack++
		case r.Outcome != planned:
		case r.Replace:
			t.toReplace++
		case r.Action == synced:
			t.toSync++
		case r.Action == healed:
			t.toHeal++
		case r.Action == pruned:
			t.toPrune++
		}
	}
	return t
}

// totals are exact. What was found adds up to everything seen; the rest says
// what became of what was not in sync.
func (p *printer) totals(c tally) string {
	seen := c.InSync + c.Missing + c.Modified + c.Extra + c.Unknown + c.Skipped
	found := count(c.InSync, "in sync")
	for _, part := range []string{
		some(c.Missing, "missing"), some(c.Modified, "modified"), some(c.Extra, "extra"),
		some(c.Unknown, "unknown"), some(c.Skipped, "skipped"),
	} {
		if part != "" {
			found += ", " + part
		}
	}
	done := slices.DeleteFunc([]string{
		some(c.Failed, "failed"), some(c.Alerted-c.Waiting, "alert-only"), some(c.Waiting, waiting(c.Waiting)), some(c.heldBack, "held back"),
		some(c.toPrune, "to prune"), some(c.toReplace, "to delete and create again"), some(c.toHeal, "to heal"), some(c.toSync, "to sync"),
		some(c.Pruned, "pruned"), some(c.Replaced, "deleted and created again"), some(c.Healed, "healed"), some(c.Synced, "synced"), some(c.Ignored, "ignored"),
	}, func(part string) bool { return part == "" })
	return p.joined(fmt.Sprintf("%s: %s", objects(seen), found), strings.Join(done, ", "))
}

func waiting(n int) string {
	if n == 1 {
		return "waits for an approval"
	}
	return "wait for an approval"
}

func count(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }

func some(n int, what string) string {
	if n == 0 {
		return ""
	}
	return count(n, what)
}

func objects(n int) string {
	if n == 1 {
		return "1 object"
	}
	return count(n, "objects")
}

// run writes the closing lines: what kind of run it was, its totals and its
// exit code.
func (p *printer) run(report drift.Report) {
	var total tally
	for _, app := range report.Apps {
		total = sum(total, tallyOf(app))
	}
	apps := count(len(report.Apps), "apps")
	if len(report.Apps) == 1 {
		apps = "1 app"
	}
	mode := "Run"
	switch {
	case p.plan:
		mode = "Plan"
	case p.detect:
		mode = "Detect"
	}
	if len(report.Apps) == 0 {
		p.line(p.paint(bold, mode+": no app was looked at"))
	} else {
		p.line(p.joined(p.paint(bold, mode+": "+apps), p.totals(total)))
	}
	took := report.Run.Finished.Sub(report.Run.Started).Round(100 * time.Millisecond)
	meaning := exitMeaning(report.Run.ExitCode, p.plan)
	if p.detect && report.Run.ExitCode == 0 {
		meaning = "nothing was changed: this run only detects"
	}
	if report.Run.Idle {
		meaning = "nothing moved in Git or in the cluster since the last full run"
	}
	meaning = p.joined(meaning, forPeople(report))
	p.line(p.paint(dim, p.joined(
		fmt.Sprintf("exit code %d", report.Run.ExitCode), meaning,
		fmt.Sprintf("%s in %.1fs", report.Run.Finished.UTC().Format("2006-01-02 15:04:05 UTC"), took.Seconds()),
		versionWords(p.clean(report.Run.Version)), p.runID(report), p.job(report),
	)))
}

func (p *printer) runID(report drift.Report) string {
	if report.Run.ID == "" {
		return ""
	}
	return "run " + p.clean(report.Run.ID)
}

// forPeople says how many findings wait for people.
func forPeople(report drift.Report) string {
	switch n := openFindings(report); n {
	case 0:
		return ""
	case 1:
		return "1 finding waits for people"
	default:
		return fmt.Sprintf("%d findings wait for people", n)
	}
}

// openFindings counts what no further run will settle: what is alert-only, held back (deletions
// that a guard withholds included), failed or not known.
func openFindings(report drift.Report) int {
	n := 0
	for _, app := range report.Apps {
		for _, r := range app.Resources {
			if r.Outcome == failed || r.Drift == unknown || r.Action == alertOnly || heldBack(r) {
				n++
			}
		}
	}
	return n
}

func (p *printer) job(report drift.Report) string {
	if report.Run.Job == "" {
		return ""
	}
	return "Job " + p.clean(report.Run.Job)
}

func versionWords(version string) string {
	if version == "" {
		return ""
	}
	return "killick " + version
}

// exitMeaning is the exit code in words (docs/report.md).
func exitMeaning(code int, plan bool) string {
	switch code {
	case 0:
		if plan {
			return "nothing differs that is not ignored"
		}
		return "everything that policy allowed was done"
	case 1:
		return "something is neither in sync nor ignored"
	case 2:
		return "wrong configuration or policies, or no app could be fetched and rendered; nothing was written"
	case 3:
		return "the cluster is unreachable or not the configured one; nothing was written"
	case 4:
		return "partial: something failed or could not be read; the rest was done"
	case 5:
		return "a guard stopped writes"
	case 6:
		return "another run holds the lease"
	case 7:
		if plan {
			return "interrupted before everything was looked at"
		}
		return "interrupted; what was done stands, and the next run goes on from there"
	}
	return ""
}

func sum(a, b tally) tally {
	return tally{
		ReportCounts: drift.ReportCounts{
			InSync: a.InSync + b.InSync, Missing: a.Missing + b.Missing, Modified: a.Modified + b.Modified,
			Extra: a.Extra + b.Extra, Unknown: a.Unknown + b.Unknown, Skipped: a.Skipped + b.Skipped,
			Synced: a.Synced + b.Synced, Healed: a.Healed + b.Healed, Pruned: a.Pruned + b.Pruned,
			Replaced: a.Replaced + b.Replaced, Alerted: a.Alerted + b.Alerted, Waiting: a.Waiting + b.Waiting, Ignored: a.Ignored + b.Ignored, Failed: a.Failed + b.Failed,
		},
		toSync: a.toSync + b.toSync, toHeal: a.toHeal + b.toHeal, toReplace: a.toReplace + b.toReplace,
		toPrune: a.toPrune + b.toPrune, heldBack: a.heldBack + b.heldBack,
	}
}
