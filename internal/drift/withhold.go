package drift

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Guard names a rule that withholds deletions until a person accepts the very set.
type Guard string

// The guards of SAFETY, Pruning, that a person can lift.
const (
	// GuardSource withholds what another source applied, or an unknown one, and
	// everything when the commit is not proved to descend from the last applied one (P5).
	GuardSource Guard = "source"
	// GuardCluster withholds what left the render because the cluster serves other APIs
	// than when it was applied (P2).
	GuardCluster Guard = "cluster"
	// GuardEmpty withholds everything when the render is empty (P3).
	GuardEmpty Guard = "empty-render"
	// GuardNamespace withholds an app's deletions when they would empty a namespace (P3).
	GuardNamespace Guard = "emptied-namespace"
	// GuardBudget and GuardRunBudget withhold an app's deletions when they are more than
	// the app may lose in 24 hours, or all apps in one run.
	GuardBudget    Guard = "budget"
	GuardRunBudget Guard = "run-budget"
)

// Stops says that what the guard withholds is a guard's stop (exit code 5), and not one
// of the reasons for which a single object is left alone.
func (g Guard) Stops() bool { return g != GuardSource && g != GuardCluster }

// Candidate is one deletion that policy granted and that no other rule refuses.
type Candidate struct {
	ID  ID
	UID string
	// Replace says that the object is created again.
	Replace bool
}

// Candidates are one app's deletions, with what the guards need to know of the app.
type Candidates struct {
	App       string
	Inventory Inventory
	Delete    []Candidate
	// Keeps are the objects that the app wants: they exist, or are applied before
	// anything is pruned, so that their namespaces are not emptied.
	Keeps []ID
	// Deleted counts the app's deletions of the last 24 hours.
	Deleted int
	// Empty says that the render is empty although the app is not known to have nothing.
	Empty bool
	// Accepted are sets that were accepted before and may not have gone whole.
	Accepted []AcceptedSet
	// Source and Cluster say of single objects why their guard withholds them.
	Source  map[ID]string
	Cluster map[ID]string
}

// Withheld is a set of deletions that one guard keeps back until a person accepts it.
type Withheld struct {
	Guard   Guard
	Reason  string
	Objects []Candidate // sorted by ID
	// Hash is what guards.accept must hold to lift this guard for these very objects.
	Hash string
	// Accepted says that it does.
	Accepted bool
	// Later says that this guard speaks once the sets before it are accepted.
	Later bool
}

// Withholding is what the guards say about all apps of a run.
type Withholding struct {
	Apps map[string][]Withheld
	// Unused are hashes of guards.accept that match no set of this run, sorted.
	Unused []string
}

