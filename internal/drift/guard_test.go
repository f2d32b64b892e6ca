package drift

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const testState = "killick"

// prunable is a candidate that no rule forbids: facts and step of an object that
// Killick applied and Git no longer has. edit spoils it.
func prunable(t testing.TB, manifest string, edit func(*PruneFacts, *Step)) (PruneFacts, Step) {
	t.Helper()
	object, err := WithPartOf(rendered(t, manifest), ApplySetID("storefront", testState))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.store(s.merged(FieldManager, object.Manifest))
	step := Step{App: "storefront", Observation: Observation{ID: object.ID, State: Present, Live: s.live},
		Change: Change{ID: object.ID, Version: object.Version, Type: Extra, Cause: CauseGit, UID: testUID, Ownership: Ownership{Tracked: true}}}
	facts := PruneFacts{
		App: App{Name: "storefront"}, Now: testStart, Own: Installation{StateNamespace: testState},
		Inventory: Inventory{Known: true, Entries: []Entry{{ID: object.ID, Version: object.Version, UID: testUID}, {ID: ID{Kind: "ConfigMap", Namespace: "storefront", Name: "other"}, Version: "v1", UID: "u2"}}},
		Occupied:  map[ID]string{},
	}
	if edit != nil {
		edit(&facts, &step)
	}
	return facts, step
}

type refusing struct {
	name, reason string
	manifest     string // configMapYAML when empty
	edit         func(*PruneFacts, *Step)
	want         string // contained in a refusal; "" when nothing is refused
}

func (c refusing) run(t *testing.T, rule string) {
	t.Helper()
	manifest := c.manifest
	if manifest == "" {
		manifest = configMapYAML
	}
	facts, step := prunable(t, manifest, c.edit)
	got := RefusePrune(facts, step)
	if c.want == "" {
		if len(got) > 0 {
			t.Errorf("%s: refused by %q", c.reason, got)
		}
		return
	}
	if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, rule+": ") && strings.Contains(text, c.want) }) {
		t.Errorf("%s: no refusal by %s saying %q in %q", c.reason, rule, c.want, got)
	}
	for _, text := range got {
		if !strings.HasPrefix(text, rule+": ") {
			t.Errorf("%s: another rule speaks as well: %q", c.reason, text)
		}
	}
}

func runRefusals(t *testing.T, rule string, cases []refusing) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t, rule) })
	}
}

func TestNothingForbidsAnOrdinaryPrune(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{"config map": configMapYAML, "deployment": deploymentYAML, "service": serviceYAML,
		"secret": secretYAML, "custom resource": widgetYAML} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusing{reason: "P1 to P8 hold", manifest: manifest}.run(t, "")
		})
	}
}

// P1: in the inventory under the same UID, and not in this run's desired set.
func TestP1(t *testing.T) {
	t.Parallel()
	runRefusals(t, "P1", []refusing{
		{name: "inventory not known", reason: "a lost inventory is rebuilt first", want: "inventory is not known",
			edit: func(f *PruneFacts, _ *Step) { f.Inventory.Known = false }},
		{name: "not inventoried", reason: "a label alone is no authority", want: "not in the app's inventory",
			edit: func(f *PruneFacts, _ *Step) { f.Inventory.Entries = f.Inventory.Entries[1:] }},
		{name: "another UID", reason: "it was deleted and made anew by somebody", want: "not the object that was applied",
			edit: func(f *PruneFacts, _ *Step) { f.Inventory.Entries[0].UID = "u9" }},
		{name: "never confirmed", reason: "an entry without a UID proves nothing", want: "not the object that was applied",
			edit: func(f *PruneFacts, _ *Step) { f.Inventory.Entries[0].UID = "" }},
		{name: "no UIDs at all", reason: "two unknown UIDs are not one", want: "not the object that was applied",
			edit: func(f *PruneFacts, s *Step) {
				f.Inventory.Entries[0].UID = ""
				delete(metadata(s.Observation.Live), "uid")
			}},
		{name: "desired under another group", reason: "the same object is served under several", want: "desired under another group",
			edit: func(f *PruneFacts, _ *Step) { f.Desired = map[string]bool{testUID: true} }},
		{name: "another object desired", reason: "not this one", edit: func(f *PruneFacts, _ *Step) { f.Desired = map[string]bool{"u2": true} }},
	})
}

