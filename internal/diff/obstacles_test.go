package diff_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// scripted answers a dry-run of the whole write by looking at what would be stored.
type scripted struct {
	t     *testing.T
	live  map[string]any
	asked int
	says  func(spec map[string]any) error
}

// dry makes the object of a patch that replaces spec, as rewriting writes it.
func (s *scripted) dry(patch []nested.PatchOp) (map[string]any, error) {
	s.asked++
	object := nested.CloneMap(s.live)
	for _, op := range patch {
		if op.Path != "/spec" || op.Op != "add" {
			s.t.Fatalf("unexpected operation %+v", op)
		}
		object["spec"] = op.Value
	}
	spec, _ := object["spec"].(map[string]any)
	return object, s.says(spec)
}

func namesFields(fields ...string) error {
	refusal := &drift.Refusal{Kind: drift.ErrInvalid, Message: "no"}
	for _, field := range fields {
		refusal.Causes = append(refusal.Causes, drift.RefusalCause{Field: field, Type: "FieldValueForbidden", Message: "Forbidden: no"})
	}
	return refusal
}

// TestClearTheWay: what the server's refusals lead to, and where they lead nowhere. The
// live object has mode x of ours, and two fields that nobody owns.
func TestClearTheWay(t *testing.T) {
	t.Parallel()
	has := func(spec map[string]any, key string) bool { _, present := spec[key]; return present }
	for _, c := range []struct {
		why   string
		cause drift.Cause
		says  func(asked int) func(map[string]any) error
		want  []string // fields, with what is known of them
		err   error    // that stays with the change
		ends  error
		asks  int // at most
	}{
		{why: "the refusal names what is in the way", cause: drift.CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec.size")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 2},
		{why: "it names what Git wants: only what is in the way of that goes", cause: drift.CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "it names the whole, as rules of a CRD do", cause: drift.CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "without something else it is refused for another reason", cause: drift.CauseGit, says: always(func(spec map[string]any) error {
			switch {
			case !has(spec, "color"):
				return namesFields("spec.color")
			case has(spec, "size"):
				return namesFields("spec.size")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "the cluster's change is not taken back", cause: drift.CauseLive, says: always(func(spec map[string]any) error {
			if spec["mode"] != "x" {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode fixed"}, asks: 8},
		{why: "Git's change is refused, and stays so", cause: drift.CauseGit, says: always(func(spec map[string]any) error {
			if spec["mode"] != "x" {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode"}, err: drift.ErrInvalid, asks: 5},
		{why: "nothing helps", cause: drift.CauseLive, says: always(func(map[string]any) error { return namesFields("metadata.name") }), want: []string{"mode"}, err: drift.ErrInvalid, asks: 2},
		{why: "another field each time", cause: drift.CauseLive, says: func(asked int) func(map[string]any) error {
			return func(map[string]any) error { return namesFields(fmt.Sprintf("spec.mode.x%d", asked), "spec.size") }
		}, want: []string{"mode"}, err: drift.ErrInvalid, asks: diff.AsksAtMost},
		{why: "the whole is taken as it is", cause: drift.CauseGit, says: always(func(map[string]any) error { return nil }), want: []string{"mode"}, err: drift.ErrInvalid, asks: 1},
		{why: "it changed meanwhile", cause: drift.CauseGit, says: always(func(map[string]any) error { return drift.ErrConflict }), want: []string{"mode"}, err: drift.ErrInvalid, ends: drift.ErrConflict, asks: 1},
		{why: "no answer", cause: drift.CauseGit, says: always(func(map[string]any) error { return drift.ErrUnreachable }), want: []string{"mode"}, err: drift.ErrInvalid, asks: 1},
		{why: "admission denies it", cause: drift.CauseGit, says: always(func(map[string]any) error { return &drift.Refusal{Kind: drift.ErrDenied} }), want: []string{"mode"}, err: drift.ErrInvalid, asks: 1},
	} {
		s := model.Synced(t, model.GadgetOf("{mode: x}"))
		s.Live["spec"].(map[string]any)["size"], s.Live["spec"].(map[string]any)["color"] = int64(3), "red"
		comparison := diff.Comparison{Object: model.Desired(t, model.GadgetOf("{mode: y}")), Observation: drift.Observation{State: drift.Present, Live: s.Live}}
		change := drift.Change{Type: drift.Modified, Cause: c.cause, Ownership: drift.Ownership{Tracked: true}, Err: namesFields("spec.size"),
			Fields: []drift.FieldChange{{Path: model.At("spec mode"), Op: drift.OpReplace, Desired: "y", Live: "x", Cause: c.cause}}}
		answers := &scripted{t: t, live: s.Live}
		answers.says = func(spec map[string]any) error { return c.says(answers.asked)(spec) }
		got, err := comparison.ClearTheWay(change, answers.dry)
		if !errors.Is(err, c.ends) || !errors.Is(got.Err, c.err) {
			t.Errorf("%s: ends with %v, change with %v", c.why, err, got.Err)
		}
		if diff := cmp.Diff(c.want, cleared(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if answers.asked > c.asks {
			t.Errorf("%s: asked %d times, and %d are enough", c.why, answers.asked, c.asks)
		}
	}
}

func always(says func(map[string]any) error) func(int) func(map[string]any) error {
	return func(int) func(map[string]any) error { return says }
}

func cleared(change drift.Change) []string {
	var lines []string
	for _, field := range change.Fields {
		line := field.Path[len(field.Path)-1]
		switch {
		case field.Excluded:
			line += " excluded"
		case field.Fixed:
			line += " fixed"
		}
		lines = append(lines, line)
	}
	return lines
}

// TestUntriedIsNotExcluded: what the questions were too few to try, and what the server did
// not answer, is not removed; the change stays as it was.
func TestUntriedIsNotExcluded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why    string
		fields int
		says   func(asked int) error
		want   []string
		err    error
	}{
		{why: "each of some was tried", fields: 10, want: []string{"f00 excluded", "mode"}},
		{why: "more than there are questions", fields: diff.AsksAtMost + 5, want: []string{"mode"}, err: drift.ErrInvalid},
		{why: "no answer about one of them", fields: 10, want: []string{"mode"}, err: drift.ErrInvalid, says: func(asked int) error {
			if asked == 5 {
				return drift.ErrUnreachable
			}
			return nil
		}},
		{why: "a webhook is down for one of them", fields: 10, want: []string{"mode"}, err: drift.ErrInvalid, says: func(asked int) error {
			if asked == 5 {
				return &drift.Refusal{Kind: drift.ErrDenied}
			}
			return nil
		}},
	} {
		s := model.Synced(t, model.GadgetOf("{mode: x}"))
		for i := range c.fields {
			s.Live["spec"].(map[string]any)[fmt.Sprintf("f%02d", i)] = int64(i)
		}
		comparison := diff.Comparison{Object: model.Desired(t, model.GadgetOf("{mode: y}")), Observation: drift.Observation{State: drift.Present, Live: s.Live}}
		change := drift.Change{Type: drift.Modified, Cause: drift.CauseGit, Ownership: drift.Ownership{Tracked: true}, Err: namesFields("spec"),
			Fields: []drift.FieldChange{{Path: model.At("spec mode"), Op: drift.OpReplace, Desired: "y", Live: "x", Cause: drift.CauseGit}}}
		answers := &scripted{t: t, live: s.Live}
		answers.says = func(spec map[string]any) error {
			if c.says != nil {
				if err := c.says(answers.asked); err != nil {
					return err
				}
			}
			if _, there := spec["f00"]; there {
				return namesFields("spec")
			}
			return nil
		}
		got, err := comparison.ClearTheWay(change, answers.dry)
		if err != nil || !errors.Is(got.Err, c.err) {
			t.Errorf("%s: ends with %v, change with %v", c.why, err, got.Err)
		}
		if diff := cmp.Diff(c.want, cleared(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if answers.asked > diff.AsksAtMost {
			t.Errorf("%s: asked %d times", c.why, answers.asked)
		}
	}
}
