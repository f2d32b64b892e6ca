package drift

import (
	"regexp"
	"strings"
)

// The API server puts values of Go into its messages: server-side apply a wrapper around
// the value (structured-merge-diff, value/valueunstructured.go), validation whole structs
// and maps (apimachinery, util/validation/field), decoding the names of Go's types.
var (
	goWrapper  = regexp.MustCompile(`&value\.valueUnstructured\{Value:`)
	goLiteral  = regexp.MustCompile(`&?(?:(?:\[\]|map\[[\w.]+\]|\*)+(?:interface \{\}|any|[\w.]+)|[a-z]\w*\.[A-Z]\w*)\{`)
	goNothing  = regexp.MustCompile(`(?:(?:\[\]|map\[[\w.]+\]|\*)+(?:interface \{\}|[\w.]+)|\(\*[\w.]+\))\(nil\)`)
	goPointer  = regexp.MustCompile(`\(\*?[\w.]+\)\(0x[0-9a-f]+\)`)
	goField    = regexp.MustCompile(`json: cannot unmarshal (\w+) into Go struct field \w+\.([\w.]+) of type ([\w.\[\]*{}]+)`)
	goValue    = regexp.MustCompile(`json: cannot unmarshal (\w+) into Go value of type ([\w.\[\]*{}]+)`)
	typedPatch = regexp.MustCompile(`failed to create typed (?:patch|live) object \([^)]*\): |failed to convert new object \([^)]*\) to proper version: |unable to convert unstructured object to [^:]*: `)
)

// plainWords is a message of the API server without Go's own notation.
func plainWords(message string) string {
	message = typedPatch.ReplaceAllString(message, "")
	message = unwrapped(message, goWrapper, func(value string) string { return value })
	message = unwrapped(message, goLiteral, func(string) string { return "" })
	message = goNothing.ReplaceAllString(message, "nothing")
	message = goPointer.ReplaceAllString(message, "a value")
	message = goField.ReplaceAllString(message, "$2 is given as $1, and must be $3")
	return goValue.ReplaceAllString(message, "it is given as $1, and must be $2")
}

// unwrapped replaces every literal that a pattern begins by what it says in words.
func unwrapped(message string, begins *regexp.Regexp, inside func(string) string) string {
	var b strings.Builder
	for {
		at := begins.FindStringIndex(message)
		if at == nil {
			b.WriteString(message)
			return b.String()
		}
		end := closing(message[at[1]:])
		b.WriteString(message[:at[0]])
		head, body := message[at[0]:at[1]], message[at[1]:at[1]+end]
		if value := inside(body); value != "" {
			b.WriteString(value)
		} else {
			b.WriteString(kindInWords(head, body))
		}
		message = message[min(len(message), at[1]+end+1):]
	}
}

func kindInWords(head, body string) string {
	what := "an object"
	switch head = strings.TrimLeft(head, "&*"); {
	case strings.HasPrefix(head, "[]"):
		what = "a list"
	case strings.HasPrefix(head, "map["):
		what = "a map"
	}
	if strings.TrimSpace(body) == "" {
		return what + " without content"
	}
	return what
}

// closing is where the literal ends whose brace is open: braces in texts do not count.
func closing(text string) int {
	depth, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text)
}
