package drift

import (
	"fmt"
	"slices"
	"strings"
)

// PruneFacts are what the guards of SAFETY.md look at for one app.
type PruneFacts struct {
	App            App
	Commit         string
	Inventory      Inventory
	Rendered       int      // objects of the render
	Incomplete     []string // why the app is not complete (P2)
	Source         string   // the source this run rendered
	Guards         Guards
	StateNamespace string
	// Unknown are apps whose desired set is not known in this run (P7).
	Unknown []string
	// Wanted maps objects that other apps want to the app that wants them.
	Wanted map[ID]string
	// Desired are the UIDs of live objects that this run wants under any group
	// or version (P1).
	Desired map[string]bool
	// Occupied holds Namespaces and CRDs that hold foreign objects, or of which
	// that is not known.
	Occupied map[ID]string
}

// protectedKinds are never pruned unless the config unprotects them (P6).
var protectedKinds = map[string]bool{
	"Namespace": true, "PersistentVolume": true, "PersistentVolumeClaim": true, "Node": true,
	"CustomResourceDefinition.apiextensions.k8s.io":    true,
	"StorageClass.storage.k8s.io":                      true,
	"VolumeSnapshot.snapshot.storage.k8s.io":           true,
	"VolumeSnapshotClass.snapshot.storage.k8s.io":      true,
	"VolumeSnapshotContent.snapshot.storage.k8s.io":    true,
	"VolumeGroupSnapshot.groupsnapshot.storage.k8s.io": true,
	"APIService.apiregistration.k8s.io":                true,
	"ClusterRole.rbac.authorization.k8s.io":            true,
	"ClusterRoleBinding.rbac.authorization.k8s.io":     true,
}

func protectedKind(id ID) bool {
	return protectedKinds[id.GroupKind()] || id.Group == "admissionregistration.k8s.io" ||
		strings.HasSuffix(id.Group, "snapshot.storage.k8s.io")
}

// EmptyRefused says whether an empty render must stop the app (P3): it is
// refused unless the config names this very commit.
func EmptyRefused(guards Guards, app, commit string, rendered int) bool {
	return rendered == 0 && (commit == "" || guards.AllowEmpty[app] != commit)
}

// RefusePrune lists every rule that forbids pruning this object, each with its
// number. Nil means that nothing but policy and budget stands against it.
func RefusePrune(facts PruneFacts, step Step) []string {
	var refused []string
	refuse := func(rule, format string, args ...any) {
		refused = append(refused, rule+": "+fmt.Sprintf(format, args...))
	}
	live, id := step.Observation.Live, step.Change.ID
	entry, inventoried := entryOf(facts.Inventory, id)
	switch {
	case !facts.Inventory.Known:
		refuse("P1", "the app's inventory is not known; it is rebuilt in this run")
	case !inventoried:
		refuse("P1", "not in the app's inventory")
	case entry.UID == "" || entry.UID != UIDOf(live):
		refuse("P1", "not the object that was applied: its UID is %s", UIDOf(live))
	}
	if facts.Desired[UIDOf(live)] {
		refuse("P1", "the same object is desired under another group or version")
	}
	for _, reason := range facts.Incomplete {
		refuse("P2", "the app is not complete: %s", reason)
	}
	if EmptyRefused(facts.Guards, facts.App.Name, facts.Commit, facts.Rendered) {
		refuse("P3", "the render is empty; allow it with guards.allowEmpty.%s: %s", facts.App.Name, facts.Commit)
	}
	refused = append(refused, refuseOwnership(facts, live)...)
	if facts.Source == "" || facts.Inventory.Source != facts.Source {
		refuse("P5", "the app's source changed since the last applied run (was %q)", facts.Inventory.Source)
	}
	refused = append(refused, refuseProtected(facts, id, live)...)
	for _, app := range facts.Unknown {
		refuse("P7", "what app %q wants is not known in this run", app)
	}
	if app := facts.Wanted[id]; app != "" {
		refuse("P7", "app %q wants it", app)
	}
	return refused
}

// refuseOwnership is P4.
func refuseOwnership(facts PruneFacts, live map[string]any) []string {
	entries, err := Noise{}.read(live)
	if err != nil {
		return []string{"P4: " + err.Error()}
	}
	var refused []string
	own := liveOwnership(live, entries)
	switch {
	case own.PartOf == "":
		refused = append(refused, "P4: its part-of label is gone")
	case !own.LabelOwned:
		refused = append(refused, "P4: its part-of label was not written by field manager "+FieldManager+
			"; delete the object by hand, or remove the label to release it")
	case own.PartOf != ApplySetID(facts.App.Name, facts.StateNamespace):
		refused = append(refused, "P4: its part-of label names another ApplySet ("+own.PartOf+")")
	}
	if own.Controlled {
		refused = append(refused, "P4: a controller owns it (ownerReferences)")
	}
	if metadata(live)["deletionTimestamp"] != nil {
		refused = append(refused, "P4: it is being deleted already")
	}
	return refused
}

