package redact

import (
	"strings"
	"testing"
)

func TestRedactorIsImmutable(t *testing.T) {
	t.Parallel()
	first := Redactor{}.With("hunter22")
	second := first.With("letmein99")
	if got := first.String("hunter22 letmein99"); got != "[redacted] letmein99" {
		t.Errorf("the first learned from the second: %s", got)
	}
	if got := second.String("hunter22 letmein99"); got != "[redacted] [redacted]" {
		t.Errorf("the second forgot: %s", got)
	}
}

// A text with every sort of escape in it costs little: encodings that do not depend on each
// other are undone once, not in every order.
func TestRedactorReadsOnce(t *testing.T) {
	t.Parallel()
	redactor := Redactor{}.With("hunter22-hunter22")
	look := search{Redactor: redactor, blind: true}
	text := []byte(strings.Repeat(`\u0025%25+&amp;\\ `, 50))
	if look.in(&unveiled{text: text, blind: true}, mostUnveilings) {
		t.Error("there is no secret in it")
	}
	if len(look.read) > 100 {
		t.Errorf("%d readings of one text", len(look.read))
	}
}
