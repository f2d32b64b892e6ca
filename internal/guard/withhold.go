package guard

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// Withholding is what the guards say about all apps of a run.
type Withholding struct {
	Apps map[string][]drift.Withheld
	// Unused are hashes of guards.accept that match no set of this run, sorted.
	Unused []string
}

// Against are the reasons why one object is not deleted, none when it may go.
func (w Withholding) Against(app string, id drift.ID) []drift.Withheld {
	var against []drift.Withheld
	for _, set := range w.Apps[app] {
		concerned := slices.ContainsFunc(set.Objects, func(c drift.Candidate) bool { return c.ID == id })
		if concerned && !set.Accepted && !set.Later {
			against = append(against, set)
		}
	}
	return against
}

// Withhold asks the guards that a person can lift about the deletions of all apps.
//
// Each guard names a set, and the set one hash. A set that guards.accept does not hold
// stays; the guards after it look at what is left, and once more at everything, so that
// a person sees at once every hash that is needed:
//
//	source             web-config             → hash 1
//	emptied-namespace  web-config, web (later) → hash 2, once hash 1 is accepted
func Withhold(guards drift.Guards, cluster string, apps []drift.Candidates) Withholding {
	w := withholding{guards: guards, cluster: cluster, used: map[string]bool{}, sets: map[string][]drift.Withheld{}, before: map[string][]drift.AcceptedSet{}}
	for _, app := range apps {
		w.before[app.App] = app.Accepted
	}
	left := slices.Clone(apps)
	for i, app := range apps {
		left[i].Delete = w.single(app)
	}
	w.together(left, false)
	w.together(apps, true)
	out := Withholding{Apps: w.sets}
	for _, hash := range guards.Accept {
		if !w.used[hash] && !slices.Contains(out.Unused, hash) {
			out.Unused = append(out.Unused, hash)
		}
	}
	slices.Sort(out.Unused)
	return out
}

// withholding collects the sets of one run.
type withholding struct {
	guards  drift.Guards
	cluster string
	used    map[string]bool
	sets    map[string][]drift.Withheld
	before  map[string][]drift.AcceptedSet
}

// single asks the guards that look at one app alone; it returns what they leave.
func (w withholding) single(app drift.Candidates) []drift.Candidate {
	left := app.Delete
	for _, guard := range []struct {
		name drift.Guard
		says map[drift.ID]string
	}{{drift.GuardSource, app.Source}, {drift.GuardCluster, app.Cluster}} {
		var set []drift.Candidate
		for _, candidate := range app.Delete {
			if guard.says[candidate.ID] != "" && !candidate.Replace {
				set = append(set, candidate)
			}
		}
		if len(set) > 0 && !w.add(app.App, guard.name, guard.says[set[0].ID], set, false) {
			left = excluding(left, set)
		}
	}
	if app.Empty && !w.add(app.App, drift.GuardEmpty, "P3: the render is empty", app.Delete, false) {
		left = nil
	}
	return left
}

// together asks the guards that count: the budgets, and what a namespace would be left
// with.
func (w withholding) together(apps []drift.Candidates, later bool) {
	total, open := 0, 0 // open: what nobody has accepted above the run's ceiling
	for _, app := range apps {
		total += len(app.Delete)
		if !w.accepted(app.App, drift.GuardRunBudget, app.Delete) {
			open += len(app.Delete)
		}
	}
	emptied := emptied(apps)
	for _, app := range apps {
		if len(app.Delete) == 0 {
			continue
		}
		if namespaces := emptied[app.App]; len(namespaces) > 0 {
			w.add(app.App, drift.GuardNamespace, fmt.Sprintf("P3: namespace %q would be emptied", namespaces[0]), app.Delete, later)
		}
		if limit := allowance(w.guards.Prune, len(app.Inventory.Entries)); len(app.Delete)+app.Deleted > limit {
			w.add(app.App, drift.GuardBudget, overBudget(len(app.Delete), app.Deleted, limit, len(app.Inventory.Entries)), app.Delete, later)
		}
		ceiling := w.guards.Prune.RunCeiling
		if open > ceiling || total > ceiling && w.accepted(app.App, drift.GuardRunBudget, app.Delete) {
			w.add(app.App, drift.GuardRunBudget, fmt.Sprintf("budget: %s in this run, and %d are allowed", deletions(total), ceiling), app.Delete, later)
		}
	}
}

