package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// The ApplySet keys, and Killick's own on a parent.
const (
	partOfLabel          = drift.LabelPartOf
	setIDLabel           = drift.LabelApplySetID
	toolingAnnotation    = drift.AnnotationTooling
	kindsAnnotation      = drift.AnnotationGroupKinds
	namespacesAnnotation = drift.AnnotationNamespaces

	installationAnnotation = drift.AnnotationInstall
	sourceAnnotation       = drift.AnnotationSource
)

// tooling is NAME/VERSION; sets are ours when the name is.
const (
	toolingName = "killick"
	tooling     = drift.Tooling
)

// parentPrefix is what drift.ParentName puts before an app's name.
var parentPrefix = drift.ParentName("")

// PartOf is the app's ApplySet id: the value of the part-of label on its
// members (KEP-3659; kubectl, applyset.go, ApplySet.ID).
func (c *Client) PartOf(app string) string { return drift.ApplySetID(app, c.stateNamespace) }

// parentOf builds the ApplySet parent of an app. Its hints are a superset of
// where members may be.
func (c *Client) parentOf(app, installation string, inventory drift.Inventory, packed []byte) map[string]any {
	kinds, namespaces := map[string]bool{}, map[string]bool{}
	for _, entry := range inventory.Entries {
		kinds[entry.ID.GroupKind()] = true
		if entry.ID.Namespace != "" && entry.ID.Namespace != c.stateNamespace {
			namespaces[entry.ID.Namespace] = true
		}
	}
	parent := c.configMap(drift.ParentName(app), inventoryKey, packed)
	parent["metadata"].(map[string]any)["labels"] = map[string]any{
		setIDLabel: c.PartOf(app), managedByLabel: toolingName,
	}
	parent["metadata"].(map[string]any)["annotations"] = map[string]any{
		toolingAnnotation:      tooling,
		kindsAnnotation:        strings.Join(slices.Sorted(maps.Keys(kinds)), ","),
		namespacesAnnotation:   strings.Join(slices.Sorted(maps.Keys(namespaces)), ","),
		installationAnnotation: installation,
		sourceAnnotation:       inventory.Source,
	}
	return parent
}

// checkParent refuses a parent that is not surely this installation's: another
// tool's, a copied id, another cluster's or another state namespace's.
func (c *Client) checkParent(app, installation string, parent map[string]any) error {
	annotations := stringMap(parent, "metadata", "annotations")
	tool := annotations[toolingAnnotation]
	name := tool
	if i := strings.LastIndex(tool, "/"); i >= 0 {
		name = tool[:i]
	}
	switch {
	case tool == "":
		return &drift.Problem{Hint: fmt.Sprintf("somebody took the annotation %s away: set it to %q again; %s", toolingAnnotation, tooling, orDelete),
			Err: errors.New("it names no tooling")}
	case name != toolingName:
		return &drift.Problem{Hint: "give the app another name: that tool has objects of its own under this one",
			Err: fmt.Errorf("it belongs to the tool %q", tool)}
	case text(parent, "metadata", "labels", setIDLabel) != c.PartOf(app):
		return &drift.Problem{Hint: fmt.Sprintf("somebody changed the label %s, or copied the ConfigMap: set it to %q; %s", setIDLabel, c.PartOf(app), orDelete),
			Err: fmt.Errorf("its ApplySet id %q is not the one of its name", text(parent, "metadata", "labels", setIDLabel))}
	case annotations[installationAnnotation] != installation:
		return &drift.Problem{Hint: "it was copied or restored from there, and tells of that cluster's objects: delete it; " + foundAgain,
			Err: fmt.Errorf("it belongs to the installation %q, and this is %q", annotations[installationAnnotation], installation)}
	}
	return nil
}

// What becomes of an app whose inventory a person deletes, since it cannot be used.
const (
	foundAgain = "the next run finds the app's objects by their label, and prunes none of them before a person accepts"
	orDelete   = "or delete the ConfigMap: " + foundAgain
)

// Installation is the kube-system UID and the state namespace: who owns a
// parent.
func (c *Client) Installation(ctx context.Context) (string, error) {
	uid, err := c.Identity(ctx)
	if err != nil {
		return "", err
	}
	return uid + "/" + c.stateNamespace, nil
}

// Parents are the names of all apps that have a parent in the state namespace,
// sorted; also those that no config names any more. None when the namespace
// does not exist. Killick's own ConfigMaps are all read in one LIST, so that the
// next Load of each app asks for nothing more.
func (c *Client) Parents(ctx context.Context) ([]string, error) {
	found, err := c.own.collect(ctx, configMaps, c.stateNamespace, ownSelector, nil)
	if err = cmp.Or(err, found.partial); err != nil {
		return nil, stateProblem("listing the apps", err)
	}
	listed := make(map[string]map[string]any, len(found.items))
	var apps []string
	for _, item := range found.items {
		name := text(item, "metadata", "name")
		listed[name] = item
		app, ours := strings.CutPrefix(name, parentPrefix)
		parent := at(item, "metadata", "labels", setIDLabel) != nil
		if ours && parent && strings.HasPrefix(text(item, "metadata", "annotations", toolingAnnotation), toolingName+"/") {
			apps = append(apps, app)
		}
	}
	c.mu.Lock()
	c.listed = listed
	c.mu.Unlock()
	slices.Sort(apps)
	return apps, nil
}

// takeListed hands out an object of the last listing, once: what is read again is
// read afresh.
func (c *Client) takeListed(name string) (map[string]any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	object, ok := c.listed[name]
	delete(c.listed, name)
	return object, ok
}

// readMap reads one of Killick's own ConfigMaps, from the last listing where that
// has it. What the listing lacks is younger than all of it, and then nothing else is taken
// from there: what belongs together is of one moment, or what is read later is younger.
func (c *Client) readMap(ctx context.Context, name string) (map[string]any, error) {
	if object, ok := c.takeListed(name); ok {
		return object, nil
	}
	object, err := c.readOwn(ctx, configMaps, name)
	if object != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.listed = nil
	}
	return object, err
}
