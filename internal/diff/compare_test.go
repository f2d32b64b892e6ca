package diff_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// comparing is one row of a table about Compare: an object applied by Killick
// from before, then changed by hand, compared with what Git says now.
type comparing struct {
	name   string
	reason string
	before string                 // the manifest that was applied
	edits  func(*model.Server)    // what happened to the object since
	git    func(string) string    // what Git says now; nil is the same
	memo   bool                   // a row was written after the apply
	change func(*diff.Comparison) // anything else
	want   drift.Type
	cause  drift.Cause
	fields []string
	finds  []string
}

func (c comparing) run(t *testing.T) {
	t.Helper()
	s := model.Synced(t, c.before)
	row := s.Row(c.before)
	if c.edits != nil {
		c.edits(s)
	}
	manifest := c.before
	if c.git != nil {
		manifest = c.git(manifest)
	}
	comparison := s.Comparison(manifest)
	if c.memo {
		comparison = s.Remembering(manifest, row)
	}
	if c.change != nil {
		c.change(&comparison)
	}
	got := diff.Compare(comparison)
	if got.Type != c.want || got.Cause != c.cause {
		t.Errorf("%s: %s caused by %s, want %s by %s (%v)", c.reason, got.Type, got.Cause, c.want, c.cause, got.Err)
	}
	if diff := cmp.Diff(c.fields, model.Told(got.Fields), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: fields (-want +got):\n%s", c.reason, diff)
	}
	if diff := cmp.Diff(c.finds, got.Findings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: findings (-want +got):\n%s", c.reason, diff)
	}
}

func TestCompareNothingChanged(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{
		"deployment": model.DeploymentYAML, "service": model.ServiceYAML, "config map": model.ConfigMapYAML,
		"secret": model.SecretYAML, "custom resource": model.WidgetYAML,
		"quantities":  model.With(t, model.DeploymentYAML, `cpu: "1", memory: 256Mi`, `cpu: 1000m, memory: 0.25Gi`),
		"zero values": model.With(t, model.DeploymentYAML, "    spec:\n      containers:", "    spec:\n      hostNetwork: false\n      tolerations: []\n      containers:"),
		"empty env":   model.With(t, model.DeploymentYAML, "value: production", `value: ""`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, manifest)
			c := s.Comparison(manifest)
			got := diff.Compare(c)
			if got.Type != drift.InSync || len(got.Fields)+len(got.Findings) > 0 || got.Err != nil {
				t.Errorf("right after the apply: %s %v %v %v", got.Type, model.Told(got.Fields), got.Findings, got.Err)
			}
			want := drift.Ownership{Tracked: true, PartOf: model.TestPartOf, Managers: []string{drift.FieldManager}, LabelOwned: true}
			if diff := cmp.Diff(want, got.Ownership); diff != "" {
				t.Errorf("ownership (-want +got):\n%s", diff)
			}
			if got.UID != model.TestUID || got.ResourceVersion != nested.ResourceVersionOf(s.Live) {
				t.Errorf("judged %q at %q", got.UID, got.ResourceVersion)
			}
		})
	}
}

