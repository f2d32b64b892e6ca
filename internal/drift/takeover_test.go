package drift

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
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
		edit     func(*server)
		managers []string // afterwards
	}{
		{"label", "a map key", deploymentYAML, func(s *server) { s.set("kubectl-label", "metadata labels team", "a") }, nil},
		{"annotation", "the first of its map", deploymentYAML,
			func(s *server) { s.set("kubectl-annotate", "metadata annotations", map[string]any{"note": "x"}) },
			[]string{"kubectl-annotate Update"}}, // it still names the map, which is empty
		{"env var", "an item of a keyed list", deploymentYAML,
			func(s *server) {
				s.set("kubectl-edit", pod+"containers [name=app] env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
			}, nil},
		{"container", "an item with defaults that nobody owns", deploymentYAML,
			func(s *server) {
				s.set("kubectl-edit", pod+"containers [name=debug]", map[string]any{"name": "debug", "image": "busybox"})
			}, nil},
		{"toleration", "an atomic list", deploymentYAML,
			func(s *server) {
				s.set("kubectl-edit", pod+"tolerations", []any{map[string]any{"key": "a", "operator": "Exists"}})
			}, nil},
		{"security context", "a whole struct", deploymentYAML,
			func(s *server) { s.set("kubectl-edit", pod+"securityContext", map[string]any{"runAsUser": int64(0)}) }, nil},
		{"key of a custom resource", "nested maps", widgetYAML,
			func(s *server) { s.set("kubectl-edit", "spec options nested extra", map[string]any{"a": int64(1)}) }, nil},
		{"config key", "data", configMapYAML, func(s *server) { s.set("k9s", "data extra", "x") }, nil},
		{"secret key", "of a Secret only the presence is known", secretYAML, func(s *server) { s.set("k9s", "data extra", "eA==") }, nil},
		{"applied by hand", "part of an Apply entry moves as well", deploymentYAML,
			func(s *server) {
				s.apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront, labels: {team: a}}}")
			}, nil},
		{"port renumbered", "the edited item keeps Git's own out until it is gone", serviceYAML,
			func(s *server) {
				s.update("kubectl-edit", func(o map[string]any) { put(s.t, o, at("spec ports [port=80,protocol=TCP] port"), int64(8000)) })
			}, nil},
		{"by two hands", "both claims move", configMapYAML,
			func(s *server) {
				s.apply("kubectl", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: storefront}, data: {extra: x}}")
				s.apply("fixit", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: storefront}, data: {extra: x}}")
			}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, c.manifest)
			c.edit(s)
			object := desired(t, c.manifest)
			change := s.compare(c.manifest)
			if change.Type != Modified {
				t.Fatalf("%s: nothing was found", c.reason)
			}
			before := s.observe(object)
			after := s.takeOver(object, change, change.Fields, false)
			if left := standard.Remaining(change.Fields, object.Manifest, after, before.Predicted); len(left) > 0 {
				t.Errorf("%s: still differs at %v", c.reason, left)
			}
			if again := s.compare(c.manifest); again.Type != InSync || len(again.Findings) > 0 {
				t.Errorf("%s: afterwards %s %v %v", c.reason, again.Type, told(again.Fields), again.Findings)
			}
			if diff := cmp.Diff(append([]string{"killick Apply"}, c.managers...), managers(after)); diff != "" {
				t.Errorf("%s: managers (-want +got):\n%s", c.reason, diff)
			}
			if again := s.dryRun(object); !equalValues(again, s.live) {
				t.Errorf("%s: a second apply would change something", c.reason)
			}
		})
	}
}

