package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Other spellings of one value are the server's words, not admission's doing.
func TestMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason    string
		want, got any
		same      bool
	}{
		{"equal", "a", "a", true},
		{"another text", "open", "locked", false},
		{"a quantity in other words", "1000m", "1", true},
		{"a number as a quantity", 0.5, "500m", true},
		{"another quantity", "1Gi", "1G", false},
		{"a whole float", 1.0, int64(1), true},
		{"a time in another zone", "2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z", true},
		{"a time without its fraction", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00Z", true},
		{"another time", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", false},
		{"a duration", "60s", "1m0s", true},
		{"another duration", "60s", "2m0s", false},
		{"base64 with a line break", "AAEC\nAwQF", "AAECAwQF", true},
		{"other bytes", "AAECAwQF", "AAECAwQG", false},
		{"a text where a number stood", "80", int64(80), true}, // the API takes either in an int-or-string
		{"more in a map", map[string]any{"a": "1"}, map[string]any{"a": "1", "b": "2"}, true},
		{"less in a map", map[string]any{"a": "1", "b": "2"}, map[string]any{"a": "1"}, false},
		{"a zero that is not stored", map[string]any{"a": "1", "b": ""}, map[string]any{"a": "1"}, true},
		{"no map at all", map[string]any{"a": "1"}, "a", false},
		{"an item more in a list", []any{"a", "b"}, []any{"a", "x", "b"}, true},
		{"an item less", []any{"a", "b"}, []any{"b"}, false},
		{"another order", []any{"a", "b"}, []any{"b", "a"}, false},
		{"a default inside an item", []any{map[string]any{"a": "1"}}, []any{map[string]any{"a": "1", "d": true}}, true},
		{"no list at all", []any{"a"}, nil, false},
		{"nothing", "a", nil, false},
	} {
		if got := means(c.want, c.got); got != c.same {
			t.Errorf("%s: %v and %v mean the same: %t", c.reason, c.want, c.got, got)
		}
	}
}

func TestCompareAdmission(t *testing.T) {
	t.Parallel()
	locks := func(o map[string]any) {
		if data, ok := o["data"].(map[string]any); ok && data["mode"] != nil {
			data["mode"] = "locked"
		}
	}
	finding := saidRewritten + " at data.mode"
	for _, c := range []comparing{
		{name: "written under it", reason: "prediction and live agree, Git does not", memo: true,
			edits: func(s *server) { s.admit = locks; s.apply(FieldManager, configMapYAML) },
			want:  InSync, finds: []string{finding}},
		{name: "it came later", reason: "live is as Git says, and a write would not be", memo: true,
			edits: func(s *server) { s.admit = locks }, want: InSync, finds: []string{finding}},
		{name: "Git moves under it", reason: "Git's value is told, and that it would not stay", memo: true,
			git:   func(m string) string { return with(t, m, "mode: production", "mode: staging") },
			edits: func(s *server) { s.admit = locks }, want: Modified, cause: CauseGit, finds: []string{finding},
			fields: []string{`replace data.mode: "production" → "staging", git killick (admission changes what Git says here)`}},
		{name: "a stamp", reason: "what admission adds beside Git is nobody's drift", memo: true,
			edits: func(s *server) {
				s.admit = func(o map[string]any) { o["data"].(map[string]any)["stamp"] = "now" }
			}, want: InSync},
		{name: "a stamp beside an edit", reason: "the next write brings both", memo: true,
			edits: func(s *server) {
				s.set("kubectl-edit", "data mode", "debug")
				s.admit = func(o map[string]any) { o["data"].(map[string]any)["stamp"] = "now" }
			}, want: Modified, cause: CauseLive,
			fields: []string{`replace data.mode: "debug" → "production", live kubectl-edit`,
				`remove data.stamp: null → "now", live (Git does not name it: a write makes admission or a default add it)`}},
		{name: "a container that is kept out", reason: "a field of ours that the server does not store", memo: true,
			edits: func(s *server) {
				s.admit = func(o map[string]any) { delete(o["data"].(map[string]any), "mode") }
				s.apply(FieldManager, configMapYAML)
			}, want: InSync, finds: []string{finding}},
	} {
		c.before = configMapYAML
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// One line, whatever it concerns, and no values.
func TestSayRewritten(t *testing.T) {
	t.Parallel()
	got := sayRewritten([]Path{at("data password"), at("data user"), at("spec x")})
	if diff := cmp.Diff(saidRewritten+" at data.password and 2 more", got); diff != "" {
		t.Error(diff)
	}
}

// What is taken over carries the version at which it was found.
func TestTakeOverVersions(t *testing.T) {
	t.Parallel()
	s := synced(t, configMapYAML)
	s.set("kubectl-edit", "data extra", "x")
	for _, item := range listAt(metadata(s.live), "managedFields") {
		if entry := item.(map[string]any); entry["manager"] == FieldManager {
			entry["apiVersion"] = "v1beta1"
		}
	}
	fields, err := standard.TakeOver(s.live, added("data extra"), "v1", false, testStart)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range fields {
		if entry := item.(map[string]any); entry["manager"] == FieldManager && entry["apiVersion"] != "v1" {
			t.Errorf("%v", entry)
		}
	}
}

// A list item may leave keys to the server: which one is meant is not told by the
// path of the live one.
func TestMayBeWanted(t *testing.T) {
	t.Parallel()
	manifest := tree(t, "{spec: {slots: [{id: 1, label: x}, {id: 2, zone: b}], tags: [a], plain: {a: 1}}}")
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
		if got := mayBeWanted(manifest, at(path)); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}
