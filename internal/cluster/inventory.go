package cluster

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// What a parent holds: the inventory, and the guards' copy of what they know.
const (
	inventoryKey = "inventory.json.gz"
	guardsKey    = "guards.json.gz"
)

// Load reads an app's inventory and state. A parent that does not exist gives an
// inventory that is not Known. A parent that cannot be trusted (damaged, of a
// newer binary, another tool or another installation) is an error: nothing of
// that app may be written. A state that cannot be read counts as lost, and a
// note says so.
//
// A plan holds no lease, so a run may write both meanwhile: the inventory first, which then
// covers more than there is, and the state last. So the state is read first. An inventory
// older than its state would look like one that was lost.
func (c *Client) Load(ctx context.Context, app string) (drift.Inventory, drift.AppState, error) {
	var state drift.AppState
	unread := c.loadState(ctx, drift.StateName(app), &state)
	inventory, err := c.loadInventory(ctx, app)
	if err != nil {
		return drift.Inventory{}, drift.AppState{}, stateProblem(fmt.Sprintf("reading the inventory of app %q", app), err)
	}
	wrote := false
	if err := unread; err != nil {
		if !errors.Is(err, errDamaged) {
			return drift.Inventory{}, drift.AppState{}, stateProblem(fmt.Sprintf("reading the state of app %q", app), err)
		}
		state, wrote = drift.AppState{}, true // it may have told of a write
		c.note(drift.ReportError{App: app, Stage: "cluster", Message: fmt.Sprintf("the state of app %q counts as lost: %v", app, err),
			Hint: lostHint(err)})
	}
	// Only what was ours has a memo row, and only what was written was healed.
	c.rememberWrites(app, wrote || len(state.Rows) > 0 || len(state.Heals) > 0)
	return inventory, state, nil
}

// lostHint is what a person can do about a cache that cannot be read.
func lostHint(err error) string {
	if errors.Is(err, errNewer) {
		return "run the Killick that wrote it, or a newer one; this one compares afresh and writes it anew"
	}
	return "nothing to do: this run compares afresh and writes it anew"
}

// rememberWrites and wroteBefore keep whether an app's state, as it was loaded,
// tells that this installation wrote something of it before.
func (c *Client) rememberWrites(app string, wrote bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote[app] = wrote
}

func (c *Client) wroteBefore(app string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote[app]
}

func (c *Client) loadInventory(ctx context.Context, app string) (drift.Inventory, error) {
	installation, err := c.Installation(ctx)
	if err != nil {
		return drift.Inventory{}, err
	}
	name := drift.ParentName(app)
	c.forget(name) // what cannot be read now must not be written either
	parent, err := c.readMap(ctx, name)
	if err != nil {
		return drift.Inventory{}, err
	}
	if parent == nil {
		c.remember(name, stored{})
		return drift.Inventory{Installation: installation}, nil
	}
	if err := c.checkParent(app, installation, parent); err != nil {
		return drift.Inventory{}, fmt.Errorf("ConfigMap %q: %w", name, err)
	}
	packed, err := contentOf(parent, "binaryData", inventoryKey)
	if err != nil {
		return drift.Inventory{}, unusable(name, err)
	}
	inventory := drift.Inventory{Known: true, Installation: installation, Source: text(parent, "metadata", "annotations", sourceAnnotation)}
	if err := unpack(packed, &inventory.Entries); err != nil {
		return drift.Inventory{}, unusable(name, err)
	}
	guards, err := contentOf(parent, "binaryData", guardsKey)
	if err == nil && unpack(guards, &inventory.Guards) != nil {
		inventory.Guards = drift.GuardState{} // no seal: what it said is not known
	}
	c.remember(name, stored{version: versionOf(parent), packed: packed, guards: guards, source: inventory.Source})
	return inventory, nil
}

// unusable is an inventory that is there and cannot be used, with what a person can do.
func unusable(name string, err error) error {
	if errors.Is(err, errNewer) {
		return &drift.Problem{Hint: "run the Killick that wrote it, or a newer one", Err: fmt.Errorf("ConfigMap %q: %w", name, err)}
	}
	return &drift.Problem{Hint: "restore the ConfigMap from a backup; " + orDelete,
		Err: fmt.Errorf("ConfigMap %q is damaged: %w", name, err)}
}

