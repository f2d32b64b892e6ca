package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// compare is what a run makes of what was seen. Like a run, it looks again at what
// changed meanwhile.
func (l *lab) compare(ctx context.Context, s *subject) (drift.Change, error) {
	for attempt := 1; ; attempt++ {
		change, err := l.compareOnce(ctx, s)
		if !errors.Is(err, drift.ErrConflict) || attempt == busyAttempts {
			return change, nil
		}
		if err := l.observe(ctx, []*subject{s}); err != nil {
			return change, err
		}
	}
}

// compareOnce gives the error of a question that the server did not answer. It
// keeps what the same comparison finds with the memo's row.
func (l *lab) compareOnce(ctx context.Context, s *subject) (drift.Change, error) {
	without := diff.Comparison{App: l.app, Object: s.object, Observation: s.seen, PartOf: l.partOf,
		Family: map[string]string{l.partOf: appName},
		Entry:  &drift.Entry{ID: s.object.ID, Version: s.object.Version, UID: s.uid}}
	with := without
	if now, err := remembering(s.object.Manifest, s.seen.Live); err == nil && s.row.UID != "" {
		with.Row, with.DesiredHash, with.Digest = &s.row, now.DesiredHash, func() string { return now.Digest }
	}
	s.unremovable = nil
	change := diff.Compare(without)
	s.recorded = diff.Compare(with)
	if s.seen.Predicted == nil {
		// Where the server does not say what it would store, the row tells that Git
		// moved; where it does, what is found must not need a row.
		change = s.recorded
	}
	if s.seen.Live == nil {
		return change, nil
	}
	dryPatch := func(patch []nested.PatchOp) (map[string]any, error) {
		return l.killick.DryPatch(ctx, l.app, change.ID, change.Version, s.seen.Live, patch)
	}
	questions := diff.Questions{Patch: dryPatch, Create: func() (map[string]any, error) {
		return l.killick.DryCreate(ctx, l.app, s.object)
	}}
	var err error
	if s.recorded, err = with.Ask(s.recorded, questions); err != nil {
		s.note("the additions cannot be removed: %v", err)
		var refusal *drift.Refusal
		if errors.As(err, &refusal) {
			s.unremovable = slices.DeleteFunc(diff.Additions(s.recorded), func(at nested.Path) bool {
				_, alone := dryPatch(nested.RemovalPatch(s.seen.Live, []nested.Path{at}))
				return !errors.As(alone, &refusal)
			})
		}
	}
	if s.seen.Predicted == nil || errors.Is(err, drift.ErrConflict) {
		return s.recorded, err
	}
	return without.Ask(change, questions)
}

// judge compares what was found with what happened.
func (l *lab) judge(ctx context.Context, s *subject) error {
	var err error
	if s.change, err = l.compare(ctx, s); err != nil {
		return err
	}
	for _, f := range s.recorded.Fields {
		s.note("found %s %s: %s → %s by %q, cause %s", f.Op, f.Path, brief(f.Desired), brief(f.Live), f.Manager, f.Cause)
	}
	if s.change.Err != nil {
		s.note("found error: %v", s.change.Err)
	}
	s.unowned = s.seen.Live != nil && managers(s.seen.Live) == ""
	s.note("managedFields %s", managers(s.seen.Live))
	switch {
	case s.seen.State == drift.Unreadable:
		return fmt.Errorf("reading the object: %w", s.seen.Err)
	case s.special == "delete":
		if s.change.Type != drift.Missing {
			s.wrong("missed", "the object was deleted and is %s", s.change.Type)
		}
		return nil
	case s.seen.State == drift.Absent:
		s.wrong("missed", "the object is absent, and nobody deleted it")
		return nil
	}
	s.judgeProof()
	s.judgeMemo()
	for _, t := range s.unseen() {
		if back, err := s.comesBack(ctx, t, s.seen.Live); err != nil {
			return err
		} else if !back {
			s.missed(t)
		}
	}
	s.judgeInvented()
	s.judgeRecorded()
	s.judgeFields(s.change, s.seen.Predicted == nil)
	s.judgeFields(s.recorded, true)
	for _, finding := range s.change.Findings {
		if strings.HasPrefix(finding, "admission ") {
			s.wrong("invented", "nothing mutates here: %s", finding)
		}
	}
	return nil
}

