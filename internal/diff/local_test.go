package diff_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// Where the dry-run was refused, the manifest is compared with the live object
// and our own entry; what the server filled in is no difference.
func TestCompareLocally(t *testing.T) {
	t.Parallel()
	invalid := model.Refused(drift.ErrInvalid, "spec.ports[1].name")
	unnamed := `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: storefront}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`
	renumber := func(from string) func(*model.Server) {
		return func(s *model.Server) {
			s.Update("kubectl-edit", func(o map[string]any) {
				model.Put(s.T, o, model.At("spec ports "+from+" port"), int64(8000))
			})
		}
	}
	for _, c := range []comparing{
		{name: "a named port renumbered", reason: "the key of an item changed: the old one is gone, a new one was added", before: model.ServiceYAML, memo: true,
			edits: renumber("[port=80,protocol=TCP]"), want: drift.Modified, cause: drift.CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"name":"http","port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=8000,protocol=TCP]: {"name":"http","port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "a sole unnamed port renumbered", reason: "nothing of ours is left in the list", before: unnamed, memo: true,
			edits: renumber("[port=80,protocol=TCP]"), want: drift.Modified, cause: drift.CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=8000,protocol=TCP]: {"port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "without a memo row", reason: "who removed an item nobody knows; who added one is known", before: model.ServiceYAML,
			edits: renumber("[port=80,protocol=TCP]"), want: drift.Modified, cause: drift.CauseBoth,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"name":"http","port":80,"targetPort":8080}, git`,
				`add spec.ports[port=8000,protocol=TCP]: {"name":"http","port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "the protocol changed", reason: "protocol is half of the key, and the manifest leaves it to the server", before: unnamed, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec ports [port=80,protocol=TCP] protocol", "UDP") },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=80,protocol=UDP]: {"port":80,"protocol":"UDP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "defaults", reason: "fieldRef's apiVersion, protocol, replicas: nobody changed them", before: model.DeploymentYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec template spec containers [name=proxy] image", "p") },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=proxy].image: "p" → "registry.example.com/proxy:2.0.1", live kubectl-edit`}},
		{name: "quantities", reason: "where a quantity stands, its spelling does not matter", memo: true,
			before: model.With(t, model.DeploymentYAML, `cpu: "1", memory: 256Mi`, `cpu: 1000m, memory: 0.25Gi`),
			edits:  func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(1)) },
			want:   drift.Modified, cause: drift.CauseLive, fields: []string{`replace spec.replicas: 1 → 3, live kubectl`}},
		{name: "a changed quantity", reason: "a real difference is one in any spelling", before: model.DeploymentYAML, memo: true,
			edits: func(s *model.Server) {
				s.Set("kubectl-set", "spec template spec containers [name=app] resources limits cpu", "500m")
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=app].resources.limits.cpu: "500m" → "1", live kubectl-set`}},
		{name: "a text that reads like a quantity", reason: "version 1.1 is not version 1.10", before: model.ConfigMapYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data version", "1.1") },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`replace data.version: "1.1" → "1.10", live kubectl-edit`}},
		{name: "zero values", reason: "the server does not store them, and our entry still owns them", memo: true,
			before: model.With(t, model.With(t, model.DeploymentYAML, "    spec:\n      containers:", "    spec:\n      hostNetwork: false\n      tolerations: []\n      containers:"), "value: production", `value: ""`),
			edits:  func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(1)) },
			want:   drift.Modified, cause: drift.CauseLive, fields: []string{`replace spec.replicas: 1 → 3, live kubectl`}},
		{name: "a zero value taken off", reason: "an empty volume that somebody replaced is a difference", memo: true,
			before: model.With(t, model.DeploymentYAML, "    spec:\n      containers:", "    spec:\n      volumes: [{name: tmp, emptyDir: {}}]\n      containers:"),
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec volumes [name=tmp]", map[string]any{"name": "tmp", "hostPath": map[string]any{"path": "/"}})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{
				`remove spec.template.spec.volumes[name=tmp].emptyDir: null → {}, live (removed fields have no owner)`,
				`add spec.template.spec.volumes[name=tmp].hostPath: {"path":"/"} → null, live kubectl-edit`}},
		{name: "Git drops a field", reason: "our own entry owns it and the manifest does not name it", before: model.ConfigMapYAML, memo: true,
			git:  func(m string) string { return model.With(t, m, "mode: production, ", "") },
			want: drift.Modified, cause: drift.CauseGit, fields: []string{`add data.mode: "production" → null, git killick`}},
		{name: "Git drops an item", reason: "likewise in keyed lists", before: model.ServiceYAML, memo: true,
			git: func(m string) string {
				return model.With(t, m, "  - {name: metrics, port: 9090, protocol: TCP, targetPort: 9090}\n", "")
			},
			want: drift.Modified, cause: drift.CauseGit,
			fields: []string{`add spec.ports[port=9090,protocol=TCP]: {"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090} → null, git killick`}},
		{name: "an atomic map", reason: "it is one change, as where the server predicts", before: model.ServiceYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec selector track", "canary") },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`replace spec.selector: {"app":"web","track":"canary"} → {"app":"web"}, live kubectl-edit`}},
		{name: "an atomic list", reason: "it is one change", before: model.WidgetYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec rules [0] host", "x") },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.rules: [{"host":"x","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}] → [{"host":"a.example.com","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}], live kubectl-edit`}},
		{name: "an atomic list of Git's", reason: "our own entry owns it, but Git says something else", before: model.WidgetYAML, memo: true,
			git:  func(m string) string { return model.With(t, m, "host: b.example.com", "host: c.example.com") },
			want: drift.Modified, cause: drift.CauseGit,
			fields: []string{`replace spec.rules: [{"host":"a.example.com","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}] → [{"host":"a.example.com","paths":["/x","/y"]},{"host":"c.example.com","paths":[]}], git killick`}},
		{name: "defaults inside an atomic list", reason: "as long as our entry owns it, more in live is the server's", before: model.WidgetYAML, memo: true,
			edits: func(s *model.Server) {
				model.Put(s.T, s.Live, model.At("spec rules [0] weight"), int64(1))
				s.Set("kubectl-edit", "spec size", int64(4))
			},
			want: drift.Modified, cause: drift.CauseLive, fields: []string{`replace spec.size: 4 → 3, live kubectl-edit`}},
		{name: "the order", reason: "moved items differ, and the note says how", before: model.ServiceYAML, memo: true,
			edits: func(s *model.Server) {
				s.Update("kubectl-edit", func(o map[string]any) {
					ports, _ := nested.ValueAt(o, model.At("spec ports"))
					model.Put(t, o, model.At("spec ports"), []any{ports.([]any)[1], ports.([]any)[0]})
				})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.ports: [{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090},{"name":"http","port":80,"protocol":"TCP","targetPort":8080}] → [{"name":"http","port":80,"targetPort":8080},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090}], live (only the order of the elements differs)`}},
		{name: "an addition", reason: "additions are found without the server, too", before: model.ConfigMapYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`add metadata.labels.team: "a" → null, live kubectl-label`}},
		{name: "an item twice", reason: "the second is nobody's and not Git's", before: model.ServiceYAML, memo: true,
			edits: func(s *model.Server) {
				ports, _ := nested.ValueAt(s.Live, model.At("spec ports"))
				model.Put(t, s.Live, model.At("spec ports"), append(nested.Clone(ports).([]any), nested.Clone(ports).([]any)[0]))
				s.Set("kubectl-label", "metadata labels team", "a")
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{
				`add metadata.labels.team: "a" → null, live kubectl-label`,
				`add spec.ports[port=80,protocol=TCP]: {"name":"http","port":80,"protocol":"TCP","targetPort":8080} → null, live killick`}},
		{name: "lists that nobody owns", reason: "managedFields were cleared: which lists have keys is not known, and more in live is nobody's",
			before: model.DeploymentYAML, want: drift.Modified, cause: drift.CauseGit,
			edits: func(s *model.Server) {
				model.Put(s.T, s.Live, model.At("spec replicas"), int64(1))
				model.Put(s.T, s.Live, model.At("spec template spec tolerations"), []any{map[string]any{"key": "a", "operator": "Equal"}})
				delete(nested.Metadata(s.Live), "managedFields")
			},
			git: func(m string) string {
				return model.With(t, m, "    spec:\n      containers:", "    spec:\n      tolerations: [{key: a}]\n      containers:")
			},
			fields: []string{`replace spec.replicas: 1 → 3, git`}},
		{name: "another type", reason: "a map where Git wants a text", before: model.WidgetYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec options colour", map[string]any{"r": int64(1)}) },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.options.colour: {"r":1} → "red", live kubectl-edit`}},
	} {
		c.change = func(in *diff.Comparison) {
			in.Observation.Predicted, in.Observation.Prediction, in.Observation.Err = nil, drift.ByComparison, invalid
		}
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// An unchanged object whose dry-run was refused must not silently look in sync.
func TestCompareRefusedAndUnchanged(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		err          error
		want         drift.Type
		finding      bool
	}{
		{"not refused", "comparing locally was the agreed way", nil, drift.InSync, false},
		{"forbidden", "the server judged who asks, not the manifest", model.Refused(drift.ErrForbidden), drift.InSync, true},
		{"denied", "a webhook without dry-run support, or a policy that came later: equal all the same", model.Refused(drift.ErrDenied), drift.InSync, true},
		{"invalid", "the server finds the manifest impossible, and nothing seen explains why", model.Refused(drift.ErrInvalid), drift.Unknown, false},
		{"immutable", "something differs that cannot be seen from here", model.Refused(drift.ErrImmutable, "spec.selector"), drift.Unknown, false},
		{"conflict", "the object moved each time it was looked at", model.Refused(drift.ErrConflict), drift.Unknown, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, model.ConfigMapYAML)
			got := diff.Compare(s.Refuse(model.ConfigMapYAML, c.err))
			if got.Type != c.want || !errors.Is(got.Err, c.err) || (c.err == nil) != (got.Err == nil) {
				t.Errorf("%s: %s, %v", c.reason, got.Type, got.Err)
			}
			if (len(got.Findings) > 0) != c.finding {
				t.Errorf("%s: findings %v", c.reason, got.Findings)
			}
			decision := decide.Decide(got, model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAdopt, drift.VerbReplace), decide.Facts{})
			if decision.Action.Writes() {
				t.Errorf("nothing is to be written: %+v", decision)
			}
			if c.want == drift.Unknown && decision.Action != drift.AlertOnly {
				t.Errorf("people are told: %+v", decision)
			}
		})
	}
	t.Run("all that differed is ignored", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("kubectl-edit", "data mode", "debug")
		change := diff.WithoutIgnored(diff.Compare(s.Refuse(model.ConfigMapYAML, model.Refused(drift.ErrDenied))), []nested.Path{model.At("data mode")})
		if change.Type != drift.InSync || len(change.Findings) != 1 {
			t.Errorf("in sync, and said how it is known: %s %v", change.Type, change.Findings)
		}
		again := diff.WithoutIgnored(change, []nested.Path{model.At("data mode")})
		if len(again.Findings) != 1 {
			t.Errorf("said once: %v", again.Findings)
		}
	})
	t.Run("untracked", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.ConfigMapYAML)
		c := s.Refuse(model.ConfigMapYAML, model.Refused(drift.ErrDenied))
		c.Entry = nil
		change := diff.Compare(c)
		if d := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbAdopt), decide.Facts{}); d.Action.Writes() {
			t.Errorf("what the server refuses is not adopted: %+v", d)
		}
	})
}

