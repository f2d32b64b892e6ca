package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/write"
)

// everything is what a policy that wants Git's way grants.
var everything = drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{
	drift.VerbSync: {{Verb: drift.VerbSync, Text: "Git says so"}}, drift.VerbHeal: {{Verb: drift.VerbHeal, Text: "put it back"}},
	drift.VerbAdopt: {{Verb: drift.VerbAdopt, Text: "take it over"}}}}

// busyAttempts bounds the writes of an object that controllers keep writing, as
// in the first seconds of a rollout on a busy machine. A conflict is an answer
// that a run gives too; what is judged here is what a write does.
const busyAttempts = 10

// heal puts back what was found, as a run does.
func (l *lab) heal(ctx context.Context, s *subject) error {
	s.change = s.known()
	if s.change.Type == drift.InSync || s.change.Type == drift.Unknown {
		s.healed = s.change.Type == drift.InSync
		return nil
	}
	decision := decide.Decide(s.change, everything, decide.Facts{Now: time.Now()})
	if !decision.Action.Writes() {
		if s.change.Err != nil && (s.special == "reset" || s.unowned) {
			s.withheld = "nobody is known to have written anything: " + decision.Reason
			return nil
		}
		return s.withhold(ctx, decision.Reason, s.change.Err)
	}
	after, err := l.write(ctx, s, decision)
	for range busyAttempts {
		if !errors.Is(err, drift.ErrConflict) {
			break
		}
		if err := l.observe(ctx, []*subject{s}); err != nil {
			return err
		}
		if s.change, err = l.compare(ctx, s); err != nil {
			return err
		}
		s.change = s.known()
		after, err = l.write(ctx, s, decision)
	}
	if err != nil {
		return s.withhold(ctx, err.Error(), err)
	}
	s.healed = true
	if left := write.Remaining(l.noise, s.change.Fields, s.object.Manifest, after, s.seen.Predicted); len(left) > 0 {
		s.wrong("still differs", "%s, it is said", left[0])
	}
	return nil
}

// withhold: what was found may only be left as it is if a controller or another deployer
// has a part in it and keeps it, or if nobody could put it back.
func (s *subject) withhold(ctx context.Context, reason string, refused error) error {
	if s.meddled(s.concerned(refused)) {
		s.withheld = "a controller has a part in it: " + reason
		return nil
	}
	impossible, err := s.impossible(ctx)
	if !impossible && err == nil {
		impossible, err = s.immutable(ctx, refused)
	}
	if !impossible {
		s.wrong("not healed", "%s", reason)
		return err
	}
	s.withheld = "nobody could put it back: " + reason
	return err
}

// concerned says whether a place is among those that were found or refused, or beside
// one: a controller's part of a value may not be allowed to stand alone.
func (s *subject) concerned(refused error) func(nested.Path) bool {
	var places []nested.Path
	for _, f := range s.change.Fields {
		places = append(places, f.Path)
		if len(f.Path) > 2 {
			places = append(places, f.Path[:len(f.Path)-1])
		}
	}
	var refusal *drift.Refusal
	if errors.As(refused, &refusal) {
		for _, cause := range refusal.Causes {
			list, _, _ := strings.Cut(cause.Field, "[") // by its index in an object that nobody has seen
			places = append(places, strings.Split(list, "."))
		}
	}
	return func(q nested.Path) bool {
		return slices.ContainsFunc(places, func(p nested.Path) bool { return overlap(p, q) })
	}
}

// known is what a run knows that has the memo, where that is needed.
func (s *subject) known() drift.Change {
	if s.memoOnly() || len(s.leftLists) > 0 {
		return s.recorded
	}
	return s.change
}

// write makes one write as reconcile's act does, of all that was found: what was
// added by hand goes too, also where a run would only bring what Git changed.
func (l *lab) write(ctx context.Context, s *subject, decision drift.Decision) (map[string]any, error) {
	decision.Granted = s.change.Fields
	request, err := write.RequestOf(l.noise, l.app, drift.Step{
		Object: s.object, Observation: s.seen, Change: s.change, Decision: decision,
	}, time.Now())
	if err != nil {
		return nil, err
	}
	return l.killick.Apply(ctx, request)
}