// RefuseReplace lists every rule that forbids deleting this object in order to
// create it again: a protected kind, foreign content, a keep annotation, a
// controller that owns it. Nil means that nothing stands against it.
func RefuseReplace(facts PruneFacts, step Step) []string {
	refused := refuseProtected(facts, step.Change.ID, step.Observation.Live)
	if step.Change.Ownership.Controlled {
		refused = append(refused, "P4: a controller owns it (ownerReferences)")
	}
	return refused
}

// refuseProtected is P6.
func refuseProtected(facts PruneFacts, id ID, live map[string]any) []string {
	var refused []string
	if protectedKind(id) && !unprotected(facts.Guards.Unprotect, id) {
		refused = append(refused, fmt.Sprintf("P6: kind %s is protected; guards.unprotect can name it", id.GroupKind()))
	}
	reason, looked := facts.Occupied[id]
	if reason != "" {
		refused = append(refused, "P6: "+reason)
	}
	if inside := contentOf(id, live); inside != nil {
		if !looked {
			refused = append(refused, "P6: whether it holds foreign objects is not known")
		}
		for _, entry := range facts.Inventory.Entries {
			if inside(entry.ID) {
				refused = append(refused, "P6: the app's own "+entry.ID.Short()+" is in it; what it holds goes first")
				break
			}
		}
	}
	namespace := id.Namespace
	if id.GroupKind() == "Namespace" {
		namespace = id.Name
	}
	if strings.HasPrefix(namespace, "kube-") {
		refused = append(refused, "P6: system namespace")
	}
	if namespace != "" && (namespace == facts.StateNamespace || namespace == facts.StateNamespace+approvalNamespaceTail) {
		refused = append(refused, "P6: Killick's own namespace")
	}
	entry, _ := entryOf(facts.Inventory, id)
	if mark := KeepMark(live); mark != "" {
		refused = append(refused, "P6: it carries "+mark)
	} else if entry.Keep != "" {
		refused = append(refused, "P6: in Git it carried "+entry.Keep+" to the last")
	}
	return refused
}

// contentOf answers which objects go when this one is deleted: what stands in a
// Namespace, and the custom resources of a CRD. Nil for other kinds.
func contentOf(id ID, live map[string]any) func(ID) bool {
	switch id.GroupKind() {
	case "Namespace":
		return func(other ID) bool { return other.Namespace == id.Name }
	case "CustomResourceDefinition.apiextensions.k8s.io":
		spec, _ := live["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		group, kind := stringAt(spec, "group"), stringAt(names, "kind")
		return func(other ID) bool { return other.Group == group && other.Kind == kind }
	}
	return nil
}

func unprotected(list []string, id ID) bool {
	return slices.Contains(list, id.GroupKind()) || slices.Contains(list, id.Kind) ||
		slices.Contains(list, id.GroupKind()+"/"+id.Name) || slices.Contains(list, id.Kind+"/"+id.Name)
}

func entryOf(inventory Inventory, id ID) (Entry, bool) {
	for _, entry := range inventory.Entries {
		if entry.ID == id {
			return entry, true
		}
	}
	return Entry{}, false
}

// Candidates are one app's prunes that passed every rule and were granted.
type Candidates struct {
	App       string
	Inventory Inventory
	Prunes    []ID
	// Keeps are the objects that the app wants: they exist, or are applied before
	// anything is pruned, so that their namespaces are not emptied.
	Keeps []ID
}

// Budget says per app why none of its prunes may happen, because together they
// would take too much: more than the app's budget, more than the run's, or a
// whole namespace.
func Budget(budget PruneBudget, apps []Candidates) map[string]string {
	refused := map[string]string{}
	total := 0
	for _, app := range apps {
		total += len(app.Prunes)
		limit := allowance(budget, len(app.Inventory.Entries))
		if len(app.Prunes) > 0 && len(app.Prunes) > limit {
			refused[app.App] = fmt.Sprintf("budget: %d prunes, and %d of %d objects are allowed",
				len(app.Prunes), limit, len(app.Inventory.Entries))
		}
	}
	for namespace, names := range emptied(apps) {
		for _, app := range names {
			if refused[app] == "" {
				refused[app] = fmt.Sprintf("budget: namespace %q would be emptied", namespace)
			}
		}
	}
	if total > budget.RunCeiling {
		for _, app := range apps {
			if len(app.Prunes) > 0 && refused[app.App] == "" {
				refused[app.App] = fmt.Sprintf("budget: %d prunes in this run, and %d are allowed", total, budget.RunCeiling)
			}
		}
	}
	return refused
}

// allowance is clamp(percent of the inventory, floor, ceiling).
func allowance(budget PruneBudget, inventory int) int {
	return min(max(inventory*budget.Percent/100, budget.Floor), budget.Ceiling)
}

// emptied lists namespaces of which every inventoried or wanted object of every
// app would go, with the apps that would empty them.
func emptied(apps []Candidates) map[string][]string {
	going := map[ID]bool{}
	by := map[string][]string{}
	for _, app := range apps {
		for _, id := range app.Prunes {
			going[id] = true
			if id.Namespace != "" && !slices.Contains(by[id.Namespace], app.App) {
				by[id.Namespace] = append(by[id.Namespace], app.App)
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
	return by
}
