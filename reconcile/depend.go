package reconcile

import (
	"fmt"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// levels orders apps by dependsOn: every app comes after those it depends on.
// The config has refused cycles.
func levels(apps []app) [][]int {
	level := map[string]int{}
	var depth func(name string) int
	index := map[string]int{}
	for i, a := range apps {
		index[a.config.Name] = i
	}
	depth = func(name string) int {
		if known, ok := level[name]; ok {
			return known
		}
		level[name] = 0
		deepest := 0
		if i, ok := index[name]; ok {
			for _, dependency := range apps[i].config.DependsOn {
				deepest = max(deepest, depth(dependency)+1)
			}
		}
		level[name] = deepest
		return deepest
	}
	var out [][]int
	for i, a := range apps {
		if !a.selected || a.err != nil {
			continue
		}
		d := depth(a.config.Name)
		for len(out) <= d {
			out = append(out, nil)
		}
		out[d] = append(out[d], i)
	}
	return out
}

// unmetDependency is why an app waits: a dependency that failed, is not whole or
// is not healthy.
func (r Reconciler) unmetDependency(apps []app, a app) string {
	for _, name := range a.config.DependsOn {
		for _, other := range apps {
			if other.config.Name != name || !other.selected {
				continue
			}
			if lack := r.lacking(other); lack != "" {
				return fmt.Sprintf("waits for app %q%s", name, lack)
			}
		}
	}
	return ""
}

// lacking is why nobody can build on an app yet, in words that follow the app's name. It
// counts what was found as well as what was applied: an app that an earlier run applied may
// still be on its way.
func (r Reconciler) lacking(a app) string {
	switch {
	case a.err != nil || len(a.failed) > 0:
		return ", which failed"
	case a.waits != "":
		return ", which waits itself"
	case a.empty:
		return ", whose render is empty"
	}
	for _, result := range r.withHealth(a.results, r.Now()) {
		change := result.Step.Change
		name := change.ID.Short()
		switch {
		case change.Type == drift.Extra:
		case result.Outcome == drift.Failed:
			return ", which failed: " + name
		case change.Type == drift.Unknown:
			return ", of which " + name + " could not be read"
		case change.Type == drift.Missing && result.Outcome != drift.Applied:
			return ", of which " + name + " is missing"
		case !usable[result.Health.Status] && !result.Health.Outside:
			return strings.TrimSuffix(fmt.Sprintf(" to become healthy: %s is %s: %s", name, result.Health.Status, result.Health.Reason), ": ")
		}
	}
	return ""
}

// usable are the statuses on which others may build: a CronJob that Git suspends
// is as it should be.
var usable = map[drift.HealthStatus]bool{"": true, drift.HealthCurrent: true, drift.HealthSuspended: true}
