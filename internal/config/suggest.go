package config

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// didYouMean is the hint for a mistyped name.
func didYouMean(name string, candidates []string) string {
	if near := drift.Near(name, candidates); len(near) > 0 {
		return "did you mean \"" + near[0] + "\"?"
	}
	if len(candidates) == 0 {
		return ""
	}
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	return "known names: " + strings.Join(sorted, ", ")
}
