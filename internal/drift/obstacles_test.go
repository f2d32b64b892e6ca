package drift

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scripted answers a dry-run of the whole write by looking at what would be stored.
type scripted struct {
	t     *testing.T
	live  map[string]any
	asked int
	says  func(spec map[string]any) error
}

// dry makes the object of a patch that replaces spec, as rewriting writes it.
func (s *scripted) dry(patch []PatchOp) (map[string]any, error) {
	s.asked++
	object := CloneMap(s.live)
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
	refusal := &Refusal{Kind: ErrInvalid, Message: "no"}
	for _, field := range fields {
		refusal.Causes = append(refusal.Causes, RefusalCause{Field: field, Type: "FieldValueForbidden", Message: "Forbidden: no"})
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
		cause Cause
		says  func(asked int) func(map[string]any) error
		want  []string // fields, with what is known of them
		err   error    // that stays with the change
		ends  error
		asks  int // at most
	}{
		{why: "the refusal names what is in the way", cause: CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec.size")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 2},
		{why: "it names what Git wants: only what is in the way of that goes", cause: CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "it names the whole, as rules of a CRD do", cause: CauseGit, says: always(func(spec map[string]any) error {
			if has(spec, "size") {
				return namesFields("spec")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "without something else it is refused for another reason", cause: CauseGit, says: always(func(spec map[string]any) error {
			switch {
			case !has(spec, "color"):
				return namesFields("spec.color")
			case has(spec, "size"):
				return namesFields("spec.size")
			}
			return nil
		}), want: []string{"mode", "size excluded"}, asks: 5},
		{why: "the cluster's change is not taken back", cause: CauseLive, says: always(func(spec map[string]any) error {
			if spec["mode"] != "x" {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode fixed"}, asks: 8},
		{why: "Git's change is refused, and stays so", cause: CauseGit, says: always(func(spec map[string]any) error {
			if spec["mode"] != "x" {
				return namesFields("spec.mode")
			}
			return nil
		}), want: []string{"mode"}, err: ErrInvalid, asks: 5},
		{why: "nothing helps", cause: CauseLive, says: always(func(map[string]any) error { return namesFields("metadata.name") }), want: []string{"mode"}, err: ErrInvalid, asks: 2},
		{why: "another field each time", cause: CauseLive, says: func(asked int) func(map[string]any) error {
			return func(map[string]any) error { return namesFields(fmt.Sprintf("spec.mode.x%d", asked), "spec.size") }
		}, want: []string{"mode"}, err: ErrInvalid, asks: asksAtMost},
		{why: "the whole is taken as it is", cause: CauseGit, says: always(func(map[string]any) error { return nil }), want: []string{"mode"}, err: ErrInvalid, asks: 1},
		{why: "it changed meanwhile", cause: CauseGit, says: always(func(map[string]any) error { return ErrConflict }), want: []string{"mode"}, err: ErrInvalid, ends: ErrConflict, asks: 1},
		{why: "no answer", cause: CauseGit, says: always(func(map[string]any) error { return ErrUnreachable }), want: []string{"mode"}, err: ErrInvalid, asks: 1},
		{why: "admission denies it", cause: CauseGit, says: always(func(map[string]any) error { return &Refusal{Kind: ErrDenied} }), want: []string{"mode"}, err: ErrInvalid, asks: 1},
	} {
		s := synced(t, gadgetOf("{mode: x}"))
		s.live["spec"].(map[string]any)["size"], s.live["spec"].(map[string]any)["color"] = int64(3), "red"
		comparison := Comparison{Object: desired(t, gadgetOf("{mode: y}")), Observation: Observation{State: Present, Live: s.live}}
		change := Change{Type: Modified, Cause: c.cause, Ownership: Ownership{Tracked: true}, Err: namesFields("spec.size"),
			Fields: []FieldChange{{Path: at("spec mode"), Op: OpReplace, Desired: "y", Live: "x", Cause: c.cause}}}
		answers := &scripted{t: t, live: s.live}
		answers.says = func(spec map[string]any) error { return c.says(answers.asked)(spec) }
		got, err := comparison.clearTheWay(change, answers.dry)
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

func cleared(change Change) []string {
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
		{why: "more than there are questions", fields: asksAtMost + 5, want: []string{"mode"}, err: ErrInvalid},
		{why: "no answer about one of them", fields: 10, want: []string{"mode"}, err: ErrInvalid, says: func(asked int) error {
			if asked == 5 {
				return ErrUnreachable
			}
			return nil
		}},
		{why: "a webhook is down for one of them", fields: 10, want: []string{"mode"}, err: ErrInvalid, says: func(asked int) error {
			if asked == 5 {
				return &Refusal{Kind: ErrDenied}
			}
			return nil
		}},
	} {
		s := synced(t, gadgetOf("{mode: x}"))
		for i := range c.fields {
			s.live["spec"].(map[string]any)[fmt.Sprintf("f%02d", i)] = int64(i)
		}
		comparison := Comparison{Object: desired(t, gadgetOf("{mode: y}")), Observation: Observation{State: Present, Live: s.live}}
		change := Change{Type: Modified, Cause: CauseGit, Ownership: Ownership{Tracked: true}, Err: namesFields("spec"),
			Fields: []FieldChange{{Path: at("spec mode"), Op: OpReplace, Desired: "y", Live: "x", Cause: CauseGit}}}
		answers := &scripted{t: t, live: s.live}
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
		got, err := comparison.clearTheWay(change, answers.dry)
		if err != nil || !errors.Is(got.Err, c.err) {
			t.Errorf("%s: ends with %v, change with %v", c.why, err, got.Err)
		}
		if diff := cmp.Diff(c.want, cleared(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if answers.asked > asksAtMost {
			t.Errorf("%s: asked %d times", c.why, answers.asked)
		}
	}
}
