package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// noVersion is a resourceVersion that no object has: etcd's revision 1 is the
// empty store. A server-side apply that carries it creates an object and is
// refused with 409 if there is one.
const noVersion = "1"

// Apply writes one object by forced server-side apply under the judged UID and
// resourceVersion, and returns it as the server stored it. A create carries a
// resourceVersion that no object has. When the object changed meanwhile, or
// appeared, the error is drift.ErrConflict; when the API server says no, it is
// a *drift.Refusal.
//
// Once begun, a write is given ten seconds to end after ctx has ended. A write
// whose answer was lost is looked up before anything is said about it.
func (c *Client) Apply(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	var stored map[string]any
	err := c.write(ctx, r.App, r.Object.Kind(), func(ctx context.Context, t target) (err error) {
		if stored, err = t.apply(ctx, r); err == nil && lacks(stored, r.Emptied) {
			r.UID = uidOf(stored)
			stored, err = t.finish(ctx, r, stored)
		}
		return t.immutable(ctx, t.of, r.Object, err)
	})
	if err != nil {
		return nil, &drift.Problem{Stage: "act", File: drift.FileLine(r.Object.Origin.File, r.Object.Origin.Line), Hint: cmp.Or(hint(err), adviceFor(r.Object.Kind(), err, fieldsAt)),
			Err: fmt.Errorf("applying %s: %w", r.Object.ID.Short(), withNamespace(err, withhold(r.Object.ID, err)))}
	}
	return stored, nil
}

// lacks says that any of the paths is absent or null.
func lacks(object map[string]any, paths []nested.Path) bool {
	return slices.ContainsFunc(paths, func(path nested.Path) bool {
		v, _ := nested.ValueAt(object, path)
		return v == nil
	})
}

func (t target) apply(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	switch {
	case r.Replace:
		return t.replace(ctx, r)
	case r.UID == "" && r.ResourceVersion == "":
		r.ResourceVersion = noVersion
		return t.put(ctx, r)
	case r.UID == "" || r.ResourceVersion == "":
		return nil, errors.New("an update needs the judged UID and resourceVersion")
	case r.ManagedFields != nil || len(r.Patch) > 0:
		return t.takeOver(ctx, r)
	}
	return t.put(ctx, r)
}

// takeOver hands other managers' fields to our Apply entry, removes what an apply would
// not, and applies. If the apply is refused after all, all of it is given back: no half of
// a change is left, and whose the fields are is not forgotten.
func (t target) takeOver(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	judged := t.fetch(ctx, t.of, r.Object.ID)
	switch {
	case judged.State == drift.Unreadable:
		return nil, judged.Err
	case uidOf(judged.Live) != r.UID, versionOf(judged.Live) != r.ResourceVersion:
		return nil, drift.ErrConflict
	}
	moved, err := t.move(ctx, r)
	if err != nil {
		return nil, err
	}
	stored, err := t.finish(ctx, r, moved)
	if refusal, ok := errors.AsType[*drift.Refusal](err); ok && !errors.Is(refusal, drift.ErrConflict) {
		if undone := t.giveBack(ctx, r, judged.Live, moved); undone != nil {
			err = fmt.Errorf("%w; giving the fields back: %w", err, undone)
		}
	}
	return stored, err
}

// giveBack undoes a move: first the values, which by that are ours, and then the record
// of whose they are.
func (t target) giveBack(ctx context.Context, r drift.ApplyRequest, judged, moved map[string]any) error {
	values, owners := r, r
	values.ManagedFields, values.Patch = nil, nested.UndoPatch(judged, r.Patch)
	owners.ManagedFields, owners.Patch = list(judged, "metadata", "managedFields"), nil
	var failed error
	for _, back := range []drift.ApplyRequest{values, owners} {
		if back.ManagedFields == nil && len(back.Patch) == 0 {
			continue
		}
		given, err := insist(ctx, moved, t.look(ctx, r.Object.ID), func(live map[string]any) (map[string]any, error) {
			back.ResourceVersion = versionOf(live)
			return t.move(ctx, back)
		})
		if err == nil {
			moved = given
		}
		failed = errors.Join(failed, err) // whose the rest is must not be forgotten either
	}
	return failed
}

func (t target) look(ctx context.Context, id drift.ID) func() drift.Observation {
	return func() drift.Observation { return t.fetch(ctx, t.of, id) }
}