func TestCompareScalars(t *testing.T) {
	t.Parallel()
	for _, c := range []comparing{
		{name: "scaled by hand", reason: "kubectl scale names itself kubectl and writes through the subresource", before: model.DeploymentYAML,
			edits: func(s *model.Server) { s.Set("kubectl/scale", "spec replicas", int64(5)) },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{"replace spec.replicas: 5 → 3, live kubectl"}},
		{name: "image by hand", reason: "an item of a keyed list is named by its key", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] image", "web:debug")
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=app].image: "web:debug" → "registry.example.com/web:1.4.0", live kubectl-edit`}},
		{name: "removed by hand", reason: "a pure deletion leaves no trace: without a memo row it could as well be new in Git", before: model.ConfigMapYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data mode", nil) },
			want:  drift.Modified, cause: drift.CauseGit, fields: []string{`remove data.mode: null → "production", git`}},
		{name: "removed by hand, remembered", reason: "Git says what it said when both were equal, so the cluster moved", before: model.ConfigMapYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data mode", nil) },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`remove data.mode: null → "production", live (removed fields have no owner)`}},
		{name: "Git changed", reason: "our own Apply entry owns the live value", before: model.ConfigMapYAML,
			git:  func(m string) string { return model.With(t, m, "mode: production", "mode: staging") },
			want: drift.Modified, cause: drift.CauseGit, fields: []string{`replace data.mode: "production" → "staging", git killick`}},
		{name: "Git added", reason: "nobody owns what is not there", before: model.ConfigMapYAML,
			git:  func(m string) string { return model.With(t, m, "mode: production", "mode: production, level: debug") },
			want: drift.Modified, cause: drift.CauseGit, fields: []string{`remove data.level: null → "debug", git`}},
		{name: "Git dropped", reason: "we own it and the manifest no longer names it", before: model.ConfigMapYAML,
			git:  func(m string) string { return model.With(t, m, "mode: production, ", "") },
			want: drift.Modified, cause: drift.CauseGit, fields: []string{`add data.mode: "production" → null, git killick`}},
		{name: "a quantity spelled otherwise", reason: "the server says they are the same", before: model.DeploymentYAML,
			git:  func(m string) string { return model.With(t, m, `cpu: "1"`, `cpu: 1000m`) },
			want: drift.InSync, cause: drift.CauseNone},
		{name: "a text that reads like a quantity", reason: "versions and variables are texts", before: model.ConfigMapYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data version", "1.1") },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`replace data.version: "1.1" → "1.10", live kubectl-edit`}},
		{name: "a float", reason: "a custom resource holds 0.5 as it is", before: model.WidgetYAML,
			edits: func(s *model.Server) { s.Set("k9s", "spec ratio", 0.75) },
			want:  drift.Modified, cause: drift.CauseLive, fields: []string{`replace spec.ratio: 0.75 → 0.5, live k9s`}},
		{name: "edited and edited back", reason: "equal values, but our claim is gone and somebody else holds it", before: model.ConfigMapYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "data mode", "debug")
				s.Set("kubectl-edit", "data mode", "production")
			},
			want: drift.InSync, finds: []string{`another manager took ownership of fields with equal values: "kubectl-edit"`}},
		{name: "our entry gone", reason: "what leaves Git from now on stays, and that is said", before: model.ConfigMapYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "data mode", "x")
				s.Set("kubectl-edit", "data mode", "production")
				raw, _ := nested.Metadata(s.Live)["managedFields"].([]any)
				nested.Metadata(s.Live)["managedFields"] = slices.DeleteFunc(raw, func(entry any) bool {
					fields, _ := entry.(map[string]any)
					return fields["manager"] == drift.FieldManager
				})
			},
			want: drift.InSync, finds: []string{drift.FindingNoEntry}},
		{name: "Git spells out a default", reason: "claiming what nobody owns is nobody's loss", before: model.DeploymentYAML,
			git: func(m string) string {
				return model.With(t, m, "  replicas: 3\n", "  replicas: 3\n  progressDeadlineSeconds: 600\n")
			},
			want: drift.InSync},
		{name: "status", reason: "status is the controllers'", before: model.DeploymentYAML,
			edits: func(s *model.Server) { s.Live["status"] = map[string]any{"replicas": int64(3)} },
			want:  drift.InSync},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

func TestCompareLists(t *testing.T) {
	t.Parallel()
	for _, c := range []comparing{
		{name: "keyed item added by hand", reason: "it is told whole, by its key", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`add spec.template.spec.containers[name=app].env[name=DEBUG]: {"name":"DEBUG","value":"1"} → null, live kubectl-edit`}},
		{name: "keyed item removed by hand", reason: "Git has it, live does not", before: model.DeploymentYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec template spec containers [name=proxy]", nil) },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`remove spec.template.spec.containers[name=proxy]: null → {"image":"registry.example.com/proxy:2.0.1","name":"proxy","resources":{},"terminationMessagePath":"/dev/termination-log"}, live (removed fields have no owner)`}},
		{name: "keyed item dropped in Git", reason: "the default that nobody owns goes with it", before: model.DeploymentYAML,
			git: func(m string) string {
				return model.With(t, m, "      - name: proxy\n        image: registry.example.com/proxy:2.0.1\n", "")
			},
			want: drift.Modified, cause: drift.CauseGit,
			fields: []string{`add spec.template.spec.containers[name=proxy]: {"image":"registry.example.com/proxy:2.0.1","name":"proxy","resources":{},"terminationMessagePath":"/dev/termination-log"} → null, git killick`}},
		{name: "two keys", reason: "protocol is a key that the server fills in", before: model.ServiceYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-patch", "spec ports [port=80,protocol=TCP] targetPort", int64(9999))
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.ports[port=80,protocol=TCP].targetPort: 9999 → 8080, live kubectl-patch`}},
		{name: "order of keyed items in Git", reason: "nothing but the order differs, and the note says so", before: model.DeploymentYAML,
			git: func(m string) string {
				m = model.With(t, m, "        - {name: MODE, value: production}\n", "")
				return model.With(t, m, "        resources:", "        - {name: MODE, value: production}\n        resources:")
			},
			want: drift.Modified, cause: drift.CauseGit,
			fields: []string{`replace spec.template.spec.containers[name=app].env: [{"name":"MODE","value":"production"},{"name":"NODE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"spec.nodeName"}}}] → [{"name":"NODE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"spec.nodeName"}}},{"name":"MODE","value":"production"}], git (only the order of the elements differs)`}},
		{name: "order by hand, remembered", reason: "moving items moves no ownership; it is not admission either", before: model.ServiceYAML, memo: true,
			edits: func(s *model.Server) {
				s.Update("kubectl-edit", func(o map[string]any) {
					ports, _ := nested.ValueAt(o, model.At("spec ports"))
					items := ports.([]any)
					model.Put(t, o, model.At("spec ports"), []any{items[1], items[0]})
				})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.ports: [{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090},{"name":"http","port":80,"protocol":"TCP","targetPort":8080}] → [{"name":"http","port":80,"protocol":"TCP","targetPort":8080},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090}], live (only the order of the elements differs)`}},
		{name: "atomic list", reason: "arguments merge as one value", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] args", []any{"--listen", ":8080", "--debug"})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.template.spec.containers[name=app].args: ["--listen",":8080","--debug"] → ["--listen",":8080"], live kubectl-edit`}},
		{name: "atomic map", reason: "a Service's selector merges as one value", before: model.ServiceYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec selector track", "canary") },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.selector: {"app":"web","track":"canary"} → {"app":"web"}, live kubectl-edit`}},
		{name: "atomic list of a custom resource", reason: "a CRD without list types has atomic lists, whatever is nested in them", before: model.WidgetYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec rules [1] host", "c.example.com") },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.rules: [{"host":"a.example.com","paths":["/x","/y"]},{"host":"c.example.com","paths":[]}] → [{"host":"a.example.com","paths":["/x","/y"]},{"host":"b.example.com","paths":[]}], live kubectl-edit`}},
		{name: "nested map of a custom resource", reason: "maps are compared key by key", before: model.WidgetYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "spec options nested depth", int64(9)) },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`replace spec.options.nested.depth: 9 → 2, live kubectl-edit`}},
		{name: "container added by hand", reason: "one addition, with the defaults that nobody owns", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=debug]", map[string]any{"name": "debug", "image": "busybox"})
			},
			want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`add spec.template.spec.containers[name=debug]: {"image":"busybox","name":"debug","resources":{},"terminationMessagePath":"/dev/termination-log"} → null, live kubectl-edit`}},
		{name: "set item added by hand", reason: "a finalizer is nobody's business but its owner's", before: model.ConfigMapYAML,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "metadata finalizers", []any{"example.com/hold"}) },
			want:  drift.InSync},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// A set of values has a path element per value; finalizers are the one set that
