package drift

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var allGrants = []Verb{VerbSync, VerbHeal, VerbPrune, VerbAdopt, VerbReplace, VerbIgnore}

// acting are all verbs that allow something and none that narrows.
var acting = []Verb{VerbSync, VerbHeal, VerbPrune, VerbAdopt, VerbReplace}

// changed is a tracked, modified object with one field of each cause in it.
func changed(cause Cause) Change {
	change := Change{ID: ID{Kind: "ConfigMap", Namespace: "storefront", Name: "settings"}, Version: "v1", Type: Modified, Cause: cause,
		Ownership: Ownership{Tracked: true}, UID: testUID}
	if cause&CauseGit != 0 {
		change.Fields = append(change.Fields, FieldChange{Path: at("data git"), Op: OpReplace, Cause: CauseGit})
	}
	if cause&CauseLive != 0 {
		change.Fields = append(change.Fields, FieldChange{Path: at("data live"), Op: OpReplace, Cause: CauseLive})
	}
	return change
}

// addedOnly is an object where Git moved and a hand only added.
func addedOnly() Change {
	change := changed(CauseGit)
	change.Cause = CauseBoth
	change.Fields = append(change.Fields, FieldChange{Path: at("data extra"), Op: OpAdd, Cause: CauseLive, Addition: true})
	return change
}

func missingChange(cause Cause) Change { return Change{Type: Missing, Cause: cause, Version: "v1"} }

func extraChange() Change {
	return Change{Type: Extra, Cause: CauseGit, Version: "v1", Ownership: Ownership{Tracked: true}}
}

func but(change Change, edit func(*Change)) Change {
	edit(&change)
	return change
}

func untracked(change Change) Change {
	return but(change, func(c *Change) { c.Ownership.Tracked = false })
}

