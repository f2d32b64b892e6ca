package drift

import "testing"

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