func TestTakeOverEntries(t *testing.T) {
	t.Parallel()
	addition := func(path string) []FieldChange { return []FieldChange{{Path: at(path), Op: OpAdd, Addition: true}} }
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
		s := synced(t, configMapYAML)
		s.set("kubectl-edit", "data extra", "x")
		for reason, granted := range map[string][]FieldChange{
			"nothing granted":     nil,
			"not an addition":     {{Path: at("data extra"), Op: OpAdd}},
			"nobody's addition":   addition("data other"),
			"the map, not a name": addition("dat"),
		} {
			got, err := standard.TakeOver(s.live, granted, "v1", false, testStart)
			if got != nil || err != nil {
				t.Errorf("%s: %v, %v", reason, got, err)
			}
		}
		if got, err := standard.TakeOver(synced(t, configMapYAML).live, nil, "v1", true, testStart); got != nil || err != nil {
			t.Errorf("nobody to adopt from: %v, %v", got, err)
		}
	})
	t.Run("only the granted part moves", func(t *testing.T) {
		t.Parallel()
		s := synced(t, configMapYAML)
		s.set("kubectl-edit", "data extra", "x")
		s.set("kubectl-edit", "data more", "y")
		live := CloneMap(s.live)
		fields, err := standard.TakeOver(s.live, addition("data extra"), "v1", false, testStart)
		if err != nil {
			t.Fatal(err)
		}
		ours := short(find(t, fields, FieldManager)["fieldsV1"])
		theirs := short(find(t, fields, "kubectl-edit")["fieldsV1"])
		if !strings.Contains(ours, `"f:extra":{}`) || strings.Contains(ours, "more") {
			t.Errorf("ours: %s", ours)
		}
		if theirs != `{"f:data":{"f:more":{}}}` {
			t.Errorf("theirs: %s", theirs)
		}
		if !equalValues(live, s.live) {
			t.Error("the live object was changed in place")
		}
	})
	t.Run("untouched entries stay as they were", func(t *testing.T) {
		t.Parallel()
		s := synced(t, configMapYAML)
		s.set("reloader-controller", "metadata annotations", map[string]any{"hash": "1"})
		s.set("kubectl-edit", "data extra", "x")
		raw := listAt(metadata(s.live), "managedFields")
		empty := map[string]any{"manager": "ancient", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{}}
		metadata(s.live)["managedFields"] = append(raw, empty)
		fields, err := standard.TakeOver(s.live, addition("data extra"), "v1", false, testStart)
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
		if got := find(t, fields, FieldManager)["time"]; got != "2026-11-02T08:00:00Z" {
			t.Errorf("our entry's time is the server's business: %v", got)
		}
	})
	t.Run("ours is made when it is missing", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", configMapYAML)
		fields, err := standard.TakeOver(s.live, nil, "v1", true, testStart)
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
		s := synced(t, configMapYAML)
		s.set("team-operator", "data extra", "x")
		got, err := standard.TakeOver(s.live, addition("data extra"), "v1", true, testStart)
		if got != nil || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("keys of every type survive", func(t *testing.T) {
		t.Parallel()
		s := synced(t, serviceYAML)
		s.set("kubectl-edit", "spec ports [port=8443,protocol=TCP]", map[string]any{"name": "tls", "port": int64(8443), "protocol": "TCP"})
		fields, err := standard.TakeOver(s.live, addition("spec ports [port=8443,protocol=TCP]"), "v1", false, testStart)
		if err != nil {
			t.Fatal(err)
		}
		if ours := short(find(t, fields, FieldManager)["fieldsV1"]); !strings.Contains(ours, `k:{\"port\":8443,\"protocol\":\"TCP\"}`) {
			t.Errorf("%s", ours)
		}
	})
	t.Run("undecodable entries", func(t *testing.T) {
		t.Parallel()
		live := map[string]any{"metadata": map[string]any{"managedFields": []any{map[string]any{"manager": "x", "fieldsV1": "no"}}}}
		if _, err := standard.TakeOver(live, nil, "v1", true, testStart); err == nil {
			t.Error("nothing is moved that cannot be read")
		}
	})
}