func TestImmutablePaths(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		err          error
		want         []nested.Path
	}{
		{"none", "no refusal, nothing immutable", nil, nil},
		{"invalid", "never every 422 means immutable", model.Refused(drift.ErrInvalid, "spec.selector"), nil},
		{"a field", "the API's own notation", model.Refused(drift.ErrImmutable, "spec.selector"), []nested.Path{{"spec", "selector"}}},
		{"an index", "list indexes stay indexes", model.Refused(drift.ErrImmutable, "spec.template.spec.containers[0].image"),
			[]nested.Path{{"spec", "template", "spec", "containers", "[0]", "image"}}},
		{"a key with dots", "a bracketed name is one element", model.Refused(drift.ErrImmutable, "data[app.properties]"), []nested.Path{{"data", "[app.properties]"}}},
		{"several", "each cause names one", model.Refused(drift.ErrImmutable, "spec.clusterIP", "spec.clusterIPs[0]"),
			[]nested.Path{{"spec", "clusterIP"}, {"spec", "clusterIPs", "[0]"}}},
		{"no causes", "something in spec", model.Refused(drift.ErrImmutable), []nested.Path{{"spec"}}},
		{"an unnamed cause", "something in spec", model.Refused(drift.ErrImmutable, ""), []nested.Path{{"spec"}}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, drift.ImmutablePaths(c.err), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.name, c.reason, diff)
		}
	}
	s := model.Synced(t, model.DeploymentYAML)
	git := model.With(t, model.DeploymentYAML, "matchLabels: {app: web}", "matchLabels: {app: shop}")
	change := diff.Compare(s.Refuse(git, model.Refused(drift.ErrImmutable, "spec.selector")))
	if diff := cmp.Diff([]nested.Path{{"spec", "selector"}}, change.Immutable); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`replace spec.selector: {"matchLabels":{"app":"web"}} → {"matchLabels":{"app":"shop"}}, git killick`}, model.Told(change.Fields)); diff != "" {
		t.Errorf("what cannot change in place is a difference all the same:\n%s", diff)
	}
}

