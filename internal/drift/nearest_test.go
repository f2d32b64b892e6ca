package drift

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNear(t *testing.T) {
	t.Parallel()
	fields := []string{"name", "namespace", "repository", "path", "secrets"}
	long := strings.Repeat("a", longestCompared)
	for _, test := range []struct {
		reason, name string
		candidates   []string
		want         []string
	}{
		{"neighbours swapped", "nmae", fields, []string{"name"}}, //nolint:misspell // on purpose
		{"another letter case", "Namespace", fields, []string{"namespace"}},
		{"a letter lost", "namspace", fields, []string{"namespace"}},
		{"a letter too few at the end", "secret", fields, []string{"secrets"}},
		{"an abbreviation", "repo", fields, []string{"repository"}},
		{"two letters are no abbreviation", "na", fields, nil},
		{"nothing alike", "xyzzy", fields, nil},
		{"nothing at all", "", fields, nil},
		{"no candidates", "name", nil, nil},
		{"the shortest swap", "bd", []string{"db", "web"}, []string{"db"}},
		{"half of it too much", "added", []string{"add", "remove"}, []string{"add"}},
		{"more than half replaced", "foo", []string{"two"}, nil},
		{"every letter replaced is not near", "ab", []string{"cd"}, nil},
		{"the exact name first, then the nearest, then by name", "main", []string{"mains", "maim", "man", "MAIN"}, []string{"MAIN", "maim", "mains", "man"}},
		{"as long as is compared", long, []string{long[1:]}, []string{long[1:]}},
		{"longer than that", long + "a", []string{long}, nil},
	} {
		if diff := cmp.Diff(test.want, Near(test.name, test.candidates), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: Near(%.20q) (-want +got):\n%s", test.reason, test.name, diff)
		}
	}
}
