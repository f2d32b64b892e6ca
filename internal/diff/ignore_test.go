package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

func TestWithoutIgnored(t *testing.T) {
	t.Parallel()
	replicas := drift.FieldChange{Path: model.At("spec replicas"), Op: drift.OpReplace, Desired: int64(3), Live: int64(5), Cause: drift.CauseLive}
	image := drift.FieldChange{Path: model.At("spec template spec containers [name=app] image"), Op: drift.OpReplace, Desired: "a", Live: "b", Cause: drift.CauseGit}
	env := drift.FieldChange{Path: model.At("spec template spec containers [name=app] env [name=X]"), Op: drift.OpAdd, Addition: true, Cause: drift.CauseLive,
		Live: map[string]any{"name": "X", "value": "1"}}
	rules := drift.FieldChange{Path: model.At("spec rules"), Op: drift.OpReplace, Cause: drift.CauseLive,
		Desired: []any{map[string]any{"host": "a", "weight": int64(1)}},
		Live:    []any{map[string]any{"host": "b", "weight": int64(2)}}}
	context := drift.FieldChange{Path: model.At("spec template spec securityContext"), Op: drift.OpAdd, Addition: true, Cause: drift.CauseLive,
		Live: map[string]any{"runAsUser": int64(0), "nested": map[string]any{"a": int64(1), "b": int64(2)}}}
	gone := drift.FieldChange{Path: model.At("spec strategy"), Op: drift.OpRemove, Cause: drift.CauseGit,
		Desired: map[string]any{"type": "Recreate", "limit": int64(1)}}
	modified := func(fields ...drift.FieldChange) drift.Change {
		return diff.Classify(drift.Change{Type: drift.Modified, Ownership: drift.Ownership{Tracked: true}, Fields: fields})
	}
	cases := []struct {
		name     string
		reason   string
		in       drift.Change
		patterns []nested.Path
		kept     []string
		ignored  []string
		want     drift.Type
		cause    drift.Cause
	}{
		{"no patterns", "nothing is ignored", modified(replicas), nil, []string{"replace spec.replicas: 5 → 3, live"}, nil, drift.Modified, drift.CauseLive},
		{"exact", "the last difference is gone from the verdict", modified(replicas), []nested.Path{model.At("spec replicas")}, nil,
			[]string{"replace spec.replicas: 5 → 3, live"}, drift.InSync, drift.CauseNone},
		{"one of two", "the cause is that of what is left", modified(replicas, image), []nested.Path{model.At("spec replicas")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, []string{"replace spec.replicas: 5 → 3, live"}, drift.Modified, drift.CauseGit},
		{"subtree", "a pattern covers all below it", modified(image, env), []nested.Path{model.At("spec template")}, nil,
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`,
				`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, drift.InSync, drift.CauseNone},
		{"star", "one element, whatever its name", modified(image), []nested.Path{model.At("spec template spec containers * image")}, nil,
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, drift.InSync, drift.CauseNone},
		{"star is one element", "not two", modified(image), []nested.Path{model.At("spec * image")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, nil, drift.Modified, drift.CauseGit},
		{"another name", "a prefix of a name is another name", modified(replicas), []nested.Path{model.At("spec replica")},
			[]string{"replace spec.replicas: 5 → 3, live"}, nil, drift.Modified, drift.CauseLive},
		{"keyed item", "an item is named as the report names it", modified(env), []nested.Path{model.At("spec template spec containers [name=app] env [name=X]")}, nil,
			[]string{`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, drift.InSync, drift.CauseNone},
		{"inside an item that was added", "an item is one thing: ignoring a part of it would leave half an item", modified(env),
			[]nested.Path{model.At("spec template spec containers [name=app] env [name=X] value")},
			[]string{`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, nil, drift.Modified, drift.CauseLive},
		{"inside an atomic list", "the live value is copied there; what still differs stays", modified(rules), []nested.Path{model.At("spec rules * weight")},
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":2}], live`}, nil, drift.Modified, drift.CauseLive},
		{"inside an atomic list, all of it", "nothing else differs", modified(rules), []nested.Path{model.At("spec rules 0 weight"), model.At("spec rules [0] host")}, nil,
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":1}], live`}, drift.InSync, drift.CauseNone},
		{"inside an atomic list, nothing there", "a pattern that names nothing changes nothing", modified(rules), []nested.Path{model.At("spec rules * colour")},
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":1}], live`}, nil, drift.Modified, drift.CauseLive},
		{"inside an added map", "the map is told field by field", modified(context), []nested.Path{model.At("spec template spec securityContext runAsUser")},
			[]string{`add spec.template.spec.securityContext.nested: {"a":1,"b":2} → null, live`},
			[]string{`add spec.template.spec.securityContext.runAsUser: 0 → null, live`}, drift.Modified, drift.CauseLive},
		{"deeper inside an added map", "level by level", modified(context), []nested.Path{model.At("spec template spec securityContext * a")},
			[]string{`add spec.template.spec.securityContext.nested.b: 2 → null, live`, `add spec.template.spec.securityContext.runAsUser: 0 → null, live`},
			[]string{`add spec.template.spec.securityContext.nested.a: 1 → null, live`}, drift.Modified, drift.CauseLive},
		{"not inside an added map", "a pattern that names nothing leaves the map whole", modified(context), []nested.Path{model.At("spec template spec securityContext fsGroup")},
			[]string{`add spec.template.spec.securityContext: {"nested":{"a":1,"b":2},"runAsUser":0} → null, live`}, nil, drift.Modified, drift.CauseLive},
		{"inside a removed map", "likewise", modified(gone), []nested.Path{model.At("spec strategy limit")},
			[]string{`remove spec.strategy.type: null → "Recreate", git`}, []string{`remove spec.strategy.limit: null → 1, git`}, drift.Modified, drift.CauseGit},
		{"inside an atomic map", "the live value is copied there; what still differs stays", modified(drift.FieldChange{Path: model.At("spec selector"), Op: drift.OpReplace, Cause: drift.CauseLive,
			Desired: map[string]any{"app": "a", "track": "b"}, Live: map[string]any{"app": "x", "track": "y"}}), []nested.Path{model.At("spec selector app")},
			[]string{`replace spec.selector: {"app":"x","track":"y"} → {"app":"x","track":"b"}, live`}, nil, drift.Modified, drift.CauseLive},
		{"scalar with a deeper pattern", "a text has no inside", modified(image), []nested.Path{model.At("spec template spec containers * image tag")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, nil, drift.Modified, drift.CauseGit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := diff.WithoutIgnored(c.in, c.patterns)
			if diff := cmp.Diff([][]string{c.kept, c.ignored}, [][]string{model.Told(got.Fields), model.Told(got.Ignored)}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if got.Type != c.want || got.Cause != c.cause {
				t.Errorf("%s: %s by %s", c.reason, got.Type, got.Cause)
			}
		})
	}
}

func TestWithoutIgnoredKeepsOthers(t *testing.T) {
	t.Parallel()
	for _, change := range []drift.Change{
		{}, {Type: drift.Unknown, Err: model.Refused(drift.ErrForbidden)}, {Type: drift.Missing, Cause: drift.CauseLive}, {Type: drift.Extra, Cause: drift.CauseGit},
		{Type: drift.Modified, Cause: drift.CauseLive, Terminating: true}, {Type: drift.InSync},
	} {
		change.Ownership.Autoscaled = true
		got := diff.WithoutIgnored(change, []nested.Path{model.At("*"), model.At("spec")})
		if got.Type != change.Type || got.Cause != change.Cause {
			t.Errorf("%s by %s became %s by %s: ignoring fields is about fields only", change.Type, change.Cause, got.Type, got.Cause)
		}
	}
}

func TestWithoutIgnoredAutoscaled(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	s.Set("kube-controller-manager/scale", "spec replicas", int64(8))
	c := s.Comparison(model.DeploymentYAML)
	c.Observation.Autoscaled = true
	change := diff.Compare(c)
	if !change.Ownership.Autoscaled || change.Type != drift.Modified {
		t.Fatalf("%+v", change)
	}
	got := diff.WithoutIgnored(change, nil)
	if got.Type != drift.InSync || len(got.Ignored) != 1 {
		t.Errorf("replicas are the autoscaler's: %s %v", got.Type, model.Told(got.Ignored))
	}
	if got = diff.WithoutIgnored(got, []nested.Path{model.At("spec paused")}); len(got.Ignored) != 1 {
		t.Errorf("ignoring more forgets nothing: %v", model.Told(got.Ignored))
	}
	if len(change.Fields) != 1 || len(change.Ignored) != 0 {
		t.Error("the change was changed in place")
	}
	effective, err := write.Effective(model.Standard, c.Object, got, s.Live)
	if err != nil {
		t.Fatal(err)
	}
	if _, sent := nested.ValueAt(effective.Manifest, model.At("spec replicas")); sent {
		t.Error("sending replicas would take them from the autoscaler")
	}
}

// Ignoring an immutable field leaves nothing in the way of healing the rest.
func TestWithoutIgnoredImmutable(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.ServiceYAML)
	model.Put(t, s.Live, model.At("spec clusterIP"), "10.0.0.7")
	s.Set("kubectl-edit", "spec ports [port=80,protocol=TCP] targetPort", int64(1))
	git := model.With(t, model.ServiceYAML, "  selector: {app: web}\n", "  selector: {app: web}\n  clusterIP: 10.0.0.8\n")
	change := diff.Compare(s.Refuse(git, model.Refused(drift.ErrImmutable, "spec.clusterIP")))
	decided := func(change drift.Change) drift.Action {
		return decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal), decide.Facts{}).Action
	}
	if got := decided(change); got != drift.AlertOnly {
		t.Errorf("without replace it stands in the way: %s", got)
	}
	free := diff.WithoutIgnored(change, []nested.Path{model.At("spec clusterIP")})
	if len(free.Immutable) > 0 || free.Err != nil || decided(free) != drift.Heal {
		t.Errorf("it is sent with its live value, so the rest can be healed: %v %v %s", free.Immutable, free.Err, decided(free))
	}
	other := diff.WithoutIgnored(change, []nested.Path{model.At("spec ports")})
	if len(other.Immutable) != 1 || other.Err == nil || decided(other) != drift.AlertOnly {
		t.Errorf("ignoring something else does not help: %v", other.Immutable)
	}
	if len(change.Immutable) != 1 {
		t.Error("the change was changed in place")
	}
	effective, err := write.Effective(model.Standard, model.Desired(t, git), free, s.Live)
	if err != nil {
		t.Fatal(err)
	}
	if v, sent := nested.ValueAt(effective.Manifest, model.At("spec clusterIP")); sent {
		t.Errorf("it is not ours, so it is left out: %v", v)
	}
}

// What is sent for an ignored field, docs/drift.md: owned fields carry their live
// value, others are omitted, inside an atomic value the live value is copied.
func TestEffective(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		reason string
		before string
		edit   func(*model.Server)
		git    string
		ignore []string
		path   string // looked at in what is sent
		want   string // "-" when it must be missing
		after  string // in the live object afterwards; "-" when missing
	}{
		{name: "owned", reason: "we own it: it is sent with its live value, whatever Git says", before: model.ConfigMapYAML,
			edit: func(s *model.Server) {
				model.Put(s.T, s.Live, model.At("data mode"), "enforced")
			},
			git: model.ConfigMapYAML, ignore: []string{"data mode"}, path: "data mode", want: `"enforced"`, after: `"enforced"`},
		{name: "owned, and Git moved", reason: "omitting a field we own would delete it", before: model.ConfigMapYAML,
			git: model.With(t, model.ConfigMapYAML, "mode: production", "mode: staging"), ignore: []string{"data mode"}, path: "data mode", want: `"production"`, after: `"production"`},
		{name: "owned, and Git dropped it", reason: "the live value keeps it", before: model.ConfigMapYAML,
			git: model.With(t, model.ConfigMapYAML, "mode: production, ", ""), ignore: []string{"data mode"}, path: "data mode", want: `"production"`, after: `"production"`},
		{name: "unowned", reason: "a hand took it: it is left to the hand", before: model.ConfigMapYAML,
			edit: func(s *model.Server) { s.Set("kubectl-edit", "data mode", "debug") },
			git:  model.ConfigMapYAML, ignore: []string{"data mode"}, path: "data mode", want: "-", after: `"debug"`},
		{name: "removed by hand", reason: "it is not put back", before: model.ConfigMapYAML,
			edit: func(s *model.Server) { s.Set("kubectl-edit", "data mode", nil) },
			git:  model.ConfigMapYAML, ignore: []string{"data mode"}, path: "data mode", want: "-", after: "-"},
		{name: "added by hand", reason: "Git does not have it and does not get it", before: model.ConfigMapYAML,
			edit: func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") },
			git:  model.ConfigMapYAML, ignore: []string{"data extra"}, path: "data extra", want: "-", after: `"x"`},
		{name: "keyed item removed by hand", reason: "the manifest's item is found although it leaves the protocol out", before: model.ServiceYAML,
			edit: func(s *model.Server) { s.Set("kubectl-edit", "spec ports [port=80,protocol=TCP]", nil) },
			git:  model.ServiceYAML, ignore: []string{"spec ports [port=80,protocol=TCP]"}, path: "spec ports [port=80]", want: "-", after: "-"},
		{name: "keyed item dropped in Git", reason: "we own it, so it is sent as it is", before: model.ServiceYAML,
			git:    model.With(t, model.ServiceYAML, "  - {name: http, port: 80, targetPort: 8080}\n", ""),
			ignore: []string{"spec ports [port=80,protocol=TCP]"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "keyed item added beside Git's", reason: "the other protocol's item is not Git's", before: model.ServiceYAML,
			edit: func(s *model.Server) {
				s.Set("kubectl-edit", "spec ports [port=80,protocol=UDP]", map[string]any{"name": "u", "port": int64(80), "protocol": "UDP"})
			},
			git: model.ServiceYAML, ignore: []string{"spec ports [port=80,protocol=UDP]"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "field of a keyed item", reason: "inside the item that the manifest names with fewer keys", before: model.ServiceYAML,
			git:    model.With(t, model.ServiceYAML, "port: 80, targetPort: 8080", "port: 80, targetPort: 8081"),
			ignore: []string{"spec ports * targetPort"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "inside an atomic list", reason: "the live value is copied there, and the rest is Git's", before: model.WidgetYAML,
			edit: func(s *model.Server) { s.Set("kubectl-edit", "spec rules [0] host", "live.example.com") },
			git:  model.With(t, model.WidgetYAML, "host: b.example.com", "host: git.example.com"), ignore: []string{"spec rules 0 host"},
			path: "spec rules", want: `[{"host":"live.example.com","paths":["/x","/y"]},{"host":"git.example.com","paths":[]}]`,
			after: `[{"host":"live.example.com","paths":["/x","/y"]},{"host":"git.example.com","paths":[]}]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, c.before)
			if c.edit != nil {
				c.edit(s)
			}
			// Something else differs too, or nothing would be written at all.
			s.Set("kubectl-label", "metadata labels "+drift.LabelPartOf, nil)
			var patterns []nested.Path
			for _, pattern := range c.ignore {
				patterns = append(patterns, model.At(pattern))
			}
			comparison := s.Comparison(c.git)
			change := diff.WithoutIgnored(diff.Compare(comparison), patterns)
			if len(change.Fields) == 0 {
				t.Fatal("nothing is left to write")
			}
			manifest := nested.CloneMap(comparison.Object.Manifest)
			effective, err := write.Effective(model.Standard, comparison.Object, change, s.Live)
			if err != nil {
				t.Fatal(err)
			}
			look := func(object map[string]any) string {
				v, found := nested.ValueAt(object, model.At(c.path))
				if !found {
					return "-"
				}
				return model.Short(v)
			}
			if got := look(effective.Manifest); got != c.want {
				t.Errorf("%s: sent %s, want %s", c.reason, got, c.want)
			}
			if diff := cmp.Diff(manifest, comparison.Object.Manifest); diff != "" {
				t.Errorf("the manifest was changed in place:\n%s", diff)
			}
			s.TakeOver(comparison.Object, change, change.Fields, false)
			if got := look(s.Live); got != c.after {
				t.Errorf("%s: afterwards %s, want %s", c.reason, got, c.after)
			}
			if left := diff.WithoutIgnored(s.Compare(c.git), patterns); left.Type != drift.InSync {
				t.Errorf("%s: the next run still finds %v", c.reason, model.Told(left.Fields))
			}
		})
	}
}

func TestEffectiveUntouched(t *testing.T) {
	t.Parallel()
	object := model.Desired(t, model.ConfigMapYAML)
	ignored := drift.Change{Ignored: []drift.FieldChange{{Path: model.At("data mode"), Op: drift.OpReplace}}}
	same := func(reason string, change drift.Change, live map[string]any) {
		t.Helper()
		got, err := write.Effective(model.Standard, object, change, live)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	same("a missing object gets Git's values", ignored, nil)
	same("nothing ignored", drift.Change{}, model.Synced(t, model.ConfigMapYAML).Live)
	same("nothing ignored, something to write", drift.Change{Fields: []drift.FieldChange{{Path: model.At("data mode"), Op: drift.OpReplace}}}, model.Synced(t, model.ConfigMapYAML).Live)
	if _, err := write.Effective(model.Standard, object, ignored, map[string]any{"metadata": map[string]any{"managedFields": "x"}}); err == nil {
		t.Error("whose a field is cannot be guessed")
	}
}

// A Secret's change shows masked values; what is sent are the real ones.
func TestEffectiveSecrets(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.SecretYAML)
	s.Set("kubectl-edit", "data password", "b3RoZXItcGFzc3dvcmQ=")
	comparison := s.Comparison(model.SecretYAML)
	for _, pattern := range []string{"data password inner", "data * inner"} {
		change := diff.WithoutIgnored(diff.Compare(comparison), []nested.Path{model.At(pattern)})
		effective, err := write.Effective(model.Standard, comparison.Object, change, s.Live)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(comparison.Object.Manifest, effective.Manifest); diff != "" {
			t.Errorf("a pattern that reaches inside a text must not write a mask into the cluster (-want +got):\n%s", diff)
		}
	}
	whole := drift.Change{Ownership: drift.Ownership{Tracked: true}, Fields: []drift.FieldChange{{Path: model.At("data"), Op: drift.OpReplace, Partial: true,
		IgnoredParts: []nested.Path{model.At("password")}, Desired: map[string]any{"user": redact.MaskedDesired, "password": redact.MaskedLive}, Live: map[string]any{}}}}
	effective, err := write.Effective(model.Standard, comparison.Object, whole, s.Live)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"user": "YWRtaW4=", "password": "b3RoZXItcGFzc3dvcmQ="}
	if diff := cmp.Diff(want, effective.Manifest["data"]); diff != "" {
		t.Errorf("Git's user and the live password (-want +got):\n%s", diff)
	}
}

func TestCopyAt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason                 string
		desired, live, pattern string
		want                   string
	}{
		{"a key", `{"a":1,"b":2}`, `{"a":9,"b":8}`, "a", `{"a":9,"b":2}`},
		{"every key", `{"a":1,"b":2}`, `{"a":9,"b":8}`, "*", `{"a":9,"b":8}`},
		{"a key that live lacks", `{"a":1,"b":2}`, `{"b":8}`, "a", `{"b":2}`},
		{"a key that only live has", `{"b":2}`, `{"a":9,"b":8}`, "a", `{"a":9,"b":2}`},
		{"inside a key that only live has", `{"b":2}`, `{"a":{"c":1},"b":8}`, "* c", `{"b":2}`},
		{"inside a key that live lacks", `{"a":{"c":1},"b":2}`, `{"b":8}`, "a c", `{"a":{"c":1},"b":2}`},
		{"another type", `{"a":{"c":1}}`, `{"a":"x"}`, "a c", `{"a":{"c":1}}`},
		{"an item by key", `{"l":[{"name":"x","v":1}]}`, `{"l":[{"name":"x","v":2}]}`, "l [name=x] v", `{"l":[{"name":"x","v":2}]}`},
		{"an item by index", `{"l":[1,2]}`, `{"l":[3,4]}`, "l [1]", `{"l":[1,4]}`},
		{"every item", `{"l":[1,2]}`, `{"l":[3,4]}`, "l *", `{"l":[3,4]}`},
		{"lists of different lengths", `{"l":[1,2]}`, `{"l":[3]}`, "l *", `{"l":[1,2]}`},
	}
	for _, c := range cases {
		desired, live := model.PlainTree(t, []byte(c.desired)), model.PlainTree(t, []byte(c.live))
		if got := model.Short(diff.CopyAt(desired, live, model.At(c.pattern))); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
		if model.Short(desired) != model.Short(model.PlainTree(t, []byte(c.desired))) {
			t.Errorf("%s: changed in place", c.reason)
		}
	}
}

// Property: whatever is ignored, no difference is lost and none is made up, and
// ignoring everything leaves nothing.
func TestIgnoringLosesNothing(t *testing.T) {
	t.Parallel()
	edits := []func(*model.Server){
		func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(9)) },
		func(s *model.Server) { s.Set("kubectl-edit", "metadata labels team", "a") },
		func(s *model.Server) { s.Set("kubectl-edit", "spec template spec containers [name=app] image", "x") },
		func(s *model.Server) { s.Set("kubectl-edit", "spec template spec containers [name=proxy]", nil) },
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec securityContext", map[string]any{"runAsUser": int64(0), "fsGroup": int64(1)})
		},
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] args", []any{"-v"})
		},
	}
	patterns := []string{"spec replicas", "metadata labels", "spec template spec containers", "spec template spec containers * image",
		"spec template spec containers [name=proxy]", "spec template spec securityContext fsGroup", "spec * spec", "metadata labels team x",
		"spec template spec containers * args 0"}
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.DeploymentYAML)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(edits)-1), 1, len(edits), rapid.ID[int]).Draw(rt, "edits") {
			edits[i](s)
		}
		var ignore []nested.Path
		for _, pattern := range rapid.SliceOf(rapid.SampledFrom(patterns)).Draw(rt, "patterns") {
			ignore = append(ignore, model.At(pattern))
		}
		change := s.Compare(model.DeploymentYAML)
		got := diff.WithoutIgnored(change, ignore)
		for _, field := range change.Fields {
			found := false
			for _, other := range append(append([]drift.FieldChange{}, got.Fields...), got.Ignored...) {
				found = found || other.Path.HasPrefix(field.Path)
			}
			if !found {
				rt.Fatalf("%s is lost", field.Path)
			}
		}
		for _, field := range got.Ignored {
			covered := false
			for _, pattern := range ignore {
				covered = covered || field.Path.Matches(pattern) || field.Op == drift.OpReplace && len(pattern) > len(field.Path)
			}
			if !covered {
				rt.Fatalf("%s is ignored and nobody asked", field.Path)
			}
		}
		if (len(got.Fields) == 0) != (got.Type == drift.InSync) {
			rt.Fatalf("%s with %v", got.Type, model.Told(got.Fields))
		}
		if all := diff.WithoutIgnored(change, []nested.Path{model.At("*")}); all.Type != drift.InSync || len(all.Fields) > 0 {
			rt.Fatalf("everything ignored: %s", all.Type)
		}
	})
}
