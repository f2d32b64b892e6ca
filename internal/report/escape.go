package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/nested"
)

// Everything a report holds was written by somebody else: values by whoever may
// edit an object, messages by webhooks, subjects by committers. A terminal obeys
// control sequences in text, so no character that does not print reaches it:
// not C0 and C1 controls, and not the Unicode format characters that reorder or
// hide text (CVE-2021-42574).

// clean makes one line of text safe to print. In ASCII mode every character
// outside ASCII is escaped too.
func clean(text string, ascii bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !unicode.IsPrint(r) || ascii && r >= utf8.RuneSelf:
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func escapeRune(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

// bare matches strings that need no quotes to be recognised as one value.
var bare = regexp.MustCompile(`^[A-Za-z0-9._:/@+=*-]+$`)

// inline is a value on one line. A string is quoted when it would read as a
// number, a boolean or null, or when it is not one plain word.
func inline(value any, ascii bool) string {
	text, isString := value.(string)
	if !isString {
		return clean(compactJSON(value), ascii)
	}
	if bare.MatchString(text) && !json.Valid([]byte(text)) {
		return text
	}
	if ascii {
		return strconv.QuoteToASCII(text)
	}
	return strconv.Quote(text)
}

// readablePath turns a JSON pointer into the path people write.
func readablePath(pointer string) string {
	path, err := nested.ParsePointer(pointer)
	if err != nil {
		return pointer
	}
	return path.String()
}
