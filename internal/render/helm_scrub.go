package render

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hidden stands in messages where a value stood.
const hidden = "[value]"

const (
	// hiddenText is the length, in bytes, from which a value is hidden wherever
	// it stands. Shorter ones are ports, modes and words that explain an error.
	hiddenText = 6
	// hiddenQuote is the length from which a part of a value is hidden where a
	// library quotes it: `invalid URL escape "%2s"`.
	hiddenQuote = 3
)

// tplText is how Helm's tpl quotes the whole text it was given: a value, or a
// file of the chart (engine.tplFun).
var tplText = regexp.MustCompile(`(cannot parse template|error during tpl function execution for) "(?:[^"\\]|\\.)*"`)

// quoteMarks end what libraries quote: text/template shows an action in <>, cut
// with dots; fmt a value of the wrong type as "%!t(string=x)"; most give the
// input after a colon.
var quoteMarks = regexp.MustCompile("[\"'`<>()=]|: |\\.\\.\\.")

// scrub takes values out of a library's error text and bounds it. Template
// functions quote their arguments, and what merges values quotes what does not
// fit; any of them may be a secret. The files in the order in which they are
// given count too, not only what is left of them after merging, because a chart
// can read them as files.
func (h *helm) scrub(message string) string {
	trees := slices.Clone(h.given)
	public := map[string]bool{h.name: true, h.job.app.Namespace: true}
	if h.loaded != nil {
		trees = append(trees, defaults(h.loaded)...)
		for _, name := range chartNames(h.loaded) {
			public[name] = true // in every template's name
		}
	}
	found := map[string]bool{}
	for _, tree := range trees {
		leaves(tree, found)
	}
	var quotable strings.Builder
	mask := make([]bool, len(message))
	for value := range found {
		if public[value] {
			continue
		}
		quotable.WriteString(squeeze(value))
		quotable.WriteByte(0)
		if len(value) < hiddenText {
			continue
		}
		for _, form := range forms(value) {
			maskAll(mask, message, form)
		}
	}
	maskQuotes(mask, message, quotable.String())
	return cut(strings.TrimSpace(masked(message, mask)))
}

// leaves collects the texts and numbers of a tree, and the lines of longer
// texts, because templates split and indent those.
func leaves(tree any, found map[string]bool) {
	switch v := tree.(type) {
	case map[string]any:
		for _, item := range v {
			leaves(item, found)
		}
	case []any:
		for _, item := range v {
			leaves(item, found)
		}
	case string:
		for line := range strings.Lines(v) {
			found[strings.TrimSpace(line)] = true
		}
		found[strings.TrimSpace(v)] = true
	case float64:
		found[strconv.FormatFloat(v, 'f', -1, 64)] = true
		found[fmt.Sprint(v)] = true // how templates print it
	}
	delete(found, "")
}

// forms are the ways in which a message may write a value.
func forms(value string) []string {
	all := []string{
		value,
		inside(strconv.Quote(value)), inside(strconv.QuoteToASCII(value)), timeQuote(value),
		url.QueryEscape(value), url.PathEscape(value), strings.TrimPrefix(url.UserPassword("", value).String(), ":"),
		base64.StdEncoding.EncodeToString([]byte(value)),
	}
	if written, err := json.Marshal(value); err == nil {
		all = append(all, inside(string(written)))
	}
	if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && len(decoded) >= hiddenText {
		all = append(all, string(decoded), inside(strconv.Quote(string(decoded))))
	}
	for _, form := range all { // what a template has quoted is quoted again
		all = append(all, inside(strconv.Quote(form)), timeQuote(form))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inside takes the quotes off.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// timeQuote writes a text as package time does in its errors: bytes outside
// ASCII one by one.
func timeQuote(value string) string {
	var b strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case c >= 0x80 || c < ' ':
			fmt.Fprintf(&b, `\x%02x`, c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// maskAll marks every place of a text in a message, overlaps included.
func maskAll(mask []bool, message, text string) {
	for from := 0; ; {
		i := strings.Index(message[from:], text)
		if i < 0 {
			return
		}
		for at := from + i; at < from+i+len(text); at++ {
			mask[at] = true
		}
		from += i + 1
	}
}

// maskQuotes marks what stands between quote marks and is a part of a value.
func maskQuotes(mask []bool, message, values string) {
	from := 0
	for _, mark := range append(quoteMarks.FindAllStringIndex(message, -1), []int{len(message), len(message)}) {
		quoted := message[from:mark[0]]
		plain := squeeze(quoted)
		unquoted, err := strconv.Unquote(`"` + quoted + `"`)
		if len(plain) >= hiddenQuote && (strings.Contains(values, plain) || (err == nil && strings.Contains(values, squeeze(unquoted)))) {
			for at := from; at < mark[0]; at++ {
				mask[at] = true
			}
		}
		from = mark[1]
	}
}

// squeeze leaves out blanks, which printing a template moves.
func squeeze(text string) string { return strings.Join(strings.Fields(text), "") }

// masked replaces each marked stretch.
func masked(message string, mask []bool) string {
	var b strings.Builder
	for i := range len(message) {
		switch {
		case !mask[i]:
			b.WriteByte(message[i])
		case i == 0 || !mask[i-1]:
			b.WriteString(hidden)
		}
	}
	return b.String()
}