// SaveInventory writes an app's ApplySet parent: hints, inventory, installation
// and source. It is refused with drift.ErrConflict when somebody wrote the
// parent since it was loaded, and before any write when it does not fit. An
// inventory that has not changed is not written.
func (c *Client) SaveInventory(ctx context.Context, app string, inventory drift.Inventory) error {
	doing := fmt.Sprintf("writing the inventory of app %q", app)
	installation, err := c.Installation(ctx)
	if err != nil {
		return stateProblem(doing, err)
	}
	if inventory.Installation != "" && inventory.Installation != installation {
		return stateProblem(doing, fmt.Errorf("it belongs to the installation %q, and this is %q", inventory.Installation, installation))
	}
	entries := slices.Clone(inventory.Entries)
	slices.SortFunc(entries, func(a, b drift.Entry) int { return a.ID.Compare(b.ID) })
	packed, err := pack(entries)
	if err != nil {
		return unpackable(doing, err)
	}
	guards, err := pack(inventory.Guards)
	if err == nil && len(packed)+len(guards) > maxPacked {
		err = errTooLarge
	}
	if err != nil {
		return unpackable(doing, err)
	}
	name := drift.ParentName(app)
	last, loaded := c.recall(name)
	if !loaded {
		return stateProblem(doing, errors.New("it was not loaded before"))
	}
	parent := c.parentOf(app, installation, inventory, packed)
	parent["binaryData"].(map[string]any)[guardsKey] = base64.StdEncoding.EncodeToString(guards)
	version := last.version
	if version == "" {
		version = noVersion
	}
	if last.version != "" && bytes.Equal(last.packed, packed) && bytes.Equal(last.guards, guards) && last.source == inventory.Source {
		return nil
	}
	version, err = c.writeOwn(ctx, drift.ParentFieldManager, version, parent)
	if err != nil {
		return stateProblem(doing, err)
	}
	c.remember(name, stored{version: version, packed: packed, guards: guards, source: inventory.Source})
	return nil
}

// ForgetApp deletes an app's state and then its parent, which is read again by whoever comes
// after a run that died between the two. It is refused with drift.ErrConflict when somebody
// wrote the parent since it was loaded; the state stays then as well.
func (c *Client) ForgetApp(ctx context.Context, app string) error {
	doing := fmt.Sprintf("deleting the inventory of app %q", app)
	last, loaded := c.recall(drift.ParentName(app))
	if !loaded || last.version == "" {
		return stateProblem(doing, errors.New("it was not loaded before"))
	}
	parent, err := c.readOwn(ctx, configMaps, drift.ParentName(app))
	if err == nil && parent != nil && versionOf(parent) != last.version {
		err = drift.ErrConflict
	}
	if err == nil {
		var state map[string]any
		if state, err = c.readOwn(ctx, configMaps, drift.StateName(app)); err == nil {
			err = c.removeOwn(ctx, drift.StateName(app), state)
		}
	}
	if err == nil {
		err = c.removeOwn(ctx, drift.ParentName(app), parent)
	}
	if err != nil {
		return stateProblem(doing, err)
	}
	return nil
}

// removeOwn deletes one of Killick's own ConfigMaps as it was read; nil is one that is gone.
func (c *Client) removeOwn(ctx context.Context, name string, live map[string]any) error {
	c.forget(name)
	if live == nil {
		return nil
	}
	id := drift.ID{Kind: configMaps.Kind.Kind, Namespace: c.stateNamespace, Name: name}
	return (target{c.own, configMaps}).remove(ctx, id, uidOf(live), versionOf(live))
}

func unpackable(doing string, err error) error {
	if errors.Is(err, errTooLarge) {
		return &drift.Problem{Stage: "cluster", Hint: "split the app in two", Err: fmt.Errorf("%s: %w", doing, err)}
	}
	return stateProblem(doing, err)
}