// Against are the reasons why one object is not deleted, none when it may go.
func (w Withholding) Against(app string, id ID) []Withheld {
	var against []Withheld
	for _, set := range w.Apps[app] {
		concerned := slices.ContainsFunc(set.Objects, func(c Candidate) bool { return c.ID == id })
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
func Withhold(guards Guards, cluster string, apps []Candidates) Withholding {
	w := withholding{guards: guards, cluster: cluster, used: map[string]bool{}, sets: map[string][]Withheld{}, before: map[string][]AcceptedSet{}}
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
	guards  Guards
	cluster string
	used    map[string]bool
	sets    map[string][]Withheld
	before  map[string][]AcceptedSet
}

// single asks the guards that look at one app alone; it returns what they leave.
func (w withholding) single(app Candidates) []Candidate {
	left := app.Delete
	for _, guard := range []struct {
		name Guard
		says map[ID]string
	}{{GuardSource, app.Source}, {GuardCluster, app.Cluster}} {
		var set []Candidate
		for _, candidate := range app.Delete {
			if guard.says[candidate.ID] != "" && !candidate.Replace {
				set = append(set, candidate)
			}
		}
		if len(set) > 0 && !w.add(app.App, guard.name, guard.says[set[0].ID], set, false) {
			left = excluding(left, set)
		}
	}
	if app.Empty && !w.add(app.App, GuardEmpty, "P3: the render is empty", app.Delete, false) {
		left = nil
	}
	return left
}

// together asks the guards that count: the budgets, and what a namespace would be left
// with.
func (w withholding) together(apps []Candidates, later bool) {
	total, open := 0, 0 // open: what nobody has accepted above the run's ceiling
	for _, app := range apps {
		total += len(app.Delete)
		if !w.accepted(app.App, GuardRunBudget, app.Delete) {
			open += len(app.Delete)
		}
	}
	emptied := emptied(apps)
	for _, app := range apps {
		if len(app.Delete) == 0 {
			continue
		}
		if namespaces := emptied[app.App]; len(namespaces) > 0 {
			w.add(app.App, GuardNamespace, fmt.Sprintf("P3: namespace %q would be emptied", namespaces[0]), app.Delete, later)
		}
		if limit := allowance(w.guards.Prune, len(app.Inventory.Entries)); len(app.Delete)+app.Deleted > limit {
			w.add(app.App, GuardBudget, overBudget(len(app.Delete), app.Deleted, limit, len(app.Inventory.Entries)), app.Delete, later)
		}
		ceiling := w.guards.Prune.RunCeiling
		if open > ceiling || total > ceiling && w.accepted(app.App, GuardRunBudget, app.Delete) {
			w.add(app.App, GuardRunBudget, fmt.Sprintf("budget: %s in this run, and %d are allowed", deletions(total), ceiling), app.Delete, later)
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
func (w withholding) add(app string, guard Guard, reason string, objects []Candidate, later bool) bool {
	set := Withheld{Guard: guard, Reason: reason, Objects: sortedCandidates(objects), Later: later}
	set.Hash = acceptHash(w.cluster, app, guard, set.Objects)
	if by := w.accepting(app, guard, set.Objects); by != "" {
		set.Accepted, w.used[by] = true, true
	}
	if !slices.ContainsFunc(w.sets[app], func(other Withheld) bool { return other.Hash == set.Hash }) {
		w.sets[app] = append(w.sets[app], set)
	}
	return set.Accepted
}

func (w withholding) accepted(app string, guard Guard, objects []Candidate) bool {
	return w.accepting(app, guard, sortedCandidates(objects)) != ""
}

// accepting is the hash in guards.accept that lifts a guard for a set: its own, or that of
// a set that was accepted before and of which it is what is left. "" when there is none.
func (w withholding) accepting(app string, guard Guard, objects []Candidate) string {
	if hash := acceptHash(w.cluster, app, guard, objects); slices.Contains(w.guards.Accept, hash) {
		return hash
	}
	for _, set := range w.before[app] {
		if slices.Contains(w.guards.Accept, set.Hash) && set.covers(guard, objects) {
			return set.Hash
		}
	}
	return ""
}

func sortedCandidates(objects []Candidate) []Candidate {
	return slices.SortedFunc(slices.Values(objects), func(a, b Candidate) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.UID, b.UID))
	})
}

func excluding(all, some []Candidate) []Candidate {
	return slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return slices.Contains(some, c) })
}

// acceptHash is 32 hex digits over everything that a person accepts: the cluster, the
// app, the guard, and each object with its UID and with what becomes of it. No other
// object, and not the same one made anew, has that hash.
func acceptHash(cluster, app string, guard Guard, objects []Candidate) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "killick accept %q %q %q\n", cluster, app, guard)
	for _, object := range objects {
		id := object.ID
		fmt.Fprintf(sum, "%q %q %q %q %q %t\n", id.Group, id.Kind, id.Namespace, id.Name, object.UID, object.Replace)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// allowance is clamp(percent of the inventory, floor, ceiling).
func allowance(budget PruneBudget, inventory int) int {
	return min(max(inventory*budget.Percent/100, budget.Floor), budget.Ceiling)
}

// emptied lists, per app, the namespaces that it takes part in emptying: every
// inventoried or wanted object of every app there would go. What is replaced comes back.
func emptied(apps []Candidates) map[string][]string {
	going := map[ID]bool{}
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
