package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

func TestSameButStatus(t *testing.T) {
	object := func(change func(object, meta map[string]any)) map[string]any {
		meta := map[string]any{"name": "web", "uid": "u", "resourceVersion": "1", "annotations": map[string]any{"note": "x"}}
		object := map[string]any{"metadata": meta, "spec": map[string]any{"replicas": int64(1)}, "status": map[string]any{"replicas": int64(0)}}
		if change != nil {
			change(object, meta)
		}
		return object
	}
	entry := func(subresource string) []any {
		return []any{map[string]any{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "subresource": subresource,
			"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:annotations": map[string]any{"f:revision": map[string]any{}}}}}}
	}
	for _, c := range []struct {
		why    string
		change func(object, meta map[string]any)
		same   bool
	}{
		{"nothing changed", nil, true},
		{"status, and the version that goes with it", func(object, meta map[string]any) {
			object["status"] = map[string]any{"replicas": int64(1)}
			meta["resourceVersion"] = "2"
		}, true},
		{"an annotation that a controller wrote with the status", func(_, meta map[string]any) {
			meta["annotations"] = map[string]any{"note": "x", "revision": "1"}
			meta["managedFields"] = entry("status")
		}, true},
		{"an annotation that somebody wrote", func(_, meta map[string]any) {
			meta["annotations"] = map[string]any{"note": "x", "revision": "1"}
			meta["managedFields"] = entry("")
		}, false},
		{"an annotation that is gone", func(_, meta map[string]any) { delete(meta, "annotations") }, false},
		{"spec", func(object, _ map[string]any) { object["spec"] = map[string]any{"replicas": int64(2)} }, false},
		{"another object of the same name", func(_, meta map[string]any) { meta["uid"] = "v" }, false},
		{"it is being deleted", func(_, meta map[string]any) { meta["deletionTimestamp"] = "2026-01-01T00:00:00Z" }, false},
	} {
		if got := SameButStatus(object(nil), object(c.change)); got != c.same {
			t.Errorf("%s: %t, want %t", c.why, got, c.same)
		}
	}
	if SameButStatus(nil, nil) || SameButStatus(object(nil), nil) {
		t.Error("no object is not the same as any")
	}
}

// What a controller noted between two readings is in both, or in neither.
func TestWithStatusOf(t *testing.T) {
	object := func(annotations map[string]any, noted string) map[string]any {
		meta := map[string]any{"name": "web", "uid": "u"}
		if annotations != nil {
			meta["annotations"] = annotations
		}
		if noted != "" {
			meta["managedFields"] = []any{map[string]any{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "subresource": "status",
				"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:annotations": map[string]any{"f:" + noted: map[string]any{}}}}}}
		}
		return map[string]any{"metadata": meta, "status": map[string]any{"annotations": len(annotations)}}
	}
	ours := func(object map[string]any) map[string]any {
		nested.Metadata(object)["managedFields"] = []any{map[string]any{"manager": drift.FieldManager, "operation": "Apply", "apiVersion": "apps/v1",
			"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:annotations": map[string]any{"f:revision": map[string]any{}}}}}}
		return object
	}
	for _, c := range []struct {
		why             string
		predicted, live map[string]any
		want            map[string]any
	}{
		{"it came", object(nil, ""), object(map[string]any{"revision": "1"}, "revision"), map[string]any{"revision": "1"}},
		{"it moved", object(map[string]any{"revision": "1", "note": "x"}, "revision"), object(map[string]any{"revision": "2"}, "revision"), map[string]any{"revision": "2", "note": "x"}},
		{"it went", object(map[string]any{"revision": "1"}, "revision"), object(nil, ""), nil},
		{"Git's own is Git's, whatever was noted", ours(object(map[string]any{"revision": "1"}, "")), object(map[string]any{"revision": "2"}, "revision"), map[string]any{"revision": "1"}},
		{"somebody else's is left alone", object(nil, ""), object(map[string]any{"note": "x"}, "revision"), nil},
	} {
		before := nested.Clone(c.predicted)
		got := WithStatusOf(c.predicted, c.live)
		annotations, _ := nested.Metadata(got)["annotations"].(map[string]any)
		if diff := cmp.Diff(c.want, annotations); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if diff := cmp.Diff(c.live["status"], got["status"]); diff != "" {
			t.Errorf("%s: the status is another (-want +got):\n%s", c.why, diff)
		}
		if diff := cmp.Diff(before, any(c.predicted)); diff != "" {
			t.Errorf("%s: what was predicted changed (-before +after):\n%s", c.why, diff)
		}
	}
}

func TestWithStatusOfNone(t *testing.T) {
	object := map[string]any{"metadata": map[string]any{"name": "a"}}
	predicted := map[string]any{"metadata": map[string]any{"name": "a"}, "status": map[string]any{}}
	if diff := cmp.Diff(object, WithStatusOf(predicted, object)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
