package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// PruneFacts are what the guards of docs/guards.md look at for one app.
type PruneFacts struct {
	App        drift.App
	Now        time.Time
	Inventory  drift.Inventory
	Incomplete []string // why the app is not complete (P2)
	Guards     drift.Guards
	Own        drift.Installation // what Killick itself runs on
	// Unknown are apps whose desired set is not known in this run (P7).
	Unknown []string
	// Wanted maps objects that other apps want to the app that wants them.
	Wanted map[drift.ID]string
	// Desired are the UIDs of live objects that this run wants under any group
	// or version (P1).
	Desired map[string]bool
	// Occupied holds Namespaces and CRDs that hold foreign objects, or of which
	// that is not known.
	Occupied map[drift.ID]string
	// Going are objects of the inventory that are deleted before what holds them.
	Going map[drift.ID]bool
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

func protectedKind(id drift.ID) bool {
	return protectedKinds[id.GroupKind()] || id.Group == "admissionregistration.k8s.io" ||
		strings.HasSuffix(id.Group, "snapshot.storage.k8s.io")
}

// RefusePrune lists every rule that forbids pruning this object and that nobody can
// lift, each with its number. Nil means that nothing but policy and the guards of
// Withhold stand against it.
func RefusePrune(facts PruneFacts, step drift.Step) []string {
	var refused []string
	refuse := func(rule, format string, args ...any) {
		refused = append(refused, rule+": "+fmt.Sprintf(format, args...))
	}
	live, id := step.Observation.Live, step.Change.ID
	if app := facts.Wanted[id]; app != "" {
		refuse("P7", "app %q wants it", app) // before what follows from that
	}
	entry, inventoried := entryOf(facts.Inventory, id)
	switch {
	case !facts.Inventory.Known:
		refuse("P1", "the app's inventory is not known; it is rebuilt in this run")
	case !inventoried:
		refuse("P1", "not in the app's inventory")
	case entry.UID == "" || entry.UID != nested.UIDOf(live):
		refuse("P1", "not the object that was applied: its UID is %s", nested.UIDOf(live))
	}
	switch desired := facts.Desired[nested.UIDOf(live)]; {
	case desired && facts.Wanted[id] != "":
		refuse("P1", "the same object is desired by another app")
	case desired:
		refuse("P1", "the same object is desired under another group or version")
	}
	for _, reason := range facts.Incomplete {
		refuse("P2", "the app is not complete: %s", reason)
	}
	refused = append(refused, refuseOwnership(facts, live)...)
	refused = append(refused, refuseProtected(facts, id, live)...)
	for _, app := range facts.Unknown {
		refuse("P7", "what app %q wants is not known in this run", app)
	}
	return append(refused, refuseControls(live, facts.Now)...)
}

// refuseControls holds what somebody asked for on the live object itself: it is
// suspended, or the annotation that says so cannot be read.
func refuseControls(live map[string]any, now time.Time) []string {
	controls, err := drift.ReadControls(live, now)
	switch {
	case err != nil:
		return []string{err.Error()}
	case controls.Suspend.Active:
		return []string{"suspended: " + controls.Suspend.Reason}
	}
	return nil
}

// rewritten begins what is recorded in place of a source.
const rewritten = "rewritten: "

// RewrittenSource is recorded of what left Git when descent was not proved: a person
// decides about it, also when later commits descend.
func RewrittenSource(why string) string { return rewritten + why }

// RefuseSource is P5 for one object of the inventory: "" when this very source applied
// it last. descent is why the commit is not proved to descend from the last applied one.
func RefuseSource(known drift.GuardState, source drift.Provenance, descent string, id drift.ID) string {
	switch recorded := known.SourceOf(id); {
	case recorded == "":
		return "P5: which source applied it is not known"
	case strings.HasPrefix(recorded, rewritten):
		return "P5: when it left Git, " + strings.TrimPrefix(recorded, rewritten)
	case recorded != source.String():
		return "P5: another source applied it: " + source.Differs(recorded)
	case descent != "":
		return "P5: " + descent
	}
	return ""
}

// refuseOwnership is P4.
func refuseOwnership(facts PruneFacts, live map[string]any) []string {
	entries, err := ownership.Read(drift.Noise{}, live)
	if err != nil {
		return []string{"P4: " + err.Error()}
	}
	var refused []string
	own := ownership.LiveOwnership(live, entries)
	switch {
	case own.PartOf == "":
		refused = append(refused, "P4: its part-of label is gone")
	case !own.LabelOwned:
		refused = append(refused, "P4: its part-of label was not written by field manager "+drift.FieldManager+
			"; delete the object by hand, or remove the label to release it")
	case own.PartOf != drift.ApplySetID(facts.App.Name, facts.Own.StateNamespace):
		refused = append(refused, "P4: its part-of label names another ApplySet ("+own.PartOf+")")
	}
	if own.Controlled {
		refused = append(refused, "P4: a controller owns it (ownerReferences)")
	}
	if nested.Metadata(live)["deletionTimestamp"] != nil {
		refused = append(refused, "P4: it is being deleted already")
	}
	return refused
}

// RefuseReplace lists every rule that forbids deleting this object in order to
// create it again: a protected kind, foreign content, a keep annotation, a
// controller that owns it, a suspension. Nil means that nothing stands against it.
func RefuseReplace(facts PruneFacts, step drift.Step) []string {
	refused := refuseProtected(facts, step.Change.ID, step.Observation.Live)
	if step.Change.Ownership.Controlled {
		refused = append(refused, "P4: a controller owns it (ownerReferences)")
	}
	return append(refused, refuseControls(step.Observation.Live, facts.Now)...)
}

// refuseProtected is P6.
func refuseProtected(facts PruneFacts, id drift.ID, live map[string]any) []string {
	var refused []string
	if protectedKind(id) && !unprotected(facts.Guards.Unprotect, id) {
		refused = append(refused, fmt.Sprintf("P6: kind %s is protected; guards.unprotect can name it", id.GroupKind()))
	}
	reason, looked := facts.Occupied[id]
	if reason != "" {
		refused = append(refused, "P6: "+reason)
	}
	if !looked && contentOf(id, live) != nil {
		refused = append(refused, "P6: whether it holds foreign objects is not known")
	}
	if why := RefuseContainer(id, live, facts.Inventory, facts.Going); why != "" {
		refused = append(refused, why)
	}
	namespace := id.Namespace
	if id.GroupKind() == "Namespace" {
		namespace = id.Name
	}
	if strings.HasPrefix(namespace, "kube-") {
		refused = append(refused, "P6: system namespace")
	}
	if facts.Own.Lives(namespace) {
		refused = append(refused, "P6: Killick's own namespace")
	} else if why := facts.Own.Owns(id, live); why != "" {
		refused = append(refused, "P6: "+why)
	}
	entry, _ := entryOf(facts.Inventory, id)
	if mark := ownership.KeepMark(live); mark != "" {
		refused = append(refused, "P6: it carries "+mark)
	} else if entry.Keep != "" {
		refused = append(refused, "P6: in Git it carried "+entry.Keep+" to the last")
	}
	return refused
}

// RefuseContainer is why a Namespace or a CRD stays: the app has an object in it that is
// not deleted before it. "" for other kinds.
func RefuseContainer(id drift.ID, live map[string]any, inventory drift.Inventory, going map[drift.ID]bool) string {
	inside := contentOf(id, live)
	for _, entry := range inventory.Entries {
		if inside != nil && inside(entry.ID) && !going[entry.ID] {
			return "P6: the app's own " + entry.ID.Short() + " is in it; what it holds goes first"
		}
	}
	return ""
}

// contentOf answers which objects go when this one is deleted: what stands in a
// Namespace, and the custom resources of a CRD. Nil for other kinds.
func contentOf(id drift.ID, live map[string]any) func(drift.ID) bool {
	switch id.GroupKind() {
	case "Namespace":
		return func(other drift.ID) bool { return other.Namespace == id.Name }
	case "CustomResourceDefinition.apiextensions.k8s.io":
		spec, _ := live["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		group, kind := nested.StringAt(spec, "group"), nested.StringAt(names, "kind")
		return func(other drift.ID) bool { return other.Group == group && other.Kind == kind }
	}
	return nil
}

func unprotected(list []string, id drift.ID) bool {
	return slices.Contains(list, id.GroupKind()) || slices.Contains(list, id.Kind) ||
		slices.Contains(list, id.GroupKind()+"/"+id.Name) || slices.Contains(list, id.Kind+"/"+id.Name)
}

func entryOf(inventory drift.Inventory, id drift.ID) (drift.Entry, bool) {
	for _, entry := range inventory.Entries {
		if entry.ID == id {
			return entry, true
		}
	}
	return drift.Entry{}, false
}
