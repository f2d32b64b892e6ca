package diff_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// hand is one edit by somebody, with the kind of object it fits.
type hand struct {
	name string
	edit func(*model.Server)
}

func deploymentHands() []hand {
	pod := "spec template spec "
	return []hand{
		{"scale", func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(5)) }},
		{"scale back", func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(3)) }},
		{"image", func(s *model.Server) { s.Set("kubectl-set", pod+"containers [name=app] image", "x") }},
		{"label", func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") }},
		{"label gone", func(s *model.Server) { s.Set("kubectl-label", "metadata labels app", nil) }},
		{"part-of gone", func(s *model.Server) { s.Set("kubectl-label", "metadata labels "+drift.LabelPartOf, nil) }},
		{"annotation", func(s *model.Server) { s.Set("kubectl-annotate", "metadata annotations note", "x") }},
		{"restart", func(s *model.Server) {
			s.Set("kubectl-rollout", "spec template metadata annotations kubectl.kubernetes.io/restartedAt", "now")
		}},
		{"env", func(s *model.Server) {
			s.Set("k9s", pod+"containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
		}},
		{"env gone", func(s *model.Server) { s.Set("k9s", pod+"containers [name=app] env [name=LEVEL]", nil) }},
		{"env renamed", func(s *model.Server) { s.Set("k9s", pod+"containers [name=app] env [name=MODE] name", "MOOD") }},
		{"args", func(s *model.Server) { s.Set("fixit", pod+"containers [name=app] args", []any{"-v"}) }},
		{"args gone", func(s *model.Server) { s.Set("fixit", pod+"containers [name=app] args", nil) }},
		{"sidecar", func(s *model.Server) {
			s.Set("Terraform", pod+"containers [name=side]", map[string]any{"name": "side", "image": "i"})
		}},
		{"port", func(s *model.Server) {
			s.Set("kubectl-edit", pod+"containers [name=app] ports [containerPort=9,protocol=UDP]", map[string]any{"containerPort": int64(9), "protocol": "UDP"})
		}},
		{"security", func(s *model.Server) {
			s.Set("kubectl-edit", pod+"securityContext", map[string]any{"runAsUser": int64(0)})
		}},
		{"security deeper", func(s *model.Server) { s.Set("k9s", pod+"securityContext fsGroup", int64(1)) }},
		{"toleration", func(s *model.Server) {
			s.Set("kubectl-edit", pod+"tolerations", []any{map[string]any{"key": "a", "operator": "Exists"}})
		}},
		{"volume", func(s *model.Server) {
			s.Set("kubectl-edit", pod+"volumes [name=tmp]", map[string]any{"name": "tmp", "emptyDir": map[string]any{}})
		}},
		{"controller", func(s *model.Server) {
			s.Set("kube-controller-manager", "metadata annotations deployment.kubernetes.io/revision", "2")
		}},
		{"operator", func(s *model.Server) {
			s.Set("team-operator", "spec template metadata annotations", map[string]any{"hash": "1"})
		}},
		{"helm", func(s *model.Server) { s.Set("helm", "metadata labels chart", "x") }},
		{"applied by hand", func(s *model.Server) {
			s.Apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {app: web, own: x}}, spec: {replicas: 3}}")
		}},
	}
}

func deploymentCommits(t testing.TB) []string {
	t.Helper()
	return []string{
		model.ExplicitYAML,
		model.With(t, model.ExplicitYAML, "replicas: 3", "replicas: 4"),
		model.With(t, model.ExplicitYAML, "  replicas: 3\n", ""),
		model.With(t, model.ExplicitYAML, "web:1.4.0", "web:1.5.0"),
		model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", ""),
		model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: LEVEL, value: info}\n        - {name: X, value: git}\n"),
		model.With(t, model.ExplicitYAML, "labels: {app: web}}\nspec:", "labels: {app: web, team: git}}\nspec:"),
		model.With(t, model.ExplicitYAML, `        args: [--listen, ":8080"]`+"\n", ""),
		model.With(t, model.ExplicitYAML, "      - name: proxy\n        image: registry.example.com/proxy:2.0.1\n", ""),
		model.With(t, model.ExplicitYAML, "    spec:\n      containers:", "    spec:\n      securityContext: {runAsUser: 1000}\n      containers:"),
		model.With(t, model.ExplicitYAML, "    spec:\n      containers:", "    spec:\n      volumes: [{name: tmp, emptyDir: {}}]\n      containers:"),
	}
}

