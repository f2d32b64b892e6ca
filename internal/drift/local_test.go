package drift

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Where nothing is ours any more, an empty map of texts that live lacks was not stored;
// an empty structure was.
func TestEmptyMapsThatNobodyOwns(t *testing.T) {
	t.Parallel()
	service := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{}, "spec": spec}
	}
	budget := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": map[string]any{}, "spec": spec}
	}
	for _, c := range []struct {
		why            string
		manifest, live map[string]any
		found          int
	}{
		{"a map of texts", service(map[string]any{"selector": map[string]any{}}), service(map[string]any{}), 0},
		{"one with something in it", service(map[string]any{"selector": map[string]any{"app": "web"}}), service(map[string]any{}), 1},
		{"a selector of all pods is a structure", budget(map[string]any{"selector": map[string]any{}}), budget(map[string]any{}), 1},
		{"a zero value may mean something", service(map[string]any{"publishNotReadyAddresses": false}), service(map[string]any{}), 1},
	} {
		if got := localDiff(c.manifest, c.live, nil, false).found; len(got) != c.found {
			t.Errorf("%s: found %v", c.why, got)
		}
	}
}

// What live has in an atomic value of ours beyond the manifest are defaults, but for
// the labels of a selector, which has none.
func TestAtomicValuesOfOurs(t *testing.T) {
	t.Parallel()
	labels := func(pairs ...string) map[string]any {
		found := map[string]any{}
		for _, pair := range pairs {
			found[pair] = "x"
		}
		return found
	}
	selector := func(pairs ...string) map[string]any { return map[string]any{"matchLabels": labels(pairs...)} }
	rule := func(pairs ...string) any {
		return []any{map[string]any{"from": []any{map[string]any{"podSelector": selector(pairs...)}}}}
	}
	for _, c := range []struct {
		why, apiVersion, kind, field string
		desired, live                any
		same                         bool
	}{
		{"a Service's selector lost a label in Git", "v1", "Service", "selector", labels("app"), labels("app", "tier"), false},
		{"and is the same", "v1", "Service", "selector", labels("app"), labels("app"), true},
		{"another Service's selector may have defaults", "example.com/v1", "Service", "selector", labels("app"), labels("app", "tier"), true},
		{"a LabelSelector", "policy/v1", "PodDisruptionBudget", "selector", selector("app"), selector("app", "tier"), false},
		{"one in a list", "networking.k8s.io/v1", "NetworkPolicy", "ingress", rule("app"), rule("app", "tier"), false},
		{"one that is the same", "networking.k8s.io/v1", "NetworkPolicy", "ingress", rule("app"), rule("app"), true},
		{"one of nothing is not stored", "policy/v1", "PodDisruptionBudget", "selector", selector(), map[string]any{}, true},
		{"a list of the name data has defaults", "external-secrets.io/v1", "ExternalSecret", "data",
			[]any{map[string]any{"secretKey": "a"}}, []any{map[string]any{"secretKey": "a", "metadataPolicy": "None"}}, true},
	} {
		object := func(v any) map[string]any {
			return map[string]any{"apiVersion": c.apiVersion, "kind": c.kind, "metadata": map[string]any{}, "spec": map[string]any{c.field: v}}
		}
		ours := managed{manager: FieldManager, operation: "Apply", class: ClassSelf, fields: fieldpath.NewSet(fieldpath.MakePathOrDie("spec", c.field))}
		found := localDiff(object(c.desired), object(c.live), []managed{ours}, true).found
		if (len(found) == 0) != c.same {
			t.Errorf("%s: found %v", c.why, found)
		}
	}
}