func TestSameMeaning(t *testing.T) {
	t.Parallel()
	limits := model.At("spec resources limits cpu")
	cases := []struct {
		reason        string
		path          nested.Path
		desired, live any
		want          bool
	}{
		{"equal", model.At("data x"), "a", "a", true},
		{"1 and 1.0 are one number", model.At("spec x"), int64(1), 1.0, true},
		{"a number is no text", model.At("spec x"), int64(1), "1", false},
		{"milli", limits, "1000m", "1", true},
		{"a number written as a text", limits, int64(2), "2", true},
		{"a float", limits, 0.5, "500m", true},
		{"binary suffixes", model.At("spec resources requests memory"), "1024Mi", "1Gi", true},
		{"other amounts", limits, "999m", "1", false},
		{"no quantity at all", limits, "a lot", "1", false},
		{"no quantity on the other side", limits, "1", "a lot", false},
		{"a boolean", limits, true, "1", false},
		{"HPA targets", model.At("spec metrics [0] resource target value"), "1000m", "1", true},
		{"an environment variable", model.At("env [name=CPU] value"), "1000m", "1", false},
		{"an annotation", model.At("metadata annotations limits"), "1000m", "1", false},
		{"a volume's size limit", model.At("volumes [name=a] emptyDir sizeLimit"), "1024Mi", "1Gi", true},
		{"quota", model.At("spec hard requests.cpu"), "1000m", "1", true},
	}
	for _, c := range cases {
		if got := diff.SameMeaning(c.path, c.desired, c.live); got != c.want {
			t.Errorf("%s: %v and %v at %s: %t", c.reason, c.desired, c.live, c.path, got)
		}
	}
}

