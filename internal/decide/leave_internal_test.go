package decide

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Parts of one difference: a map is divided, what merges as one value is not.
func TestLeaveToPeople(t *testing.T) {
	t.Parallel()
	labels := drift.FieldChange{Path: nested.Path{"metadata", "annotations"}, Op: drift.OpAdd, Live: map[string]any{"a": "1", "b": "2"}, Cause: drift.CauseLive, Addition: true}
	rules := drift.FieldChange{Path: nested.Path{"rules"}, Op: drift.OpReplace, Desired: []any{"x"}, Live: []any{"y"}, Cause: drift.CauseLive}
	for _, c := range []struct {
		name    string
		field   drift.FieldChange
		pattern nested.Path
		want    map[string]bool
	}{
		{"a part of a map", labels, nested.Path{"metadata", "annotations", "a"}, map[string]bool{"metadata.annotations.a": true, "metadata.annotations.b": false}},
		{"each part of a map", labels, nested.Path{"metadata", "annotations", "*"}, map[string]bool{"metadata.annotations.a": true, "metadata.annotations.b": true}},
		{"the map", labels, nested.Path{"metadata"}, map[string]bool{"metadata.annotations": true}},
		{"what the map has not", labels, nested.Path{"metadata", "annotations", "c"}, map[string]bool{"metadata.annotations": false}},
		{"a part of one value", rules, nested.Path{"rules", "0", "verbs"}, map[string]bool{"rules": true}},
	} {
		got := map[string]bool{}
		for _, field := range LeaveToPeople(drift.Change{Fields: []drift.FieldChange{c.field}}, []nested.Path{c.pattern}).Fields {
			got[field.Path.String()] = field.Left
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
