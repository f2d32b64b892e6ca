package guard_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

const testState = "killick"

// prunable is a candidate that no rule forbids: facts and step of an object that
// Killick applied and Git no longer has. edit spoils it.
func prunable(t testing.TB, manifest string, edit func(*guard.PruneFacts, *drift.Step)) (guard.PruneFacts, drift.Step) {
	t.Helper()
	object, err := drift.WithPartOf(model.Rendered(t, manifest), drift.ApplySetID("storefront", testState))
	if err != nil {
		t.Fatal(err)
	}
	s := model.NewServer(t)
	s.Store(s.Merged(drift.FieldManager, object.Manifest))
	step := drift.Step{App: "storefront", Observation: drift.Observation{ID: object.ID, State: drift.Present, Live: s.Live},
		Change: drift.Change{ID: object.ID, Version: object.Version, Type: drift.Extra, Cause: drift.CauseGit, UID: model.TestUID, Ownership: drift.Ownership{Tracked: true}}}
	facts := guard.PruneFacts{
		App: drift.App{Name: "storefront"}, Now: model.TestStart, Own: drift.Installation{StateNamespace: testState},
		Inventory: drift.Inventory{Known: true, Entries: []drift.Entry{{ID: object.ID, Version: object.Version, UID: model.TestUID}, {ID: drift.ID{Kind: "ConfigMap", Namespace: "storefront", Name: "other"}, Version: "v1", UID: "u2"}}},
		Occupied:  map[drift.ID]string{},
	}
	if edit != nil {
		edit(&facts, &step)
	}
	return facts, step
}

type refusing struct {
	name, reason string
	manifest     string // configMapYAML when empty
	edit         func(*guard.PruneFacts, *drift.Step)
	want         string // contained in a refusal; "" when nothing is refused
}

func (c refusing) run(t *testing.T, rule string) {
	t.Helper()
	manifest := c.manifest
	if manifest == "" {
		manifest = model.ConfigMapYAML
	}
	facts, step := prunable(t, manifest, c.edit)
	got := guard.RefusePrune(facts, step)
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
	for name, manifest := range map[string]string{"config map": model.ConfigMapYAML, "deployment": model.DeploymentYAML, "service": model.ServiceYAML,
		"secret": model.SecretYAML, "custom resource": model.WidgetYAML} {
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
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Known = false }},
		{name: "not inventoried", reason: "a label alone is no authority", want: "not in the app's inventory",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Entries = f.Inventory.Entries[1:] }},
		{name: "another UID", reason: "it was deleted and made anew by somebody", want: "not the object that was applied",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Entries[0].UID = "u9" }},
		{name: "never confirmed", reason: "an entry without a UID proves nothing", want: "not the object that was applied",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Entries[0].UID = "" }},
		{name: "no UIDs at all", reason: "two unknown UIDs are not one", want: "not the object that was applied",
			edit: func(f *guard.PruneFacts, s *drift.Step) {
				f.Inventory.Entries[0].UID = ""
				delete(nested.Metadata(s.Observation.Live), "uid")
			}},
		{name: "desired under another group", reason: "the same object is served under several", want: "desired under another group",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Desired = map[string]bool{model.TestUID: true} }},
		{name: "another object desired", reason: "not this one", edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Desired = map[string]bool{"u2": true} }},
	})
}

// P2: the app is complete.
func TestP2(t *testing.T) {
	t.Parallel()
	runRefusals(t, "P2", []refusing{
		{name: "one reason", reason: "a list that failed", want: "the app is not complete: pods could not be listed",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Incomplete = []string{"pods could not be listed"} }},
		{name: "several", reason: "each is told", want: "second",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Incomplete = []string{"first", "second"} }},
	})
	facts, step := prunable(t, model.ConfigMapYAML, func(f *guard.PruneFacts, _ *drift.Step) { f.Incomplete = []string{"first", "second"} })
	if got := guard.RefusePrune(facts, step); len(got) != 2 {
		t.Errorf("each reason by itself: %q", got)
	}
}

