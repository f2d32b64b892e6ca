package write

import (
	"encoding/json"
	"testing"

	"github.com/killick-dev/killick/internal/diff"
)

func TestContains(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason        string
		live, desired string
		want          bool
	}{
		{"equal", `{"a":1}`, `{"a":1}`, true},
		{"more in live", `{"a":1,"b":2}`, `{"a":1}`, true},
		{"less in live", `{"a":1}`, `{"a":1,"b":2}`, false},
		{"a zero value less in live", `{"a":1}`, `{"a":1,"b":false,"c":"","d":0,"e":{},"f":[],"g":null}`, true},
		{"another value", `{"a":2}`, `{"a":1}`, false},
		{"nested", `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, true},
		{"more in an item", `{"l":[{"a":1,"b":2}]}`, `{"l":[{"a":1}]}`, true},
		{"another length", `{"l":[1,2]}`, `{"l":[1]}`, false},
		{"another order", `{"l":[2,1]}`, `{"l":[1,2]}`, false},
		{"another type", `{"a":"1"}`, `{"a":{"b":1}}`, false},
		{"a list for a map", `{"a":{}}`, `{"a":[1]}`, false},
		{"a quantity", `{"limits":{"cpu":"1"}}`, `{"limits":{"cpu":"1000m"}}`, true},
		{"a text", `{"data":{"cpu":"1"}}`, `{"data":{"cpu":"1000m"}}`, false},
	}
	parse := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range cases {
		if got := diff.Contains(nil, parse(c.live), parse(c.desired)); got != c.want {
			t.Errorf("%s: live %s, desired %s: %t", c.reason, c.live, c.desired, got)
		}
	}
}
