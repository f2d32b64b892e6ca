package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// settings is a case about one ConfigMap, made up: {a: x} by Git.
func settings(t *testing.T, live map[string]any, acts ...act) *subject {
	t.Helper()
	data := func(values map[string]any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "uid": "1"}, "data": values}
	}
	s := &subject{script: script{kind: kinds()[0], first: data(map[string]any{"a": "x"}), acts: acts}, done: acts, uid: "1"}
	for range acts {
		s.before = append(s.before, data(map[string]any{"a": "x"}))
	}
	s.object = drift.Object{ID: drift.ID{Kind: "ConfigMap", Name: "c"}, Version: "v1", Manifest: data(map[string]any{"a": "x"})}
	s.truth = data(map[string]any{"a": "x"})
	s.seen = drift.Observation{ID: s.object.ID, State: drift.Present, Live: data(live), Predicted: s.truth, Prediction: drift.ByDryRun}
	s.seen.Live["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{"manager": drift.FieldManager, "operation": "Apply",
		"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:data": map[string]any{"f:a": map[string]any{}}}}}
	return s
}

func by(manager, op, key string, value any) act {
	return act{hand{manager, merging}, edit{op: op, path: path{}.field("data").field(key), value: value}}
}

// TestOracleFindsFault: an oracle that cannot say no proves nothing.
func TestOracleFindsFault(t *testing.T) {
	found := func(path ...string) drift.FieldChange { return drift.FieldChange{Path: path, Op: drift.OpReplace} }
	cases := []struct {
		reason string
		live   map[string]any
		acts   []act
		fields []drift.FieldChange
		want   string
	}{
		{"an edit that is found", map[string]any{"a": "y"}, []act{by("kubectl-edit", "change", "a", "y")}, []drift.FieldChange{found("data", "a")}, ""},
		{"an edit that is not", map[string]any{"a": "y"}, []act{by("kubectl-edit", "change", "a", "y")}, nil, "missed"},
		{"an edit by a controller of what Git names", map[string]any{"a": "y"}, []act{by("mesh-operator", "change", "a", "y")}, nil, "missed"},
		{"an addition that is found", map[string]any{"a": "x", "b": "y"}, []act{by("k9s", "add", "b", "y")}, []drift.FieldChange{found("data", "b")}, ""},
		{"an addition that is not", map[string]any{"a": "x", "b": "y"}, []act{by("k9s", "add", "b", "y")}, nil, "missed"},
		{"a controller's own addition", map[string]any{"a": "x", "b": "y"}, []act{by("mesh-operator", "add", "b", "y")}, nil, ""},
		{"what nobody did", map[string]any{"a": "x"}, nil, []drift.FieldChange{found("data", "c")}, "invented"},
		{"something else than was done", map[string]any{"a": "y"}, []act{by("kubectl-edit", "change", "a", "y")}, []drift.FieldChange{found("data", "a"), found("data", "c")}, "invented"},
		{"a difference that nobody scripted", map[string]any{"a": "z"}, nil, nil, "missed"},
	}
	for _, c := range cases {
		s := settings(t, c.live, c.acts...)
		s.change.Fields = c.fields
		if len(c.acts) > 0 && !c.acts[0].hand.human() {
			s.seen.Predicted = s.seen.Live // an apply leaves what a controller did
		}
		s.same = equal(values(s.seen.Predicted), values(s.seen.Live))
		for _, t := range s.unseen() {
			s.missed(t)
		}
		s.judgeInvented()
		if s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", c.reason, s.sort(), c.want, s.problems)
		}
	}
}

