package decide_test

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

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/model"
)

var allGrants = []drift.Verb{drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbAdopt, drift.VerbReplace, drift.VerbIgnore}

// changed is a tracked, modified object with one field of each cause in it.
func changed(cause drift.Cause) drift.Change {
	change := drift.Change{ID: drift.ID{Kind: "ConfigMap", Namespace: "storefront", Name: "settings"}, Version: "v1", Type: drift.Modified, Cause: cause,
		Ownership: drift.Ownership{Tracked: true}, UID: model.TestUID}
	if cause&drift.CauseGit != 0 {
		change.Fields = append(change.Fields, drift.FieldChange{Path: model.At("data git"), Op: drift.OpReplace, Cause: drift.CauseGit})
	}
	if cause&drift.CauseLive != 0 {
		change.Fields = append(change.Fields, drift.FieldChange{Path: model.At("data live"), Op: drift.OpReplace, Cause: drift.CauseLive})
	}
	return change
}

// addedOnly is an object where Git moved and a hand only added.
func addedOnly() drift.Change {
	change := changed(drift.CauseGit)
	change.Cause = drift.CauseBoth
	change.Fields = append(change.Fields, drift.FieldChange{Path: model.At("data extra"), Op: drift.OpAdd, Cause: drift.CauseLive, Addition: true})
	return change
}

func missingChange(cause drift.Cause) drift.Change {
	return drift.Change{Type: drift.Missing, Cause: cause, Version: "v1"}
}

func but(change drift.Change, edit func(*drift.Change)) drift.Change {
	edit(&change)
	return change
}

func untracked(change drift.Change) drift.Change {
	return but(change, func(c *drift.Change) { c.Ownership.Tracked = false })
}