// every kind has, and Git may name some.
// TestCompareHolders: whose a difference is, where an entry names a place and owns
// nothing that stands there, or the other way round.
func TestCompareHolders(t *testing.T) {
	t.Parallel()
	emptyValue := model.With(t, model.DeploymentYAML, "image: registry.example.com/proxy:2.0.1", `env: [{name: MODE, value: ""}]`)
	threePorts := model.With(t, model.ServiceYAML, "  - {name: http,", "  - {name: admin, port: 7070, protocol: TCP}\n  - {name: http,")
	swapped := func(s *model.Server) {
		s.Update("kubectl-edit", func(o map[string]any) {
			ports, _ := nested.ValueAt(o, model.At("spec ports"))
			items := ports.([]any)
			model.Put(t, o, model.At("spec ports"), []any{items[1], items[0]})
		})
	}
	renamed := func(s *model.Server) {
		s.Update("mesh-operator", func(o map[string]any) {
			model.Put(t, o, model.At("spec template spec containers [name=proxy] name"), "side")
		})
	}
	for _, c := range []comparing{
		{name: "order by hand, and Git moved elsewhere", reason: "we own the elements and not their order, so it is not Git's alone", before: model.ServiceYAML, memo: true,
			edits: swapped, git: func(m string) string { return model.With(t, m, "selector: {app: web}", "selector: {app: shop}") },
			want: drift.Modified, cause: drift.CauseBoth,
			fields: []string{`replace spec.ports: [{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090},{"name":"http","port":80,"protocol":"TCP","targetPort":8080}] → [{"name":"http","port":80,"protocol":"TCP","targetPort":8080},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090}], both (only the order of the elements differs)`,
				`replace spec.selector: {"app":"web"} → {"app":"shop"}, git killick`}},
		{name: "two items made one, and Git moved elsewhere", reason: "the list is one value then, of which we own a part", before: threePorts, memo: true,
			edits: func(s *model.Server) {
				s.Update("k9s", func(o map[string]any) {
					model.Put(t, o, model.At("spec ports [port=9090,protocol=TCP] port"), int64(80))
				})
			},
			git:  func(m string) string { return model.With(t, m, "selector: {app: web}", "selector: {app: shop}") },
			want: drift.Modified, cause: drift.CauseBoth,
			fields: []string{`replace spec.ports: [{"name":"admin","port":7070,"protocol":"TCP","targetPort":0},{"name":"http","port":80,"protocol":"TCP","targetPort":8080},{"name":"metrics","port":80,"protocol":"TCP","targetPort":9090}] → [{"name":"admin","port":7070,"protocol":"TCP","targetPort":0},{"name":"http","port":80,"protocol":"TCP","targetPort":8080},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":9090}], both k9s`,
				`replace spec.selector: {"app":"web"} → {"app":"shop"}, git killick`}},
		{name: "a renamed item with a value that is not stored", reason: "our entry still names the value below the old name, and nobody owns the item", before: emptyValue, memo: true,
			edits: renamed, want: drift.Modified, cause: drift.CauseLive,
			fields: []string{`remove spec.template.spec.containers[name=proxy]: null → {"env":[{"name":"MODE"}],"name":"proxy","resources":{},"terminationMessagePath":"/dev/termination-log"}, live (removed fields have no owner)`}},
		{name: "the same, and Git moved elsewhere", reason: "somebody took the item away, so it is not Git's alone", before: emptyValue, memo: true,
			edits: renamed, git: func(m string) string { return model.With(t, m, "replicas: 3", "replicas: 4") },
			want: drift.Modified, cause: drift.CauseBoth,
			fields: []string{"replace spec.replicas: 3 → 4, git killick",
				`remove spec.template.spec.containers[name=proxy]: null → {"env":[{"name":"MODE"}],"name":"proxy","resources":{},"terminationMessagePath":"/dev/termination-log"}, both`}},
		{name: "Git fills in what it named as empty", reason: "our own entry names that very field", before: emptyValue, memo: true,
			git:  func(m string) string { return model.With(t, m, `value: ""`, "value: quiet") },
			want: drift.Modified, cause: drift.CauseGit,
			fields: []string{`remove spec.template.spec.containers[name=proxy].env[name=MODE].value: null → "quiet", git killick`}},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

func TestCompareSets(t *testing.T) {
	t.Parallel()
	manifest := model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, finalizers: [example.com/hold]}")
	comparing{reason: "Git's own finalizer was taken off", before: manifest, memo: true,
		edits: func(s *model.Server) { s.Set("kubectl-patch", "metadata finalizers", nil) },
		want:  drift.Modified, cause: drift.CauseLive,
		fields: []string{`remove metadata.finalizers: null → ["example.com/hold"], live (removed fields have no owner)`}}.run(t)
	comparing{reason: "one of two was taken off", memo: true,
		before: model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, finalizers: [example.com/hold, example.com/b]}"),
		edits:  func(s *model.Server) { s.Set("kubectl-patch", "metadata finalizers", []any{"example.com/b"}) },
		want:   drift.Modified, cause: drift.CauseLive,
		fields: []string{`remove metadata.finalizers[="example.com/hold"]: null → "example.com/hold", live (removed fields have no owner)`}}.run(t)
}