// P2: the app is complete.
func TestP2(t *testing.T) {
	t.Parallel()
	runRefusals(t, "P2", []refusing{
		{name: "one reason", reason: "a list that failed", want: "the app is not complete: pods could not be listed",
			edit: func(f *PruneFacts, _ *Step) { f.Incomplete = []string{"pods could not be listed"} }},
		{name: "several", reason: "each is told", want: "second",
			edit: func(f *PruneFacts, _ *Step) { f.Incomplete = []string{"first", "second"} }},
	})
	facts, step := prunable(t, configMapYAML, func(f *PruneFacts, _ *Step) { f.Incomplete = []string{"first", "second"} })
	if got := RefusePrune(facts, step); len(got) != 2 {
		t.Errorf("each reason by itself: %q", got)
	}
}

// P4: live with our part-of label written by our own field manager, without a
// controller and without a deletionTimestamp.
func TestP4(t *testing.T) {
	t.Parallel()
	ours := ApplySetID("storefront", testState)
	label := func(v any) func(*PruneFacts, *Step) {
		return func(_ *PruneFacts, s *Step) { put(t, s.Observation.Live, at("metadata labels "+LabelPartOf), v) }
	}
	runRefusals(t, "P4", []refusing{
		{name: "label gone", reason: "somebody released it", want: "its part-of label is gone", edit: label(nil)},
		{name: "another ApplySet's label", reason: "two installations share the field manager's name", want: "names another ApplySet (applyset-x-v1)", edit: label("applyset-x-v1")},
		{name: "another app's label", reason: "it is that app's now", want: "names another ApplySet", edit: label(ApplySetID("payments", testState))},
		{name: "another installation's app of that name", reason: "the state namespace is part of the id", want: "names another ApplySet", edit: label(ApplySetID("storefront", "other"))},
		{name: "copied label", reason: "a controller copied the label from a parent", want: "not written by field manager killick",
			edit: func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["managedFields"] = []any{map[string]any{"manager": "endpointslice-controller", "operation": "Update",
					"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{"f:" + LabelPartOf: map[string]any{}}}}}}
			}},
		{name: "removed and restored", reason: "ownership is lost for good", want: "delete the object by hand, or remove the label to release it",
			edit: func(_ *PruneFacts, s *Step) {
				server := &server{t: t, live: s.Observation.Live, clock: testStart}
				server.set("kubectl-label", "metadata labels "+LabelPartOf, nil)
				server.set("kubectl-label", "metadata labels", map[string]any{LabelPartOf: ours})
				s.Observation.Live = server.live
			}},
		{name: "managedFields stripped", reason: "nothing proves who wrote the label", want: "not written by field manager killick",
			edit: func(_ *PruneFacts, s *Step) { delete(metadata(s.Observation.Live), "managedFields") }},
		{name: "managedFields unreadable", reason: "an error is not a proof", want: "reading managedFields",
			edit: func(_ *PruneFacts, s *Step) { metadata(s.Observation.Live)["managedFields"] = "x" }},
		{name: "controlled", reason: "its controller would make it anew, or wanted it", want: "a controller owns it",
			edit: func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"kind": "X", "controller": true}}
			}},
		{name: "owned, not controlled", reason: "an ownerReference alone is garbage collection's matter",
			edit: func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"kind": "X"}, map[string]any{"kind": "Y", "controller": false}}
			}},
		{name: "terminating", reason: "it is on its way", want: "being deleted already",
			edit: func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["deletionTimestamp"] = "2026-11-02T09:00:00Z"
			}},
	})
}

