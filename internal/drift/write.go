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
	change := step.Change
	if step.Decision.Replace {
		// A new object has nothing that cannot be changed.
		change.Fields = slices.DeleteFunc(slices.Clone(change.Fields), carried)
	}
	object := step.Object.Unpack()
	if !step.Decision.Replace {
		object = n.LeaveAlone(object, live)
	}
	object, err := n.Effective(object, change, live)
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

// emptied are the empty values that stand in the live object and that an apply may lose:
// all that the manifest names of the container around them is empty, and it or members of
// it were ours until now. An apply makes null of a container that loses the last member
// which a fieldset can name, and of one that we applied empty and that holds nothing but
// empty lists of others.
func (n Noise) emptied(live, manifest map[string]any) ([]Path, error) {
	entries, err := n.read(live)
	if err != nil {
		return nil, err
	}
	var paths []Path
	ownFields(entries).Iterate(func(fields fieldpath.Path) {
		path := pathOf(fields)
		_, stays := wantedValue(manifest, path)
		for i := 1; i <= len(path); i++ {
			v, named := wantedValue(manifest, path[:i])
			if !named {
				return
			}
			if !hollow(v) || stays && i < len(path) {
				continue
			}
			for _, empty := range empties(v, path[:i]) {
				if _, stands := ValueAt(live, empty); stands && !slices.ContainsFunc(paths, empty.Equal) {
					paths = append(paths, empty)
				}
			}
			return
		}
	})
	return paths, nil
}

// empties are the empty containers that a hollow value consists of. What is in the
// items of a list goes with the list.
func empties(v any, at Path) []Path {
	fields, isMap := v.(map[string]any)
	if !isMap || isEmpty(v) {
		return []Path{slices.Clone(at)}
	}
	var paths []Path
	for _, key := range unionKeys(fields, nil) {
		paths = append(paths, empties(fields[key], at.Field(key))...)
	}
	return paths
}
