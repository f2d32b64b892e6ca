package reconcile

import (
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// scaledBy are the objects whose replicas autoscalers of the plan set, of every app that
// was rendered, also one that --app leaves out. An autoscaler whose write policy does not
// grant counts, too: Git means the replicas to be an autoscaler's, and until there is one
// the safe number is the one that runs.
func scaledBy(apps []app) map[drift.ID]bool {
	scaled := map[drift.ID]bool{}
	for _, a := range apps {
		for _, scaler := range a.scalers {
			if !scaler.Vertical {
				scaled[scaler.Target] = true
			}
		}
	}
	return scaled
}

// sizedBy are the objects whose resources are handed to vertical autoscalers that do not
// know yet what to give: one that recommends gives it to every new pod.
func sizedBy(apps []app, seen []drift.Seen) map[drift.ID]bool {
	pending := map[drift.ID]diff.Scaler{}
	for _, a := range apps {
		for _, scaler := range a.scalers {
			if scaler.Vertical {
				pending[scaler.ID] = scaler
			}
		}
	}
	if len(pending) == 0 {
		return nil
	}
	for _, one := range seen {
		for _, observation := range one.Objects {
			if pending[observation.ID].Recommends(observation.Live) {
				delete(pending, observation.ID)
			}
		}
	}
	sized := map[drift.ID]bool{}
	for _, scaler := range pending {
		sized[scaler.Target] = true
	}
	return sized
}
