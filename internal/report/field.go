package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
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

// fieldLines is how many lines one field's differences may take; what is more is counted.
const fieldLines = 20

// everything says where to see what was cut.
const everything = "-o json has all"

func (p *printer) field(field drift.ReportField) {
	lines := p.difference("      ", readablePath(field.Path), summary.Part{Op: drift.Op(field.Op), Live: field.Live, Desired: field.Desired})
	for i, line := range lines {
		if more := len(lines) - i; i > fieldLines && more > 1 {
			p.line(fmt.Sprintf("        %s (%d more lines; %s)", p.glyphs.ellipsis, more, everything))
			return
		}
		p.line(line)
	}
}

// difference is "path: live → desired" on one line. Where that does not fit it says what
// differs before anything is cut: the lines of texts, the elements of lists and the fields
// of maps (also of JSON in a text), or the part of a long value in which the first
// difference lies.
func (p *printer) difference(indent, path string, part summary.Part) []string {
	path = p.clean(path)
	if part.Note != "" {
		return []string{indent + p.joined(path, p.clean(part.Note))}
	}
	left, right := inline(part.Live, p.ascii), inline(part.Desired, p.ascii)
	switch part.Op {
	case drift.OpAdd:
		right = notInGit
	case drift.OpRemove:
		left = notInCluster
	}
	texts := hasLines(part.Live) || hasLines(part.Desired)
	both := hasLines(part.Live) && hasLines(part.Desired)
	width := utf8.RuneCountInString(indent+path+left+right+p.glyphs.arrow) + 4
	if width <= p.width && !both {
		return []string{indent + path + ": " + p.paint(yellow, left) + " " + p.glyphs.arrow + " " + p.paint(green, right)}
	}
	if texts && part.Op == drift.OpReplace && bothTexts(part) {
		return p.textLines(indent, path+": live "+p.glyphs.arrow+" desired, ", part)
	}
	room := max(p.width-len(indent)-10, 24)
	fits := utf8.RuneCountInString(left) <= room && utf8.RuneCountInString(right) <= room
	if part.Op == drift.OpReplace || !fits {
		if lines := p.parts(indent, path, part); lines != nil {
			return lines
		}
	}
	if from, to, ok := summary.Decoded(part.Live, part.Desired); ok && part.Op == drift.OpReplace {
		part.Live, part.Desired = from, to
		return p.textLines(indent, path+": live "+p.glyphs.arrow+" desired, decoded from base64, ", part)
	}
	if !fits {
		switch limit := max(room-40, 24); part.Op {
		case drift.OpAdd:
			left = p.cut(left, limit)
		case drift.OpRemove:
			right = p.cut(right, limit)
		default:
			if live, desired := p.quoted(part.Live), p.quoted(part.Desired); live != "" && desired != "" {
				left, right = live, desired // both in quotes: else they differ from the first character on
			}
			left, right = p.window(left, right, limit)
		}
	}
	return []string{indent + path + ": live " + p.glyphs.arrow + " desired", indent + "  " + pad("live", 8) + p.paint(yellow, left), indent + "  " + pad("desired", 8) + p.paint(green, right)}
}

// The sides that are absent.
const (
	notInGit     = "(not in Git)"
	notInCluster = "(not in the cluster)"
)

// quoted is a text in quotes, or "".
func (p *printer) quoted(v any) string {
	text, ok := v.(string)
	switch {
	case !ok:
		return ""
	case p.ascii:
		return strconv.QuoteToASCII(text)
	}
	return strconv.Quote(text)
}

func hasLines(v any) bool {
	text, ok := v.(string)
	return ok && strings.Contains(text, "\n")
}

func bothTexts(part summary.Part) bool {
	_, live := part.Live.(string)
	_, desired := part.Desired.(string)
	return live && desired
}

