package drift

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// hand is one edit by somebody, with the kind of object it fits.
type hand struct {
	name string
	edit func(*server)
}

func deploymentHands() []hand {
	pod := "spec template spec "
	return []hand{
		{"scale", func(s *server) { s.set("kubectl/scale", "spec replicas", int64(5)) }},
		{"scale back", func(s *server) { s.set("kubectl/scale", "spec replicas", int64(3)) }},
		{"image", func(s *server) { s.set("kubectl-set", pod+"containers [name=app] image", "x") }},
		{"label", func(s *server) { s.set("kubectl-label", "metadata labels team", "a") }},
		{"label gone", func(s *server) { s.set("kubectl-label", "metadata labels app", nil) }},
		{"part-of gone", func(s *server) { s.set("kubectl-label", "metadata labels "+LabelPartOf, nil) }},
		{"annotation", func(s *server) { s.set("kubectl-annotate", "metadata annotations note", "x") }},
		{"restart", func(s *server) {
			s.set("kubectl-rollout", "spec template metadata annotations kubectl.kubernetes.io/restartedAt", "now")
		}},
		{"env", func(s *server) {
			s.set("k9s", pod+"containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
		}},
		{"env gone", func(s *server) { s.set("k9s", pod+"containers [name=app] env [name=LEVEL]", nil) }},
		{"env renamed", func(s *server) { s.set("k9s", pod+"containers [name=app] env [name=MODE] name", "MOOD") }},
		{"args", func(s *server) { s.set("fixit", pod+"containers [name=app] args", []any{"-v"}) }},
		{"args gone", func(s *server) { s.set("fixit", pod+"containers [name=app] args", nil) }},
		{"sidecar", func(s *server) {
			s.set("Terraform", pod+"containers [name=side]", map[string]any{"name": "side", "image": "i"})
		}},
		{"port", func(s *server) {
			s.set("kubectl-edit", pod+"containers [name=app] ports [containerPort=9,protocol=UDP]", map[string]any{"containerPort": int64(9), "protocol": "UDP"})
		}},
		{"security", func(s *server) { s.set("kubectl-edit", pod+"securityContext", map[string]any{"runAsUser": int64(0)}) }},
		{"security deeper", func(s *server) { s.set("k9s", pod+"securityContext fsGroup", int64(1)) }},
		{"toleration", func(s *server) {
			s.set("kubectl-edit", pod+"tolerations", []any{map[string]any{"key": "a", "operator": "Exists"}})
		}},
		{"volume", func(s *server) {
			s.set("kubectl-edit", pod+"volumes [name=tmp]", map[string]any{"name": "tmp", "emptyDir": map[string]any{}})
		}},
		{"controller", func(s *server) {
			s.set("kube-controller-manager", "metadata annotations deployment.kubernetes.io/revision", "2")
		}},
		{"operator", func(s *server) {
			s.set("team-operator", "spec template metadata annotations", map[string]any{"hash": "1"})
		}},
		{"helm", func(s *server) { s.set("helm", "metadata labels chart", "x") }},
		{"applied by hand", func(s *server) {
			s.apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {app: web, own: x}}, spec: {replicas: 3}}")
		}},
	}
}