// managers is who owns what.
func managers(live map[string]any) string {
	meta, _ := live["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	var out []string
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		out = append(out, fmt.Sprintf("%v (%v) %s", entry["manager"], entry["operation"], brief(entry["fieldsV1"])))
	}
	return strings.Join(out, "; ")
}

// judgeProof: a proof must not claim what the server denies.
func (s *subject) judgeProof() {
	live, predicted := s.seen.Live, s.seen.Predicted
	s.proved = diff.Proved(s.object, live)
	s.same = predicted != nil && equal(values(predicted), values(live))
	if !s.proved {
		return
	}
	switch {
	case predicted == nil:
		s.wrong("false clean", "proved, and the dry-run is refused: %v", s.seen.Err)
	case !s.same:
		s.wrong("false clean", "proved, and the dry-run differs at %s", strings.Join(differences(values(predicted), values(live), ""), ", "))
	}
	for _, f := range s.change.Fields {
		if !f.Addition {
			s.wrong("false clean", "proved, and the comparison finds %s %s", f.Op, f.Path)
		}
	}
	byProof := s.seen
	byProof.Predicted, byProof.Prediction = live, drift.ByProof
	again := diff.Compare(diff.Comparison{Object: s.object, Observation: byProof, Entry: &drift.Entry{UID: s.uid}})
	if len(again.Fields) < len(s.change.Fields) {
		s.wrong("false clean", "with the proof %d fields are found, with the dry-run %d", len(again.Fields), len(s.change.Fields))
	}
}

// values is what an object says beside the server's bookkeeping.
func values(tree map[string]any) map[string]any {
	out := shallow(tree)
	delete(out, "status")
	meta, _ := tree["metadata"].(map[string]any)
	meta = shallow(meta)
	for _, key := range []string{"managedFields", "resourceVersion", "generation"} {
		delete(meta, key)
	}
	out["metadata"] = meta
	return out
}

// differences are the pointers at which two trees differ.
func differences(a, b any, at string) []string {
	if equal(a, b) {
		return nil
	}
	if x, ok := a.(map[string]any); ok {
		if y, ok := b.(map[string]any); ok {
			var out []string
			for _, key := range sortedKeys(x, y) {
				v, had := x[key]
				w, has := y[key]
				if had != has {
					out = append(out, at+"/"+key)
					continue
				}
				out = append(out, differences(v, w, at+"/"+key)...)
			}
			return out
		}
	}
	return []string{at}
}

// touched is a place that the script changed.
type touched struct {
	path  path
	act   *act // nil for Git and Killick's own applies
	newer bool // Killick applied it
}

func (s *subject) touches() []touched {
	var out []touched
	for i, a := range s.done {
		for _, p := range s.places(a) {
			out = append(out, touched{path: p, act: &s.done[i]})
		}
	}
	for i, e := range slices.Concat(s.newer, s.git) {
		for _, p := range e.paths(s.script.kind.shape) {
			out = append(out, touched{path: p, newer: i < len(s.newer)})
		}
	}
	return out
}

// edits are all that anybody changed after the first apply.
func (s *subject) edits() []edit {
	all := slices.Concat(s.newer, s.git)
	for _, a := range s.done {
		all = append(all, a.edit)
	}
	return all
}

// places are where an act may show. A strategic merge patch finds the items of a
// list by one key also where the list merges by two (kubernetes,
// ServiceSpec.Ports: patchMergeKey=port), so that what was meant for one item can
// reach another one.
func (s *subject) places(a act) []path {
	shape := s.script.kind.shape
	found := a.edit.paths(shape)
	if s.script.kind.custom || a.hand.way != strategic && a.hand.way != deploying {
		return found
	}
	for _, p := range slices.Clone(found) {
		below := shape
		for i, step := range p {
			if len(below.keys) > 1 && step.keys != nil {
				for _, twin := range s.twins(below, p[:i], step) {
					found = append(found, slices.Concat(p[:i], path{twin}, p[i+1:]))
				}
			}
			below = below.below(step)
		}
	}
	return found
}

