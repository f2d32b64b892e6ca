package nested

import (
	"testing"
)

func TestEqualValues(t *testing.T) {
	t.Parallel()
	m := func(kv ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i].(string)] = kv[i+1]
		}
		return out
	}
	cases := []struct {
		reason string
		a, b   any
		want   bool
	}{
		{"texts", "a", "a", true},
		{"other texts", "a", "b", false},
		{"nulls", nil, nil, true},
		{"null and empty", nil, "", false},
		{"null and an empty map", nil, m(), false},
		{"an int64 and a float of one value", int64(3), 3.0, true},
		{"an int and an int64", 3, int64(3), true},
		{"other numbers", int64(3), 3.5, false},
		{"a number and its text", int64(3), "3", false},
		{"a number and a boolean", int64(1), true, false},
		{"numbers that a float cannot hold", int64(1<<53 + 1), float64(1 << 53), false},
		{"large integers", int64(1<<62 + 1), int64(1<<62 + 1), true},
		{"large integers that differ", int64(1<<62 + 1), int64(1 << 62), false},
		{"maps", m("a", int64(1), "b", m("c", "d")), m("b", m("c", "d"), "a", 1.0), true},
		{"a key more", m("a", int64(1)), m("a", int64(1), "b", nil), false},
		{"another key", m("a", nil), m("b", nil), false},
		{"lists", []any{int64(1), "a"}, []any{1.0, "a"}, true},
		{"another order", []any{"a", "b"}, []any{"b", "a"}, false},
		{"another length", []any{"a"}, []any{"a", "a"}, false},
		{"a list and a map", []any{}, m(), false},
		{"a map and a list", m(), []any{}, false},
		{"a map and a text", m(), "x", false},
		{"booleans", true, true, true},
	}
	for _, c := range cases {
		if EqualValues(c.a, c.b) != c.want || EqualValues(c.b, c.a) != c.want {
			t.Errorf("%s: %v and %v: %t, %t", c.reason, c.a, c.b, EqualValues(c.a, c.b), EqualValues(c.b, c.a))
		}
	}
}
