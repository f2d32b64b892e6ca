package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestWithoutIgnored(t *testing.T) {
	t.Parallel()
	replicas := FieldChange{Path: at("spec replicas"), Op: OpReplace, Desired: int64(3), Live: int64(5), Cause: CauseLive}
	image := FieldChange{Path: at("spec template spec containers [name=app] image"), Op: OpReplace, Desired: "a", Live: "b", Cause: CauseGit}
	env := FieldChange{Path: at("spec template spec containers [name=app] env [name=X]"), Op: OpAdd, Addition: true, Cause: CauseLive,
		Live: map[string]any{"name": "X", "value": "1"}}
	rules := FieldChange{Path: at("spec rules"), Op: OpReplace, Cause: CauseLive,
		Desired: []any{map[string]any{"host": "a", "weight": int64(1)}},
		Live:    []any{map[string]any{"host": "b", "weight": int64(2)}}}
	context := FieldChange{Path: at("spec template spec securityContext"), Op: OpAdd, Addition: true, Cause: CauseLive,
		Live: map[string]any{"runAsUser": int64(0), "nested": map[string]any{"a": int64(1), "b": int64(2)}}}
	gone := FieldChange{Path: at("spec strategy"), Op: OpRemove, Cause: CauseGit,
		Desired: map[string]any{"type": "Recreate", "limit": int64(1)}}
	modified := func(fields ...FieldChange) Change {
		return settle(Change{Type: Modified, Ownership: Ownership{Tracked: true}, Fields: fields})
	}
	cases := []struct {
		name     string
		reason   string
		in       Change
		patterns []Path
		kept     []string
		ignored  []string
		want     Type
		cause    Cause
	}{
		{"no patterns", "nothing is ignored", modified(replicas), nil, []string{"replace spec.replicas: 5 → 3, live"}, nil, Modified, CauseLive},
		{"exact", "the last difference is gone from the verdict", modified(replicas), []Path{at("spec replicas")}, nil,
			[]string{"replace spec.replicas: 5 → 3, live"}, InSync, CauseNone},
		{"one of two", "the cause is that of what is left", modified(replicas, image), []Path{at("spec replicas")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, []string{"replace spec.replicas: 5 → 3, live"}, Modified, CauseGit},
		{"subtree", "a pattern covers all below it", modified(image, env), []Path{at("spec template")}, nil,
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`,
				`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, InSync, CauseNone},
		{"star", "one element, whatever its name", modified(image), []Path{at("spec template spec containers * image")}, nil,
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, InSync, CauseNone},
		{"star is one element", "not two", modified(image), []Path{at("spec * image")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, nil, Modified, CauseGit},
		{"another name", "a prefix of a name is another name", modified(replicas), []Path{at("spec replica")},
			[]string{"replace spec.replicas: 5 → 3, live"}, nil, Modified, CauseLive},
		{"keyed item", "an item is named as the report names it", modified(env), []Path{at("spec template spec containers [name=app] env [name=X]")}, nil,
			[]string{`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, InSync, CauseNone},
		{"inside an item that was added", "an item is one thing: ignoring a part of it would leave half an item", modified(env),
			[]Path{at("spec template spec containers [name=app] env [name=X] value")},
			[]string{`add spec.template.spec.containers[name=app].env[name=X]: {"name":"X","value":"1"} → null, live`}, nil, Modified, CauseLive},
		{"inside an atomic list", "the live value is copied there; what still differs stays", modified(rules), []Path{at("spec rules * weight")},
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":2}], live`}, nil, Modified, CauseLive},
		{"inside an atomic list, all of it", "nothing else differs", modified(rules), []Path{at("spec rules 0 weight"), at("spec rules [0] host")}, nil,
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":1}], live`}, InSync, CauseNone},
		{"inside an atomic list, nothing there", "a pattern that names nothing changes nothing", modified(rules), []Path{at("spec rules * colour")},
			[]string{`replace spec.rules: [{"host":"b","weight":2}] → [{"host":"a","weight":1}], live`}, nil, Modified, CauseLive},
		{"inside an added map", "the map is told field by field", modified(context), []Path{at("spec template spec securityContext runAsUser")},
			[]string{`add spec.template.spec.securityContext.nested: {"a":1,"b":2} → null, live`},
			[]string{`add spec.template.spec.securityContext.runAsUser: 0 → null, live`}, Modified, CauseLive},
		{"deeper inside an added map", "level by level", modified(context), []Path{at("spec template spec securityContext * a")},
			[]string{`add spec.template.spec.securityContext.nested.b: 2 → null, live`, `add spec.template.spec.securityContext.runAsUser: 0 → null, live`},
			[]string{`add spec.template.spec.securityContext.nested.a: 1 → null, live`}, Modified, CauseLive},
		{"not inside an added map", "a pattern that names nothing leaves the map whole", modified(context), []Path{at("spec template spec securityContext fsGroup")},
			[]string{`add spec.template.spec.securityContext: {"nested":{"a":1,"b":2},"runAsUser":0} → null, live`}, nil, Modified, CauseLive},
		{"inside a removed map", "likewise", modified(gone), []Path{at("spec strategy limit")},
			[]string{`remove spec.strategy.type: null → "Recreate", git`}, []string{`remove spec.strategy.limit: null → 1, git`}, Modified, CauseGit},
		{"inside an atomic map", "the live value is copied there; what still differs stays", modified(FieldChange{Path: at("spec selector"), Op: OpReplace, Cause: CauseLive,
			Desired: map[string]any{"app": "a", "track": "b"}, Live: map[string]any{"app": "x", "track": "y"}}), []Path{at("spec selector app")},
			[]string{`replace spec.selector: {"app":"x","track":"y"} → {"app":"x","track":"b"}, live`}, nil, Modified, CauseLive},
		{"scalar with a deeper pattern", "a text has no inside", modified(image), []Path{at("spec template spec containers * image tag")},
			[]string{`replace spec.template.spec.containers[name=app].image: "b" → "a", git`}, nil, Modified, CauseGit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := WithoutIgnored(c.in, c.patterns)
			if diff := cmp.Diff([][]string{c.kept, c.ignored}, [][]string{told(got.Fields), told(got.Ignored)}, cmpopts.EquateEmpty()); diff != "" {
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
	for _, change := range []Change{
		{}, {Type: Unknown, Err: refused(ErrForbidden)}, {Type: Missing, Cause: CauseLive}, {Type: Extra, Cause: CauseGit},
		{Type: Modified, Cause: CauseLive, Terminating: true}, {Type: InSync},
	} {
		change.Ownership.Autoscaled = true
		got := WithoutIgnored(change, []Path{at("*"), at("spec")})
		if got.Type != change.Type || got.Cause != change.Cause {
			t.Errorf("%s by %s became %s by %s: ignoring fields is about fields only", change.Type, change.Cause, got.Type, got.Cause)
		}
	}
}

func TestWithoutIgnoredAutoscaled(t *testing.T) {
	t.Parallel()
	s := synced(t, deploymentYAML)
	s.set("kube-controller-manager/scale", "spec replicas", int64(8))
	c := s.comparison(deploymentYAML)
	c.Observation.Autoscaled = true
	change := Compare(c)
	if !change.Ownership.Autoscaled || change.Type != Modified {
		t.Fatalf("%+v", change)
	}
	got := WithoutIgnored(change, nil)
	if got.Type != InSync || len(got.Ignored) != 1 {
		t.Errorf("replicas are the autoscaler's: %s %v", got.Type, told(got.Ignored))
	}
	if got = WithoutIgnored(got, []Path{at("spec paused")}); len(got.Ignored) != 1 {
		t.Errorf("ignoring more forgets nothing: %v", told(got.Ignored))
	}
	if len(change.Fields) != 1 || len(change.Ignored) != 0 {
		t.Error("the change was changed in place")
	}
	effective, err := standard.Effective(c.Object, got, s.live)
	if err != nil {
		t.Fatal(err)
	}
	if _, sent := ValueAt(effective.Manifest, at("spec replicas")); sent {
		t.Error("sending replicas would take them from the autoscaler")
	}
}

// Ignoring an immutable field leaves nothing in the way of healing the rest.
func TestWithoutIgnoredImmutable(t *testing.T) {
	t.Parallel()
	s := synced(t, serviceYAML)
	put(t, s.live, at("spec clusterIP"), "10.0.0.7")
	s.set("kubectl-edit", "spec ports [port=80,protocol=TCP] targetPort", int64(1))
	git := with(t, serviceYAML, "  selector: {app: web}\n", "  selector: {app: web}\n  clusterIP: 10.0.0.8\n")
	change := Compare(s.refuse(git, refused(ErrImmutable, "spec.clusterIP")))
	decided := func(change Change) Action { return Decide(change, granting(VerbSync, VerbHeal), Facts{}).Action }
	if got := decided(change); got != AlertOnly {
		t.Errorf("without replace it stands in the way: %s", got)
	}
	free := WithoutIgnored(change, []Path{at("spec clusterIP")})
	if len(free.Immutable) > 0 || free.Err != nil || decided(free) != Heal {
		t.Errorf("it is sent with its live value, so the rest can be healed: %v %v %s", free.Immutable, free.Err, decided(free))
	}
	other := WithoutIgnored(change, []Path{at("spec ports")})
	if len(other.Immutable) != 1 || other.Err == nil || decided(other) != AlertOnly {
		t.Errorf("ignoring something else does not help: %v", other.Immutable)
	}
	if len(change.Immutable) != 1 {
		t.Error("the change was changed in place")
	}
	effective, err := standard.Effective(desired(t, git), free, s.live)
	if err != nil {
		t.Fatal(err)
	}
	if v, sent := ValueAt(effective.Manifest, at("spec clusterIP")); sent {
		t.Errorf("it is not ours, so it is left out: %v", v)
	}
}

// What is sent for an ignored field, DESIGN §5: owned fields carry their live
// value, others are omitted, inside an atomic value the live value is copied.
func TestEffective(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		reason string
		before string
		edit   func(*server)
		git    string
		ignore []string
		path   string // looked at in what is sent
		want   string // "-" when it must be missing
		after  string // in the live object afterwards; "-" when missing
	}{
		{name: "owned", reason: "we own it: it is sent with its live value, whatever Git says", before: configMapYAML,
			edit: func(s *server) {
				put(s.t, s.live, at("data mode"), "enforced")
			},
			git: configMapYAML, ignore: []string{"data mode"}, path: "data mode", want: `"enforced"`, after: `"enforced"`},
		{name: "owned, and Git moved", reason: "omitting a field we own would delete it", before: configMapYAML,
			git: with(t, configMapYAML, "mode: production", "mode: staging"), ignore: []string{"data mode"}, path: "data mode", want: `"production"`, after: `"production"`},
		{name: "owned, and Git dropped it", reason: "the live value keeps it", before: configMapYAML,
			git: with(t, configMapYAML, "mode: production, ", ""), ignore: []string{"data mode"}, path: "data mode", want: `"production"`, after: `"production"`},
		{name: "unowned", reason: "a hand took it: it is left to the hand", before: configMapYAML,
			edit: func(s *server) { s.set("kubectl-edit", "data mode", "debug") },
			git:  configMapYAML, ignore: []string{"data mode"}, path: "data mode", want: "-", after: `"debug"`},
		{name: "removed by hand", reason: "it is not put back", before: configMapYAML,
			edit: func(s *server) { s.set("kubectl-edit", "data mode", nil) },
			git:  configMapYAML, ignore: []string{"data mode"}, path: "data mode", want: "-", after: "-"},
		{name: "added by hand", reason: "Git does not have it and does not get it", before: configMapYAML,
			edit: func(s *server) { s.set("kubectl-edit", "data extra", "x") },
			git:  configMapYAML, ignore: []string{"data extra"}, path: "data extra", want: "-", after: `"x"`},
		{name: "keyed item removed by hand", reason: "the manifest's item is found although it leaves the protocol out", before: serviceYAML,
			edit: func(s *server) { s.set("kubectl-edit", "spec ports [port=80,protocol=TCP]", nil) },
			git:  serviceYAML, ignore: []string{"spec ports [port=80,protocol=TCP]"}, path: "spec ports [port=80]", want: "-", after: "-"},
		{name: "keyed item dropped in Git", reason: "we own it, so it is sent as it is", before: serviceYAML,
			git:    with(t, serviceYAML, "  - {name: http, port: 80, targetPort: 8080}\n", ""),
			ignore: []string{"spec ports [port=80,protocol=TCP]"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "keyed item added beside Git's", reason: "the other protocol's item is not Git's", before: serviceYAML,
			edit: func(s *server) {
				s.set("kubectl-edit", "spec ports [port=80,protocol=UDP]", map[string]any{"name": "u", "port": int64(80), "protocol": "UDP"})
			},
			git: serviceYAML, ignore: []string{"spec ports [port=80,protocol=UDP]"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "field of a keyed item", reason: "inside the item that the manifest names with fewer keys", before: serviceYAML,
			git:    with(t, serviceYAML, "port: 80, targetPort: 8080", "port: 80, targetPort: 8081"),
			ignore: []string{"spec ports * targetPort"}, path: "spec ports [port=80] targetPort", want: "8080", after: "8080"},
		{name: "inside an atomic list", reason: "the live value is copied there, and the rest is Git's", before: widgetYAML,
			edit: func(s *server) { s.set("kubectl-edit", "spec rules [0] host", "live.example.com") },
			git:  with(t, widgetYAML, "host: b.example.com", "host: git.example.com"), ignore: []string{"spec rules 0 host"},
			path: "spec rules", want: `[{"host":"live.example.com","paths":["/x","/y"]},{"host":"git.example.com","paths":[]}]`,
			after: `[{"host":"live.example.com","paths":["/x","/y"]},{"host":"git.example.com","paths":[]}]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, c.before)
			if c.edit != nil {
				c.edit(s)
			}
			// Something else differs too, or nothing would be written at all.
			s.set("kubectl-label", "metadata labels "+LabelPartOf, nil)
			var patterns []Path
			for _, pattern := range c.ignore {
				patterns = append(patterns, at(pattern))
			}
			comparison := s.comparison(c.git)
			change := WithoutIgnored(Compare(comparison), patterns)
			if len(change.Fields) == 0 {
				t.Fatal("nothing is left to write")
			}
			manifest := CloneMap(comparison.Object.Manifest)
			effective, err := standard.Effective(comparison.Object, change, s.live)
			if err != nil {
				t.Fatal(err)
			}
			look := func(object map[string]any) string {
				v, found := ValueAt(object, at(c.path))
				if !found {
					return "-"
				}
				return short(v)
			}
			if got := look(effective.Manifest); got != c.want {
				t.Errorf("%s: sent %s, want %s", c.reason, got, c.want)
			}
			if diff := cmp.Diff(manifest, comparison.Object.Manifest); diff != "" {
				t.Errorf("the manifest was changed in place:\n%s", diff)
			}
			s.takeOver(comparison.Object, change, change.Fields, false)
			if got := look(s.live); got != c.after {
				t.Errorf("%s: afterwards %s, want %s", c.reason, got, c.after)
			}
			if left := WithoutIgnored(s.compare(c.git), patterns); left.Type != InSync {
				t.Errorf("%s: the next run still finds %v", c.reason, told(left.Fields))
			}
		})
	}
}

func TestEffectiveUntouched(t *testing.T) {
	t.Parallel()
	object := desired(t, configMapYAML)
	ignored := Change{Ignored: []FieldChange{{Path: at("data mode"), Op: OpReplace}}}
	same := func(reason string, change Change, live map[string]any) {
		t.Helper()
		got, err := standard.Effective(object, change, live)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	same("a missing object gets Git's values", ignored, nil)
	same("nothing ignored", Change{}, synced(t, configMapYAML).live)
	same("nothing ignored, something to write", Change{Fields: []FieldChange{{Path: at("data mode"), Op: OpReplace}}}, synced(t, configMapYAML).live)
	if _, err := standard.Effective(object, ignored, map[string]any{"metadata": map[string]any{"managedFields": "x"}}); err == nil {
		t.Error("whose a field is cannot be guessed")
	}
}

// A Secret's change shows masked values; what is sent are the real ones.
func TestEffectiveSecrets(t *testing.T) {
	t.Parallel()
	s := synced(t, secretYAML)
	s.set("kubectl-edit", "data password", "b3RoZXItcGFzc3dvcmQ=")
	comparison := s.comparison(secretYAML)
	for _, pattern := range []string{"data password inner", "data * inner"} {
		change := WithoutIgnored(Compare(comparison), []Path{at(pattern)})
		effective, err := standard.Effective(comparison.Object, change, s.live)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(comparison.Object.Manifest, effective.Manifest); diff != "" {
			t.Errorf("a pattern that reaches inside a text must not write a mask into the cluster (-want +got):\n%s", diff)
		}
	}
	whole := Change{Ownership: Ownership{Tracked: true}, Fields: []FieldChange{{Path: at("data"), Op: OpReplace, Partial: true,
		IgnoredParts: []Path{at("password")}, Desired: map[string]any{"user": maskedDesired, "password": maskedLive}, Live: map[string]any{}}}}
	effective, err := standard.Effective(comparison.Object, whole, s.live)
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
		desired, live := plainTree(t, []byte(c.desired)), plainTree(t, []byte(c.live))
		if got := short(copyAt(desired, live, at(c.pattern))); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
		if short(desired) != short(plainTree(t, []byte(c.desired))) {
			t.Errorf("%s: changed in place", c.reason)
		}
	}
}

// Property: whatever is ignored, no difference is lost and none is made up, and
// ignoring everything leaves nothing.
func TestIgnoringLosesNothing(t *testing.T) {
	t.Parallel()
	edits := []func(*server){
		func(s *server) { s.set("kubectl/scale", "spec replicas", int64(9)) },
		func(s *server) { s.set("kubectl-edit", "metadata labels team", "a") },
		func(s *server) { s.set("kubectl-edit", "spec template spec containers [name=app] image", "x") },
		func(s *server) { s.set("kubectl-edit", "spec template spec containers [name=proxy]", nil) },
		func(s *server) {
			s.set("kubectl-edit", "spec template spec securityContext", map[string]any{"runAsUser": int64(0), "fsGroup": int64(1)})
		},
		func(s *server) { s.set("kubectl-edit", "spec template spec containers [name=app] args", []any{"-v"}) },
	}
	patterns := []string{"spec replicas", "metadata labels", "spec template spec containers", "spec template spec containers * image",
		"spec template spec containers [name=proxy]", "spec template spec securityContext fsGroup", "spec * spec", "metadata labels team x",
		"spec template spec containers * args 0"}
	rapid.Check(t, func(rt *rapid.T) {
		s := synced(t, deploymentYAML)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(edits)-1), 1, len(edits), rapid.ID[int]).Draw(rt, "edits") {
			edits[i](s)
		}
		var ignore []Path
		for _, pattern := range rapid.SliceOf(rapid.SampledFrom(patterns)).Draw(rt, "patterns") {
			ignore = append(ignore, at(pattern))
		}
		change := s.compare(deploymentYAML)
		got := WithoutIgnored(change, ignore)
		for _, field := range change.Fields {
			found := false
			for _, other := range append(append([]FieldChange{}, got.Fields...), got.Ignored...) {
				found = found || other.Path.HasPrefix(field.Path)
			}
			if !found {
				rt.Fatalf("%s is lost", field.Path)
			}
		}
		for _, field := range got.Ignored {
			covered := false
			for _, pattern := range ignore {
				covered = covered || field.Path.Matches(pattern) || field.Op == OpReplace && len(pattern) > len(field.Path)
			}
			if !covered {
				rt.Fatalf("%s is ignored and nobody asked", field.Path)
			}
		}
		if (len(got.Fields) == 0) != (got.Type == InSync) {
			rt.Fatalf("%s with %v", got.Type, told(got.Fields))
		}
		if all := WithoutIgnored(change, []Path{at("*")}); all.Type != InSync || len(all.Fields) > 0 {
			rt.Fatalf("everything ignored: %s", all.Type)
		}
	})
}
