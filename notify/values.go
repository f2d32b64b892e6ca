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

	"github.com/killick-dev/killick/internal/drift"
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

// fieldLine is "path: live → desired", where "absent" stands for the side that
// does not have the value.
func fieldLine(field drift.ReportField) string {
	return cut(pathText(field.Path), 2*valueLimit) + ": " + change(field)
}

// pathText is a JSON pointer for people; a pointer that does not parse is shown
// as it is.
func pathText(pointer string) string {
	path, err := drift.ParsePointer(pointer)
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
	return from + " → " + to
}

// lineChange shows the first line in which two texts differ, and counts the
// other positions that differ.
func lineChange(live, desired string) string {
	a, b := strings.Split(live, "\n"), strings.Split(desired, "\n")
	at := func(lines []string, i int) (string, bool) {
		if i < len(lines) {
			return lines[i], true
		}
		return "", false
	}
	first, differing := -1, 0
	for i := range max(len(a), len(b)) {
		x, inA := at(a, i)
		y, inB := at(b, i)
		if x == y && inA == inB {
			continue
		}
		differing++
		if first < 0 {
			first = i
		}
	}
	if first < 0 {
		return "unchanged"
	}
	side := func(lines []string) string {
		line, ok := at(lines, first)
		if !ok {
			return "absent"
		}
		return valueText(strings.TrimRight(line, "\r"))
	}
	from, to := window(side(a), side(b), valueLimit)
	text := fmt.Sprintf("line %d: %s → %s", first+1, from, to)
	if differing > 1 {
		text += fmt.Sprintf(" …and %s", count(differing-1, "more line"))
	}
	return text
}

// window shortens two long values so that the place where they first differ
// stays visible: image references often share eighty characters and differ in
// the last ten.
func window(a, b string, limit int) (string, string) {
	x, y := []rune(a), []rune(b)
	if len(x) <= limit && len(y) <= limit {
		return a, b
	}
	common := 0
	for common < len(x) && common < len(y) && x[common] == y[common] {
		common++
	}
	start := max(0, common-limit/3)
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
