package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	runName  = drift.RunStateName
	keyName  = drift.KeyName
	stateKey = "state.json.gz"
	keyKey   = "key"
	keyBytes = 32
)

// errDamaged says that what is stored is there and cannot be read, and errNewer that a
// newer Killick wrote it.
var (
	errDamaged = errors.New("it is damaged")
	errNewer   = errors.New("a newer Killick wrote it")
)

// loadState reads one cache into a value that stays as it is when there is
// none.
func (c *Client) loadState(ctx context.Context, name string, into any) error {
	c.forget(name)
	object, err := c.readMap(ctx, name)
	if err != nil {
		return err
	}
	if object == nil {
		c.remember(name, stored{})
		return nil
	}
	packed, err := contentOf(object, "binaryData", stateKey)
	if err == nil {
		err = unpack(packed, into)
	}
	if err != nil {
		return fmt.Errorf("ConfigMap %q: %w: %w", name, errDamaged, err)
	}
	c.remember(name, stored{version: versionOf(object), packed: packed})
	return nil
}

// saveState writes one cache, unless it holds the same already. It is refused with
// drift.ErrConflict when somebody wrote it since it was loaded: a run that knows better.
// One that was not loaded, or could not be read, is written over.
func (c *Client) saveState(ctx context.Context, name string, content any) error {
	packed, err := pack(content)
	if err != nil {
		return err
	}
	last, loaded := c.recall(name)
	switch {
	case loaded && bytes.Equal(last.packed, packed):
		return nil
	case loaded && last.version == "":
		return c.writeState(ctx, name, noVersion, packed)
	}
	err = c.writeState(ctx, name, last.version, packed)
	if !errors.Is(err, drift.ErrConflict) {
		return err
	}
	// A program that labels or annotates what is written is no run.
	live, failed := c.readOwn(ctx, configMaps, name)
	if failed != nil || live == nil || text(live, "binaryData", stateKey) != base64.StdEncoding.EncodeToString(last.packed) {
		return err
	}
	return c.writeState(ctx, name, versionOf(live), packed)
}

// writeState writes one cache where it has a version by now, or whatever is there.
func (c *Client) writeState(ctx context.Context, name, version string, packed []byte) error {
	version, err := c.writeOwn(ctx, drift.FieldManager, version, c.configMap(name, stateKey, packed))
	if err != nil {
		return err
	}
	c.remember(name, stored{version: version, packed: packed})
	return nil
}

// SaveState writes an app's cache, unless another run wrote it since it was loaded
// (drift.ErrConflict). One that does not fit is written without its
// memo rows, which cost requests to find again and nothing else; a note says so.
func (c *Client) SaveState(ctx context.Context, app string, state drift.AppState) error {
	err := c.saveState(ctx, drift.StateName(app), state)
	if errors.Is(err, errTooLarge) && len(state.Rows) > 0 {
		c.note(drift.ReportError{App: app, Stage: "cluster", Message: fmt.Sprintf("the memo of app %q is left out of its state: %v", app, err),
			Hint: "split the app in two"})
		state.Rows = nil
		err = c.saveState(ctx, drift.StateName(app), state)
	}
	if err != nil {
		return stateProblem(fmt.Sprintf("writing the state of app %q", app), err)
	}
	return nil
}

// LoadRun reads what the last run left; the zero value when there is nothing,
// or when it is damaged, which a note says.
func (c *Client) LoadRun(ctx context.Context) (drift.RunState, error) {
	var state drift.RunState
	err := c.loadState(ctx, runName, &state)
	if errors.Is(err, errDamaged) {
		c.note(drift.ReportError{Stage: "cluster", Message: fmt.Sprintf("the state of the last run counts as lost: %v", err), Hint: lostHint(err)})
		return drift.RunState{}, nil
	}
	if err != nil {
		return drift.RunState{}, stateProblem("reading the state of the last run", err)
	}
	return state, nil
}

// SaveRun writes what this run leaves to the next. It writes over what a run left that
// could not begin, and so did not have the lease.
func (c *Client) SaveRun(ctx context.Context, state drift.RunState) error {
	packed, err := pack(state)
	if last, ok := c.recall(runName); err == nil && !(ok && bytes.Equal(last.packed, packed)) {
		err = c.writeState(ctx, runName, "", packed)
	}
	if err != nil {
		return stateProblem("writing the state of this run", err)
	}
	return nil
}

// Key is the random key of this installation's HMACs: 32 bytes. Without create
// it is nil when there is none yet. A damaged key is an error: another one would
// silently change every fingerprint.
func (c *Client) Key(ctx context.Context, create bool) ([]byte, error) {
	key, err := c.readKey(ctx)
	if err != nil {
		return nil, stateProblem("reading the key", err)
	}
	if key != nil || !create {
		return key, nil
	}
	if key, err = c.createKey(ctx); err != nil {
		return nil, stateProblem("creating the key", err)
	}
	return key, nil
}

func (c *Client) readKey(ctx context.Context) ([]byte, error) {
	secret, err := c.readOwn(ctx, secrets, keyName)
	if err != nil || secret == nil {
		return nil, err
	}
	key, err := contentOf(secret, "data", keyKey)
	if err == nil && len(key) != keyBytes {
		err = fmt.Errorf("the key has %d bytes, not %d", len(key), keyBytes)
	}
	if err != nil {
		return nil, &drift.Problem{Hint: "restore the Secret from a backup; or delete it, which costs what losing all inventories and states does (docs/recover.md)",
			Err: fmt.Errorf("secret %q: %w: %w", keyName, errDamaged, err)}
	}
	return key, nil
}

// keyID stands for the key in errors: what refuses it may repeat it.
var keyID = drift.ID{Kind: "Secret", Name: keyName}

// createKey makes the key, or takes the one that somebody else just made.
func (c *Client) createKey(ctx context.Context) ([]byte, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	body, err := encode(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "immutable": true, "type": "Opaque",
		"metadata": map[string]any{"name": keyName, "namespace": c.stateNamespace, "labels": map[string]any{managedByLabel: toolingName}},
		"data":     map[string]any{keyKey: base64.StdEncoding.EncodeToString(key)},
	})
	if err != nil {
		return nil, err
	}
	where, err := secrets.path(c.stateNamespace)
	if err != nil {
		return nil, err
	}
	answer, err := c.own.send(ctx, request{verb: http.MethodPost, path: where, query: values("fieldManager", drift.FieldManager),
		contentType: "application/json", body: body})
	if err == nil {
		if _, err = (asked{secrets, c.stateNamespace, keyName}).read(answer); err == nil {
			return key, nil
		}
	}
	if described := describe(err); !errors.Is(described, drift.ErrConflict) && !unknownOutcome(err) {
		return nil, withhold(keyID, described)
	}
	existing, readErr := c.readKey(ctx)
	if readErr == nil && existing == nil {
		return nil, withhold(keyID, describe(err))
	}
	return existing, readErr
}
