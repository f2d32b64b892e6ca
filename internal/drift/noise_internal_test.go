package drift

import (
	"testing"
)

// The tables themselves: whole, without doubles, and no class that a rule cannot
// give.
func TestBuiltinNoise(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range BuiltinQuiet() {
		if rule.Why == "" || len(rule.Path) == 0 || seen[rule.Path.Pointer()] {
			t.Errorf("%q: %q", rule.Path.Pointer(), rule.Why)
		}
		seen[rule.Path.Pointer()] = true
	}
	for i, rule := range BuiltinManagers() {
		if rule.Class == ClassNone || rule.Class == ClassSelf || rule.Class == ClassUnknown || seen[rule.Pattern] {
			t.Errorf("%+v", rule)
		}
		seen[rule.Pattern] = true
		for _, earlier := range BuiltinManagers()[:i] {
			if matchName(earlier.Pattern, rule.Pattern) && earlier.Class == rule.Class {
				t.Errorf("%q is in %q already", rule.Pattern, earlier.Pattern)
			}
		}
	}
}
