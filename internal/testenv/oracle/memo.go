package main

import (
	"slices"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// memoKey keys the digests of this program's own memo.
var memoKey = []byte("the oracle's memo has no secrets!")

// remembering is the memo row of what Killick's last apply stored. It has no
// resourceVersion, so that the digest alone has to tell.
func remembering(manifest, live map[string]any) (drift.Row, error) {
	hash, err := diff.HashManifest(memoKey, manifest)
	if err != nil {
		return drift.Row{}, err
	}
	row, err := diff.RowOf(drift.Noise{}, memoKey, manifest, live)
	row.DesiredHash, row.Proof = hash, true
	return row, err
}

// judgeMemo: where Git did not move, the memo must not settle an object at which
// the comparison finds anything.
func (s *subject) judgeMemo() {
	belief := drift.Belief{Trust: drift.TrustMemo, Key: memoKey}
	hash, err := diff.HashManifest(memoKey, s.object.Manifest)
	if err != nil || hash != s.row.DesiredHash || diff.Predict(belief, s.object, s.row, s.seen.Live, false) != drift.ByMemo {
		return
	}
	s.recalled = true
	for _, f := range s.recorded.Fields {
		s.wrong("false clean", "the memo settles it, and the comparison finds %s %s", f.Op, f.Path)
	}
}

var replicas = nested.Path{"spec", "replicas"}

// judgeRecorded: with the memo's row the same is found as without, and what only it can
// tell: replicas that were scaled by hand where nobody owned them, and empty lists that
// Git dropped.
func (s *subject) judgeRecorded() {
	s.scaled, s.leftLists = s.memoOnly(), s.leftByApply()
	has := func(change drift.Change, at nested.Path) bool {
		return slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return f.Path.Equal(at) })
	}
	for _, f := range s.change.Fields {
		if !has(s.recorded, f.Path) {
			s.wrong("missed", "%s %s is not found with the memo's row", f.Op, f.Path)
		}
	}
	for _, f := range s.recorded.Fields {
		if !has(s.change, f.Path) && !(s.scaled && f.Path.Equal(replicas)) && !s.isLeft(f.Path) {
			s.wrong("invented", "%s %s is only found with the memo's row", f.Op, f.Path)
		}
	}
	for _, at := range s.leftLists {
		if !slices.ContainsFunc(s.recorded.Fields, func(f drift.FieldChange) bool {
			return f.Op != drift.OpRemove && at.written().HasPrefix(f.Path)
		}) {
			s.wrong("missed", "Git dropped %s: [], and the memo's row does not tell", at.written())
		}
	}
	if s.scaled && !has(s.recorded, replicas) {
		s.wrong("missed", "somebody scaled it, and the memo's row does not tell")
	}
}

// memoOnly says that the object was scaled by hand, that nobody owns its replicas and
// Git names none: no managedFields entry has them then, so only the memo can tell.
// After a reset nobody owns anything. A patch or update that left the replicas as they
// were, after the scaling too, says nothing.
func (s *subject) memoOnly() bool {
	now := nested.Replicas(s.seen.Live)
	_, named := s.script.kind.shape.at(s.object.Manifest, replicas)
	if named || now == nil || s.row.Replicas == nil || *now == *s.row.Replicas || s.row.UID != nested.UIDOf(s.seen.Live) {
		return false
	}
	scaled := false
	for i, a := range s.done {
		switch {
		case !overlap(a.edit.path.written(), replicas):
		case s.special == "reset", a.hand.way == scaling:
			scaled = s.special == "reset" || s.unrecorded(i)
		case a.applies() || !s.kept(i, replicas):
			scaled = false
		}
	}
	return scaled
}

// leftByApply are the empty lists that Killick applied last, that Git dropped and that
// still stand where nobody else wrote: no fieldset names one that merges, so that an
// apply leaves it, and only the memo can tell it from a default. After a reset, or on an
// object that somebody made again, nobody can.
func (s *subject) leftByApply() []path {
	if s.row.UID == "" || s.row.UID != nested.UIDOf(s.seen.Live) {
		return nil
	}
	shape := s.script.kind.shape
	return slices.DeleteFunc(shape.emptyLists(s.applied(), nil), func(at path) bool {
		_, named := shape.get(s.object.Manifest, at)
		return named || len(s.actsAt(at.written())) > 0 || !s.isEmptyList(at)
	})
}

func (s *subject) isLeft(at nested.Path) bool {
	return slices.ContainsFunc(s.leftLists, func(p path) bool { return p.written().Equal(at) })
}

func (s *subject) isEmptyList(at path) bool {
	live, _ := s.script.kind.shape.get(s.seen.Live, at)
	return equal(live, []any{})
}

// emptyLists are the places of empty lists that merge.
func (s *shape) emptyLists(v any, at path) []path {
	if s.whole {
		return nil
	}
	var found []path
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			found = append(found, s.below(element{name: key}).emptyLists(v[key], at.field(key))...)
		}
	case []any:
		if len(v) == 0 && s.sort == list {
			return []path{at}
		}
		for _, item := range v {
			found = append(found, s.value.emptyLists(item, at.with(s.identity(item)))...)
		}
	}
	return found
}
