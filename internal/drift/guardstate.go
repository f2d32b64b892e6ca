package drift

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// GuardState is what the guards of deletion must know of earlier runs of an app. The
// same value stands in two places, beside the inventory and in the cache, each sealed
// with the installation's key; Recall puts the two together. What only one of them says
// is not known.
type GuardState struct {
	// Sources are the inventory's entries by the source that last applied them
	// (Provenance.String): the marks of their IDs, sorted.
	Sources map[string][]string `json:"sources,omitempty"`
	// Commits are those last applied, normally one; two when a run died between its
	// two copies.
	Commits []AppliedCommit `json:"commits,omitempty"`
	// Deletions are those of the last 24 hours, replacements included.
	Deletions []Deletions `json:"deletions,omitempty"`
	// Saw is what the cluster served when the chart that asks for it was last applied,
	// normally one value; none for an app that does not ask.
	Saw []Served `json:"saw,omitempty"`
	// Accepted are sets that a person accepted and that may not have gone whole yet: while
	// the hash stands in the config, a part of such a set needs no other one.
	Accepted []AcceptedSet `json:"accepted,omitempty"`
	// Seal is of all the others: AppState and inventory lie in ConfigMaps, which more
	// accounts may write than read the key.
	Seal string `json:"seal,omitempty"`
}

// AppliedCommit is a commit of the config, and of the app's own repository where that
// is another one.
type AppliedCommit struct {
	Config string          `json:"config"`
	App    AppliedRevision `json:"app,omitzero"`
}

// Deletions are what one run deleted of an app.
type Deletions struct {
	At    time.Time `json:"at"`
	Count int       `json:"count"`
}

// AcceptedSet is a set of deletions by its hash and its objects' marks, sorted.
type AcceptedSet struct {
	Hash    string   `json:"hash"`
	Guard   Guard    `json:"guard"`
	Objects []string `json:"objects"`
}

// Covers says that a set is a part of the accepted one.
func (a AcceptedSet) Covers(guard Guard, objects []Candidate) bool {
	return a.Guard == guard && len(objects) > 0 && !slices.ContainsFunc(objects, func(c Candidate) bool {
		_, found := slices.BinarySearch(a.Objects, c.mark())
		return !found
	})
}

// Accepting is the state that also remembers accepted sets.
func (s GuardState) Accepting(sets []Withheld) GuardState {
	s.Accepted = slices.Clone(s.Accepted)
	for _, set := range sets {
		known := slices.ContainsFunc(s.Accepted, func(a AcceptedSet) bool { return a.Hash == set.Hash || a.Covers(set.Guard, set.Objects) })
		if !set.Accepted || known || len(set.Objects) == 0 {
			continue
		}
		accepted := AcceptedSet{Hash: set.Hash, Guard: set.Guard}
		for _, object := range set.Objects {
			accepted.Objects = append(accepted.Objects, object.mark())
		}
		slices.Sort(accepted.Objects)
		s.Accepted = append(s.Accepted, accepted)
	}
	return s
}

// Standing is the state without accepted sets that have gone whole, or whose hash left
// the config.
func (s GuardState) Standing(hashes []string, entries []Entry) GuardState {
	left := map[string]bool{}
	if len(s.Accepted) > 0 {
		for _, entry := range entries {
			left[Candidate{ID: entry.ID, UID: entry.UID}.mark()] = true
			left[Candidate{ID: entry.ID, UID: entry.UID, Replace: true}.mark()] = true
		}
	}
	var standing []AcceptedSet
	for _, set := range s.Accepted {
		if slices.Contains(hashes, set.Hash) && slices.ContainsFunc(set.Objects, func(mark string) bool { return left[mark] }) {
			standing = append(standing, set)
		}
	}
	s.Accepted = standing
	return s
}

// Served is what a template can ask about the cluster.
type Served struct {
	KubeVersion string   `json:"kubeVersion"`
	APIVersions []string `json:"apiVersions,omitempty"`
}

// Equal says that no template can tell the two apart.
func (s Served) Equal(other Served) bool {
	return s.KubeVersion == other.KubeVersion && slices.Equal(s.APIVersions, other.APIVersions)
}

// Served is the part of the capabilities that a template can ask about, sorted.
func (c Capabilities) Served() Served {
	return Served{KubeVersion: c.KubeVersion, APIVersions: slices.Sorted(slices.Values(c.APIVersions))}
}

// budgetWindow is the time over which deletions count (docs/guards.md).
const budgetWindow = 24 * time.Hour

// Sealed is the state with its seal.
func (s GuardState) Sealed(key []byte, app string) GuardState {
	s.Seal = s.seal(key, app)
	return s
}

// Trusted says that a run of this installation wrote the state about this app.
func (s GuardState) Trusted(key []byte, app string) bool {
	return s.Seal != "" && s.Seal == s.seal(key, app)
}

func (s GuardState) seal(key []byte, app string) string {
	s.Seal = ""
	seal, err := Seal(key, "guards of "+app, s)
	if err != nil {
		return "" // stands for nothing
	}
	return seal
}