// TestOracleFindsFalseReport: a report that names the right place may still say
// something false of it.
func TestOracleFindsFalseReport(t *testing.T) {
	edited := func(manager string) []act { return []act{by(manager, "change", "a", "y")} }
	report := func(op drift.Op, manager string, class drift.Class, cause drift.Cause) drift.FieldChange {
		return drift.FieldChange{Path: nested.Path{"data", "a"}, Op: op, Manager: manager, ManagerClass: class, Cause: cause}
	}
	removed := act{hand{"k9s", putting}, edit{op: "remove", path: path{}.field("data").field("a"), old: "x"}}
	for _, c := range []struct {
		reason   string
		live     map[string]any
		acts     []act
		report   drift.FieldChange
		recorded bool
		want     string
	}{
		{"as it was", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpReplace, "k9s", drift.ClassInteractive, drift.CauseLive), false, ""},
		{"another op", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpRemove, "k9s", drift.ClassInteractive, drift.CauseLive), false, "wrong op"},
		{"another client", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpReplace, "curl", drift.ClassPipeline, drift.CauseLive), false, "wrong manager"},
		{"no client", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpReplace, "", drift.ClassNone, drift.CauseLive), false, "wrong manager"},
		{"another class", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpReplace, "k9s", drift.ClassPipeline, drift.CauseLive), false, "wrong class"},
		{"another side", map[string]any{"a": "y"}, edited("k9s"), report(drift.OpReplace, "k9s", drift.ClassInteractive, drift.CauseGit), false, "wrong cause"},
		{"another side, with a row", map[string]any{"a": "y"}, edited("curl"), report(drift.OpReplace, "curl", drift.ClassPipeline, drift.CauseGit), true, "wrong cause"},
		{"a pipeline without a row: nothing tells", map[string]any{"a": "y"}, edited("curl"), report(drift.OpReplace, "curl", drift.ClassPipeline, drift.CauseGit), false, ""},
		{"a removal has no owner", map[string]any{}, []act{removed}, report(drift.OpRemove, "", drift.ClassNone, drift.CauseLive), true, ""},
		{"a removal with one", map[string]any{}, []act{removed}, report(drift.OpRemove, "k9s", drift.ClassInteractive, drift.CauseLive), true, "wrong manager"},
	} {
		s := settings(t, c.live, c.acts...)
		s.judgeFields(drift.Change{Fields: []drift.FieldChange{c.report}}, c.recorded)
		if s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", c.reason, s.sort(), c.want, s.problems)
		}
	}
}

// TestOracleFindsFalseDrift: a place that somebody touched may look as Git says.
func TestOracleFindsFalseDrift(t *testing.T) {
	report := drift.FieldChange{Path: nested.Path{"data", "a"}, Op: drift.OpReplace}
	for reason, c := range map[string]struct {
		live map[string]any
		acts []act
		f    drift.FieldChange
		want string
	}{
		"edited":         {map[string]any{"a": "y"}, []act{by("k9s", "change", "a", "y")}, report, ""},
		"edited back":    {map[string]any{"a": "x"}, []act{by("k9s", "change", "a", "y"), by("k9s", "change", "a", "x")}, report, "invented"},
		"a hand's":       {map[string]any{"a": "x", "b": "y"}, []act{by("k9s", "add", "b", "y")}, drift.FieldChange{Path: nested.Path{"data", "b"}, Op: drift.OpAdd, Addition: true}, ""},
		"a controller's": {map[string]any{"a": "x", "b": "y"}, []act{by("mesh-operator", "add", "b", "y")}, drift.FieldChange{Path: nested.Path{"data", "b"}, Op: drift.OpAdd, Addition: true}, "invented"},
		"an apply no-op": {map[string]any{"a": "y"}, []act{by("k9s", "change", "a", "y")}, report, "invented"},
	} {
		s := settings(t, c.live, c.acts...)
		s.change.Fields = []drift.FieldChange{c.f}
		s.same = reason == "an apply no-op"
		if s.judgeInvented(); s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", reason, s.sort(), c.want, s.problems)
		}
	}
}

// TestOracleFindsDefaultsThatAreDrift: where the server refuses to say what it would
// store without an addition, one by hand may be its default, and nothing else may.
func TestOracleFindsDefaultsThatAreDrift(t *testing.T) {
	hands := []act{by("k9s", "add", "a", "x")}
	at := nested.Path{"data", "a"}
	for reason, c := range map[string]struct {
		acts    []act
		manager string
		refused nested.Path
		want    string
	}{
		"refused": {hands, "k9s", at, ""}, "not refused": {hands, "k9s", nil, "invented"},
		"another is refused": {hands, "k9s", nested.Path{"data", "b"}, "invented"},
		"another's":          {hands, "curl", at, "invented"}, "beside it": {[]act{by("k9s", "add", "b", "x")}, "k9s", at, "invented"},
		"taken away": {[]act{by("k9s", "remove", "a", nil)}, "k9s", at, "invented"},
	} {
		s := settings(t, map[string]any{"a": "x"}, c.acts...)
		s.unremovable = []nested.Path{c.refused}
		s.change.Fields = []drift.FieldChange{{Path: at, Op: drift.OpAdd, Addition: true, Manager: c.manager}}
		if s.judgeInvented(); s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", reason, s.sort(), c.want, s.problems)
		}
	}
}