// Every row of docs/policies.md's table, in its order; what stands in a row shows that
// it comes before the later ones.
func TestDecideTable(t *testing.T) {
	t.Parallel()
	everything := model.Granting(append(slices.Clone(allGrants), drift.VerbAlertOnly)...)
	grantsAll := model.Granting(model.Acting...)
	failing := grantsAll
	failing.Err = errors.New("policies/shop.rego:3: evaluation timed out")
	keyEdit := but(changed(drift.CauseLive), func(c *drift.Change) {
		c.Err = model.Refused(drift.ErrInvalid, "spec.ports[1].name")
		c.Fields = []drift.FieldChange{
			{Path: model.At("spec ports [port=80,protocol=TCP]"), Op: drift.OpRemove, Cause: drift.CauseLive},
			{Path: model.At("spec ports [port=8000,protocol=TCP]"), Op: drift.OpAdd, Cause: drift.CauseLive, Addition: true},
		}
	})
	// nulled is a map that Git empties, as the API server refuses it.
	nulled := func(field string, more ...drift.RefusalCause) drift.Change {
		return but(changed(drift.CauseGit), func(c *drift.Change) {
			c.Err = &drift.Refusal{Kind: drift.ErrInvalid, Causes: append(more, drift.RefusalCause{Field: field, Type: "FieldValueTypeInvalid",
				Message: fmt.Sprintf(`Invalid value: "null": %s in body must be of type object: "null"`, field)})}
			c.Fields = []drift.FieldChange{{Path: model.At("spec parts [name=a] options x"), Op: drift.OpAdd, Live: "y", Cause: drift.CauseGit}}
		})
	}
	cases := []struct {
		name    string
		row     string
		change  drift.Change
		verdict drift.Verdict
		facts   decide.Facts
		want    drift.Action
		reason  string // contained
		granted int    // fields that may be put back
	}{
		{name: "unreadable", row: "unknown → alert-only; policy is not asked", change: drift.Change{Type: drift.Unknown, Err: errors.New("forbidden")},
			verdict: grantsAll, want: drift.AlertOnly, reason: "could not be compared"},
		{name: "unreadable without a reason", row: "unknown → alert-only", change: drift.Change{}, verdict: grantsAll, want: drift.AlertOnly, reason: "no reason known"},
		{name: "facts incomplete", row: "facts incomplete → alert-only", change: changed(drift.CauseLive), verdict: grantsAll,
			facts: decide.Facts{Incomplete: []string{"health", "a switch"}}, want: drift.AlertOnly, reason: "facts are missing: health, a switch"},
		{name: "unknown before a failing policy", row: "the first row decides", change: drift.Change{Type: drift.Unknown, Err: errors.New("x")},
			verdict: failing, want: drift.AlertOnly, reason: "could not be compared"},

		{name: "wanted by two apps", row: "guards: neither writes it", change: changed(drift.CauseGit), verdict: grantsAll,
			facts: decide.Facts{Contested: []string{"payments"}}, want: drift.AlertOnly, reason: "more than one app wants this object: payments"},

		{name: "evaluation failed", row: "evaluation error → alert-only", change: changed(drift.CauseLive), verdict: failing, want: drift.AlertOnly, reason: "evaluation timed out"},
		{name: "evaluation failed on an extra", row: "and nothing is pruned", change: model.ExtraChange(), verdict: failing, want: drift.AlertOnly, reason: "evaluating the policies"},

		{name: "foreign", row: "foreign → alert-only", change: but(changed(drift.CauseGit), func(c *drift.Change) {
			c.Ownership = drift.Ownership{Foreign: true, PartOf: "applyset-x-v1"}
		}), verdict: grantsAll, want: drift.AlertOnly, reason: "belongs to another ApplySet (applyset-x-v1)"},
		{name: "foreign extra", row: "adopt does not cover it", change: but(model.ExtraChange(), func(c *drift.Change) { c.Ownership.Foreign = true }), verdict: grantsAll, want: drift.AlertOnly, reason: "another ApplySet"},
		{name: "suspended", row: "suspended → alert-only", change: changed(drift.CauseGit), verdict: grantsAll, facts: decide.Facts{Suspended: "migration"}, want: drift.AlertOnly, reason: "suspended: migration"},
		{name: "suspended and ignored", row: "suspended comes before ignore", change: changed(drift.CauseLive), verdict: model.Granting(drift.VerbIgnore), facts: decide.Facts{Suspended: "migration"}, want: drift.AlertOnly, reason: "suspended"},
		{name: "put back three times", row: "put back three times a day → alert-only", change: changed(drift.CauseLive), verdict: grantsAll, facts: decide.Facts{Healed24h: 3}, want: drift.AlertOnly, reason: "put back 3 times"},
		{name: "put back three times, both moved", row: "the live part would be put back again", change: changed(drift.CauseBoth), verdict: grantsAll, facts: decide.Facts{Healed24h: 4}, want: drift.AlertOnly, reason: "put back 4 times"},
		{name: "put back three times, gone again", row: "a missing object is put back, too", change: missingChange(drift.CauseLive), verdict: grantsAll, facts: decide.Facts{Healed24h: 3}, want: drift.AlertOnly, reason: "put back"},
		{name: "put back three times, Git moved", row: "a rollout puts nothing back, and may be what ends the fight", change: changed(drift.CauseGit), verdict: grantsAll, facts: decide.Facts{Healed24h: 3}, want: drift.Sync, granted: 1},
		{name: "applied in vain three times", row: "the same manifest a fourth time changes nothing", change: changed(drift.CauseGit), verdict: grantsAll, facts: decide.Facts{Applied24h: 3}, want: drift.AlertOnly, reason: "applied 3 times within 24 hours from the same manifest, and the cluster does not keep data.git as Git says"},
		{name: "applied in vain three times, both moved", row: "the part of Git's would be applied again", change: changed(drift.CauseBoth), verdict: grantsAll, facts: decide.Facts{Applied24h: 5}, want: drift.AlertOnly, reason: "applied 5 times"},
		{name: "applied in vain three times, the cluster moved", row: "heals are counted by themselves", change: changed(drift.CauseLive), verdict: grantsAll, facts: decide.Facts{Applied24h: 3}, want: drift.Heal, granted: 1},
		{name: "applied in vain twice", row: "the third time is allowed", change: changed(drift.CauseGit), verdict: grantsAll, facts: decide.Facts{Applied24h: 2}, want: drift.Sync, granted: 1},
		{name: "put back twice", row: "the third time is allowed", change: changed(drift.CauseLive), verdict: grantsAll, facts: decide.Facts{Healed24h: 2}, want: drift.Heal, granted: 1},
		{name: "terminating", row: "what is on its way out is not written", change: but(changed(drift.CauseLive), func(c *drift.Change) { c.Terminating = true }), verdict: grantsAll, want: drift.AlertOnly, reason: "is being deleted"},
		{name: "terminating extra", row: "nor deleted twice", change: but(model.ExtraChange(), func(c *drift.Change) { c.Terminating = true }), verdict: grantsAll, want: drift.AlertOnly, reason: "is being deleted"},

		{name: "untracked, equal, granted", row: "untracked, equal → sync if adopt and sync granted and no alert_only", change: drift.Change{Type: drift.InSync}, verdict: model.Granting(drift.VerbAdopt, drift.VerbSync), want: drift.Sync},
		{name: "untracked, equal, no adopt", row: "else in sync", change: drift.Change{Type: drift.InSync}, verdict: model.Granting(drift.VerbSync), want: drift.Ignore, reason: "not ours"},
		{name: "untracked, equal, no sync", row: "else in sync", change: drift.Change{Type: drift.InSync}, verdict: model.Granting(drift.VerbAdopt), want: drift.Ignore, reason: "not ours"},
		{name: "untracked, equal, alert_only", row: "else in sync", change: drift.Change{Type: drift.InSync}, verdict: model.Granting(drift.VerbAdopt, drift.VerbSync, drift.VerbAlertOnly), want: drift.Ignore, reason: "not ours"},
		{name: "tracked, equal", row: "nothing to do", change: drift.Change{Type: drift.InSync, Ownership: drift.Ownership{Tracked: true}}, verdict: everything, want: drift.Ignore, reason: "in sync"},

		{name: "alert_only", row: "alert_only not empty → alert-only", change: changed(drift.CauseLive), verdict: everything, want: drift.AlertOnly, reason: "because of alert_only"},
		{name: "alert_only before prune", row: "alert_only not empty → alert-only", change: model.ExtraChange(), verdict: everything, want: drift.AlertOnly, reason: "because of alert_only"},

		{name: "ignore, live", row: "ignore not empty, cause live → ignore", change: changed(drift.CauseLive), verdict: model.Granting(allGrants...), want: drift.Ignore, reason: "because of ignore"},
		{name: "ignore, missing by hand", row: "cause live → ignore", change: missingChange(drift.CauseLive), verdict: model.Granting(drift.VerbIgnore, drift.VerbHeal), want: drift.Ignore, reason: "because of ignore"},
		{name: "ignore, extra", row: "type extra → ignore", change: model.ExtraChange(), verdict: model.Granting(allGrants...), want: drift.Ignore, reason: "because of ignore"},
		{name: "ignore, git", row: "with cause git: alert-only", change: changed(drift.CauseGit), verdict: model.Granting(allGrants...), want: drift.AlertOnly, reason: "cannot be ignored"},
		{name: "ignore, both", row: "with cause both: alert-only", change: changed(drift.CauseBoth), verdict: model.Granting(allGrants...), want: drift.AlertOnly, reason: "cannot be ignored"},
		{name: "ignore, new", row: "a new object has cause git", change: missingChange(drift.CauseGit), verdict: model.Granting(allGrants...), want: drift.AlertOnly, reason: "cannot be ignored"},

		{name: "extra, granted", row: "type extra → prune if granted", change: model.ExtraChange(), verdict: model.Granting(drift.VerbPrune), want: drift.Prune, reason: "because of prune"},
		{name: "extra, not granted", row: "else alert-only", change: model.ExtraChange(), verdict: model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAdopt, drift.VerbReplace), want: drift.AlertOnly, reason: "no policy grants prune"},

		{name: "untracked, no adopt", row: "untracked and no adopt → alert-only", change: untracked(changed(drift.CauseGit)), verdict: model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbReplace), want: drift.AlertOnly, reason: "never ours"},
		{name: "untracked, adopt and sync", row: "cause git → sync if granted", change: untracked(changed(drift.CauseGit)), verdict: model.Granting(drift.VerbAdopt, drift.VerbSync), want: drift.Sync, granted: 1},
		{name: "untracked, adopt alone", row: "adopt is no action", change: untracked(changed(drift.CauseGit)), verdict: model.Granting(drift.VerbAdopt), want: drift.AlertOnly, reason: "no policy grants sync"},

		{name: "git, granted", row: "cause git → sync if granted", change: changed(drift.CauseGit), verdict: model.Granting(drift.VerbSync), want: drift.Sync, reason: "because of sync", granted: 1},
		{name: "git, only heal", row: "else alert-only", change: changed(drift.CauseGit), verdict: model.Granting(drift.VerbHeal), want: drift.AlertOnly, reason: "no policy grants sync"},
		{name: "new, granted", row: "a new object is a rollout", change: missingChange(drift.CauseGit), verdict: model.Granting(drift.VerbSync), want: drift.Sync},
		{name: "new, not granted", row: "else alert-only", change: missingChange(drift.CauseGit), verdict: drift.Verdict{}, want: drift.AlertOnly, reason: "no policy grants sync"},
		{name: "new, create refused", row: "what the server refuses is not tried", change: but(missingChange(drift.CauseGit), func(c *drift.Change) { c.Err = model.Refused(drift.ErrDenied) }), verdict: grantsAll, want: drift.AlertOnly, reason: "refused the dry-run: denied"},
		{name: "new, unverified", row: "its namespace comes with this plan", change: but(missingChange(drift.CauseGit), func(c *drift.Change) { c.Unverified = true }), verdict: grantsAll, want: drift.Sync},

		{name: "live, granted", row: "cause live → heal if granted", change: changed(drift.CauseLive), verdict: model.Granting(drift.VerbHeal), want: drift.Heal, reason: "because of heal", granted: 1},
		{name: "live, only sync", row: "else alert-only", change: changed(drift.CauseLive), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "no policy grants heal"},
		{name: "deleted by hand, granted", row: "cause live → heal", change: missingChange(drift.CauseLive), verdict: model.Granting(drift.VerbHeal), want: drift.Heal},
		{name: "deleted by hand, only sync", row: "else alert-only", change: missingChange(drift.CauseLive), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "no policy grants heal"},

		{name: "both, only additions, sync", row: "sync if granted (the additions stay and are alerted)", change: addedOnly(), verdict: model.Granting(drift.VerbSync), want: drift.Sync, reason: "what was added by hand stays", granted: 1},
		{name: "both, only additions, both granted", row: "the row comes before the next", change: addedOnly(), verdict: model.Granting(drift.VerbSync, drift.VerbHeal), want: drift.Sync, reason: "what was added by hand stays", granted: 1},
		{name: "both, only additions, only heal", row: "else alert-only", change: addedOnly(), verdict: model.Granting(drift.VerbHeal), want: drift.AlertOnly, reason: "no policy grants sync"},
		{name: "both, only additions, one of them Git's to remove", row: "what Git dropped goes with the rollout, whoever claims it too",
			change: but(addedOnly(), func(c *drift.Change) {
				c.Fields = append(c.Fields, drift.FieldChange{Path: model.At("data dropped"), Op: drift.OpAdd, Cause: drift.CauseGit, Addition: true})
			}), verdict: model.Granting(drift.VerbSync), want: drift.Sync, granted: 2},

		{name: "both, granted", row: "sync and heal if both granted (recorded as sync)", change: changed(drift.CauseBoth), verdict: model.Granting(drift.VerbSync, drift.VerbHeal), want: drift.Sync, reason: "because of sync", granted: 2},
		{name: "both, only sync", row: "else alert-only", change: changed(drift.CauseBoth), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "not both granted"},
		{name: "both, only heal", row: "else alert-only", change: changed(drift.CauseBoth), verdict: model.Granting(drift.VerbHeal), want: drift.AlertOnly, reason: "not both granted"},
		{name: "a field that is both", row: "an addition beside it does not make it an addition", change: but(addedOnly(), func(c *drift.Change) {
			c.Fields[0].Cause = drift.CauseBoth
		}), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "not both granted"},

		{name: "immutable, no replace", row: "an immutable field must change and there is no replace → alert-only",
			change: but(changed(drift.CauseGit), func(c *drift.Change) {
				c.Immutable, c.Err = []nested.Path{{"spec", "selector"}}, model.Refused(drift.ErrImmutable, "spec.selector")
			}), verdict: model.Granting(drift.VerbSync, drift.VerbHeal), want: drift.AlertOnly, reason: "spec.selector cannot be changed in place"},
		{name: "immutable, replace", row: "with replace it is deleted and created", change: but(changed(drift.CauseGit), func(c *drift.Change) {
			c.Immutable, c.Err = []nested.Path{{"spec", "selector"}}, model.Refused(drift.ErrImmutable, "spec.selector")
		}), verdict: model.Granting(drift.VerbSync, drift.VerbReplace), want: drift.Sync, granted: 1},
		{name: "fixed", row: "what cannot be put back in place is told", change: model.Fixing(drift.CauseLive, 0, 1), verdict: model.Granting(drift.VerbHeal), want: drift.AlertOnly, reason: "a cannot be changed in place, and no policy grants replace"},
		{name: "fixed, replace", row: "with replace it is deleted and created", change: model.Fixing(drift.CauseLive, 0, 1), verdict: model.Granting(drift.VerbHeal, drift.VerbReplace), want: drift.Heal, granted: 2},
		{name: "fixed, ignored", row: "it may be ignored", change: model.Fixing(drift.CauseLive, 0, 1), verdict: model.Granting(drift.VerbIgnore), want: drift.Ignore},
		{name: "a part is fixed", row: "the rest is put right", change: model.Fixing(drift.CauseLive, 0), verdict: model.Granting(drift.VerbHeal), want: drift.Heal, reason: "because of heal; a cannot be changed in place, and stays", granted: 1},
		{name: "a part is fixed, and Git moved the rest", row: "what stays needs no heal", change: but(model.Fixing(drift.CauseLive, 0), func(c *drift.Change) {
			c.Cause, c.Fields[1].Cause = drift.CauseBoth, drift.CauseGit
		}), verdict: model.Granting(drift.VerbSync), want: drift.Sync, granted: 1},
		{name: "a part is fixed, replace", row: "replacing needs the grant of every cause", change: but(model.Fixing(drift.CauseLive, 0), func(c *drift.Change) {
			c.Cause, c.Fields[1].Cause = drift.CauseBoth, drift.CauseGit
		}), verdict: model.Granting(drift.VerbSync, drift.VerbReplace), want: drift.AlertOnly, reason: "not both granted"},
		{name: "an addition in Git's way", row: "it cannot stay, so sync alone is not enough", change: but(addedOnly(), func(c *drift.Change) {
			for i := range c.Fields {
				c.Fields[i].Excluded = c.Fields[i].Addition
			}
		}), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "not both granted"},
		{name: "replace alone", row: "replace is no action", change: but(changed(drift.CauseGit), func(c *drift.Change) { c.Immutable = []nested.Path{{"spec"}} }), verdict: model.Granting(drift.VerbReplace), want: drift.AlertOnly, reason: "no policy grants sync"},
		{name: "approval", row: "require_approval not empty and no approval → alert-only", change: changed(drift.CauseLive), verdict: model.Granting(drift.VerbHeal, drift.VerbRequireApproval), want: drift.AlertOnly, reason: "waiting for approval: because of require_approval"},
		{name: "approval to prune", row: "likewise", change: model.ExtraChange(), verdict: model.Granting(drift.VerbPrune, drift.VerbRequireApproval), want: drift.AlertOnly, reason: "waiting for approval"},
		{name: "approval to replace", row: "both narrow", change: but(changed(drift.CauseGit), func(c *drift.Change) { c.Immutable = []nested.Path{{"spec"}} }), verdict: model.Granting(drift.VerbSync, drift.VerbReplace, drift.VerbRequireApproval), want: drift.AlertOnly, reason: "waiting for approval"},
		{name: "approval of nothing", row: "what is not done needs no approval", change: changed(drift.CauseLive), verdict: model.Granting(drift.VerbRequireApproval), want: drift.AlertOnly, reason: "no policy grants heal"},

		{name: "forbidden", row: "the authorizer says no whatever policy says", change: but(changed(drift.CauseLive), func(c *drift.Change) { c.Err = model.Refused(drift.ErrForbidden) }), verdict: grantsAll, want: drift.AlertOnly, reason: "refused the dry-run: forbidden"},
		{name: "denied", row: "so does admission", change: but(changed(drift.CauseLive), func(c *drift.Change) { c.Err = model.Refused(drift.ErrDenied) }), verdict: grantsAll, want: drift.AlertOnly, reason: "denied by admission"},
		{name: "invalid", row: "so does validation", change: but(changed(drift.CauseGit), func(c *drift.Change) { c.Err = model.Refused(drift.ErrInvalid, "spec.x") }), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "invalid beside an addition", row: "a label by hand does not make an invalid manifest worth trying", change: but(addedOnly(), func(c *drift.Change) { c.Err = model.Refused(drift.ErrInvalid) }), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "not a refusal", row: "an error of any kind stands in the way", change: but(changed(drift.CauseLive), func(c *drift.Change) { c.Err = errors.New("reset") }), verdict: grantsAll, want: drift.AlertOnly, reason: "the API server refused the dry-run"},
		{name: "key edited", row: "docs/drift.md: the edited item goes first, then the server takes Git's", change: keyEdit, verdict: model.Granting(drift.VerbHeal), want: drift.Heal, granted: 2},
		{name: "key edited, denied", row: "only validation can be cured", change: but(keyEdit, func(c *drift.Change) { c.Err = model.Refused(drift.ErrDenied) }), verdict: grantsAll, want: drift.AlertOnly, reason: "denied"},
		{name: "key edited, cause both", row: "the added item cannot stay: it keeps Git's own out", change: but(keyEdit, func(c *drift.Change) {
			c.Cause = drift.CauseBoth
			c.Fields = []drift.FieldChange{keyEdit.Fields[0], keyEdit.Fields[1]}
			c.Fields[0].Cause = drift.CauseGit
		}), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "not both granted"},
		{name: "key edited, cause both, both granted", row: "with heal it may go", change: but(keyEdit, func(c *drift.Change) {
			c.Cause = drift.CauseBoth
			c.Fields = []drift.FieldChange{keyEdit.Fields[0], keyEdit.Fields[1]}
			c.Fields[0].Cause = drift.CauseGit
		}), verdict: model.Granting(drift.VerbSync, drift.VerbHeal), want: drift.Sync, granted: 2},
		{name: "a map emptied", row: "its members go first, then the server takes Git's", change: nulled("spec.parts[0].options"), verdict: model.Granting(drift.VerbSync), want: drift.Sync, granted: 1},
		{name: "a map emptied, no sync", row: "it is Git's change", change: nulled("spec"), verdict: model.Granting(drift.VerbHeal), want: drift.AlertOnly, reason: "no policy grants sync"},
		{name: "a map emptied, elsewhere", row: "what is refused is not what goes", change: nulled("spec.other"), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "a map emptied, and more", row: "the rest is refused all the same", change: nulled("spec", drift.RefusalCause{Field: "spec.size", Message: "Required value"}), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "a map emptied, its keys with dots", row: "the server does not say where a key begins", change: but(nulled("spec.free.api.example.com"), func(c *drift.Change) {
			c.Fields[0].Path = model.At("spec free api.example.com x")
		}), verdict: model.Granting(drift.VerbSync), want: drift.Sync, granted: 1},
		{name: "a map emptied, with rules in CEL", row: "that they were not checked is no reason", change: nulled("spec", drift.RefusalCause{Field: "<nil>", Type: "FieldValueInvalid",
			Message: "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"}),
			verdict: model.Granting(drift.VerbSync), want: drift.Sync, granted: 1},
		{name: "a text null", row: "another refusal may say the word", change: but(nulled("spec.parts[0].options"), func(c *drift.Change) {
			c.Err = &drift.Refusal{Kind: drift.ErrInvalid, Causes: []drift.RefusalCause{{Field: "spec.parts[0].options", Type: "FieldValueInvalid", Message: `Invalid value: "null": should match '^[a-z]$'`}}}
		}), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "another field of the item", row: "it does not explain the null", change: but(nulled("spec.parts[0].options"), func(c *drift.Change) {
			c.Fields[0].Path = model.At("spec parts [name=a] label")
		}), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "a null without a place", row: "nobody knows what it is about", change: nulled(""), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},
		{name: "the whole item", row: "nothing in it goes that an apply would not remove", change: but(nulled("spec.parts[0]"), func(c *drift.Change) { c.Fields[0].Path = model.At("spec parts") }), verdict: grantsAll, want: drift.AlertOnly, reason: "invalid object"},

		{name: "no policies at all", row: "everything is alert-only", change: changed(drift.CauseLive), verdict: drift.Verdict{}, want: drift.AlertOnly, reason: "no policy grants heal"},
		{name: "no policies, extra", row: "everything is alert-only", change: model.ExtraChange(), verdict: drift.Verdict{}, want: drift.AlertOnly, reason: "no policy grants prune"},
		{name: "modified by nobody", row: "a cause nobody knows needs both", change: but(changed(drift.CauseLive), func(c *drift.Change) { c.Cause = drift.CauseNone }), verdict: model.Granting(drift.VerbSync), want: drift.AlertOnly, reason: "not both granted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decide.Decide(c.change, c.verdict, c.facts)
			if got.Action != c.want {
				t.Fatalf("%s: %s (%s)", c.row, got.Action, got.Reason)
			}
			if !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s: %q does not say %q", c.row, got.Reason, c.reason)
			}
			if got.Action.Writes() && len(got.Granted) != c.granted {
				t.Errorf("%s: may put back %v", c.row, model.Told(got.Granted))
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
	adopt := decide.Decide(untracked(changed(drift.CauseGit)), model.Granting(drift.VerbSync, drift.VerbAdopt), decide.Facts{})
	if !adopt.Adopt || adopt.Replace {
		t.Errorf("%+v", adopt)
	}
	if diff := cmp.Diff([]drift.Verb{drift.VerbSync, drift.VerbAdopt}, verbsOf(adopt.Because)); diff != "" {
		t.Errorf("both reasons are told: %s", diff)
	}
	equal := decide.Decide(drift.Change{Type: drift.InSync}, model.Granting(drift.VerbSync, drift.VerbAdopt), decide.Facts{})
	if !equal.Adopt {
		t.Errorf("%+v", equal)
	}
	immutable := but(changed(drift.CauseGit), func(c *drift.Change) { c.Immutable = []nested.Path{{"spec"}} })
	replace := decide.Decide(immutable, model.Granting(drift.VerbSync, drift.VerbReplace), decide.Facts{})
	if !replace.Replace || replace.Adopt {
		t.Errorf("%+v", replace)
	}
	if diff := cmp.Diff([]drift.Verb{drift.VerbSync, drift.VerbReplace}, verbsOf(replace.Because)); diff != "" {
		t.Error(diff)
	}
	if d := decide.Decide(changed(drift.CauseGit), model.Granting(drift.VerbSync, drift.VerbReplace, drift.VerbAdopt), decide.Facts{}); d.Replace || d.Adopt {
		t.Errorf("grants that are not needed are not used: %+v", d)
	}
	if d := decide.Decide(changed(drift.CauseBoth), model.Granting(drift.VerbSync, drift.VerbHeal), decide.Facts{}); !slices.Equal(verbsOf(d.Because), []drift.Verb{drift.VerbSync, drift.VerbHeal}) {
		t.Errorf("both reasons are told: %v", d.Because)
	}
}

