package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/summary"
)

// conclude turns what the stages left into the report, the tally and the states
// to save. remembered are the apps that were looked at without Git.
func (r Reconciler) conclude(ctx context.Context, request Request, started time.Time, apps []app, remembered map[string]recollection) Outcome {
	outcome := blank(request, started)
	outcome.Tally = Tally{Interrupted: ctx.Err() != nil, NoneUsable: len(apps) > 0, Unreachable: len(apps) > 0}
	for _, a := range apps {
		outcome.Secrets = append(outcome.Secrets, a.secrets...)
		for _, result := range a.results { // some were read again since they were judged
			id := result.Step.Change.ID
			outcome.Secrets = append(outcome.Secrets, redact.SecretValues(id, result.Step.Observation.Live)...)
			outcome.Secrets = append(outcome.Secrets, redact.SecretValues(id, result.After)...)
		}
		if !a.selected {
			continue
		}
		if a.err != nil {
			outcome.Report.Errors = append(outcome.Report.Errors, drift.ReportOf(a.config.Name, a.stage, a.err))
			if last, ok := remembered[a.config.Name]; ok {
				outcome = outcome.with(last)
			}
			outcome.Tally.Partial = true
			outcome.Tally.Unreachable = outcome.Tally.Unreachable && a.stage == "observe" && errors.Is(a.err, drift.ErrUnreachable)
			if a.stage != "source" && a.stage != "render" {
				outcome.Tally.NoneUsable = false
			}
			continue
		}
		outcome.Tally.NoneUsable, outcome.Tally.Unreachable = false, false
		now := r.Now()
		outcome.Report.Errors = append(outcome.Report.Errors, errorsOf(a)...)
		a.results = r.withHealth(a.results, now)
		state := a.state
		if request.Mode.Remembers() {
			state = remember(request, a, now)
			outcome.States[a.config.Name] = state
		}
		outcome.Report.Apps = append(outcome.Report.Apps, withHolders(apps, a, reportApp(request, a, state, now)))
		outcome.Tally = tally(outcome.Tally, a, request.Namespace)
		outcome.Explained = append(outcome.Explained, r.explained(request, a)...)
	}
	outcome.Report.Run.Finished = r.Now().UTC()
	if request.Mode.Remembers() && len(request.Only) == 0 && ctx.Err() == nil {
		outcome.Record = recorded(request, apps, outcome.States, outcome.Report, started)
	}
	return outcome
}

// blank is the outcome of a run before any app is in it.
func blank(request Request, started time.Time) Outcome {
	return Outcome{States: map[string]drift.AppState{}, Report: drift.Report{
		Schema: drift.ReportSchema, Cluster: request.Cluster,
		Run:  request.Mode.Header(request.RunID, request.Version, started),
		Apps: []drift.ReportApp{}, Errors: append([]drift.ReportError{}, request.Errors...), Warnings: request.Warnings,
	}}
}

func (r Reconciler) explained(request Request, a app) []Explained {
	if request.Explain == nil {
		return nil
	}
	court := court{Reconciler: r, request: request}
	var found []Explained
	for _, result := range a.results {
		if request.Explain(result.Step.Change.ID) {
			found = append(found, Explained{Step: result.Step, Result: result, Input: court.input(a, result.Step),
				Asked: asked(result.Step.Change, court.facts(a, result.Step))})
		}
	}
	return found
}

func errorsOf(a app) []drift.ReportError {
	errors := append([]drift.ReportError{}, a.problems...)
	for _, err := range a.failed {
		errors = append(errors, drift.ReportOf(a.config.Name, "act", err))
	}
	for _, set := range a.stops() {
		errors = append(errors, drift.ReportError{App: a.config.Name, Stage: "decide",
			Message: "a guard stopped writes: " + set.Reason, Hint: acceptHint(set.Hash)})
	}
	return errors
}

func reportApp(request Request, a app, state drift.AppState, now time.Time) drift.ReportApp {
	results, filtered := inNamespace(a.results, request.Namespace)
	return summary.AppOf(summary.AppOutcome{
		App: a.config, Revision: a.revision, Rendered: a.rendered,
		Complete: len(a.incomplete) == 0 && (len(a.failed) == 0 || a.unconfirmed), FirstRun: !a.known(),
		Skipped: a.rendered.Skipped + filtered, Results: results, Health: summary.WorstHealth(results),
		Warnings: warningsOf(a, results), Withheld: a.withheld, State: state, Now: now,
	})
}

