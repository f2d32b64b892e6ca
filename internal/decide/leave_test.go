package decide_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// What alert_only_fields names stays and is told, and the rest of the object is decided as
// if it did not differ.
func TestDecideBesideWhatIsLeft(t *testing.T) {
	t.Parallel()
	added := func(cause drift.Cause) drift.Change {
		return but(changed(cause), func(c *drift.Change) {
			c.Cause |= drift.CauseLive
			c.Fields = append(c.Fields, drift.FieldChange{Path: model.At("data extra"), Op: drift.OpAdd, Live: "x", Cause: drift.CauseLive, Addition: true})
		})
	}
	immutable := func(paths ...nested.Path) func(*drift.Change) {
		return func(c *drift.Change) { c.Immutable, c.Err = paths, model.Refused(drift.ErrImmutable) }
	}
	for _, c := range []struct {
		name, reason string
		change       drift.Change
		left         []string
		verbs        []drift.Verb
		action       drift.Action
		granted      []string
		says         string
	}{
		{"an addition beside an edit", "the edit is put back", added(drift.CauseLive), []string{"data extra"}, []drift.Verb{drift.VerbHeal}, drift.Heal,
			[]string{"data.live"}, "because of heal; what was added by hand stays"},
		{"an addition beside a rollout", "what is left is Git's alone", added(drift.CauseGit), []string{"data extra"}, []drift.Verb{drift.VerbSync}, drift.Sync,
			[]string{"data.git"}, "because of sync; what was added by hand stays"},
		{"an addition beside both", "both grants, for the rest", added(drift.CauseBoth), []string{"data extra"}, []drift.Verb{drift.VerbSync, drift.VerbHeal}, drift.Sync,
			[]string{"data.git", "data.live"}, "because of sync; what was added by hand stays"},
		{"without a grant for the rest", "nothing is written", added(drift.CauseLive), []string{"data extra"}, []drift.Verb{drift.VerbSync}, drift.AlertOnly, nil, "no policy grants heal"},
		{"an edit beside a rollout", "any field can be left", changed(drift.CauseBoth), []string{"data live"}, []drift.Verb{drift.VerbSync}, drift.Sync,
			[]string{"data.git"}, "because of sync; data.live stays as it is"},
		{"all that differs", "there is nothing to do", changed(drift.CauseLive), []string{"data"}, []drift.Verb{drift.VerbHeal}, drift.AlertOnly, nil, "a policy leaves data.live to people"},
		{"all, and a veto", "the veto's own words", changed(drift.CauseLive), []string{"data"}, []drift.Verb{drift.VerbHeal, drift.VerbAlertOnly}, drift.AlertOnly, nil, "because of alert_only"},
		{"a part, and a veto", "a veto is about the whole object", added(drift.CauseLive), []string{"data extra"}, []drift.Verb{drift.VerbHeal, drift.VerbAlertOnly}, drift.AlertOnly, nil, "because of alert_only"},
		{"a part, and the rest ignored", "what is left to people is never silent", added(drift.CauseLive), []string{"data extra"}, []drift.Verb{drift.VerbIgnore}, drift.AlertOnly, nil, "a policy leaves data.extra to people"},
		{"another field", "a pattern that names nothing changes nothing", changed(drift.CauseLive), []string{"data other"}, []drift.Verb{drift.VerbHeal}, drift.Heal, []string{"data.live"}, "because of heal"},
		{"the part-of label", "membership is nobody's to leave", but(changed(drift.CauseLive), func(c *drift.Change) {
			c.Fields = []drift.FieldChange{{Path: nested.Path{"metadata", "labels", drift.LabelPartOf}, Op: drift.OpRemove, Cause: drift.CauseLive}}
		}), []string{"metadata labels"}, []drift.Verb{drift.VerbHeal}, drift.Heal, []string{`metadata.labels["applyset.kubernetes.io/part-of"]`}, "because of heal"},
		{"what cannot be changed", "it stays, so it hinders nothing", but(changed(drift.CauseBoth), immutable(model.At("data live"))), []string{"data live"}, []drift.Verb{drift.VerbSync}, drift.Sync,
			[]string{"data.git"}, "because of sync; data.live stays as it is"},
		{"beside what cannot be changed", "deleting the object would lose it", but(added(drift.CauseGit), immutable(model.At("data git"))), []string{"data extra"}, []drift.Verb{drift.VerbSync, drift.VerbReplace}, drift.AlertOnly, nil,
			"a policy leaves data.extra to people, and replacing the object would lose it"},
		{"beside what cannot be taken back in place", "nothing else is there to write", but(added(drift.CauseGit), func(c *drift.Change) { c.Fields[0].Fixed = true }), []string{"data extra"}, []drift.Verb{drift.VerbSync, drift.VerbHeal}, drift.AlertOnly, nil,
			diff.DescribeFixed(model.At("data git"))},
		{"beside what the API server has not answered for", "nothing else is there to write", but(added(drift.CauseGit), func(c *drift.Change) { c.Fields[0].Unsure = true }), []string{"data extra"}, []drift.Verb{drift.VerbSync, drift.VerbHeal}, drift.AlertOnly, nil,
			diff.DescribeUnsure(model.At("data git"))},
		{"what Git's choice excludes", "a write has to take it away", but(changed(drift.CauseBoth), func(c *drift.Change) { c.Fields[1].Excluded = true }), []string{"data live"}, []drift.Verb{drift.VerbSync, drift.VerbHeal}, drift.AlertOnly, nil,
			"a policy leaves data.live to people, and the API server does not take it beside what Git says"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var patterns []nested.Path
			for _, path := range c.left {
				patterns = append(patterns, model.At(path))
			}
			verdict := model.Granting(append(c.verbs, drift.VerbAlertOnlyFields)...)
			got := decide.Decide(decide.LeaveToPeople(c.change, patterns), verdict, decide.Facts{})
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

// A value that merges as one stays whole also where policy ignores a part of it.
func TestWriteBesideWhatIsLeftAndIgnored(t *testing.T) {
	t.Parallel()
	role := func(group, verb, label string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: shop, labels: {app: " + label + "}}, rules: [{apiGroups: [" + group + "], verbs: [" + verb + "]}]}"
	}
	for name, stays := range map[string]func(drift.Change) drift.Change{
		"left to people": func(change drift.Change) drift.Change { return decide.LeaveToPeople(change, []nested.Path{{"rules"}}) },
		"what cannot be changed": func(change drift.Change) drift.Change {
			for i := range change.Fields {
				change.Fields[i].Fixed = change.Fields[i].Path.Equal(nested.Path{"rules"})
			}
			return change
		},
	} {
		s := model.Synced(t, role("a", "get", "one"))
		s.Set("kubectl-edit", "rules", []any{map[string]any{"apiGroups": []any{"b"}, "verbs": []any{"*"}}})
		live, _ := nested.ValueAt(s.Live, nested.Path{"rules"})
		git := role("a", "get", "two")
		change := stays(diff.WithoutIgnored(s.Compare(git), []nested.Path{{"rules", "*", "apiGroups"}}))
		decision := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAlertOnlyFields), decide.Facts{})
		if !decision.Action.Writes() {
			t.Fatalf("%s: %s, %s", name, decision.Action, decision.Reason)
		}
		s.TakeOver(model.Desired(t, git), change, decision.Granted, false)
		if got, _ := nested.ValueAt(s.Live, nested.Path{"rules"}); !nested.EqualValues(got, live) {
			t.Errorf("%s: it is %v, not %v", name, got, live)
		}
	}
}

