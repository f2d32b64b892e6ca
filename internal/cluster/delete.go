package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// Delete removes one object if it is still the judged one: UID and
// resourceVersion are preconditions, dependents are collected in the
// background. An object that is gone is no error. Other outcomes are
// drift.ErrForbidden, drift.ErrDenied, drift.ErrNotServed and drift.ErrConflict.
//
// Nil says that the API server accepted the deletion; finalizers may keep the
// object for a while.
func (c *Client) Delete(ctx context.Context, r drift.DeleteRequest) error {
	kind := drift.Kind{Group: r.ID.Group, Version: r.Version, Kind: r.ID.Kind}
	err := c.write(ctx, r.App, kind, func(ctx context.Context, t target) error {
		return t.remove(ctx, r.ID, r.UID, r.ResourceVersion)
	})
	if err != nil {
		return &drift.Problem{Stage: "act", Hint: hint(err), Err: fmt.Errorf("deleting %s: %w", r.ID.Short(), withhold(r.ID, err))}
	}
	return nil
}

// remove sends the DELETE; a lost answer is settled by looking.
func (t target) remove(ctx context.Context, id drift.ID, uid, version string) error {
	if uid == "" || version == "" {
		return errors.New("a deletion needs the judged UID and resourceVersion")
	}
	where, err := t.of.object(id.Namespace, id.Name)
	if err != nil {
		return err
	}
	body, err := encode(map[string]any{
		"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
		"preconditions": map[string]any{"uid": uid, "resourceVersion": version},
	})
	if err != nil {
		return err
	}
	var answer []byte
	for attempt := 0; ; attempt++ {
		answer, err = t.send(ctx, request{verb: http.MethodDelete, path: where, contentType: "application/json", body: body})
		if err == nil {
			if err = t.deleted(answer, id); err == nil {
				return nil
			}
		}
		if !unknownOutcome(err) {
			break
		}
		settled := t.settleDelete(ctx, id, uid, version, describe(err))
		if settled == nil || attempt > 0 || !errors.Is(settled, errNotWritten) {
			return settled
		}
	}
	if err = describe(err); errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

// deleted says whether an answer accepts a deletion: a Status, or the object as it was
// or as finalizers keep it.
func (t target) deleted(body []byte, id drift.ID) error {
	object, err := decode(body)
	if err != nil {
		return err
	}
	if text(object, "kind") == "Status" && text(object, "status") == metav1.StatusSuccess {
		return nil
	}
	return asked{t.of, id.Namespace, id.Name}.is(object)
}

// settleDelete finds out what became of a deletion whose answer was lost.
func (t target) settleDelete(ctx context.Context, id drift.ID, uid, version string, cause error) error {
	seen := t.fetch(ctx, t.of, id)
	switch {
	case seen.State == drift.Unreadable:
		return fmt.Errorf("the answer was lost (%w), and the object cannot be read: %w", cause, seen.Err)
	case seen.State == drift.Absent, uidOf(seen.Live) != uid, text(seen.Live, "metadata", "deletionTimestamp") != "":
		return nil
	case versionOf(seen.Live) == version:
		return fmt.Errorf("%w: %w", errNotWritten, cause)
	}
	return fmt.Errorf("%w; the answer was lost: %w", drift.ErrConflict, cause)
}