func deploymentCommits(t testing.TB) []string {
	t.Helper()
	return []string{
		explicitYAML,
		with(t, explicitYAML, "replicas: 3", "replicas: 4"),
		with(t, explicitYAML, "  replicas: 3\n", ""),
		with(t, explicitYAML, "web:1.4.0", "web:1.5.0"),
		with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", ""),
		with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: LEVEL, value: info}\n        - {name: X, value: git}\n"),
		with(t, explicitYAML, "labels: {app: web}}\nspec:", "labels: {app: web, team: git}}\nspec:"),
		with(t, explicitYAML, `        args: [--listen, ":8080"]`+"\n", ""),
		with(t, explicitYAML, "      - name: proxy\n        image: registry.example.com/proxy:2.0.1\n", ""),
		with(t, explicitYAML, "    spec:\n      containers:", "    spec:\n      securityContext: {runAsUser: 1000}\n      containers:"),
		with(t, explicitYAML, "    spec:\n      containers:", "    spec:\n      volumes: [{name: tmp, emptyDir: {}}]\n      containers:"),
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
		s := synced(t, before)
		row := s.row(before)
		var names []string
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(hands)-1), 0, 5).Draw(rt, "hands") {
			if !possible(hands[i], s) {
				continue
			}
			names = append(names, hands[i].name)
			hands[i].edit(s)
		}
		git := rapid.SampledFrom(commits).Draw(rt, "git")
		c := s.comparison(git)
		if rapid.Bool().Draw(rt, "memo") {
			c = s.remembering(git, row)
		}
		change := Compare(c)
		if change.Type == InSync {
			return
		}
		if change.Type != Modified || change.Err != nil {
			rt.Fatalf("%v: %s, %v", names, change.Type, change.Err)
		}
		decision := Decide(change, granting(VerbSync, VerbHeal), Facts{})
		if !decision.Action.Writes() {
			rt.Fatalf("%v: everything is granted, and nothing is done: %s", names, decision.Reason)
		}
		kept := survivors(s.live)
		after := s.takeOver(c.Object, change, decision.Granted, decision.Adopt)
		if left := standard.Remaining(decision.Granted, c.Object.Manifest, after, c.Observation.Predicted); len(left) > 0 {
			rt.Fatalf("%v: still differs at %v", names, left)
		}
		for path, v := range kept {
			if got, _ := ValueAt(after, at(path)); got != v {
				rt.Fatalf("%v: %s was %v and is %v: it was not ours to change", names, path, v, got)
			}
		}
		again := s.compare(git)
		rest := slices.DeleteFunc(slices.Clone(again.Fields), func(f FieldChange) bool {
			return f.Addition && len(decision.Granted) < len(change.Fields) // a row that leaves additions
		})
		if len(rest) > 0 {
			rt.Fatalf("%v: the next run finds %v", names, told(rest))
		}
		if !again.Ownership.Tracked || !again.Ownership.LabelOwned {
			rt.Fatalf("%v: it is not ours any more: %+v", names, again.Ownership)
		}
	})
}

// possible says whether an edit has something to edit: an item may be gone.
func possible(h hand, s *server) bool {
	needs := map[string]string{
		"label gone": "metadata labels app", "part-of gone": "metadata labels " + LabelPartOf, "args gone": "spec template spec containers [name=app] args",
		"env gone": "spec template spec containers [name=app] env [name=LEVEL]", "env renamed": "spec template spec containers [name=app] env [name=MODE]",
	}
	path, needed := needs[h.name]
	if !needed {
		return true
	}
	_, present := ValueAt(s.live, at(path))
	return present
}

// survivors are the values of controllers and other deployers.
func survivors(live map[string]any) map[string]any {
	kept := map[string]any{}
	for _, path := range []string{"metadata annotations deployment.kubernetes.io/revision", "spec template metadata annotations hash",
		"metadata labels chart", "spec template metadata annotations kubectl.kubernetes.io/restartedAt"} {
		if v, present := ValueAt(live, at(path)); present {
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
		s := synced(t, explicitYAML)
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
			resolved := at(path)
			for i, element := range resolved {
				resolved[i] = string([]rune(replacePercent(element)))
			}
			s.update(manager, func(o map[string]any) { put(t, o, resolved, v) })
		}
		if got := s.compare(explicitYAML); got.Type != InSync {
			rt.Fatalf("%v", told(got.Fields))
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
		s := synced(t, explicitYAML)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(hands)-1), 1, 4, rapid.ID[int]).Draw(rt, "hands") {
			if possible(hands[i], s) {
				hands[i].edit(s)
			}
		}
		c := s.comparison(explicitYAML)
		want := told(Compare(c).Fields)
		turned := c
		turned.Observation.Live = CloneMap(c.Observation.Live)
		slices.Reverse(listAt(metadata(turned.Observation.Live), "managedFields"))
		for range 3 {
			if got := told(Compare(c).Fields); !slices.Equal(got, want) {
				rt.Fatalf("%v, then %v", want, got)
			}
			if got := told(Compare(turned).Fields); !slices.Equal(got, want) {
				rt.Fatalf("%v, and with the entries turned round %v", want, got)
			}
		}
	})
}

