package diff

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// rewritten are the paths at which the API server would store something else
// than the manifest asks for, although the field would be ours: mutating
// admission changes what we write after field management has looked at it
// (apiserver, handlers/patch.go), so our entry names the field and the value is
// somebody else's. A dry-run passes through the same admission; prediction and
// live object then agree with each other and not with Git, however often Git's
// value is applied.
//
// Other spellings of one value, zero values and what the server adds inside a
// value are not meant.
func (c Comparison) rewritten(ours *fieldpath.Set) []nested.Path {
	if c.Observation.Prediction == drift.ByProof {
		return nil // every value was Git's
	}
	var paths []nested.Path
	ours.Leaves().Iterate(func(leaf fieldpath.Path) {
		written := ownership.PathOf(leaf)
		want, ok := nested.DesiredAt(c.Object.Manifest, written)
		if !ok || IsZero(want) {
			return
		}
		if got, present := nested.DesiredAt(c.Observation.Predicted, written); !present || !means(want, got) {
			paths = append(paths, written)
		}
	})
	return paths
}

// DescribeRewritten is one line however many fields it concerns. It holds no values.
func DescribeRewritten(paths []nested.Path) string {
	more := ""
	if len(paths) > 1 {
		more = fmt.Sprintf(" and %d more", len(paths)-1)
	}
	return fmt.Sprintf("%s at %s%s", drift.FindingRewritten, paths[0], more)
}

// judgeable takes out of the server's prediction what is admission's doing and
// not Git's wish: a field that stands as Git says and that admission would change
// on the next write, and, where nothing else differs, what admission would add or
// change beside everything that Git names and we own.
//
// ours is what an apply would own. Where that is not what our entry names already,
// Git moved, and what the server fills in for it is part of that.
func (c Comparison) judgeable(found []rawChange, rewritten []nested.Path, ours *fieldpath.Set, entries []ownership.Entry) []rawChange {
	var kept []rawChange
	for _, raw := range found {
		path := ownership.PathOf(raw.path)
		if slices.ContainsFunc(rewritten, func(p nested.Path) bool { return p.HasPrefix(path) || path.HasPrefix(p) }) {
			want, wanted := nested.DesiredAt(c.Object.Manifest, path)
			switch {
			case wanted && raw.op == drift.OpReplace && means(want, raw.live):
				continue
			case wanted && raw.note == "":
				raw.desired, raw.note = nested.Clone(want), drift.NoteRewritten
			}
		}
		kept = append(kept, raw)
	}
	own, shape := ownership.OwnEntry(entries), ownership.Structure(entries)
	if own.ApiVersion != c.Object.Kind().APIVersion() {
		return kept // its paths are another version's
	}
	beside := func(raw rawChange) bool {
		return !MayBeWanted(c.Object.Manifest, ownership.PathOf(raw.path)) && !ownership.Touches(own.Fields, shape, raw.path)
	}
	if own.Fields.Equals(ours) && !slices.ContainsFunc(kept, func(raw rawChange) bool { return !beside(raw) }) {
		return nil
	}
	for i, raw := range kept {
		if raw.op == drift.OpRemove && raw.note == "" && beside(raw) {
			kept[i].note = drift.NoteBeside
		}
	}
	return kept
}

// MayBeWanted says whether a manifest names a path of a live object, as far as can
// be told: a list item may leave keys to the server, whose defaults only a schema
// knows.
func MayBeWanted(manifest map[string]any, path nested.Path) bool {
	_, found := nested.Follow(manifest, path, func(items []any, element string) int {
		if i := nested.DesiredIndex(items, element); i >= 0 || !strings.HasPrefix(element, "[") {
			return i
		}
		keys, ok := nested.SplitKeys(strings.TrimSuffix(element[1:], "]"))
		return slices.IndexFunc(items, func(item any) bool {
			fields, isMap := item.(map[string]any)
			for name, literal := range keys {
				if v, named := fields[name]; named && nested.ElementValue(v) != literal {
					return false
				}
			}
			return ok && isMap
		})
	})
	return found
}

// means says that a live value is what Git asks for in the server's words: more
// may have been added to it, and quantities, times, durations and base64 have
// several spellings.
func means(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		for key, v := range want {
			item, present := have[key]
			if !ok || !IsZero(v) && (!present || !means(v, item)) {
				return false
			}
		}
		return ok || len(want) == 0
	case []any:
		have, ok := got.([]any)
		found := 0
		for _, item := range have {
			if found < len(want) && (IsZero(want[found]) || means(want[found], item)) {
				found++ // in Git's order; between them may stand what was added
			}
		}
		return ok && found == len(want)
	}
	return nested.EqualValues(want, got) || sameQuantity(want, got) || sameText(want, got)
}

func sameText(want, got any) bool {
	a, ok := want.(string)
	b, both := got.(string)
	if !ok || !both {
		return false
	}
	if x, err := time.Parse(time.RFC3339, a); err == nil {
		y, err := time.Parse(time.RFC3339, b)
		return err == nil && x.Truncate(time.Second).Equal(y.Truncate(time.Second))
	}
	if x, err := time.ParseDuration(a); err == nil {
		y, err := time.ParseDuration(b)
		return err == nil && x == y
	}
	x, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(a), ""))
	if err != nil || len(x) == 0 {
		return false
	}
	y, err := base64.StdEncoding.DecodeString(b)
	return err == nil && bytes.Equal(x, y)
}