// P5: this very source applied the object last, and the commit descends from that run's.
func TestP5(t *testing.T) {
	t.Parallel()
	id := ID{Kind: "ConfigMap", Namespace: "storefront", Name: "web"}
	source := Provenance{Config: ConfigPlace{Repository: "https://git.example.com/platform.git", Ref: "main", Path: "prod/killick.yaml"},
		App: "storefront", Repository: "https://git.example.com/platform.git", Path: "apps/storefront", Renderer: RendererHelm,
		Release: "storefront", Namespace: "storefront", ValueFiles: []string{"values.yaml"}}
	for _, c := range []struct {
		name, reason string
		edit         func(*Provenance)
		descent      string
		unmarked     bool
		want         string // contained in the refusal; "" when nothing is refused
	}{
		{name: "the same", reason: "it is this source's"},
		{name: "unknown", reason: "a lost copy is not a proof", unmarked: true, want: "P5: which source applied it is not known"},
		{name: "another config repository", reason: "a copy of the config", edit: func(p *Provenance) { p.Config.Repository = "x"; p.Repository = "x" },
			want: `the config's repository was "x", is "https://git.example.com/platform.git"`},
		{name: "another ref", reason: "one run from a laptop", edit: func(p *Provenance) { p.Config.Ref = "feature" }, want: `the config's ref was "feature", is "main"`},
		{name: "another config file", reason: "two clusters' files", edit: func(p *Provenance) { p.Config.Path = "b.yaml" }, want: "the config's path"},
		{name: "another app", reason: "marks lie in the app's own state, and say so", edit: func(p *Provenance) { p.App = "b" }, want: "the app's name"},
		{name: "another repository", reason: "the charts moved", edit: func(p *Provenance) { p.Repository = "b" }, want: "the app's repository"},
		{name: "another path", reason: "the folder moved", edit: func(p *Provenance) { p.Path = "b" }, want: `the app's path was "b", is "apps/storefront"`},
		{name: "another renderer", reason: "a kustomization.yaml came", edit: func(p *Provenance) { p.Renderer = RendererYAML }, want: "the renderer"},
		{name: "another release", reason: "names derive from it", edit: func(p *Provenance) { p.Release = "b" }, want: "the release"},
		{name: "another namespace", reason: "objects without one stand there", edit: func(p *Provenance) { p.Namespace = "b" }, want: "the namespace"},
		{name: "other value files", reason: "what they name, not what they hold", edit: func(p *Provenance) { p.ValueFiles = []string{"b.yaml"} }, want: `the value files was "b.yaml"`},
		{name: "no descent", reason: "history was rewritten", descent: "commit b does not descend from a", want: "P5: commit b does not descend from a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			recorded := source
			if c.edit != nil {
				c.edit(&recorded)
			}
			var known GuardState
			if !c.unmarked {
				known = known.Applied(recorded.String(), []ID{id}, []Entry{{ID: id}})
			}
			got := RefuseSource(known, source, c.descent, id)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s: %q, want %q", c.reason, got, c.want)
			}
		})
	}
}

