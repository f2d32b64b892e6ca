package notify

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// ledger is what one route has been told about one app: the value behind a
// [drift.Told] fingerprint. Open findings wait for somebody; done ones were
// settled by the run that told them. Missed counts what was done in runs whose
// message could not be delivered, since the next report will not repeat it.
type ledger struct {
	open   []string
	done   []string
	missed map[string]int // verdict → number
	since  string         // when the first missed message was due

	// Names are those of the first open findings, by fingerprint; cleared are those that
	// went away since the last message, and clearedMore how many more there are.
	names       map[string]string
	cleared     []string
	clearedMore int
}

const ledgerVersion = "v1"

// String is "v1 open=AAA,BBB done=CCC missed=healed:2 since=…"; parts that are
// empty are left out. Values never contain spaces.
func (l ledger) String() string {
	parts := []string{ledgerVersion}
	if len(l.open) > 0 {
		parts = append(parts, "open="+strings.Join(l.open, ","))
	}
	if len(l.done) > 0 {
		parts = append(parts, "done="+strings.Join(l.done, ","))
	}
	if len(l.missed) > 0 {
		var counts []string
		for _, verdict := range slices.Sorted(maps.Keys(l.missed)) {
			counts = append(counts, fmt.Sprintf("%s:%d", joinWords(verdict), l.missed[verdict]))
		}
		parts = append(parts, "missed="+strings.Join(counts, ","), "since="+joinWords(l.since))
	}
	if len(l.names) > 0 {
		var names []string
		for _, fingerprint := range slices.Sorted(maps.Keys(l.names)) {
			names = append(names, fingerprint+":"+url.QueryEscape(l.names[fingerprint]))
		}
		parts = append(parts, "names="+strings.Join(names, ","))
	}
	if len(l.cleared) > 0 {
		cleared := make([]string, len(l.cleared))
		for i, name := range l.cleared {
			cleared[i] = url.QueryEscape(name)
		}
		parts = append(parts, "cleared="+strings.Join(cleared, ","))
	}
	if l.clearedMore > 0 {
		parts = append(parts, "more="+strconv.Itoa(l.clearedMore))
	}
	return strings.Join(parts, " ")
}

// parseLedger reads what String wrote. Anything else, such as an entry of
// another version, is an empty ledger: at worst a finding is told twice.
func parseLedger(s string) ledger {
	var l ledger
	version, rest, _ := strings.Cut(s, " ")
	if version != ledgerVersion {
		return l
	}
	for part := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "open":
			l.open = strings.Split(value, ",")
		case "done":
			l.done = strings.Split(value, ",")
		case "since":
			l.since = splitWords(value)
		case "names":
			l.names = map[string]string{}
			for entry := range strings.SplitSeq(value, ",") {
				fingerprint, escaped, _ := strings.Cut(entry, ":")
				if name, err := url.QueryUnescape(escaped); err == nil && name != "" {
					l.names[fingerprint] = name
				}
			}
		case "cleared":
			for escaped := range strings.SplitSeq(value, ",") {
				if name, err := url.QueryUnescape(escaped); err == nil && name != "" {
					l.cleared = append(l.cleared, name)
				}
			}
		case "more":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				l.clearedMore = n
			}
		case "missed":
			l.missed = map[string]int{}
			for entry := range strings.SplitSeq(value, ",") {
				verdict, number, _ := strings.Cut(entry, ":")
				if n, err := strconv.Atoi(number); err == nil && n > 0 {
					l.missed[splitWords(verdict)] = n
				}
			}
		}
	}
	return l
}

// joinWords and splitWords keep spaces, which separate parts, out of values.
func joinWords(s string) string  { return strings.ReplaceAll(s, " ", "_") }
func splitWords(s string) string { return strings.ReplaceAll(s, "_", " ") }

// empty says that there is nothing to remember.
func (l ledger) empty() bool {
	return len(l.open)+len(l.done)+len(l.missed)+len(l.cleared)+l.clearedMore == 0
}

// knows says whether the finding was told.
func (l ledger) knows(fingerprint string) bool {
	return slices.Contains(l.open, fingerprint) || slices.Contains(l.done, fingerprint)
}

// withOpen adds open findings that this run could not look at.
func (l ledger) withOpen(fingerprints []string) ledger {
	l.open = sortedUnique(slices.Concat(l.open, fingerprints))
	return l
}

// withMissed adds what an undelivered message would have said was done.
func (l ledger) withMissed(counts map[string]int, since string) ledger {
	if len(counts) == 0 {
		return l
	}
	missed := map[string]int{}
	maps.Copy(missed, l.missed)
	for verdict, n := range counts {
		missed[verdict] += n
	}
	l.missed = missed
	if l.since == "" {
		l.since = since
	}
	return l
}

func sortedUnique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// entry addresses one value of a [drift.Told].
type entry struct{ app, route string }

func read(told drift.Told, e entry) ledger { return parseLedger(told[e.app][e.route]) }

// write sets one entry in place, and removes it when value is "".
func write(told drift.Told, e entry, value string) {
	if value == "" {
		delete(told[e.app], e.route)
		if len(told[e.app]) == 0 {
			delete(told, e.app)
		}
		return
	}
	if told[e.app] == nil {
		told[e.app] = map[string]string{}
	}
	told[e.app][e.route] = value
}

// clone copies both levels, so that a Told is never changed under its owner.
func clone(told drift.Told) drift.Told {
	copied := make(drift.Told, len(told))
	for app, routes := range told {
		copied[app] = maps.Clone(routes)
	}
	return copied
}