// Membership is nobody's to leave or to ignore, also where somebody took all labels away.
func TestMembershipIsWritten(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]func(drift.Change, []nested.Path) drift.Change{"left to people": decide.LeaveToPeople, "ignored": diff.WithoutIgnored} {
		for _, pattern := range []nested.Path{{"metadata", "labels"}, {"metadata"}, {"metadata", "labels", "*"}, {"metadata", "*"}} {
			s := model.Synced(t, model.ConfigMapYAML)
			s.Set("kubectl-label", "metadata labels", nil)
			change := policy(s.Compare(model.ConfigMapYAML), []nested.Path{pattern})
			decision := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAlertOnlyFields), decide.Facts{})
			s.TakeOver(model.Desired(t, model.ConfigMapYAML), change, decision.Granted, false)
			if got := nested.Labels(s.Live); len(got) != 1 || got[drift.LabelPartOf] == "" {
				t.Errorf("%s, %s: the labels are %v", name, pattern, got)
			}
		}
	}
}

// A write keeps the live value of what is left to people, whoever owns it.
func TestWriteBesideWhatIsLeft(t *testing.T) {
	t.Parallel()
	git := model.With(t, model.ConfigMapYAML, `version: "1.10"`, `version: "2.0"`)
	for _, c := range []struct {
		name string
		edit func(*model.Server)
		path string
		want any
	}{
		{"a hand's value", func(s *model.Server) { s.Set("kubectl-edit", "data mode", "debug") }, "data mode", "debug"},
		{"a hand's addition", func(s *model.Server) { s.Set("kubectl-edit", "data extra", "x") }, "data extra", "x"},
		{"a hand's removal", func(s *model.Server) { s.Set("kubectl-edit", "data mode", nil) }, "data mode", nil},
		{"our own, as admission changed it", func(s *model.Server) { model.Put(s.T, s.Live, model.At("data mode"), "enforced") }, "data mode", "enforced"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, model.ConfigMapYAML)
			c.edit(s)
			path := model.At(c.path)
			change := decide.LeaveToPeople(s.Compare(git), []nested.Path{path})
			decision := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAlertOnlyFields), decide.Facts{})
			s.TakeOver(model.Desired(t, git), change, decision.Granted, false)
			if got, _ := nested.ValueAt(s.Live, path); !nested.EqualValues(got, c.want) {
				t.Errorf("it is %v, not %v", got, c.want)
			}
			if got, _ := nested.ValueAt(s.Live, nested.Path{"data", "version"}); got != "2.0" {
				t.Errorf("the rollout: %v", got)
			}
		})
	}
}
