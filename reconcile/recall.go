package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/summary"
)

// Recall looks at the cluster with nothing but what earlier runs wrote down:
// nothing is fetched, rendered or decided. Still says that every object is as it
// was when it was last found in sync, and that nothing has come beside them.
//
// What is not still is reported as far as it can be told without Git, and left
// alone: with Git at hand a full run is to look at it. No app is complete in this
// report: whoever knows that Git has not moved may say so.
func (r Reconciler) Recall(ctx context.Context, request Request, record drift.Record) (outcome Outcome, still bool) {
	request.Warnings = record.Warnings
	outcome = blank(request, r.Now().UTC())
	apps, still := r.recall(ctx, request, record, nil)
	for _, a := range apps {
		outcome = outcome.with(a)
	}
	outcome.Report.Run.Finished = r.Now().UTC()
	return outcome, still
}

// Unmoved is the outcome where the cluster stands as the record says: each app is as
// it was reported then.
func (r Reconciler) Unmoved(request Request, record drift.Record) Outcome {
	request.Warnings = record.Warnings
	outcome := blank(request, r.Now().UTC())
	for _, a := range record.Apps {
		outcome.Report.Apps = append(outcome.Report.Apps, a.Report)
	}
	outcome.Report.Run.Finished = r.Now().UTC()
	return outcome
}

// recall looks at the recorded apps. One whose memo may not be believed is left out.
// configs are today's apps as far as they are known.
func (r Reconciler) recall(ctx context.Context, request Request, record drift.Record, configs map[string]drift.App) (found []recollection, still bool) {
	request.Noise = record.Noise
	still = true
	var apps []recalled
	var wants []drift.Want
	for _, a := range r.reminded(ctx, request, record, configs) {
		if a.err != nil {
			still = false
			continue
		}
		apps, wants = append(apps, a), append(wants, a.want)
	}
	if len(wants) == 0 {
		return nil, still
	}
	r.Progress.Stage("", "observe", "")
	seen, err := r.Reader.Observe(ctx, wants)
	if err != nil {
		return nil, false
	}
	for i, a := range apps {
		results, open := a.compare(seen[i], record)
		results = r.withHealth(results, r.Now())
		still = still && open == 0 && len(seen[i].Problems) == 0 && !slices.ContainsFunc(seen[i].Labelled, a.newcomer)
		now := recollection{state: a.state, problems: seen[i].Problems}
		// Without Git nothing is resolved.
		now.state.Incidents = map[string]drift.Incident{}
		maps.Copy(now.state.Incidents, a.state.Incidents)
		for _, result := range results {
			if id := result.Step.Change.ID.String(); drifted(result) {
				still = false
				incident := firstSeen(a.state.Incidents, id, r.Now())
				incident.Blind = true
				now.state.Incidents[id] = incident
			}
		}
		for _, seen := range seen[i].Objects {
			now.secrets = append(now.secrets, redact.SecretValues(seen.ID, seen.Live)...)
		}
		now.report = a.report(results, open, now.state, r.Now())
		found = append(found, now)
	}
	return found, still
}

// recollection is what was seen of one app with nothing but what is remembered.
type recollection struct {
	report   drift.ReportApp
	state    drift.AppState
	problems []drift.ReportError
	secrets  []drift.SecretValue
}

// with adds to an outcome an app that was seen without Git.
func (o Outcome) with(a recollection) Outcome {
	o.States[a.report.Name] = a.state
	o.Report.Apps = append(o.Report.Apps, a.report)
	o.Report.Errors = append(o.Report.Errors, a.problems...)
	o.Secrets = append(o.Secrets, a.secrets...)
	return o
}

// unfetched looks without Git at the apps whose repository does not answer.
func (r Reconciler) unfetched(ctx context.Context, request Request, apps []app) map[string]recollection {
	if request.Last == nil || request.Trust < drift.TrustMemo || request.Namespace != "" {
		return nil
	}
	down := map[string]drift.App{}
	for _, a := range apps {
		if a.selected && a.stage == "source" && errors.Is(a.err, drift.ErrUnreachable) {
			down[a.config.Name] = a.config
		}
	}
	last := *request.Last
	last.Apps = slices.DeleteFunc(slices.Clone(last.Apps), func(a drift.RecordedApp) bool {
		_, ok := down[a.Report.Name]
		return !ok
	})
	found, _ := r.recall(ctx, request, last, down)
	seen := map[string]recollection{}
	for _, a := range found {
		seen[a.report.Name] = a
	}
	return seen
}