// P6: its kind is not protected.
func TestP6(t *testing.T) {
	t.Parallel()
	manifest := func(apiVersion, kind, namespace string) string {
		meta := "{name: x}"
		if namespace != "" {
			meta = "{name: x, namespace: " + namespace + "}"
		}
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: %s\n", apiVersion, kind, meta)
	}
	for _, c := range []struct{ apiVersion, kind string }{
		{"v1", "Namespace"}, {"v1", "PersistentVolume"}, {"v1", "PersistentVolumeClaim"}, {"v1", "Node"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition"}, {"storage.k8s.io/v1", "StorageClass"},
		{"snapshot.storage.k8s.io/v1", "VolumeSnapshot"}, {"snapshot.storage.k8s.io/v1", "VolumeSnapshotClass"},
		{"snapshot.storage.k8s.io/v1", "VolumeSnapshotContent"}, {"groupsnapshot.storage.k8s.io/v1", "VolumeGroupSnapshot"},
		{"groupsnapshot.storage.k8s.io/v1", "VolumeGroupSnapshotContent"}, {"apiregistration.k8s.io/v1", "APIService"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole"}, {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding"},
		{"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"}, {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"},
		{"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"}, {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"},
		{"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"}, {"admissionregistration.k8s.io/v9", "SomethingNew"},
	} {
		t.Run("kind "+c.kind, func(t *testing.T) {
			t.Parallel()
			group, _, err := ParseAPIVersion(c.apiVersion)
			if err != nil {
				t.Fatal(err)
			}
			id := ID{Group: group, Kind: c.kind, Name: "x"}
			looked := func(f *PruneFacts, s *Step) {
				s.Change.ID = id
				f.Inventory.Entries = []Entry{{ID: id, UID: testUID}}
				f.Occupied = map[ID]string{id: ""}
			}
			refusing{reason: "protected by default", manifest: manifest(c.apiVersion, c.kind, ""), edit: looked,
				want: "kind " + id.GroupKind() + " is protected; guards.unprotect can name it"}.run(t, "P6")
			for _, name := range []string{c.kind, id.GroupKind(), c.kind + "/x", id.GroupKind() + "/x"} {
				refusing{reason: "the config unprotects " + name, manifest: manifest(c.apiVersion, c.kind, ""),
					edit: func(f *PruneFacts, s *Step) { looked(f, s); f.Guards.Unprotect = []string{"Other", name} }}.run(t, "P6")
			}
			for _, name := range []string{c.kind + "/y", "x", "*", strings.ToLower(c.kind), c.kind + "."} {
				refusing{reason: name + " is something else", manifest: manifest(c.apiVersion, c.kind, ""), want: "is protected",
					edit: func(f *PruneFacts, s *Step) { looked(f, s); f.Guards.Unprotect = []string{name} }}.run(t, "P6")
			}
		})
	}
	runRefusals(t, "P6", []refusing{
		{name: "namespaced RBAC", reason: "only the cluster-scoped kinds", manifest: manifest("rbac.authorization.k8s.io/v1", "Role", "storefront")},
		{name: "a kind of that name elsewhere", reason: "protection is by group", manifest: manifest("example.com/v1", "ClusterRole", "")},
		{name: "kube-system", reason: "system namespaces", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: kube-system"), want: "system namespace",
			edit: unprotecting("ConfigMap", "Namespace")},
		{name: "kube-anything", reason: "all of them", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: kube-flannel"), want: "system namespace"},
		{name: "a namespace like it", reason: "the prefix ends with a dash", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: kubernetes")},
		{name: "our own namespace", reason: "what stands beside Killick's state", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: killick"), want: "Killick's own namespace",
			edit: unprotecting("ConfigMap")},
		{name: "the approvals", reason: "approvals are Killick's state, too", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: killick-approvals"), want: "Killick's own namespace"},
		{name: "the account's namespace", reason: "it may be another than the state's", manifest: with(t, configMapYAML, "namespace: storefront", "namespace: ops"), want: "Killick's own namespace",
			edit: func(f *PruneFacts, _ *Step) { f.Own.Account = accountPrefix + "ops:deployer" }},
		{name: "a right of Killick's own account", reason: "an earlier version may have applied it, and runs need it", want: "a binding of Killick's own account ops/deployer",
			manifest: "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: storefront, name: b}, subjects: [{kind: ServiceAccount, namespace: ops, name: deployer}]}",
			edit:     func(f *PruneFacts, _ *Step) { f.Own.Account = accountPrefix + "ops:deployer" }},
	})
	for mark, value := range map[string]string{
		"helm.sh/resource-policy": "keep", "argocd.argoproj.io/sync-options": "Prune=false", "kustomize.toolkit.fluxcd.io/prune": "disabled",
		"client.lifecycle.config.k8s.io/deletion": "detach", "cli-utils.sigs.k8s.io/on-remove": "keep", "kapp.k14s.io/delete-strategy": "orphan",
		"kluctl.io/skip-delete": "true", "werf.io/resource-policy": "keep",
	} {
		t.Run("mark "+mark, func(t *testing.T) {
			t.Parallel()
			set := func(where, v string) func(*PruneFacts, *Step) {
				return func(f *PruneFacts, s *Step) {
					meta := metadata(s.Observation.Live)
					fields, _ := meta[where].(map[string]any)
					fields = shallow(fields)
					fields[mark] = v
					meta[where] = fields
					f.Guards.Unprotect = []string{"ConfigMap"} // it does not help
				}
			}
			for _, where := range []string{"annotations", "labels"} {
				for _, v := range []string{value, strings.ToUpper(value), "Other=1, " + value, " " + value + " "} {
					refusing{reason: where + " " + v, want: "it carries " + mark, edit: set(where, v)}.run(t, "P6")
				}
			}
			refusing{reason: "another value", edit: set("annotations", "something else")}.run(t, "P6")
			refusing{reason: "a part of the value", edit: set("annotations", value+"x")}.run(t, "P6")
		})
	}
	for _, option := range []string{"Prune=confirm", "Delete=false", "Delete=confirm"} {
		refusing{reason: option, want: "argocd.argoproj.io/sync-options=" + option,
			edit: func(_ *PruneFacts, s *Step) {
				put(t, s.Observation.Live, at("metadata annotations"), map[string]any{"argocd.argoproj.io/sync-options": "ServerSideApply=true," + option})
			}}.run(t, "P6")
	}
}

func unprotecting(kinds ...string) func(*PruneFacts, *Step) {
	return func(f *PruneFacts, _ *Step) { f.Guards.Unprotect = kinds }
}

// P6 for what holds other objects: deleting it deletes them, whatever policy and
// guards say about each.
func TestP6Containers(t *testing.T) {
	t.Parallel()
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: storefront}\n"
	crd := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, names: {kind: Widget, plural: widgets}, scope: Namespaced, versions: [{name: v1, served: true, storage: true}]}
`
	empty := func(extra func(*PruneFacts, ID)) func(*PruneFacts, *Step) {
		return func(f *PruneFacts, s *Step) {
			f.Guards.Unprotect = []string{"Namespace", "CustomResourceDefinition"}
			f.Inventory.Entries = f.Inventory.Entries[:1]
			f.Occupied = map[ID]string{s.Change.ID: ""}
			if extra != nil {
				extra(f, s.Change.ID)
			}
		}
	}
	holding := func(id ID) func(*PruneFacts, *Step) {
		return empty(func(f *PruneFacts, _ ID) { f.Inventory.Entries = append(f.Inventory.Entries, Entry{ID: id, UID: "u"}) })
	}
	runRefusals(t, "P6", []refusing{
		{name: "empty namespace", reason: "unprotected, looked at, and nothing in it", manifest: namespace, edit: empty(nil)},
		{name: "empty CRD", reason: "likewise", manifest: crd, edit: empty(nil)},
		{name: "foreign content", reason: "unprotecting a kind does not cover others' objects", manifest: namespace, want: "it holds Pod x",
			edit: empty(func(f *PruneFacts, id ID) { f.Occupied[id] = "it holds Pod x, which is not the app's" })},
		{name: "not looked at", reason: "not looked at is not empty", manifest: namespace, want: "is not known",
			edit: empty(func(f *PruneFacts, _ ID) { f.Occupied = nil })},
		{name: "CRD not looked at", reason: "likewise", manifest: crd, want: "is not known", edit: empty(func(f *PruneFacts, _ ID) { f.Occupied = nil })},
		{name: "own content", reason: "an object that policy or a guard keeps would go with it", manifest: namespace, want: "Secret storefront/login is in it",
			edit: holding(ID{Kind: "Secret", Namespace: "storefront", Name: "login"})},
		{name: "own content elsewhere", reason: "another namespace", manifest: namespace, edit: holding(ID{Kind: "Secret", Namespace: "other", Name: "login"})},
		{name: "own content that goes first", reason: "it is deleted before its namespace", manifest: namespace, edit: func(f *PruneFacts, s *Step) {
			content := ID{Kind: "Secret", Namespace: "storefront", Name: "login"}
			holding(content)(f, s)
			f.Going = map[ID]bool{content: true}
		}},
		{name: "own custom resource", reason: "its CRD goes after it", manifest: crd, want: "Widget a/gear is in it",
			edit: holding(ID{Group: "example.com", Kind: "Widget", Namespace: "a", Name: "gear"})},
		{name: "another kind of the group", reason: "another CRD's", manifest: crd, edit: holding(ID{Group: "example.com", Kind: "Cog", Namespace: "a", Name: "x"})},
		{name: "our own namespace", reason: "the one that holds Killick's state", manifest: with(t, namespace, "storefront", "killick"), want: "Killick's own namespace",
			edit: empty(nil)},
		{name: "the approvals namespace", reason: "likewise", manifest: with(t, namespace, "storefront", "killick-approvals"), want: "Killick's own namespace",
			edit: empty(nil)},
		{name: "a system namespace", reason: "kube-*", manifest: with(t, namespace, "storefront", "kube-public"), want: "system namespace", edit: empty(nil)},
	})
}

// P7: every app's desired set is known, and no other app wants the object.
func TestP7(t *testing.T) {
	t.Parallel()
	runRefusals(t, "P7", []refusing{
		{name: "an app failed to render", reason: "it may want the object", want: `what app "payments" wants is not known`,
			edit: func(f *PruneFacts, _ *Step) { f.Unknown = []string{"payments"} }},
		{name: "another app wants it", reason: "it is handed over", want: `app "payments" wants it`,
			edit: func(f *PruneFacts, s *Step) { f.Wanted = map[ID]string{s.Change.ID: "payments"} }},
		{name: "another app wants another", reason: "not this one",
			edit: func(f *PruneFacts, _ *Step) { f.Wanted = map[ID]string{{Kind: "ConfigMap", Name: "x"}: "payments"} }},
	})
}

// What somebody asked for on the object itself holds to the last look before a deletion.
func TestSuspendedIsNotDeleted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason      string
		annotations map[string]any
		want        string
	}{
		{"suspended", map[string]any{AnnotationSuspendUntil: "2999-01-01T00:00:00Z", AnnotationSuspendReason: "migration"}, "suspended: migration"},
		{"a time that is over", map[string]any{AnnotationSuspendUntil: "2001-01-01T00:00:00Z", AnnotationSuspendReason: "migration"}, ""},
		{"a time that cannot be read", map[string]any{AnnotationSuspendUntil: "tomorrow", AnnotationSuspendReason: "migration"}, "RFC 3339"},
	} {
		facts, step := prunable(t, configMapYAML, func(_ *PruneFacts, s *Step) { put(t, s.Observation.Live, at("metadata annotations"), c.annotations) })
		for doing, refused := range map[string][]string{"pruned": RefusePrune(facts, step), "replaced": RefuseReplace(facts, step)} {
			if c.want == "" && len(refused) > 0 || c.want != "" && (len(refused) != 1 || !strings.Contains(refused[0], c.want)) {
				t.Errorf("%s, %s: refused %q, want %q", c.reason, doing, refused, c.want)
			}
		}
	}
}

// P8: policy granted prune, approval included where required.
func TestP8(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason  string
		verdict Verdict
		want    Action
	}{
		{"granted", granting(VerbPrune), Prune},
		{"not granted", granting(VerbSync, VerbHeal, VerbAdopt, VerbReplace), AlertOnly},
		{"granted and vetoed", granting(VerbPrune, VerbAlertOnly), AlertOnly},
		{"granted and waiting", granting(VerbPrune, VerbRequireApproval), AlertOnly},
		{"granted and ignored", granting(VerbPrune, VerbIgnore), Ignore},
		{"failed", Verdict{Reasons: granting(VerbPrune).Reasons, Err: fmt.Errorf("timeout")}, AlertOnly},
	}
	for _, c := range cases {
		if got := Decide(extraChange(), c.verdict, Facts{}); got.Action != c.want {
			t.Errorf("%s: %s", c.reason, got.Action)
		}
	}
}

// Every refusal is told with its number, not only the first.
func TestRefusalsAddUp(t *testing.T) {
	t.Parallel()
	facts, step := prunable(t, configMapYAML, func(f *PruneFacts, s *Step) {
		f.Inventory.Known, f.Incomplete = false, []string{"x"}
		f.Unknown = []string{"payments"}
		f.Wanted = map[ID]string{s.Change.ID: "search"}
		delete(metadata(s.Observation.Live), "labels")
		put(t, s.Observation.Live, at("metadata annotations"), map[string]any{"helm.sh/resource-policy": "keep"})
	})
	var rules []string
	for _, text := range RefusePrune(facts, step) {
		rule, _, _ := strings.Cut(text, ":")
		rules = append(rules, rule)
	}
	if diff := cmp.Diff([]string{"P7", "P1", "P2", "P4", "P6", "P7"}, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefuseReplace(t *testing.T) {
	t.Parallel()
	claim := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x, namespace: storefront}\n"
	facts, step := prunable(t, claim, nil)
	if got := RefuseReplace(facts, step); len(got) != 1 || !strings.HasPrefix(got[0], "P6: kind PersistentVolumeClaim") {
		t.Errorf("deleting in order to create again is deleting: %q", got)
	}
	facts, step = prunable(t, deploymentYAML, nil)
	if got := RefuseReplace(facts, step); len(got) > 0 {
		t.Errorf("an ordinary object: %q", got)
	}
	step.Change.Ownership.Controlled = true
	if got := RefuseReplace(facts, step); len(got) != 1 || !strings.HasPrefix(got[0], "P4") {
		t.Errorf("a controller's: %q", got)
	}
}

// ◆ Property: no combination of facts prunes what any of P1 to P7 forbids for good, and
// the refusal names the rule. (P3 and P5 are Withhold's.)
func TestPruneNeedsProof(t *testing.T) {
	t.Parallel()
	spoils := map[string][]func(*PruneFacts, *Step){
		"P1": {
			func(f *PruneFacts, _ *Step) { f.Inventory.Known = false },
			func(f *PruneFacts, _ *Step) { f.Inventory.Entries = nil },
			func(f *PruneFacts, _ *Step) { f.Inventory.Entries[0].UID = "other" },
			func(f *PruneFacts, s *Step) { f.Desired = map[string]bool{UIDOf(s.Observation.Live): true} },
		},
		"P2": {func(f *PruneFacts, _ *Step) { f.Incomplete = []string{"a list failed"} }},
		"P4": {
			func(_ *PruneFacts, s *Step) { delete(metadata(s.Observation.Live), "labels") },
			func(_ *PruneFacts, s *Step) { delete(metadata(s.Observation.Live), "managedFields") },
			func(f *PruneFacts, _ *Step) { f.App.Name = "payments" },
			func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"controller": true}}
			},
			func(_ *PruneFacts, s *Step) { metadata(s.Observation.Live)["deletionTimestamp"] = "now" },
		},
		"P6": {
			func(f *PruneFacts, s *Step) { f.Occupied = map[ID]string{s.Change.ID: "it holds something"} },
			func(f *PruneFacts, s *Step) { f.Own.StateNamespace = s.Change.ID.Namespace },
			func(f *PruneFacts, s *Step) { f.Own.Account = accountPrefix + s.Change.ID.Namespace + ":killick" },
			func(_ *PruneFacts, s *Step) {
				metadata(s.Observation.Live)["annotations"] = map[string]any{"helm.sh/resource-policy": "keep"}
			},
		},
		"P7": {
			func(f *PruneFacts, _ *Step) { f.Unknown = []string{"payments"} },
			func(f *PruneFacts, s *Step) { f.Wanted = map[ID]string{s.Change.ID: "payments"} },
		},
	}
	rules := slices.Sorted(maps.Keys(spoils))
	rapid.Check(t, func(rt *rapid.T) {
		manifest := rapid.SampledFrom([]string{configMapYAML, deploymentYAML, serviceYAML, secretYAML, widgetYAML}).Draw(rt, "manifest")
		facts, step := prunable(t, manifest, nil)
		chosen := rapid.SliceOfDistinct(rapid.SampledFrom(rules), rapid.ID[string]).Draw(rt, "rules")
		for _, rule := range chosen {
			i := rapid.IntRange(0, len(spoils[rule])-1).Draw(rt, rule)
			spoils[rule][i](&facts, &step)
		}
		got := RefusePrune(facts, step)
		if (len(got) == 0) != (len(chosen) == 0) {
			rt.Fatalf("%v: refused %q", chosen, got)
		}
		for _, rule := range chosen {
			if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, rule+": ") }) {
				rt.Fatalf("%s does not speak in %q", rule, got)
			}
		}
	})
}
