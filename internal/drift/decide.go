package drift

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
// whole table of DESIGN §4: the first row that matches decides, guards come
// before policy, and whatever is not granted is alert-only.
func Decide(change Change, verdict Verdict, facts Facts) Decision {
	if reason := guarded(change, verdict, facts); reason != "" {
		return Decision{Reason: reason, Hint: hintGuarded(change, facts), Overruled: applying(grants(verdict), change), Severity: severityOf(verdict),
			Routes: routesOf(verdict), Failed: verdict.Err != nil, Err: verdict.Err, Contested: len(facts.Contested) > 0}
	}
	// What is left to people goes first: each of these keeps what there is where it is all.
	movable := leaving(goesOn(change), isUnsure)
	if !verdict.Has(VerbReplace) {
		movable = leaving(movable, isFixed)
	}
	decision := combine(movable, verdict)
	decision.Overruled = applying(overruled(verdict, decision), movable)
	decision.Severity, decision.Routes = severityOf(verdict), routesOf(verdict)
	if decision.Action.Writes() {
		decision = narrowed(decision, movable, verdict)
	}
	return besideFixed(besideLeft(decision, change, verdict), change)
}

// guarded is why policy is not asked at all, or "".
func guarded(change Change, verdict Verdict, facts Facts) string {
	switch {
	case change.NotVerified():
		return "equal to Git as far as can be told without a dry-run"
	case change.Type == Unknown:
		return notCompared + causeOf(change.Err)
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
	case facts.Healed24h >= healsPerDay && change.Cause&CauseLive != 0:
		return fmt.Sprintf("put back %d times within 24 hours: something else keeps changing %s", facts.Healed24h, contested(change, CauseLive))
	case facts.Applied24h >= appliesPerDay && change.Cause&CauseGit != 0:
		return fmt.Sprintf("applied %d times within 24 hours from the same manifest, and the cluster does not keep %s as Git says", facts.Applied24h, contested(change, CauseGit))
	case change.Terminating:
		return "is being deleted"
	}
	return ""
}

