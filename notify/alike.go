package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// namesShown is how many names stand in a group's item; the others are counted.
const namesShown = 8

// alike puts findings together that changed alike (drift.Alike), as the report does. Where
// a reader needs to see what is new, new ones stand apart.
func alike(list []finding, markNew bool) [][]finding {
	byID := map[drift.ID]finding{}
	resources := make([]drift.ReportResource, len(list))
	for i, f := range list {
		byID[f.resource.ID()], resources[i] = f, f.resource
	}
	var groups [][]finding
	for _, group := range summary.Alike(resources) {
		var fresh, known []finding
		for _, resource := range group {
			if f := byID[resource.ID()]; f.fresh || !markNew {
				fresh = append(fresh, f)
			} else {
				known = append(known, f)
			}
		}
		for _, part := range [][]finding{fresh, known} {
			if len(part) > 0 {
				groups = append(groups, part)
			}
		}
	}
	return groups
}

// withoutSaid refers to the item that tells the same error, in place of telling it again.
func withoutSaid(group []finding, said map[string]string) []finding {
	first := said[summary.ErrorText(group[0].resource)]
	if first == "" {
		return group
	}
	group = slices.Clone(group)
	group[0].resource.Error, group[0].resource.Hint = "the same as of "+first, ""
	if summary.ReasonRepeats(group[0].resource) {
		group[0].resource.Reason = ""
	}
	return group
}

// namedAs is a group in few words.
func namedAs(group []finding) string {
	name := cut(clean(group[0].resource.ID().Short()), nameLimit)
	if more := len(group) - 1; more > 0 {
		name += fmt.Sprintf(" and %d more", more)
	}
	return name
}

// groupItem is one item for findings that changed alike: how many and which, then what they
// have in common. The first stands for all in a message that names its object.
func groupItem(group []finding, markNew bool) item {
	f := group[0]
	if len(group) == 1 {
		return findingItem(f, markNew)
	}
	places := map[string]bool{}
	for _, one := range group {
		places[one.resource.Origin.File] = true
	}
	if len(places) > 1 {
		f.resource.Origin = drift.Origin{}
	} else if f.resource.Origin.File != "" {
		f.resource.Origin.Line = 0
	}
	f.resource.Fields = summary.WithoutTimes(f.resource.Fields)
	if f.health != nil {
		f.health = &drift.ReportHealth{Health: f.health.Health, Reason: f.health.Reason}
	}
	entry := findingItem(f, markNew)
	entry.head, entry.number = count(len(group), "object"), len(group)
	entry.lines = slices.Concat([]line{words(namesText(group))}, entry.lines, writtenLines(group))
	return entry
}

// namesText names the first of a group by kind and namespace, and counts the others:
// "ConfigMap in shop: a, b; Secret in shop: c …and 9 more".
func namesText(group []finding) string {
	var parts []string
	last := ""
	for _, f := range group[:min(namesShown, len(group))] {
		r := f.resource
		place := clean(r.Kind)
		if r.Namespace != "" {
			place += " in " + clean(r.Namespace)
		}
		name := cut(clean(r.Name), nameLimit)
		if place == last {
			parts[len(parts)-1] += ", " + name
			continue
		}
		parts, last = append(parts, place+": "+name), place
	}
	text := strings.Join(parts, "; ")
	if more := len(group) - namesShown; more > 0 {
		text += fmt.Sprintf(" …and %d more", more)
	}
	return text
}

// writtenLines say when the live values of a group were written, first and last.
func writtenLines(group []finding) []line {
	var times []time.Time
	for _, f := range group {
		for _, field := range f.resource.Fields {
			if at := field.ManagerTime; at != nil && !at.IsZero() && field.ManagerClass != string(drift.ClassSelf) {
				times = append(times, *at)
			}
		}
	}
	if len(times) == 0 {
		return nil
	}
	from, to := timeText(slices.MinFunc(times, time.Time.Compare)), timeText(slices.MaxFunc(times, time.Time.Compare))
	if from == to {
		return []line{words("last write " + from)}
	}
	return []line{words("last writes between " + from + " and " + to)}
}
