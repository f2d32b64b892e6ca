package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/summary"
)

const (
	valueLimit = 80  // runes of one value
	lineLimit  = 300 // runes of one line of prose
)

// clean makes a string from outside safe to show on one line: line breaks
// become ⏎, and control, bidirectional and invisible format characters, which
// can make a value look like another one, become �. It also repairs invalid
// UTF-8. The zero width joiner is dropped, since it only glues emoji together.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\u2028', r == '\u2029', r == '\v', r == '\f':
			return '⏎'
		case r == '\t', unicode.Is(unicode.Zs, r):
			return ' '
		case r == '\u200d':
			return -1
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r):
			return '�'
		}
		return r
	}, s)
}

// cut shortens to at most limit runes and marks the cut with "…".
func cut(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}

// prose is a cleaned line of bounded length.
func prose(s string) string { return cut(strings.TrimSpace(clean(s)), lineLimit) }

// message is a cleaned message of bounded length. Messages read "doing what: cause",
// so a long one keeps its end too.
func message(s string) string {
	runes := []rune(strings.TrimSpace(clean(s)))
	if len(runes) <= lineLimit {
		return string(runes)
	}
	const end = lineLimit / 2
	return string(runes[:lineLimit-end-1]) + "…" + string(runes[len(runes)-end:])
}

// fieldLine is "path: live → desired", where "absent" stands for the side that
// does not have the value.
func fieldLine(field drift.ReportField) string {
	return cut(pathText(field.Path), 2*valueLimit) + ": " + change(field)
}

// pathText is a JSON pointer for people; a pointer that does not parse is shown
// as it is.
func pathText(pointer string) string {
	path, err := nested.ParsePointer(pointer)
	if err != nil {
		return clean(pointer)
	}
	return clean(path.String())
}

func change(field drift.ReportField) string {
	switch drift.Op(field.Op) {
	case drift.OpAdd:
		return cut(valueText(field.Live), valueLimit) + " → absent"
	case drift.OpRemove:
		return "absent → " + cut(valueText(field.Desired), valueLimit)
	}
	live, liveText := field.Live.(string)
	desired, desiredText := field.Desired.(string)
	if liveText && desiredText && (strings.Contains(live, "\n") || strings.Contains(desired, "\n")) {
		return lineChange(live, desired)
	}
	from, to := window(valueText(field.Live), valueText(field.Desired), valueLimit)
	if from == to && liveText && desiredText { // what differs does not print
		from, to = window(strconv.QuoteToASCII(live), strconv.QuoteToASCII(desired), valueLimit)
	}
	return from + " → " + to
}

// partLimit is how many differences inside one long value are shown.
const partLimit = 4

// fieldTexts are the lines about one field. Where its values are too long they are what
// differs inside them, so that nothing that differs is cut off.
func fieldTexts(field drift.ReportField) []string {
	long := func(v any) bool { return utf8.RuneCountInString(valueText(v)) > valueLimit }
	parts := summary.Parts(field.Live, field.Desired)
	if !long(field.Live) && !long(field.Desired) {
		return []string{fieldLine(field)}
	}
	if len(parts) == 0 {
		from, to, ok := summary.Decoded(field.Live, field.Desired)
		if !ok {
			return []string{fieldLine(field)}
		}
		return []string{cut(pathText(field.Path), 2*valueLimit) + ", decoded from base64: " + lineChange(from, to)}
	}
	var texts []string
	for _, part := range parts[:min(len(parts), partLimit)] {
		if part.Note != "" {
			texts = append(texts, cut(pathText(field.Path), 2*valueLimit)+": "+prose(part.Note))
			continue
		}
		texts = append(texts, fieldLine(drift.ReportField{Path: field.Path + part.Path.Pointer(), Op: string(part.Op), Live: part.Live, Desired: part.Desired}))
	}
	if more := len(parts) - partLimit; more > 0 {
		texts = append(texts, "…and "+count(more, "more difference")+": the run's log and -o json have all")
	}
	return texts
}

// lineChange shows the first line in which two texts differ, and counts the others.
func lineChange(live, desired string) string {
	ops := summary.LineDiff(live, desired)
	at, differing := 0, 0
	var first string
	for i := 0; i < len(ops); {
		if ops[i].Op == ' ' {
			i, at = i+1, at+1
			continue
		}
		middle := i
		for middle < len(ops) && ops[middle].Op == '-' {
			middle++
		}
		end := middle
		for end < len(ops) && ops[end].Op == '+' {
			end++
		}
		if first == "" {
			first = fmt.Sprintf("line %d: %s", at+1, lineSides(ops[i:middle], ops[middle:end]))
		}
		differing += max(middle-i, end-middle)
		at, i = at+middle-i, end
	}
	if first == "" {
		return "unchanged"
	}
	if differing > 1 {
		first += fmt.Sprintf(" …and %s", count(differing-1, "more line"))
	}
	return first
}

// lineSides are the first of the lines that stand for each other.
func lineSides(live, desired []summary.LineOp) string {
	side := func(ops []summary.LineOp, show func(string) string) string {
		switch {
		case len(ops) == 0:
			return "absent"
		case ops[0].Text == summary.EndNewline:
			return "(newline at the end)"
		}
		return show(ops[0].Text)
	}
	plainly := func(text string) string { return valueText(strings.TrimRight(text, "\r")) }
	from, to := window(side(live, plainly), side(desired, plainly), valueLimit)
	if from == to {
		from, to = side(live, strconv.Quote), side(desired, strconv.Quote)
	}
	return from + " → " + to
}

// window shortens two long values so that the place where they first differ
// stays visible: image references often share eighty characters and differ in
// the last ten.
func window(a, b string, limit int) (string, string) {
	x, y := []rune(a), []rune(b)
	if len(x) <= limit && len(y) <= limit {
		return a, b
	}
	start := summary.Window(x, y, limit-1)
	show := func(runes []rune) string {
		if start == 0 {
			return cut(string(runes), limit)
		}
		if start >= len(runes) {
			return cut(string(runes), limit)
		}
		return "…" + cut(string(runes[start:]), limit-1)
	}
	return show(x), show(y)
}

// valueText shows a JSON value: strings bare where they cannot be mistaken for
// anything else, everything else as JSON.
func valueText(v any) string {
	switch value := v.(type) {
	case nil:
		return "null"
	case string:
		return stringText(value)
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1e15 {
			return strconv.FormatFloat(value, 'f', -1, 64)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return clean(fmt.Sprint(v))
	}
	return clean(strings.TrimSuffix(out.String(), "\n"))
}

// stringText quotes a string that a reader could take for a number, a word of
// JSON, a missing value or nothing at all.
func stringText(s string) string {
	text := clean(s)
	_, notNumber := strconv.ParseFloat(s, 64)
	switch {
	case notNumber == nil, s == "", s == "true", s == "false", s == "null", s == "absent",
		s != strings.TrimSpace(s):
		return `"` + text + `"`
	}
	return text
}

// timeText is an absolute time, to the minute, in UTC: readers in several time
// zones compare it with other logs.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// count is "1 app", "2 apps".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