// warningsOf is what a person should know about an app and what stopped nothing.
func warningsOf(a app, results []drift.Result) []string {
	var warnings []string
	if len(a.forgotten) > 0 {
		warnings = append(warnings, "the inventory was lost, and what the app has of "+strings.Join(a.forgotten, ", ")+
			" could not be looked for: it will not be pruned")
	}
	for _, warning := range a.rendered.Warnings {
		text := warning.Message
		if file := drift.FileLine(warning.Origin.File, warning.Origin.Line); file != "" {
			text = file + ": " + text
		}
		warnings = append(warnings, text)
	}
	for _, result := range results {
		// What is in sync is not listed, but a finding about it is said.
		if result.Step.Change.Type == drift.InSync && result.Outcome == drift.Skipped {
			for _, finding := range result.Step.Change.Findings {
				warnings = append(warnings, result.Step.Change.ID.Short()+": "+finding)
			}
		}
	}
	if !a.inventory.Known {
		warnings = append(warnings, "nothing of this app was ever applied, so objects that left Git cannot be seen yet")
	}
	return warnings
}

// known says whether an earlier run has been here.
func (a app) known() bool {
	return len(a.state.Rows) > 0 || len(a.state.Incidents) > 0 || a.state.LastApplied.Commit != ""
}

// inNamespace filters a plan's results; the rest is counted as skipped.
func inNamespace(results []drift.Result, namespace string) ([]drift.Result, int) {
	if namespace == "" {
		return results, 0
	}
	var kept []drift.Result
	for _, result := range results {
		if result.Step.Change.ID.Namespace == namespace {
			kept = append(kept, result)
		}
	}
	return kept, len(results) - len(kept)
}

// withHealth judges what was not written in this run by what was observed.
func (r Reconciler) withHealth(results []drift.Result, now time.Time) []drift.Result {
	judged := make([]drift.Result, len(results))
	for i, result := range results {
		seen := result.Step.Observation
		switch {
		case result.Health.Status != "" || result.Outcome == drift.Pruned:
		case seen.Live != nil:
			result.Health = r.Health(seen.Live, now)
		case seen.Prediction == drift.ByMemo:
			result.Health = seen.Memo.HealthThen()
		}
		judged[i] = result
	}
	return judged
}

func tally(t Tally, a app, namespace string) Tally {
	t.Guarded = t.Guarded || len(a.stops()) > 0
	t.Partial = t.Partial || len(a.problems) > 0 || len(a.failed) > 0
	results, _ := inNamespace(a.results, namespace)
	for _, result := range results {
		step := result.Step
		switch {
		case step.Change.NotVerified():
			t.Drift = true
		case step.Change.Type == drift.Unknown, step.Decision.Failed, result.Outcome == drift.Failed, refused(step):
			t.Partial = true
		case drifted(result) && step.Decision.Action != drift.Ignore, step.Decision.Contested:
			t.Drift = true
		}
	}
	return t
}

// refused says that the API server would not take what Git says: a webhook, a
// quota or its own validation is against it. A field that cannot be changed in
// place is for policy to judge, not a failure; and an account that may not even
// ask is one only where policy wanted a write.
func refused(step drift.Step) bool {
	acted := step.Decision.Action.Writes() || step.Decision.Action == drift.Ignore
	if acted || step.Change.Err == nil || errors.Is(step.Change.Err, drift.ErrImmutable) {
		return false
	}
	return !errors.Is(step.Change.Err, drift.ErrForbidden) || wanted(step)
}

// wanted says that policy granted the write that was withheld.
func wanted(step drift.Step) bool {
	verb := drift.VerbSync
	if step.Change.Cause == drift.CauseLive {
		verb = drift.VerbHeal
	}
	return len(step.Decision.Because) == 0 &&
		slices.ContainsFunc(step.Decision.Overruled, func(r drift.Reason) bool { return r.Verb == verb })
}
