package diff

import (
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// statusNotes are annotations that hold status: the version v1 of an autoscaler has
// no field for it (kubernetes, pkg/apis/autoscaling/annotations.go).
var statusNotes = []string{"autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics"}

// SameButStatus says whether two readings of one object differ in nothing that
// is judged: leaving aside status, the annotations that controllers write along
// with it (a Deployment's revision), and the bookkeeping of writes.
func SameButStatus(a, b map[string]any) bool {
	return a != nil && b != nil && nested.EqualValues(judged(a), judged(b))
}

// WithStatusOf is a predicted object with the status of a live one, and with the
// annotations that controllers write along with it, unless Git names them: those are
// compared. The two were read a moment apart, while nothing else changed
// (SameButStatus).
func WithStatusOf(predicted, live map[string]any) map[string]any {
	out := maps.Clone(predicted)
	delete(out, "status")
	if status, ok := live["status"]; ok {
		out["status"] = status
	}
	meta, annotations := maps.Clone(nested.Metadata(predicted)), annotationsOf(predicted)
	has := annotationsOf(live)
	entries, _ := ownership.Read(drift.Noise{}, predicted) // without entries nothing is ours
	own := ownership.OwnFields(entries)
	for _, name := range append(notes(predicted), notes(live)...) {
		if own.Has(fieldpath.MakePathOrDie("metadata", "annotations", name)) {
			continue
		}
		if value, ok := has[name]; ok {
			annotations[name] = value
		} else {
			delete(annotations, name)
		}
	}
	if meta["annotations"] = annotations; len(annotations) == 0 {
		delete(meta, "annotations")
	}
	out["metadata"] = meta
	return out
}

func judged(object map[string]any) map[string]any {
	out := maps.Clone(object)
	delete(out, "status")
	meta := maps.Clone(nested.Metadata(object))
	if meta == nil {
		return out
	}
	delete(meta, "managedFields")
	delete(meta, "resourceVersion")
	annotations := annotationsOf(object)
	for _, name := range notes(object) {
		delete(annotations, name)
	}
	if meta["annotations"] = annotations; len(annotations) == 0 {
		delete(meta, "annotations")
	}
	out["metadata"] = meta
	return out
}

// notes are the annotations of an object that belong to its status.
func notes(object map[string]any) []string {
	found := slices.Clone(statusNotes)
	entries, err := ownership.Read(drift.Noise{}, object)
	if err != nil {
		return found
	}
	for name := range annotationsOf(object) {
		path := fieldpath.MakePathOrDie("metadata", "annotations", name)
		if slices.ContainsFunc(entries, func(e ownership.Entry) bool { return e.Subresource == "status" && e.Fields.Has(path) }) {
			found = append(found, name)
		}
	}
	return found
}

// annotationsOf is a copy, empty where there are none.
func annotationsOf(object map[string]any) map[string]any {
	annotations, _ := nested.Metadata(object)["annotations"].(map[string]any)
	if annotations = maps.Clone(annotations); annotations == nil {
		annotations = map[string]any{}
	}
	return annotations
}

// Pauses are the waits before what is pinned to a judged resourceVersion is sent
// again, when nothing but status has changed since. A rollout writes status in
// bursts, for as long as pods come and go; four seconds outlast most.
func Pauses() []time.Duration { return slices.Clone(pauses) }

var pauses = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	400 * time.Millisecond, 800 * time.Millisecond, 1200 * time.Millisecond, 1200 * time.Millisecond}