// Every row of DESIGN §4's table, in its order; what stands in a row shows that
// it comes before the later ones.
func TestDecideTable(t *testing.T) {
	t.Parallel()
	everything := granting(append(slices.Clone(allGrants), VerbAlertOnly)...)
	grantsAll := granting(acting...)
	failing := grantsAll
	failing.Err = errors.New("policies/shop.rego:3: evaluation timed out")
	keyEdit := but(changed(CauseLive), func(c *Change) {
		c.Err = refused(ErrInvalid, "spec.ports[1].name")
		c.Fields = []FieldChange{
			{Path: at("spec ports [port=80,protocol=TCP]"), Op: OpRemove, Cause: CauseLive},
			{Path: at("spec ports [port=8000,protocol=TCP]"), Op: OpAdd, Cause: CauseLive, Addition: true},
		}
	})
	// nulled is a map that Git empties, as the API server refuses it.
	nulled := func(field string, more ...RefusalCause) Change {
		return but(changed(CauseGit), func(c *Change) {
			c.Err = &Refusal{Kind: ErrInvalid, Causes: append(more, RefusalCause{Field: field, Type: "FieldValueTypeInvalid",
				Message: fmt.Sprintf(`Invalid value: "null": %s in body must be of type object: "null"`, field)})}
			c.Fields = []FieldChange{{Path: at("spec parts [name=a] options x"), Op: OpAdd, Live: "y", Cause: CauseGit}}
		})
	}
	cases := []struct {
		name    string
		row     string
		change  Change
		verdict Verdict
		facts   Facts
		want    Action
		reason  string // contained
		granted int    // fields that may be put back
	}{
		{name: "unreadable", row: "unknown → alert-only; policy is not asked", change: Change{Type: Unknown, Err: errors.New("forbidden")},
			verdict: grantsAll, want: AlertOnly, reason: "could not be compared"},
		{name: "unreadable without a reason", row: "unknown → alert-only", change: Change{}, verdict: grantsAll, want: AlertOnly, reason: "no reason known"},
		{name: "facts incomplete", row: "facts incomplete → alert-only", change: changed(CauseLive), verdict: grantsAll,
			facts: Facts{Incomplete: []string{"health", "a switch"}}, want: AlertOnly, reason: "facts are missing: health, a switch"},
		{name: "unknown before a failing policy", row: "the first row decides", change: Change{Type: Unknown, Err: errors.New("x")},
			verdict: failing, want: AlertOnly, reason: "could not be compared"},

		{name: "wanted by two apps", row: "SAFETY: neither writes it", change: changed(CauseGit), verdict: grantsAll,
			facts: Facts{Contested: []string{"payments"}}, want: AlertOnly, reason: "more than one app wants this object: payments"},

		{name: "evaluation failed", row: "evaluation error → alert-only", change: changed(CauseLive), verdict: failing, want: AlertOnly, reason: "evaluation timed out"},
		{name: "evaluation failed on an extra", row: "and nothing is pruned", change: extraChange(), verdict: failing, want: AlertOnly, reason: "evaluating the policies"},

		{name: "foreign", row: "foreign → alert-only", change: but(changed(CauseGit), func(c *Change) {
			c.Ownership = Ownership{Foreign: true, PartOf: "applyset-x-v1"}
		}), verdict: grantsAll, want: AlertOnly, reason: "belongs to another ApplySet (applyset-x-v1)"},
		{name: "foreign extra", row: "adopt does not cover it", change: but(extraChange(), func(c *Change) { c.Ownership.Foreign = true }), verdict: grantsAll, want: AlertOnly, reason: "another ApplySet"},
		{name: "suspended", row: "suspended → alert-only", change: changed(CauseGit), verdict: grantsAll, facts: Facts{Suspended: "migration"}, want: AlertOnly, reason: "suspended: migration"},
		{name: "suspended and ignored", row: "suspended comes before ignore", change: changed(CauseLive), verdict: granting(VerbIgnore), facts: Facts{Suspended: "migration"}, want: AlertOnly, reason: "suspended"},
		{name: "put back three times", row: "put back three times a day → alert-only", change: changed(CauseLive), verdict: grantsAll, facts: Facts{Healed24h: 3}, want: AlertOnly, reason: "put back 3 times"},
		{name: "put back three times, both moved", row: "the live part would be put back again", change: changed(CauseBoth), verdict: grantsAll, facts: Facts{Healed24h: 4}, want: AlertOnly, reason: "put back 4 times"},
		{name: "put back three times, gone again", row: "a missing object is put back, too", change: missingChange(CauseLive), verdict: grantsAll, facts: Facts{Healed24h: 3}, want: AlertOnly, reason: "put back"},
		{name: "put back three times, Git moved", row: "a rollout puts nothing back, and may be what ends the fight", change: changed(CauseGit), verdict: grantsAll, facts: Facts{Healed24h: 3}, want: Sync, granted: 1},
		{name: "applied in vain three times", row: "the same manifest a fourth time changes nothing", change: changed(CauseGit), verdict: grantsAll, facts: Facts{Applied24h: 3}, want: AlertOnly, reason: "applied 3 times within 24 hours from the same manifest, and the cluster does not keep data.git as Git says"},
		{name: "applied in vain three times, both moved", row: "the part of Git's would be applied again", change: changed(CauseBoth), verdict: grantsAll, facts: Facts{Applied24h: 5}, want: AlertOnly, reason: "applied 5 times"},
		{name: "applied in vain three times, the cluster moved", row: "heals are counted by themselves", change: changed(CauseLive), verdict: grantsAll, facts: Facts{Applied24h: 3}, want: Heal, granted: 1},
		{name: "applied in vain twice", row: "the third time is allowed", change: changed(CauseGit), verdict: grantsAll, facts: Facts{Applied24h: 2}, want: Sync, granted: 1},
		{name: "put back twice", row: "the third time is allowed", change: changed(CauseLive), verdict: grantsAll, facts: Facts{Healed24h: 2}, want: Heal, granted: 1},
		{name: "terminating", row: "what is on its way out is not written", change: but(changed(CauseLive), func(c *Change) { c.Terminating = true }), verdict: grantsAll, want: AlertOnly, reason: "is being deleted"},
		{name: "terminating extra", row: "nor deleted twice", change: but(extraChange(), func(c *Change) { c.Terminating = true }), verdict: grantsAll, want: AlertOnly, reason: "is being deleted"},

		{name: "untracked, equal, granted", row: "untracked, equal → sync if adopt and sync granted and no alert_only", change: Change{Type: InSync}, verdict: granting(VerbAdopt, VerbSync), want: Sync},
		{name: "untracked, equal, no adopt", row: "else in sync", change: Change{Type: InSync}, verdict: granting(VerbSync), want: Ignore, reason: "not ours"},
		{name: "untracked, equal, no sync", row: "else in sync", change: Change{Type: InSync}, verdict: granting(VerbAdopt), want: Ignore, reason: "not ours"},
		{name: "untracked, equal, alert_only", row: "else in sync", change: Change{Type: InSync}, verdict: granting(VerbAdopt, VerbSync, VerbAlertOnly), want: Ignore, reason: "not ours"},
		{name: "tracked, equal", row: "nothing to do", change: Change{Type: InSync, Ownership: Ownership{Tracked: true}}, verdict: everything, want: Ignore, reason: "in sync"},

		{name: "alert_only", row: "alert_only not empty → alert-only", change: changed(CauseLive), verdict: everything, want: AlertOnly, reason: "because of alert_only"},
		{name: "alert_only before prune", row: "alert_only not empty → alert-only", change: extraChange(), verdict: everything, want: AlertOnly, reason: "because of alert_only"},

		{name: "ignore, live", row: "ignore not empty, cause live → ignore", change: changed(CauseLive), verdict: granting(allGrants...), want: Ignore, reason: "because of ignore"},
		{name: "ignore, missing by hand", row: "cause live → ignore", change: missingChange(CauseLive), verdict: granting(VerbIgnore, VerbHeal), want: Ignore, reason: "because of ignore"},
		{name: "ignore, extra", row: "type extra → ignore", change: extraChange(), verdict: granting(allGrants...), want: Ignore, reason: "because of ignore"},
		{name: "ignore, git", row: "with cause git: alert-only", change: changed(CauseGit), verdict: granting(allGrants...), want: AlertOnly, reason: "cannot be ignored"},
		{name: "ignore, both", row: "with cause both: alert-only", change: changed(CauseBoth), verdict: granting(allGrants...), want: AlertOnly, reason: "cannot be ignored"},
		{name: "ignore, new", row: "a new object has cause git", change: missingChange(CauseGit), verdict: granting(allGrants...), want: AlertOnly, reason: "cannot be ignored"},

		{name: "extra, granted", row: "type extra → prune if granted", change: extraChange(), verdict: granting(VerbPrune), want: Prune, reason: "because of prune"},
		{name: "extra, not granted", row: "else alert-only", change: extraChange(), verdict: granting(VerbSync, VerbHeal, VerbAdopt, VerbReplace), want: AlertOnly, reason: "no policy grants prune"},

		{name: "untracked, no adopt", row: "untracked and no adopt → alert-only", change: untracked(changed(CauseGit)), verdict: granting(VerbSync, VerbHeal, VerbPrune, VerbReplace), want: AlertOnly, reason: "never ours"},
		{name: "untracked, adopt and sync", row: "cause git → sync if granted", change: untracked(changed(CauseGit)), verdict: granting(VerbAdopt, VerbSync), want: Sync, granted: 1},
		{name: "untracked, adopt alone", row: "adopt is no action", change: untracked(changed(CauseGit)), verdict: granting(VerbAdopt), want: AlertOnly, reason: "no policy grants sync"},

		{name: "git, granted", row: "cause git → sync if granted", change: changed(CauseGit), verdict: granting(VerbSync), want: Sync, reason: "because of sync", granted: 1},
		{name: "git, only heal", row: "else alert-only", change: changed(CauseGit), verdict: granting(VerbHeal), want: AlertOnly, reason: "no policy grants sync"},
		{name: "new, granted", row: "a new object is a rollout", change: missingChange(CauseGit), verdict: granting(VerbSync), want: Sync},
		{name: "new, not granted", row: "else alert-only", change: missingChange(CauseGit), verdict: Verdict{}, want: AlertOnly, reason: "no policy grants sync"},
		{name: "new, create refused", row: "what the server refuses is not tried", change: but(missingChange(CauseGit), func(c *Change) { c.Err = refused(ErrDenied) }), verdict: grantsAll, want: AlertOnly, reason: "refused the dry-run: denied"},
		{name: "new, unverified", row: "its namespace comes with this plan", change: but(missingChange(CauseGit), func(c *Change) { c.Unverified = true }), verdict: grantsAll, want: Sync},

		{name: "live, granted", row: "cause live → heal if granted", change: changed(CauseLive), verdict: granting(VerbHeal), want: Heal, reason: "because of heal", granted: 1},
		{name: "live, only sync", row: "else alert-only", change: changed(CauseLive), verdict: granting(VerbSync), want: AlertOnly, reason: "no policy grants heal"},
		{name: "deleted by hand, granted", row: "cause live → heal", change: missingChange(CauseLive), verdict: granting(VerbHeal), want: Heal},
		{name: "deleted by hand, only sync", row: "else alert-only", change: missingChange(CauseLive), verdict: granting(VerbSync), want: AlertOnly, reason: "no policy grants heal"},

		{name: "both, only additions, sync", row: "sync if granted (the additions stay and are alerted)", change: addedOnly(), verdict: granting(VerbSync), want: Sync, reason: "what was added by hand stays", granted: 1},
		{name: "both, only additions, both granted", row: "the row comes before the next", change: addedOnly(), verdict: granting(VerbSync, VerbHeal), want: Sync, reason: "what was added by hand stays", granted: 1},
		{name: "both, only additions, only heal", row: "else alert-only", change: addedOnly(), verdict: granting(VerbHeal), want: AlertOnly, reason: "no policy grants sync"},
		{name: "both, only additions, one of them Git's to remove", row: "what Git dropped goes with the rollout, whoever claims it too",
			change: but(addedOnly(), func(c *Change) {
				c.Fields = append(c.Fields, FieldChange{Path: at("data dropped"), Op: OpAdd, Cause: CauseGit, Addition: true})
			}), verdict: granting(VerbSync), want: Sync, granted: 2},

		{name: "both, granted", row: "sync and heal if both granted (recorded as sync)", change: changed(CauseBoth), verdict: granting(VerbSync, VerbHeal), want: Sync, reason: "because of sync", granted: 2},
		{name: "both, only sync", row: "else alert-only", change: changed(CauseBoth), verdict: granting(VerbSync), want: AlertOnly, reason: "not both granted"},
		{name: "both, only heal", row: "else alert-only", change: changed(CauseBoth), verdict: granting(VerbHeal), want: AlertOnly, reason: "not both granted"},
		{name: "a field that is both", row: "an addition beside it does not make it an addition", change: but(addedOnly(), func(c *Change) {
			c.Fields[0].Cause = CauseBoth
		}), verdict: granting(VerbSync), want: AlertOnly, reason: "not both granted"},

		{name: "immutable, no replace", row: "an immutable field must change and there is no replace → alert-only",
			change: but(changed(CauseGit), func(c *Change) {
				c.Immutable, c.Err = []Path{{"spec", "selector"}}, refused(ErrImmutable, "spec.selector")
			}), verdict: granting(VerbSync, VerbHeal), want: AlertOnly, reason: "spec.selector cannot be changed in place"},
		{name: "immutable, replace", row: "with replace it is deleted and created", change: but(changed(CauseGit), func(c *Change) {
			c.Immutable, c.Err = []Path{{"spec", "selector"}}, refused(ErrImmutable, "spec.selector")
		}), verdict: granting(VerbSync, VerbReplace), want: Sync, granted: 1},
		{name: "fixed", row: "what cannot be put back in place is told", change: fixing(CauseLive, 0, 1), verdict: granting(VerbHeal), want: AlertOnly, reason: "a cannot be changed in place, and no policy grants replace"},
		{name: "fixed, replace", row: "with replace it is deleted and created", change: fixing(CauseLive, 0, 1), verdict: granting(VerbHeal, VerbReplace), want: Heal, granted: 2},
		{name: "fixed, ignored", row: "it may be ignored", change: fixing(CauseLive, 0, 1), verdict: granting(VerbIgnore), want: Ignore},
		{name: "a part is fixed", row: "the rest is put right", change: fixing(CauseLive, 0), verdict: granting(VerbHeal), want: Heal, reason: "because of heal; a cannot be changed in place, and stays", granted: 1},
		{name: "a part is fixed, and Git moved the rest", row: "what stays needs no heal", change: but(fixing(CauseLive, 0), func(c *Change) {
			c.Cause, c.Fields[1].Cause = CauseBoth, CauseGit
		}), verdict: granting(VerbSync), want: Sync, granted: 1},
		{name: "a part is fixed, replace", row: "replacing needs the grant of every cause", change: but(fixing(CauseLive, 0), func(c *Change) {
			c.Cause, c.Fields[1].Cause = CauseBoth, CauseGit
		}), verdict: granting(VerbSync, VerbReplace), want: AlertOnly, reason: "not both granted"},
		{name: "an addition in Git's way", row: "it cannot stay, so sync alone is not enough", change: but(addedOnly(), func(c *Change) {
			for i := range c.Fields {
				c.Fields[i].Excluded = c.Fields[i].Addition
			}
		}), verdict: granting(VerbSync), want: AlertOnly, reason: "not both granted"},
		{name: "replace alone", row: "replace is no action", change: but(changed(CauseGit), func(c *Change) { c.Immutable = []Path{{"spec"}} }), verdict: granting(VerbReplace), want: AlertOnly, reason: "no policy grants sync"},
		{name: "approval", row: "require_approval not empty and no approval → alert-only", change: changed(CauseLive), verdict: granting(VerbHeal, VerbRequireApproval), want: AlertOnly, reason: "waiting for approval: because of require_approval"},
		{name: "approval to prune", row: "likewise", change: extraChange(), verdict: granting(VerbPrune, VerbRequireApproval), want: AlertOnly, reason: "waiting for approval"},
		{name: "approval to replace", row: "both narrow", change: but(changed(CauseGit), func(c *Change) { c.Immutable = []Path{{"spec"}} }), verdict: granting(VerbSync, VerbReplace, VerbRequireApproval), want: AlertOnly, reason: "waiting for approval"},
		{name: "approval of nothing", row: "what is not done needs no approval", change: changed(CauseLive), verdict: granting(VerbRequireApproval), want: AlertOnly, reason: "no policy grants heal"},

		{name: "forbidden", row: "the authorizer says no whatever policy says", change: but(changed(CauseLive), func(c *Change) { c.Err = refused(ErrForbidden) }), verdict: grantsAll, want: AlertOnly, reason: "refused the dry-run: forbidden"},
		{name: "denied", row: "so does admission", change: but(changed(CauseLive), func(c *Change) { c.Err = refused(ErrDenied) }), verdict: grantsAll, want: AlertOnly, reason: "denied by admission"},
		{name: "invalid", row: "so does validation", change: but(changed(CauseGit), func(c *Change) { c.Err = refused(ErrInvalid, "spec.x") }), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "invalid beside an addition", row: "a label by hand does not make an invalid manifest worth trying", change: but(addedOnly(), func(c *Change) { c.Err = refused(ErrInvalid) }), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "not a refusal", row: "an error of any kind stands in the way", change: but(changed(CauseLive), func(c *Change) { c.Err = errors.New("reset") }), verdict: grantsAll, want: AlertOnly, reason: "the API server refused the dry-run"},
		{name: "key edited", row: "DESIGN §6: the edited item goes first, then the server takes Git's", change: keyEdit, verdict: granting(VerbHeal), want: Heal, granted: 2},
		{name: "key edited, denied", row: "only validation can be cured", change: but(keyEdit, func(c *Change) { c.Err = refused(ErrDenied) }), verdict: grantsAll, want: AlertOnly, reason: "denied"},
		{name: "key edited, cause both", row: "the added item cannot stay: it keeps Git's own out", change: but(keyEdit, func(c *Change) {
			c.Cause = CauseBoth
			c.Fields = []FieldChange{keyEdit.Fields[0], keyEdit.Fields[1]}
			c.Fields[0].Cause = CauseGit
		}), verdict: granting(VerbSync), want: AlertOnly, reason: "not both granted"},
		{name: "key edited, cause both, both granted", row: "with heal it may go", change: but(keyEdit, func(c *Change) {
			c.Cause = CauseBoth
			c.Fields = []FieldChange{keyEdit.Fields[0], keyEdit.Fields[1]}
			c.Fields[0].Cause = CauseGit
		}), verdict: granting(VerbSync, VerbHeal), want: Sync, granted: 2},
		{name: "a map emptied", row: "its members go first, then the server takes Git's", change: nulled("spec.parts[0].options"), verdict: granting(VerbSync), want: Sync, granted: 1},
		{name: "a map emptied, no sync", row: "it is Git's change", change: nulled("spec"), verdict: granting(VerbHeal), want: AlertOnly, reason: "no policy grants sync"},
		{name: "a map emptied, elsewhere", row: "what is refused is not what goes", change: nulled("spec.other"), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "a map emptied, and more", row: "the rest is refused all the same", change: nulled("spec", RefusalCause{Field: "spec.size", Message: "Required value"}), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "a map emptied, its keys with dots", row: "the server does not say where a key begins", change: but(nulled("spec.free.api.example.com"), func(c *Change) {
			c.Fields[0].Path = at("spec free api.example.com x")
		}), verdict: granting(VerbSync), want: Sync, granted: 1},
		{name: "a map emptied, with rules in CEL", row: "that they were not checked is no reason", change: nulled("spec", RefusalCause{Field: "<nil>", Type: "FieldValueInvalid",
			Message: "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"}),
			verdict: granting(VerbSync), want: Sync, granted: 1},
		{name: "a text null", row: "another refusal may say the word", change: but(nulled("spec.parts[0].options"), func(c *Change) {
			c.Err = &Refusal{Kind: ErrInvalid, Causes: []RefusalCause{{Field: "spec.parts[0].options", Type: "FieldValueInvalid", Message: `Invalid value: "null": should match '^[a-z]$'`}}}
		}), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "another field of the item", row: "it does not explain the null", change: but(nulled("spec.parts[0].options"), func(c *Change) {
			c.Fields[0].Path = at("spec parts [name=a] label")
		}), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "a null without a place", row: "nobody knows what it is about", change: nulled(""), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},
		{name: "the whole item", row: "nothing in it goes that an apply would not remove", change: but(nulled("spec.parts[0]"), func(c *Change) { c.Fields[0].Path = at("spec parts") }), verdict: grantsAll, want: AlertOnly, reason: "invalid object"},

		{name: "no policies at all", row: "everything is alert-only", change: changed(CauseLive), verdict: Verdict{}, want: AlertOnly, reason: "no policy grants heal"},
		{name: "no policies, extra", row: "everything is alert-only", change: extraChange(), verdict: Verdict{}, want: AlertOnly, reason: "no policy grants prune"},
		{name: "modified by nobody", row: "a cause nobody knows needs both", change: but(changed(CauseLive), func(c *Change) { c.Cause = CauseNone }), verdict: granting(VerbSync), want: AlertOnly, reason: "not both granted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Decide(c.change, c.verdict, c.facts)
			if got.Action != c.want {
				t.Fatalf("%s: %s (%s)", c.row, got.Action, got.Reason)
			}
			if !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s: %q does not say %q", c.row, got.Reason, c.reason)
			}
			if got.Action.Writes() && len(got.Granted) != c.granted {
				t.Errorf("%s: may put back %v", c.row, told(got.Granted))
			}
			if !got.Action.Writes() && (got.Adopt || got.Replace) {
				t.Errorf("%s: nothing is written, so no grant is used: %+v", c.row, got)
			}
			if got.Failed != (c.verdict.Err != nil) {
				t.Errorf("%s: failed %t", c.row, got.Failed)
			}
		})
	}
}

