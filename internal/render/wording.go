package render

import (
	"fmt"
	"regexp"
	"strings"
)

// yamlWords are what go-yaml says, and what it means for who wrote the file.
var yamlWords = []struct{ said, instead, hint string }{
	{"did not find expected <document start>", `a document ended, and what follows does not begin with "---"`,
		`write "---" in front of the next document; "..." ends one`},
	{"mapping values are not allowed in this context", `a ": " stands where no key can`,
		`the line is indented too far, or is text with a ": " in it, which needs quotes`},
	{"could not find expected ':'", "could not find expected ':', a line is no key with a value",
		`text over several lines needs | behind its key, and its lines are indented below it; template code ({{ … }}) is only read in a Helm chart`},
	{"did not find expected key", "a line does not belong to the mapping around it",
		"it is indented otherwise than the lines before it, or a quote or bracket there was closed too early"},
	{"did not find expected '-' indicator", "a line does not belong to the list around it",
		"it is indented otherwise than the items before it"},
	{"block sequence entries are not allowed in this context", `a list begins where none can`,
		"put its first item into a line of its own below the key"},
	{"found unexpected end of stream", "the text ends inside quotes", "close the quote"},
	{"did not find expected ',' or", `a list or mapping in brackets is not closed or lacks a comma`, "close the bracket, or quote what stands in it"},
	{"control characters are not allowed", "", "the file holds bytes that are no text, such as NUL: save it as UTF-8"},
	{"found character that cannot start any token", "",
		"YAML is indented with spaces, not tabs; text that begins with @, ` or % needs quotes"},
	{"found unknown escape character", "an escape in double quotes is unknown", `use single quotes, or write \\ for a backslash`},
}

// inPlainWords replaces what the parser says by what it means, and adds a hint.
func inPlainWords(message string) (plain, hint string) {
	for _, words := range yamlWords {
		if at := strings.Index(message, words.said); at >= 0 {
			if words.instead == "" {
				return message, words.hint
			}
			return message[:at] + words.instead, words.hint
		}
	}
	return message, ""
}

var (
	goType    = regexp.MustCompile(`json: cannot unmarshal (\w+) into Go (?:struct field \w+\.(\S+)|value) of type (\S+)`)
	goUnknown = regexp.MustCompile(`json: unknown field ("[^"]*")`)
	goMap     = regexp.MustCompile(`(?s)(?:map\[.*)?json: unsupported type: map\[interface \{\}\]interface \{\}`)
)

// withoutGo takes Go's types out of what a library says of a file.
func withoutGo(message string) string {
	message = goType.ReplaceAllStringFunc(message, func(said string) string {
		found := goType.FindStringSubmatch(said)
		where := found[2]
		if where != "" {
			where = " at " + where
		}
		return fmt.Sprintf("a %s stands where a %s must%s", found[1], plainType(found[3]), where)
	})
	message = goUnknown.ReplaceAllString(message, "unknown field $1")
	return goMap.ReplaceAllString(message, "a key is a number, true, false or null, and must be text")
}

// plainType is a Go type in the words of YAML.
func plainType(goType string) string {
	switch {
	case goType == "string", goType == "bool":
		return goType
	case strings.HasPrefix(goType, "[]"):
		return "list"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "number"
	}
	return "mapping"
}
