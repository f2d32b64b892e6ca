package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// replace deletes the judged object and creates it again, once a create under
// another name has passed as a dry-run: an object that could not come back is
// not deleted.
func (t target) replace(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	if r.UID == "" || r.ResourceVersion == "" {
		return nil, errors.New("a replacement needs the judged UID and resourceVersion")
	}
	if !fixedNames[r.Object.ID.GroupKind()] {
		if _, err := t.wouldCreate(ctx, t.of, r.Object); err != nil {
			return nil, fmt.Errorf("not replaced, because it could not be created again: %w", err)
		}
	}
	if err := t.remove(ctx, r.Object.ID, r.UID, r.ResourceVersion); err != nil {
		return nil, fmt.Errorf("replacing: %w", err)
	}
	if err := t.gone(ctx, r.Object.ID, r.UID); err != nil {
		return nil, fmt.Errorf("replacing: deleted, and not created again: %w", err)
	}
	r.UID, r.ResourceVersion = "", noVersion
	stored, err := t.put(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("replacing: deleted, and not created again: %w", err)
	}
	return stored, nil
}

// gone waits until the deleted object is really gone: finalizers may keep it
// for a while, which is bounded by patience. Another object of its name is a
// conflict.
func (t target) gone(ctx context.Context, id drift.ID, uid string) error {
	var holding []string
	waiting, end := context.WithTimeout(ctx, patience)
	defer end()
	_, err := poll(waiting, func() (struct{}, bool, error) {
		seen := t.fetch(waiting, t.of, id)
		switch {
		case seen.State == drift.Absent:
			return struct{}{}, true, nil
		case seen.State == drift.Unreadable:
			return struct{}{}, false, seen.Err
		case uidOf(seen.Live) != uid:
			return struct{}{}, false, drift.ErrConflict
		}
		holding = nil
		for _, finalizer := range list(seen.Live, "metadata", "finalizers") {
			holding = append(holding, fmt.Sprint(finalizer))
		}
		return struct{}{}, false, nil
	})
	if err == nil || waiting.Err() == nil {
		return err
	}
	held := "without a finalizer"
	if len(holding) > 0 {
		held = "held by finalizers [" + strings.Join(holding, ", ") + "]"
	}
	if ctx.Err() != nil {
		return fmt.Errorf("still there, %s: %w", held, err)
	}
	return &drift.Problem{Stage: "act", Hint: "find out why whoever set the finalizers does not remove them; the object is created again by a run after it is gone",
		Err: fmt.Errorf("still there after %v, %s", patience, held)}
}
