package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What alert_only_fields names stays and is told, and the rest of the object is decided as
// if it did not differ.
func TestDecideBesideWhatIsLeft(t *testing.T) {
	t.Parallel()
	added := func(cause Cause) Change {
		return but(changed(cause), func(c *Change) {
			c.Cause |= CauseLive
			c.Fields = append(c.Fields, FieldChange{Path: at("data extra"), Op: OpAdd, Live: "x", Cause: CauseLive, Addition: true})
		})
	}
	immutable := func(paths ...Path) func(*Change) {
		return func(c *Change) { c.Immutable, c.Err = paths, refused(ErrImmutable) }
	}
	for _, c := range []struct {
		name, reason string
		change       Change
		left         []string
		verbs        []Verb
		action       Action
		granted      []string
		says         string
	}{
		{"an addition beside an edit", "the edit is put back", added(CauseLive), []string{"data extra"}, []Verb{VerbHeal}, Heal,
			[]string{"data.live"}, "because of heal; what was added by hand stays"},
		{"an addition beside a rollout", "what is left is Git's alone", added(CauseGit), []string{"data extra"}, []Verb{VerbSync}, Sync,
			[]string{"data.git"}, "because of sync; what was added by hand stays"},
		{"an addition beside both", "both grants, for the rest", added(CauseBoth), []string{"data extra"}, []Verb{VerbSync, VerbHeal}, Sync,
			[]string{"data.git", "data.live"}, "because of sync; what was added by hand stays"},
		{"without a grant for the rest", "nothing is written", added(CauseLive), []string{"data extra"}, []Verb{VerbSync}, AlertOnly, nil, "no policy grants heal"},
		{"an edit beside a rollout", "any field can be left", changed(CauseBoth), []string{"data live"}, []Verb{VerbSync}, Sync,
			[]string{"data.git"}, "because of sync; data.live stays as it is"},
		{"all that differs", "there is nothing to do", changed(CauseLive), []string{"data"}, []Verb{VerbHeal}, AlertOnly, nil, "a policy leaves data.live to people"},
		{"all, and a veto", "the veto's own words", changed(CauseLive), []string{"data"}, []Verb{VerbHeal, VerbAlertOnly}, AlertOnly, nil, "because of alert_only"},
		{"a part, and a veto", "a veto is about the whole object", added(CauseLive), []string{"data extra"}, []Verb{VerbHeal, VerbAlertOnly}, AlertOnly, nil, "because of alert_only"},
		{"a part, and the rest ignored", "what is left to people is never silent", added(CauseLive), []string{"data extra"}, []Verb{VerbIgnore}, AlertOnly, nil, "a policy leaves data.extra to people"},
		{"another field", "a pattern that names nothing changes nothing", changed(CauseLive), []string{"data other"}, []Verb{VerbHeal}, Heal, []string{"data.live"}, "because of heal"},
		{"the part-of label", "membership is nobody's to leave", but(changed(CauseLive), func(c *Change) {
			c.Fields = []FieldChange{{Path: Path{"metadata", "labels", LabelPartOf}, Op: OpRemove, Cause: CauseLive}}
		}), []string{"metadata labels"}, []Verb{VerbHeal}, Heal, []string{`metadata.labels["applyset.kubernetes.io/part-of"]`}, "because of heal"},
		{"what cannot be changed", "it stays, so it hinders nothing", but(changed(CauseBoth), immutable(at("data live"))), []string{"data live"}, []Verb{VerbSync}, Sync,
			[]string{"data.git"}, "because of sync; data.live stays as it is"},
		{"beside what cannot be changed", "deleting the object would lose it", but(added(CauseGit), immutable(at("data git"))), []string{"data extra"}, []Verb{VerbSync, VerbReplace}, AlertOnly, nil,
			"a policy leaves data.extra to people, and replacing the object would lose it"},
		{"beside what cannot be taken back in place", "nothing else is there to write", but(added(CauseGit), func(c *Change) { c.Fields[0].Fixed = true }), []string{"data extra"}, []Verb{VerbSync, VerbHeal}, AlertOnly, nil,
			saysFixed(at("data git"))},
		{"beside what the API server has not answered for", "nothing else is there to write", but(added(CauseGit), func(c *Change) { c.Fields[0].Unsure = true }), []string{"data extra"}, []Verb{VerbSync, VerbHeal}, AlertOnly, nil,
			saysUnsure(at("data git"))},
		{"what Git's choice excludes", "a write has to take it away", but(changed(CauseBoth), func(c *Change) { c.Fields[1].Excluded = true }), []string{"data live"}, []Verb{VerbSync, VerbHeal}, AlertOnly, nil,
			"a policy leaves data.live to people, and the API server does not take it beside what Git says"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var patterns []Path
			for _, path := range c.left {
				patterns = append(patterns, at(path))
			}
			verdict := granting(append(c.verbs, VerbAlertOnlyFields)...)
			got := Decide(LeaveToPeople(c.change, patterns), verdict, Facts{})
			if got.Action != c.action || got.Reason != c.says {
				t.Errorf("%s: %s, %q", c.reason, got.Action, got.Reason)
			}
			var granted []string
			for _, field := range got.Granted {
				granted = append(granted, field.Path.String())
			}
			if got.Action.Writes() || c.granted != nil {
				if diff := cmp.Diff(c.granted, granted); diff != "" {
					t.Errorf("%s: granted (-want +got):\n%s", c.reason, diff)
				}
			}
		})
	}
}

