package write_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// Whatever a hand added goes when its fields move into our entry and the manifest
// is applied; the object is in sync afterwards and the hand has no claim left.
func TestTakeOverRemovesAdditions(t *testing.T) {
	t.Parallel()
	pod := "spec template spec "
	cases := []struct {
		name     string
		reason   string
		manifest string
		edit     func(*model.Server)
		managers []string // afterwards
	}{
		{"label", "a map key", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") }, nil},
		{"annotation", "the first of its map", model.DeploymentYAML,
			func(s *model.Server) { s.Set("kubectl-annotate", "metadata annotations", map[string]any{"note": "x"}) },
			[]string{"kubectl-annotate Update"}}, // it still names the map, which is empty
		{"env var", "an item of a keyed list", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", pod+"containers [name=app] env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
			}, nil},
		{"container", "an item with defaults that nobody owns", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", pod+"containers [name=debug]", map[string]any{"name": "debug", "image": "busybox"})
			}, nil},
		{"toleration", "an atomic list", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", pod+"tolerations", []any{map[string]any{"key": "a", "operator": "Exists"}})
			}, nil},
		{"security context", "a whole struct", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", pod+"securityContext", map[string]any{"runAsUser": int64(0)})
			}, nil},
		{"key of a custom resource", "nested maps", model.WidgetYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", "spec options nested extra", map[string]any{"a": int64(1)})
			}, nil},
		{"config key", "data", model.ConfigMapYAML, func(s *model.Server) { s.Set("k9s", "data extra", "x") }, nil},
		{"secret key", "of a Secret only the presence is known", model.SecretYAML, func(s *model.Server) { s.Set("k9s", "data extra", "eA==") }, nil},
		{"applied by hand", "part of an Apply entry moves as well", model.DeploymentYAML,
			func(s *model.Server) {
				s.Apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {team: a}}}")
			}, nil},
		{"port renumbered", "the edited item keeps Git's own out until it is gone", model.ServiceYAML,
			func(s *model.Server) {
				s.Update("kubectl-edit", func(o map[string]any) {
					model.Put(s.T, o, model.At("spec ports [port=80,protocol=TCP] port"), int64(8000))
				})
			}, nil},
		{"by two hands", "both claims move", model.ConfigMapYAML,
			func(s *model.Server) {
				s.Apply("kubectl", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: storefront}, data: {extra: x}}")
				s.Apply("fixit", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: storefront}, data: {extra: x}}")
			}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, c.manifest)
			c.edit(s)
			object := model.Desired(t, c.manifest)
			change := s.Compare(c.manifest)
			if change.Type != drift.Modified {
				t.Fatalf("%s: nothing was found", c.reason)
			}
			before := s.Observe(object)
			after := s.TakeOver(object, change, change.Fields, false)
			if left := write.Remaining(model.Standard, change.Fields, object.Manifest, after, before.Predicted); len(left) > 0 {
				t.Errorf("%s: still differs at %v", c.reason, left)
			}
			if again := s.Compare(c.manifest); again.Type != drift.InSync || len(again.Findings) > 0 {
				t.Errorf("%s: afterwards %s %v %v", c.reason, again.Type, model.Told(again.Fields), again.Findings)
			}
			if diff := cmp.Diff(append([]string{"killick Apply"}, c.managers...), model.Managers(after)); diff != "" {
				t.Errorf("%s: managers (-want +got):\n%s", c.reason, diff)
			}
			if again := s.DryRun(object); !nested.EqualValues(again, s.Live) {
				t.Errorf("%s: a second apply would change something", c.reason)
			}
		})
	}
}

