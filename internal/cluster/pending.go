package cluster

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// pend makes of an object that cannot be created yet, because what it refers to does not
// exist either and stands in the plan of its app or of one that this depends on, one that
// is missing, unverified: it is written after what it refers to, and the API server
// answers then. A RoleBinding is such an object for whoever may not bind at will.
func pend(wants []drift.Want, seen []drift.Seen) {
	coming := map[string]map[drift.ID]bool{} // by app
	for i, want := range wants {
		coming[want.App.Name] = map[drift.ID]bool{}
		for _, observation := range seen[i].Objects {
			if observation.State == drift.Absent {
				coming[want.App.Name][observation.ID] = true
			}
		}
	}
	for i, want := range wants {
		apps := append([]string{want.App.Name}, want.App.DependsOn...)
		for j, observation := range seen[i].Objects {
			if observation.State != drift.Absent || observation.Err == nil {
				continue
			}
			references := dependency.ReferencesOf(want.Objects[j].Unpack().Manifest)
			if slices.ContainsFunc(apps, func(name string) bool { return awaits(observation.Err, references, coming[name]) }) {
				seen[i].Objects[j].Err, seen[i].Objects[j].Prediction = nil, drift.Unverified
			}
		}
	}
}

// awaits says that the API server refuses an object for what is not there and is coming:
// `roles.rbac.authorization.k8s.io "reader" not found`, `no PriorityClass with name high
// was found`.
func awaits(refusal error, references dependency.References, coming map[drift.ID]bool) bool {
	said := refusal.Error()
	if !strings.Contains(said, "found") {
		return false
	}
	for id := range coming {
		if strings.Contains(said, id.Name) && references.Names(id) {
			return true
		}
	}
	return false
}