// recalled is one app as it is remembered.
type recalled struct {
	last  drift.ReportApp
	want  drift.Want
	state drift.AppState
	err   error
}

// reminded loads what is remembered of every recorded app.
func (r Reconciler) reminded(ctx context.Context, request Request, record drift.Record, configs map[string]drift.App) []recalled {
	apps := make([]recalled, len(record.Apps))
	group := errgroup.Group{}
	group.SetLimit(appsAtOnce)
	for i, recorded := range record.Apps {
		group.Go(func() error {
			config, known := configs[recorded.Report.Name]
			if !known {
				config = recorded.App()
			}
			apps[i] = r.remind(ctx, request, recorded.Report, config)
			return nil
		})
	}
	_ = group.Wait() // every failure stands in its app
	return apps
}

func (r Reconciler) remind(ctx context.Context, request Request, last drift.ReportApp, config drift.App) recalled {
	a := recalled{last: last, want: drift.Want{App: config}}
	inventory, state, err := r.Memory.Load(ctx, last.Name)
	if err != nil {
		a.err = err
		return a
	}
	a.state = state
	a.want.Inventory = visible(app{config: config, inventory: inventory})
	if a.state.Basis != request.basis() || !a.state.Trusted(request.Key, last.Name) {
		a.err = errors.New("its memo was not written by this installation with this binary")
		return a
	}
	a.want.PartOf = drift.ApplySetID(last.Name, request.StateNamespace)
	a.want.Belief = drift.Belief{Trust: drift.TrustMemo, Key: request.Key, Noise: request.Noise, Alone: true}
	for _, entry := range a.want.Inventory.Entries {
		a.want.Objects = append(a.want.Objects, drift.Object{ID: entry.ID, Version: entry.Version})
		a.want.Rows = append(a.want.Rows, a.state.Rows[entry.ID.String()])
	}
	return a
}

// newcomer says that an object nobody wrote down is the app's own; a copy of the
// label makes none.
func (a recalled) newcomer(seen drift.Observation) bool {
	return ours(a.want.PartOf, diff.CompareExtra(seen, drift.Entry{ID: seen.ID}, nil))
}

// compare says of every object whether it is as it is remembered. Of what was not in
// sync when Git last answered there is nothing to say; open is the number of such
// objects.
func (a recalled) compare(seen drift.Seen, record drift.Record) (results []drift.Result, open int) {
	for i, object := range a.want.Objects {
		if incident, ok := a.state.Incidents[object.ID.String()]; ok && !incident.Blind {
			open++
			continue
		}
		step := drift.Step{App: a.want.App.Name, Object: object, Observation: seen.Objects[i]}
		step.Change = a.change(i, seen.Objects[i], record.At)
		if step.Change.Type != drift.InSync {
			step.Decision.Reason = "Git did not answer, so nothing is decided"
		}
		results = append(results, drift.Result{Step: step})
	}
	return results, open
}

func (a recalled) change(i int, seen drift.Observation, since time.Time) drift.Change {
	object, row := a.want.Objects[i], a.want.Row(i)
	change := drift.Change{ID: object.ID, Version: object.Version, Cause: drift.CauseLive}
	change.UID, change.ResourceVersion = nested.UIDOf(seen.Live), nested.ResourceVersionOf(seen.Live)
	switch {
	case seen.Prediction == drift.ByMemo:
		return diff.Compare(diff.Comparison{App: a.want.App, Object: object, Observation: seen, PartOf: a.want.PartOf})
	case seen.State == drift.Absent && row.Gone:
		change.Type, change.Cause = drift.InSync, drift.CauseNone
	case seen.State == drift.Unreadable:
		change.Cause, change.Err = drift.CauseNone, seen.Err
	case !row.Proof:
		change.Cause, change.Err = drift.CauseNone, errors.New("it was not seen in sync before Git stopped answering")
	case seen.State == drift.Absent:
		change.Type = drift.Missing
		change.Findings = []string{"was in sync before and is gone"}
	case nested.UIDOf(seen.Live) != row.UID:
		change.Type = drift.Modified
		change.Findings = []string{"was deleted and created again since it was last in sync"}
	default:
		change.Type = drift.Modified
		change.Findings = []string{"is not as it was when it was last in sync" + written(seen.Live, since)}
	}
	return change
}

