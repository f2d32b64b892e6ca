package decide

import (
	"cmp"
	"time"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/redact"
)

// InputFacts are what the policy input needs beside the change.
type InputFacts struct {
	Now       time.Time
	Cluster   string
	Revision  drift.Revision
	App       drift.App
	Renderer  drift.Renderer
	Health    drift.Health
	Controls  drift.Controls
	FirstSeen time.Time
	Healed24h int
	Approval  string
}

// InputOf is the document that policies see of one object. It is complete:
// every scalar is present, lists and maps are never null, and a Secret's values
// are replaced.
func InputOf(object drift.Object, observation drift.Observation, change drift.Change, facts InputFacts) drift.Input {
	object = diff.KeepNondeterministic(drift.Noise{}, object.Unpack(), observation.Live)
	shown := object.Manifest
	if shown == nil {
		shown = observation.Live // an extra has no desired side
	}
	return drift.Input{
		Version: drift.InputVersion,
		Run: drift.InputRun{TimeNS: facts.Now.UnixNano(), Weekday: facts.Now.UTC().Weekday().String(),
			HourUTC: facts.Now.UTC().Hour(), MinuteUTC: facts.Now.UTC().Minute(), Cluster: facts.Cluster},
		Revision: drift.InputRevision{Ref: facts.Revision.Ref, Commit: facts.Revision.Commit,
			Author: facts.Revision.Author, TimeNS: nanoseconds(facts.Revision.Time)},
		App: drift.InputApp{Name: facts.App.Name, Path: facts.App.Path, Renderer: string(facts.Renderer)},
		Resource: drift.InputResource{
			Group: change.ID.Group, Version: change.Version, Kind: change.ID.Kind,
			Namespace: change.ID.Namespace, Name: change.ID.Name,
			Labels: nested.Labels(shown), Annotations: shownAnnotations(change.ID, shown),
			NamespaceLabels: orEmpty(observation.NamespaceLabels),
		},
		Drift:          drift.InputDrift{Type: change.Type.String(), Cause: change.Cause.String()},
		Changes:        inputChanges(change.Fields),
		IgnoredChanges: inputChanges(change.Ignored),
		Ownership: drift.InputOwnership{
			Tracked: change.Ownership.Tracked, Foreign: change.Ownership.Foreign, Tool: change.Ownership.Tool,
			Managers:   append([]string{}, change.Ownership.Managers...),
			Controlled: change.Ownership.Controlled, Autoscaled: change.Ownership.Autoscaled,
		},
		Health:  drift.InputHealth{Status: string(cmp.Or(facts.Health.Status, drift.HealthUnknown)), Reason: facts.Health.Reason},
		History: drift.InputHistory{FirstSeenNS: nanoseconds(facts.FirstSeen), Healed24h: facts.Healed24h},
		Controls: drift.InputControls{Suspend: inputControl(facts.Controls.Suspend),
			BreakGlass: inputControl(facts.Controls.BreakGlass)},
		Approval:   drift.InputApproval{ID: facts.Approval},
		Incomplete: []string{},
		Desired:    orEmptyTree(redact.MaskObject(change.ID, object.Manifest)),
		Live:       orEmptyTree(redact.MaskObject(change.ID, observation.Live)),
	}
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func shownAnnotations(id drift.ID, object map[string]any) map[string]string {
	return nested.Annotations(redact.MaskObject(id, object))
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

func inputControl(c drift.Control) drift.InputControl {
	return drift.InputControl{Active: c.Active, UntilNS: nanoseconds(c.Until), Reason: c.Reason}
}

func inputChanges(fields []drift.FieldChange) []drift.InputChange {
	changes := make([]drift.InputChange, 0, len(fields))
	for _, field := range fields {
		changes = append(changes, drift.InputChange{
			Path: append([]string{}, field.Path...), Pointer: field.Path.Pointer(), Op: string(field.Op),
			Desired: field.Desired, Live: field.Live, Cause: field.Cause.String(),
			Manager: field.Manager, ManagerClass: string(field.ManagerClass),
			ChangedNS: nanoseconds(field.ManagerTime),
		})
	}
	return changes
}