// P4: live with our part-of label written by our own field manager, without a
// controller and without a deletionTimestamp.
func TestP4(t *testing.T) {
	t.Parallel()
	ours := drift.ApplySetID("storefront", testState)
	label := func(v any) func(*guard.PruneFacts, *drift.Step) {
		return func(_ *guard.PruneFacts, s *drift.Step) {
			model.Put(t, s.Observation.Live, model.At("metadata labels "+drift.LabelPartOf), v)
		}
	}
	runRefusals(t, "P4", []refusing{
		{name: "label gone", reason: "somebody released it", want: "its part-of label is gone", edit: label(nil)},
		{name: "another ApplySet's label", reason: "two installations share the field manager's name", want: "names another ApplySet (applyset-x-v1)", edit: label("applyset-x-v1")},
		{name: "another app's label", reason: "it is that app's now", want: "names another ApplySet", edit: label(drift.ApplySetID("payments", testState))},
		{name: "another installation's app of that name", reason: "the state namespace is part of the id", want: "names another ApplySet", edit: label(drift.ApplySetID("storefront", "other"))},
		{name: "copied label", reason: "a controller copied the label from a parent", want: "not written by field manager killick",
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["managedFields"] = []any{map[string]any{"manager": "endpointslice-controller", "operation": "Update",
					"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{"f:" + drift.LabelPartOf: map[string]any{}}}}}}
			}},
		{name: "removed and restored", reason: "ownership is lost for good", want: "delete the object by hand, or remove the label to release it",
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				server := &model.Server{T: t, Live: s.Observation.Live, Clock: model.TestStart}
				server.Set("kubectl-label", "metadata labels "+drift.LabelPartOf, nil)
				server.Set("kubectl-label", "metadata labels", map[string]any{drift.LabelPartOf: ours})
				s.Observation.Live = server.Live
			}},
		{name: "managedFields stripped", reason: "nothing proves who wrote the label", want: "not written by field manager killick",
			edit: func(_ *guard.PruneFacts, s *drift.Step) { delete(nested.Metadata(s.Observation.Live), "managedFields") }},
		{name: "managedFields unreadable", reason: "an error is not a proof", want: "reading managedFields",
			edit: func(_ *guard.PruneFacts, s *drift.Step) { nested.Metadata(s.Observation.Live)["managedFields"] = "x" }},
		{name: "controlled", reason: "its controller would make it anew, or wanted it", want: "a controller owns it",
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"kind": "X", "controller": true}}
			}},
		{name: "owned, not controlled", reason: "an ownerReference alone is garbage collection's matter",
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"kind": "X"}, map[string]any{"kind": "Y", "controller": false}}
			}},
		{name: "terminating", reason: "it is on its way", want: "being deleted already",
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["deletionTimestamp"] = "2026-11-02T09:00:00Z"
			}},
	})
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
			group, _, err := drift.ParseAPIVersion(c.apiVersion)
			if err != nil {
				t.Fatal(err)
			}
			id := drift.ID{Group: group, Kind: c.kind, Name: "x"}
			looked := func(f *guard.PruneFacts, s *drift.Step) {
				s.Change.ID = id
				f.Inventory.Entries = []drift.Entry{{ID: id, UID: model.TestUID}}
				f.Occupied = map[drift.ID]string{id: ""}
			}
			refusing{reason: "protected by default", manifest: manifest(c.apiVersion, c.kind, ""), edit: looked,
				want: "kind " + id.GroupKind() + " is protected; guards.unprotect can name it"}.run(t, "P6")
			for _, name := range []string{c.kind, id.GroupKind(), c.kind + "/x", id.GroupKind() + "/x"} {
				refusing{reason: "the config unprotects " + name, manifest: manifest(c.apiVersion, c.kind, ""),
					edit: func(f *guard.PruneFacts, s *drift.Step) { looked(f, s); f.Guards.Unprotect = []string{"Other", name} }}.run(t, "P6")
			}
			for _, name := range []string{c.kind + "/y", "x", "*", strings.ToLower(c.kind), c.kind + "."} {
				refusing{reason: name + " is something else", manifest: manifest(c.apiVersion, c.kind, ""), want: "is protected",
					edit: func(f *guard.PruneFacts, s *drift.Step) { looked(f, s); f.Guards.Unprotect = []string{name} }}.run(t, "P6")
			}
		})
	}
	runRefusals(t, "P6", []refusing{
		{name: "namespaced RBAC", reason: "only the cluster-scoped kinds", manifest: manifest("rbac.authorization.k8s.io/v1", "Role", "storefront")},
		{name: "a kind of that name elsewhere", reason: "protection is by group", manifest: manifest("example.com/v1", "ClusterRole", "")},
		{name: "kube-system", reason: "system namespaces", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: kube-system"), want: "system namespace",
			edit: unprotecting("ConfigMap", "Namespace")},
		{name: "kube-anything", reason: "all of them", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: kube-flannel"), want: "system namespace"},
		{name: "a namespace like it", reason: "the prefix ends with a dash", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: kubernetes")},
		{name: "our own namespace", reason: "what stands beside Killick's state", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: killick"), want: "Killick's own namespace",
			edit: unprotecting("ConfigMap")},
		{name: "the approvals", reason: "approvals are Killick's state, too", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: killick-approvals"), want: "Killick's own namespace"},
		{name: "the account's namespace", reason: "it may be another than the state's", manifest: model.With(t, model.ConfigMapYAML, "namespace: storefront", "namespace: ops"), want: "Killick's own namespace",
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Own.Account = drift.AccountPrefix + "ops:deployer" }},
		{name: "a right of Killick's own account", reason: "an earlier version may have applied it, and runs need it", want: "a binding of Killick's own account ops/deployer",
			manifest: "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: storefront, name: b}, subjects: [{kind: ServiceAccount, namespace: ops, name: deployer}]}",
			edit:     func(f *guard.PruneFacts, _ *drift.Step) { f.Own.Account = drift.AccountPrefix + "ops:deployer" }},
	})
	for mark, value := range map[string]string{
		"helm.sh/resource-policy": "keep", "argocd.argoproj.io/sync-options": "Prune=false", "kustomize.toolkit.fluxcd.io/prune": "disabled",
		"client.lifecycle.config.k8s.io/deletion": "detach", "cli-utils.sigs.k8s.io/on-remove": "keep", "kapp.k14s.io/delete-strategy": "orphan",
		"kluctl.io/skip-delete": "true", "werf.io/resource-policy": "keep",
	} {
		t.Run("mark "+mark, func(t *testing.T) {
			t.Parallel()
			set := func(where, v string) func(*guard.PruneFacts, *drift.Step) {
				return func(f *guard.PruneFacts, s *drift.Step) {
					meta := nested.Metadata(s.Observation.Live)
					fields, _ := meta[where].(map[string]any)
					fields = nested.ShallowCopy(fields)
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
			edit: func(_ *guard.PruneFacts, s *drift.Step) {
				model.Put(t, s.Observation.Live, model.At("metadata annotations"), map[string]any{"argocd.argoproj.io/sync-options": "ServerSideApply=true," + option})
			}}.run(t, "P6")
	}
}

func unprotecting(kinds ...string) func(*guard.PruneFacts, *drift.Step) {
	return func(f *guard.PruneFacts, _ *drift.Step) { f.Guards.Unprotect = kinds }
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
	empty := func(extra func(*guard.PruneFacts, drift.ID)) func(*guard.PruneFacts, *drift.Step) {
		return func(f *guard.PruneFacts, s *drift.Step) {
			f.Guards.Unprotect = []string{"Namespace", "CustomResourceDefinition"}
			f.Inventory.Entries = f.Inventory.Entries[:1]
			f.Occupied = map[drift.ID]string{s.Change.ID: ""}
			if extra != nil {
				extra(f, s.Change.ID)
			}
		}
	}
	holding := func(id drift.ID) func(*guard.PruneFacts, *drift.Step) {
		return empty(func(f *guard.PruneFacts, _ drift.ID) {
			f.Inventory.Entries = append(f.Inventory.Entries, drift.Entry{ID: id, UID: "u"})
		})
	}
	runRefusals(t, "P6", []refusing{
		{name: "empty namespace", reason: "unprotected, looked at, and nothing in it", manifest: namespace, edit: empty(nil)},
		{name: "empty CRD", reason: "likewise", manifest: crd, edit: empty(nil)},
		{name: "foreign content", reason: "unprotecting a kind does not cover others' objects", manifest: namespace, want: "it holds Pod x",
			edit: empty(func(f *guard.PruneFacts, id drift.ID) { f.Occupied[id] = "it holds Pod x, which is not the app's" })},
		{name: "not looked at", reason: "not looked at is not empty", manifest: namespace, want: "is not known",
			edit: empty(func(f *guard.PruneFacts, _ drift.ID) { f.Occupied = nil })},
		{name: "CRD not looked at", reason: "likewise", manifest: crd, want: "is not known", edit: empty(func(f *guard.PruneFacts, _ drift.ID) { f.Occupied = nil })},
		{name: "own content", reason: "an object that policy or a guard keeps would go with it", manifest: namespace, want: "Secret storefront/login is in it",
			edit: holding(drift.ID{Kind: "Secret", Namespace: "storefront", Name: "login"})},
		{name: "own content elsewhere", reason: "another namespace", manifest: namespace, edit: holding(drift.ID{Kind: "Secret", Namespace: "other", Name: "login"})},
		{name: "own content that goes first", reason: "it is deleted before its namespace", manifest: namespace, edit: func(f *guard.PruneFacts, s *drift.Step) {
			content := drift.ID{Kind: "Secret", Namespace: "storefront", Name: "login"}
			holding(content)(f, s)
			f.Going = map[drift.ID]bool{content: true}
		}},
		{name: "own custom resource", reason: "its CRD goes after it", manifest: crd, want: "Widget a/gear is in it",
			edit: holding(drift.ID{Group: "example.com", Kind: "Widget", Namespace: "a", Name: "gear"})},
		{name: "another kind of the group", reason: "another CRD's", manifest: crd, edit: holding(drift.ID{Group: "example.com", Kind: "Cog", Namespace: "a", Name: "x"})},
		{name: "our own namespace", reason: "the one that holds Killick's state", manifest: model.With(t, namespace, "storefront", "killick"), want: "Killick's own namespace",
			edit: empty(nil)},
		{name: "the approvals namespace", reason: "likewise", manifest: model.With(t, namespace, "storefront", "killick-approvals"), want: "Killick's own namespace",
			edit: empty(nil)},
		{name: "a system namespace", reason: "kube-*", manifest: model.With(t, namespace, "storefront", "kube-public"), want: "system namespace", edit: empty(nil)},
	})
}

// P7: every app's desired set is known, and no other app wants the object.
func TestP7(t *testing.T) {
	t.Parallel()
	runRefusals(t, "P7", []refusing{
		{name: "an app failed to render", reason: "it may want the object", want: `what app "payments" wants is not known`,
			edit: func(f *guard.PruneFacts, _ *drift.Step) { f.Unknown = []string{"payments"} }},
		{name: "another app wants it", reason: "it is handed over", want: `app "payments" wants it`,
			edit: func(f *guard.PruneFacts, s *drift.Step) { f.Wanted = map[drift.ID]string{s.Change.ID: "payments"} }},
		{name: "another app wants another", reason: "not this one",
			edit: func(f *guard.PruneFacts, _ *drift.Step) {
				f.Wanted = map[drift.ID]string{{Kind: "ConfigMap", Name: "x"}: "payments"}
			}},
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
		{"suspended", map[string]any{drift.AnnotationSuspendUntil: "2999-01-01T00:00:00Z", drift.AnnotationSuspendReason: "migration"}, "suspended: migration"},
		{"a time that is over", map[string]any{drift.AnnotationSuspendUntil: "2001-01-01T00:00:00Z", drift.AnnotationSuspendReason: "migration"}, ""},
		{"a time that cannot be read", map[string]any{drift.AnnotationSuspendUntil: "tomorrow", drift.AnnotationSuspendReason: "migration"}, "RFC 3339"},
	} {
		facts, step := prunable(t, model.ConfigMapYAML, func(_ *guard.PruneFacts, s *drift.Step) {
			model.Put(t, s.Observation.Live, model.At("metadata annotations"), c.annotations)
		})
		for doing, refused := range map[string][]string{"pruned": guard.RefusePrune(facts, step), "replaced": guard.RefuseReplace(facts, step)} {
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
		verdict drift.Verdict
		want    drift.Action
	}{
		{"granted", model.Granting(drift.VerbPrune), drift.Prune},
		{"not granted", model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAdopt, drift.VerbReplace), drift.AlertOnly},
		{"granted and vetoed", model.Granting(drift.VerbPrune, drift.VerbAlertOnly), drift.AlertOnly},
		{"granted and waiting", model.Granting(drift.VerbPrune, drift.VerbRequireApproval), drift.AlertOnly},
		{"granted and ignored", model.Granting(drift.VerbPrune, drift.VerbIgnore), drift.Ignore},
		{"failed", drift.Verdict{Reasons: model.Granting(drift.VerbPrune).Reasons, Err: fmt.Errorf("timeout")}, drift.AlertOnly},
	}
	for _, c := range cases {
		if got := decide.Decide(model.ExtraChange(), c.verdict, decide.Facts{}); got.Action != c.want {
			t.Errorf("%s: %s", c.reason, got.Action)
		}
	}
}

// Every refusal is told with its number, not only the first.
func TestRefusalsAddUp(t *testing.T) {
	t.Parallel()
	facts, step := prunable(t, model.ConfigMapYAML, func(f *guard.PruneFacts, s *drift.Step) {
		f.Inventory.Known, f.Incomplete = false, []string{"x"}
		f.Unknown = []string{"payments"}
		f.Wanted = map[drift.ID]string{s.Change.ID: "search"}
		delete(nested.Metadata(s.Observation.Live), "labels")
		model.Put(t, s.Observation.Live, model.At("metadata annotations"), map[string]any{"helm.sh/resource-policy": "keep"})
	})
	var rules []string
	for _, text := range guard.RefusePrune(facts, step) {
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
	if got := guard.RefuseReplace(facts, step); len(got) != 1 || !strings.HasPrefix(got[0], "P6: kind PersistentVolumeClaim") {
		t.Errorf("deleting in order to create again is deleting: %q", got)
	}
	facts, step = prunable(t, model.DeploymentYAML, nil)
	if got := guard.RefuseReplace(facts, step); len(got) > 0 {
		t.Errorf("an ordinary object: %q", got)
	}
	step.Change.Ownership.Controlled = true
	if got := guard.RefuseReplace(facts, step); len(got) != 1 || !strings.HasPrefix(got[0], "P4") {
		t.Errorf("a controller's: %q", got)
	}
}

// ◆ Property: no combination of facts prunes what any of P1 to P7 forbids for good, and
// the refusal names the rule. (P3 and P5 are Withhold's.)
func TestPruneNeedsProof(t *testing.T) {
	t.Parallel()
	spoils := map[string][]func(*guard.PruneFacts, *drift.Step){
		"P1": {
			func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Known = false },
			func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Entries = nil },
			func(f *guard.PruneFacts, _ *drift.Step) { f.Inventory.Entries[0].UID = "other" },
			func(f *guard.PruneFacts, s *drift.Step) {
				f.Desired = map[string]bool{nested.UIDOf(s.Observation.Live): true}
			},
		},
		"P2": {func(f *guard.PruneFacts, _ *drift.Step) { f.Incomplete = []string{"a list failed"} }},
		"P4": {
			func(_ *guard.PruneFacts, s *drift.Step) { delete(nested.Metadata(s.Observation.Live), "labels") },
			func(_ *guard.PruneFacts, s *drift.Step) { delete(nested.Metadata(s.Observation.Live), "managedFields") },
			func(f *guard.PruneFacts, _ *drift.Step) { f.App.Name = "payments" },
			func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["ownerReferences"] = []any{map[string]any{"controller": true}}
			},
			func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["deletionTimestamp"] = "now"
			},
		},
		"P6": {
			func(f *guard.PruneFacts, s *drift.Step) {
				f.Occupied = map[drift.ID]string{s.Change.ID: "it holds something"}
			},
			func(f *guard.PruneFacts, s *drift.Step) { f.Own.StateNamespace = s.Change.ID.Namespace },
			func(f *guard.PruneFacts, s *drift.Step) {
				f.Own.Account = drift.AccountPrefix + s.Change.ID.Namespace + ":killick"
			},
			func(_ *guard.PruneFacts, s *drift.Step) {
				nested.Metadata(s.Observation.Live)["annotations"] = map[string]any{"helm.sh/resource-policy": "keep"}
			},
		},
		"P7": {
			func(f *guard.PruneFacts, _ *drift.Step) { f.Unknown = []string{"payments"} },
			func(f *guard.PruneFacts, s *drift.Step) { f.Wanted = map[drift.ID]string{s.Change.ID: "payments"} },
		},
	}
	rules := slices.Sorted(maps.Keys(spoils))
	rapid.Check(t, func(rt *rapid.T) {
		manifest := rapid.SampledFrom([]string{model.ConfigMapYAML, model.DeploymentYAML, model.ServiceYAML, model.SecretYAML, model.WidgetYAML}).Draw(rt, "manifest")
		facts, step := prunable(t, manifest, nil)
		chosen := rapid.SliceOfDistinct(rapid.SampledFrom(rules), rapid.ID[string]).Draw(rt, "rules")
		for _, rule := range chosen {
			i := rapid.IntRange(0, len(spoils[rule])-1).Draw(rt, rule)
			spoils[rule][i](&facts, &step)
		}
		got := guard.RefusePrune(facts, step)
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
