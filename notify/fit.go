package notify

import (
	"fmt"
	"slices"
	"strings"
)

// view is a card cut to what fits: how many items are shown, and how many lines
// of each.
type view struct {
	card
	shown int
	lines int
}

// whole shows everything.
func whole(c card) view {
	lines := 0
	for _, entry := range c.items {
		lines = max(lines, len(entry.lines))
	}
	return view{card: c, shown: len(c.items), lines: lines}
}

// itemLimit is how many items one card shows; a longer list is a wall that
// nobody reads on a phone.
const (
	itemLimit   = 10
	digestLimit = 40 // items without lines are one line each
)

// fit gives the view with the most detail for which ok holds. Whole items come
// first; when fewer than three of them fit, items lose lines instead.
func fit(c card, ok func(view) bool) view {
	v := whole(c)
	if v.lines == 0 {
		return widest(view{card: c, shown: min(v.shown, digestLimit)}, ok)
	}
	if c.noun == "app" { // a digest rather names every app
		v.shown = min(v.shown, digestLimit)
		if ok(v) {
			return v
		}
		return widest(view{card: c, shown: v.shown}, ok)
	}
	v.shown = min(v.shown, itemLimit)
	enough := min(v.shown, 3)
	for _, lines := range []int{v.lines, 6, 3} {
		if lines > v.lines {
			continue
		}
		if cutDown := widest(view{card: c, shown: v.shown, lines: lines}, ok); cutDown.shown >= enough {
			return cutDown
		}
	}
	return widest(view{card: c, shown: v.shown}, ok)
}

// widest lowers the number of items until ok holds, or none is left.
func widest(v view, ok func(view) bool) view {
	for v.shown > 0 && !ok(v) {
		v.shown--
	}
	return v
}

// visible are the lines of an item that the view shows, and how many it hides.
func (v view) visible(entry item) (lines []line, hidden int) {
	n := min(len(entry.lines), v.lines)
	return entry.lines[:n], len(entry.lines) - n
}

// rest counts the items that the view hides: "…and 12 more resources: 9 alert
// only, 3 healed". It is empty when nothing is hidden.
func (v view) rest() string {
	hidden := v.items[v.shown:]
	if len(hidden) == 0 {
		return ""
	}
	var groups []string
	counts := map[string]int{}
	for _, entry := range hidden {
		if counts[entry.group] == 0 {
			groups = append(groups, entry.group)
		}
		counts[entry.group] += max(entry.number, 1)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	text := "…and " + count(total, "more "+v.noun)
	if len(groups) == 1 && groups[0] == v.noun {
		return text
	}
	parts := make([]string, len(groups))
	for i, group := range groups {
		parts[i] = fmt.Sprintf("%d %s", counts[group], group)
	}
	return text + ": " + strings.Join(parts, ", ")
}

// below are the lines under the items.
func (v view) below() []line {
	return slices.Concat(lines(nonEmpty(v.rest())), v.tail, lines(nonEmpty(v.foot)))
}

// hiddenLines says how many lines of an item are cut.
func hiddenLines(n int) string { return "…and " + count(n, "more line") }
