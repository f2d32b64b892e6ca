package diff

import (
	"testing"
)

// Other spellings of one value are the server's words, not admission's doing.
func TestMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason    string
		want, got any
		same      bool
	}{
		{"equal", "a", "a", true},
		{"another text", "open", "locked", false},
		{"a quantity in other words", "1000m", "1", true},
		{"a number as a quantity", 0.5, "500m", true},
		{"another quantity", "1Gi", "1G", false},
		{"a whole float", 1.0, int64(1), true},
		{"a time in another zone", "2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z", true},
		{"a time without its fraction", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00Z", true},
		{"another time", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", false},
		{"a duration", "60s", "1m0s", true},
		{"another duration", "60s", "2m0s", false},
		{"base64 with a line break", "AAEC\nAwQF", "AAECAwQF", true},
		{"other bytes", "AAECAwQF", "AAECAwQG", false},
		{"a text where a number stood", "80", int64(80), true}, // the API takes either in an int-or-string
		{"more in a map", map[string]any{"a": "1"}, map[string]any{"a": "1", "b": "2"}, true},
		{"less in a map", map[string]any{"a": "1", "b": "2"}, map[string]any{"a": "1"}, false},
		{"a zero that is not stored", map[string]any{"a": "1", "b": ""}, map[string]any{"a": "1"}, true},
		{"no map at all", map[string]any{"a": "1"}, "a", false},
		{"an item more in a list", []any{"a", "b"}, []any{"a", "x", "b"}, true},
		{"an item less", []any{"a", "b"}, []any{"b"}, false},
		{"another order", []any{"a", "b"}, []any{"b", "a"}, false},
		{"a default inside an item", []any{map[string]any{"a": "1"}}, []any{map[string]any{"a": "1", "d": true}}, true},
		{"no list at all", []any{"a"}, nil, false},
		{"nothing", "a", nil, false},
	} {
		if got := means(c.want, c.got); got != c.same {
			t.Errorf("%s: %v and %v mean the same: %t", c.reason, c.want, c.got, got)
		}
	}
}
