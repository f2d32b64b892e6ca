package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// healsPerDay is how often an object may be put back within 24 hours before
// Killick stops: something else keeps changing it (Config Sync calls it a
// fight).
const healsPerDay = 3

// appliesPerDay is how often one manifest may be applied in vain within 24 hours:
// a version of a CRD that storage prunes, or admission, makes a write that
// succeeds and changes nothing of what differs (kubernetes/kubernetes#124605).
const appliesPerDay = 3

// Facts are what a decision depends on beside the change and the verdict. They
// are guards: policy cannot relax them.
type Facts struct {
	Now time.Time
	// Incomplete names facts that could not be read.
	Incomplete []string
	// Suspended is why the app or the object is suspended; empty: it is not.
	Suspended string
	// Healed24h counts how often the object was put back in the last 24 hours.
	Healed24h int
	// Applied24h counts how often this very manifest was applied in the last 24
	// hours without the object being as Git says afterwards.
	Applied24h int
	// Contested names the other apps that want the same object.
	Contested []string
}

// Decide combines one object's change with what the policies said. It is the
// whole table of docs/policies.md: the first row that matches decides, guards come
// before policy, and whatever is not granted is alert-only.
func Decide(change drift.Change, verdict drift.Verdict, facts Facts) drift.Decision {
	if reason := guarded(change, verdict, facts); reason != "" {
		return drift.Decision{Reason: reason, Hint: hintGuarded(change, facts), Overruled: applying(grants(verdict), change), Severity: severityOf(verdict),
			Routes: routesOf(verdict), Failed: verdict.Err != nil, Err: verdict.Err, Contested: len(facts.Contested) > 0}
	}
	// What is left to people goes first: each of these keeps what there is where it is all.
	movable := diff.WithoutFields(goesOn(change), diff.IsUnsure)
	if !verdict.Has(drift.VerbReplace) {
		movable = diff.WithoutFields(movable, diff.IsFixed)
	}
	decision := combine(movable, verdict)
	decision.Overruled = applying(overruled(verdict, decision), movable)
	decision.Severity, decision.Routes = severityOf(verdict), routesOf(verdict)
	if decision.Action.Writes() {
		decision = narrowed(decision, movable, verdict)
	}
	return diff.BesideFixed(besideLeft(decision, change, verdict), change)
}

// guarded is why policy is not asked at all, or "".
func guarded(change drift.Change, verdict drift.Verdict, facts Facts) string {
	switch {
	case change.NotVerified():
		return "equal to Git as far as can be told without a dry-run"
	case change.Type == drift.Unknown:
		return NotCompared + causeOf(change.Err)
	case len(facts.Incomplete) > 0:
		return "facts are missing: " + strings.Join(facts.Incomplete, ", ")
	case len(facts.Contested) > 0:
		return "more than one app wants this object: " + strings.Join(facts.Contested, ", ")
	case verdict.Err != nil:
		return "evaluating the policies: " + verdict.Err.Error()
	case change.Ownership.Foreign:
		return fmt.Sprintf("belongs to another ApplySet (%s)", change.Ownership.PartOf)
	case facts.Suspended != "":
		return "suspended: " + facts.Suspended
	case facts.Healed24h >= healsPerDay && change.Cause&drift.CauseLive != 0:
		return fmt.Sprintf("put back %d times within 24 hours: something else keeps changing %s", facts.Healed24h, contested(change, drift.CauseLive))
	case facts.Applied24h >= appliesPerDay && change.Cause&drift.CauseGit != 0:
		return fmt.Sprintf("applied %d times within 24 hours from the same manifest, and the cluster does not keep %s as Git says", facts.Applied24h, contested(change, drift.CauseGit))
	case change.Terminating:
		return "is being deleted"
	}
	return ""
}

// contested names the fields that keep being changed, and by which field managers.
func contested(change drift.Change, cause drift.Cause) string {
	const named = 3
	var paths, managers []string
	for _, field := range change.Fields {
		if field.Cause&cause == 0 {
			continue
		}
		paths = append(paths, field.Path.String())
		if field.Manager != "" && field.ManagerClass != drift.ClassSelf && !slices.Contains(managers, field.Manager) {
			managers = append(managers, field.Manager)
		}
	}
	if len(paths) == 0 {
		return "it"
	}
	if more := len(paths) - named; more > 0 {
		paths = append(paths[:named], fmt.Sprintf("%d more fields", more))
	}
	text := strings.Join(paths, ", ")
	if len(managers) > 0 {
		slices.Sort(managers)
		text += " (field manager " + strings.Join(managers, ", ") + ")"
	}
	return text
}

// hintGuarded is what a person can do where the object and Git do not come to rest.
func hintGuarded(change drift.Change, facts Facts) string {
	fought := facts.Healed24h >= healsPerDay && change.Cause&drift.CauseLive != 0
	if change.Type != drift.Modified || change.Terminating || !fought && (facts.Applied24h < appliesPerDay || change.Cause&drift.CauseGit == 0) {
		return ""
	}
	const remedy = "find out who writes these fields and stop it there, or leave them to it: take them out of Git, or name them in ignore_fields"
	if fought {
		return remedy + "; Killick puts them back again once fewer than three times lie in the last 24 hours"
	}
	return "an admission webhook, a default or the CRD's schema changes or drops them on every write: write to Git what the cluster keeps, or name the fields in ignore_fields"
}

