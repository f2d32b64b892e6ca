package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
)

// fields writes the differences. Who wrote the live value is said once for
// consecutive fields that share it.
func (p *printer) fields(fields []drift.ReportField) {
	for i, field := range fields {
		p.field(field)
		if i+1 == len(fields) || p.attribution(field) != p.attribution(fields[i+1]) {
			p.line("        " + p.paint(dim, p.attribution(field)))
		}
	}
}

// field writes "path: live → desired" on one line, or on three where it does
// not fit, or as a line diff where both sides are texts of several lines.
func (p *printer) field(field drift.ReportField) {
	path := p.clean(readablePath(field.Path))
	live, liveIsText := field.Live.(string)
	desired, desiredIsText := field.Desired.(string)
	if liveIsText && desiredIsText && strings.Contains(live, "\n") && strings.Contains(desired, "\n") {
		p.textField(path, live, desired)
		return
	}
	left, right := inline(field.Live, p.ascii), inline(field.Desired, p.ascii)
	switch drift.Op(field.Op) {
	case drift.OpAdd:
		right = "(not in Git)"
	case drift.OpRemove:
		left = "(not in the cluster)"
	}
	oneLine := utf8.RuneCountInString(path+left+right+p.glyphs.arrow) + 10
	if oneLine <= p.width {
		p.line("      " + path + ": " + p.paint(yellow, left) + " " + p.glyphs.arrow + " " + p.paint(green, right))
		return
	}
	limit := max(p.width-18, 24)
	p.line("      " + path + ": live " + p.glyphs.arrow + " desired")
	p.line("        " + pad("live", 8) + p.paint(yellow, cut(left, limit, p.glyphs)))
	p.line("        " + pad("desired", 8) + p.paint(green, cut(right, limit, p.glyphs)))
}

// diffLines is how many lines of one text's diff are shown.
const diffLines = 20

func (p *printer) textField(path, live, desired string) {
	shown := compact(lineDiff(live, desired))
	var removed, added int
	for _, op := range shown {
		switch op.op {
		case '-':
			removed++
		case '+':
			added++
		}
	}
	p.line(fmt.Sprintf("      %s: live %s desired, -%d +%d lines", path, p.glyphs.arrow, removed, added))
	for i, op := range shown {
		if i == diffLines {
			p.line(fmt.Sprintf("        %s (%d more lines)", p.glyphs.ellipsis, len(shown)-i))
			return
		}
		p.diffLine(op)
	}
}

func (p *printer) diffLine(op lineOp) {
	text := p.clean(op.text)
	switch {
	case op.text == endNewline:
		text = "(newline at the end)"
	case strings.TrimRight(op.text, " \t\r") != op.text:
		text = inline(op.text, p.ascii) // trailing space would not be seen
	}
	text = cut(text, max(p.width-10, 24), p.glyphs)
	switch op.op {
	case '-':
		p.line("        " + p.paint(yellow, "- "+text))
	case '+':
		p.line("        " + p.paint(green, "+ "+text))
	case '@':
		p.line("        " + p.paint(dim, p.glyphs.ellipsis))
	default:
		p.line(strings.TrimRight("          "+text, " "))
	}
}

// attribution says who wrote the live value and when. A field manager names a
// program, never a person, and its time is its last write to the object.
func (p *printer) attribution(field drift.ReportField) string {
	who := "no field manager owns it"
	if field.Manager != "" {
		who = "field manager " + p.clean(field.Manager)
		if field.ManagerClass != "" {
			who += " (" + p.clean(field.ManagerClass) + ")"
		}
		if field.ManagerTime != nil {
			who += ", last wrote " + p.moment(*field.ManagerTime)
		}
	}
	cause := ""
	if field.Cause != "" {
		cause = "cause " + p.clean(field.Cause)
	}
	return p.joined(who, cause, p.clean(field.Note))
}

func (p *printer) ignoredFields(fields []drift.ReportField) {
	for _, field := range fields {
		text := readablePath(field.Path)
		if field.Note != "" {
			text += ": " + field.Note
		}
		p.note("ignored", text, dim)
	}
}