func verbsOf(reasons []drift.Reason) []drift.Verb {
	verbs := make([]drift.Verb, 0, len(reasons))
	for _, reason := range reasons {
		verbs = append(verbs, reason.Verb)
	}
	return verbs
}

// TestDecideFight: what something else keeps changing is named, with who does it and what
// can be done.
func TestDecideFight(t *testing.T) {
	t.Parallel()
	fight := changed(drift.CauseLive)
	fight.Fields = []drift.FieldChange{
		{Path: nested.Path{"spec", "replicas"}, Op: drift.OpReplace, Cause: drift.CauseLive, Manager: "tuner", ManagerClass: drift.ClassUnknown},
		{Path: nested.Path{"spec", "paused"}, Op: drift.OpReplace, Cause: drift.CauseLive, Manager: "tuner", ManagerClass: drift.ClassUnknown},
		{Path: nested.Path{"spec", "image"}, Op: drift.OpReplace, Cause: drift.CauseGit, Manager: drift.FieldManager, ManagerClass: drift.ClassSelf},
	}
	fight.Cause = drift.CauseBoth
	for _, c := range []struct {
		reason, says, hint string
		facts              decide.Facts
	}{
		{"put back in vain", "something else keeps changing spec.replicas, spec.paused (field manager tuner)", "ignore_fields", decide.Facts{Healed24h: 3}},
		{"applied in vain", "does not keep spec.image as Git says", "admission webhook", decide.Facts{Applied24h: 3}},
		{"another guard", "suspended: x", "", decide.Facts{Suspended: "x"}},
	} {
		got := decide.Decide(fight, model.Granting(drift.VerbSync, drift.VerbHeal), c.facts)
		if !strings.Contains(got.Reason, c.says) || (got.Hint != "") != (c.hint != "") || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%s: %q, hint %q", c.reason, got.Reason, got.Hint)
		}
	}
}