func overBudget(wanted, before, limit, inventory int) string {
	already := ""
	if before > 0 {
		already = fmt.Sprintf(" after %d in the last 24 hours", before)
	}
	return fmt.Sprintf("budget: %s%s, and %d of %d objects are allowed", deletions(wanted), already, limit, inventory)
}

func deletions(n int) string {
	if n == 1 {
		return "1 deletion"
	}
	return fmt.Sprintf("%d deletions", n)
}

// add puts a set down, once; it says whether it is accepted.
func (w withholding) add(app string, guard drift.Guard, reason string, objects []drift.Candidate, later bool) bool {
	set := drift.Withheld{Guard: guard, Reason: reason, Objects: sortedCandidates(objects), Later: later}
	set.Hash = acceptHash(w.cluster, app, guard, set.Objects)
	if by := w.accepting(app, guard, set.Objects); by != "" {
		set.Accepted, w.used[by] = true, true
	}
	if !slices.ContainsFunc(w.sets[app], func(other drift.Withheld) bool { return other.Hash == set.Hash }) {
		w.sets[app] = append(w.sets[app], set)
	}
	return set.Accepted
}

func (w withholding) accepted(app string, guard drift.Guard, objects []drift.Candidate) bool {
	return w.accepting(app, guard, sortedCandidates(objects)) != ""
}

// accepting is the hash in guards.accept that lifts a guard for a set: its own, or that of
// a set that was accepted before and of which it is what is left. "" when there is none.
func (w withholding) accepting(app string, guard drift.Guard, objects []drift.Candidate) string {
	if hash := acceptHash(w.cluster, app, guard, objects); slices.Contains(w.guards.Accept, hash) {
		return hash
	}
	for _, set := range w.before[app] {
		if slices.Contains(w.guards.Accept, set.Hash) && set.Covers(guard, objects) {
			return set.Hash
		}
	}
	return ""
}

func sortedCandidates(objects []drift.Candidate) []drift.Candidate {
	return slices.SortedFunc(slices.Values(objects), func(a, b drift.Candidate) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.UID, b.UID))
	})
}

func excluding(all, some []drift.Candidate) []drift.Candidate {
	return slices.DeleteFunc(slices.Clone(all), func(c drift.Candidate) bool { return slices.Contains(some, c) })
}

// acceptHash is 32 hex digits over everything that a person accepts: the cluster, the
// app, the guard, and each object with its UID and with what becomes of it. No other
// object, and not the same one made anew, has that hash.
func acceptHash(cluster, app string, guard drift.Guard, objects []drift.Candidate) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "killick accept %q %q %q\n", cluster, app, guard)
	for _, object := range objects {
		id := object.ID
		fmt.Fprintf(sum, "%q %q %q %q %q %t\n", id.Group, id.Kind, id.Namespace, id.Name, object.UID, object.Replace)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// allowance is clamp(percent of the inventory, floor, ceiling).
func allowance(budget drift.PruneBudget, inventory int) int {
	return min(max(inventory*budget.Percent/100, budget.Floor), budget.Ceiling)
}

// emptied lists, per app, the namespaces that it takes part in emptying: every
// inventoried or wanted object of every app there would go. What is replaced comes back.
func emptied(apps []drift.Candidates) map[string][]string {
	going := map[drift.ID]bool{}
	by := map[string]map[string]bool{} // namespace → apps
	for _, app := range apps {
		for _, candidate := range app.Delete {
			if candidate.Replace {
				continue
			}
			going[candidate.ID] = true
			if namespace := candidate.ID.Namespace; namespace != "" {
				if by[namespace] == nil {
					by[namespace] = map[string]bool{}
				}
				by[namespace][app.App] = true
			}
		}
	}
	for _, app := range apps {
		for _, entry := range app.Inventory.Entries {
			if !going[entry.ID] {
				delete(by, entry.ID.Namespace)
			}
		}
		for _, id := range app.Keeps {
			delete(by, id.Namespace)
		}
	}
	names := map[string][]string{}
	for _, namespace := range slices.Sorted(maps.Keys(by)) {
		for app := range by[namespace] {
			names[app] = append(names[app], namespace)
		}
	}
	return names
}
