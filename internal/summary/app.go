package summary

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// AppOutcome is everything one app's report part is built from.
type AppOutcome struct {
	App      drift.App
	Revision drift.Revision
	Rendered drift.Rendered
	Complete bool
	FirstRun bool
	Skipped  int // objects outside the plan: skipped Secrets, hooks, filtered ones
	Results  []drift.Result
	Health   drift.HealthStatus
	Warnings []string
	Withheld []drift.Withheld
	State    drift.AppState
	Now      time.Time
	// All lists what is in sync as well.
	All bool
}

// AppOf turns one app's results into its part of the report. Counts cover
// every result; resources list what is not in sync or was acted on.
func AppOf(outcome AppOutcome) drift.ReportApp {
	report := drift.ReportApp{
		Name: outcome.App.Name, Path: outcome.App.Path, Renderer: outcome.Rendered.Renderer,
		Revision: ReportRevisionOf(outcome.Revision, outcome.App.Web),
		Complete: outcome.Complete, FirstRun: outcome.FirstRun, Health: outcome.Health,
		Resources: []drift.ReportResource{}, Warnings: outcome.Warnings, Withheld: reportWithheld(outcome.Withheld),
	}
	if outcome.App.Suspend.Active(outcome.Now) {
		report.Suspended = outcome.App.Suspend.Reason
	}
	report.Counts.Skipped = outcome.Skipped
	regrouped := regrouped(outcome.Results)
	for _, result := range outcome.Results {
		count(&report.Counts, result)
		if reported(result) || outcome.All {
			resource := reportResource(result, outcome.State)
			if group, ok := regrouped[resource.ID()]; ok {
				resource.Findings = append(slices.Clone(resource.Findings), saysRegrouped(group))
				resource.Lost = LostByReplacing(resource.ID(), result.Step.Observation.Live, nil)
			}
			report.Resources = append(report.Resources, resource)
		}
	}
	report.Unhealthy, report.UnhealthyTotal = unhealthy(outcome.Results)
	slices.SortFunc(report.Resources, func(a, b drift.ReportResource) int { return a.ID().Compare(b.ID()) })
	return report
}

// regrouped are the objects to prune of which Git wants one of the same kind and name in
// another API group, with that group: what they stand for is deleted and created again,
// although each is an object of its own. (Where both groups serve one object, P1
// of docs/guards.md does not make it a candidate.)
func regrouped(results []drift.Result) map[drift.ID]string {
	created := map[drift.ID]string{}
	for _, result := range results {
		if id := result.Step.Change.ID; result.Step.Change.Type == drift.Missing && result.Step.Decision.Action.Writes() {
			created[drift.ID{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}] = id.Group
		}
	}
	found := map[drift.ID]string{}
	for _, result := range results {
		id := result.Step.Change.ID
		group, ok := created[drift.ID{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}]
		if ok && group != id.Group && result.Step.Decision.Action == drift.Prune {
			found[id] = group
		}
	}
	return found
}

func saysRegrouped(group string) string {
	return fmt.Sprintf("Git has it in API group %q now: that one is created, this one is deleted", group)
}

// reportWithheld are the sets that wait for a person.
func reportWithheld(sets []drift.Withheld) []drift.ReportWithheld {
	var out []drift.ReportWithheld
	for _, set := range sets {
		if set.Accepted {
			continue
		}
		reported := drift.ReportWithheld{Guard: set.Guard, Reason: set.Reason, Hash: set.Hash, Later: set.Later, Objects: []drift.ReportDeletion{}}
		for _, object := range set.Objects {
			reported.Objects = append(reported.Objects, drift.ReportDeletion{Group: object.ID.Group, Kind: object.ID.Kind,
				Namespace: object.ID.Namespace, Name: object.ID.Name, UID: object.UID, Replace: object.Replace})
		}
		out = append(out, reported)
	}
	return out
}