func TestDecideGrantsUsed(t *testing.T) {
	t.Parallel()
	adopt := Decide(untracked(changed(CauseGit)), granting(VerbSync, VerbAdopt), Facts{})
	if !adopt.Adopt || adopt.Replace {
		t.Errorf("%+v", adopt)
	}
	if diff := cmp.Diff([]Verb{VerbSync, VerbAdopt}, verbsOf(adopt.Because)); diff != "" {
		t.Errorf("both reasons are told: %s", diff)
	}
	equal := Decide(Change{Type: InSync}, granting(VerbSync, VerbAdopt), Facts{})
	if !equal.Adopt {
		t.Errorf("%+v", equal)
	}
	immutable := but(changed(CauseGit), func(c *Change) { c.Immutable = []Path{{"spec"}} })
	replace := Decide(immutable, granting(VerbSync, VerbReplace), Facts{})
	if !replace.Replace || replace.Adopt {
		t.Errorf("%+v", replace)
	}
	if diff := cmp.Diff([]Verb{VerbSync, VerbReplace}, verbsOf(replace.Because)); diff != "" {
		t.Error(diff)
	}
	if d := Decide(changed(CauseGit), granting(VerbSync, VerbReplace, VerbAdopt), Facts{}); d.Replace || d.Adopt {
		t.Errorf("grants that are not needed are not used: %+v", d)
	}
	if d := Decide(changed(CauseBoth), granting(VerbSync, VerbHeal), Facts{}); !slices.Equal(verbsOf(d.Because), []Verb{VerbSync, VerbHeal}) {
		t.Errorf("both reasons are told: %v", d.Because)
	}
}