// Property: whatever a hand does to a tracked object, comparing locally never
// finds less than what the server's prediction finds, except in what the server
// fills in by itself.
func TestLocalFindsWhatTheServerFinds(t *testing.T) {
	t.Parallel()
	edits := []func(*model.Server, int64){
		func(s *model.Server, n int64) { s.Set("kubectl-edit", "spec replicas", n) },
		func(s *model.Server, n int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] image", "web:"+string(rune('a'+n)))
		},
		func(s *model.Server, _ int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] args", []any{"-v"})
		},
		func(s *model.Server, _ int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=MODE]", nil)
		},
		func(s *model.Server, n int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": string(rune('a' + n))})
		},
		func(s *model.Server, _ int64) { s.Set("kubectl-edit", "metadata labels team", "a") },
		func(s *model.Server, _ int64) { s.Set("kubectl-edit", "metadata labels app", nil) },
		func(s *model.Server, _ int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=proxy]", nil)
		},
		func(s *model.Server, n int64) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] resources limits memory", string(rune('1'+n))+"Gi")
		},
	}
	rapid.Check(t, func(t2 *rapid.T) {
		s := model.Synced(t, model.DeploymentYAML)
		row := s.Row(model.DeploymentYAML)
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(edits)-1), 0, 5, rapid.ID[int]).Draw(t2, "edits")
		for _, i := range chosen {
			edits[i](s, rapid.Int64Range(4, 8).Draw(t2, "n"))
		}
		byServer := s.Remembering(model.DeploymentYAML, row)
		locally := byServer
		locally.Observation.Predicted, locally.Observation.Prediction, locally.Observation.Err = nil, drift.ByComparison, model.Refused(drift.ErrInvalid)
		paths := func(change drift.Change) (out []string) {
			for _, field := range change.Fields {
				out = append(out, string(field.Op)+" "+field.Path.Pointer()+" "+field.Cause.String()+" "+field.Manager)
			}
			return out
		}
		want, got := diff.Compare(byServer), diff.Compare(locally)
		if diff := cmp.Diff(paths(want), paths(got), cmpopts.EquateEmpty()); diff != "" {
			t2.Fatalf("edits %v: the server (-) and the local comparison (+) differ:\n%s", chosen, diff)
		}
		if len(want.Fields) == 0 && got.Type != drift.Unknown {
			t2.Fatalf("refused and unchanged: %s", got.Type)
		}
	})
}

// While the dry-run is refused: a zero value in a map that we applied empty is new in
// Git, and an empty container in one is not.
func TestLocalZeroInEmptyMap(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, groups: {}, free: {}}"))
	for git, want := range map[string]string{
		"{mode: x, groups: {}, free: {open: false}}": `replace spec.free: {} → {"open":false}, git killick`,
		"{mode: x, groups: {}, free: {of: {}}}":      "",
	} {
		change := diff.Compare(s.Refuse(model.GadgetOf(git), model.Refused(drift.ErrInvalid, "spec.mode")))
		if got := strings.Join(model.Told(change.Fields), "; "); got != want {
			t.Errorf("%s: %s", git, got)
		}
	}
}
