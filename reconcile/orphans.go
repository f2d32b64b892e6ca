package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// orphans tells of the apps that left the config: nothing of them is touched. One of which
// nothing is left, since its objects are gone or were taken over by other apps, as after
// an app was renamed, is forgotten: its inventory and state are deleted. What cannot be
// read, or may still be its, stays, and so does what a run over some apps cannot tell.
func (r Reconciler) orphans(ctx context.Context, request Request, apps []app) (told []drift.ReportError, warnings []string) {
	for _, name := range request.Parents {
		if slices.ContainsFunc(request.Apps, func(a drift.App) bool { return a.Name == name }) {
			continue
		}
		stay, err := r.anyLeft(ctx, request, apps, name)
		switch {
		case err != nil:
			told = append(told, drift.ReportOf(name, "observe", fmt.Errorf("app %q left the config, and what is left of it is not known: %w", name, err)))
		case stay:
			told = append(told, drift.ReportError{App: name, Stage: "config",
				Message: fmt.Sprintf("app %q left the config; its objects stay", name),
				Hint: fmt.Sprintf("add it again, or name its objects in another app, which takes them over; or delete them, and then the ConfigMaps %s and %s, by hand",
					drift.ParentName(name), drift.StateName(name))})
		case request.Mode == Run && ctx.Err() == nil:
			if err := r.Memory.ForgetApp(ctx, name); err != nil {
				told = append(told, drift.ReportOf(name, "act", err))
				continue
			}
			warnings = append(warnings, fmt.Sprintf("app %q left the config and has no objects any more: its inventory and state were deleted", name))
		}
	}
	return told, warnings
}

// anyLeft says whether an app that left the config has, or may have, an object left.
func (r Reconciler) anyLeft(ctx context.Context, request Request, apps []app, name string) (bool, error) {
	inventory, _, err := r.Memory.Load(ctx, name)
	if err != nil {
		return true, err
	}
	if !inventory.Known || len(request.Only) > 0 {
		return true, nil
	}
	partOf := drift.ApplySetID(name, request.StateNamespace)
	for _, entry := range inventory.Entries {
		if taken(request, apps, entry.ID) {
			continue
		}
		// One that stays is enough to know.
		seen := r.Reader.Get(ctx, drift.App{}, entry.ID, entry.Version)
		if errors.Is(seen.Err, drift.ErrNotServed) && r.Reader.KindIsGone(ctx, entry.ID) {
			continue
		}
		if seen.State == drift.Unreadable || seen.State == drift.Present && staysWith(partOf, entry, diff.CompareExtra(seen, entry, family(request))) {
			return true, nil
		}
	}
	return false, nil
}

// staysWith says that a live object is, or may be, still the app's: by its label, or as the
// very object that was applied, unless another app has written its own label to it. Whoever
// else changed the label has not taken the object over.
func staysWith(partOf string, entry drift.Entry, change drift.Change) bool {
	own := change.Ownership
	same := change.Err != nil || change.UID == entry.UID
	return own.PartOf == partOf || same && (own.PartOf == "" || !own.LabelOwned)
}

// taken says that an app of this run has an object, or that a plan would give it to one.
func taken(request Request, apps []app, id drift.ID) bool {
	for _, a := range apps {
		if !a.selected || a.err != nil || len(a.failed) > 0 {
			continue
		}
		if slices.ContainsFunc(a.results, func(result drift.Result) bool {
			own := result.Step.Change.Ownership
			return result.Step.Change.ID == id && result.Step.Change.Type != drift.Extra &&
				(result.Outcome == drift.Applied || request.Mode == Plan && result.Outcome == drift.Planned || own.PartOf == a.partOf && own.LabelOwned)
		}) {
			return true
		}
	}
	return false
}
