package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// glyphs are the characters outside ASCII that the text view uses, or what
// stands for them.
type glyphs struct {
	arrow, ellipsis, separator, failed string
}

var (
	unicodeGlyphs = glyphs{arrow: "→", ellipsis: "…", separator: "·", failed: "✗"}
	asciiGlyphs   = glyphs{arrow: "->", ellipsis: "...", separator: "|", failed: "x"}
)

// printer writes the text view. Text from the report reaches the buffer only
// through clean or inline.
type printer struct {
	buf     bytes.Buffer
	color   bool
	ascii   bool
	width   int
	glyphs  glyphs
	cluster string
	plan    bool
	detect  bool
	now     time.Time // when the run finished; ages are told against it
	common  summary.CommonErrors
}

func newPrinter(report drift.Report, options Options) *printer {
	p := &printer{
		color:   options.Color,
		ascii:   options.ASCII,
		width:   cmp.Or(max(options.Width, 0), DefaultWidth),
		glyphs:  unicodeGlyphs,
		cluster: report.Cluster.Name,
		plan:    report.Run.Mode == "plan",
		detect:  report.Run.Detect,
		now:     report.Run.Finished,
	}
	if options.ASCII {
		p.glyphs = asciiGlyphs
	}
	if options.Excerpt {
		// Whoever asks about one object reads all of it in one place.
		p.common.All = separately(report.Errors)
		return p
	}
	p.common = summary.CommonErrorsOf(report)
	return p
}

// longReport is how many lines a report may have before its closing lines stand at the top
// as well: what fits on a screen is read from the end.
const longReport = 60

func textView(report drift.Report, options Options) []byte {
	p := newPrinter(report, options)
	for _, app := range report.Apps {
		p.app(app)
		p.line("")
	}
	for _, warning := range report.Warnings {
		p.line(p.paint(yellow, "warning: ") + p.clean(warning))
	}
	p.errors()
	if options.Excerpt {
		p.explanations(report)
		p.line(p.paint(dim, p.joined(p.runID(report), p.job(report))))
		return p.buf.Bytes()
	}
	top := newPrinter(report, options)
	if bytes.Count(p.buf.Bytes(), []byte("\n")) > longReport {
		top.run(report)
		top.line("")
	}
	p.run(report)
	return append(top.buf.Bytes(), p.buf.Bytes()...)
}

// explanations are what became of every policy rule, object by object.
func (p *printer) explanations(report drift.Report) {
	for _, app := range report.Apps {
		for _, r := range app.Resources {
			if r.Explanation == "" {
				continue
			}
			for line := range strings.Lines(r.Explanation) {
				p.line(p.clean(strings.TrimRight(line, "\n")))
			}
			p.line("")
		}
	}
}

// ANSI styles. Meaning never hangs on colour alone: each has a word or a symbol.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

func (p *printer) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (p *printer) line(text string) {
	p.buf.WriteString(text)
	p.buf.WriteByte('\n')
}

func (p *printer) clean(text string) string { return clean(text, p.ascii) }

// joined puts the separator between the parts that are not empty.
func (p *printer) joined(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Join(parts, " "+p.glyphs.separator+" ")
}

