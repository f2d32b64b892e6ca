package drift

import (
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// statusNotes are annotations that hold status: the version v1 of an autoscaler has
// no field for it (kubernetes, pkg/apis/autoscaling/annotations.go).
var statusNotes = []string{"autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics"}

// SameButStatus says whether two readings of one object differ in nothing that
// is judged: leaving aside status, the annotations that controllers write along
// with it (a Deployment's revision), and the bookkeeping of writes.
func SameButStatus(a, b map[string]any) bool {
	return a != nil && b != nil && equalValues(judged(a), judged(b))
}

func judged(object map[string]any) map[string]any {
	out := maps.Clone(object)
	delete(out, "status")
	meta := maps.Clone(metadata(object))
	if meta == nil {
		return out
	}
	delete(meta, "managedFields")
	delete(meta, "resourceVersion")
	annotations, _ := meta["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	for _, name := range statusNotes {
		delete(annotations, name)
	}
	entries, err := Noise{}.read(object)
	for _, entry := range entries {
		if err != nil || entry.subresource != "status" {
			continue
		}
		maps.DeleteFunc(annotations, func(name string, _ any) bool {
			return entry.fields.Has(fieldpath.MakePathOrDie("metadata", "annotations", name))
		})
	}
	meta["annotations"] = annotations
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
	out["metadata"] = meta
	return out
}

// Pauses are the waits before what is pinned to a judged resourceVersion is sent
// again, when nothing but status has changed since. A rollout writes status in
// bursts, for as long as pods come and go; four seconds outlast most.
func Pauses() []time.Duration { return slices.Clone(pauses) }

var pauses = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	400 * time.Millisecond, 800 * time.Millisecond, 1200 * time.Millisecond, 1200 * time.Millisecond}