// The cause per field, docs/drift.md: the first match decides.
func TestCompareCause(t *testing.T) {
	t.Parallel()
	handEdit := func(s *model.Server) { s.Set("kubectl-edit", "data mode", "debug") }
	gitEdit := func(m string) string { return model.With(t, m, "mode: production", "mode: staging") }
	gitAdds := func(m string) string { return model.With(t, m, "mode: production", "mode: production, level: debug") }
	admission := func(s *model.Server) { s.Live["data"].(map[string]any)["mode"] = "enforced" }
	for _, c := range []comparing{
		{name: "1 hash unchanged", reason: "desired-hash unchanged since the row → live", memo: true, edits: handEdit,
			cause: drift.CauseLive, fields: []string{`replace data.mode: "debug" → "production", live kubectl-edit`}},
		{name: "1 hash unchanged, a deployer wrote", reason: "the row outranks the owner's class", memo: true,
			edits: func(s *model.Server) { s.Set("helm", "data mode", "debug") },
			cause: drift.CauseLive, fields: []string{`replace data.mode: "debug" → "production", live helm`}},
		{name: "1 hash unchanged, we own it", reason: "admission changed our write", memo: true, edits: admission,
			cause: drift.CauseLive, fields: []string{`replace data.mode: "enforced" → "production", live killick (admission changed what we own: it can come back after healing)`}},
		{name: "1 hash unchanged, we own it together", reason: "a co-owner does not hide that admission changed our write", memo: true,
			edits: func(s *model.Server) {
				s.Apply("kubectl", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: storefront}, data: {mode: production}}")
				admission(s)
			},
			cause: drift.CauseLive, fields: []string{`replace data.mode: "enforced" → "production", live kubectl (admission changed what we own: it can come back after healing)`}},
		{name: "2 addition", reason: "another manager's addition → live, even when the hash changed", memo: true, git: gitEdit,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") },
			cause: drift.CauseBoth, fields: []string{`add data.extra: "x" → null, live kubectl-edit`, `replace data.mode: "production" → "staging", git killick`}},
		{name: "3 own entry", reason: "our Apply entry owns it → git", memo: true, git: gitEdit,
			cause: drift.CauseGit, fields: []string{`replace data.mode: "production" → "staging", git killick`}},
		{name: "3 own entry without a row", reason: "ownership says enough", git: gitEdit,
			cause: drift.CauseGit, fields: []string{`replace data.mode: "production" → "staging", git killick`}},
		{name: "4 digest unchanged", reason: "nothing has moved in the cluster since both were equal, so Git added it", memo: true, git: gitAdds,
			cause: drift.CauseGit, fields: []string{`remove data.level: null → "debug", git`}},
		{name: "3 Git adds beside an addition", reason: "the row's manifest did not name it, whatever else somebody added to the map", memo: true, git: gitAdds,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") },
			cause: drift.CauseBoth, fields: []string{`add data.extra: "x" → null, live kubectl-edit`, `remove data.level: null → "debug", git`}},
		{name: "3 Git adds beside an edit", reason: "the edit is elsewhere", memo: true, git: gitAdds, edits: handEdit,
			cause: drift.CauseBoth, fields: []string{`remove data.level: null → "debug", git`, `replace data.mode: "debug" → "production", both kubectl-edit`}},
		{name: "3 Git names a default", reason: "what Git did not name nobody of ours held; no hand wrote it", memo: true,
			git: gitAdds, edits: func(s *model.Server) {
				handEdit(s)
				s.Set("reloader-controller", "data level", "info")
			},
			cause: drift.CauseBoth, fields: []string{`replace data.level: "info" → "debug", git reloader-controller`, `replace data.mode: "debug" → "production", both kubectl-edit`}},
		{name: "3 Git names what a hand added", reason: "both wrote there", memo: true, git: gitAdds,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data level", "info") },
			cause: drift.CauseBoth, fields: []string{`replace data.level: "info" → "debug", both kubectl-edit`}},
		{name: "3 a hand removed it", reason: "it looks like what Git adds, and the row's manifest named it", memo: true, git: gitEdit,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data version", nil) },
			cause: drift.CauseBoth, fields: []string{`replace data.mode: "production" → "staging", git killick`, `remove data.version: null → "1.10", both`}},
		{name: "3 a row of an earlier version", reason: "it did not record what the manifest named", memo: true, git: gitAdds,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") },
			change: func(c *diff.Comparison) { row := *c.Row; row.Named = nil; c.Row = &row },
			cause:  drift.CauseBoth, fields: []string{`add data.extra: "x" → null, live kubectl-edit`, `remove data.level: null → "debug", both`}},
		{name: "3 Git adds, without a row", reason: "nothing tells what Git had, and nobody owns what is not there", git: gitAdds,
			edits: func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") },
			cause: drift.CauseBoth, fields: []string{`add data.extra: "x" → null, live kubectl-edit`, `remove data.level: null → "debug", git`}},
		{name: "4 digest of another object", reason: "a row of an object that was replaced says nothing about this one", memo: true, git: gitAdds,
			change: func(c *diff.Comparison) { row := *c.Row; row.UID = "other"; c.Row = &row },
			cause:  drift.CauseBoth, fields: []string{`remove data.level: null → "debug", both`}},
		{name: "4 no digest recorded", reason: "an empty digest equals nothing, not even an empty one", memo: true, git: gitAdds,
			change: func(c *diff.Comparison) { row := *c.Row; row.Digest, row.Named = "", nil; c.Row = &row },
			cause:  drift.CauseBoth, fields: []string{`remove data.level: null → "debug", both`}},
		{name: "5 hash changed", reason: "both moved, and nobody can tell which one this field is", memo: true, git: gitEdit, edits: handEdit,
			cause: drift.CauseBoth, fields: []string{`replace data.mode: "debug" → "staging", both kubectl-edit`}},
		{name: "6 no row, interactive", reason: "interactive or unknown owner → live", edits: handEdit,
			cause: drift.CauseLive, fields: []string{`replace data.mode: "debug" → "production", live kubectl-edit`}},
		{name: "6 no row, unknown", reason: "interactive or unknown owner → live", edits: func(s *model.Server) { s.Set("fixit", "data mode", "debug") },
			cause: drift.CauseLive, fields: []string{`replace data.mode: "debug" → "production", live fixit`}},
		{name: "7 no row, pipeline", reason: "else git", edits: func(s *model.Server) { s.Set("Terraform", "data mode", "debug") },
			cause: drift.CauseGit, fields: []string{`replace data.mode: "debug" → "production", git Terraform`}},
		{name: "7 no row, controller", reason: "else git", edits: func(s *model.Server) { s.Set("reloader-controller", "data mode", "debug") },
			cause: drift.CauseGit, fields: []string{`replace data.mode: "debug" → "production", git reloader-controller`}},
		{name: "7 no row, nobody", reason: "else git: Git added it, as far as can be told", git: gitAdds,
			cause: drift.CauseGit, fields: []string{`remove data.level: null → "debug", git`}},
		{name: "no hash", reason: "an unknown hash equals no recorded one, not even an empty one", memo: true, edits: handEdit,
			change: func(c *diff.Comparison) { row := *c.Row; row.DesiredHash = ""; c.Row, c.DesiredHash = &row, "" },
			cause:  drift.CauseBoth, fields: []string{`replace data.mode: "debug" → "production", both kubectl-edit`}},
		{name: "several", reason: "the object's cause is the union of its fields'", memo: false,
			git:   func(m string) string { return model.With(t, m, `version: "1.10"`, `version: "2.0"`) },
			edits: handEdit, cause: drift.CauseBoth,
			fields: []string{`replace data.mode: "debug" → "production", live kubectl-edit`, `replace data.version: "1.10" → "2.0", git killick`}},
	} {
		c.before, c.want = model.ConfigMapYAML, drift.Modified
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// Additions count when a person, a script or an unknown program made them, and
// Git never mentioned them.
func TestCompareAdditions(t *testing.T) {
	t.Parallel()
	label := func(manager string) func(*model.Server) {
		return func(s *model.Server) { s.Set(manager, "metadata labels team", "a") }
	}
	added := func(manager string) []string {
		return []string{`add metadata.labels.team: "a" → null, live ` + manager}
	}
	for _, c := range []comparing{
		{name: "interactive", reason: "a hand", edits: label("kubectl-label"), want: drift.Modified, cause: drift.CauseLive, fields: added("kubectl-label")},
		{name: "pipeline", reason: "a script", edits: label("Terraform"), want: drift.Modified, cause: drift.CauseLive, fields: added("Terraform")},
		{name: "unknown", reason: "nobody knows the program, so somebody should look", edits: label("fixit"), want: drift.Modified, cause: drift.CauseLive, fields: added("fixit")},
		{name: "deployer", reason: "another deployer's fields on a tracked object are its job", edits: label("helm"), want: drift.InSync},
		{name: "controller", reason: "controllers add fields as part of their job", edits: label("replicator-controller"), want: drift.InSync},
		{name: "admission", reason: "what admission added nobody owns", want: drift.InSync,
			edits: func(s *model.Server) { model.Put(s.T, s.Live, model.At("metadata labels team"), "a") }},
		{name: "status", reason: "status is controllers' whoever writes it", want: drift.InSync,
			edits: func(s *model.Server) {
				s.Update("kubectl-edit/status", func(o map[string]any) { o["status"] = map[string]any{"x": "y"} })
			}},
		{name: "Apply by hand", reason: "kubectl apply --server-side by a person", want: drift.Modified, cause: drift.CauseLive, fields: added("kubectl"),
			edits: func(s *model.Server) {
				s.Apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {team: a}}}")
			}},
		{name: "claimed by a controller too", reason: "what a controller also wants is not to be removed", want: drift.InSync,
			edits: func(s *model.Server) {
				body := "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {team: a}}}"
				s.Apply("kubectl", body)
				s.Apply("team-operator", body)
			}},
		{name: "beside a controller's", reason: "only the hand's own part of a map is an addition", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("pod-operator", "spec template spec securityContext", map[string]any{"runAsUser": int64(1)})
				s.Set("kubectl-edit", "spec template spec securityContext fsGroup", int64(2))
			},
			fields: []string{`add spec.template.spec.securityContext.fsGroup: 2 → null, live kubectl-edit`}},
		{name: "an atomic map", reason: "nodeSelector merges as one value, so whoever wrote last owns all of it", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("node-operator", "spec template spec nodeSelector", map[string]any{"zone": "a"})
				s.Set("kubectl-edit", "spec template spec nodeSelector disk", "ssd")
			},
			fields: []string{`add spec.template.spec.nodeSelector: {"disk":"ssd","zone":"a"} → null, live kubectl-edit`}},
		{name: "beside what admission added", reason: "each item of a keyed list is by itself, so that what nobody owns is not counted", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec tolerations", []any{map[string]any{"key": "a", "operator": "Exists"}})
				s.Set("kubectl-edit", "spec template spec volumes", []any{map[string]any{"name": "tmp", "emptyDir": map[string]any{}}})
				model.Put(s.T, s.Live, model.At("spec template spec volumes [name=injected]"), map[string]any{"name": "injected", "emptyDir": map[string]any{}})
			},
			fields: []string{
				`add spec.template.spec.tolerations: [{"key":"a","operator":"Exists"}] → null, live kubectl-edit`,
				`add spec.template.spec.volumes[name=tmp]: {"emptyDir":{},"name":"tmp"} → null, live kubectl-edit`}},
		{name: "a whole struct", reason: "the highest value that is wholly added", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec securityContext", map[string]any{"runAsUser": int64(0), "fsGroup": int64(1)})
			},
			fields: []string{`add spec.template.spec.securityContext: {"fsGroup":1,"runAsUser":0} → null, live kubectl-edit`}},
		{name: "a map that is named and empty", reason: "a leftover claim on a map hides nobody's additions in it", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("note-controller", "metadata annotations", map[string]any{"a": "b"})
				s.Set("note-controller", "metadata annotations a", nil)
				s.Set("kubectl-annotate", "metadata annotations", map[string]any{"note": "x"})
			},
			fields: []string{`add metadata.annotations.note: "x" → null, live kubectl-annotate`}},
		{name: "dropped in Git, kept by a hand", reason: "we applied it, so Git's dropping it is the cause; removing needs the hand's claim too", want: drift.Modified, cause: drift.CauseGit,
			edits: func(s *model.Server) {
				s.Apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {app: web}}}")
			},
			git: func(m string) string {
				return model.With(t, m, "namespace: storefront, labels: {app: web}}", "namespace: storefront}")
			},
			fields: []string{`add metadata.labels.app: "web" → null, git kubectl`}},
		{name: "beside what Git drops", reason: "nothing is told twice", want: drift.Modified, cause: drift.CauseBoth,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] resources limits ephemeral-storage", "1Gi")
			},
			git: func(m string) string {
				return model.With(t, m, "        resources:\n          limits: {cpu: \"1\", memory: 256Mi}\n", "")
			},
			fields: []string{
				`add spec.template.spec.containers[name=app].resources.limits.cpu: "1" → null, git killick`,
				`add spec.template.spec.containers[name=app].resources.limits.ephemeral-storage: "1Gi" → null, live kubectl-edit`,
				`add spec.template.spec.containers[name=app].resources.limits.memory: "256Mi" → null, git killick`}},
		{name: "a part of an item that Git drops", reason: "it goes as a whole and is told once: its keys alone would be left, which the server refuses", want: drift.Modified, cause: drift.CauseGit,
			edits: func(s *model.Server) {
				s.Apply("deploy-script", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront},
					spec: {template: {spec: {containers: [{name: app, image: "registry.example.com/web:1.4.1"}]}}}}`)
			},
			git: func(m string) string {
				head, _, _ := strings.Cut(m, "      - name: app\n")
				return head + "      - {name: proxy, image: registry.example.com/proxy:2.0.1}\n"
			},
			fields: []string{`add spec.template.spec.containers[name=app]: {"args":["--listen",":8080"],"env":[{"name":"MODE","value":"production"},` +
				`{"name":"NODE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"spec.nodeName"}}}],"image":"registry.example.com/web:1.4.1","name":"app",` +
				`"ports":[{"containerPort":8080,"name":"http","protocol":"TCP"}],"resources":{"limits":{"cpu":"1","memory":"256Mi"}},` +
				`"terminationMessagePath":"/dev/termination-log"} → null, git deploy-script`}},
	} {
		c.before = model.DeploymentYAML
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

// Additions that clients leave behind as part of their job are never drift.
func TestCompareQuiet(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"metadata annotations kubectl.kubernetes.io/last-applied-configuration",
		"metadata annotations kubectl.kubernetes.io/restartedAt",
		"metadata annotations kubernetes.io/change-cause",
		"metadata annotations deployment.kubernetes.io/revision",
		"metadata annotations deprecated.daemonset.template.generation",
		"metadata annotations " + drift.AnnotationSuspendUntil,
		"metadata annotations " + drift.AnnotationSuspendReason,
		"metadata annotations " + drift.AnnotationBreakGlassUntil,
		"metadata annotations " + drift.AnnotationBreakGlassReason,
		"spec template metadata annotations kubectl.kubernetes.io/restartedAt",
	} {
		for _, beside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s beside others %t", path, beside), func(t *testing.T) {
				t.Parallel()
				full := model.At(path)
				annotations, key := full[:len(full)-1], full[len(full)-1]
				c := comparing{reason: "a quiet annotation", before: model.DeploymentYAML, want: drift.InSync,
					edits: func(s *model.Server) {
						values := map[string]any{key: "2026-11-02T08:00:00Z"}
						if beside {
							values["note"] = "x"
						}
						s.Update("kubectl-edit", func(o map[string]any) { model.Put(t, o, annotations, values) })
					}}
				if beside {
					c.want, c.cause = drift.Modified, drift.CauseLive
					c.reason = "only the other one is told"
					c.fields = []string{"add " + annotations.Field("note").String() + `: "x" → null, live kubectl-edit`}
				}
				c.run(t)
			})
		}
	}
	t.Run("owner references", func(t *testing.T) {
		t.Parallel()
		comparing{reason: "who owns an object is its owner's to say", before: model.ConfigMapYAML, want: drift.InSync,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "metadata ownerReferences", []any{map[string]any{
					"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}})
			}}.run(t)
	})
}