// ◆ SAFETY 1: no error path looks like absence or like emptiness.
func TestErrorsNeverLookLikeEmpty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := synced(t, configMapYAML)
		c := s.comparison(configMapYAML)
		c.Observation.Err = rapid.SampledFrom([]error{refused(ErrForbidden), refused(ErrDenied), refused(ErrInvalid), refused(ErrConflict), ErrUnreachable}).Draw(rt, "err")
		switch rapid.IntRange(0, 3).Draw(rt, "how") {
		case 0: // the object could not be read
			c.Observation.State, c.Observation.Predicted = Unreadable, nil
		case 1: // its owners could not be read
			metadata(c.Observation.Live)["managedFields"] = []any{map[string]any{"manager": "x", "fieldsV1": "no"}}
		case 2: // the prediction's owners could not be read
			metadata(c.Observation.Predicted)["managedFields"] = "no"
		case 3: // there is no prediction
			c.Observation.Predicted, c.Observation.Prediction = nil, ByComparison
		}
		change := Compare(c)
		if change.Err == nil {
			rt.Fatalf("the error is lost: %+v", change)
		}
		if change.Type == Missing || change.Type == Extra {
			rt.Fatalf("an error looks like absence: %s", change.Type)
		}
		if change.Type == InSync && len(change.Findings) == 0 {
			rt.Fatal("an error looks like peace")
		}
		for _, next := range []Change{change, WithoutIgnored(change, []Path{at("*")}), restored(change, Additions(change), nil)} {
			if d := Decide(next, granting(acting...), Facts{}); d.Action.Writes() {
				rt.Fatalf("something is written: %+v", d)
			}
		}
		extra := CompareExtra(c.Observation, Entry{ID: c.Object.ID, UID: testUID}, testFamily)
		if c.Observation.State == Unreadable && (extra.Type != Unknown || extra.Err == nil) {
			rt.Fatalf("an unreadable extra: %+v", extra)
		}
	})
}

// Whatever managedFields a cluster holds, comparing ends with an answer.
func FuzzCompareManagedFields(f *testing.F) {
	s := synced(f, deploymentYAML)
	seed, err := json.Marshal(metadata(s.live)["managedFields"])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	for _, text := range []string{`[]`, `null`, `"x"`, `[{"manager":"a","fieldsV1":{"f:spec":{"f:x":{"k:{\"a\":1}":{".":{}}}}}}]`,
		`[{"manager":"a","fieldsV1":{"f:spec":{"v:1":{},"i:0":{},"k:{}":{}}}}]`, `[{"manager":"killick","operation":"Apply","fieldsV1":{".":{}}}]`,
		`[{"manager":"a","fieldsV1":{"f:metadata":{"f:labels":{"f:app":{"f:deep":{}}}}}}]`, `[[]]`, `[{"fieldsV1":{"k:{":{}}}]`} {
		f.Add([]byte(text))
	}
	object := desired(f, deploymentYAML)
	predicted := s.dryRun(object)
	f.Fuzz(func(t *testing.T, data []byte) {
		var entries any
		if json.Unmarshal(data, &entries) != nil {
			return
		}
		live := CloneMap(s.live)
		metadata(live)["managedFields"] = entries
		metadata(live)["labels"].(map[string]any)["extra"] = "x"
		c := Comparison{Object: object, PartOf: testPartOf, Family: testFamily,
			Observation: Observation{ID: object.ID, State: Present, Live: live, Predicted: predicted, Prediction: ByDryRun}}
		change := Compare(c)
		if (change.Type == Unknown) != (change.Err != nil) {
			t.Errorf("%s, %v", change.Type, change.Err)
		}
		c.Observation.Predicted, c.Observation.Prediction = nil, ByComparison
		local := Compare(c)
		for _, one := range []Change{change, local} {
			if one.Type == Unknown {
				continue
			}
			if _, err := standard.TakeOver(live, one.Fields, "apps/v1", true, testStart); err != nil {
				t.Errorf("what could be read can be written: %v", err)
			}
			if _, err := standard.Effective(object, WithoutIgnored(one, []Path{at("spec"), at("metadata *")}), live); err != nil {
				t.Error(err)
			}
		}
		Proved(object, live)
		if _, err := standard.HashLive(testKey, live); (err != nil) != (change.Type == Unknown) {
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
	object := tree(f, deploymentYAML)
	f.Fuzz(func(t *testing.T, text string) {
		path, err := ParsePointer(text)
		if err != nil {
			return
		}
		back, err := ParsePointer(path.Pointer())
		if err != nil || !back.Equal(path) {
			t.Errorf("%q: %q, %v", path, back, err)
		}
		v, found := ValueAt(object, path)
		if _, patched := plainPointer(object, path); patched != found {
			t.Errorf("%q: found %t %v, patched %t", path, found, v, patched)
		}
		withValue(object, path, "x")
		withoutValue(object, path, wantedIn)
	})
}