// written says who wrote an object since a moment, as far as the object tells.
func written(live map[string]any, since time.Time) string {
	var names []string
	for _, by := range ownership.Writers(live, since) {
		names = append(names, fmt.Sprintf("%s (%s)", by.Manager, by.Time.UTC().Format(time.RFC3339)))
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; written since by field manager " + strings.Join(names, ", ")
}

// report is the app's part: what was remembered of its source, and what was seen
// of its objects now. open are the objects that are left out.
func (a recalled) report(results []drift.Result, open int, state drift.AppState, now time.Time) drift.ReportApp {
	report := summary.AppOf(summary.AppOutcome{
		App: a.want.App, Skipped: a.last.Counts.Skipped + open,
		Results: results, Health: summary.WorstHealth(results), State: state, Now: now,
	})
	report.Renderer, report.Revision, report.Warnings = a.last.Renderer, a.last.Revision, slices.Clone(a.last.Warnings)
	if applied := a.state.LastApplied; applied.Commit != "" && applied.Commit != report.Revision.Commit {
		web := report.Revision.Web
		report.Revision = drift.ReportRevision{Ref: applied.Ref, Commit: applied.Commit, Web: web}
		if web != nil {
			report.Revision.URL = web.Commit(applied.Commit)
		}
	}
	if open > 0 {
		report.Warnings = append(report.Warnings,
			fmt.Sprintf("Git did not answer: what was not in sync before is left out, since nothing new is known of it (%d)", open))
	}
	return report
}

// recorded is what a run leaves of its apps; settled says that nothing is left to
// decide or to do about any of them.
func recorded(request Request, apps []app, states map[string]drift.AppState, report drift.Report, now time.Time) *drift.Record {
	record := &drift.Record{Settled: len(report.Errors) == 0, At: now.UTC().Truncate(time.Second), Warnings: report.Warnings}
	if len(request.Noise.Managers) > 0 || len(request.Noise.Quiet) > 0 {
		record.Noise = request.Noise
	}
	byName := map[string]drift.ReportApp{}
	for _, app := range report.Apps {
		byName[app.Name] = app
	}
	for _, a := range apps {
		if a.err != nil {
			return nil // it dropped out: this was no complete run
		}
		last := byName[a.config.Name]
		record.Settled = record.Settled && a.settled(states[a.config.Name], now)
		last.Resources, last.FirstRun = []drift.ReportResource{}, false
		record.Apps = append(record.Apps, drift.RecordedApp{Report: last, ServiceAccount: a.config.ServiceAccount, Secrets: a.config.Secrets})
	}
	if record.Settled {
		record.Standing = standing(apps, states)
	}
	return record
}

// standing is how a settled run left the objects; nil when a head does not tell all
// of one of them.
func standing(apps []app, states map[string]drift.AppState) *drift.Standing {
	kinds := map[string]map[string]drift.Kind{} // by service account and GroupKind
	var heads []drift.Head
	for _, a := range apps {
		account := a.config.ServiceAccount
		if kinds[account] == nil {
			kinds[account] = map[string]drift.Kind{}
		}
		for _, result := range a.results {
			kind, id := result.Step.Object.Kind(), result.Step.Change.ID
			head, ok := states[a.config.Name].Rows[id.String()].Head(account, id)
			if !ok {
				return nil
			}
			if listed, ok := kinds[account][kind.GroupKind()]; !ok || kind.Compare(listed) < 0 {
				kinds[account][kind.GroupKind()] = kind
			}
			heads = append(heads, head)
		}
	}
	left := &drift.Standing{Kinds: map[string][]drift.Kind{}, Objects: drift.DigestOf(heads)}
	for account, listed := range kinds {
		left.Kinds[account] = slices.SortedFunc(maps.Values(listed), drift.Kind.Compare)
	}
	return left
}

// settled says that a run has nothing to decide or to do about the app as long as
// neither Git nor its objects move.
func (a app) settled(state drift.AppState, now time.Time) bool {
	stopped := a.waits != "" || len(a.withheld) > 0 || a.empty || a.config.Suspend.Active(now)
	if stopped || len(a.incomplete) > 0 || len(a.failed) > 0 || len(a.problems) > 0 || len(a.forgotten) > 0 {
		return false
	}
	judged := map[drift.ID]bool{}
	for _, result := range a.results {
		id := result.Step.Change.ID
		if drifted(result) || result.Outcome != drift.Skipped || !state.Rows[id.String()].Proof || len(a.contested[id]) > 0 {
			return false
		}
		judged[id] = true
	}
	return len(judged) == len(a.inventory.Entries) &&
		!slices.ContainsFunc(a.inventory.Entries, func(e drift.Entry) bool { return !judged[e.ID] })
}