func TestCompareUntracked(t *testing.T) {
	t.Parallel()
	helm := func(t *testing.T) *model.Server {
		s := model.NewServer(t)
		s.Apply("helm", model.With(t, model.ConfigMapYAML, "mode: production", "mode: staging, old: left"))
		return s
	}
	untracked := func(s *model.Server, manifest string) drift.Change {
		c := s.Comparison(manifest)
		c.Entry = nil
		return diff.Compare(c)
	}
	t.Run("another deployer's", func(t *testing.T) {
		t.Parallel()
		got := untracked(helm(t), model.ConfigMapYAML)
		want := []string{
			`replace data.mode: "staging" → "production", git helm`,
			`add data.old: "left" → null, git helm`,
		}
		if diff := cmp.Diff(want, model.Told(got.Fields)); diff != "" {
			t.Errorf("it was never ours, so all is Git's, and what adopting removes is listed (-want +got):\n%s", diff)
		}
		if got.Type != drift.Modified || got.Cause != drift.CauseGit || got.Ownership.Tracked || got.Ownership.Foreign {
			t.Errorf("%s by %s, %+v", got.Type, got.Cause, got.Ownership)
		}
	})
	t.Run("equal", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.ConfigMapYAML)
		got := untracked(s, model.ConfigMapYAML)
		if len(got.Findings) > 0 {
			t.Errorf("nobody took anything from us: %v", got.Findings)
		}
		if got.Type != drift.InSync || got.Ownership.Tracked || len(got.Fields) > 0 {
			t.Errorf("that it does not carry our label is no difference from Git: %s %v", got.Type, model.Told(got.Fields))
		}
	})
	t.Run("a copy of the last applied manifest", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("kubectl-client-side-apply", model.With(t, model.ConfigMapYAML, "namespace: storefront}",
			`namespace: storefront, annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}`))
		for _, field := range untracked(s, model.ConfigMapYAML).Fields {
			if field.Op == drift.OpAdd {
				t.Errorf("dropping it is no difference: %v", model.Told([]drift.FieldChange{field}))
			}
		}
	})
	t.Run("foreign", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("kubectl-label", "metadata labels "+drift.LabelPartOf, "applyset-other-v1")
		got := s.Compare(model.ConfigMapYAML)
		if !got.Ownership.Foreign || !got.Ownership.Tracked || got.Ownership.PartOf != "applyset-other-v1" {
			t.Errorf("an ApplySet of no app of this installation has what stands in our inventory: %+v", got.Ownership)
		}
		if diff := cmp.Diff(drift.CauseLive, got.Cause); diff != "" {
			t.Errorf("whoever changed the label, it was not Git:\n%s", diff)
		}
		c := s.Comparison(model.ConfigMapYAML)
		c.Entry = nil
		if got := diff.Compare(c); !got.Ownership.Foreign || got.Ownership.Tracked {
			t.Errorf("what never stood in the inventory is only foreign: %+v", got.Ownership)
		}
	})
	t.Run("another app of this installation", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		model.Put(t, s.Live, model.At("metadata labels "+drift.LabelPartOf), model.OtherPartOf)
		got := s.Compare(model.ConfigMapYAML)
		if got.Ownership.Foreign || !got.Ownership.Tracked {
			t.Errorf("it is handed over without adopt: %+v", got.Ownership)
		}
	})
	t.Run("an entry of another object", func(t *testing.T) {
		t.Parallel()
		c := helm(t).Comparison(model.ConfigMapYAML)
		c.Entry.UID = "somebody else"
		if diff.Compare(c).Ownership.Tracked {
			t.Error("an object made anew under our name is not the one we applied")
		}
		c.Entry.UID = ""
		if diff.Compare(c).Ownership.Tracked {
			t.Error("an entry that was never confirmed proves nothing")
		}
	})
	t.Run("no family", func(t *testing.T) {
		t.Parallel()
		c := model.Synced(t, model.ConfigMapYAML).Comparison(model.ConfigMapYAML)
		c.Family, c.Entry = nil, nil
		if got := diff.Compare(c); !got.Ownership.Tracked || got.Type != drift.InSync {
			t.Errorf("the app's own label is its own: %+v", got.Ownership)
		}
	})
}