func verbsOf(reasons []Reason) []Verb {
	verbs := make([]Verb, 0, len(reasons))
	for _, reason := range reasons {
		verbs = append(verbs, reason.Verb)
	}
	return verbs
}

// TestDecideFight: what something else keeps changing is named, with who does it and what
// can be done.
func TestDecideFight(t *testing.T) {
	t.Parallel()
	fight := changed(CauseLive)
	fight.Fields = []FieldChange{
		{Path: Path{"spec", "replicas"}, Op: OpReplace, Cause: CauseLive, Manager: "tuner", ManagerClass: ClassUnknown},
		{Path: Path{"spec", "paused"}, Op: OpReplace, Cause: CauseLive, Manager: "tuner", ManagerClass: ClassUnknown},
		{Path: Path{"spec", "image"}, Op: OpReplace, Cause: CauseGit, Manager: FieldManager, ManagerClass: ClassSelf},
	}
	fight.Cause = CauseBoth
	for _, c := range []struct {
		reason, says, hint string
		facts              Facts
	}{
		{"put back in vain", "something else keeps changing spec.replicas, spec.paused (field manager tuner)", "ignore_fields", Facts{Healed24h: 3}},
		{"applied in vain", "does not keep spec.image as Git says", "admission webhook", Facts{Applied24h: 3}},
		{"another guard", "suspended: x", "", Facts{Suspended: "x"}},
	} {
		got := Decide(fight, granting(VerbSync, VerbHeal), c.facts)
		if !strings.Contains(got.Reason, c.says) || (got.Hint != "") != (c.hint != "") || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%s: %q, hint %q", c.reason, got.Reason, got.Hint)
		}
	}
}