// RecallGuards is what the two copies of an app's state say together: sources that both
// name, and all commits, deletions and capabilities that either does, since each of
// those can only withhold more. A copy without its seal says nothing; trusting skips the
// seals, for a plan by a person who may not read the key.
func RecallGuards(key []byte, app string, trusting bool, inventory, cache GuardState) GuardState {
	var copies []GuardState
	for _, one := range []GuardState{inventory, cache} {
		if trusting || one.Trusted(key, app) {
			copies = append(copies, one)
		}
	}
	var known GuardState
	for _, one := range copies {
		for _, commit := range one.Commits {
			if !slices.Contains(known.Commits, commit) {
				known.Commits = append(known.Commits, commit)
			}
		}
		for _, saw := range one.Saw {
			if !slices.ContainsFunc(known.Saw, saw.Equal) {
				known.Saw = append(known.Saw, saw)
			}
		}
		known.Deletions = joinDeletions(known.Deletions, one.Deletions)
	}
	if len(copies) == 2 {
		for _, set := range copies[0].Accepted {
			if slices.ContainsFunc(copies[1].Accepted, func(other AcceptedSet) bool { return other.Hash == set.Hash }) {
				known.Accepted = append(known.Accepted, set)
			}
		}
		known.Sources = map[string][]string{}
		for source, marks := range copies[0].Sources {
			other := setOf(copies[1].Sources[source])
			both := slices.DeleteFunc(slices.Clone(marks), func(mark string) bool { return !other[mark] })
			if len(both) > 0 {
				known.Sources[source] = both
			}
		}
	}
	return known
}

// joinDeletions counts each run once, by the greater of its two numbers: before a run
// deletes, it writes down how many it may.
func joinDeletions(a, b []Deletions) []Deletions {
	runs := map[time.Time]int{}
	for _, one := range append(slices.Clone(a), b...) {
		at := one.At.UTC()
		runs[at] = max(runs[at], one.Count)
	}
	return deletionsOf(runs)
}

func deletionsOf(runs map[time.Time]int) []Deletions {
	var joined []Deletions
	for _, at := range slices.SortedFunc(maps.Keys(runs), time.Time.Compare) {
		if runs[at] > 0 {
			joined = append(joined, Deletions{At: at, Count: runs[at]})
		}
	}
	return joined
}

// Deleting is the state with the number of deletions of a run, in place of what it said
// of that run before; what is too old to count goes.
func (s GuardState) Deleting(at time.Time, count int) GuardState {
	at = at.UTC().Truncate(time.Second)
	runs := map[time.Time]int{}
	for _, one := range s.Deletions {
		when := one.At.UTC()
		if when.After(at) {
			when = at.Add(-time.Second) // by a clock that was wrong: for 24 hours from now, and not for longer
		}
		if when != at && at.Sub(when) < budgetWindow {
			runs[when] += one.Count
		}
	}
	runs[at] = count
	s.Deletions = deletionsOf(runs)
	return s
}

// Deleted is how many objects of the app were deleted within the 24 hours before a
// moment. Deletions of the future count too: a clock that was wrong lifts no guard.
func (s GuardState) Deleted(now time.Time) int {
	count := 0
	for _, one := range s.Deletions {
		if now.Sub(one.At) < budgetWindow {
			count += one.Count
		}
	}
	return count
}

// mostServed bounds Saw.
const mostServed = 8

// Seeing is the state that also remembers what the cluster serves now. Above a bound the
// two newest become one that serves what either did.
func (s GuardState) Seeing(served Served) GuardState {
	if slices.ContainsFunc(s.Saw, served.Equal) {
		return s
	}
	s.Saw = append(slices.Clone(s.Saw), served)
	if n := len(s.Saw); n > mostServed {
		versions := append(slices.Clone(s.Saw[n-2].APIVersions), served.APIVersions...)
		slices.Sort(versions)
		s.Saw = append(s.Saw[:n-2], Served{KubeVersion: served.KubeVersion, APIVersions: slices.Compact(versions)})
	}
	return s
}

// SourceOf is the source that last applied an object, "" when that is not known.
func (s GuardState) SourceOf(id ID) string {
	mark := markOf(id)
	for source, marks := range s.Sources {
		if _, found := slices.BinarySearch(marks, mark); found {
			return source
		}
	}
	return ""
}

// Applied is the state after a source applied objects, or found them as it wants them.
// What is not in the inventory any more is forgotten.
func (s GuardState) Applied(source string, applied []ID, inventory []Entry) GuardState {
	by := map[string]string{} // mark → source
	for known, marks := range s.Sources {
		for _, mark := range marks {
			by[mark] = known
		}
	}
	for _, id := range applied {
		by[markOf(id)] = source
	}
	sources := map[string][]string{}
	for _, entry := range inventory {
		mark := markOf(entry.ID)
		if known, ok := by[mark]; ok {
			sources[known] = append(sources[known], mark)
		}
	}
	for known := range sources {
		slices.Sort(sources[known])
	}
	s.Sources = sources
	if len(sources) == 0 {
		s.Sources = nil
	}
	return s
}

// mark stands for a candidate likewise.
func (c Candidate) mark() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %t", c.ID.String(), c.UID, c.Replace))
	return base64.RawStdEncoding.EncodeToString(sum[:9])
}

// markOf stands for an ID where thousands are listed: 72 bits of its hash. Marks are
// compared within one app's inventory alone, and the seal says who wrote them.
func markOf(id ID) string {
	sum := sha256.Sum256([]byte(id.String()))
	return base64.RawStdEncoding.EncodeToString(sum[:9])
}

// Same says that two states are equal without their seals.
func (s GuardState) Same(other GuardState) bool {
	s.Seal, other.Seal = "", ""
	mine, err := json.Marshal(s)
	if err != nil {
		return false
	}
	theirs, err := json.Marshal(other)
	return err == nil && string(mine) == string(theirs)
}

func setOf(texts []string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return set
}