// converged: after one write nothing is left to do, and every edited place looks
// as Git says.
func (l *lab) converged(ctx context.Context, s *subject) error {
	if s.seen.State != drift.Present {
		s.wrong("not converged", "the object is gone")
		return nil
	}
	if s.seen.Predicted == nil {
		s.wrong("not converged", "the dry-run is refused: %v", s.seen.Err)
		return nil
	}
	live := s.seen.Live
	if !equal(values(s.seen.Predicted), values(live)) {
		s.wrong("not converged", "the dry-run changes %s", strings.Join(differences(values(s.seen.Predicted), values(live), ""), ", "))
	}
	before := s.change
	s.uid = nested.UIDOf(live) // the inventory learns it from the write
	change, err := l.compare(ctx, s)
	if err != nil {
		return err
	}
	live = s.seen.Live
	for _, f := range change.Fields {
		s.wrong("not converged", "%s %s: %s → %s by %q", f.Op, f.Path, brief(f.Desired), brief(f.Live), f.Manager)
	}
	for _, at := range s.leftLists {
		if s.isEmptyList(at) {
			s.wrong("wrong value", "%s is [] after it was put back, and Git does not name it", at.written())
		}
	}
	shape := s.script.kind.shape
	for _, t := range s.touches() {
		if s.asGitSays(t, live) || !s.binding(t, live) || s.invisible(t) {
			continue
		}
		comesBack, err := s.comesBack(ctx, t, live)
		if err != nil {
			return err
		}
		if !comesBack {
			have, _ := shape.get(live, t.path)
			want, _ := shape.get(s.truth, t.path)
			s.wrong("wrong value", "%s is %s after the %d changes were put back, and should be %s", t.path.written(), brief(have), len(before.Fields), brief(want))
		}
	}
	return nil
}

// comesBack says that the server itself writes what stands at a place which Git
// does not name: a default that depends on what a controller keeps beside it.
func (s *subject) comesBack(ctx context.Context, t touched, live map[string]any) (bool, error) {
	if _, named := s.script.kind.shape.get(s.object.Manifest, t.path); named {
		return false, nil
	}
	body, err := json.Marshal(nested.RemovalPatch(live, []nested.Path{t.path.written()}))
	if err != nil {
		return false, err
	}
	without, err := s.resource.Patch(ctx, s.name, types.JSONPatchType, body, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return false, onlyRefusals(err)
	}
	have, _ := s.script.kind.shape.get(live, t.path)
	back, again := s.script.kind.shape.get(without.Object, t.path)
	return again && equal(have, back), nil
}

// impossible says that the server refuses Git's change also where nobody but
// Killick had a hand in it: what the server filled in beside the manifest before
// excludes what Git adds now (a volume without a source is an emptyDir). The null
// that an apply makes of a map which Git empties is no such thing: other writes empty it.
func (s *subject) impossible(ctx context.Context) (refused bool, failed error) {
	alone := s.endpoint
	alone.name += "-alone"
	defer func() { failed = errors.Join(failed, alone.remove(ctx)) }()
	applied, _ := s.manifests()
	for _, content := range applied {
		if _, err := alone.apply(ctx, content, metav1.ApplyOptions{}); err != nil {
			return false, onlyRefusals(err)
		}
	}
	_, err := alone.apply(ctx, s.object.Manifest, metav1.ApplyOptions{DryRun: []string{metav1.DryRunAll}})
	return apierrors.IsInvalid(err) && !onlyNull(err), onlyRefusals(err)
}

// onlyNull says that all that the server refuses is that something would be null.
func onlyNull(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	causes := slices.DeleteFunc(slices.Clone(status.Status().Details.Causes), func(cause metav1.StatusCause) bool {
		return strings.Contains(cause.Message, "some validation rules were not checked")
	})
	return len(causes) > 0 && !slices.ContainsFunc(causes, func(cause metav1.StatusCause) bool {
		return cause.Type != metav1.CauseTypeTypeInvalid || !strings.HasPrefix(cause.Message, `Invalid value: "null"`)
	})
}

// immutable says that the server refuses each change that the refusal of a write or the
// comparison names as impossible also when nothing else is changed: what should be there
// can only be had by creating the object again. A Job that somebody created keeps its
// completions, for example, which Git's parallelism would not have filled in.
func (s *subject) immutable(ctx context.Context, refused error) (bool, error) {
	places := slices.Clone(s.change.Immutable)
	var refusal *drift.Refusal
	if errors.As(refused, &refusal) && errors.Is(refusal, drift.ErrImmutable) {
		for _, cause := range refusal.Causes {
			places = append(places, strings.Split(cause.Field, "."))
		}
	}
	for _, at := range places {
		op := nested.PatchOp{Op: "remove", Path: at.Pointer()}
		want, wanted := nested.ValueAt(s.truth, at)
		if _, present := nested.ValueAt(s.seen.Live, at); !present && !wanted {
			return false, nil // the server means something else
		}
		if wanted {
			op = nested.PatchOp{Op: "add", Path: at.Pointer(), Value: want}
		}
		body, err := json.Marshal([]nested.PatchOp{op})
		if err != nil {
			return false, err
		}
		_, err = s.resource.Patch(ctx, s.name, types.JSONPatchType, body, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if !apierrors.IsInvalid(err) {
			return false, onlyRefusals(err)
		}
	}
	return len(places) > 0, nil
}