// TestDecideWaits: what is granted and waits for a person is not overruled.
func TestDecideWaits(t *testing.T) {
	t.Parallel()
	got := Decide(changed(CauseLive), granting(VerbHeal, VerbRequireApproval), Facts{})
	if got.Action != AlertOnly || !got.Waits || len(got.Overruled) > 0 || got.Hint != ApprovalsNotYet {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]Verb{VerbHeal, VerbRequireApproval}, verbsOf(got.Because)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	app := ReportOfApp(AppOutcome{Results: []Result{{Step: Step{Change: changed(CauseLive), Decision: got}}}})
	if app.Counts.Waiting != 1 || app.Counts.Alerted != 1 || !app.Resources[0].Waiting {
		t.Errorf("%+v, waiting %t", app.Counts, app.Resources[0].Waiting)
	}
}

// What was given and did not prevail is told, with its rule.
func TestDecideOverruled(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		change       Change
		verdict      Verdict
		facts        Facts
		want         []Verb
	}{
		{"alert_only over heal", "the grant is overruled", changed(CauseLive), granting(VerbHeal, VerbAlertOnly), Facts{}, []Verb{VerbHeal}},
		{"alert_only over ignore", "silence is overruled", changed(CauseLive), granting(VerbIgnore, VerbAlertOnly), Facts{}, []Verb{VerbIgnore}},
		{"ignore over heal", "the grant is overruled", changed(CauseLive), granting(VerbHeal, VerbIgnore), Facts{}, []Verb{VerbHeal}},
		{"ignore of a rollout", "ignore is overruled, and sync with it", changed(CauseGit), granting(VerbSync, VerbIgnore), Facts{}, []Verb{VerbSync, VerbIgnore}},
		{"suspension over everything", "a guard overrules all grants that apply", changed(CauseLive), granting(VerbHeal, VerbIgnore, VerbSync, VerbPrune, VerbAdopt, VerbReplace), Facts{Suspended: "x"}, []Verb{VerbHeal, VerbIgnore}},
		{"suspension over a rollout", "a guard overrules all grants that apply", changed(CauseGit), granting(VerbHeal, VerbSync, VerbPrune), Facts{Suspended: "x"}, []Verb{VerbSync}},
		{"a guard over a deletion", "only prune would have said something", Change{Type: Extra, Cause: CauseGit}, granting(VerbHeal, VerbSync, VerbPrune, VerbReplace), Facts{Suspended: "x"}, []Verb{VerbPrune}},
		{"is being deleted", "nothing but heal would have said something", but(changed(CauseLive), func(c *Change) { c.Terminating = true }), granting(VerbHeal, VerbSync, VerbPrune, VerbAdopt), Facts{}, []Verb{VerbHeal}},
		{"approval over heal", "the grant waits, and is not overruled", changed(CauseLive), granting(VerbHeal, VerbRequireApproval), Facts{}, nil},
		{"nothing", "a grant that was followed is not overruled", changed(CauseLive), granting(VerbHeal), Facts{}, nil},
		{"another type's grant", "prune is not overruled by an object that is not extra", changed(CauseLive), granting(VerbHeal, VerbPrune), Facts{}, nil},
		{"in sync", "nothing was decided", Change{Type: InSync, Ownership: Ownership{Tracked: true}}, granting(VerbHeal), Facts{}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Decide(c.change, c.verdict, c.facts)
			if diff := cmp.Diff(c.want, verbsOf(got.Overruled), cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b Verb) bool { return a < b })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			for _, reason := range got.Because {
				if slices.Contains(got.Overruled, reason) && got.Action.Writes() {
					t.Errorf("%s: %q prevailed and was overruled", c.reason, reason.Text)
				}
			}
		})
	}
}

