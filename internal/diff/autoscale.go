package diff

import (
	"cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Scaler is an autoscaler that Git asks for.
type Scaler struct {
	ID     drift.ID // of the autoscaler itself
	Target drift.ID
	// Vertical autoscalers set the resources of pods; others set replicas.
	Vertical bool
}

// ScalerOf reads from a manifest what it autoscales; ok is false when it is no
// autoscaler, or one that only watches. Whatever has a scaleTargetRef scales: a
// HorizontalPodAutoscaler, KEDA's ScaledObject, and others that took that field over.
func ScalerOf(id drift.ID, manifest map[string]any) (scaler Scaler, ok bool) {
	spec, _ := manifest["spec"].(map[string]any)
	scaler = Scaler{ID: id, Vertical: id.GroupKind() == "VerticalPodAutoscaler.autoscaling.k8s.io"}
	reference, _ := spec["scaleTargetRef"].(map[string]any)
	if scaler.Vertical {
		reference, _ = spec["targetRef"].(map[string]any)
		if policy, _ := spec["updatePolicy"].(map[string]any); nested.StringAt(policy, "updateMode") == "Off" {
			return Scaler{}, false
		}
	}
	apiVersion, kind := nested.StringAt(reference, "apiVersion"), nested.StringAt(reference, "kind")
	if id.Group == "keda.sh" { // its defaults
		apiVersion, kind = cmp.Or(apiVersion, "apps/v1"), cmp.Or(kind, "Deployment")
	}
	// The reference names a version, which identity does not.
	group, _, err := drift.ParseAPIVersion(apiVersion)
	name := nested.StringAt(reference, "name")
	if err != nil || kind == "" || name == "" {
		return Scaler{}, false
	}
	scaler.Target = drift.ID{Group: group, Kind: kind, Namespace: id.Namespace, Name: name}
	return scaler, true
}

// Recommends says that a vertical autoscaler knows what its target needs: from then on
// its admission gives every new pod that, whatever the template says.
func (s Scaler) Recommends(live map[string]any) bool {
	status, _ := live["status"].(map[string]any)
	recommendation, _ := status["recommendation"].(map[string]any)
	containers, _ := recommendation["containerRecommendations"].([]any)
	return s.Vertical && len(containers) > 0
}