func TestCompareStates(t *testing.T) {
	t.Parallel()
	object := model.Desired(t, model.DeploymentYAML)
	base := diff.Comparison{Object: object, PartOf: model.TestPartOf, Family: model.TestFamily}
	observed := func(o drift.Observation) diff.Comparison { c := base; o.ID = object.ID; c.Observation = o; return c }
	lost := errors.New("connection reset")
	cases := []struct {
		name, reason string
		in           diff.Comparison
		want         drift.Type
		cause        drift.Cause
		err          bool
		check        func(drift.Change) bool
	}{
		{name: "zero", reason: "an observation that says nothing is unreadable", in: base, want: drift.Unknown, err: true},
		{name: "unreadable", reason: "an error is never absence", in: observed(drift.Observation{Err: lost}), want: drift.Unknown, err: true,
			check: func(c drift.Change) bool { return errors.Is(c.Err, lost) }},
		{name: "absent", reason: "only NotFound means absent", in: observed(drift.Observation{State: drift.Absent}), want: drift.Missing, cause: drift.CauseGit},
		{name: "absent, create refused", reason: "the reason stands beside it", in: observed(drift.Observation{State: drift.Absent, Err: model.Refused(drift.ErrDenied)}),
			want: drift.Missing, cause: drift.CauseGit, err: true},
		{name: "absent, unverified", reason: "its namespace or kind comes with this plan",
			in: observed(drift.Observation{State: drift.Absent, Prediction: drift.Unverified}), want: drift.Missing, cause: drift.CauseGit,
			check: func(c drift.Change) bool { return c.Unverified }},
		{name: "present, nobody predicted", reason: "silence is not agreement", in: observed(drift.Observation{State: drift.Present, Live: object.Manifest}), want: drift.Unknown, err: true},
		{name: "present, the dry-run got no answer", reason: "no answer is no refusal",
			in: observed(drift.Observation{State: drift.Present, Live: object.Manifest, Prediction: drift.ByComparison, Err: lost}), want: drift.Unknown, err: true},
		{name: "present, managedFields of a wrong type", reason: "a missing owner must not look like nobody",
			in: observed(drift.Observation{State: drift.Present, Prediction: drift.ByDryRun, Predicted: object.Manifest,
				Live: map[string]any{"metadata": map[string]any{"managedFields": "x"}}}), want: drift.Unknown, err: true},
		{name: "present, predicted managedFields undecodable", reason: "nor on the other side",
			in: observed(drift.Observation{State: drift.Present, Prediction: drift.ByDryRun, Live: object.Manifest,
				Predicted: map[string]any{"metadata": map[string]any{"managedFields": []any{"x"}}}}), want: drift.Unknown, err: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := diff.Compare(c.in)
			if got.Type != c.want || got.Cause != c.cause || (got.Err != nil) != c.err {
				t.Errorf("%s: %s by %s, %v", c.reason, got.Type, got.Cause, got.Err)
			}
			if c.check != nil && !c.check(got) {
				t.Errorf("%s: %+v", c.reason, got)
			}
			if got.ID != object.ID || got.Version != "v1" {
				t.Errorf("it must say which object: %v %q", got.ID, got.Version)
			}
		})
	}
}

