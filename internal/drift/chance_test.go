package drift

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chanceYAML is a Deployment of which RANDOM is another text in each render.
const chanceYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: storefront}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {checksum/secret: RANDOM}
    spec:
      containers:
      - name: web
        image: web:1
        args: [--seed, RANDOM]
        env:
        - {name: MODE, value: production}
        - {name: SEED, value: RANDOM}
        ports: [{name: http, containerPort: 80, protocol: TCP, hostIP: RANDOM}]
`

// ofChance is the object of one render.
func ofChance(t testing.TB, manifest, random string) Object {
	t.Helper()
	object := desired(t, strings.ReplaceAll(manifest, "RANDOM", random))
	if object.ID.Kind == "Secret" {
		object.Nondeterministic = []Path{at("data password")}
		return object
	}
	web := at("spec template spec containers [name=web]")
	object.Nondeterministic = []Path{
		at("spec template metadata annotations checksum/secret"),
		web.Field("args"), append(web, "env", "[name=SEED]", "value"), append(web, "ports", "[name=http]", "hostIP"),
	}
	return object
}

// chanced is a comparison with the object of a later render.
func (s *server) chanced(manifest string) Comparison {
	s.t.Helper()
	object := ofChance(s.t, manifest, "two")
	c := s.comparison(strings.ReplaceAll(manifest, "RANDOM", "two"))
	c.Object, c.DesiredHash = object, hashOf(s.t, object.Determined().Manifest)
	if s.live != nil {
		c.Observation.Predicted = s.dryRun(standard.LeaveAlone(object, s.live))
	}
	return c
}

// written is what a write of everything that differs leaves.
func (s *server) written(c Comparison, change Change) map[string]any {
	s.t.Helper()
	request, err := standard.WriteOf(c.App, Step{Object: c.Object, Change: change, Observation: c.Observation, Decision: Decision{Granted: change.Fields}}, s.clock)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.takeOver(request.Object, change, change.Fields, false)
}

// What chance decides stays as it was created; all the rest follows Git.
func TestChanceIsLeftAlone(t *testing.T) {
	t.Parallel()
	web := "spec template spec containers [name=web] "
	annotation := "spec template metadata annotations checksum/secret"
	tests := []struct {
		name   string
		edits  func(s *server)
		git    []string // replacements in the manifest
		fields []string // of the change
		after  map[string]any
	}{
		{name: "nothing moved: in sync, although every render differs",
			after: map[string]any{annotation: "one", web + "env [name=SEED] value": "one"}},
		{name: "Git has another image: it is rolled, and nothing else",
			git:    []string{"web:1", "web:2"},
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{web + "image": "web:2", annotation: "one", web + "args": []any{"--seed", "one"}, web + "env [name=SEED] value": "one", web + "ports [name=http] hostIP": "one"}},
		{name: "a hand moved the image: it is put back",
			edits:  func(s *server) { s.set("kubectl-edit", web+"image", "web:9") },
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{web + "image": "web:1", annotation: "one"}},
		{name: "a hand moved what chance decides: it stays the hand's",
			edits: func(s *server) { s.set("kubectl-edit", annotation, "mine") }, git: []string{"web:1", "web:2"},
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{annotation: "mine", web + "image": "web:2"}},
		{name: "a hand took it away: it is not set again",
			edits: func(s *server) { s.set("kubectl-edit", annotation, nil) }, git: []string{"web:1", "web:2"},
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{annotation: nil, web + "image": "web:2"}},
		{name: "a hand moved an atomic list that chance decides",
			edits: func(s *server) { s.set("kubectl-edit", web+"args", []any{"--mine"}) },
			after: map[string]any{web + "args": []any{"--mine"}}},
		{name: "a hand took a list item away: it is created again, whole",
			edits:  func(s *server) { s.set("kubectl-edit", web+"env [name=SEED]", nil) },
			fields: []string{"spec.template.spec.containers[name=web].env[name=SEED]"},
			after:  map[string]any{web + "env [name=SEED] value": "two", web + "env [name=MODE] value": "production"}},
		{name: "a hand added beside it: drift as ever",
			edits: func(s *server) {
				s.set("kubectl-edit", web+"env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
			},
			fields: []string{"spec.template.spec.containers[name=web].env[name=DEBUG]"},
			after:  map[string]any{web + "env [name=DEBUG]": nil, web + "env [name=SEED] value": "one"}},
		{name: "Git has a new item with such a field",
			git:    []string{"- {name: MODE, value: production}", "- {name: MODE, value: production}\n        - {name: MORE, value: x}"},
			fields: []string{"spec.template.spec.containers[name=web].env[name=MORE]"},
			after:  map[string]any{web + "env [name=MORE] value": "x", web + "env [name=SEED] value": "one"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.store(s.merged(FieldManager, ofChance(t, chanceYAML, "one").Manifest))
			if test.edits != nil {
				test.edits(s)
			}
			manifest := strings.NewReplacer(test.git...).Replace(chanceYAML)
			c := s.chanced(manifest)
			change := Compare(c)
			if change.Err != nil {
				t.Fatal(change.Err)
			}
			var fields []string
			for _, field := range change.Fields {
				fields = append(fields, field.Path.String())
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if said := strings.Join(change.Findings, "\n"); !strings.Contains(said, saidChance) || !strings.Contains(said, "checksum/secret") {
				t.Errorf("not said: %q", change.Findings)
			}
			for range 2 { // and again from what was written
				s.written(c, change)
				if c = s.chanced(manifest); Compare(c).Type != InSync {
					t.Fatalf("after the write: %v", told(Compare(c).Fields))
				}
				change = Compare(c)
			}
			for path, want := range test.after {
				got, _ := ValueAt(s.live, at(path))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: -want +got:\n%s", path, diff)
				}
			}
		})
	}
}

// A keyed list in the order of a map is one field: ours stays ours, and what others have
// in it stays theirs.
func TestWholeListOfChance(t *testing.T) {
	t.Parallel()
	list := at("spec template spec containers [name=web] env")
	object := func(random string) Object {
		o := ofChance(t, chanceYAML, random)
		o.Nondeterministic = append(o.Nondeterministic, list)
		return o
	}
	s := newServer(t)
	s.store(s.merged(FieldManager, object("one").Manifest))
	s.set("istio-injector", "spec template spec containers [name=web] env [name=PROXY]", map[string]any{"name": "PROXY", "value": "x"})
	left := valueLeft(t, object("two"), s.live, list)
	want := []any{map[string]any{"name": "MODE", "value": "production"}, map[string]any{"name": "SEED", "value": "one"}}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Nothing of it is ours: it is left out, and the map around it stays.
	s.live = CloneMap(s.live)
	metadata(s.live)["managedFields"] = []any{}
	if left := valueLeft(t, object("two"), s.live, list); left != nil {
		t.Errorf("got %v", left)
	}
}

// A map in which chance makes names keeps those of the live object.
func TestWholeMapOfChance(t *testing.T) {
	t.Parallel()
	object := func(random string) Object {
		o := desired(t, strings.ReplaceAll("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: storefront}, data: {fixed: x, RANDOM: z}}", "RANDOM", random))
		o.Nondeterministic = []Path{at("data")}
		return o
	}
	s := newServer(t)
	s.store(s.merged(FieldManager, object("one").Manifest))
	s.set("kubectl-edit", "data more", "theirs")
	if diff := cmp.Diff(any(map[string]any{"fixed": "x", "one": "z"}), valueLeft(t, object("two"), s.live, at("data"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// valueLeft is a value of what is compared and written.
func valueLeft(t testing.TB, object Object, live map[string]any, path Path) any {
	t.Helper()
	v, _ := ValueAt(standard.LeaveAlone(object, live).Manifest, path)
	return v
}

const chanceSecretYAML = `
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: storefront}
data: {user: bWU=, password: RANDOM}
`

// A Secret keeps its password, whoever set it, and gets Git's other keys.
func TestPasswordIsKept(t *testing.T) {
	t.Parallel()
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.store(s.merged(FieldManager, ofChance(t, chanceSecretYAML, "b25l").Manifest))
		c := s.chanced(strings.ReplaceAll(chanceSecretYAML, "bWU=", "eW91"))
		change := Compare(c)
		if change.Type != Modified || len(change.Fields) != 1 || change.Fields[0].Path.String() != "data.user" {
			t.Fatalf("%s %v", change.Type, told(change.Fields))
		}
		after := s.written(c, change)
		if diff := cmp.Diff(map[string]any{"user": "eW91", "password": "b25l"}, after["data"]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("Helm's, adopted", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", strings.ReplaceAll(chanceSecretYAML, "RANDOM", "b25l"))
		c := s.chanced(chanceSecretYAML)
		c.Entry = nil
		change := Compare(c)
		if change.Ownership.Tracked || change.Type != InSync {
			t.Fatalf("%s %v", change.Type, told(change.Fields))
		}
		s.takeOver(standard.LeaveAlone(c.Object, s.live), change, nil, true)
		if diff := cmp.Diff(map[string]any{"user": "bWU=", "password": "b25l"}, s.live["data"]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if again := Compare(s.chanced(chanceSecretYAML)); again.Type != InSync || !again.Ownership.Tracked {
			t.Errorf("%s %+v", again.Type, again.Ownership)
		}
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		c := s.chanced(chanceSecretYAML)
		change := Compare(c)
		request, err := standard.WriteOf(c.App, Step{Object: c.Object, Change: change}, s.clock)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := ValueAt(request.Object.Manifest, at("data password")); change.Type != Missing || v != "two" {
			t.Errorf("%s with %v", change.Type, v)
		}
	})
	t.Run("replaced", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.store(s.merged(FieldManager, ofChance(t, chanceSecretYAML, "b25l").Manifest))
		c := s.chanced(chanceSecretYAML)
		request, err := standard.WriteOf(c.App, Step{Object: c.Object, Change: Compare(c), Observation: c.Observation, Decision: Decision{Replace: true}}, s.clock)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := ValueAt(request.Object.Manifest, at("data password")); v != "two" {
			t.Errorf("a new object has %v", v)
		}
	})
}

// Two renders of one commit have one hash, prove the same live object and show policies
// the same desired state.
func TestChanceLeavesTheMemoAlone(t *testing.T) {
	t.Parallel()
	one, two := ofChance(t, chanceYAML, "one"), ofChance(t, chanceYAML, "two")
	if hashOf(t, one.Determined().Manifest) != hashOf(t, two.Determined().Manifest) {
		t.Error("each render has its own hash, so that Git seems to move in every run")
	}
	if hashOf(t, one.Determined().Manifest) == hashOf(t, ofChance(t, strings.ReplaceAll(chanceYAML, "web:1", "web:2"), "one").Determined().Manifest) {
		t.Error("another image has the same hash")
	}
	if diff := cmp.Diff("one", one.Manifest["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)["annotations"].(map[string]any)["checksum/secret"]); diff != "" {
		t.Errorf("the object itself was changed: %s", diff)
	}
	s := newServer(t)
	s.store(s.merged(FieldManager, one.Manifest))
	if !Proved(two, s.live) {
		t.Error("the live object does not prove itself, so that each run asks about it")
	}
	input := BuildInput(two, Observation{Live: s.live}, Change{ID: two.ID}, InputFacts{})
	if v, _ := ValueAt(input.Desired, at("spec template metadata annotations checksum/secret")); v != "one" {
		t.Errorf("policies see %v, which no write would set", v)
	}
	packed, err := two.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if !Proved(packed.Unpack(), s.live) || hashOf(t, packed.Determined().Manifest) != hashOf(t, one.Determined().Manifest) {
		t.Error("a packed object is another one")
	}
}

// A field that Git has lately, and that chance decides, is not set on an object that is
// there, and that is said.
func TestNewFieldOfChance(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.apply(FieldManager, strings.ReplaceAll(strings.ReplaceAll(chanceYAML, "      annotations: {checksum/secret: RANDOM}\n", ""), "RANDOM", "one"))
	change := Compare(s.chanced(chanceYAML))
	if change.Type != InSync || !strings.HasSuffix(strings.Join(change.Findings, "\n"), `the live object lacks spec.template.metadata.annotations["checksum/secret"]`) {
		t.Errorf("%s %v %q", change.Type, told(change.Fields), change.Findings)
	}
}