// TestDecideWaits: what is granted and waits for a person is not overruled.
func TestDecideWaits(t *testing.T) {
	t.Parallel()
	got := decide.Decide(changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbRequireApproval), decide.Facts{})
	if got.Action != drift.AlertOnly || !got.Waits || len(got.Overruled) > 0 || got.Hint != decide.ApprovalsNotYet {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]drift.Verb{drift.VerbHeal, drift.VerbRequireApproval}, verbsOf(got.Because)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	app := summary.AppOf(summary.AppOutcome{Results: []drift.Result{{Step: drift.Step{Change: changed(drift.CauseLive), Decision: got}}}})
	if app.Counts.Waiting != 1 || app.Counts.Alerted != 1 || !app.Resources[0].Waiting {
		t.Errorf("%+v, waiting %t", app.Counts, app.Resources[0].Waiting)
	}
}

// What was given and did not prevail is told, with its rule.
func TestDecideOverruled(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		change       drift.Change
		verdict      drift.Verdict
		facts        decide.Facts
		want         []drift.Verb
	}{
		{"alert_only over heal", "the grant is overruled", changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbAlertOnly), decide.Facts{}, []drift.Verb{drift.VerbHeal}},
		{"alert_only over ignore", "silence is overruled", changed(drift.CauseLive), model.Granting(drift.VerbIgnore, drift.VerbAlertOnly), decide.Facts{}, []drift.Verb{drift.VerbIgnore}},
		{"ignore over heal", "the grant is overruled", changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbIgnore), decide.Facts{}, []drift.Verb{drift.VerbHeal}},
		{"ignore of a rollout", "ignore is overruled, and sync with it", changed(drift.CauseGit), model.Granting(drift.VerbSync, drift.VerbIgnore), decide.Facts{}, []drift.Verb{drift.VerbSync, drift.VerbIgnore}},
		{"suspension over everything", "a guard overrules all grants that apply", changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbIgnore, drift.VerbSync, drift.VerbPrune, drift.VerbAdopt, drift.VerbReplace), decide.Facts{Suspended: "x"}, []drift.Verb{drift.VerbHeal, drift.VerbIgnore}},
		{"suspension over a rollout", "a guard overrules all grants that apply", changed(drift.CauseGit), model.Granting(drift.VerbHeal, drift.VerbSync, drift.VerbPrune), decide.Facts{Suspended: "x"}, []drift.Verb{drift.VerbSync}},
		{"a guard over a deletion", "only prune would have said something", drift.Change{Type: drift.Extra, Cause: drift.CauseGit}, model.Granting(drift.VerbHeal, drift.VerbSync, drift.VerbPrune, drift.VerbReplace), decide.Facts{Suspended: "x"}, []drift.Verb{drift.VerbPrune}},
		{"is being deleted", "nothing but heal would have said something", but(changed(drift.CauseLive), func(c *drift.Change) { c.Terminating = true }), model.Granting(drift.VerbHeal, drift.VerbSync, drift.VerbPrune, drift.VerbAdopt), decide.Facts{}, []drift.Verb{drift.VerbHeal}},
		{"approval over heal", "the grant waits, and is not overruled", changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbRequireApproval), decide.Facts{}, nil},
		{"nothing", "a grant that was followed is not overruled", changed(drift.CauseLive), model.Granting(drift.VerbHeal), decide.Facts{}, nil},
		{"another type's grant", "prune is not overruled by an object that is not extra", changed(drift.CauseLive), model.Granting(drift.VerbHeal, drift.VerbPrune), decide.Facts{}, nil},
		{"in sync", "nothing was decided", drift.Change{Type: drift.InSync, Ownership: drift.Ownership{Tracked: true}}, model.Granting(drift.VerbHeal), decide.Facts{}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decide.Decide(c.change, c.verdict, c.facts)
			if diff := cmp.Diff(c.want, verbsOf(got.Overruled), cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b drift.Verb) bool { return a < b })); diff != "" {
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
	verdict := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{
		drift.VerbHeal:      {{Verb: drift.VerbHeal, Severity: "info"}, {Verb: drift.VerbHeal, Severity: "critical"}},
		drift.VerbAlertOnly: {{Verb: drift.VerbAlertOnly, Severity: "warning"}},
		drift.VerbNotify:    {{Verb: drift.VerbNotify, Text: "platform"}, {Verb: drift.VerbNotify, Text: "default"}, {Verb: drift.VerbNotify, Text: "platform", Severity: "odd"}},
	}}
	for name, facts := range map[string]decide.Facts{"decided": {}, "guarded": {Suspended: "x"}} {
		got := decide.Decide(changed(drift.CauseLive), verdict, facts)
		if got.Severity != "critical" {
			t.Errorf("%s: the highest severity: %q", name, got.Severity)
		}
		if diff := cmp.Diff([]string{"default", "platform"}, got.Routes); diff != "" {
			t.Errorf("%s: each route once, sorted: %s", name, diff)
		}
	}
	waiting := verdict
	waiting.Reasons = map[drift.Verb][]drift.Reason{drift.VerbHeal: {{Verb: drift.VerbHeal}}, drift.VerbRequireApproval: {{Verb: drift.VerbRequireApproval, Severity: "warning"}},
		drift.VerbNotify: verdict.Reasons[drift.VerbNotify]}
	if got := decide.Decide(changed(drift.CauseLive), waiting, decide.Facts{}); got.Severity != "warning" || len(got.Routes) != 2 {
		t.Errorf("who waits for an approval is told as loudly: %+v", got)
	}
	if got := decide.Decide(changed(drift.CauseLive), model.Granting(drift.VerbHeal), decide.Facts{}); got.Severity != "" || got.Routes != nil {
		t.Errorf("%+v", got)
	}
}

