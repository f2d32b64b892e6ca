package drift

import (
	"time"

	"github.com/killick-dev/killick/internal/nested"
)

// Entry is one object in an app's inventory. UID is empty between the superset
// write before an apply and the confirmation after it.
type Entry struct {
	ID      ID     `json:"id"`
	Version string `json:"v"`
	UID     string `json:"uid,omitempty"`
	// Finished is the desired hash of a Job with a TTL as it was applied. When the
	// TTL controller has removed the Job, it tells that this Job ran already; it
	// stands here and not in the cache, because losing it would run the Job again.
	Finished string `json:"finished,omitempty"`
	// Keep is the mark in Git's last manifest that forbids deleting the object, such
	// as "helm.sh/resource-policy=keep" (docs/guards.md, P6). It holds when somebody takes the
	// mark off the live object.
	Keep string `json:"keep,omitempty"`
}

// Inventory is what an app has applied and not confirmed deleted.
type Inventory struct {
	// Known is false when no parent exists yet or it was lost: then nothing can
	// be pruned in this run.
	Known   bool
	Entries []Entry // sorted by ID
	// Source is the last run's (Provenance.String), for people: pruning asks Guards.
	Source string
	// Guards is what the guards of deletion know, in the copy beside the inventory.
	Guards GuardState
	// Installation is the kube-system UID and state namespace that own the
	// parent.
	Installation string
}

// Row is the memo of one object: the last state confirmed in sync.
type Row struct {
	UID         string `json:"uid"`
	DesiredHash string `json:"desired"` // HMAC of the normalised manifest
	Digest      string `json:"digest,omitempty"`
	// Version is the resourceVersion that was confirmed. Rows and objects share one
	// store, so an equal version is the same object even after a restored backup:
	// the row is restored with it.
	Version string `json:"rv,omitempty"`
	// Proof says that the row may stand for the server's answer: the object was
	// compared, and nothing at all differed that has to be decided again.
	Proof bool `json:"proof,omitempty"`
	// Autoscaled rows leave the replicas to an autoscaler, and hold only while there
	// is one.
	Autoscaled bool `json:"autoscaled,omitempty"`
	// Planned says that the autoscaler stands in Git: while Git does not answer, nobody
	// can have taken it out.
	Planned bool `json:"planned,omitempty"`
	// Gone says that a finished Job was removed by its TTL.
	Gone bool `json:"gone,omitempty"`
	// Replicas is the live spec.replicas, where there is one.
	Replicas *int64 `json:"replicas,omitempty"`
	// Named are the fields that the manifest named.
	Named nested.PathSums `json:"named,omitempty"`
	// EmptyLists are those of the manifest that an apply cannot own.
	EmptyLists []nested.Path `json:"emptyLists,omitempty"`
	// Health is the object's health when it was not Current.
	Health HealthStatus `json:"health,omitempty"`
	// HealthReason says why, without secrets, and HealthSince and HealthCreated are
	// Health's Since and Created.
	HealthReason  string    `json:"healthReason,omitempty"`
	HealthSince   time.Time `json:"healthSince,omitzero"`
	HealthCreated time.Time `json:"healthCreated,omitzero"`
	// HealthOutside is Health's Outside.
	HealthOutside bool `json:"healthOutside,omitempty"`
	// Aging says that it will become another one by time alone.
	Aging bool `json:"aging,omitempty"`
	// Findings are what is said about the object although it is in sync.
	Findings []string `json:"findings,omitempty"`
}

// AppState is the cache kept per app. Losing it costs requests, one extra message per
// incident, and a person's word before anything that left Git is pruned; never
// correctness.
type AppState struct {
	// Basis names what rows were confirmed with: the binary and its tables. Rows of
	// another basis tell causes and prove nothing.
	Basis       string                 `json:"basis,omitempty"`
	Seal        string                 `json:"seal,omitempty"`        // of Basis and Rows
	Rows        map[string]Row         `json:"rows,omitempty"`        // by ID.String()
	LastApplied AppliedRevision        `json:"lastApplied,omitempty"` // last run that had nothing left to do
	Incidents   map[string]Incident    `json:"incidents,omitempty"`   // by ID.String()
	Heals       map[string][]time.Time `json:"heals,omitempty"`       // by ID.String(), the last 24 hours
	Applies     map[string]Applies     `json:"applies,omitempty"`     // by ID.String(), the last 24 hours
	Notified    map[string]string      `json:"notified,omitempty"`    // route → fingerprint of the last message
	// Guards is what the guards of deletion know, in the copy of the cache. Losing it
	// withholds what has left Git, until a person accepts.
	Guards GuardState `json:"guards,omitzero"`
}

// Applies are writes of one manifest that the API server took and after which
// the object was not as Git says.
type Applies struct {
	DesiredHash string      `json:"desired"`
	At          []time.Time `json:"at"`
}

// Sealed is the state with the seal of its rows.
func (s AppState) Sealed(key []byte, app string) AppState {
	s.Seal = s.seal(key, app)
	return s
}

// Trusted says that the rows are what a run of this installation wrote about this
// app: only such rows stand for the API server's answer.
func (s AppState) Trusted(key []byte, app string) bool {
	return s.Seal != "" && s.Seal == s.seal(key, app)
}

func (s AppState) seal(key []byte, app string) string {
	if len(s.Rows) == 0 {
		s.Rows = nil // as it is read back
	}
	seal, err := Seal(key, "rows of "+app, struct {
		Basis string
		Rows  map[string]Row
	}{s.Basis, s.Rows})
	if err != nil {
		return "" // stands for nothing
	}
	return seal
}

// AppliedRevision is the commit an app was last brought to.
type AppliedRevision struct {
	Repository string `json:"repository,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Commit     string `json:"commit,omitempty"`
}

// Incident is one drifted object's history.
type Incident struct {
	FirstSeen time.Time `json:"firstSeen"`
	// Blind says that it was seen while Git did not answer, and by no run since.
	Blind bool `json:"blind,omitempty"`
}

// RunState is what one run leaves to the next beside the apps' own states.
type RunState struct {
	// Notify is the last valid notify section of the config, as JSON without
	// secrets: used when the config itself cannot be read.
	Notify []byte `json:"notify,omitempty"`
	// Cluster is the name in the last valid config, for messages likewise.
	Cluster string `json:"cluster,omitempty"`
	// Installation is the cluster and state namespace that the state was written in:
	// UID/NAMESPACE. A copy of the state in another cluster still says this one.
	Installation string `json:"installation,omitempty"`
	// Config is where the last run's config stands; a local repository by its absolute
	// path. Nil in what was written before it was kept.
	Config *ConfigPlace `json:"config,omitempty"`
	// Own is what the last run in the cluster knew of its own objects.
	Own Installation `json:"own,omitzero"`
	// Record is what the last complete run saw.
	Record *Record `json:"record,omitempty"`
	// Audited is when a run last asked about the objects that were due (Audit).
	Audited time.Time `json:"audited,omitzero"`
	// Errors holds fingerprints of run-level errors already told.
	Errors map[string]time.Time `json:"errors,omitempty"`
	// ErrorTexts are a few of them in words, to name what is gone.
	ErrorTexts map[string]string `json:"errorTexts,omitempty"`
}
