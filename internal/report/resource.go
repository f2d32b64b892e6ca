package report

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// The words of a report, from the types that write them.
var (
	alertOnly = drift.AlertOnly.String()
	ignored   = drift.Ignore.String()
	synced    = drift.Sync.String()
	healed    = drift.Heal.String()
	pruned    = drift.Prune.String()
	failed    = drift.Failed.String()
	planned   = drift.Planned.String()
	skipped   = drift.Skipped.String()
	unknown   = drift.Unknown.String()
	missing   = drift.Missing.String()
	inSync    = drift.InSync.String()
)

// worstFirst is a sorted copy: what failed, what nobody could judge, what waits
// for people (most severe first), what was deleted, deleted and created again, put
// back, rolled out, and last what policy ignores.
func worstFirst(resources []drift.ReportResource) []drift.ReportResource {
	sorted := list(resources)
	slices.SortStableFunc(sorted, func(a, b drift.ReportResource) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
			a.ID().Compare(b.ID()),
		)
	})
	return sorted
}

func rank(r drift.ReportResource) int {
	switch {
	case r.Outcome == failed:
		return 0
	case r.Drift == unknown || r.Error != "":
		return 1
	case r.Action == alertOnly || heldBack(r):
		return 2
	case r.Action == pruned:
		return 3
	case r.Replace:
		return 4
	case r.Action == healed:
		return 5
	case r.Action == synced:
		return 6
	}
	return 7
}

// heldBack says whether policy allowed an action that then did not happen: a
// guard refused it, or the object could not be written after all.
func heldBack(r drift.ReportResource) bool {
	return r.Outcome == skipped && (r.Action == synced || r.Action == healed || r.Action == pruned)
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

// replaceSign is the one known from terraform; it begins in the indentation.
const replaceSign = "-/+"

// symbol is one character (or replaceSign) and its colour: what is wrong, or else what the
// action does to the cluster.
func (p *printer) symbol(r drift.ReportResource) (string, style) {
	switch {
	case r.Outcome == failed:
		return p.glyphs.failed, red
	case r.Drift == unknown:
		return "?", red
	case r.Action == alertOnly || heldBack(r):
		return "!", yellow
	case r.Drift == inSync && r.Outcome == skipped:
		return "=", green
	case r.Action == ignored:
		return p.glyphs.separator, dim
	case r.Action == pruned:
		return "-", red
	case r.Replace:
		return replaceSign, red
	case r.Drift == missing:
		return "+", green
	case r.Drift == inSync:
		return "=", green
	}
	return "~", green
}

// columns are the widths that align the title lines of one app.
type columns struct{ name, action, drift int }

// nameColumn bounds the alignment, so that one long name does not push the
// other lines apart.
const nameColumn = 56

func (p *printer) columns(resources []drift.ReportResource) columns {
	var c columns
	for _, r := range resources {
		if width := utf8.RuneCountInString(p.clean(r.ID().Short())); width <= nameColumn {
			c.name = max(c.name, width)
		}
		c.action = max(c.action, utf8.RuneCountInString(p.clean(p.actionWords(r))))
		c.drift = max(c.drift, utf8.RuneCountInString(p.clean(driftWords(r))))
	}
	return c
}

// actionWords are what was decided and what became of it. A plan plans; of a run that
// detects, a reader must see at once that nothing was done.
func (p *printer) actionWords(r drift.ReportResource) string {
	action := r.Action
	if r.Replace {
		action = summary.Replaced
	}
	if r.Drift == inSync && r.Action == ignored {
		return "nothing to do"
	}
	if r.Waiting {
		return "waits for an approval"
	}
	if p.detect && r.Outcome == planned {
		return "would " + action
	}
	return action + ", " + r.Outcome
}

func driftWords(r drift.ReportResource) string {
	if r.Cause == "" || r.Cause == drift.CauseNone.String() {
		return r.Drift
	}
	return r.Drift + ", cause " + r.Cause
}

// resource writes one object: what, what was decided, why, and field by field
// what differs.
func (p *printer) resource(r drift.ReportResource, c columns) {
	p.title(r, p.paint(bold, pad(p.clean(r.ID().Short()), c.name)), c)
	p.details(r)
}

// title is the line that begins a resource, or resources that changed alike.
func (p *printer) title(r drift.ReportResource, name string, c columns) {
	sign, s := p.symbol(r)
	severity := ""
	if r.Severity != "" {
		severity = "severity " + p.clean(r.Severity)
	}
	rest := p.joined(severity, healthWords(r.Health, r.HealthReason, p.ascii))
	title := strings.Repeat(" ", max(0, 3-utf8.RuneCountInString(sign))) + p.paint(s, sign) + " " + name +
		"  " + p.paint(s, pad(p.clean(p.actionWords(r)), c.action))
	if rest == "" {
		title += "  " + p.clean(driftWords(r))
	} else {
		title += "  " + pad(p.clean(driftWords(r)), c.drift) + "  " + rest
	}
	p.line(title)
}

// details are why, and field by field what differs.
func (p *printer) details(r drift.ReportResource) {
	shared := p.objectError(r)
	if len(r.Lost) > 0 {
		p.note(lossLabel(r), strings.Join(r.Lost, "; "), red)
	}
	if r.Reason != "" && !(shared && summary.ReasonRepeats(r)) {
		p.note("reason", p.referring(r.Reason), plain)
	}
	p.rules("rule", r.Rules, r.Reason)
	p.fields(r.Fields)
	p.ignoredFields(r.Ignored)
	p.rules("overruled", r.Overruled, "")
	if len(r.NotAsked) > 0 {
		p.note("not asked", "policy areas that do not speak for this object: "+strings.Join(r.NotAsked, ", "), plain)
	}
	for _, refusal := range r.Refused {
		p.note("refused", p.referring(refusal), yellow)
	}
	for _, finding := range r.Findings {
		p.note("finding", finding, plain)
	}
	if r.Approval != "" {
		p.note("approval", "waits for "+r.Approval, yellow)
	}
	if origin := originWords(r.Origin); origin != "" {
		p.note("origin", origin, plain)
	}
	if r.FirstSeen != nil {
		p.note("since", p.moment(*r.FirstSeen), plain)
	}
}

func lossLabel(r drift.ReportResource) string {
	if r.Outcome == drift.Applied.String() {
		return "lost"
	}
	return "loses"
}

// rules writes one line per rule. A reason that the line above gave already is
// not repeated.
func (p *printer) rules(label string, rules []drift.ReportRule, said string) {
	for _, rule := range rules {
		text := rule.Verb
		if rule.Rule != "" {
			text += " at " + rule.Rule
		}
		if rule.Reason != "" && rule.Reason != said {
			text += ": " + rule.Reason
		}
		if rule.Ref != "" {
			text += " (" + rule.Ref + ")"
		}
		p.note(label, text, plain)
	}
}

func originWords(origin drift.Origin) string {
	where := drift.FileLine(origin.File, origin.Line)
	if origin.Repository != "" {
		where = origin.Repository + ": " + where
	}
	var details []string
	if origin.Chart != "" {
		details = append(details, "chart "+origin.Chart)
	}
	if origin.Template != "" && origin.Template != origin.File {
		details = append(details, "template "+origin.Template)
	}
	switch {
	case len(details) == 0:
		return where
	case where == "":
		return strings.Join(details, ", ")
	}
	return where + " (" + strings.Join(details, ", ") + ")"
}
