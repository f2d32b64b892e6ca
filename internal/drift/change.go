package drift

import (
	"time"

	"github.com/killick-dev/killick/internal/nested"
)

// State says what an observation knows. Unreadable and Absent are different
// everywhere: only an answer NotFound from the API server means Absent.
type State int

// The zero State is Unreadable.
const (
	Unreadable State = iota
	Absent
	Present
)

// Observation is what the cluster said about one object.
type Observation struct {
	ID    ID
	State State
	// Live is the object as the API server returned it, managedFields included.
	Live map[string]any
	// Predicted is what a forced server-side apply of the desired object would
	// store: the answer to a server-side dry-run. Nil when none was made.
	Predicted map[string]any
	// Prediction says how Predicted came about, or why there is none.
	Prediction Prediction
	// Memo is the row that says so, when Prediction is ByMemo. Live is nil then if
	// nobody has written the object since.
	Memo Row
	// Err says why the object is Unreadable, or why the dry-run was refused.
	Err error
	// Unlisted says that a LIST by the part-of label lacked the object, although it was
	// found by name and has the label: that list's silence proves nothing.
	Unlisted bool
	// NamespaceLabels are the labels of the object's namespace.
	NamespaceLabels map[string]string
	// Autoscaled says that an autoscaler sets the object's replicas: a live
	// HorizontalPodAutoscaler, or one that this plan asks for.
	Autoscaled bool
	// Sized says that this plan hands the containers' resources to a vertical autoscaler
	// which does not know yet what they need.
	Sized bool
	// Incomplete names facts about the object that could not be read; policy is not
	// asked then, and the object is alert-only.
	Incomplete []string
}

// Prediction says how a comparison knows what an apply would store.
type Prediction int

// The tiers of docs/drift.md, and the reasons to have none.
const (
	NotPredicted Prediction = iota // nothing to predict: absent, unreadable, or not desired
	ByDryRun                       // the API server's own answer
	ByProof                        // our managedFields entry proves that an apply is a no-op
	ByMemo                         // the object is as an earlier answer confirmed it
	Unverified                     // the namespace or the CRD does not exist yet; this plan creates it
	ByComparison                   // compared locally, because the dry-run was refused or is not allowed
)

// Type says how desired and live relate.
type Type int

// The zero Type is Unknown: not comparable, so nothing may be done.
const (
	Unknown Type = iota
	InSync
	Missing
	Modified
	Extra
)

// String is the word used in policies and reports.
func (t Type) String() string {
	return [...]string{"unknown", "in-sync", "missing", "modified", "extra"}[t]
}

// Cause says which side moved since both were last equal.
type Cause int

// Git moved: a rollout to make. Live moved: drift to judge.
const (
	CauseNone Cause = 0
	CauseGit  Cause = 1
	CauseLive Cause = 2
	CauseBoth Cause = CauseGit | CauseLive
)

// String is the word used in policies and reports.
func (c Cause) String() string { return [...]string{"none", "git", "live", "both"}[c] }

// Op says what the cluster did relative to Git.
type Op string

// OpAdd: live has the value, Git does not. OpRemove: Git has it, live does not.
const (
	OpAdd     Op = "add"
	OpRemove  Op = "remove"
	OpReplace Op = "replace"
)

// FieldChange is one difference between the desired and the live object.
type FieldChange struct {
	Path    nested.Path
	Op      Op
	Desired any // nil when Git does not have it
	Live    any // nil when live does not have it
	Cause   Cause
	// Manager is the field manager that owns the live value; "" when nobody
	// owns it. It names a program chosen by the client, never a person.
	Manager      string
	ManagerClass Class
	// ManagerTime is that manager's last write to the object, not necessarily
	// to this field (managedFields keep one time per entry).
	ManagerTime time.Time
	// Addition marks a field that another manager added and Git never
	// mentioned; server-side apply alone does not remove it.
	Addition bool
	// Leftover marks an empty list that Git dropped and that an apply leaves where it
	// is, because it cannot own it.
	Leftover bool
	// Excluded marks a field that Git does not name and that the API server does not take
	// beside what Git says, such as a default of the old choice of a union. The write takes
	// it away, and a dry-run has shown that the server takes the whole write then.
	Excluded bool
	// Fixed marks a difference that the API server does not let anybody take back in place,
	// as a dry-run of the whole write has shown. A write leaves the live value there.
	Fixed bool
	// Kept marks what we applied, Git dropped, and an apply that lets it go leaves as it is.
	Kept bool
	// Unsure marks what is Kept while the API server has not said whether it is a default,
	// and whether it can be changed in place. A write leaves it as it is, and our claim to
	// it, by which the next run finds it again.
	Unsure bool
	// Unverified marks an addition of which the API server did not say whether it fills it
	// in by itself: it counts as drift, and may be a default.
	Unverified bool
	// Left marks a difference that policy's alert_only_fields leaves to people: a write
	// keeps the live value there, and the report tells it.
	Left bool
	// Partial marks an atomic value of which policy ignores the parts that
	// IgnoredParts name, relative to Path: Desired then carries the live value
	// there.
	Partial      bool
	IgnoredParts []nested.Path
	// Note says in words what a reader should know about this field, such as
	// that admission changed our own write.
	Note string
}

// Change is the comparison of one object: facts only, no judgement.
type Change struct {
	ID      ID
	Version string
	Type    Type
	Cause   Cause
	Fields  []FieldChange
	// Ignored are the differences that policy or an autoscaler took out.
	Ignored []FieldChange
	// Ownership says whose object it is.
	Ownership Ownership
	// Immutable lists the paths the API server refuses to change in place.
	Immutable []nested.Path
	// Findings are facts beside field changes: a stripped label, a terminating
	// object, lost ownership.
	Findings []string
	// Err says why the type is Unknown, or why an apply would be refused. With
	// InSync it says why the server did not confirm what was compared locally.
	Err error
	// Unverified is set on a missing object whose namespace or kind does not
	// exist yet.
	Unverified bool
	// Untried is set when the account may not ask the API server for a dry-run, and nothing
	// is to be written: the comparison is local, and no memo is made of it.
	Untried bool
	// Terminating is set when the live object has a deletionTimestamp.
	Terminating bool
	// UID and ResourceVersion of the live object that was judged.
	UID             string
	ResourceVersion string
}

// Ownership says whose object a live object is.
type Ownership struct {
	Tracked    bool     // ours: in the inventory under this UID, or labelled with our part-of
	Foreign    bool     // labelled part-of some other ApplySet that is not of this installation
	PartOf     string   // the live part-of label
	Tool       string   // deployer recognised on the live object: Helm, Argo CD, Flux, …
	Managers   []string // field managers on the live object, sorted
	Controlled bool     // has a controller ownerReference
	Autoscaled bool     // an autoscaler sets its replicas
	Sized      bool     // a vertical autoscaler is to set its containers' resources
	// Recreated says that the inventory knows the object under another UID: it was
	// deleted, and somebody else made the one that is there.
	Recreated bool
	// LabelOwned says that the part-of label was written by our own field
	// manager (docs/guards.md, P4).
	LabelOwned bool
}
