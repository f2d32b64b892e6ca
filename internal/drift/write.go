package drift

import (
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// WriteOf is the write that a step's decision grants, under the UID and the
// resourceVersion that were judged. An error says that the live object's
// managedFields cannot be read.
func (n Noise) WriteOf(app App, step Step, now time.Time) (ApplyRequest, error) {
	live := step.Observation.Live
	object, err := n.Effective(step.Object.Unpack(), step.Change, live)
	if err != nil {
		return ApplyRequest{}, err
	}
	request := ApplyRequest{
		App: app, Object: object, UID: step.Change.UID, ResourceVersion: step.Change.ResourceVersion,
		Replace: step.Decision.Replace,
	}
	if live == nil || request.Replace {
		return request, nil
	}
	request.Patch = n.Removals(live, object.Manifest, step.Decision.Granted)
	if request.Emptied, err = n.emptied(live, object.Manifest); err != nil {
		return ApplyRequest{}, err
	}
	request.ManagedFields, err = n.TakeOver(live, step.Decision.Granted, object.Kind().APIVersion(), step.Decision.Adopt, now)
	return request, err
}

// emptied are the containers that the manifest names as empty and of which we own
// members until this apply.
func (n Noise) emptied(live, manifest map[string]any) ([]Path, error) {
	entries, err := n.read(live)
	if err != nil {
		return nil, err
	}
	var paths []Path
	ownFields(entries).Iterate(func(fields fieldpath.Path) {
		path := pathOf(fields)
		for i := 1; i < len(path); i++ {
			v, named := wantedValue(manifest, path[:i])
			if !named {
				return
			}
			if isEmpty(v) {
				if !slices.ContainsFunc(paths, path[:i].Equal) {
					paths = append(paths, slices.Clone(path[:i]))
				}
				return
			}
		}
	})
	return paths, nil
}
