package drift

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// InputFacts are what the policy input needs beside the change.
type InputFacts struct {
	Now       time.Time
	Cluster   string
	Revision  Revision
	App       App
	Renderer  Renderer
	Health    Health
	Controls  Controls
	FirstSeen time.Time
	Healed24h int
	Approval  string
}

// BuildInput is the document that policies see of one object. It is complete:
// every scalar is present, lists and maps are never null, and a Secret's values
// are replaced.
func BuildInput(object Object, observation Observation, change Change, facts InputFacts) Input {
	object = Noise{}.LeaveAlone(object.Unpack(), observation.Live)
	shown := object.Manifest
	if shown == nil {
		shown = observation.Live // an extra has no desired side
	}
	return Input{
		Version: InputVersion,
		Run: InputRun{TimeNS: facts.Now.UnixNano(), Weekday: facts.Now.UTC().Weekday().String(),
			HourUTC: facts.Now.UTC().Hour(), MinuteUTC: facts.Now.UTC().Minute(), Cluster: facts.Cluster},
		Revision: InputRevision{Ref: facts.Revision.Ref, Commit: facts.Revision.Commit,
			Author: facts.Revision.Author, TimeNS: nanoseconds(facts.Revision.Time)},
		App: InputApp{Name: facts.App.Name, Path: facts.App.Path, Renderer: string(facts.Renderer)},
		Resource: InputResource{
			Group: change.ID.Group, Version: change.Version, Kind: change.ID.Kind,
			Namespace: change.ID.Namespace, Name: change.ID.Name,
			Labels: Labels(shown), Annotations: shownAnnotations(change.ID, shown),
			NamespaceLabels: orEmpty(observation.NamespaceLabels),
		},
		Drift:          InputDrift{Type: change.Type.String(), Cause: change.Cause.String()},
		Changes:        inputChanges(change.Fields),
		IgnoredChanges: inputChanges(change.Ignored),
		Ownership: InputOwnership{
			Tracked: change.Ownership.Tracked, Foreign: change.Ownership.Foreign, Tool: change.Ownership.Tool,
			Managers:   append([]string{}, change.Ownership.Managers...),
			Controlled: change.Ownership.Controlled, Autoscaled: change.Ownership.Autoscaled,
		},
		Health:  InputHealth{Status: string(cmp.Or(facts.Health.Status, HealthUnknown)), Reason: facts.Health.Reason},
		History: InputHistory{FirstSeenNS: nanoseconds(facts.FirstSeen), Healed24h: facts.Healed24h},
		Controls: InputControls{Suspend: inputControl(facts.Controls.Suspend),
			BreakGlass: inputControl(facts.Controls.BreakGlass)},
		Approval:   InputApproval{ID: facts.Approval},
		Incomplete: []string{},
		Desired:    orEmptyTree(MaskObject(change.ID, object.Manifest)),
		Live:       orEmptyTree(MaskObject(change.ID, observation.Live)),
	}
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func shownAnnotations(id ID, object map[string]any) map[string]string {
	return Annotations(MaskObject(id, object))
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func orEmptyTree(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func inputControl(c Control) InputControl {
	return InputControl{Active: c.Active, UntilNS: nanoseconds(c.Until), Reason: c.Reason}
}

func inputChanges(fields []FieldChange) []InputChange {
	changes := make([]InputChange, 0, len(fields))
	for _, field := range fields {
		changes = append(changes, InputChange{
			Path: append([]string{}, field.Path...), Pointer: field.Path.Pointer(), Op: string(field.Op),
			Desired: field.Desired, Live: field.Live, Cause: field.Cause.String(),
			Manager: field.Manager, ManagerClass: string(field.ManagerClass),
			ChangedNS: nanoseconds(field.ManagerTime),
		})
	}
	return changes
}

// AppOutcome is everything one app's report part is built from.
type AppOutcome struct {
	App      App
	Revision Revision
	Rendered Rendered
	Complete bool
	FirstRun bool
	Skipped  int // objects outside the plan: skipped Secrets, hooks, filtered ones
	Results  []Result
	Health   HealthStatus
	Warnings []string
	Withheld []Withheld
	State    AppState
	Now      time.Time
	// All lists what is in sync as well.
	All bool
}

// ReportOfApp turns one app's results into its part of the report. Counts cover
// every result; resources list what is not in sync or was acted on.
func ReportOfApp(outcome AppOutcome) ReportApp {
	report := ReportApp{
		Name: outcome.App.Name, Path: outcome.App.Path, Renderer: outcome.Rendered.Renderer,
		Revision: ReportRevisionOf(outcome.Revision, outcome.App.Web),
		Complete: outcome.Complete, FirstRun: outcome.FirstRun, Health: outcome.Health,
		Resources: []ReportResource{}, Warnings: outcome.Warnings, Withheld: reportWithheld(outcome.Withheld),
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
				resource.Lost = Lost(resource.ID(), result.Step.Observation.Live, nil)
			}
			report.Resources = append(report.Resources, resource)
		}
	}
	report.Unhealthy, report.UnhealthyTotal = unhealthy(outcome.Results)
	slices.SortFunc(report.Resources, func(a, b ReportResource) int { return a.ID().Compare(b.ID()) })
	return report
}

// regrouped are the objects to prune of which Git wants one of the same kind and name in
// another API group, with that group: what they stand for is deleted and created again,
// although each is an object of its own. (Where both groups serve one object, SAFETY P1
// does not make it a candidate.)
func regrouped(results []Result) map[ID]string {
	created := map[ID]string{}
	for _, result := range results {
		if id := result.Step.Change.ID; result.Step.Change.Type == Missing && result.Step.Decision.Action.Writes() {
			created[ID{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}] = id.Group
		}
	}
	found := map[ID]string{}
	for _, result := range results {
		id := result.Step.Change.ID
		group, ok := created[ID{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}]
		if ok && group != id.Group && result.Step.Decision.Action == Prune {
			found[id] = group
		}
	}
	return found
}

func saysRegrouped(group string) string {
	return fmt.Sprintf("Git has it in API group %q now: that one is created, this one is deleted", group)
}

// reportWithheld are the sets that wait for a person.
func reportWithheld(sets []Withheld) []ReportWithheld {
	var out []ReportWithheld
	for _, set := range sets {
		if set.Accepted {
			continue
		}
		reported := ReportWithheld{Guard: set.Guard, Reason: set.Reason, Hash: set.Hash, Later: set.Later, Objects: []ReportDeletion{}}
		for _, object := range set.Objects {
			reported.Objects = append(reported.Objects, ReportDeletion{Group: object.ID.Group, Kind: object.ID.Kind,
				Namespace: object.ID.Namespace, Name: object.ID.Name, UID: object.UID, Replace: object.Replace})
		}
		out = append(out, reported)
	}
	return out
}

// reported says whether a result stands in the report's list: also what is in sync, where
// more than one app wants it.
func reported(result Result) bool {
	return result.Step.Change.Type != InSync || result.Outcome != Skipped || result.Step.Decision.Contested
}

func count(counts *ReportCounts, result Result) {
	switch result.Step.Change.Type {
	case InSync:
		counts.InSync++
	case Missing:
		counts.Missing++
	case Modified:
		counts.Modified++
	case Extra:
		counts.Extra++
	default:
		counts.Unknown++
	}
	if !reported(result) {
		return
	}
	action := result.Step.Decision.Action
	switch {
	case result.Outcome == Failed:
		counts.Failed++
	case action == Ignore:
		counts.Ignored++
	case action == AlertOnly:
		counts.Alerted++
		if result.Step.Decision.Waits {
			counts.Waiting++
		}
	case result.Outcome == Applied && result.Step.Decision.Replace:
		counts.Replaced++
	case result.Outcome == Applied && action == Sync:
		counts.Synced++
	case result.Outcome == Applied && action == Heal:
		counts.Healed++
	case result.Outcome == Pruned:
		counts.Pruned++
	}
}

func reportResource(result Result, state AppState) ReportResource {
	step := result.Step
	change, decision := step.Change, step.Decision
	resource := ReportResource{
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
		resource.Lost = Lost(change.ID, step.Observation.Live, step.Object.Unpack().Manifest)
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
		said := ReportOf("", "", err)
		resource.Error, resource.Hint = said.Message, cmp.Or(said.Hint, decision.Hint)
	}
	return resource
}

func reportRules(reasons []Reason) []ReportRule {
	rules := make([]ReportRule, 0, len(reasons))
	for _, reason := range reasons {
		rules = append(rules, ReportRule{Verb: string(reason.Verb), Reason: reason.Text, Rule: reason.Rule, Ref: reason.Ref})
	}
	return rules
}

func reportFields(fields []FieldChange) []ReportField {
	out := make([]ReportField, 0, len(fields))
	for _, field := range fields {
		reported := ReportField{
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
