package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// Request is one run's task: plain values from the config and the flags.
type Request struct {
	Mode           Mode
	RunID          string
	Version        string // of the binary
	Cluster        drift.ReportCluster
	Capabilities   drift.Capabilities
	ConfigPath     string      // in the config's own repository
	Local          bool        // a plan from a clone or a worktree on disk
	Apps           []drift.App // every app of the config
	Only           []string    // names of apps to look at; empty means all
	Namespace      string      // report only objects of this namespace; plan only
	Guards         drift.Guards
	Noise          drift.Noise // tells hands from programs; the zero value is the built-in table
	Parents        []string    // apps that have a parent in the state namespace, in the config or not
	StateNamespace string
	Own            drift.Installation // what no app may manage
	Key            []byte             // keys every stored hash
	NoMemo         bool               // the key could not be read, so stored hashes tell nothing
	// Trust says what may stand in for the API server's answer, and Audit about what
	// it is asked all the same.
	Trust drift.Trust
	Audit drift.Audit
	// Last is the record of the last complete run, if this installation wrote it: an
	// app whose repository does not answer is looked at with what it holds.
	Last *drift.Record
	// Errors and Warnings come from before the run and belong in its report.
	Errors   []drift.ReportError
	Warnings []string
	// Explain selects objects whose policy input is wanted; nil selects none.
	Explain func(drift.ID) bool
}

// own is what no app may manage, the state namespace in any case.
func (r Request) own() drift.Installation {
	own := r.Own
	own.StateNamespace = r.StateNamespace
	return own
}

// Reconciler holds a run's collaborators.
type Reconciler struct {
	Source   Source
	Renderer Renderer
	Reader   Reader
	Pods     Pods
	Writer   Writer // nil unless the mode acts
	Memory   Memory
	Policies Policies
	Health   Health
	Progress Progress
	Now      func() time.Time

	// halt ends the run's work as an interruption does, with what is to be said.
	halt context.CancelCauseFunc
}

// Outcome is a finished run: the report, what the exit code depends on, and what
// must not be printed.
type Outcome struct {
	Report drift.Report
	Tally  Tally
	// Explained are the selected objects with what policies saw of them.
	Explained []Explained
	// Secrets are values seen in Secrets; the redactor removes them everywhere.
	Secrets []drift.SecretValue
	// States are the apps' caches as they are to be saved once people were told.
	States map[string]drift.AppState
	// Record is what a run over all apps leaves to the next; nil when an app
	// dropped out.
	Record *drift.Record
}

// Explained is one object's way to its decision.
type Explained struct {
	Step   drift.Step
	Result drift.Result
	Input  drift.Input
	// Asked says that policies had a say.
	Asked bool
}

// Do runs every stage. Whatever goes wrong with one app or one object is in the
// report; Do itself never fails.
func (r Reconciler) Do(ctx context.Context, request Request) Outcome {
	started := r.Now().UTC()
	ctx, r.halt = context.WithCancelCause(ctx)
	defer r.halt(nil)
	apps := r.prepare(ctx, request)
	judged := r.judge(ctx, request, apps)
	guarded, unused := r.guard(ctx, request, judged)
	request.Warnings = append(request.Warnings, unusedWarnings(unused)...)
	acted := r.act(ctx, request, guarded)
	left, forgotten := r.orphans(ctx, request, acted)
	request.Errors, request.Warnings = append(slices.Clone(request.Errors), left...), append(request.Warnings, forgotten...)
	if cause := context.Cause(ctx); errors.Is(cause, drift.ErrRunaway) {
		request.Errors = append(slices.Clone(request.Errors), drift.ReportOf("", "policy", cause))
	}
	return r.conclude(ctx, request, started, acted, r.unfetched(ctx, request, acted))
}

// app is one app on its way through the stages. Each stage fills in its own part
// and hands it on.
type app struct {
	config   drift.App
	partOf   string
	selected bool // --app names it, or nothing was named
	// prepare
	revision  drift.Revision
	rendered  drift.Rendered
	source    drift.Provenance
	commit    drift.AppliedCommit
	objects   []drift.Object
	hashes    map[drift.ID]string
	keeps     map[drift.ID]string // which mark in the manifest forbids deleting
	scalers   []diff.Scaler
	inventory drift.Inventory
	state     drift.AppState
	guards    drift.GuardState // what both copies of it say
	err       error            // the app drops out
	stage     string           // where
	// judge
	steps      []drift.Step
	gone       []drift.Entry // inventory entries whose objects are gone or handed over
	leaving    []drift.Entry // inventory entries that another app takes over in this run
	adopted    []drift.Entry // labelled objects that re-enter a lost inventory
	incomplete []string
	problems   []drift.ReportError
	secrets    []drift.SecretValue
	forgotten  []string              // kinds that a lost inventory could not be rebuilt from
	contested  map[drift.ID][]string // objects that more than one app wants
	rivals     map[string]bool       // apps of which is not known what they want
	scaled     map[drift.ID]bool     // replicas are an autoscaler's, of any app's plan
	sized      map[drift.ID]bool     // resources are to be a vertical autoscaler's
	silenced   silenced              // areas that are not asked any more
	// guard
	empty      bool                // the render is empty, and not accepted (docs/guards.md, P3)
	reappeared map[drift.ID]string // extras that left because of the cluster (docs/guards.md, P2)
	descent    descent             // from the last applied commit (docs/guards.md, P5)
	withheld   []drift.Withheld
	// act
	deleting time.Time // when the run began to delete; zero when it deletes nothing
	results  []drift.Result
	waits    string // why nothing of the app was written: a dependency
	failed   []error
	// unconfirmed says that all of failed is the inventory, which could not be written after
	// the writes: what the report tells of them is true all the same.
	unconfirmed bool
}

func (a app) fail(stage string, err error) app {
	a.err, a.stage = err, stage
	return a
}

// family maps every part-of value of this installation to its app: objects
// labelled with one of them are this installation's own, also those of an app
// that left the config.
func family(request Request) map[string]string {
	names := map[string]string{}
	for _, name := range request.Parents {
		names[drift.ApplySetID(name, request.StateNamespace)] = name
	}
	for _, config := range request.Apps {
		names[drift.ApplySetID(config.Name, request.StateNamespace)] = config.Name
	}
	return names
}
