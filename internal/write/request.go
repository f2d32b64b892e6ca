package write

import (
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// RequestOf is the write that a step's decision grants, under the UID and the
// resourceVersion that were judged. An error says that the live object's
// managedFields cannot be read.
func RequestOf(n drift.Noise, app drift.App, step drift.Step, now time.Time) (drift.ApplyRequest, error) {
	live := step.Observation.Live
	change := step.Change
	if step.Decision.Replace {
		// A new object has nothing that cannot be changed.
		change.Fields = slices.DeleteFunc(slices.Clone(change.Fields), diff.KeepsLive)
	}
	object := step.Object.Unpack()
	if !step.Decision.Replace {
		object = diff.KeepNondeterministic(n, object, live)
	}
	object, err := Effective(n, object, change, live)
	if err != nil {
		return drift.ApplyRequest{}, err
	}
	request := drift.ApplyRequest{
		App: app, Object: object, UID: step.Change.UID, ResourceVersion: step.Change.ResourceVersion,
		Replace: step.Decision.Replace,
	}
	if live == nil || request.Replace {
		return request, nil
	}
	request.Patch = Removals(n, live, object.Manifest, step.Decision.Granted)
	if request.Emptied, err = emptied(n, live, object.Manifest); err != nil {
		return drift.ApplyRequest{}, err
	}
	request.ManagedFields, err = TakeOver(n, live, step.Decision.Granted, object.Kind().APIVersion(), step.Decision.Adopt, now)
	return request, err
}

// emptied are the empty values that stand in the live object and that an apply may lose:
// all that the manifest names of the container around them is empty, and it or members of
// it were ours until now. An apply makes null of a container that loses the last member
// which a fieldset can name, and of one that we applied empty and that holds nothing but
// empty lists of others.
func emptied(n drift.Noise, live, manifest map[string]any) ([]nested.Path, error) {
	entries, err := ownership.Read(n, live)
	if err != nil {
		return nil, err
	}
	var paths []nested.Path
	ownership.OwnFields(entries).Iterate(func(fields fieldpath.Path) {
		path := ownership.PathOf(fields)
		_, stays := nested.DesiredAt(manifest, path)
		for i := 1; i <= len(path); i++ {
			v, named := nested.DesiredAt(manifest, path[:i])
			if !named {
				return
			}
			if !nested.EmptyThroughout(v) || stays && i < len(path) {
				continue
			}
			for _, empty := range empties(v, path[:i]) {
				if _, stands := nested.ValueAt(live, empty); stands && !slices.ContainsFunc(paths, empty.Equal) {
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
func empties(v any, at nested.Path) []nested.Path {
	fields, isMap := v.(map[string]any)
	if !isMap || nested.IsEmpty(v) {
		return []nested.Path{slices.Clone(at)}
	}
	var paths []nested.Path
	for _, key := range nested.Keys(fields, nil) {
		paths = append(paths, empties(fields[key], at.Field(key))...)
	}
	return paths
}