// applying are the grants that say something about this change at all: that somebody may
// prune is not overruled by an object that is not to go.
func applying(reasons []drift.Reason, change drift.Change) []drift.Reason {
	untracked := change.Type != drift.Missing && change.Type != drift.Extra && !change.Ownership.Tracked
	immutable := len(change.Immutable) > 0 || slices.ContainsFunc(change.Fields, diff.IsFixed)
	return slices.DeleteFunc(slices.Clone(reasons), func(reason drift.Reason) bool {
		switch reason.Verb {
		case drift.VerbPrune:
			return change.Type != drift.Extra
		case drift.VerbHeal:
			return change.Type == drift.Extra || change.Cause&drift.CauseLive == 0
		case drift.VerbSync:
			return change.Type == drift.Extra || change.Cause&drift.CauseGit == 0 && (!untracked || change.Type != drift.InSync)
		case drift.VerbAdopt:
			return !untracked
		case drift.VerbReplace:
			return !immutable
		}
		return false
	})
}

// combine is the table proper.
func combine(change drift.Change, verdict drift.Verdict) drift.Decision {
	untracked := change.Type != drift.Missing && change.Type != drift.Extra && !change.Ownership.Tracked
	because := func(action drift.Action, verbs ...drift.Verb) drift.Decision {
		d := drift.Decision{Action: action, Granted: change.Fields}
		for _, verb := range verbs {
			d.Because = append(d.Because, verdict.Reasons[verb]...)
		}
		d.Reason = firstText(d.Because)
		return d
	}
	alert := func(reason string) drift.Decision { return drift.Decision{Reason: reason} }
	switch {
	case untracked && change.Type == drift.InSync:
		if !verdict.Has(drift.VerbAdopt) || !verdict.Has(drift.VerbSync) || verdict.Has(drift.VerbAlertOnly) {
			return drift.Decision{Action: drift.Ignore, Reason: "equal, and not ours"}
		}
		d := because(drift.Sync, drift.VerbAdopt, drift.VerbSync)
		d.Adopt = true
		return d
	case change.Type == drift.InSync:
		return drift.Decision{Action: drift.Ignore, Reason: "in sync"}
	case verdict.Has(drift.VerbAlertOnly):
		return because(drift.AlertOnly, drift.VerbAlertOnly)
	case verdict.Has(drift.VerbIgnore) && (change.Cause == drift.CauseLive || change.Type == drift.Extra):
		return because(drift.Ignore, drift.VerbIgnore)
	case verdict.Has(drift.VerbIgnore):
		return alert("Git moved too, and a rollout cannot be ignored")
	case change.Type == drift.Extra:
		if verdict.Has(drift.VerbPrune) {
			return because(drift.Prune, drift.VerbPrune)
		}
		return alert("no policy grants prune")
	case untracked && !verdict.Has(drift.VerbAdopt) && change.Ownership.Recreated:
		return alert("was deleted and created again by somebody; no policy grants adopt")
	case untracked && !verdict.Has(drift.VerbAdopt):
		return alert("exists already and was never ours; no policy grants adopt")
	case change.Cause == drift.CauseGit:
		if !verdict.Has(drift.VerbSync) {
			return alert("no policy grants sync")
		}
		return adopting(because(drift.Sync, drift.VerbSync), untracked, verdict)
	case change.Cause == drift.CauseLive:
		if !verdict.Has(drift.VerbHeal) {
			return alert("no policy grants heal")
		}
		return adopting(because(drift.Heal, drift.VerbHeal), untracked, verdict)
	case liveAdditionsOnly(change) && !keepsOut(change):
		if !verdict.Has(drift.VerbSync) {
			return alert("no policy grants sync")
		}
		d := because(drift.Sync, drift.VerbSync)
		d.Granted = withoutAdditions(change.Fields)
		d.Reason += "; what was added by hand stays"
		return adopting(d, untracked, verdict)
	}
	if verdict.Has(drift.VerbSync) && verdict.Has(drift.VerbHeal) {
		return adopting(because(drift.Sync, drift.VerbSync, drift.VerbHeal), untracked, verdict)
	}
	return alert("Git and the cluster both moved; sync and heal are not both granted")
}

func adopting(d drift.Decision, untracked bool, verdict drift.Verdict) drift.Decision {
	if untracked {
		d.Adopt = true
		d.Because = append(d.Because, verdict.Reasons[drift.VerbAdopt]...)
	}
	return d
}

