package render

import (
	"slices"
	"strings"
)

// assign gives every unit a part and every part its context.
func (p *plan) assign() {
	index := p.index()
	for u := range index.reach(p.words) {
		u.everywhere = true
	}
	var last *part
	for _, group := range p.groups() {
		if last == nil || last.own+len(group) > p.scan.job.part {
			last = &part{context: map[*unit]bool{}}
			p.parts = append(p.parts, last)
		}
		last.own += len(group)
		for _, u := range group {
			u.part = last
		}
	}
	said := map[*part]map[string]bool{}
	for _, u := range p.units {
		if said[u.part] == nil {
			said[u.part] = map[string]bool{}
		}
		for _, word := range u.words {
			said[u.part][word] = true
		}
	}
	for _, c := range p.parts {
		c.context = index.reach(said[c])
		for _, u := range p.units {
			if c.holds(u) {
				c.objects += u.uses
			}
		}
	}
}

// index finds units by any name they ever have, and the witnesses of a namespace.
type index struct {
	named     map[string][]*unit
	witnesses map[string][]*unit
}

func (p *plan) index() index {
	index := index{named: map[string][]*unit{}, witnesses: map[string][]*unit{}}
	for sort, u := range p.witnesses {
		index.witnesses[sort.original] = append(index.witnesses[sort.original], u)
	}
	for _, u := range p.units {
		for name := range u.names {
			index.named[name] = append(index.named[name], u)
		}
	}
	// A generated name ends in a hash, which is not known yet: whatever could
	// be called like that counts as named.
	for _, u := range p.units {
		if u.file != "" {
			continue
		}
		for name := range u.names {
			for other := range index.named {
				if len(other) == len(name)+len("-0123456789") && strings.HasPrefix(other, name+"-") {
					p.words[other] = true
				}
			}
		}
	}
	return index
}

// reach is every unit that one of the words names, with the witnesses of the
// namespaces that they name, and what the names and namespaces of those units
// name in turn: a reference may be followed once more after it was changed.
func (i index) reach(words map[string]bool) map[*unit]bool {
	found, followed := map[*unit]bool{}, map[*unit]bool{}
	var open []*unit
	add := func(word string) {
		for _, u := range i.witnesses[word] {
			found[u] = true
		}
		for _, u := range i.named[word] {
			if !followed[u] {
				found[u], followed[u] = true, true
				open = append(open, u)
			}
		}
	}
	for word := range words {
		add(word)
	}
	for len(open) > 0 {
		u := open[len(open)-1]
		open = open[:len(open)-1]
		for name := range u.names {
			add(name)
		}
		add(u.original())
	}
	return found
}

// groups puts units together that could come to have one identity, sorted by
// name: what belongs together is often called alike, and then needs little
// context.
func (p *plan) groups() [][]*unit {
	type identity struct{ kind, name string }
	group := map[identity]int{}
	var groups [][]*unit
	for _, u := range p.units {
		at := len(groups)
		groups = append(groups, []*unit{u})
		for name := range u.names {
			id := identity{u.kind, name}
			before, known := group[id]
			if known && before != at {
				// Merge the smaller number into the larger: the order of first
				// appearance stays.
				first, second := min(before, at), max(before, at)
				for _, moved := range groups[second] {
					for name := range moved.names {
						group[identity{moved.kind, name}] = first
					}
				}
				groups[first] = append(groups[first], groups[second]...)
				groups[second] = nil
				at = first
			}
			group[id] = at
		}
	}
	groups = slices.DeleteFunc(groups, func(units []*unit) bool { return len(units) == 0 })
	slices.SortStableFunc(groups, func(a, b []*unit) int { return strings.Compare(a[0].name, b[0].name) })
	return groups
}
