package diff_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// keptGadget is a Gadget of which Git dropped mode and the note of a port, and the server keeps both.
func keptGadget(t *testing.T) (diff.Comparison, drift.Change) {
	t.Helper()
	s := model.Synced(t, model.GadgetOf("{mode: x, ports: [{port: 80, protocol: TCP, note: hello}]}"))
	s.Admit = func(object map[string]any) {
		model.Put(t, object, model.At("spec mode"), "x")
		model.Put(t, object, model.At("spec ports [port=80,protocol=TCP] note"), "hello")
	}
	c := s.Comparison(model.GadgetOf("{ports: [{port: 80, protocol: TCP}]}"))
	change := diff.Compare(c)
	if got := keptFields(change); !slices.Equal(got, []string{"mode unsure", "note unsure"}) {
		t.Fatalf("before anything is asked: %q", got)
	}
	return c, change
}

func keptFields(change drift.Change) []string {
	var lines []string
	for _, field := range change.Fields {
		line := field.Path[len(field.Path)-1]
		if field.Fixed {
			line += " fixed"
		}
		if field.Unsure {
			line += " unsure"
		}
		lines = append(lines, line)
	}
	return lines
}

// TestSettleKept: only an answer makes a kept field a default, or one that cannot be
// changed in place. Whatever else the server says leaves it as it was found: no grant
// replaces the object for it, and no write gives up our claim to it.
func TestSettleKept(t *testing.T) {
	t.Parallel()
	unavailable := errors.New("the API server answered 503")
	type answer struct {
		spec map[string]any
		err  error
	}
	port := map[string]any{"port": int64(80), "protocol": "TCP"}
	noted := map[string]any{"port": int64(80), "protocol": "TCP", "note": "hello"}
	both, none := map[string]any{"mode": "x", "ports": []any{noted}}, map[string]any{"ports": []any{port}}
	for _, c := range []struct {
		why           string
		create, patch answer
		want          []string
		err           error
		patches       int
	}{
		{why: "a new object has them: defaults", create: answer{spec: both}},
		{why: "they stay where a patch removes them", create: answer{spec: none}, patch: answer{spec: both}, want: []string{"mode fixed", "note fixed"}, patches: 2},
		{why: "a patch removes them", create: answer{spec: none}, patch: answer{spec: none}, want: []string{"mode", "note"}, patches: 2},
		{why: "the refusal names one of them", create: answer{spec: none}, patch: answer{err: namesFields("spec.mode")}, want: []string{"mode fixed", "note unsure"}, err: drift.ErrInvalid, patches: 2},
		{why: "the refusal names an item's field by its index", create: answer{spec: none}, patch: answer{err: namesFields("spec.ports[0].note")}, want: []string{"mode unsure", "note fixed"}, err: drift.ErrInvalid, patches: 2},
		{why: "the refusal names another item's", create: answer{spec: none}, patch: answer{err: namesFields("spec.ports[1].note")}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrInvalid, patches: 2},
		{why: "the refusal names what holds them", create: answer{spec: none}, patch: answer{err: namesFields("spec")}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrInvalid, patches: 2},
		{why: "the server is down during the patch", create: answer{spec: none}, patch: answer{err: unavailable}, want: []string{"mode unsure", "note unsure"}, err: unavailable, patches: 2},
		{why: "a webhook is down during the patch", create: answer{spec: none}, patch: answer{err: model.Refused(drift.ErrDenied)}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrDenied, patches: 2},
		{why: "nobody may patch", create: answer{spec: none}, patch: answer{err: model.Refused(drift.ErrForbidden)}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrForbidden, patches: 2},
		{why: "it changed meanwhile", create: answer{spec: none}, patch: answer{err: drift.ErrConflict}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrConflict, patches: 1},
		{why: "nobody may create one", create: answer{err: model.Refused(drift.ErrForbidden)}},
		{why: "its name is fixed", create: answer{err: drift.ErrFixedName}},
		{why: "its name is refused", create: answer{err: namesFields("metadata.name")}},
		{why: "the server is down during the creation", create: answer{err: unavailable}, want: []string{"mode unsure", "note unsure"}, err: unavailable},
		{why: "the time is up", create: answer{err: context.DeadlineExceeded}, want: []string{"mode unsure", "note unsure"}, err: context.DeadlineExceeded},
		{why: "admission denies a new object", create: answer{err: model.Refused(drift.ErrDenied)}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrDenied},
		{why: "a new object is invalid", create: answer{err: namesFields("spec.ports")}, want: []string{"mode unsure", "note unsure"}, err: drift.ErrInvalid},
	} {
		comparison, change := keptGadget(t)
		asked := 0
		object := func(a answer) (map[string]any, error) {
			if a.err != nil {
				return nil, a.err
			}
			return map[string]any{"spec": a.spec}, nil
		}
		got, err := comparison.Ask(change, diff.Questions{
			Create: func() (map[string]any, error) { return object(c.create) },
			Patch:  func([]nested.PatchOp) (map[string]any, error) { asked++; return object(c.patch) },
		})
		if diff := cmp.Diff(c.want, keptFields(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if !errors.Is(err, c.err) || asked != c.patches {
			t.Errorf("%s: %v after %d patches, want %v after %d", c.why, err, asked, c.err, c.patches)
		}
		told := slices.ContainsFunc(got.Findings, func(finding string) bool { return strings.HasPrefix(finding, drift.NoteRemovalNotVerified) })
		if told != (c.err != nil) {
			t.Errorf("%s: findings %q", c.why, got.Findings)
		}
	}
}

// TestUnsure: what is unsure is left as it is, whatever is granted; the rest goes on.
func TestUnsure(t *testing.T) {
	t.Parallel()
	all := model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbReplace)
	alone := model.Fixing(drift.CauseGit)
	alone.Fields[0].Unsure, alone.Fields[1].Unsure = true, true
	if d := decide.Decide(alone, all, decide.Facts{}); d.Action != drift.AlertOnly || d.Replace || d.Reason != diff.DescribeUnsure(model.At("a")) {
		t.Errorf("all of it: %s, replace %t: %s", d.Action, d.Replace, d.Reason)
	}
	part := model.Fixing(drift.CauseGit)
	part.Fields[0].Unsure = true
	if d := decide.Decide(part, all, decide.Facts{}); d.Action != drift.Sync || d.Replace || len(d.Granted) != 1 || !d.Granted[0].Path.Equal(model.At("b")) {
		t.Errorf("part of it: %s, replace %t, granted %v", d.Action, d.Replace, d.Granted)
	}
	comparison, change := keptGadget(t)
	write, err := write.RequestOf(drift.Noise{}, drift.App{}, drift.Step{Object: comparison.Object, Observation: comparison.Observation, Change: change}, model.TestStart)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := nested.ValueAt(write.Object.Manifest, model.At("spec mode")); got != "x" {
		t.Errorf("a write gives up our claim: mode is %v", got)
	}
}