func TestTakeOverEntries(t *testing.T) {
	t.Parallel()
	addition := func(path string) []drift.FieldChange {
		return []drift.FieldChange{{Path: model.At(path), Op: drift.OpAdd, Addition: true}}
	}
	find := func(t *testing.T, fields []any, manager string) map[string]any {
		t.Helper()
		for _, item := range fields {
			if entry := item.(map[string]any); entry["manager"] == manager {
				return entry
			}
		}
		return nil
	}
	t.Run("nothing to move", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("kubectl-edit", "data extra", "x")
		for reason, granted := range map[string][]drift.FieldChange{
			"nothing granted":     nil,
			"not an addition":     {{Path: model.At("data extra"), Op: drift.OpAdd}},
			"nobody's addition":   addition("data other"),
			"the map, not a name": addition("dat"),
		} {
			got, err := write.TakeOver(model.Standard, s.Live, granted, "v1", false, model.TestStart)
			if got != nil || err != nil {
				t.Errorf("%s: %v, %v", reason, got, err)
			}
		}
		if got, err := write.TakeOver(model.Standard, model.Synced(t, model.ConfigMapYAML).Live, nil, "v1", true, model.TestStart); got != nil || err != nil {
			t.Errorf("nobody to adopt from: %v, %v", got, err)
		}
	})
	t.Run("only the granted part moves", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("kubectl-edit", "data extra", "x")
		s.Set("kubectl-edit", "data more", "y")
		live := nested.CloneMap(s.Live)
		fields, err := write.TakeOver(model.Standard, s.Live, addition("data extra"), "v1", false, model.TestStart)
		if err != nil {
			t.Fatal(err)
		}
		ours := model.Short(find(t, fields, drift.FieldManager)["fieldsV1"])
		theirs := model.Short(find(t, fields, "kubectl-edit")["fieldsV1"])
		if !strings.Contains(ours, `"f:extra":{}`) || strings.Contains(ours, "more") {
			t.Errorf("ours: %s", ours)
		}
		if theirs != `{"f:data":{"f:more":{}}}` {
			t.Errorf("theirs: %s", theirs)
		}
		if !nested.EqualValues(live, s.Live) {
			t.Error("the live object was changed in place")
		}
	})
	t.Run("untouched entries stay as they were", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("reloader-controller", "metadata annotations", map[string]any{"hash": "1"})
		s.Set("kubectl-edit", "data extra", "x")
		raw := model.ListAt(nested.Metadata(s.Live), "managedFields")
		empty := map[string]any{"manager": "ancient", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{}}
		nested.Metadata(s.Live)["managedFields"] = append(raw, empty)
		fields, err := write.TakeOver(model.Standard, s.Live, addition("data extra"), "v1", false, model.TestStart)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(find(t, raw, "reloader-controller"), find(t, fields, "reloader-controller")); diff != "" {
			t.Errorf("the controller's (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(empty, find(t, fields, "ancient")); diff != "" {
			t.Errorf("an entry that was empty already (-before +after):\n%s", diff)
		}
		if find(t, fields, "kubectl-edit") != nil {
			t.Error("an entry that became empty is dropped")
		}
		if got := find(t, fields, drift.FieldManager)["time"]; got != "2026-11-02T08:00:00Z" {
			t.Errorf("our entry's time is the server's business: %v", got)
		}
	})
	t.Run("ours is made when it is missing", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.ConfigMapYAML)
		fields, err := write.TakeOver(model.Standard, s.Live, nil, "v1", true, model.TestStart)
		if err != nil {
			t.Fatal(err)
		}
		want := []any{map[string]any{"manager": "killick", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
			"time": "2026-11-02T08:00:00Z", "fieldsV1": map[string]any{"f:data": map[string]any{"f:mode": map[string]any{}, "f:version": map[string]any{}}}}}
		if diff := cmp.Diff(want, fields); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("controllers keep what they own", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("team-operator", "data extra", "x")
		got, err := write.TakeOver(model.Standard, s.Live, addition("data extra"), "v1", true, model.TestStart)
		if got != nil || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("keys of every type survive", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ServiceYAML)
		s.Set("kubectl-edit", "spec ports [port=8443,protocol=TCP]", map[string]any{"name": "tls", "port": int64(8443), "protocol": "TCP"})
		fields, err := write.TakeOver(model.Standard, s.Live, addition("spec ports [port=8443,protocol=TCP]"), "v1", false, model.TestStart)
		if err != nil {
			t.Fatal(err)
		}
		if ours := model.Short(find(t, fields, drift.FieldManager)["fieldsV1"]); !strings.Contains(ours, `k:{\"port\":8443,\"protocol\":\"TCP\"}`) {
			t.Errorf("%s", ours)
		}
	})
	t.Run("undecodable entries", func(t *testing.T) {
		t.Parallel()
		live := map[string]any{"metadata": map[string]any{"managedFields": []any{map[string]any{"manager": "x", "fieldsV1": "no"}}}}
		if _, err := write.TakeOver(model.Standard, live, nil, "v1", true, model.TestStart); err == nil {
			t.Error("nothing is moved that cannot be read")
		}
	})
}