func drawVerdict(t *rapid.T, verbs ...drift.Verb) drift.Verdict {
	verdict := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{}}
	for _, verb := range verbs {
		for i := range rapid.IntRange(0, 2).Draw(t, string(verb)) {
			verdict.Reasons[verb] = append(verdict.Reasons[verb], drift.Reason{Verb: verb, Text: fmt.Sprint(verb, i), Rule: fmt.Sprintf("p.rego:%d", i)})
		}
	}
	return verdict
}

func drawFacts(t *rapid.T) decide.Facts {
	facts := decide.Facts{Now: model.TestStart, Healed24h: rapid.IntRange(0, 5).Draw(t, "healed"),
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

// ◆ Invariant 3 of docs/guards.md: guards come before policy. Whatever policy grants, a guarded object
// is not written.
func TestGuardsComeBeforePolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change, facts := model.DrawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), drift.VerbAlertOnly, drift.VerbRequireApproval)...)
		guardedBy := change.Type == drift.Unknown || len(facts.Incomplete) > 0 || len(facts.Contested) > 0 || change.Ownership.Foreign ||
			facts.Suspended != "" || change.Terminating || facts.Healed24h >= 3 && change.Cause&drift.CauseLive != 0 ||
			facts.Applied24h >= 3 && change.Cause&drift.CauseGit != 0
		failed := rapid.IntRange(0, 4).Draw(rt, "failed") == 0
		if failed {
			verdict.Err = errors.New("timeout")
		}
		got := decide.Decide(change, verdict, facts)
		if (guardedBy || failed) && (got.Action != drift.AlertOnly || len(got.Because) > 0 || len(got.Granted) > 0) {
			rt.Fatalf("guarded, and still: %+v", got)
		}
		if got.Failed != failed {
			rt.Fatalf("failed %t: %+v", failed, got)
		}
		if got.Reason == "" && got.Action == drift.AlertOnly {
			rt.Fatalf("alert-only without a reason: %+v", got)
		}
	})
}