func TestDecideSeverityAndRoutes(t *testing.T) {
	t.Parallel()
	verdict := Verdict{Reasons: map[Verb][]Reason{
		VerbHeal:      {{Verb: VerbHeal, Severity: "info"}, {Verb: VerbHeal, Severity: "critical"}},
		VerbAlertOnly: {{Verb: VerbAlertOnly, Severity: "warning"}},
		VerbNotify:    {{Verb: VerbNotify, Text: "platform"}, {Verb: VerbNotify, Text: "default"}, {Verb: VerbNotify, Text: "platform", Severity: "odd"}},
	}}
	for name, facts := range map[string]Facts{"decided": {}, "guarded": {Suspended: "x"}} {
		got := Decide(changed(CauseLive), verdict, facts)
		if got.Severity != "critical" {
			t.Errorf("%s: the highest severity: %q", name, got.Severity)
		}
		if diff := cmp.Diff([]string{"default", "platform"}, got.Routes); diff != "" {
			t.Errorf("%s: each route once, sorted: %s", name, diff)
		}
	}
	waiting := verdict
	waiting.Reasons = map[Verb][]Reason{VerbHeal: {{Verb: VerbHeal}}, VerbRequireApproval: {{Verb: VerbRequireApproval, Severity: "warning"}},
		VerbNotify: verdict.Reasons[VerbNotify]}
	if got := Decide(changed(CauseLive), waiting, Facts{}); got.Severity != "warning" || len(got.Routes) != 2 {
		t.Errorf("who waits for an approval is told as loudly: %+v", got)
	}
	if got := Decide(changed(CauseLive), granting(VerbHeal), Facts{}); got.Severity != "" || got.Routes != nil {
		t.Errorf("%+v", got)
	}
}

