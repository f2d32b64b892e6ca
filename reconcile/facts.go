package reconcile

import (
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
)

// facts are the guards that stand before policy for one object.
func (c court) facts(a app, step drift.Step) decide.Facts {
	now := c.Now()
	facts := decide.Facts{Now: now, Healed24h: len(recent(a.state.Heals[step.Change.ID.String()], now)),
		Incomplete: slices.Clone(step.Observation.Incomplete)}
	if applies := a.state.Applies[step.Change.ID.String()]; applies.DesiredHash == a.hashes[step.Change.ID] {
		facts.Applied24h = len(recent(applies.At, now))
	}
	for _, name := range a.contested[step.Change.ID] {
		if name != a.config.Name {
			facts.Contested = append(facts.Contested, name)
		}
	}
	if owner := c.family[step.Change.Ownership.PartOf]; owner != a.config.Name && a.rivals[owner] {
		// What the owner wants is not known in this run, so it has not let go.
		facts.Contested = append(facts.Contested, owner)
	}
	controls, err := drift.ReadControls(step.Observation.Live, now)
	if err != nil {
		facts.Incomplete = append(facts.Incomplete, err.Error())
	}
	switch {
	case a.config.Suspend.Active(now):
		facts.Suspended = a.config.Suspend.Reason
	case controls.Suspend.Active:
		facts.Suspended = controls.Suspend.Reason
	}
	return facts
}

func (c court) input(a app, step drift.Step) drift.Input {
	now := c.Now()
	key := step.Change.ID.String()
	controls, _ := drift.ReadControls(step.Observation.Live, now) // facts refuse a bad one
	var health drift.Health
	if step.Observation.Live != nil {
		health = c.Health(step.Observation.Live, now)
	}
	return decide.InputOf(step.Object, step.Observation, step.Change, decide.InputFacts{
		Now: now, Cluster: c.request.Cluster.Name, Revision: a.revision, App: a.config,
		Renderer: a.rendered.Renderer, Health: health, Controls: controls,
		FirstSeen: a.state.Incidents[key].FirstSeen, Healed24h: len(recent(a.state.Heals[key], now)),
	})
}

// recent are the times within the last 24 hours.
func recent(times []time.Time, now time.Time) []time.Time {
	var kept []time.Time
	for _, at := range times {
		if now.Sub(at) < 24*time.Hour {
			kept = append(kept, at)
		}
	}
	return kept
}