// Where the dry-run was refused, the manifest is compared with the live object
// and our own entry; what the server filled in is no difference.
func TestCompareLocally(t *testing.T) {
	t.Parallel()
	invalid := refused(ErrInvalid, "spec.ports[1].name")
	unnamed := `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: storefront}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`
	renumber := func(from string) func(*server) {
		return func(s *server) {
			s.update("kubectl-edit", func(o map[string]any) {
				put(s.t, o, at("spec ports "+from+" port"), int64(8000))
			})
		}
	}
	for _, c := range []comparing{
		{name: "a named port renumbered", reason: "the key of an item changed: the old one is gone, a new one was added", before: serviceYAML, memo: true,
			edits: renumber("[port=80,protocol=TCP]"), want: Modified, cause: CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"name":"http","port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=8000,protocol=TCP]: {"name":"http","port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "a sole unnamed port renumbered", reason: "nothing of ours is left in the list", before: unnamed, memo: true,
			edits: renumber("[port=80,protocol=TCP]"), want: Modified, cause: CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=8000,protocol=TCP]: {"port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "without a memo row", reason: "who removed an item nobody knows; who added one is known", before: serviceYAML,
			edits: renumber("[port=80,protocol=TCP]"), want: Modified, cause: CauseBoth,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"name":"http","port":80,"targetPort":8080}, git`,
				`add spec.ports[port=8000,protocol=TCP]: {"name":"http","port":8000,"protocol":"TCP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "the protocol changed", reason: "protocol is half of the key, and the manifest leaves it to the server", before: unnamed, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "spec ports [port=80,protocol=TCP] protocol", "UDP") },
			want:  Modified, cause: CauseLive,
			fields: []string{
				`remove spec.ports[port=80,protocol=TCP]: null → {"port":80,"targetPort":8080}, live (removed fields have no owner)`,
				`add spec.ports[port=80,protocol=UDP]: {"port":80,"protocol":"UDP","targetPort":8080} → null, live kubectl-edit`}},
		{name: "defaults", reason: "fieldRef's apiVersion, protocol, replicas: nobody changed them", before: deploymentYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "spec template spec containers [name=proxy] image", "p") },
			want:  Modified, cause: CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=proxy].image: "p" → "registry.example.com/proxy:2.0.1", live kubectl-edit`}},
		{name: "quantities", reason: "where a quantity stands, its spelling does not matter", memo: true,
			before: with(t, deploymentYAML, `cpu: "1", memory: 256Mi`, `cpu: 1000m, memory: 0.25Gi`),
			edits:  func(s *server) { s.set("kubectl/scale", "spec replicas", int64(1)) },
			want:   Modified, cause: CauseLive, fields: []string{`replace spec.replicas: 1 → 3, live kubectl`}},
		{name: "a changed quantity", reason: "a real difference is one in any spelling", before: deploymentYAML, memo: true,
			edits: func(s *server) {
				s.set("kubectl-set", "spec template spec containers [name=app] resources limits cpu", "500m")
			},
			want: Modified, cause: CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=app].resources.limits.cpu: "500m" → "1", live kubectl-set`}},
		{name: "a text that reads like a quantity", reason: "version 1.1 is not version 1.10", before: configMapYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "data version", "1.1") },
			want:  Modified, cause: CauseLive, fields: []string{`replace data.version: "1.1" → "1.10", live kubectl-edit`}},
		{name: "zero values", reason: "the server does not store them, and our entry still owns them", memo: true,
			before: with(t, with(t, deploymentYAML, "    spec:\n      containers:", "    spec:\n      hostNetwork: false\n      tolerations: []\n      containers:"), "value: production", `value: ""`),
			edits:  func(s *server) { s.set("kubectl/scale", "spec replicas", int64(1)) },
			want:   Modified, cause: CauseLive, fields: []string{`replace spec.replicas: 1 → 3, live kubectl`}},
		{name: "a zero value taken off", reason: "an empty volume that somebody replaced is a difference", memo: true,
			before: with(t, deploymentYAML, "    spec:\n      containers:", "    spec:\n      volumes: [{name: tmp, emptyDir: {}}]\n      containers:"),
			edits: func(s *server) {
				s.set("kubectl-edit", "spec template spec volumes [name=tmp]", map[string]any{"name": "tmp", "hostPath": map[string]any{"path": "/"}})
			},
			want: Modified, cause: CauseLive,
			fields: []string{
				`remove spec.template.spec.volumes[name=tmp].emptyDir: null → {}, live (removed fields have no owner)`,
				`add spec.template.spec.volumes[name=tmp].hostPath: {"path":"/"} → null, live kubectl-edit`}},
		{name: "Git drops a field", reason: "our own entry owns it and the manifest does not name it", before: configMapYAML, memo: true,
			git:  func(m string) string { return with(t, m, "mode: production, ", "") },
			want: Modified, cause: CauseGit, fields: []string{`add data.mode: "production" → null, git killick`}},
		{name: "Git drops an item", reason: "likewise in keyed lists", before: serviceYAML, memo: true,
			git: func(m string) string {
				return with(t, m, "  - {name: metrics, port: 9090, protocol: TCP, targetPort: 9090}\n", "")
			},
			want: Modified, cause: CauseGit,
			fields: []string{`add spec.ports[port=9090,protocol=TCP]: {"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090} → null, git killick`}},
		{name: "an atomic map", reason: "it is one change, as where the server predicts", before: serviceYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "spec selector track", "canary") },
			want:  Modified, cause: CauseLive, fields: []string{`replace spec.selector: {"app":"web","track":"canary"} → {"app":"web"}, live kubectl-edit`}},
		{name: "an atomic list", reason: "it is one change", before: widgetYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "spec rules [0] host", "x") },
			want:  Modified, cause: CauseLive,
			fields: []string{`replace spec.rules: [{"host":"x","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}] → [{"host":"a.example.com","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}], live kubectl-edit`}},
		{name: "an atomic list of Git's", reason: "our own entry owns it, but Git says something else", before: widgetYAML, memo: true,
			git:  func(m string) string { return with(t, m, "host: b.example.com", "host: c.example.com") },
			want: Modified, cause: CauseGit,
			fields: []string{`replace spec.rules: [{"host":"a.example.com","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}] → [{"host":"a.example.com","paths":["/x","/y"]},{"host":"c.example.com","paths":[]}], git killick`}},
		{name: "defaults inside an atomic list", reason: "as long as our entry owns it, more in live is the server's", before: widgetYAML, memo: true,
			edits: func(s *server) {
				put(s.t, s.live, at("spec rules [0] weight"), int64(1))
				s.set("kubectl-edit", "spec size", int64(4))
			},
			want: Modified, cause: CauseLive, fields: []string{`replace spec.size: 4 → 3, live kubectl-edit`}},
		{name: "the order", reason: "moved items differ, and the note says how", before: serviceYAML, memo: true,
			edits: func(s *server) {
				s.update("kubectl-edit", func(o map[string]any) {
					ports, _ := ValueAt(o, at("spec ports"))
					put(t, o, at("spec ports"), []any{ports.([]any)[1], ports.([]any)[0]})
				})
			},
			want: Modified, cause: CauseLive,
			fields: []string{`replace spec.ports: [{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090},{"name":"http","port":80,"protocol":"TCP","targetPort":8080}] → [{"name":"http","port":80,"targetPort":8080},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090}], live (only the order of the elements differs)`}},
		{name: "an addition", reason: "additions are found without the server, too", before: configMapYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-label", "metadata labels team", "a") },
			want:  Modified, cause: CauseLive, fields: []string{`add metadata.labels.team: "a" → null, live kubectl-label`}},
		{name: "an item twice", reason: "the second is nobody's and not Git's", before: serviceYAML, memo: true,
			edits: func(s *server) {
				ports, _ := ValueAt(s.live, at("spec ports"))
				put(t, s.live, at("spec ports"), append(Clone(ports).([]any), Clone(ports).([]any)[0]))
				s.set("kubectl-label", "metadata labels team", "a")
			},
			want: Modified, cause: CauseLive,
			fields: []string{
				`add metadata.labels.team: "a" → null, live kubectl-label`,
				`add spec.ports[port=80,protocol=TCP]: {"name":"http","port":80,"protocol":"TCP","targetPort":8080} → null, live killick`}},
		{name: "lists that nobody owns", reason: "managedFields were cleared: which lists have keys is not known, and more in live is nobody's",
			before: deploymentYAML, want: Modified, cause: CauseGit,
			edits: func(s *server) {
				put(s.t, s.live, at("spec replicas"), int64(1))
				put(s.t, s.live, at("spec template spec tolerations"), []any{map[string]any{"key": "a", "operator": "Equal"}})
				delete(metadata(s.live), "managedFields")
			},
			git: func(m string) string {
				return with(t, m, "    spec:\n      containers:", "    spec:\n      tolerations: [{key: a}]\n      containers:")
			},
			fields: []string{`replace spec.replicas: 1 → 3, git`}},
		{name: "another type", reason: "a map where Git wants a text", before: widgetYAML, memo: true,
			edits: func(s *server) { s.set("kubectl-edit", "spec options colour", map[string]any{"r": int64(1)}) },
			want:  Modified, cause: CauseLive,
			fields: []string{`replace spec.options.colour: {"r":1} → "red", live kubectl-edit`}},
	} {
		c.change = func(in *Comparison) {
			in.Observation.Predicted, in.Observation.Prediction, in.Observation.Err = nil, ByComparison, invalid
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
		want         Type
		finding      bool
	}{
		{"not refused", "comparing locally was the agreed way", nil, InSync, false},
		{"forbidden", "the server judged who asks, not the manifest", refused(ErrForbidden), InSync, true},
		{"denied", "a webhook without dry-run support, or a policy that came later: equal all the same", refused(ErrDenied), InSync, true},
		{"invalid", "the server finds the manifest impossible, and nothing seen explains why", refused(ErrInvalid), Unknown, false},
		{"immutable", "something differs that cannot be seen from here", refused(ErrImmutable, "spec.selector"), Unknown, false},
		{"conflict", "the object moved each time it was looked at", refused(ErrConflict), Unknown, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, configMapYAML)
			got := Compare(s.refuse(configMapYAML, c.err))
			if got.Type != c.want || !errors.Is(got.Err, c.err) || (c.err == nil) != (got.Err == nil) {
				t.Errorf("%s: %s, %v", c.reason, got.Type, got.Err)
			}
			if (len(got.Findings) > 0) != c.finding {
				t.Errorf("%s: findings %v", c.reason, got.Findings)
			}
			decision := Decide(got, granting(VerbSync, VerbHeal, VerbAdopt, VerbReplace), Facts{})
			if decision.Action.Writes() {
				t.Errorf("nothing is to be written: %+v", decision)
			}
			if c.want == Unknown && decision.Action != AlertOnly {
				t.Errorf("people are told: %+v", decision)
			}
		})
	}
	t.Run("all that differed is ignored", func(t *testing.T) {
		t.Parallel()
		s := synced(t, configMapYAML)
		s.set("kubectl-edit", "data mode", "debug")
		change := WithoutIgnored(Compare(s.refuse(configMapYAML, refused(ErrDenied))), []Path{at("data mode")})
		if change.Type != InSync || len(change.Findings) != 1 {
			t.Errorf("in sync, and said how it is known: %s %v", change.Type, change.Findings)
		}
		again := WithoutIgnored(change, []Path{at("data mode")})
		if len(again.Findings) != 1 {
			t.Errorf("said once: %v", again.Findings)
		}
	})
	t.Run("untracked", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", configMapYAML)
		c := s.refuse(configMapYAML, refused(ErrDenied))
		c.Entry = nil
		change := Compare(c)
		if d := Decide(change, granting(VerbSync, VerbAdopt), Facts{}); d.Action.Writes() {
			t.Errorf("what the server refuses is not adopted: %+v", d)
		}
	})
}