// Property: whatever hands did and whatever Git says now, one run that may do
// everything brings the object to Git's state: nothing granted remains, the next
// comparison finds nothing, and no write of ours ever loses what controllers and
// other deployers wrote.
func TestRunsConverge(t *testing.T) {
	t.Parallel()
	hands, commits := deploymentHands(), deploymentCommits(t)
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.SampledFrom(commits).Draw(rt, "before")
		s := model.Synced(t, before)
		row := s.Row(before)
		var names []string
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(hands)-1), 0, 5).Draw(rt, "hands") {
			if !possible(hands[i], s) {
				continue
			}
			names = append(names, hands[i].name)
			hands[i].edit(s)
		}
		git := rapid.SampledFrom(commits).Draw(rt, "git")
		c := s.Comparison(git)
		if rapid.Bool().Draw(rt, "memo") {
			c = s.Remembering(git, row)
		}
		change := diff.Compare(c)
		if change.Type == drift.InSync {
			return
		}
		if change.Type != drift.Modified || change.Err != nil {
			rt.Fatalf("%v: %s, %v", names, change.Type, change.Err)
		}
		decision := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal), decide.Facts{})
		if !decision.Action.Writes() {
			rt.Fatalf("%v: everything is granted, and nothing is done: %s", names, decision.Reason)
		}
		kept := survivors(s.Live)
		after := s.TakeOver(c.Object, change, decision.Granted, decision.Adopt)
		if left := write.Remaining(model.Standard, decision.Granted, c.Object.Manifest, after, c.Observation.Predicted); len(left) > 0 {
			rt.Fatalf("%v: still differs at %v", names, left)
		}
		for path, v := range kept {
			if got, _ := nested.ValueAt(after, model.At(path)); got != v {
				rt.Fatalf("%v: %s was %v and is %v: it was not ours to change", names, path, v, got)
			}
		}
		again := s.Compare(git)
		rest := slices.DeleteFunc(slices.Clone(again.Fields), func(f drift.FieldChange) bool {
			return f.Addition && len(decision.Granted) < len(change.Fields) // a row that leaves additions
		})
		if len(rest) > 0 {
			rt.Fatalf("%v: the next run finds %v", names, model.Told(rest))
		}
		if !again.Ownership.Tracked || !again.Ownership.LabelOwned {
			rt.Fatalf("%v: it is not ours any more: %+v", names, again.Ownership)
		}
	})
}

// possible says whether an edit has something to edit: an item may be gone.
func possible(h hand, s *model.Server) bool {
	needs := map[string]string{
		"label gone": "metadata labels app", "part-of gone": "metadata labels " + drift.LabelPartOf, "args gone": "spec template spec containers [name=app] args",
		"env gone": "spec template spec containers [name=app] env [name=LEVEL]", "env renamed": "spec template spec containers [name=app] env [name=MODE]",
	}
	path, needed := needs[h.name]
	if !needed {
		return true
	}
	_, present := nested.ValueAt(s.Live, model.At(path))
	return present
}

// survivors are the values of controllers and other deployers.
func survivors(live map[string]any) map[string]any {
	kept := map[string]any{}
	for _, path := range []string{"metadata annotations deployment.kubernetes.io/revision", "spec template metadata annotations hash",
		"metadata labels chart", "spec template metadata annotations kubectl.kubernetes.io/restartedAt"} {
		if v, present := nested.ValueAt(live, model.At(path)); present {
			kept[path] = v
		}
	}
	return kept
}

