package diff

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// additions are live fields that an interactive, pipeline or unknown manager
// owns, that Git does not mention and that no apply of ours would remove.
// changed are the differences already found: their subtrees are not told twice.
// Of an object that is not ours yet, what its previous deployer wrote counts
// too: adopting the object removes it.
func (c Comparison) additions(entries []ownership.Entry, ours, shape *fieldpath.Set, changed []drift.FieldChange, tracked bool) []drift.FieldChange {
	adds := func(entry ownership.Entry) bool { return entry.Human() || !tracked && entry.Deployed() }
	climb := climb{noise: c.Noise, ours: ours, others: fieldpath.NewSet(), shape: shape, manifest: c.Object.Manifest, changed: changed}
	own := ownership.OwnFields(entries)
	for _, entry := range entries {
		switch {
		case tracked && entry.Merged():
			climb.others = climb.others.Union(entry.Fields.Difference(own))
		case !adds(entry) && !entry.Ours():
			climb.others = climb.others.Union(entry.Fields)
		}
	}
	var found []drift.FieldChange
	for _, entry := range entries {
		if !adds(entry) {
			continue
		}
		entry.Fields.Leaves().Iterate(func(leaf fieldpath.Path) {
			path := climb.root(leaf)
			if path == nil {
				return
			}
			live, present := ownership.ValueAt(c.Observation.Live, path)
			written := ownership.PathOf(path)
			if !present || c.Noise.IsQuiet(written) || covered(changed, written) || covered(found, written) {
				return
			}
			cause := drift.CauseLive
			if ownership.Touches(own, shape, path) {
				cause = drift.CauseGit // we applied it too, and Git has dropped it
			}
			by := ownership.Owner(entries, shape, path)
			found = append(found, drift.FieldChange{
				Path: written, Op: drift.OpAdd, Live: nested.Clone(live), Cause: cause, Addition: true,
				Manager: by.Manager, ManagerClass: by.Class, ManagerTime: by.Time,
			})
		})
	}
	return found
}

// climb finds out how much of an object is an addition as a whole.
type climb struct {
	noise    drift.Noise
	ours     *fieldpath.Set // what an apply of the manifest would own
	others   *fieldpath.Set // what controllers and other deployers own
	shape    *fieldpath.Set // the union of all fieldsets
	manifest map[string]any
	changed  []drift.FieldChange
}

// root climbs from an owned leaf to the highest value that is wholly an
// addition: nothing of it is ours, a controller's or Git's, or told already. Nil
// when the leaf itself is not one.
func (c climb) root(leaf fieldpath.Path) fieldpath.Path {
	if c.noise.IsQuiet(ownership.PathOf(leaf)) {
		return nil
	}
	for i := 1; i <= len(leaf); i++ {
		path := leaf[:i].Copy()
		if c.open(path) || isKey(path) || ownership.Touches(c.ours, c.shape, path) || ownership.Touches(c.others, c.shape, path) {
			continue
		}
		if !isItem(path) && c.above(path) {
			continue // an item goes as a whole, or its keys stay alone
		}
		if _, wanted := ownership.ValueAt(c.manifest, path); wanted {
			continue
		}
		return path
	}
	return nil
}

// isItem says that a path names an item of a keyed list.
func isItem(path fieldpath.Path) bool { return path[len(path)-1].Key != nil }

// isKey says that a path ends in a key of the list item that it lies in: it goes
// with the item or not at all.
func isKey(path fieldpath.Path) bool {
	if len(path) < 2 || path[len(path)-1].FieldName == nil || path[len(path)-2].Key == nil {
		return false
	}
	for _, key := range *path[len(path)-2].Key {
		if key.Name == *path[len(path)-1].FieldName {
			return true
		}
	}
	return false
}

// open says that a container holds members of several origins, so that each is
// an addition by itself: metadata with its labels and annotations (admission
// adds some that nobody owns, and some are quiet), and lists that merge by key or
// as a set.
func (c climb) open(path fieldpath.Path) bool {
	last := ownership.ElementOf(path[len(path)-1])
	if last == "metadata" || granular(path) {
		return true
	}
	return !ownership.ShapeOf(setAt(c.shape, path)).Atomic()
}

// above says that something below the path is told as a change already.
func (c climb) above(path fieldpath.Path) bool {
	written := ownership.PathOf(path)
	for _, change := range c.changed {
		if len(change.Path) > len(written) && change.Path.HasPrefix(written) {
			return true
		}
	}
	return false
}

// covered says that a path is told with a change at or above it. A change of
// order alone tells nothing of the elements.
func covered(changes []drift.FieldChange, path nested.Path) bool {
	for _, change := range changes {
		if path.HasPrefix(change.Path) && change.Note != drift.NoteOrderOnly {
			return true
		}
	}
	return false
}