// Parts of one difference: a map is divided, what merges as one value is not.
func TestLeaveToPeople(t *testing.T) {
	t.Parallel()
	labels := FieldChange{Path: Path{"metadata", "annotations"}, Op: OpAdd, Live: map[string]any{"a": "1", "b": "2"}, Cause: CauseLive, Addition: true}
	rules := FieldChange{Path: Path{"rules"}, Op: OpReplace, Desired: []any{"x"}, Live: []any{"y"}, Cause: CauseLive}
	for _, c := range []struct {
		name    string
		field   FieldChange
		pattern Path
		want    map[string]bool
	}{
		{"a part of a map", labels, Path{"metadata", "annotations", "a"}, map[string]bool{"metadata.annotations.a": true, "metadata.annotations.b": false}},
		{"each part of a map", labels, Path{"metadata", "annotations", "*"}, map[string]bool{"metadata.annotations.a": true, "metadata.annotations.b": true}},
		{"the map", labels, Path{"metadata"}, map[string]bool{"metadata.annotations": true}},
		{"what the map has not", labels, Path{"metadata", "annotations", "c"}, map[string]bool{"metadata.annotations": false}},
		{"a part of one value", rules, Path{"rules", "0", "verbs"}, map[string]bool{"rules": true}},
	} {
		got := map[string]bool{}
		for _, field := range LeaveToPeople(Change{Fields: []FieldChange{c.field}}, []Path{c.pattern}).Fields {
			got[field.Path.String()] = field.Left
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A value that merges as one stays whole also where policy ignores a part of it.
func TestWriteBesideWhatIsLeftAndIgnored(t *testing.T) {
	t.Parallel()
	role := func(group, verb, label string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: shop, labels: {app: " + label + "}}, rules: [{apiGroups: [" + group + "], verbs: [" + verb + "]}]}"
	}
	for name, stays := range map[string]func(Change) Change{
		"left to people": func(change Change) Change { return LeaveToPeople(change, []Path{{"rules"}}) },
		"what cannot be changed": func(change Change) Change {
			for i := range change.Fields {
				change.Fields[i].Fixed = change.Fields[i].Path.Equal(Path{"rules"})
			}
			return change
		},
	} {
		s := synced(t, role("a", "get", "one"))
		s.set("kubectl-edit", "rules", []any{map[string]any{"apiGroups": []any{"b"}, "verbs": []any{"*"}}})
		live, _ := ValueAt(s.live, Path{"rules"})
		git := role("a", "get", "two")
		change := stays(WithoutIgnored(s.compare(git), []Path{{"rules", "*", "apiGroups"}}))
		decision := Decide(change, granting(VerbSync, VerbHeal, VerbAlertOnlyFields), Facts{})
		if !decision.Action.Writes() {
			t.Fatalf("%s: %s, %s", name, decision.Action, decision.Reason)
		}
		s.takeOver(desired(t, git), change, decision.Granted, false)
		if got, _ := ValueAt(s.live, Path{"rules"}); !equalValues(got, live) {
			t.Errorf("%s: it is %v, not %v", name, got, live)
		}
	}
}

// Membership is nobody's to leave or to ignore, also where somebody took all labels away.
func TestMembershipIsWritten(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]func(Change, []Path) Change{"left to people": LeaveToPeople, "ignored": WithoutIgnored} {
		for _, pattern := range []Path{{"metadata", "labels"}, {"metadata"}, {"metadata", "labels", "*"}, {"metadata", "*"}} {
			s := synced(t, configMapYAML)
			s.set("kubectl-label", "metadata labels", nil)
			change := policy(s.compare(configMapYAML), []Path{pattern})
			decision := Decide(change, granting(VerbSync, VerbHeal, VerbAlertOnlyFields), Facts{})
			s.takeOver(desired(t, configMapYAML), change, decision.Granted, false)
			if got := Labels(s.live); len(got) != 1 || got[LabelPartOf] == "" {
				t.Errorf("%s, %s: the labels are %v", name, pattern, got)
			}
		}
	}
}

// A write keeps the live value of what is left to people, whoever owns it.
func TestWriteBesideWhatIsLeft(t *testing.T) {
	t.Parallel()
	git := with(t, configMapYAML, `version: "1.10"`, `version: "2.0"`)
	for _, c := range []struct {
		name string
		edit func(*server)
		path string
		want any
	}{
		{"a hand's value", func(s *server) { s.set("kubectl-edit", "data mode", "debug") }, "data mode", "debug"},
		{"a hand's addition", func(s *server) { s.set("kubectl-edit", "data extra", "x") }, "data extra", "x"},
		{"a hand's removal", func(s *server) { s.set("kubectl-edit", "data mode", nil) }, "data mode", nil},
		{"our own, as admission changed it", func(s *server) { put(s.t, s.live, at("data mode"), "enforced") }, "data mode", "enforced"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, configMapYAML)
			c.edit(s)
			path := at(c.path)
			change := LeaveToPeople(s.compare(git), []Path{path})
			decision := Decide(change, granting(VerbSync, VerbHeal, VerbAlertOnlyFields), Facts{})
			s.takeOver(desired(t, git), change, decision.Granted, false)
			if got, _ := ValueAt(s.live, path); !equalValues(got, c.want) {
				t.Errorf("it is %v, not %v", got, c.want)
			}
			if got, _ := ValueAt(s.live, Path{"data", "version"}); got != "2.0" {
				t.Errorf("the rollout: %v", got)
			}
		})
	}
}