// Adoption takes what the previous deployer owns; what Git does not mention goes.
func TestTakeOverAdopts(t *testing.T) {
	t.Parallel()
	adopt := func(t *testing.T, s *server, manifest string, ignore ...Path) (Change, map[string]any) {
		t.Helper()
		c := s.comparison(manifest)
		c.Entry = nil
		change := WithoutIgnored(Compare(c), ignore)
		if change.Ownership.Tracked {
			t.Fatal("it is ours already")
		}
		return change, s.takeOver(c.Object, change, change.Fields, true)
	}
	t.Run("helm", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", with(t, configMapYAML, "mode: production", "mode: staging, old: left"))
		_, after := adopt(t, s, configMapYAML)
		if diff := cmp.Diff([]string{"killick Apply"}, managers(after)); diff != "" {
			t.Errorf("nobody else keeps a claim: %s", diff)
		}
		if diff := cmp.Diff(map[string]any{"mode": "production", "version": "1.10"}, after["data"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again := s.compare(configMapYAML); again.Type != InSync || !again.Ownership.LabelOwned {
			t.Errorf("%s %+v", again.Type, again.Ownership)
		}
	})
	t.Run("kubectl apply", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply(FieldManager, configMapYAML)
		s.live = nil
		s.live = stored(tree(t, configMapYAML))
		s.live["data"] = map[string]any{}
		s.update("kubectl-client-side-apply", func(o map[string]any) {
			put(t, o, at("metadata annotations"), map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
			put(t, o, at("data"), map[string]any{"mode": "production", "version": "1.10", "old": "left"})
		})
		_, after := adopt(t, s, configMapYAML)
		if _, ok := ValueAt(after, at("metadata annotations kubectl.kubernetes.io/last-applied-configuration")); ok {
			t.Error("the copy of the last applied manifest goes")
		}
		if _, ok := ValueAt(after, at("data old")); ok {
			t.Error("what Git does not mention goes")
		}
	})
	t.Run("an ignored field keeps its value", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", with(t, deploymentYAML, "replicas: 3", "replicas: 7"))
		change, after := adopt(t, s, deploymentYAML, at("spec replicas"))
		if got, _ := ValueAt(after, at("spec replicas")); got != int64(7) {
			t.Errorf("taking over helm's claim and omitting the field would reset it: %v", got)
		}
		if len(change.Ignored) != 1 {
			t.Errorf("ignored: %v", told(change.Ignored))
		}
	})
	t.Run("an ignored addition stays", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", with(t, configMapYAML, "mode: production", "mode: production, old: left, older: gone"))
		_, after := adopt(t, s, configMapYAML, at("data old"))
		if diff := cmp.Diff(map[string]any{"mode": "production", "version": "1.10", "old": "left"}, after["data"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a hand's fields only where granted", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.apply("helm", configMapYAML)
		s.set("fixit", "data extra", "x")
		s.set("team-operator", "data job", "y")
		_, after := adopt(t, s, configMapYAML)
		if diff := cmp.Diff([]string{"killick Apply", "team-operator Update"}, managers(after)); diff != "" {
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
		s := synced(t, deploymentYAML)
		for range rapid.IntRange(1, 6).Draw(rt, "edits") {
			place := rapid.SampledFrom(places).Draw(rt, "place")
			n := rapid.IntRange(0, 2).Draw(rt, "n")
			manager := rapid.SampledFrom([]string{"kubectl-edit", "k9s", "fixit", "Terraform"}).Draw(rt, "manager")
			letter := string(rune('a' + n))
			if strings.Contains(place.path, "E%") {
				letter = string(rune('A' + n))
			}
			s.set(manager, strings.ReplaceAll(place.path, "%", letter), place.v(n))
		}
		object := desired(t, deploymentYAML)
		change := s.compare(deploymentYAML)
		if change.Type != Modified || change.Cause != CauseLive {
			rt.Fatalf("%s by %s", change.Type, change.Cause)
		}
		for i, a := range change.Fields {
			for j, b := range change.Fields {
				if i != j && a.Path.HasPrefix(b.Path) {
					rt.Fatalf("told twice: %s and %s", a.Path, b.Path)
				}
			}
		}
		predicted := s.dryRun(object)
		after := s.takeOver(object, change, change.Fields, false)
		if left := standard.Remaining(change.Fields, object.Manifest, after, predicted); len(left) > 0 {
			rt.Fatalf("still differs at %v", left)
		}
		if again := s.compare(deploymentYAML); again.Type != InSync {
			rt.Fatalf("afterwards: %v", told(again.Fields))
		}
	})
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	object := desired(t, configMapYAML)
	settled := synced(t, configMapYAML).live
	held := func(manager string) map[string]any {
		s := synced(t, configMapYAML)
		s.set(manager, "data extra", "x")
		return s.live
	}
	unowned := CloneMap(settled)
	put(t, unowned, at("data extra"), "x")
	bare := CloneMap(unowned)
	delete(metadata(bare), "managedFields")
	edited := CloneMap(settled)
	put(t, edited, at("data mode"), "enforced")
	replaced := FieldChange{Path: at("data mode"), Op: OpReplace, Desired: "production", Live: "debug"}
	added := FieldChange{Path: at("data extra"), Op: OpAdd, Live: "x", Addition: true}
	secret := added
	secret.Live = maskedLive
	git := FieldChange{Path: at("data extra"), Op: OpAdd, Live: "x"}
	removed := FieldChange{Path: at("data mode"), Op: OpRemove, Desired: "production"}
	zero := FieldChange{Path: at("spec hostNetwork"), Op: OpRemove, Desired: false}
	cases := []struct {
		name, reason string
		granted      FieldChange
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
		{"a default of what Git dropped", "it went with the map around it", FieldChange{Path: at("spec behavior policy"), Op: OpReplace, Desired: "Max", Live: "Min"},
			map[string]any{"spec": map[string]any{}}, map[string]any{"spec": map[string]any{}},
			map[string]any{"spec": map[string]any{"behavior": map[string]any{"policy": "Max"}}}, false},
		{"gone though Git names it", "it should stand there", replaced, object.Manifest, map[string]any{}, settled, true},
		{"addition gone", "it is not there", added, object.Manifest, settled, settled, false},
		{"addition still held by a hand", "it is there and claimed", added, object.Manifest, held("kubectl-edit"), settled, true},
		{"addition still held by us", "moving it was half of the work", added, object.Manifest,
			func() map[string]any { return synced(t, with(t, configMapYAML, "mode:", "extra: x, mode:")).live }(), settled, true},
		{"addition that comes back by itself", "nobody claims it: a default, or admission", added, object.Manifest, unowned, settled, false},
		{"addition that a controller claims", "it is the controller's now", added, object.Manifest, held("team-operator"), settled, false},
		{"addition with another value", "it was removed and defaulted", added, object.Manifest,
			func() map[string]any { o := held("kubectl-edit"); put(t, o, at("data extra"), "default"); return o }(), settled, false},
		{"no owners known", "without managedFields nobody can say that it came back by itself", added, object.Manifest, bare, settled, true},
		{"a Secret's", "its value is masked, so being there is what counts", secret, object.Manifest, held("kubectl-edit"), settled, true},
		{"Git dropped it", "our own field that should have gone", git, object.Manifest,
			func() map[string]any { return synced(t, with(t, configMapYAML, "mode:", "extra: x, mode:")).live }(), settled, true},
		{"Git dropped it, defaulted", "the same value is back, and it is not ours any more", git, object.Manifest, unowned, settled, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := standard.Remaining([]FieldChange{c.granted}, c.manifest, c.after, c.predicted)
			want := []Path(nil)
			if c.left {
				want = []Path{c.granted.Path}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
	t.Run("an order", func(t *testing.T) {
		t.Parallel()
		turned := FieldChange{Path: at("spec ports"), Op: OpReplace, Note: orderOnly}
		manifest := desired(t, serviceYAML).Manifest
		between := func(turn bool) map[string]any {
			s := synced(t, serviceYAML)
			s.set("mesh-operator", "spec ports [port=80,protocol=TCP] appProtocol", "http")
			s.update("mesh-operator", func(o map[string]any) {
				value, _ := ValueAt(o, at("spec ports"))
				ports, _ := value.([]any)
				if turn {
					slices.Reverse(ports)
				}
				put(t, o, at("spec ports"), slices.Insert(ports, 1, any(map[string]any{"name": "m", "port": int64(81), "protocol": "TCP"})))
			})
			return s.live
		}
		if left := (Noise{}).Remaining([]FieldChange{turned}, manifest, between(false), nil); len(left) > 0 {
			t.Errorf("what others have in the items and between them is no order: %v", left)
		}
		if left := (Noise{}).Remaining([]FieldChange{turned}, manifest, between(true), nil); len(left) != 1 {
			t.Errorf("the order is still another: %v", left)
		}
		if left := (Noise{}).Remaining([]FieldChange{turned}, manifest, map[string]any{}, nil); len(left) != 1 {
			t.Errorf("the list is gone: %v", left)
		}
	})
	t.Run("an item whose key the server completes", func(t *testing.T) {
		t.Parallel()
		s := synced(t, serviceYAML)
		field := FieldChange{Path: at("spec ports [port=80,protocol=TCP] targetPort"), Op: OpReplace, Desired: int64(8080), Live: int64(1)}
		if left := standard.Remaining([]FieldChange{field}, desired(t, serviceYAML).Manifest, s.live, nil); len(left) > 0 {
			t.Errorf("the manifest leaves the protocol out: %v", left)
		}
	})
}

func TestContains(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason        string
		live, desired string
		want          bool
	}{
		{"equal", `{"a":1}`, `{"a":1}`, true},
		{"more in live", `{"a":1,"b":2}`, `{"a":1}`, true},
		{"less in live", `{"a":1}`, `{"a":1,"b":2}`, false},
		{"a zero value less in live", `{"a":1}`, `{"a":1,"b":false,"c":"","d":0,"e":{},"f":[],"g":null}`, true},
		{"another value", `{"a":2}`, `{"a":1}`, false},
		{"nested", `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, true},
		{"more in an item", `{"l":[{"a":1,"b":2}]}`, `{"l":[{"a":1}]}`, true},
		{"another length", `{"l":[1,2]}`, `{"l":[1]}`, false},
		{"another order", `{"l":[2,1]}`, `{"l":[1,2]}`, false},
		{"another type", `{"a":"1"}`, `{"a":{"b":1}}`, false},
		{"a list for a map", `{"a":{}}`, `{"a":[1]}`, false},
		{"a quantity", `{"limits":{"cpu":"1"}}`, `{"limits":{"cpu":"1000m"}}`, true},
		{"a text", `{"data":{"cpu":"1"}}`, `{"data":{"cpu":"1000m"}}`, false},
	}
	parse := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range cases {
		if got := contains(nil, parse(c.live), parse(c.desired)); got != c.want {
			t.Errorf("%s: live %s, desired %s: %t", c.reason, c.live, c.desired, got)
		}
	}
}

func TestRestoredAndAdditions(t *testing.T) {
	t.Parallel()
	s := synced(t, deploymentYAML)
	s.set("kubectl-edit", "spec progressDeadlineSeconds", int64(601))
	s.set("kubectl-edit", "spec minReadySeconds", int64(5))
	put(t, s.live, at("spec progressDeadlineSeconds"), int64(600)) // a default that a hand owns
	change := s.compare(deploymentYAML)
	if diff := cmp.Diff([]Path{at("spec minReadySeconds"), at("spec progressDeadlineSeconds")}, Additions(change)); diff != "" {
		t.Fatal(diff)
	}
	patched := applyPatch(t, s.live, RemovalPatch(s.live, Additions(change)))
	got := restored(change, Additions(change), stored(patched))
	if diff := cmp.Diff([]string{`add spec.minReadySeconds: 5 → null, live kubectl-edit`}, told(got.Fields)); diff != "" {
		t.Errorf("what the server puts back is a default (-want +got):\n%s", diff)
	}
	only := change
	only.Fields = slices.Clone(change.Fields[1:])
	if got := restored(only, Additions(only), stored(patched)); got.Type != InSync || got.Cause != CauseNone {
		t.Errorf("nothing is left: %s by %s", got.Type, got.Cause)
	}
	if diff := cmp.Diff(change, restored(change, Additions(change), nil), cmpopts.EquateErrors()); diff != "" {
		t.Errorf("no answer restores nothing: %s", diff)
	}
	for _, untouched := range []Change{
		{Type: Unknown, Err: refused(ErrForbidden)}, {Type: Missing, Cause: CauseGit}, {Type: Extra, Cause: CauseGit},
		{Type: Modified, Cause: CauseLive, Terminating: true},
	} {
		if got := restored(untouched, Additions(untouched), map[string]any{}); got.Type != untouched.Type || got.Cause != untouched.Cause {
			t.Errorf("%s became %s", untouched.Type, got.Type)
		}
	}
	if Additions(Change{Fields: []FieldChange{{Path: at("a"), Op: OpAdd}}}) != nil {
		t.Error("what Git dropped is no addition")
	}
}

// Where the server refuses to remove one addition, it is asked about the others; what
// it was not asked to remove is not taken for a default because it still stands there.
func TestWithoutDefaults(t *testing.T) {
	t.Parallel()
	item := map[string]any{"port": int64(80), "protocol": "TCP"}
	port, affinity, text := at("spec ports [port=80,protocol=TCP]"), at("spec sessionAffinity"), at("metadata annotations note")
	change := Change{Type: Modified, Fields: []FieldChange{
		{Path: text, Op: OpAdd, Live: "x", Addition: true, Cause: CauseLive},
		{Path: port, Op: OpAdd, Live: item, Addition: true, Cause: CauseLive},
		{Path: affinity, Op: OpAdd, Live: "None", Addition: true, Cause: CauseLive},
	}}
	all, rest := []Path{text, port, affinity}, []Path{text, affinity}
	refused := func(fields ...string) error {
		refusal := &Refusal{Kind: ErrInvalid}
		for _, field := range fields {
			refusal.Causes = append(refusal.Causes, RefusalCause{Field: field, Message: "Required value"})
		}
		return refusal
	}
	back := map[string]any{"spec": map[string]any{"sessionAffinity": "None", "ports": []any{item}}}
	for _, c := range []struct {
		why         string
		first, then error
		asked       [][]Path
		kept        []Path
		says        error
	}{
		{why: "nothing is refused", asked: [][]Path{all}, kept: []Path{text}},
		{why: "one field is refused", first: refused("spec.ports"), asked: [][]Path{all, rest}, kept: []Path{text, port}, says: ErrInvalid},
		{why: "an item of it", first: refused("spec.ports[0].name"), asked: [][]Path{all, rest}, kept: []Path{text, port}, says: ErrInvalid},
		{why: "the others too", first: refused("spec.ports"), then: refused("spec"), asked: [][]Path{all, rest}, kept: all, says: ErrInvalid},
		{why: "the object changes meanwhile", first: refused("spec.ports"), then: ErrConflict, asked: [][]Path{all, rest}, kept: all, says: ErrConflict},
		{why: "no field is named", first: refused(), asked: [][]Path{all}, kept: all, says: ErrInvalid},
		{why: "all of it is refused", first: refused("spec", "metadata"), asked: [][]Path{all}, kept: all, says: ErrInvalid},
		{why: "something else is", first: refused("data"), asked: [][]Path{all}, kept: all, says: ErrInvalid},
		{why: "nobody answers", first: ErrUnreachable, asked: [][]Path{all}, kept: all, says: ErrUnreachable},
	} {
		var asked [][]Path
		got, err := withoutDefaults(change, func(paths []Path) (map[string]any, error) {
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
		var kept []Path
		for _, field := range got.Fields {
			kept = append(kept, field.Path)
		}
		if diff := cmp.Diff(c.kept, kept); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
	if got, err := withoutDefaults(Change{}, nil); err != nil || len(got.Fields) > 0 {
		t.Errorf("nothing was added, and somebody is asked: %v", err)
	}
}