// twins are the other items of a list that a strategic merge patch cannot tell
// from this one.
func (s *subject) twins(list *shape, at path, item element) []element {
	var found []element
	for _, tree := range []map[string]any{s.seen.Live, s.truth} {
		v, _ := s.script.kind.shape.get(tree, at)
		items, _ := v.([]any)
		for _, other := range items {
			twin := list.identity(other)
			again := func(e element) bool { return same(e, twin) }
			if equal(twin.keys[list.keys[0]], item.keys[list.keys[0]]) && !slices.ContainsFunc(append(found, item), again) {
				found = append(found, twin)
			}
		}
	}
	return found
}

// unseen are the edits that still show and are not reported.
func (s *subject) unseen() []touched {
	var found []touched
	for _, t := range s.touches() {
		if s.asGitSays(t, s.seen.Live) || !s.binding(t, s.seen.Live) || s.invisible(t) {
			continue
		}
		written := t.path.written()
		if !slices.ContainsFunc(s.change.Fields, func(f drift.FieldChange) bool { return overlap(f.Path, written) }) {
			found = append(found, t)
		}
	}
	return found
}

func (s *subject) missed(t touched) {
	have, _ := s.script.kind.shape.get(s.seen.Live, t.path)
	want, _ := s.script.kind.shape.get(s.truth, t.path)
	s.wrong("missed", "%s is %s, and should be %s", t.path.written(), brief(have), brief(want))
}

// judgeInvented: nothing is reported that nobody did.
func (s *subject) judgeInvented() {
	if s.special == "unlabel" || s.special == "recreate" {
		return
	}
	all := s.touches()
	for _, f := range s.change.Fields {
		excused := slices.ContainsFunc(all, func(t touched) bool { return t.reaches(f.Path) })
		for _, e := range s.edits() { // with it go the defaults below
			excused = excused || overlap(f.Path, e.path.written())
		}
		if !excused && !s.moved(f.Path) {
			s.wrong("invented", "%s %s: %s → %s by %q", f.Op, f.Path, brief(f.Desired), brief(f.Live), f.Manager)
		}
		if why := s.noDrift(f); why != "" {
			s.wrong("invented", "%s %s: %s → %s by %q: %s", f.Op, f.Path, brief(f.Desired), brief(f.Live), f.Manager, why)
		}
	}
	if s.seen.Predicted != nil && !s.same && len(s.change.Fields) == 0 {
		s.wrong("missed", "the dry-run changes %s", strings.Join(differences(values(s.seen.Predicted), values(s.seen.Live), ""), ", "))
	}
}

// noDrift says why a reported field is none, also where the script touched it: it
// looks as Git says, or an apply leaves it as it is and nobody whose additions are
// drift added it.
//
// What a hand added that is the server's default too is reported where the server
// refuses to say what it would store without this addition: only that tells.
//
// Three things are reported all the same, all where Git dropped something: what the
// server keeps although an apply lets it go, such as a pod's serviceAccountName or a
// Service's node port; a map that loses its last member, of which an apply makes
// null although Git's own would hold a default; and, while the dry-run is refused, a
// value that is the default too, which only the server knows.
func (s *subject) noDrift(f drift.FieldChange) string {
	have, present := nested.ValueAt(s.seen.Live, f.Path)
	want, wanted := nested.ValueAt(s.truth, f.Path)
	dropped := s.gitMoved(f.Path)
	kept := dropped && f.Kept
	will, stays := nested.ValueAt(s.seen.Predicted, f.Path)
	emptied := dropped && (s.seen.Predicted == nil || present != stays || !equal(have, will))
	switch {
	case f.Excluded && !wanted:
		return "" // the server has said that it is in the way of what Git says
	case present == wanted && equal(have, want) && !emptied && !(slices.ContainsFunc(s.unremovable, f.Path.Equal) && s.addedBy(f)):
		return "Git says the same"
	case f.Addition && !s.forgotten() && !slices.ContainsFunc(s.actsAt(f.Path), func(i int) bool { return s.done[i].hand.human() }):
		return "no person or program for people added it"
	case s.same && !f.Addition && !kept && !s.isLeft(f.Path):
		return "an apply changes nothing"
	}
	return ""
}

// addedBy says that the one who is said to have added something put it exactly there,
// and is somebody whose additions are drift.
func (s *subject) addedBy(f drift.FieldChange) bool {
	return f.Addition && slices.ContainsFunc(s.done, func(a act) bool {
		return a.hand.human() && a.hand.manager == f.Manager && a.edit.op != "remove" && f.Path.HasPrefix(a.edit.path.written())
	})
}