func TestImmutablePaths(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		err          error
		want         []Path
	}{
		{"none", "no refusal, nothing immutable", nil, nil},
		{"invalid", "never every 422 means immutable", refused(ErrInvalid, "spec.selector"), nil},
		{"a field", "the API's own notation", refused(ErrImmutable, "spec.selector"), []Path{{"spec", "selector"}}},
		{"an index", "list indexes stay indexes", refused(ErrImmutable, "spec.template.spec.containers[0].image"),
			[]Path{{"spec", "template", "spec", "containers", "[0]", "image"}}},
		{"a key with dots", "a bracketed name is one element", refused(ErrImmutable, "data[app.properties]"), []Path{{"data", "[app.properties]"}}},
		{"several", "each cause names one", refused(ErrImmutable, "spec.clusterIP", "spec.clusterIPs[0]"),
			[]Path{{"spec", "clusterIP"}, {"spec", "clusterIPs", "[0]"}}},
		{"no causes", "something in spec", refused(ErrImmutable), []Path{{"spec"}}},
		{"an unnamed cause", "something in spec", refused(ErrImmutable, ""), []Path{{"spec"}}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, immutablePaths(c.err), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.name, c.reason, diff)
		}
	}
	s := synced(t, deploymentYAML)
	git := with(t, deploymentYAML, "matchLabels: {app: web}", "matchLabels: {app: shop}")
	change := Compare(s.refuse(git, refused(ErrImmutable, "spec.selector")))
	if diff := cmp.Diff([]Path{{"spec", "selector"}}, change.Immutable); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`replace spec.selector: {"matchLabels":{"app":"web"}} → {"matchLabels":{"app":"shop"}}, git killick`}, told(change.Fields)); diff != "" {
		t.Errorf("what cannot change in place is a difference all the same:\n%s", diff)
	}
}