// contested names the fields that keep being changed, and by which field managers.
func contested(change Change, cause Cause) string {
	const named = 3
	var paths, managers []string
	for _, field := range change.Fields {
		if field.Cause&cause == 0 {
			continue
		}
		paths = append(paths, field.Path.String())
		if field.Manager != "" && field.ManagerClass != ClassSelf && !slices.Contains(managers, field.Manager) {
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
func hintGuarded(change Change, facts Facts) string {
	fought := facts.Healed24h >= healsPerDay && change.Cause&CauseLive != 0
	if change.Type != Modified || change.Terminating || !fought && (facts.Applied24h < appliesPerDay || change.Cause&CauseGit == 0) {
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
func applying(reasons []Reason, change Change) []Reason {
	untracked := change.Type != Missing && change.Type != Extra && !change.Ownership.Tracked
	immutable := len(change.Immutable) > 0 || slices.ContainsFunc(change.Fields, isFixed)
	return slices.DeleteFunc(slices.Clone(reasons), func(reason Reason) bool {
		switch reason.Verb {
		case VerbPrune:
			return change.Type != Extra
		case VerbHeal:
			return change.Type == Extra || change.Cause&CauseLive == 0
		case VerbSync:
			return change.Type == Extra || change.Cause&CauseGit == 0 && (!untracked || change.Type != InSync)
		case VerbAdopt:
			return !untracked
		case VerbReplace:
			return !immutable
		}
		return false
	})
}

// combine is the table proper.
func combine(change Change, verdict Verdict) Decision {
	untracked := change.Type != Missing && change.Type != Extra && !change.Ownership.Tracked
	// What was added cannot stay where it keeps Git's own items out.
	additionsOnly := liveAdditionsOnly(change) && (change.Err == nil || !keyEdited(change.Fields)) &&
		!slices.ContainsFunc(change.Fields, func(f FieldChange) bool { return f.Addition && f.Excluded })
	because := func(action Action, verbs ...Verb) Decision {
		d := Decision{Action: action, Granted: change.Fields}
		for _, verb := range verbs {
			d.Because = append(d.Because, verdict.Reasons[verb]...)
		}
		d.Reason = firstText(d.Because)
		return d
	}
	alert := func(reason string) Decision { return Decision{Reason: reason} }
	switch {
	case untracked && change.Type == InSync:
		if verdict.Has(VerbAdopt) && verdict.Has(VerbSync) && !verdict.Has(VerbAlertOnly) {
			d := because(Sync, VerbAdopt, VerbSync)
			d.Adopt = true
			return d
		}
		return Decision{Action: Ignore, Reason: "equal, and not ours"}
	case change.Type == InSync:
		return Decision{Action: Ignore, Reason: "in sync"}
	case verdict.Has(VerbAlertOnly):
		return because(AlertOnly, VerbAlertOnly)
	case verdict.Has(VerbIgnore) && (change.Cause == CauseLive || change.Type == Extra):
		return because(Ignore, VerbIgnore)
	case verdict.Has(VerbIgnore):
		return alert("Git moved too, and a rollout cannot be ignored")
	case change.Type == Extra:
		if verdict.Has(VerbPrune) {
			return because(Prune, VerbPrune)
		}
		return alert("no policy grants prune")
	case untracked && !verdict.Has(VerbAdopt) && change.Ownership.Recreated:
		return alert("was deleted and created again by somebody; no policy grants adopt")
	case untracked && !verdict.Has(VerbAdopt):
		return alert("exists already and was never ours; no policy grants adopt")
	case change.Cause == CauseGit:
		if !verdict.Has(VerbSync) {
			return alert("no policy grants sync")
		}
		return adopting(because(Sync, VerbSync), untracked, verdict)
	case change.Cause == CauseLive:
		if !verdict.Has(VerbHeal) {
			return alert("no policy grants heal")
		}
		return adopting(because(Heal, VerbHeal), untracked, verdict)
	case additionsOnly:
		if !verdict.Has(VerbSync) {
			return alert("no policy grants sync")
		}
		d := because(Sync, VerbSync)
		d.Granted = withoutAdditions(change.Fields)
		d.Reason += "; what was added by hand stays"
		return adopting(d, untracked, verdict)
	}
	if verdict.Has(VerbSync) && verdict.Has(VerbHeal) {
		return adopting(because(Sync, VerbSync, VerbHeal), untracked, verdict)
	}
	return alert("Git and the cluster both moved; sync and heal are not both granted")
}

func adopting(d Decision, untracked bool, verdict Verdict) Decision {
	if untracked {
		d.Adopt = true
		d.Because = append(d.Because, verdict.Reasons[VerbAdopt]...)
	}
	return d
}

// narrowed lets a decision to act pass the last two rows of the table.
func narrowed(d Decision, change Change, verdict Verdict) Decision {
	withhold := func(reason string) Decision {
		d.Overruled = append(d.Overruled, d.Because...)
		return Decision{Reason: reason, Overruled: d.Overruled, Severity: d.Severity, Routes: d.Routes, Approval: d.Approval}
	}
	if i := slices.IndexFunc(d.Granted, isUnsure); i >= 0 {
		return withhold(saysUnsure(d.Granted[i].Path)) // there is nothing else
	}
	immutable := slices.Clone(change.Immutable)
	for _, field := range fixedOf(d.Granted) {
		immutable = append(immutable, field.Path)
	}
	if len(immutable) > 0 {
		if !verdict.Has(VerbReplace) {
			withheld := withhold(saysFixed(immutable[0]))
			withheld.Hint = "take the change back in Git, or grant replace, which deletes the object and creates it again"
			return withheld
		}
		d.Replace = true
		d.Because = append(d.Because, verdict.Reasons[VerbReplace]...)
	} else if refused := refusedOutright(change, d.Granted); refused != "" {
		return withhold(refused)
	}
	if verdict.Has(VerbRequireApproval) {
		// Its grants are not overruled: they wait.
		return Decision{Reason: "waiting for approval: " + firstText(verdict.Reasons[VerbRequireApproval]), Hint: ApprovalsNotYet,
			Because: append(slices.Clone(d.Because), verdict.Reasons[VerbRequireApproval]...), Overruled: d.Overruled,
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
func refusedOutright(change Change, granted []FieldChange) string {
	if change.Err == nil {
		return ""
	}
	var refusal *Refusal
	if !errors.As(change.Err, &refusal) {
		return refusedDryRun + causeOf(change.Err)
	}
	added := slices.ContainsFunc(granted, func(f FieldChange) bool { return f.Addition })
	if errors.Is(refusal, ErrInvalid) && change.Type == Modified && (added || nulled(refusal, granted)) {
		return ""
	}
	return refusedDryRun + causeOf(refusal)
}

const (
	notCompared   = "could not be compared"
	refusedDryRun = "the API server refused the dry-run"
)

// causeOf is the kind of an error for a reason, which stands beside the error itself.
func causeOf(err error) string {
	if err == nil {
		return ": no reason known"
	}
	for _, cause := range []error{ErrForbidden, ErrDenied, ErrImmutable, ErrInvalid, ErrNotServed, ErrConflict, ErrUnreachable} {
		if errors.Is(err, cause) {
			return ": " + cause.Error()
		}
	}
	return ""
}

// keyEdited says that the key of a list item was edited: an item that Git wants
// is gone, and somebody added another to the same list.
func keyEdited(fields []FieldChange) bool {
	gone := map[string]bool{}
	for _, field := range fields {
		if list, ok := listOf(field.Path); ok && field.Op == OpRemove {
			gone[list.Pointer()] = true
		}
	}
	return slices.ContainsFunc(fields, func(field FieldChange) bool {
		list, ok := listOf(field.Path)
		return ok && field.Addition && gone[list.Pointer()]
	})
}

// listOf is the list whose item a path names.
func listOf(path Path) (Path, bool) {
	if len(path) == 0 || !strings.HasPrefix(path[len(path)-1], "[") {
		return nil, false
	}
	return path[:len(path)-1], true
}

func liveAdditionsOnly(change Change) bool {
	if change.Cause != CauseBoth {
		return false
	}
	for _, field := range change.Fields {
		if field.Cause&CauseLive != 0 && !field.Addition {
			return false
		}
	}
	return true
}

// withoutAdditions leaves out what was added by hand; what we applied too and Git
// has dropped is Git's to remove.
func withoutAdditions(fields []FieldChange) []FieldChange {
	var kept []FieldChange
	for _, field := range fields {
		if !field.Addition || field.Cause&CauseLive == 0 {
			kept = append(kept, field)
		}
	}
	return kept
}

// grantVerbs are the verbs that allow something.
var grantVerbs = []Verb{VerbSync, VerbHeal, VerbPrune, VerbAdopt, VerbReplace, VerbIgnore}

func grants(verdict Verdict) []Reason {
	var out []Reason
	for _, verb := range grantVerbs {
		out = append(out, verdict.Reasons[verb]...)
	}
	return out
}

// overruled are reasons that were given and that the decision did not follow.
func overruled(verdict Verdict, d Decision) []Reason {
	var out []Reason
	for _, reason := range grants(verdict) {
		if !slices.Contains(d.Because, reason) && relevant(reason.Verb, d) {
			out = append(out, reason)
		}
	}
	return out
}

// relevant leaves out grants for another drift type: a rule that grants prune is
// not overruled by an object that is not extra.
func relevant(verb Verb, d Decision) bool {
	return d.Action == AlertOnly || d.Action == Ignore && d.Because != nil || verb == VerbIgnore
}

func firstText(reasons []Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return reasons[0].Text
}

var severityRank = map[string]int{"": 0, "info": 1, "warning": 2, "critical": 3}

// severityOf is the highest severity any reason names.
func severityOf(verdict Verdict) string {
	highest := ""
	for _, reasons := range verdict.Reasons {
		for _, reason := range reasons {
			if severityRank[reason.Severity] > severityRank[highest] {
				highest = reason.Severity
			}
		}
	}
	return highest
}

func routesOf(verdict Verdict) []string {
	var routes []string
	for _, reason := range verdict.Reasons[VerbNotify] {
		routes = append(routes, reason.Text)
	}
	slices.Sort(routes)
	return slices.Compact(routes)
}