func TestCompareMissing(t *testing.T) {
	t.Parallel()
	job := `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: storefront}
spec: {ttlSecondsAfterFinished: 60, template: {spec: {restartPolicy: Never, containers: [{name: m, image: m}]}}}
`
	forever := model.With(t, job, "ttlSecondsAfterFinished: 60, ", "")
	hash := model.HashOf(t, model.Desired(t, job).Manifest)
	cases := []struct {
		name, reason string
		manifest     string
		entry        *drift.Entry
		row          *drift.Row
		hash         string
		want         drift.Type
		cause        drift.Cause
		tracked      bool
	}{
		{"new", "Git asks for something new", model.DeploymentYAML, nil, nil, "h", drift.Missing, drift.CauseGit, false},
		{"gone", "it was applied and confirmed, so the cluster lost it", model.DeploymentYAML, &drift.Entry{UID: "u"}, nil, "h", drift.Missing, drift.CauseLive, true},
		{"never confirmed", "a run died between writing the inventory and applying", model.DeploymentYAML, &drift.Entry{}, nil, "h", drift.Missing, drift.CauseGit, false},
		{"finished job", "its TTL removed it, and creating it again would run it again", job, &drift.Entry{UID: "u"}, &drift.Row{DesiredHash: hash}, hash, drift.InSync, drift.CauseNone, true},
		{"changed job", "Git wants another run", job, &drift.Entry{UID: "u"}, &drift.Row{DesiredHash: "old"}, hash, drift.Missing, drift.CauseLive, true},
		{"job without memory", "without a row nobody knows that it ran", job, nil, nil, hash, drift.Missing, drift.CauseGit, false},
		{"job without TTL", "nothing removes it but a hand", forever, &drift.Entry{UID: "u"}, &drift.Row{DesiredHash: "h"}, "h", drift.Missing, drift.CauseLive, true},
		{"job without hashes", "two unknown hashes are not equal", job, nil, &drift.Row{}, "", drift.Missing, drift.CauseGit, false},
		{"not a job", "a Job of another group has no TTL controller", model.With(t, job, "batch/v1", "example.com/v1"), &drift.Entry{UID: "u"}, &drift.Row{DesiredHash: hash}, hash, drift.Missing, drift.CauseLive, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			object := model.Desired(t, c.manifest)
			got := diff.Compare(diff.Comparison{Object: object, Observation: drift.Observation{ID: object.ID, State: drift.Absent},
				Entry: c.entry, Row: c.row, DesiredHash: c.hash})
			if got.Type != c.want || got.Cause != c.cause || got.Ownership.Tracked != c.tracked {
				t.Errorf("%s: %s by %s, tracked %t", c.reason, got.Type, got.Cause, got.Ownership.Tracked)
			}
		})
	}
}

