package nested_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestReadingObjects(t *testing.T) {
	t.Parallel()
	object := model.Tree(t, `
metadata:
  uid: u
  resourceVersion: "7"
  labels: {a: b, n: 5}
  annotations: {c: d}
`)
	if nested.UIDOf(object) != "u" || nested.ResourceVersionOf(object) != "7" {
		t.Errorf("%q %q", nested.UIDOf(object), nested.ResourceVersionOf(object))
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, nested.Labels(object)); diff != "" {
		t.Errorf("a label is a text: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"c": "d"}, nested.Annotations(object)); diff != "" {
		t.Error(diff)
	}
	for name, broken := range map[string]map[string]any{
		"nil": nil, "empty": {}, "no map": {"metadata": "x"}, "no maps inside": {"metadata": map[string]any{"labels": "x", "annotations": []any{}}},
	} {
		if nested.UIDOf(broken) != "" || nested.ResourceVersionOf(broken) != "" || nested.Labels(broken) == nil || nested.Annotations(broken) == nil ||
			len(nested.Labels(broken))+len(nested.Annotations(broken)) > 0 {
			t.Errorf("%s: labels and annotations are never null", name)
		}
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	if nested.CloneMap(nil) != nil {
		t.Error("nil stays nil")
	}
	rapid.Check(t, func(rt *rapid.T) {
		object := drawTree(rt, 3, nil, &[]nested.Path{})
		before, err := json.Marshal(object)
		if err != nil {
			rt.Fatal(err)
		}
		clone := nested.Clone(object)
		if !nested.EqualValues(object, clone) {
			rt.Fatal("a clone is equal")
		}
		scribble(clone)
		after, err := json.Marshal(object)
		if err != nil || string(before) != string(after) {
			rt.Fatalf("changing the clone changed the original:\n%s\n%s", before, after)
		}
	})
}

func scribble(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			scribble(item)
		}
		clear(v)
	case []any:
		for i, item := range v {
			scribble(item)
			v[i] = "scribbled"
		}
	}
}
