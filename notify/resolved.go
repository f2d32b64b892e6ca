package notify

import (
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// nameLimitPerApp bounds the names that a ledger keeps of open findings, and of those that
// went away; more are counted.
const nameLimitPerApp = 10

// resolved moves what was open and is no longer into what has to be called resolved. An
// object that is still told about, as another finding, is not.
func (l ledger) resolved(was ledger, list []finding) ledger {
	told := map[string]bool{}
	for _, f := range list {
		told[nameOf(f)] = true
	}
	l.cleared, l.clearedMore = nil, was.clearedMore
	for _, name := range was.cleared {
		if !told[strings.TrimSuffix(name, unhealthyMark)] {
			l.cleared = append(l.cleared, name)
		}
	}
	for _, fingerprint := range was.open {
		name, named := was.names[fingerprint]
		switch {
		case slices.Contains(l.open, fingerprint), named && told[name]:
		case !named, len(l.cleared) == nameLimitPerApp && !slices.Contains(l.cleared, name):
			l.clearedMore++
		case strings.HasSuffix(fingerprint, unhealthyMark):
			l.cleared = append(l.cleared, name+unhealthyMark)
		default:
			l.cleared = append(l.cleared, name)
		}
	}
	l.cleared = slices.DeleteFunc(sortedUnique(l.cleared), func(name string) bool {
		bare, unhealthy := strings.CutSuffix(name, unhealthyMark)
		return unhealthy && slices.Contains(l.cleared, bare) // one object is one line
	})
	return l
}

// named keeps the names of the first open findings, and of those that were kept open.
func (l ledger) named(was ledger, list []finding) ledger {
	l.names = map[string]string{}
	keep := func(fingerprint, name string) {
		if slices.Contains(l.open, fingerprint) && len(l.names) < nameLimitPerApp {
			l.names[fingerprint] = name
		}
	}
	for _, f := range list {
		keep(f.fingerprint, nameOf(f))
		if f.health != nil {
			keep(healthFingerprint(f.resource.ID()), nameOf(f))
		}
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(was.names)) {
		keep(fingerprint, was.names[fingerprint])
	}
	return l
}

func nameOf(f finding) string { return cut(clean(f.resource.ID().Short()), 2*nameLimit) }

// withoutCleared is the ledger once people know what is resolved.
func (l ledger) withoutCleared() ledger {
	l.cleared, l.clearedMore = nil, 0
	return l
}

// fates are the objects that are no longer open, each with what became of it where that is
// not that it is in sync.
func (n news) fates() []item {
	ignored := map[string]bool{}
	for _, resource := range n.app.Resources {
		if resource.Action == drift.Ignore.String() {
			ignored[nameOf(finding{resource: resource})] = true
		}
	}
	var items []item
	for _, name := range n.cleared {
		bare, unhealthy := strings.CutSuffix(name, unhealthyMark)
		fate := item{mark: markResolved, head: bare, group: "resolved"}
		switch {
		case ignored[bare]:
			fate.verdict = ignoredNow
		case unhealthy:
			fate.verdict = healthyNow
		}
		items = append(items, fate)
	}
	return items
}

// What became of an object that is not simply in sync.
const (
	ignoredNow = "ignored by policy now"
	healthyNow = "healthy again"
)

// resolvedText says in few words what is resolved: "back in sync: ConfigMap shop/app".
func resolvedText(n news) string {
	fates, what := n.fates(), "back in sync"
	kept, healthy := 0, 0
	for _, fate := range fates {
		switch fate.verdict {
		case ignoredNow:
			kept++
		case healthyNow:
			healthy++
		}
	}
	total := len(fates) + n.clearedMore
	switch {
	case kept > 0 && kept == total:
		what = ignoredNow
	case healthy > 0 && healthy == total:
		what = healthyNow
	case kept > 0:
		what = "nothing is open any more"
	}
	switch {
	case total == 0:
		return what
	case total == 1 && len(fates) == 1:
		return what + ": " + fates[0].head
	}
	return what + ": " + count(total, "object")
}

// clearedFact names what is resolved beside what is new.
func clearedFact(n news) []string {
	fates, names := n.fates(), []string{}
	for _, fate := range fates[:min(3, len(fates))] {
		names = append(names, cut(fate.head, nameLimit))
	}
	total := len(fates) + n.clearedMore
	if total == 0 {
		return nil
	}
	text := "no longer open: " + strings.Join(names, ", ")
	if more := total - len(names); more > 0 && len(names) > 0 {
		text += " …and " + count(more, "more object")
	} else if more > 0 {
		text += count(more, "object")
	}
	return []string{text}
}