// ◆ Invariant 3 of docs/guards.md: policy can only narrow. Nothing acts without the grants of its row,
// and an error the server reported never looks like consent.
func TestNothingActsWithoutItsGrants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change := model.DrawChange(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), drift.VerbAlertOnly, drift.VerbRequireApproval)...)
		got := decide.Decide(change, verdict, drawFacts(rt))
		if !got.Action.Writes() {
			return
		}
		fail := func(format string, args ...any) { rt.Fatalf(format+": %+v by %+v", append(args, change, verdict)...) }
		needs := map[drift.Action]drift.Verb{drift.Sync: drift.VerbSync, drift.Heal: drift.VerbHeal, drift.Prune: drift.VerbPrune}[got.Action]
		switch {
		case !verdict.Has(needs):
			fail("%s without %s", got.Action, needs)
		case verdict.Has(drift.VerbAlertOnly), verdict.Has(drift.VerbRequireApproval):
			fail("%s in spite of a veto", got.Action)
		case (got.Action == drift.Prune) != (change.Type == drift.Extra):
			fail("%s of a %s object", got.Action, change.Type)
		case got.Action == drift.Heal && change.Cause != drift.CauseLive, got.Action == drift.Sync && change.Cause == drift.CauseLive && change.Type != drift.InSync:
			fail("%s by cause %s", got.Action, change.Cause)
		case got.Adopt && !verdict.Has(drift.VerbAdopt), change.Type == drift.Modified && !change.Ownership.Tracked && !got.Adopt:
			fail("adopted without adopt")
		case got.Replace != (len(change.Immutable) > 0), got.Replace && !verdict.Has(drift.VerbReplace):
			fail("replaced without replace")
		case change.Type == drift.InSync && change.Ownership.Tracked:
			fail("writing what is in sync")
		case change.Err != nil && len(change.Immutable) == 0 && !(errors.Is(change.Err, drift.ErrInvalid) && decide.KeyEdited(got.Granted)):
			fail("writing what the server refuses")
		}
		// A live cause is put back only with heal, or stays.
		for _, field := range got.Granted {
			if field.Cause&drift.CauseLive != 0 && change.Type == drift.Modified && change.Ownership.Tracked && !verdict.Has(drift.VerbHeal) {
				fail("putting back %s without heal", field.Path)
			}
		}
	})
}