// drawChange draws any change at all, sensible or not, but for its cause: that of
// a modified object is the union of its fields', as Compare makes it.
func drawChange(t *rapid.T) Change {
	change := Change{
		Type:        rapid.SampledFrom([]Type{Unknown, InSync, Missing, Modified, Extra}).Draw(t, "type"),
		Cause:       rapid.SampledFrom([]Cause{CauseNone, CauseGit, CauseLive, CauseBoth}).Draw(t, "cause"),
		Ownership:   Ownership{Tracked: rapid.Bool().Draw(t, "tracked"), Foreign: rapid.IntRange(0, 5).Draw(t, "foreign") == 0},
		Terminating: rapid.IntRange(0, 5).Draw(t, "terminating") == 0,
		Unverified:  rapid.Bool().Draw(t, "unverified"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		field := FieldChange{
			Path:     at(rapid.SampledFrom([]string{"data a", "spec ports [port=1]", "spec ports [port=2]", "metadata labels x"}).Draw(t, "path")),
			Op:       rapid.SampledFrom([]Op{OpAdd, OpRemove, OpReplace}).Draw(t, "op"),
			Cause:    rapid.SampledFrom([]Cause{CauseGit, CauseLive, CauseBoth}).Draw(t, "field cause"),
			Addition: rapid.Bool().Draw(t, "addition"),
		}
		change.Fields = append(change.Fields, field)
	}
	if change.Type == Modified && len(change.Fields) > 0 {
		change.Cause = CauseNone
		for _, field := range change.Fields {
			change.Cause |= field.Cause
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "immutable") == 0 {
		change.Immutable = []Path{{"spec"}}
	}
	if rapid.IntRange(0, 3).Draw(t, "err") == 0 {
		change.Err = rapid.SampledFrom([]error{errors.New("reset"), refused(ErrInvalid), refused(ErrForbidden), refused(ErrDenied), refused(ErrImmutable)}).Draw(t, "error")
	}
	return change
}

func drawVerdict(t *rapid.T, verbs ...Verb) Verdict {
	verdict := Verdict{Reasons: map[Verb][]Reason{}}
	for _, verb := range verbs {
		for i := range rapid.IntRange(0, 2).Draw(t, string(verb)) {
			verdict.Reasons[verb] = append(verdict.Reasons[verb], Reason{Verb: verb, Text: fmt.Sprint(verb, i), Rule: fmt.Sprintf("p.rego:%d", i)})
		}
	}
	return verdict
}

func drawFacts(t *rapid.T) Facts {
	facts := Facts{Now: testStart, Healed24h: rapid.IntRange(0, 5).Draw(t, "healed"),
		Applied24h: rapid.IntRange(0, 5).Draw(t, "applied")}
	if rapid.IntRange(0, 5).Draw(t, "suspended") == 0 {
		facts.Suspended = "migration"
	}
	if rapid.IntRange(0, 5).Draw(t, "incomplete") == 0 {
		facts.Incomplete = []string{"health"}
	}
	if rapid.IntRange(0, 5).Draw(t, "contested") == 0 {
		facts.Contested = []string{"payments"}
	}
	return facts
}

// ◆ SAFETY 3: guards come before policy. Whatever policy grants, a guarded object
// is not written.
func TestGuardsComeBeforePolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change, facts := drawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), VerbAlertOnly, VerbRequireApproval)...)
		guardedBy := change.Type == Unknown || len(facts.Incomplete) > 0 || len(facts.Contested) > 0 || change.Ownership.Foreign ||
			facts.Suspended != "" || change.Terminating || facts.Healed24h >= 3 && change.Cause&CauseLive != 0 ||
			facts.Applied24h >= 3 && change.Cause&CauseGit != 0
		failed := rapid.IntRange(0, 4).Draw(rt, "failed") == 0
		if failed {
			verdict.Err = errors.New("timeout")
		}
		got := Decide(change, verdict, facts)
		if (guardedBy || failed) && (got.Action != AlertOnly || len(got.Because) > 0 || len(got.Granted) > 0) {
			rt.Fatalf("guarded, and still: %+v", got)
		}
		if got.Failed != failed {
			rt.Fatalf("failed %t: %+v", failed, got)
		}
		if got.Reason == "" && got.Action == AlertOnly {
			rt.Fatalf("alert-only without a reason: %+v", got)
		}
	})
}