// narrowed lets a decision to act pass the last two rows of the table.
func narrowed(d drift.Decision, change drift.Change, verdict drift.Verdict) drift.Decision {
	withhold := func(reason string) drift.Decision {
		d.Overruled = append(d.Overruled, d.Because...)
		return drift.Decision{Reason: reason, Overruled: d.Overruled, Severity: d.Severity, Routes: d.Routes, Approval: d.Approval}
	}
	if i := slices.IndexFunc(d.Granted, diff.IsUnsure); i >= 0 {
		return withhold(diff.DescribeUnsure(d.Granted[i].Path)) // there is nothing else
	}
	immutable := slices.Clone(change.Immutable)
	for _, field := range diff.FixedOf(d.Granted) {
		immutable = append(immutable, field.Path)
	}
	if len(immutable) > 0 {
		if !verdict.Has(drift.VerbReplace) {
			withheld := withhold(diff.DescribeFixed(immutable[0]))
			withheld.Hint = "take the change back in Git, or grant replace, which deletes the object and creates it again"
			return withheld
		}
		d.Replace = true
		d.Because = append(d.Because, verdict.Reasons[drift.VerbReplace]...)
	} else if refused := refusedOutright(change, d.Granted); refused != "" {
		return withhold(refused)
	}
	if verdict.Has(drift.VerbRequireApproval) {
		// Its grants are not overruled: they wait.
		return drift.Decision{Reason: "waiting for approval: " + firstText(verdict.Reasons[drift.VerbRequireApproval]), Hint: ApprovalsNotYet,
			Because: append(slices.Clone(d.Because), verdict.Reasons[drift.VerbRequireApproval]...), Overruled: d.Overruled,
			Severity: d.Severity, Routes: d.Routes, Approval: d.Approval, Waits: true}
	}
	return d
}

// ApprovalsNotYet is what is said wherever a policy asks for an approval.
const ApprovalsNotYet = "approvals cannot be given in this version: make the change by hand, or take require_approval away for it in policy"

// refusedOutright is why the API server would refuse the write whatever Killick
// does: forbidden, denied by admission, or invalid. An object can be invalid only
// because of what somebody added: the edited item of a keyed list, the other one
// of two fields that exclude each other. That is attempted when something added
// is among what may be removed, and where it is Git's own removals that an apply would
// overdo (nulled).
func refusedOutright(change drift.Change, granted []drift.FieldChange) string {
	if change.Err == nil {
		return ""
	}
	var refusal *drift.Refusal
	if !errors.As(change.Err, &refusal) {
		return RefusedDryRun + causeOf(change.Err)
	}
	added := slices.ContainsFunc(granted, func(f drift.FieldChange) bool { return f.Addition })
	if errors.Is(refusal, drift.ErrInvalid) && change.Type == drift.Modified && (added || drift.Nulled(refusal, granted)) {
		return ""
	}
	return RefusedDryRun + causeOf(refusal)
}

// Reasons of objects about which the API server was asked in vain; what it answered follows.
const (
	NotCompared   = "could not be compared"
	RefusedDryRun = "the API server refused the dry-run"
)

// causeOf is the kind of an error for a reason, which stands beside the error itself.
func causeOf(err error) string {
	if err == nil {
		return ": no reason known"
	}
	for _, cause := range []error{drift.ErrForbidden, drift.ErrDenied, drift.ErrImmutable, drift.ErrInvalid, drift.ErrNotServed, drift.ErrConflict, drift.ErrUnreachable} {
		if errors.Is(err, cause) {
			return ": " + cause.Error()
		}
	}
	return ""
}

// KeyEdited says that the key of a list item was edited: an item that Git wants
// is gone, and somebody added another to the same list.
func KeyEdited(fields []drift.FieldChange) bool {
	gone := map[string]bool{}
	for _, field := range fields {
		if list, ok := listOf(field.Path); ok && field.Op == drift.OpRemove {
			gone[list.Pointer()] = true
		}
	}
	return slices.ContainsFunc(fields, func(field drift.FieldChange) bool {
		list, ok := listOf(field.Path)
		return ok && field.Addition && gone[list.Pointer()]
	})
}

// listOf is the list whose item a path names.
func listOf(path nested.Path) (nested.Path, bool) {
	if len(path) == 0 || !strings.HasPrefix(path[len(path)-1], "[") {
		return nil, false
	}
	return path[:len(path)-1], true
}

// keepsOut says that what was added cannot stay, because Git's own items find no place beside it.
func keepsOut(change drift.Change) bool {
	return change.Err != nil && KeyEdited(change.Fields) ||
		slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return f.Addition && f.Excluded })
}

func liveAdditionsOnly(change drift.Change) bool {
	if change.Cause != drift.CauseBoth {
		return false
	}
	for _, field := range change.Fields {
		if field.Cause&drift.CauseLive != 0 && !field.Addition {
			return false
		}
	}
	return true
}

// withoutAdditions leaves out what was added by hand; what we applied too and Git
// has dropped is Git's to remove.
func withoutAdditions(fields []drift.FieldChange) []drift.FieldChange {
	var kept []drift.FieldChange
	for _, field := range fields {
		if !field.Addition || field.Cause&drift.CauseLive == 0 {
			kept = append(kept, field)
		}
	}
	return kept
}
