package summary

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestDecoded(t *testing.T) {
	t.Parallel()
	text := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		reason        string
		live, desired any
		want          bool
	}{
		{"two texts in base64", text("-----BEGIN CERTIFICATE-----\na\n"), text("-----BEGIN CERTIFICATE-----\nb\n"), true},
		{"bytes", text("\x00\x01\x02\x03\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"), text("-----BEGIN CERTIFICATE-----\nb\n"), false},
		{"a word", "deployment", "development", false},
		{"a long word", strings.Repeat("word", 8), strings.Repeat("ward", 8), false},
		{"no text", int64(1), text("-----BEGIN CERTIFICATE-----\nb\n"), false},
	} {
		if _, _, ok := Decoded(c.live, c.desired); ok != c.want {
			t.Errorf("%s: %t", c.reason, ok)
		}
	}
}
