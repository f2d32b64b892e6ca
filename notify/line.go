package notify

import (
	"net/url"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// line is one line of a card. Its strings are cleaned and bounded, and none is markup.
type line []span

// span is a part of a line; with an address it is a link.
type span struct {
	style   style
	text    string
	address string
}

type style int

const (
	plain style = iota
	code
	strong
)

func words(text string) line    { return line{{text: text}} }
func coded(text string) line    { return line{{style: code, text: text}} }
func strongly(text string) line { return line{{style: strong, text: text}} }

// lines are lines of words.
func lines(texts []string) []line {
	list := make([]line, len(texts))
	for i, text := range texts {
		list[i] = words(text)
	}
	return list
}

// then adds a part; what is neither styled nor a link joins what is before it.
func (l line) then(s span) line {
	if last := len(l) - 1; last >= 0 && s.address == "" && l[last].address == "" && s.style == l[last].style {
		joined := slices.Clone(l)
		joined[last].text += s.text
		return joined
	}
	return append(slices.Clip(l), s)
}

// String is the line without styles and addresses.
func (l line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

// linked says whether any of it is a link.
func (l line) linked() bool {
	for _, s := range l {
		if s.address != "" {
			return true
		}
	}
	return false
}

// addressLimit keeps one address from filling a message; Slack's own limit is 3000.
const addressLimit = 1000

// link is a text that leads to an address, or the bare text where there is none. An address
// comes from the config (the Git host, see drift.Web) or from a policy's ref, never from
// what is in the cluster or in a commit.
func link(text, address string) span {
	if !page(address) {
		address = ""
	}
	return span{text: text, address: address}
}

// page says whether an address is one of a page that everybody may see: no credential, and
// nothing that was redacted.
func page(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && len(address) <= addressLimit && parsed.Hostname() != "" && parsed.User == nil &&
		(parsed.Scheme == "https" || parsed.Scheme == "http") && !strings.Contains(address, drift.Redacted) &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>|\"\\", r) })
}

// refSpan is a rule's ref: a link where it is the address of a page, which is shown as it
// is, so that it cannot lead elsewhere than it says.
func refSpan(ref string) span {
	text := prose(ref)
	if text != ref {
		return span{text: text}
	}
	return link(text, ref)
}
