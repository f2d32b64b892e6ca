package report

import (
	"fmt"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// shortView is one line per resource: sign, app, object, action and outcome, how it
// differs, and where or why. Then the errors, a line each, and the closing lines.
func shortView(report drift.Report, options Options) []byte {
	p := newPrinter(report, options)
	for _, app := range report.Apps {
		for _, r := range worstFirst(app.Resources) {
			sign, s := p.symbol(r)
			p.line(p.paint(s, pad(sign, 3)) + " " + p.joined(p.clean(app.Name), p.clean(r.ID().Short()), p.clean(p.actionWords(r)), p.clean(driftWords(r)), p.clean(p.inShort(r))))
		}
	}
	for _, app := range report.Apps {
		for _, set := range app.Withheld {
			p.line(p.paint(yellow, pad("!", 3)) + " " + p.joined(p.clean(app.Name), "withheld by guard "+p.clean(string(set.Guard)), p.clean(withheldWords(set.Objects)), p.clean(set.Reason)))
		}
	}
	for i, e := range p.common.All {
		if !e.Told() {
			continue
		}
		first, _, _ := strings.Cut(e.Words(), "\n")
		p.line(p.paint(red, pad(p.glyphs.failed, 3)) + " " + p.joined(p.clean(p.reference(i)+place(e)), p.clean(first), p.clean(concerned(e))))
	}
	if !options.Excerpt {
		p.run(report)
	}
	return p.buf.Bytes()
}

// inShort is what a line has room for: the error, else the fields, else the reason.
func (p *printer) inShort(r drift.ReportResource) string {
	const named = 3
	at, shared := p.common.Of(r)
	switch {
	case shared:
		return underErrors(at)
	case r.Error != "":
		first, _, _ := strings.Cut(r.Error, "\n")
		return first
	case len(r.Fields) == 0:
		return r.Reason
	}
	var paths []string
	for _, field := range r.Fields[:min(named, len(r.Fields))] {
		paths = append(paths, readablePath(field.Path))
	}
	if more := len(r.Fields) - named; more > 0 {
		paths = append(paths, fmt.Sprintf("%d more fields", more))
	}
	return strings.Join(paths, ", ")
}