// reported says whether a result stands in the report's list: also what is in sync, where
// more than one app wants it.
func reported(result drift.Result) bool {
	return result.Step.Change.Type != drift.InSync || result.Outcome != drift.Skipped || result.Step.Decision.Contested
}

func count(counts *drift.ReportCounts, result drift.Result) {
	switch result.Step.Change.Type {
	case drift.InSync:
		counts.InSync++
	case drift.Missing:
		counts.Missing++
	case drift.Modified:
		counts.Modified++
	case drift.Extra:
		counts.Extra++
	default:
		counts.Unknown++
	}
	if !reported(result) {
		return
	}
	action := result.Step.Decision.Action
	switch {
	case result.Outcome == drift.Failed:
		counts.Failed++
	case action == drift.Ignore:
		counts.Ignored++
	case action == drift.AlertOnly:
		counts.Alerted++
		if result.Step.Decision.Waits {
			counts.Waiting++
		}
	case result.Outcome == drift.Applied && result.Step.Decision.Replace:
		counts.Replaced++
	case result.Outcome == drift.Applied && action == drift.Sync:
		counts.Synced++
	case result.Outcome == drift.Applied && action == drift.Heal:
		counts.Healed++
	case result.Outcome == drift.Pruned:
		counts.Pruned++
	}
}

func reportResource(result drift.Result, state drift.AppState) drift.ReportResource {
	step := result.Step
	change, decision := step.Change, step.Decision
	resource := drift.ReportResource{
		Group: change.ID.Group, Version: change.Version, Kind: change.ID.Kind,
		Namespace: change.ID.Namespace, Name: change.ID.Name,
		Drift: change.Type.String(), Cause: change.Cause.String(),
		Action: decision.Action.String(), Outcome: result.Outcome.String(), Reason: decision.Reason,
		Rules: reportRules(decision.Because), Overruled: reportRules(decision.Overruled),
		Fields: reportFields(change.Fields), Findings: change.Findings, Refused: step.Refused, NotAsked: step.NotAsked,
		Origin: step.Object.Origin, Health: result.Health.Status, HealthReason: result.Health.Reason,
		Severity: decision.Severity, Routes: decision.Routes, Approval: decision.Approval, Waiting: decision.Waits,
	}
	if resource.Replace = decision.Replace && decision.Action.Writes(); resource.Replace {
		resource.Lost = LostByReplacing(change.ID, step.Observation.Live, step.Object.Unpack().Manifest)
	}
	if len(change.Ignored) > 0 {
		resource.Ignored = reportFields(change.Ignored)
	}
	if incident, ok := state.Incidents[change.ID.String()]; ok {
		seen := incident.FirstSeen.UTC()
		resource.FirstSeen = &seen
	}
	err := result.Err
	if err == nil && !decision.Action.Writes() {
		err = change.Err
	}
	resource.Hint = decision.Hint
	if err != nil {
		said := drift.ReportOf("", "", err)
		resource.Error, resource.Hint = said.Message, cmp.Or(said.Hint, decision.Hint)
	}
	return resource
}

func reportRules(reasons []drift.Reason) []drift.ReportRule {
	rules := make([]drift.ReportRule, 0, len(reasons))
	for _, reason := range reasons {
		rules = append(rules, drift.ReportRule{Verb: string(reason.Verb), Reason: reason.Text, Rule: reason.Rule, Ref: reason.Ref})
	}
	return rules
}

func reportFields(fields []drift.FieldChange) []drift.ReportField {
	out := make([]drift.ReportField, 0, len(fields))
	for _, field := range fields {
		reported := drift.ReportField{
			Path: field.Path.Pointer(), Op: string(field.Op), Desired: field.Desired, Live: field.Live,
			Cause: field.Cause.String(), Manager: field.Manager, ManagerClass: string(field.ManagerClass), Note: field.Note,
			Unverified: field.Unverified,
		}
		if !field.ManagerTime.IsZero() {
			at := field.ManagerTime.UTC()
			reported.ManagerTime = &at
		}
		out = append(out, reported)
	}
	return out
}