// Property: what nobody but controllers touched is never drift.
func TestControllersAreNotDrift(t *testing.T) {
	t.Parallel()
	paths := []string{"metadata annotations x%", "metadata labels x%", "spec template metadata annotations x%",
		"spec template spec containers [name=app] env [name=X%]", "spec template spec volumes [name=v%]", "spec template spec hostname"}
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.ExplicitYAML)
		for range rapid.IntRange(1, 5).Draw(rt, "writes") {
			manager := rapid.SampledFrom([]string{"kube-controller-manager", "team-operator", "helm", "cert-manager-cainjector", "kubelet"}).Draw(rt, "manager")
			path := rapid.SampledFrom(paths).Draw(rt, "path")
			var v any = "v"
			switch path {
			case paths[3]:
				v = map[string]any{"name": "Xa", "value": "1"}
			case paths[4]:
				v = map[string]any{"name": "va", "emptyDir": map[string]any{}}
			}
			resolved := model.At(path)
			for i, element := range resolved {
				resolved[i] = string([]rune(replacePercent(element)))
			}
			s.Update(manager, func(o map[string]any) { model.Put(t, o, resolved, v) })
		}
		if got := s.Compare(model.ExplicitYAML); got.Type != drift.InSync {
			rt.Fatalf("%v", model.Told(got.Fields))
		}
	})
}

func replacePercent(element string) string {
	out := []rune{}
	for _, r := range element {
		if r == '%' {
			r = 'a'
		}
		out = append(out, r)
	}
	return string(out)
}

// Property: comparing says the same twice, and says it whatever order the
// server's entries have.
func TestCompareIsDeterministic(t *testing.T) {
	t.Parallel()
	hands := deploymentHands()
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.ExplicitYAML)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(hands)-1), 1, 4, rapid.ID[int]).Draw(rt, "hands") {
			if possible(hands[i], s) {
				hands[i].edit(s)
			}
		}
		c := s.Comparison(model.ExplicitYAML)
		want := model.Told(diff.Compare(c).Fields)
		turned := c
		turned.Observation.Live = nested.CloneMap(c.Observation.Live)
		slices.Reverse(model.ListAt(nested.Metadata(turned.Observation.Live), "managedFields"))
		for range 3 {
			if got := model.Told(diff.Compare(c).Fields); !slices.Equal(got, want) {
				rt.Fatalf("%v, then %v", want, got)
			}
			if got := model.Told(diff.Compare(turned).Fields); !slices.Equal(got, want) {
				rt.Fatalf("%v, and with the entries turned round %v", want, got)
			}
		}
	})
}

// ◆ Invariant 1 of docs/guards.md: no error path looks like absence or like emptiness.
func TestErrorsNeverLookLikeEmpty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.ConfigMapYAML)
		c := s.Comparison(model.ConfigMapYAML)
		c.Observation.Err = rapid.SampledFrom([]error{model.Refused(drift.ErrForbidden), model.Refused(drift.ErrDenied), model.Refused(drift.ErrInvalid), model.Refused(drift.ErrConflict), drift.ErrUnreachable}).Draw(rt, "err")
		switch rapid.IntRange(0, 3).Draw(rt, "how") {
		case 0: // the object could not be read
			c.Observation.State, c.Observation.Predicted = drift.Unreadable, nil
		case 1: // its owners could not be read
			nested.Metadata(c.Observation.Live)["managedFields"] = []any{map[string]any{"manager": "x", "fieldsV1": "no"}}
		case 2: // the prediction's owners could not be read
			nested.Metadata(c.Observation.Predicted)["managedFields"] = "no"
		case 3: // there is no prediction
			c.Observation.Predicted, c.Observation.Prediction = nil, drift.ByComparison
		}
		change := diff.Compare(c)
		if change.Err == nil {
			rt.Fatalf("the error is lost: %+v", change)
		}
		if change.Type == drift.Missing || change.Type == drift.Extra {
			rt.Fatalf("an error looks like absence: %s", change.Type)
		}
		if change.Type == drift.InSync && len(change.Findings) == 0 {
			rt.Fatal("an error looks like peace")
		}
		for _, next := range []drift.Change{change, diff.WithoutIgnored(change, []nested.Path{model.At("*")}), diff.Restored(change, diff.Additions(change), nil)} {
			if d := decide.Decide(next, model.Granting(model.Acting...), decide.Facts{}); d.Action.Writes() {
				rt.Fatalf("something is written: %+v", d)
			}
		}
		extra := diff.CompareExtra(c.Observation, drift.Entry{ID: c.Object.ID, UID: model.TestUID}, model.TestFamily)
		if c.Observation.State == drift.Unreadable && (extra.Type != drift.Unknown || extra.Err == nil) {
			rt.Fatalf("an unreadable extra: %+v", extra)
		}
	})
}