// TestOracleKnowsScalingsOfNobodys: who patches replicas to what they are does not
// own them, and who changes or applies them does.
func TestOracleKnowsScalingsOfNobodys(t *testing.T) {
	counted := func(count int64) map[string]any {
		return map[string]any{"metadata": map[string]any{"uid": "1"}, "spec": map[string]any{"replicas": count}}
	}
	deployment := kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.name == "Deployment" })]
	for reason, c := range map[string]struct {
		way   way
		count int64
		want  bool
	}{"a patch that changes nothing": {merging, 1, true}, "a patch": {merging, 2, false}, "an apply": {forcing, 1, false}} {
		s := settings(t, nil)
		s.script.kind = deployment
		s.done = []act{{hand{"k9s", c.way}, edit{op: "add", path: path{}.field("spec").field("replicas"), value: c.count}}, scaleTo(3, deployment, nil)}
		s.before = []map[string]any{counted(1), counted(c.count)}
		s.seen.Live, s.row = counted(3), drift.Row{UID: "1", Replicas: nested.Replicas(counted(1))}
		if got := s.memoOnly(); got != c.want {
			t.Errorf("%s: %t", reason, got)
		}
	}
	for _, owned := range []bool{true, false} {
		s := settings(t, nil)
		s.script.kind = deployment
		s.done = []act{{hand{"mesh-operator", merging}, edit{op: "add", path: path{}.field("spec").field("replicas"), value: int64(3)}}, scaleTo(3, deployment, nil)}
		s.before = []map[string]any{counted(1), counted(3)}
		s.seen.Live, s.row = counted(3), drift.Row{UID: "1", Replicas: nested.Replicas(counted(1))}
		names := "f:paused"
		if owned {
			names = "f:replicas"
		}
		s.seen.Live["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{"fieldsV1": map[string]any{"f:spec": map[string]any{names: map[string]any{}}}}}
		if s.memoOnly() == owned {
			t.Errorf("a scaling to what an updater wrote, its entry names replicas (%t): and the memo alone tells (%t)", owned, s.memoOnly())
		}
	}
}

// TestOracleFindsMissingMemo: what only the memo's row can tell has to be told with it.
func TestOracleFindsMissingMemo(t *testing.T) {
	scaled := func(count int64) map[string]any {
		return map[string]any{"metadata": map[string]any{"uid": "1"}, "spec": map[string]any{"replicas": count}}
	}
	found := []drift.FieldChange{{Path: replicas, Op: drift.OpAdd}}
	for reason, c := range map[string]struct {
		live          int64
		with, without []drift.FieldChange
		want          string
	}{
		"told": {3, found, nil, ""}, "not told": {3, nil, nil, "missed"},
		"not scaled": {1, nil, nil, ""}, "told, and nobody scaled": {1, found, nil, "invented"},
		"only told without the row": {1, nil, found, "missed"},
	} {
		s := settings(t, nil)
		s.script.kind = kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.name == "Deployment" })]
		s.done = []act{scaleTo(c.live, s.script.kind, nil)}
		s.seen.Live, s.row = scaled(c.live), drift.Row{UID: "1", Replicas: nested.Replicas(scaled(1))}
		s.change.Fields, s.recorded.Fields = c.without, c.with
		if s.judgeRecorded(); s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", reason, s.sort(), c.want, s.problems)
		}
	}
}

func TestOracleFindsFalseProof(t *testing.T) {
	s := settings(t, map[string]any{"a": "x"})
	s.seen.Predicted["data"] = map[string]any{"a": "x"}
	if s.judgeProof(); !s.proved || s.sort() != "" {
		t.Fatalf("proved %t, %v", s.proved, s.problems)
	}
	for reason, spoil := range map[string]func(*subject){
		"the server would store something else": func(s *subject) { s.seen.Predicted = map[string]any{"data": map[string]any{"a": "z"}} },
		"the server refuses":                    func(s *subject) { s.seen.Predicted = nil },
		"the comparison finds something":        func(s *subject) { s.change.Fields = []drift.FieldChange{{Path: nested.Path{"data", "a"}}} },
	} {
		s := settings(t, map[string]any{"a": "x"})
		spoil(s)
		if s.judgeProof(); s.sort() != "false clean" {
			t.Errorf("%s: %q", reason, s.sort())
		}
	}
}

