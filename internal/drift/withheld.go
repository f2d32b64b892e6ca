package drift

// Guard names a rule that withholds deletions until a person accepts the very set.
type Guard string

// The guards of docs/guards.md, that a person can lift.
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