func TestSameMeaning(t *testing.T) {
	t.Parallel()
	limits := at("spec resources limits cpu")
	cases := []struct {
		reason        string
		path          Path
		desired, live any
		want          bool
	}{
		{"equal", at("data x"), "a", "a", true},
		{"1 and 1.0 are one number", at("spec x"), int64(1), 1.0, true},
		{"a number is no text", at("spec x"), int64(1), "1", false},
		{"milli", limits, "1000m", "1", true},
		{"a number written as a text", limits, int64(2), "2", true},
		{"a float", limits, 0.5, "500m", true},
		{"binary suffixes", at("spec resources requests memory"), "1024Mi", "1Gi", true},
		{"other amounts", limits, "999m", "1", false},
		{"no quantity at all", limits, "a lot", "1", false},
		{"no quantity on the other side", limits, "1", "a lot", false},
		{"a boolean", limits, true, "1", false},
		{"HPA targets", at("spec metrics [0] resource target value"), "1000m", "1", true},
		{"an environment variable", at("env [name=CPU] value"), "1000m", "1", false},
		{"an annotation", at("metadata annotations limits"), "1000m", "1", false},
		{"a volume's size limit", at("volumes [name=a] emptyDir sizeLimit"), "1024Mi", "1Gi", true},
		{"quota", at("spec hard requests.cpu"), "1000m", "1", true},
	}
	for _, c := range cases {
		if got := sameMeaning(c.path, c.desired, c.live); got != c.want {
			t.Errorf("%s: %v and %v at %s: %t", c.reason, c.desired, c.live, c.path, got)
		}
	}
}

