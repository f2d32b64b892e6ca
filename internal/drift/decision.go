package drift

import (
	"time"
)

// Action is what a decision allows.
type Action int

// The zero Action is AlertOnly: touch nothing, tell people.
const (
	AlertOnly Action = iota
	Ignore
	Sync
	Heal
	Prune
)

// String is the word used in reports.
func (a Action) String() string {
	return [...]string{"alert-only", "ignore", "sync", "heal", "prune"}[a]
}

// Writes says whether the action changes the cluster.
func (a Action) Writes() bool { return a == Sync || a == Heal || a == Prune }

// Verb is a rule name that a policy may define in package drift.<area>.
type Verb string

// The verbs, grants and side sets of docs/policies.md.
const (
	VerbSync            Verb = "sync"
	VerbHeal            Verb = "heal"
	VerbPrune           Verb = "prune"
	VerbAlertOnly       Verb = "alert_only"
	VerbIgnore          Verb = "ignore"
	VerbAdopt           Verb = "adopt"
	VerbReplace         Verb = "replace"
	VerbIgnoreFields    Verb = "ignore_fields"
	VerbAlertOnlyFields Verb = "alert_only_fields"
	VerbRequireApproval Verb = "require_approval"
	VerbNotify          Verb = "notify"
)

// Reason is one member that one rule added to a verb's set.
type Reason struct {
	Verb     Verb
	Area     string // the policy's package below data.drift
	Text     string // the reason; for ignore_fields and alert_only_fields the pointer, for notify the route
	Severity string // "", info, warning, critical
	Ref      string // a runbook or ticket
	Rule     string // file:line of the rule
}

// Verdict is everything the policies said about one object.
type Verdict struct {
	Reasons map[Verb][]Reason
	// Err is set when evaluation failed; then nothing is granted and nothing of
	// the app is pruned.
	Err error
}

// Has says whether any reason was given for the verb.
func (v Verdict) Has(verb Verb) bool { return len(v.Reasons[verb]) > 0 }

// Decision is what may be done about one change, and why.
type Decision struct {
	Action Action
	// Reason is one sentence for people.
	Reason string
	// Hint is what a person can do, where Killick cannot.
	Hint string
	// Because are the policy reasons that led to the action.
	Because []Reason
	// Overruled are reasons that were given and did not prevail.
	Overruled []Reason
	Severity  string
	Routes    []string
	// Adopt and Replace say which extra grants the action uses.
	Adopt   bool
	Replace bool
	// Granted are the field changes the action may put back; with cause both
	// and only additions live, the additions stay out.
	Granted []FieldChange
	// Approval is the approval ID the decision waits for.
	Approval string
	// Contested says that more than one app wants the object: each of them tells it, also
	// the one at which it is in sync.
	Contested bool
	// Waits says that everything is granted and a person is to approve it first.
	Waits bool
	// Failed says that deciding itself failed; nothing of the app is pruned.
	Failed bool
	// Err is why, where Failed.
	Err error
}

// Outcome is what became of a step.
type Outcome int

// The zero Outcome is Skipped.
const (
	Skipped Outcome = iota
	Planned
	Applied
	Pruned
	Failed
)

// String is the word used in reports.
func (o Outcome) String() string {
	return [...]string{"skipped", "planned", "applied", "pruned", "failed"}[o]
}

// Step is one object's way through a run: what Git wants, what was seen, how
// they differ and what may be done.
type Step struct {
	App         string
	Object      Object // zero Manifest for an extra
	Observation Observation
	Change      Change
	Decision    Decision
	// Refused lists guard refusals in words, each with its rule number.
	Refused []string
	// NotAsked are the areas that have a say and do not speak for this object.
	NotAsked []string
}

// Result is what became of one step.
type Result struct {
	Step    Step
	Outcome Outcome
	// After is the object as the API server returned it after a write.
	After  map[string]any
	Health Health
	Err    error
	// UID of the object after the write, for the inventory.
	UID string
}

// Health is a status with a reason.
type Health struct {
	Status HealthStatus
	Reason string
	// Since is when what the status rests on began, as a condition of the object tells;
	// Created is when the object was made. Both are zero for what is Current.
	Since   time.Time
	Created time.Time
	// Aging says that the status will become another one by time alone, though nobody
	// writes the object.
	Aging bool
	// Outside says that the object waits for something that nobody in the cluster is known
	// to bring, such as a load balancer's address: nobody waits for it, and nobody who
	// depends on the app is kept waiting.
	Outside bool
}

// HealthStatus is one word about a live object.
type HealthStatus string

// The health statuses. The zero value means: not looked at.
const (
	HealthCurrent     HealthStatus = "Current"
	HealthInProgress  HealthStatus = "InProgress"
	HealthFailed      HealthStatus = "Failed"
	HealthSuspended   HealthStatus = "Suspended"
	HealthTerminating HealthStatus = "Terminating"
	HealthUnknown     HealthStatus = "Unknown"
)

// Control is a switch that stands as an annotation pair on a live object.
type Control struct {
	Active bool      `json:"active"`
	Until  time.Time `json:"-"`
	Reason string    `json:"reason"`
}
