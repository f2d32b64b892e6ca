package diff_test

import (
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

// What chance decides stays as it was created; all the rest follows Git.
func TestChanceIsLeftAlone(t *testing.T) {
	t.Parallel()
	web := "spec template spec containers [name=web] "
	annotation := "spec template metadata annotations checksum/secret"
	tests := []struct {
		name   string
		edits  func(s *model.Server)
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
			edits:  func(s *model.Server) { s.Set("kubectl-edit", web+"image", "web:9") },
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{web + "image": "web:1", annotation: "one"}},
		{name: "a hand moved what chance decides: it stays the hand's",
			edits: func(s *model.Server) { s.Set("kubectl-edit", annotation, "mine") }, git: []string{"web:1", "web:2"},
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{annotation: "mine", web + "image": "web:2"}},
		{name: "a hand took it away: it is not set again",
			edits: func(s *model.Server) { s.Set("kubectl-edit", annotation, nil) }, git: []string{"web:1", "web:2"},
			fields: []string{"spec.template.spec.containers[name=web].image"},
			after:  map[string]any{annotation: nil, web + "image": "web:2"}},
		{name: "a hand moved an atomic list that chance decides",
			edits: func(s *model.Server) { s.Set("kubectl-edit", web+"args", []any{"--mine"}) },
			after: map[string]any{web + "args": []any{"--mine"}}},
		{name: "a hand took a list item away: it is created again, whole",
			edits:  func(s *model.Server) { s.Set("kubectl-edit", web+"env [name=SEED]", nil) },
			fields: []string{"spec.template.spec.containers[name=web].env[name=SEED]"},
			after:  map[string]any{web + "env [name=SEED] value": "two", web + "env [name=MODE] value": "production"}},
		{name: "a hand added beside it: drift as ever",
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", web+"env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
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
			s := model.NewServer(t)
			s.Store(s.Merged(drift.FieldManager, model.OfChance(t, chanceYAML, "one").Manifest))
			if test.edits != nil {
				test.edits(s)
			}
			manifest := strings.NewReplacer(test.git...).Replace(chanceYAML)
			c := s.Chanced(manifest)
			change := diff.Compare(c)
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
			if said := strings.Join(change.Findings, "\n"); !strings.Contains(said, drift.FindingNondeterministic) || !strings.Contains(said, "checksum/secret") {
				t.Errorf("not said: %q", change.Findings)
			}
			for range 2 { // and again from what was written
				s.Written(c, change)
				if c = s.Chanced(manifest); diff.Compare(c).Type != drift.InSync {
					t.Fatalf("after the write: %v", model.Told(diff.Compare(c).Fields))
				}
				change = diff.Compare(c)
			}
			for path, want := range test.after {
				got, _ := nested.ValueAt(s.Live, model.At(path))
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
	list := model.At("spec template spec containers [name=web] env")
	object := func(random string) drift.Object {
		o := model.OfChance(t, chanceYAML, random)
		o.Nondeterministic = append(o.Nondeterministic, list)
		return o
	}
	s := model.NewServer(t)
	s.Store(s.Merged(drift.FieldManager, object("one").Manifest))
	s.Set("istio-injector", "spec template spec containers [name=web] env [name=PROXY]", map[string]any{"name": "PROXY", "value": "x"})
	left := valueLeft(t, object("two"), s.Live, list)
	want := []any{map[string]any{"name": "MODE", "value": "production"}, map[string]any{"name": "SEED", "value": "one"}}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Nothing of it is ours: it is left out, and the map around it stays.
	s.Live = nested.CloneMap(s.Live)
	nested.Metadata(s.Live)["managedFields"] = []any{}
	if left := valueLeft(t, object("two"), s.Live, list); left != nil {
		t.Errorf("got %v", left)
	}
}

// A map in which chance makes names keeps those of the live object.
func TestWholeMapOfChance(t *testing.T) {
	t.Parallel()
	object := func(random string) drift.Object {
		o := model.Desired(t, strings.ReplaceAll("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: storefront}, data: {fixed: x, RANDOM: z}}", "RANDOM", random))
		o.Nondeterministic = []nested.Path{model.At("data")}
		return o
	}
	s := model.NewServer(t)
	s.Store(s.Merged(drift.FieldManager, object("one").Manifest))
	s.Set("kubectl-edit", "data more", "theirs")
	if diff := cmp.Diff(any(map[string]any{"fixed": "x", "one": "z"}), valueLeft(t, object("two"), s.Live, model.At("data"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// valueLeft is a value of what is compared and written.
func valueLeft(t testing.TB, object drift.Object, live map[string]any, path nested.Path) any {
	t.Helper()
	v, _ := nested.ValueAt(diff.KeepNondeterministic(model.Standard, object, live).Manifest, path)
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
		s := model.NewServer(t)
		s.Store(s.Merged(drift.FieldManager, model.OfChance(t, chanceSecretYAML, "b25l").Manifest))
		c := s.Chanced(strings.ReplaceAll(chanceSecretYAML, "bWU=", "eW91"))
		change := diff.Compare(c)
		if change.Type != drift.Modified || len(change.Fields) != 1 || change.Fields[0].Path.String() != "data.user" {
			t.Fatalf("%s %v", change.Type, model.Told(change.Fields))
		}
		after := s.Written(c, change)
		if diff := cmp.Diff(map[string]any{"user": "eW91", "password": "b25l"}, after["data"]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("Helm's, adopted", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", strings.ReplaceAll(chanceSecretYAML, "RANDOM", "b25l"))
		c := s.Chanced(chanceSecretYAML)
		c.Entry = nil
		change := diff.Compare(c)
		if change.Ownership.Tracked || change.Type != drift.InSync {
			t.Fatalf("%s %v", change.Type, model.Told(change.Fields))
		}
		s.TakeOver(diff.KeepNondeterministic(model.Standard, c.Object, s.Live), change, nil, true)
		if diff := cmp.Diff(map[string]any{"user": "bWU=", "password": "b25l"}, s.Live["data"]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if again := diff.Compare(s.Chanced(chanceSecretYAML)); again.Type != drift.InSync || !again.Ownership.Tracked {
			t.Errorf("%s %+v", again.Type, again.Ownership)
		}
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		c := s.Chanced(chanceSecretYAML)
		change := diff.Compare(c)
		request, err := write.RequestOf(model.Standard, c.App, drift.Step{Object: c.Object, Change: change}, s.Clock)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := nested.ValueAt(request.Object.Manifest, model.At("data password")); change.Type != drift.Missing || v != "two" {
			t.Errorf("%s with %v", change.Type, v)
		}
	})
	t.Run("replaced", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Store(s.Merged(drift.FieldManager, model.OfChance(t, chanceSecretYAML, "b25l").Manifest))
		c := s.Chanced(chanceSecretYAML)
		request, err := write.RequestOf(model.Standard, c.App, drift.Step{Object: c.Object, Change: diff.Compare(c), Observation: c.Observation, Decision: drift.Decision{Replace: true}}, s.Clock)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := nested.ValueAt(request.Object.Manifest, model.At("data password")); v != "two" {
			t.Errorf("a new object has %v", v)
		}
	})
}

// Two renders of one commit have one hash, prove the same live object and show policies
// the same desired state.
func TestChanceLeavesTheMemoAlone(t *testing.T) {
	t.Parallel()
	one, two := model.OfChance(t, chanceYAML, "one"), model.OfChance(t, chanceYAML, "two")
	if model.HashOf(t, diff.WithoutNondeterministic(one).Manifest) != model.HashOf(t, diff.WithoutNondeterministic(two).Manifest) {
		t.Error("each render has its own hash, so that Git seems to move in every run")
	}
	if model.HashOf(t, diff.WithoutNondeterministic(one).Manifest) == model.HashOf(t, diff.WithoutNondeterministic(model.OfChance(t, strings.ReplaceAll(chanceYAML, "web:1", "web:2"), "one")).Manifest) {
		t.Error("another image has the same hash")
	}
	if diff := cmp.Diff("one", one.Manifest["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)["annotations"].(map[string]any)["checksum/secret"]); diff != "" {
		t.Errorf("the object itself was changed: %s", diff)
	}
	s := model.NewServer(t)
	s.Store(s.Merged(drift.FieldManager, one.Manifest))
	if !diff.Proved(two, s.Live) {
		t.Error("the live object does not prove itself, so that each run asks about it")
	}
	input := decide.InputOf(two, drift.Observation{Live: s.Live}, drift.Change{ID: two.ID}, decide.InputFacts{})
	if v, _ := nested.ValueAt(input.Desired, model.At("spec template metadata annotations checksum/secret")); v != "one" {
		t.Errorf("policies see %v, which no write would set", v)
	}
	packed, err := two.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if !diff.Proved(packed.Unpack(), s.Live) || model.HashOf(t, diff.WithoutNondeterministic(packed).Manifest) != model.HashOf(t, diff.WithoutNondeterministic(one).Manifest) {
		t.Error("a packed object is another one")
	}
}

// A field that Git has lately, and that chance decides, is not set on an object that is
// there, and that is said.
func TestNewFieldOfChance(t *testing.T) {
	t.Parallel()
	s := model.NewServer(t)
	s.Apply(drift.FieldManager, strings.ReplaceAll(strings.ReplaceAll(chanceYAML, "      annotations: {checksum/secret: RANDOM}\n", ""), "RANDOM", "one"))
	change := diff.Compare(s.Chanced(chanceYAML))
	if change.Type != drift.InSync || !strings.HasSuffix(strings.Join(change.Findings, "\n"), `the live object lacks spec.template.metadata.annotations["checksum/secret"]`) {
		t.Errorf("%s %v %q", change.Type, model.Told(change.Fields), change.Findings)
	}
}