// Property: whatever a hand does to a tracked object, comparing locally never
// finds less than what the server's prediction finds, except in what the server
// fills in by itself.
func TestLocalFindsWhatTheServerFinds(t *testing.T) {
	t.Parallel()
	edits := []func(*server, int64){
		func(s *server, n int64) { s.set("kubectl-edit", "spec replicas", n) },
		func(s *server, n int64) {
			s.set("kubectl-edit", "spec template spec containers [name=app] image", "web:"+string(rune('a'+n)))
		},
		func(s *server, _ int64) {
			s.set("kubectl-edit", "spec template spec containers [name=app] args", []any{"-v"})
		},
		func(s *server, _ int64) {
			s.set("kubectl-edit", "spec template spec containers [name=app] env [name=MODE]", nil)
		},
		func(s *server, n int64) {
			s.set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": string(rune('a' + n))})
		},
		func(s *server, _ int64) { s.set("kubectl-edit", "metadata labels team", "a") },
		func(s *server, _ int64) { s.set("kubectl-edit", "metadata labels app", nil) },
		func(s *server, _ int64) { s.set("kubectl-edit", "spec template spec containers [name=proxy]", nil) },
		func(s *server, n int64) {
			s.set("kubectl-edit", "spec template spec containers [name=app] resources limits memory", string(rune('1'+n))+"Gi")
		},
	}
	rapid.Check(t, func(t2 *rapid.T) {
		s := synced(t, deploymentYAML)
		row := s.row(deploymentYAML)
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(edits)-1), 0, 5, rapid.ID[int]).Draw(t2, "edits")
		for _, i := range chosen {
			edits[i](s, rapid.Int64Range(4, 8).Draw(t2, "n"))
		}
		byServer := s.remembering(deploymentYAML, row)
		locally := byServer
		locally.Observation.Predicted, locally.Observation.Prediction, locally.Observation.Err = nil, ByComparison, refused(ErrInvalid)
		paths := func(change Change) (out []string) {
			for _, field := range change.Fields {
				out = append(out, string(field.Op)+" "+field.Path.Pointer()+" "+field.Cause.String()+" "+field.Manager)
			}
			return out
		}
		want, got := Compare(byServer), Compare(locally)
		if diff := cmp.Diff(paths(want), paths(got), cmpopts.EquateEmpty()); diff != "" {
			t2.Fatalf("edits %v: the server (-) and the local comparison (+) differ:\n%s", chosen, diff)
		}
		if len(want.Fields) == 0 && got.Type != Unknown {
			t2.Fatalf("refused and unchanged: %s", got.Type)
		}
	})
}

// While the dry-run is refused: a zero value in a map that we applied empty is new in
// Git, and an empty container in one is not.
func TestLocalZeroInEmptyMap(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{mode: x, groups: {}, free: {}}"))
	for git, want := range map[string]string{
		"{mode: x, groups: {}, free: {open: false}}": `replace spec.free: {} → {"open":false}, git killick`,
		"{mode: x, groups: {}, free: {of: {}}}":      "",
	} {
		change := Compare(s.refuse(gadgetOf(git), refused(ErrInvalid, "spec.mode")))
		if got := strings.Join(told(change.Fields), "; "); got != want {
			t.Errorf("%s: %s", git, got)
		}
	}
}