// reach measures how much a decision does, for comparing two of them.
func reach(d drift.Decision) (int, int) {
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

// ◆ Invariant 3 of docs/guards.md: a lost grant fails safe. Adding a veto, or removing any grant, never
// makes the outcome act, nor act more.
func TestPolicyOnlyNarrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change, facts := model.DrawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), drift.VerbAlertOnly, drift.VerbRequireApproval)...)
		before := decide.Decide(change, verdict, facts)
		narrower := drift.Verdict{Reasons: map[drift.Verb][]drift.Reason{}}
		for verb, reasons := range verdict.Reasons {
			narrower.Reasons[verb] = reasons
		}
		switch verb := rapid.SampledFrom([]drift.Verb{drift.VerbAlertOnly, drift.VerbRequireApproval, drift.VerbIgnore, drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbAdopt, drift.VerbReplace}).Draw(rt, "verb"); verb {
		case drift.VerbAlertOnly, drift.VerbRequireApproval, drift.VerbIgnore:
			narrower.Reasons[verb] = append(slices.Clone(narrower.Reasons[verb]), drift.Reason{Verb: verb, Text: "no"})
		default:
			delete(narrower.Reasons, verb)
		}
		after := decide.Decide(change, narrower, facts)
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
		change, facts := model.DrawChange(rt), drawFacts(rt)
		verdict := drawVerdict(rt, append(slices.Clone(allGrants), drift.VerbAlertOnly, drift.VerbNotify)...)
		fields := slices.Clone(change.Fields)
		first, second := decide.Decide(change, verdict, facts), decide.Decide(change, verdict, facts)
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
	until := drift.Suspension{Until: model.TestStart, Reason: "x"}
	if !until.Active(model.TestStart.Add(-time.Second)) || until.Active(model.TestStart) || until.Active(model.TestStart.Add(time.Second)) {
		t.Error("until, and not longer")
	}
}
