package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

func TestCompareAdmission(t *testing.T) {
	t.Parallel()
	locks := func(o map[string]any) {
		if data, ok := o["data"].(map[string]any); ok && data["mode"] != nil {
			data["mode"] = "locked"
		}
	}
	finding := drift.FindingRewritten + " at data.mode"
	for _, c := range []comparing{
		{name: "written under it", reason: "prediction and live agree, Git does not", memo: true,
			edits: func(s *model.Server) { s.Admit = locks; s.Apply(drift.FieldManager, model.ConfigMapYAML) },
			want:  drift.InSync, finds: []string{finding}},
		{name: "it came later", reason: "live is as Git says, and a write would not be", memo: true,
			edits: func(s *model.Server) { s.Admit = locks }, want: drift.InSync, finds: []string{finding}},
		{name: "Git moves under it", reason: "Git's value is told, and that it would not stay", memo: true,
			git:   func(m string) string { return model.With(t, m, "mode: production", "mode: staging") },
			edits: func(s *model.Server) { s.Admit = locks }, want: drift.Modified, cause: drift.CauseGit, finds: []string{finding},
			fields: []string{`replace data.mode: "production" → "staging", git killick (admission changes what Git says here)`}},
		{name: "a stamp", reason: "what admission adds beside Git is nobody's drift", memo: true,
			edits: func(s *model.Server) {
				s.Admit = func(o map[string]any) { o["data"].(map[string]any)["stamp"] = "now" }
			}, want: drift.InSync},
		{name: "a stamp beside an edit", reason: "the next write brings both", memo: true,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "data mode", "debug")
				s.Admit = func(o map[string]any) { o["data"].(map[string]any)["stamp"] = "now" }
			}, want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace data.mode: "debug" → "production", live kubectl-edit`,
				`remove data.stamp: null → "now", live (Git does not name it: a write makes admission or a default add it)`}},
		{name: "a container that is kept out", reason: "a field of ours that the server does not store", memo: true,
			edits: func(s *model.Server) {
				s.Admit = func(o map[string]any) { delete(o["data"].(map[string]any), "mode") }
				s.Apply(drift.FieldManager, model.ConfigMapYAML)
			}, want: drift.InSync, finds: []string{finding}},
	} {
		c.before = model.ConfigMapYAML
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// One line, whatever it concerns, and no values.
func TestSayRewritten(t *testing.T) {
	t.Parallel()
	got := diff.DescribeRewritten([]nested.Path{model.At("data password"), model.At("data user"), model.At("spec x")})
	if diff := cmp.Diff(drift.FindingRewritten+" at data.password and 2 more", got); diff != "" {
		t.Error(diff)
	}
}

// What is taken over carries the version at which it was found.
func TestTakeOverVersions(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.ConfigMapYAML)
	s.Set("kubectl-edit", "data extra", "x")
	for _, item := range model.ListAt(nested.Metadata(s.Live), "managedFields") {
		if entry := item.(map[string]any); entry["manager"] == drift.FieldManager {
			entry["apiVersion"] = "v1beta1"
		}
	}
	fields, err := write.TakeOver(model.Standard, s.Live, model.Added("data extra"), "v1", false, model.TestStart)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range fields {
		if entry := item.(map[string]any); entry["manager"] == drift.FieldManager && entry["apiVersion"] != "v1" {
			t.Errorf("%v", entry)
		}
	}
}

// A list item may leave keys to the server: which one is meant is not told by the
// path of the live one.
func TestMayBeWanted(t *testing.T) {
	t.Parallel()
	manifest := model.Tree(t, "{spec: {slots: [{id: 1, label: x}, {id: 2, zone: b}], tags: [a], plain: {a: 1}}}")
	for path, want := range map[string]bool{
		"spec slots [id=1,zone=a]":       true,
		"spec slots [id=1,zone=a] label": true,
		"spec slots [id=1,zone=a] other": false,
		"spec slots [id=2,zone=a]":       false,
		"spec slots [id=2,zone=b]":       true,
		"spec slots [id=3,zone=a]":       false,
		"spec tags [=a]":                 true,
		"spec tags [=b]":                 false,
		"spec plain a":                   true,
		"spec plain b":                   false,
	} {
		if got := diff.MayBeWanted(manifest, model.At(path)); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}