// Whatever managedFields a cluster holds, comparing ends with an answer.
func FuzzCompareManagedFields(f *testing.F) {
	s := model.Synced(f, model.DeploymentYAML)
	seed, err := json.Marshal(nested.Metadata(s.Live)["managedFields"])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	for _, text := range []string{`[]`, `null`, `"x"`, `[{"manager":"a","fieldsV1":{"f:spec":{"f:x":{"k:{\"a\":1}":{".":{}}}}}}]`,
		`[{"manager":"a","fieldsV1":{"f:spec":{"v:1":{},"i:0":{},"k:{}":{}}}}]`, `[{"manager":"killick","operation":"Apply","fieldsV1":{".":{}}}]`,
		`[{"manager":"a","fieldsV1":{"f:metadata":{"f:labels":{"f:app":{"f:deep":{}}}}}}]`, `[[]]`, `[{"fieldsV1":{"k:{":{}}}]`} {
		f.Add([]byte(text))
	}
	object := model.Desired(f, model.DeploymentYAML)
	predicted := s.DryRun(object)
	f.Fuzz(func(t *testing.T, data []byte) {
		var entries any
		if json.Unmarshal(data, &entries) != nil {
			return
		}
		live := nested.CloneMap(s.Live)
		nested.Metadata(live)["managedFields"] = entries
		nested.Metadata(live)["labels"].(map[string]any)["extra"] = "x"
		c := diff.Comparison{Object: object, PartOf: model.TestPartOf, Family: model.TestFamily,
			Observation: drift.Observation{ID: object.ID, State: drift.Present, Live: live, Predicted: predicted, Prediction: drift.ByDryRun}}
		change := diff.Compare(c)
		if (change.Type == drift.Unknown) != (change.Err != nil) {
			t.Errorf("%s, %v", change.Type, change.Err)
		}
		c.Observation.Predicted, c.Observation.Prediction = nil, drift.ByComparison
		local := diff.Compare(c)
		for _, one := range []drift.Change{change, local} {
			if one.Type == drift.Unknown {
				continue
			}
			if _, err := write.TakeOver(model.Standard, live, one.Fields, "apps/v1", true, model.TestStart); err != nil {
				t.Errorf("what could be read can be written: %v", err)
			}
			if _, err := write.Effective(model.Standard, object, diff.WithoutIgnored(one, []nested.Path{model.At("spec"), model.At("metadata *")}), live); err != nil {
				t.Error(err)
			}
		}
		diff.Proved(object, live)
		if _, err := diff.HashLive(model.Standard, model.TestKey, live); (err != nil) != (change.Type == drift.Unknown) {
			t.Errorf("a digest of what cannot be read: %v", err)
		}
	})
}

// A pointer from a policy is read or refused, and what is read writes back as an
// equal path.
func FuzzParsePointer(f *testing.F) {
	for _, seed := range []string{"", "/", "/spec/replicas", "/a~1b/~0/~01", "/spec/*/[name=a]", "//", "x", "/[=\"]\"]"} {
		f.Add(seed)
	}
	object := model.Tree(f, model.DeploymentYAML)
	f.Fuzz(func(t *testing.T, text string) {
		path, err := nested.ParsePointer(text)
		if err != nil {
			return
		}
		back, err := nested.ParsePointer(path.Pointer())
		if err != nil || !back.Equal(path) {
			t.Errorf("%q: %q, %v", path, back, err)
		}
		v, found := nested.ValueAt(object, path)
		if _, patched := nested.PlainPointer(object, path); patched != found {
			t.Errorf("%q: found %t %v, patched %t", path, found, v, patched)
		}
		nested.WithValue(object, path, "x")
		nested.WithoutValue(object, path, nested.DesiredIndex)
	})
}