// finish sends the apply that a write before it has prepared. A controller that wrote
// status in between does not matter; whatever else changed does.
func (t target) finish(ctx context.Context, r drift.ApplyRequest, moved map[string]any) (map[string]any, error) {
	return insist(ctx, moved, t.look(ctx, r.Object.ID), func(live map[string]any) (map[string]any, error) {
		r.ResourceVersion = versionOf(live)
		return t.put(ctx, r)
	})
}

// put sends the apply; a lost answer is settled by looking.
func (t target) put(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	for attempt := 0; ; attempt++ {
		stored, err := t.patch(ctx, r.Object.ID, types.ApplyPatchType, withMeta(r.Object.Manifest, map[string]string{
			"uid": r.UID, "resourceVersion": r.ResourceVersion, "managedFields": ""}))
		if err == nil || !unknownOutcome(err) {
			return stored, describe(err)
		}
		found, settled := t.settle(ctx, r, err)
		if settled == nil || attempt > 0 || !errors.Is(settled, errNotWritten) {
			return found, settled
		}
	}
}

// errNotWritten says that a write whose answer was lost did not happen.
var errNotWritten = errors.New("nothing was written")

// settle finds out what became of an apply whose answer was lost: it happened
// if applying it again would change nothing.
func (t target) settle(ctx context.Context, r drift.ApplyRequest, cause error) (map[string]any, error) {
	cause = describe(cause)
	seen := t.fetch(ctx, t.of, r.Object.ID)
	switch {
	case seen.State == drift.Unreadable:
		return nil, fmt.Errorf("the answer was lost (%w), and the object cannot be read: %w", cause, seen.Err)
	case seen.State == drift.Absent && r.UID == "", seen.State == drift.Present && versionOf(seen.Live) == r.ResourceVersion:
		return nil, fmt.Errorf("%w: %w", errNotWritten, cause)
	case seen.State == drift.Absent, r.UID != "" && uidOf(seen.Live) != r.UID:
		return nil, fmt.Errorf("%w; the answer was lost: %w", drift.ErrConflict, cause)
	}
	again, err := t.dryRun(ctx, t.of, r.Object.ID, r.Object.Manifest)
	if err != nil {
		return nil, fmt.Errorf("the answer was lost (%w), and the object cannot be compared: %w", cause, err)
	}
	if !ownedByUs(seen.Live) || !diff.SameButStatus(seen.Live, again) {
		return nil, fmt.Errorf("%w; the answer was lost: %w", drift.ErrConflict, cause)
	}
	return seen.Live, nil
}

// move sends one JSON patch that hands other managers' fields to our Apply
// entry, so that the apply after it removes them. It is pinned to the judged
// resourceVersion: a stale one gives 409.
func (t target) move(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	operations := []nested.PatchOp{{Op: "replace", Path: "/metadata/resourceVersion", Value: r.ResourceVersion}}
	if r.ManagedFields != nil { // add replaces a member, and makes one where it was stripped
		operations = append(operations, nested.PatchOp{Op: "add", Path: "/metadata/managedFields", Value: r.ManagedFields})
	}
	moved, err := t.patch(ctx, r.Object.ID, types.JSONPatchType, append(operations, r.Patch...))
	switch {
	case err == nil && uidOf(moved) != r.UID:
		return nil, drift.ErrConflict // a resourceVersion belongs to one object; this cannot happen
	case err == nil:
		return moved, nil
	case !unknownOutcome(err):
		return nil, fmt.Errorf("taking over fields: %w", describe(err))
	}
	seen := t.fetch(ctx, t.of, r.Object.ID)
	if seen.State == drift.Present && versionOf(seen.Live) == r.ResourceVersion {
		return nil, fmt.Errorf("taking over fields: %w: %w", errNotWritten, describe(err))
	}
	return nil, fmt.Errorf("taking over fields: %w; the answer was lost: %w", drift.ErrConflict, describe(err))
}

// patch sends one PATCH of any sort. The error is as it came.
func (t target) patch(ctx context.Context, id drift.ID, sort types.PatchType, content any) (map[string]any, error) {
	where, err := t.of.object(id.Namespace, id.Name)
	if err != nil {
		return nil, err
	}
	body, err := encode(content)
	if err != nil {
		return nil, err
	}
	query := values("fieldManager", drift.FieldManager)
	if sort == types.ApplyPatchType {
		query = applyQuery(drift.FieldManager, false)
	}
	answer, err := t.send(ctx, request{verb: http.MethodPatch, path: where, query: query, contentType: string(sort), body: body})
	if err != nil {
		return nil, err
	}
	return asked{t.of, id.Namespace, id.Name}.read(answer)
}