func TestCompareFindings(t *testing.T) {
	t.Parallel()
	t.Run("stripped label", func(t *testing.T) {
		t.Parallel()
		comparing{reason: "the inventory knows it is ours", before: model.ConfigMapYAML, memo: true,
			edits: func(s *model.Server) { s.Set("kubectl-label", "metadata labels "+drift.LabelPartOf, nil) },
			want:  drift.Modified, cause: drift.CauseLive,
			fields: []string{`remove metadata.labels: null → {"applyset.kubernetes.io/part-of":"storefront"}, live (removed fields have no owner)`},
			finds:  []string{"the part-of label was stripped from the live object"}}.run(t)
	})
	t.Run("terminating", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		nested.Metadata(s.Live)["deletionTimestamp"] = "2026-11-02T09:00:00Z"
		got := s.Compare(model.ConfigMapYAML)
		if got.Type != drift.Modified || got.Cause != drift.CauseLive || !got.Terminating {
			t.Errorf("an object on its way out is not in sync: %s by %s", got.Type, got.Cause)
		}
		if diff := cmp.Diff([]string{"is being deleted since 2026-11-02T09:00:00Z"}, got.Findings); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("managedFields stripped", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		delete(nested.Metadata(s.Live), "managedFields")
		got := s.Compare(model.ConfigMapYAML)
		want := []string{"nothing on the object records who wrote what (managedFields were reset, or could not be converted between API versions):" +
			" what was added to it cannot be told from defaults, until Killick writes it again"}
		if got.Type != drift.InSync || got.Ownership.LabelOwned || !slices.Equal(want, got.Findings) {
			t.Errorf("nobody took anything: %s %+v %v", got.Type, got.Ownership, got.Findings)
		}
	})
}

func TestCompareTimesAndClasses(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.ConfigMapYAML) // 08:00
	s.Set("kubectl-edit", "data mode", "debug")
	got := s.Compare(model.ConfigMapYAML).Fields[0]
	if got.ManagerClass != drift.ClassInteractive || !got.ManagerTime.Equal(model.TestStart.Add(3600e9)) {
		t.Errorf("class %q, last write %s", got.ManagerClass, got.ManagerTime)
	}
}

func TestCompareDoesNotTouchItsInput(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
	c := s.Comparison(model.DeploymentYAML)
	manifest, live, predicted := nested.CloneMap(c.Object.Manifest), nested.CloneMap(c.Observation.Live), nested.CloneMap(c.Observation.Predicted)
	change := diff.Compare(c)
	for _, field := range change.Fields {
		if tree, ok := field.Live.(map[string]any); ok {
			tree["name"] = "changed"
		}
	}
	if diff := cmp.Diff([]any{manifest, live, predicted}, []any{c.Object.Manifest, c.Observation.Live, c.Observation.Predicted}); diff != "" {
		t.Errorf("values are copied out (-before +after):\n%s", diff)
	}
}

func TestCompareExtra(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.ConfigMapYAML)
	id := model.Desired(t, model.ConfigMapYAML).ID
	entry := drift.Entry{ID: id, Version: "v1", UID: model.TestUID}
	seen := drift.Observation{ID: id, State: drift.Present, Live: s.Live}
	got := diff.CompareExtra(seen, entry, model.TestFamily)
	if got.Type != drift.Extra || got.Cause != drift.CauseGit || !got.Ownership.Tracked || got.Ownership.Foreign || got.UID != model.TestUID || got.ID != id {
		t.Errorf("inventoried and not wanted: %+v", got)
	}
	cases := []struct {
		name, reason string
		seen         drift.Observation
		entry        drift.Entry
		check        func(drift.Change) bool
	}{
		{"unreadable", "an error never makes an extra", drift.Observation{ID: id, Err: errors.New("forbidden")}, entry,
			func(c drift.Change) bool { return c.Type == drift.Unknown && c.Err != nil }},
		{"absent", "nothing is there to be judged", drift.Observation{ID: id, State: drift.Absent}, entry,
			func(c drift.Change) bool { return c.Type == drift.Unknown && c.Err != nil }},
		{"zero", "an observation that says nothing is unreadable", drift.Observation{}, entry,
			func(c drift.Change) bool { return c.Type == drift.Unknown && c.Err != nil }},
		{"another object", "it was deleted and made anew by somebody else", seen, drift.Entry{ID: id, UID: "other"},
			func(c drift.Change) bool { return c.Type == drift.Extra && !c.Ownership.Tracked }},
		{"no UIDs", "two unknown UIDs are not one object", drift.Observation{ID: id, State: drift.Present, Live: map[string]any{}}, drift.Entry{ID: id},
			func(c drift.Change) bool { return !c.Ownership.Tracked }},
		{"bad managedFields", "unreadable owners are unknown", drift.Observation{ID: id, State: drift.Present,
			Live: map[string]any{"metadata": map[string]any{"managedFields": []any{1}}}}, entry,
			func(c drift.Change) bool { return c.Type == drift.Unknown && c.Err != nil }},
	}
	for _, c := range cases {
		if got := diff.CompareExtra(c.seen, c.entry, model.TestFamily); !c.check(got) {
			t.Errorf("%s: %s: %+v", c.name, c.reason, got)
		}
	}
	if got := diff.CompareExtra(seen, entry, nil); !got.Ownership.Foreign {
		t.Error("a label of nobody in this installation is foreign")
	}
	nested.Metadata(s.Live)["deletionTimestamp"] = "2026-11-02T09:00:00Z"
	if got := diff.CompareExtra(seen, entry, model.TestFamily); !got.Terminating {
		t.Error("it is on its way out already")
	}
}