// TestOracleJudgesGitsPart: where who did what is forgotten, Git's own values are
// judged all the same.
func TestOracleJudgesGitsPart(t *testing.T) {
	container := obj(must("name", word), must("image", word), may("env", keyed(obj(must("name", word), may("value", word)), 0, 3, "name")))
	list := keyed(container, 1, 3, "name")
	item := func(name, image string, env ...any) any {
		fields := map[string]any{"name": name, "image": image}
		if env != nil {
			fields["env"] = env
		}
		return fields
	}
	variable := func(name, value string) any { return map[string]any{"name": name, "value": value} }
	manifest := []any{item("a", "1", variable("X", "x")), item("b", "1")}
	for _, c := range []struct {
		reason string
		live   []any
		same   bool
	}{
		{"as Git says", manifest, true},
		{"more than Git says", []any{item("a", "1", variable("Y", "y"), variable("X", "x")), item("c", "1"), item("b", "1", variable("Z", "z"))}, true},
		{"another value", []any{item("a", "2", variable("X", "x")), item("b", "1")}, false},
		{"another value below", []any{item("a", "1", variable("X", "y")), item("b", "1")}, false},
		{"an item less", []any{item("a", "1", variable("X", "x"))}, false},
		{"a field less", []any{item("a", "1"), item("b", "1")}, false},
		{"another order", []any{item("b", "1"), item("a", "1", variable("X", "x"))}, false},
	} {
		if got := equal(list.part(c.live, manifest), list.part(manifest, manifest)); got != c.same {
			t.Errorf("%s: %t", c.reason, got)
		}
	}
}

// TestStrategicPatchesReachTwins: a strategic merge patch of one port may land in
// the other one of its number, and nowhere else.
func TestStrategicPatchesReachTwins(t *testing.T) {
	service := kinds()[2]
	port := func(number int64, protocol string) any {
		return map[string]any{"port": number, "protocol": protocol, "name": "a"}
	}
	tree := map[string]any{"spec": map[string]any{"ports": []any{port(80, "TCP"), port(80, "UDP"), port(443, "TCP")}}}
	ports := path{}.field("spec").field("ports")
	name := ports.with(element{keys: map[string]any{"port": int64(80), "protocol": "TCP"}}).field("name")
	for way, want := range map[way]string{
		strategic: "spec.ports[port=80,protocol=TCP].name spec.ports[port=80,protocol=UDP].name",
		merging:   "spec.ports[port=80,protocol=TCP].name",
	} {
		s := &subject{script: script{kind: service}, truth: tree, seen: drift.Observation{Live: tree}}
		var got []string
		for _, p := range s.places(act{hand{"kubectl-edit", way}, edit{op: "change", path: name, old: "a", value: "b"}}) {
			got = append(got, p.written().String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s", way, got)
		}
	}
	unfilled := map[string]any{"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80), "name": "b"}}}}
	if v, found := service.shape.at(unfilled, name.written()); !found || v != "b" {
		t.Errorf("a key that the server fills in: %v", v)
	}
}

// TestOracleFindsLeftLists: an empty list that Killick applied and Git dropped is told by
// the memo's row, and nothing else is that looks like it.
func TestOracleFindsLeftLists(t *testing.T) {
	widget := func(spec map[string]any) map[string]any {
		return map[string]any{"kind": "Widget", "metadata": map[string]any{"uid": "1"}, "spec": spec}
	}
	empty := map[string]any{"listeners": []any{}}
	told := []drift.FieldChange{{Path: nested.Path{"spec", "listeners"}, Op: drift.OpAdd}}
	written := act{hand{"k9s", merging}, edit{op: "add", path: path{}.field("spec").field("listeners"), value: []any{}}}
	for reason, c := range map[string]struct {
		git, live map[string]any
		uid       string
		acts      []act
		found     []drift.FieldChange
		want      string
	}{
		"told":                  {map[string]any{}, empty, "1", nil, told, ""},
		"told with more":        {map[string]any{}, empty, "1", nil, []drift.FieldChange{{Path: nested.Path{"spec"}}}, "invented"},
		"not told":              {map[string]any{}, empty, "1", nil, nil, "missed"},
		"Git names it":          {empty, empty, "1", nil, told, "invented"},
		"gone":                  {map[string]any{}, map[string]any{}, "1", nil, told, "invented"},
		"filled":                {map[string]any{}, map[string]any{"listeners": []any{map[string]any{"port": int64(80)}}}, "1", nil, told, "invented"},
		"of another object":     {map[string]any{}, empty, "2", nil, told, "invented"},
		"somebody wrote it too": {map[string]any{}, empty, "1", []act{written}, nil, ""},
	} {
		s := settings(t, nil)
		s.script.kind = kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.name == "Widget" })]
		s.script.first, s.script.acts, s.done = widget(empty), c.acts, c.acts
		s.object.Manifest, s.seen.Live, s.row = widget(c.git), widget(c.live), drift.Row{UID: c.uid}
		s.recorded.Fields = c.found
		if s.judgeRecorded(); s.sort() != c.want {
			t.Errorf("%s: %q, want %q: %v", reason, s.sort(), c.want, s.problems)
		}
	}
}