// parts are the differences inside two values, each below the field's own line; nil where
// there are none inside.
func (p *printer) parts(indent, path string, part summary.Part) []string {
	parts := summary.Parts(part.Live, part.Desired)
	if len(parts) == 0 {
		return nil
	}
	what := fmt.Sprintf("%d differences", len(parts))
	if len(parts) == 1 {
		what = "1 difference"
	}
	if bothTexts(part) {
		what += " in its JSON"
	}
	switch part.Op {
	case drift.OpAdd:
		what = notInGit
	case drift.OpRemove:
		what = notInCluster
	}
	lines := []string{indent + path + ": live " + p.glyphs.arrow + " desired, " + what}
	for _, inner := range parts {
		lines = append(lines, p.difference(indent+"  ", inner.Path.String(), inner)...)
	}
	return lines
}

// textLines are the lines in which two texts differ.
func (p *printer) textLines(indent, head string, part summary.Part) []string {
	live, _ := part.Live.(string)
	desired, _ := part.Desired.(string)
	shown := summary.CompactLines(summary.LineDiff(live, desired))
	var removed, added int
	for _, op := range shown {
		switch op.Op {
		case '-':
			removed++
		case '+':
			added++
		}
	}
	lines := []string{fmt.Sprintf("%s%s-%d +%d lines", indent, head, removed, added)}
	for i, text := range p.lineTexts(shown, max(p.width-len(indent)-4, 24)) {
		lines = append(lines, p.diffLine(indent, shown[i].Op, text))
	}
	return lines
}

// lineTexts are the lines of a comparison, each within limit characters. Of lines that
// stand for each other the part is shown in which they differ, not both beginnings.
func (p *printer) lineTexts(ops []summary.LineOp, limit int) []string {
	texts := make([]string, len(ops))
	for i, op := range ops {
		texts[i] = p.visible(op.Text)
	}
	for i := 0; i < len(ops); {
		middle := endOf(ops, i, '-')
		end := endOf(ops, middle, '+')
		for j := 0; i+j < middle && middle+j < end; j++ {
			texts[i+j], texts[middle+j] = p.window(texts[i+j], texts[middle+j], limit)
		}
		for j := i; j < end; j++ {
			if alone := j < middle && j-i >= end-middle || j >= middle && j-middle >= middle-i; alone {
				texts[j] = p.cut(texts[j], limit)
			}
		}
		if end == i {
			texts[i] = p.cut(texts[i], limit)
			end++
		}
		i = end
	}
	return texts
}

// endOf is where a run of lines of one kind ends.
func endOf(ops []summary.LineOp, from int, op byte) int {
	for from < len(ops) && ops[from].Op == op {
		from++
	}
	return from
}

// visible is one line of a text, in quotes where space at its end would not be seen.
func (p *printer) visible(text string) string {
	switch {
	case text == summary.EndNewline:
		return "(newline at the end)"
	case strings.TrimRight(text, " \t\r") != text:
		return inline(text, p.ascii)
	}
	return p.clean(text)
}

func (p *printer) diffLine(indent string, op byte, text string) string {
	switch op {
	case '-':
		return indent + "  " + p.paint(yellow, "- "+text)
	case '+':
		return indent + "  " + p.paint(green, "+ "+text)
	case '@':
		return indent + "  " + p.paint(dim, p.glyphs.ellipsis)
	}
	return strings.TrimRight(indent+"    "+text, " ")
}

// cut shortens text to limit characters and says how many it left out.
func (p *printer) cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return fmt.Sprintf("%s%s (%d more characters; %s)", string(runes[:limit]), p.glyphs.ellipsis, len(runes)-limit, everything)
}

// window shortens two texts to the part in which they first differ, and says which part
// of how much that is.
func (p *printer) window(live, desired string, limit int) (string, string) {
	a, b := []rune(live), []rune(desired)
	if len(a) <= limit && len(b) <= limit {
		return live, desired
	}
	start := summary.Window(a, b, limit)
	show := func(runes []rune) string {
		if start == 0 && len(runes) <= limit {
			return string(runes)
		}
		end := min(len(runes), start+limit)
		text := string(runes[start:end])
		if start > 0 {
			text = p.glyphs.ellipsis + text
		}
		if end < len(runes) {
			text += p.glyphs.ellipsis
		}
		return fmt.Sprintf("%s (characters %d-%d of %d; %s)", text, start+1, end, len(runes), everything)
	}
	return show(a), show(b)
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