// note writes a labelled detail of one resource. Continuation lines of a long
// message keep the indentation.
func (p *printer) note(label, text string, s style) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	p.line("      " + p.paint(dim, pad(label, 10)) + p.paint(s, p.clean(lines[0])))
	for _, line := range lines[1:] {
		p.line(strings.Repeat(" ", 16) + p.paint(s, p.clean(line)))
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// app writes one app: whose commit it is, then its resources, worst first, then
// exact totals.
func (p *printer) app(app drift.ReportApp) {
	p.line(p.appTitle(app))
	if about := p.joined(p.clean(string(app.Renderer)), p.clean(app.Path), healthWords(app.Health, "", p.ascii)); about != "" {
		p.line("  " + p.paint(dim, about))
	}
	p.unhealthy(app)
	if app.Suspended != "" {
		p.line("  " + p.paint(yellow, "suspended: "+p.clean(app.Suspended)))
	}
	if app.FirstRun {
		p.line("  first run of this app")
	}
	if !app.Complete {
		p.line("  " + p.paint(yellow, "incomplete: something of this app could not be fetched, read or decided, so nothing of it is pruned"))
	}
	for _, warning := range app.Warnings {
		p.line("  " + p.paint(yellow, "warning: ") + p.clean(warning))
	}
	resources := worstFirst(app.Resources)
	columns := p.columns(resources)
	for _, group := range summary.Alike(resources) {
		if len(group) == 1 {
			p.resource(group[0], columns)
			continue
		}
		p.group(group, columns)
	}
	p.withheld(app.Withheld)
	p.line("  " + p.totals(tallyOf(app)))
}

// unhealthy names the objects behind the app's health.
func (p *printer) unhealthy(app drift.ReportApp) {
	for _, object := range app.Unhealthy {
		s := yellow
		if object.Health == drift.HealthFailed {
			s = red
		}
		p.line("    " + p.joined(p.paint(s, p.clean(string(object.Health)))+" "+p.clean(object.ID().Short()), p.clean(object.Reason), p.since(object)))
	}
	if more := app.UnhealthyTotal - len(app.Unhealthy); more > 0 {
		p.line(fmt.Sprintf("    %s and %s that are not Current", p.glyphs.ellipsis, count(more, "more")))
	}
}

func (p *printer) since(object drift.ReportHealth) string {
	switch {
	case object.Since != nil:
		return "since " + p.moment(*object.Since)
	case object.Created != nil:
		return "since when is not known; created " + p.moment(*object.Created)
	}
	return "age unknown"
}

// withheld writes what a person may accept, with the line to paste.
func (p *printer) withheld(sets []drift.ReportWithheld) {
	for _, set := range sets {
		when := ""
		if set.Later {
			when = "once the above is accepted: "
		}
		p.line("  " + p.paint(yellow, "withheld by guard "+p.clean(string(set.Guard))+": ") + when +
			p.clean(withheldWords(set.Objects)) + ": " + p.clean(set.Reason))
		p.line("    " + p.paint(cyan, "to accept exactly this: ") + fmt.Sprintf("guards: {accept: [%q]}", p.clean(set.Hash)))
	}
}

// withheldWords names the first objects of a set; there may be thousands.
func withheldWords(objects []drift.ReportDeletion) string {
	const named = 3
	var names []string
	for _, o := range objects[:min(named, len(objects))] {
		name := drift.ID{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}.Short()
		if o.Replace {
			name += " (created again)"
		}
		names = append(names, name)
	}
	if more := len(objects) - named; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "nothing yet"
	}
	return strings.Join(names, ", ")
}

func (p *printer) appTitle(app drift.ReportApp) string {
	revision := app.Revision
	title := p.paint(bold, p.clean(app.Name))
	switch {
	case revision.Worktree:
		title += " @ files as they are on disk"
	case revision.Commit != "":
		title += " @ " + p.paint(bold, p.clean(shortCommit(revision.Commit)))
	}
	if revision.Ref != "" && !revision.Worktree {
		title += " (" + p.clean(revision.Ref) + ")"
	}
	var commit string
	switch {
	case revision.Author != "" && revision.Subject != "":
		commit = p.clean(revision.Author) + ": " + p.clean(revision.Subject)
	default:
		commit = p.clean(revision.Author + revision.Subject)
	}
	return p.joined(title, commit, p.clean(p.cluster))
}

// shortCommit is 12 digits, as Git itself abbreviates in large repositories.
func shortCommit(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

func healthWords(status drift.HealthStatus, reason string, ascii bool) string {
	if status == "" {
		return ""
	}
	words := "health " + clean(string(status), ascii)
	if reason != "" {
		words += ": " + clean(reason, ascii)
	}
	return words
}

// age says how long before the end of the run something happened.
func (p *printer) age(t time.Time) string {
	d := p.now.Sub(t)
	switch {
	case d < 0:
		return "after the run" // clocks differ
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

func (p *printer) moment(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + p.age(t)
}