// Adoption takes what the previous deployer owns; what Git does not mention goes.
func TestTakeOverAdopts(t *testing.T) {
	t.Parallel()
	adopt := func(t *testing.T, s *model.Server, manifest string, ignore ...nested.Path) (drift.Change, map[string]any) {
		t.Helper()
		c := s.Comparison(manifest)
		c.Entry = nil
		change := diff.WithoutIgnored(diff.Compare(c), ignore)
		if change.Ownership.Tracked {
			t.Fatal("it is ours already")
		}
		return change, s.TakeOver(c.Object, change, change.Fields, true)
	}
	t.Run("helm", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.With(t, model.ConfigMapYAML, "mode: production", "mode: staging, old: left"))
		_, after := adopt(t, s, model.ConfigMapYAML)
		if diff := cmp.Diff([]string{"killick Apply"}, model.Managers(after)); diff != "" {
			t.Errorf("nobody else keeps a claim: %s", diff)
		}
		if diff := cmp.Diff(map[string]any{"mode": "production", "version": "1.10"}, after["data"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again := s.Compare(model.ConfigMapYAML); again.Type != drift.InSync || !again.Ownership.LabelOwned {
			t.Errorf("%s %+v", again.Type, again.Ownership)
		}
	})
	t.Run("kubectl apply", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply(drift.FieldManager, model.ConfigMapYAML)
		s.Live = nil
		s.Live = model.Stored(model.Tree(t, model.ConfigMapYAML))
		s.Live["data"] = map[string]any{}
		s.Update("kubectl-client-side-apply", func(o map[string]any) {
			model.Put(t, o, model.At("metadata annotations"), map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
			model.Put(t, o, model.At("data"), map[string]any{"mode": "production", "version": "1.10", "old": "left"})
		})
		_, after := adopt(t, s, model.ConfigMapYAML)
		if _, ok := nested.ValueAt(after, model.At("metadata annotations kubectl.kubernetes.io/last-applied-configuration")); ok {
			t.Error("the copy of the last applied manifest goes")
		}
		if _, ok := nested.ValueAt(after, model.At("data old")); ok {
			t.Error("what Git does not mention goes")
		}
	})
	t.Run("an ignored field keeps its value", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.With(t, model.DeploymentYAML, "replicas: 3", "replicas: 7"))
		change, after := adopt(t, s, model.DeploymentYAML, model.At("spec replicas"))
		if got, _ := nested.ValueAt(after, model.At("spec replicas")); got != int64(7) {
			t.Errorf("taking over helm's claim and omitting the field would reset it: %v", got)
		}
		if len(change.Ignored) != 1 {
			t.Errorf("ignored: %v", model.Told(change.Ignored))
		}
	})
	t.Run("an ignored addition stays", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.With(t, model.ConfigMapYAML, "mode: production", "mode: production, old: left, older: gone"))
		_, after := adopt(t, s, model.ConfigMapYAML, model.At("data old"))
		if diff := cmp.Diff(map[string]any{"mode": "production", "version": "1.10", "old": "left"}, after["data"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a hand's fields only where granted", func(t *testing.T) {
		t.Parallel()
		s := model.NewServer(t)
		s.Apply("helm", model.ConfigMapYAML)
		s.Set("fixit", "data extra", "x")
		s.Set("team-operator", "data job", "y")
		_, after := adopt(t, s, model.ConfigMapYAML)
		if diff := cmp.Diff([]string{"killick Apply", "team-operator Update"}, model.Managers(after)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Property: any mix of additions by any hands is found, removed, and not found
// again.
func TestTakeOverConverges(t *testing.T) {
	t.Parallel()
	places := []struct {
		path string
		v    func(int) any
	}{
		{"metadata labels x%", func(n int) any { return "v" + string(rune('a'+n)) }},
		{"spec template spec containers [name=app] env [name=E%]", func(n int) any { return map[string]any{"name": "E" + string(rune('A'+n)), "value": "1"} }},
		{"spec template spec containers [name=c%]", func(n int) any { return map[string]any{"name": "c" + string(rune('a'+n)), "image": "i"} }},
		{"spec template spec volumes [name=v%]", func(n int) any {
			return map[string]any{"name": "v" + string(rune('a'+n)), "emptyDir": map[string]any{}}
		}},
		{"spec template spec hostname", func(int) any { return "h" }},
		{"spec paused", func(int) any { return true }},
		{"spec template spec affinity", func(int) any { return map[string]any{"podAffinity": map[string]any{}} }},
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.DeploymentYAML)
		for range rapid.IntRange(1, 6).Draw(rt, "edits") {
			place := rapid.SampledFrom(places).Draw(rt, "place")
			n := rapid.IntRange(0, 2).Draw(rt, "n")
			manager := rapid.SampledFrom([]string{"kubectl-edit", "k9s", "fixit", "Terraform"}).Draw(rt, "manager")
			letter := string(rune('a' + n))
			if strings.Contains(place.path, "E%") {
				letter = string(rune('A' + n))
			}
			s.Set(manager, strings.ReplaceAll(place.path, "%", letter), place.v(n))
		}
		object := model.Desired(t, model.DeploymentYAML)
		change := s.Compare(model.DeploymentYAML)
		if change.Type != drift.Modified || change.Cause != drift.CauseLive {
			rt.Fatalf("%s by %s", change.Type, change.Cause)
		}
		for i, a := range change.Fields {
			for j, b := range change.Fields {
				if i != j && a.Path.HasPrefix(b.Path) {
					rt.Fatalf("told twice: %s and %s", a.Path, b.Path)
				}
			}
		}
		predicted := s.DryRun(object)
		after := s.TakeOver(object, change, change.Fields, false)
		if left := write.Remaining(model.Standard, change.Fields, object.Manifest, after, predicted); len(left) > 0 {
			rt.Fatalf("still differs at %v", left)
		}
		if again := s.Compare(model.DeploymentYAML); again.Type != drift.InSync {
			rt.Fatalf("afterwards: %v", model.Told(again.Fields))
		}
	})
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	object := model.Desired(t, model.ConfigMapYAML)
	settled := model.Synced(t, model.ConfigMapYAML).Live
	held := func(manager string) map[string]any {
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set(manager, "data extra", "x")
		return s.Live
	}
	unowned := nested.CloneMap(settled)
	model.Put(t, unowned, model.At("data extra"), "x")
	bare := nested.CloneMap(unowned)
	delete(nested.Metadata(bare), "managedFields")
	edited := nested.CloneMap(settled)
	model.Put(t, edited, model.At("data mode"), "enforced")
	replaced := drift.FieldChange{Path: model.At("data mode"), Op: drift.OpReplace, Desired: "production", Live: "debug"}
	added := drift.FieldChange{Path: model.At("data extra"), Op: drift.OpAdd, Live: "x", Addition: true}
	secret := added
	secret.Live = redact.MaskedLive
	git := drift.FieldChange{Path: model.At("data extra"), Op: drift.OpAdd, Live: "x"}
	removed := drift.FieldChange{Path: model.At("data mode"), Op: drift.OpRemove, Desired: "production"}
	zero := drift.FieldChange{Path: model.At("spec hostNetwork"), Op: drift.OpRemove, Desired: false}
	cases := []struct {
		name, reason string
		granted      drift.FieldChange
		manifest     map[string]any
		after        map[string]any
		predicted    map[string]any
		left         bool
	}{
		{"done", "the value stands there", replaced, object.Manifest, settled, settled, false},
		{"done without a prediction", "the manifest says what should stand there", replaced, object.Manifest, settled, nil, false},
		{"rewritten", "admission put its own value back", replaced, object.Manifest, edited, settled, true},
		{"removed and back", "it was missing and stands there", removed, object.Manifest, settled, settled, false},
		{"still missing", "it was missing and is", removed, object.Manifest, map[string]any{}, settled, true},
		{"still missing without a prediction", "it was missing and is", removed, object.Manifest, map[string]any{}, nil, true},
		{"a zero value", "the server does not store it", zero, map[string]any{"spec": map[string]any{"hostNetwork": false}}, settled, nil, false},
		{"a default of what Git dropped", "it went with the map around it", drift.FieldChange{Path: model.At("spec behavior policy"), Op: drift.OpReplace, Desired: "Max", Live: "Min"},
			map[string]any{"spec": map[string]any{}}, map[string]any{"spec": map[string]any{}},
			map[string]any{"spec": map[string]any{"behavior": map[string]any{"policy": "Max"}}}, false},
		{"gone though Git names it", "it should stand there", replaced, object.Manifest, map[string]any{}, settled, true},
		{"addition gone", "it is not there", added, object.Manifest, settled, settled, false},
		{"addition still held by a hand", "it is there and claimed", added, object.Manifest, held("kubectl-edit"), settled, true},
		{"addition still held by us", "moving it was half of the work", added, object.Manifest,
			func() map[string]any {
				return model.Synced(t, model.With(t, model.ConfigMapYAML, "mode:", "extra: x, mode:")).Live
			}(), settled, true},
		{"addition that comes back by itself", "nobody claims it: a default, or admission", added, object.Manifest, unowned, settled, false},
		{"addition that a controller claims", "it is the controller's now", added, object.Manifest, held("team-operator"), settled, false},
		{"addition with another value", "it was removed and defaulted", added, object.Manifest,
			func() map[string]any {
				o := held("kubectl-edit")
				model.Put(t, o, model.At("data extra"), "default")
				return o
			}(), settled, false},
		{"no owners known", "without managedFields nobody can say that it came back by itself", added, object.Manifest, bare, settled, true},
		{"a Secret's", "its value is masked, so being there is what counts", secret, object.Manifest, held("kubectl-edit"), settled, true},
		{"Git dropped it", "our own field that should have gone", git, object.Manifest,
			func() map[string]any {
				return model.Synced(t, model.With(t, model.ConfigMapYAML, "mode:", "extra: x, mode:")).Live
			}(), settled, true},
		{"Git dropped it, defaulted", "the same value is back, and it is not ours any more", git, object.Manifest, unowned, settled, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := write.Remaining(model.Standard, []drift.FieldChange{c.granted}, c.manifest, c.after, c.predicted)
			want := []nested.Path(nil)
			if c.left {
				want = []nested.Path{c.granted.Path}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
	t.Run("an order", func(t *testing.T) {
		t.Parallel()
		turned := drift.FieldChange{Path: model.At("spec ports"), Op: drift.OpReplace, Note: drift.NoteOrderOnly}
		manifest := model.Desired(t, model.ServiceYAML).Manifest
		between := func(turn bool) map[string]any {
			s := model.Synced(t, model.ServiceYAML)
			s.Set("mesh-operator", "spec ports [port=80,protocol=TCP] appProtocol", "http")
			s.Update("mesh-operator", func(o map[string]any) {
				value, _ := nested.ValueAt(o, model.At("spec ports"))
				ports, _ := value.([]any)
				if turn {
					slices.Reverse(ports)
				}
				model.Put(t, o, model.At("spec ports"), slices.Insert(ports, 1, any(map[string]any{"name": "m", "port": int64(81), "protocol": "TCP"})))
			})
			return s.Live
		}
		if left := write.Remaining((drift.Noise{}), []drift.FieldChange{turned}, manifest, between(false), nil); len(left) > 0 {
			t.Errorf("what others have in the items and between them is no order: %v", left)
		}
		if left := write.Remaining((drift.Noise{}), []drift.FieldChange{turned}, manifest, between(true), nil); len(left) != 1 {
			t.Errorf("the order is still another: %v", left)
		}
		if left := write.Remaining((drift.Noise{}), []drift.FieldChange{turned}, manifest, map[string]any{}, nil); len(left) != 1 {
			t.Errorf("the list is gone: %v", left)
		}
	})
	t.Run("an item whose key the server completes", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ServiceYAML)
		field := drift.FieldChange{Path: model.At("spec ports [port=80,protocol=TCP] targetPort"), Op: drift.OpReplace, Desired: int64(8080), Live: int64(1)}
		if left := write.Remaining(model.Standard, []drift.FieldChange{field}, model.Desired(t, model.ServiceYAML).Manifest, s.Live, nil); len(left) > 0 {
			t.Errorf("the manifest leaves the protocol out: %v", left)
		}
	})
}

func TestRestoredAndAdditions(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	s.Set("kubectl-edit", "spec progressDeadlineSeconds", int64(601))
	s.Set("kubectl-edit", "spec minReadySeconds", int64(5))
	model.Put(t, s.Live, model.At("spec progressDeadlineSeconds"), int64(600)) // a default that a hand owns
	change := s.Compare(model.DeploymentYAML)
	if diff := cmp.Diff([]nested.Path{model.At("spec minReadySeconds"), model.At("spec progressDeadlineSeconds")}, diff.Additions(change)); diff != "" {
		t.Fatal(diff)
	}
	patched := model.ApplyPatch(t, s.Live, nested.RemovalPatch(s.Live, diff.Additions(change)))
	got := diff.Restored(change, diff.Additions(change), model.Stored(patched))
	if diff := cmp.Diff([]string{`add spec.minReadySeconds: 5 → null, live kubectl-edit`}, model.Told(got.Fields)); diff != "" {
		t.Errorf("what the server puts back is a default (-want +got):\n%s", diff)
	}
	only := change
	only.Fields = slices.Clone(change.Fields[1:])
	if got := diff.Restored(only, diff.Additions(only), model.Stored(patched)); got.Type != drift.InSync || got.Cause != drift.CauseNone {
		t.Errorf("nothing is left: %s by %s", got.Type, got.Cause)
	}
	if diff := cmp.Diff(change, diff.Restored(change, diff.Additions(change), nil), cmpopts.EquateErrors()); diff != "" {
		t.Errorf("no answer restores nothing: %s", diff)
	}
	for _, untouched := range []drift.Change{
		{Type: drift.Unknown, Err: model.Refused(drift.ErrForbidden)}, {Type: drift.Missing, Cause: drift.CauseGit}, {Type: drift.Extra, Cause: drift.CauseGit},
		{Type: drift.Modified, Cause: drift.CauseLive, Terminating: true},
	} {
		if got := diff.Restored(untouched, diff.Additions(untouched), map[string]any{}); got.Type != untouched.Type || got.Cause != untouched.Cause {
			t.Errorf("%s became %s", untouched.Type, got.Type)
		}
	}
	if diff.Additions(drift.Change{Fields: []drift.FieldChange{{Path: model.At("a"), Op: drift.OpAdd}}}) != nil {
		t.Error("what Git dropped is no addition")
	}
}

// Where the server refuses to remove one addition, it is asked about the others; what
// it was not asked to remove is not taken for a default because it still stands there.
func TestWithoutDefaults(t *testing.T) {
	t.Parallel()
	item := map[string]any{"port": int64(80), "protocol": "TCP"}
	port, affinity, text := model.At("spec ports [port=80,protocol=TCP]"), model.At("spec sessionAffinity"), model.At("metadata annotations note")
	change := drift.Change{Type: drift.Modified, Fields: []drift.FieldChange{
		{Path: text, Op: drift.OpAdd, Live: "x", Addition: true, Cause: drift.CauseLive},
		{Path: port, Op: drift.OpAdd, Live: item, Addition: true, Cause: drift.CauseLive},
		{Path: affinity, Op: drift.OpAdd, Live: "None", Addition: true, Cause: drift.CauseLive},
	}}
	all, rest := []nested.Path{text, port, affinity}, []nested.Path{text, affinity}
	refused := func(fields ...string) error {
		refusal := &drift.Refusal{Kind: drift.ErrInvalid}
		for _, field := range fields {
			refusal.Causes = append(refusal.Causes, drift.RefusalCause{Field: field, Message: "Required value"})
		}
		return refusal
	}
	back := map[string]any{"spec": map[string]any{"sessionAffinity": "None", "ports": []any{item}}}
	for _, c := range []struct {
		why         string
		first, then error
		asked       [][]nested.Path
		kept        []nested.Path
		says        error
	}{
		{why: "nothing is refused", asked: [][]nested.Path{all}, kept: []nested.Path{text}},
		{why: "one field is refused", first: refused("spec.ports"), asked: [][]nested.Path{all, rest}, kept: []nested.Path{text, port}, says: drift.ErrInvalid},
		{why: "an item of it", first: refused("spec.ports[0].name"), asked: [][]nested.Path{all, rest}, kept: []nested.Path{text, port}, says: drift.ErrInvalid},
		{why: "the others too", first: refused("spec.ports"), then: refused("spec"), asked: [][]nested.Path{all, rest}, kept: all, says: drift.ErrInvalid},
		{why: "the object changes meanwhile", first: refused("spec.ports"), then: drift.ErrConflict, asked: [][]nested.Path{all, rest}, kept: all, says: drift.ErrConflict},
		{why: "no field is named", first: refused(), asked: [][]nested.Path{all}, kept: all, says: drift.ErrInvalid},
		{why: "all of it is refused", first: refused("spec", "metadata"), asked: [][]nested.Path{all}, kept: all, says: drift.ErrInvalid},
		{why: "something else is", first: refused("data"), asked: [][]nested.Path{all}, kept: all, says: drift.ErrInvalid},
		{why: "nobody answers", first: drift.ErrUnreachable, asked: [][]nested.Path{all}, kept: all, says: drift.ErrUnreachable},
	} {
		var asked [][]nested.Path
		got, err := diff.WithoutDefaults(change, func(paths []nested.Path) (map[string]any, error) {
			asked = append(asked, paths)
			switch {
			case len(asked) == 1 && c.first != nil:
				return nil, c.first
			case len(asked) == 2 && c.then != nil:
				return nil, c.then
			}
			return back, nil
		})
		if !errors.Is(err, c.says) {
			t.Errorf("%s: the error is %v", c.why, err)
		}
		if diff := cmp.Diff(c.asked, asked); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", c.why, diff)
		}
		var kept []nested.Path
		for _, field := range got.Fields {
			kept = append(kept, field.Path)
		}
		if diff := cmp.Diff(c.kept, kept); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
	if got, err := diff.WithoutDefaults(drift.Change{}, nil); err != nil || len(got.Fields) > 0 {
		t.Errorf("nothing was added, and somebody is asked: %v", err)
	}
}