// ◆ SAFETY 3: policy can only narrow. Nothing acts without the grants of its row,
// and an error the server reported never looks like consent.
func TestNothingActsWithoutItsGrants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change := drawChange(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), VerbAlertOnly, VerbRequireApproval)...)
		got := Decide(change, verdict, drawFacts(rt))
		if !got.Action.Writes() {
			return
		}
		fail := func(format string, args ...any) { rt.Fatalf(format+": %+v by %+v", append(args, change, verdict)...) }
		needs := map[Action]Verb{Sync: VerbSync, Heal: VerbHeal, Prune: VerbPrune}[got.Action]
		switch {
		case !verdict.Has(needs):
			fail("%s without %s", got.Action, needs)
		case verdict.Has(VerbAlertOnly), verdict.Has(VerbRequireApproval):
			fail("%s in spite of a veto", got.Action)
		case (got.Action == Prune) != (change.Type == Extra):
			fail("%s of a %s object", got.Action, change.Type)
		case got.Action == Heal && change.Cause != CauseLive, got.Action == Sync && change.Cause == CauseLive && change.Type != InSync:
			fail("%s by cause %s", got.Action, change.Cause)
		case got.Adopt && !verdict.Has(VerbAdopt), change.Type == Modified && !change.Ownership.Tracked && !got.Adopt:
			fail("adopted without adopt")
		case got.Replace != (len(change.Immutable) > 0), got.Replace && !verdict.Has(VerbReplace):
			fail("replaced without replace")
		case change.Type == InSync && change.Ownership.Tracked:
			fail("writing what is in sync")
		case change.Err != nil && len(change.Immutable) == 0 && !(errors.Is(change.Err, ErrInvalid) && keyEdited(got.Granted)):
			fail("writing what the server refuses")
		}
		// A live cause is put back only with heal, or stays.
		for _, field := range got.Granted {
			if field.Cause&CauseLive != 0 && change.Type == Modified && change.Ownership.Tracked && !verdict.Has(VerbHeal) {
				fail("putting back %s without heal", field.Path)
			}
		}
	})
}

// reach measures how much a decision does, for comparing two of them.
func reach(d Decision) (int, int) {
	if !d.Action.Writes() {
		return 0, 0
	}
	extra := len(d.Granted)
	if d.Adopt {
		extra++
	}
	if d.Replace {
		extra++
	}
	return 1, extra
}

// ◆ SAFETY 3: a lost grant fails safe. Adding a veto, or removing any grant, never
// makes the outcome act, nor act more.
func TestPolicyOnlyNarrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change, facts := drawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), VerbAlertOnly, VerbRequireApproval)...)
		before := Decide(change, verdict, facts)
		narrower := Verdict{Reasons: map[Verb][]Reason{}}
		for verb, reasons := range verdict.Reasons {
			narrower.Reasons[verb] = reasons
		}
		switch verb := rapid.SampledFrom([]Verb{VerbAlertOnly, VerbRequireApproval, VerbIgnore, VerbSync, VerbHeal, VerbPrune, VerbAdopt, VerbReplace}).Draw(rt, "verb"); verb {
		case VerbAlertOnly, VerbRequireApproval, VerbIgnore:
			narrower.Reasons[verb] = append(slices.Clone(narrower.Reasons[verb]), Reason{Verb: verb, Text: "no"})
		default:
			delete(narrower.Reasons, verb)
		}
		after := Decide(change, narrower, facts)
		beforeActs, beforeExtra := reach(before)
		afterActs, afterExtra := reach(after)
		if afterActs > beforeActs || afterExtra > beforeExtra {
			rt.Fatalf("a narrower verdict does more: %+v became %+v for %+v", before, after, change)
		}
		if afterActs == 1 && after.Action != before.Action {
			rt.Fatalf("a narrower verdict does something else: %s became %s", before.Action, after.Action)
		}
	})
}

// Property: the same facts give the same decision, and none of them is changed.
func TestDecideIsPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change, facts := drawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), VerbAlertOnly, VerbNotify)...)
		fields := slices.Clone(change.Fields)
		first, second := Decide(change, verdict, facts), Decide(change, verdict, facts)
		if diff := cmp.Diff(first, second); diff != "" {
			rt.Fatalf("twice the same question:\n%s", diff)
		}
		if diff := cmp.Diff(fields, change.Fields); diff != "" {
			rt.Fatalf("the change was changed:\n%s", diff)
		}
	})
}

func TestSuspensionActive(t *testing.T) {
	t.Parallel()
	until := Suspension{Until: testStart, Reason: "x"}
	if !until.Active(testStart.Add(-time.Second)) || until.Active(testStart) || until.Active(testStart.Add(time.Second)) {
		t.Error("until, and not longer")
	}
}

// fixing is a change of the fields a and b of which some are fixed.
func fixing(cause Cause, fixed ...int) Change {
	change := Change{Type: Modified, Cause: cause, Ownership: Ownership{Tracked: true}, Fields: []FieldChange{
		{Path: at("a"), Op: OpReplace, Cause: cause}, {Path: at("b"), Op: OpReplace, Cause: cause},
	}}
	for _, i := range fixed {
		change.Fields[i].Fixed = true
	}
	return change
}
