package drift

import (
	"cmp"
	"slices"
	"strings"
)

// longestCompared bounds the names that Near compares, in bytes: they may come
// from a hostile server or file, and the cost grows with the product of both.
const longestCompared = 255

// Near are the candidates that were most likely meant by a mistyped name, the
// likeliest first: another letter case, an abbreviation of at least three
// letters, and a few mistyped letters: two, or up to a third of the name, but no
// more than half of it.
func Near(name string, candidates []string) []string {
	type near struct {
		candidate string
		distance  int
	}
	lower := strings.ToLower(name)
	var found []near
	for _, candidate := range candidates {
		longest := max(len(name), len(candidate))
		if name == "" || longest > longestCompared {
			continue
		}
		folded := strings.ToLower(candidate)
		distance := editDistance(lower, folded)
		switch {
		case distance == 0:
		case len(name) >= 3 && strings.HasPrefix(folded, lower):
			distance = 1
		case distance > max(min(2, len(name)/2), len(name)/3):
			continue
		}
		found = append(found, near{candidate: candidate, distance: distance})
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.candidate, b.candidate))
	})
	names := make([]string, len(found))
	for i, one := range found {
		names[i] = one.candidate
	}
	return names
}

// editDistance is the optimal string alignment distance in bytes: insertions,
// deletions, substitutions and swaps of neighbours.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
