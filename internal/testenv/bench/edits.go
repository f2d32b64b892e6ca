package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// editor is the field manager of the hand that drifts the cluster.
const editor = "kubectl-edit"

// way is one way to drift an object by hand.
type way struct {
	name string
	kind string
	// edit changes the live object; nil deletes it.
	edit func(object *unstructured.Unstructured) error
}

// ways are what people do to clusters. Additions are among them: no field that
// Git names differs afterwards, but the object is not what Git says either.
var ways = []way{
	{"value changed", "ConfigMap", put("us", "data", "region")},
	{"image changed", "Deployment", container(func(c map[string]any) { c["image"] = "registry.example.com/debug:latest" })},
	{"port renumbered", "Service", func(o *unstructured.Unstructured) error {
		return first(o, func(port map[string]any) { port["port"] = int64(81) }, "spec", "ports")
	}},
	{"key removed", "ConfigMap", func(o *unstructured.Unstructured) error {
		unstructured.RemoveNestedField(o.Object, "data", "currency")
		return nil
	}},
	{"rule widened", "Role", func(o *unstructured.Unstructured) error {
		return first(o, func(rule map[string]any) { rule["verbs"] = []any{"*"} }, "rules")
	}},
	{"schedule changed", "CronJob", put("* * * * *", "spec", "schedule")},
	{"object deleted", "ServiceAccount", nil},
	{"variable added", "Deployment", container(func(c map[string]any) {
		env, _ := c["env"].([]any)
		c["env"] = append(env, map[string]any{"name": "DEBUG", "value": "1"})
	})},
	{"label added", "Ingress", func(o *unstructured.Unstructured) error {
		labels := o.GetLabels()
		labels["debug"] = "true"
		o.SetLabels(labels)
		return nil
	}},
}

func put(value any, path ...string) func(*unstructured.Unstructured) error {
	return func(o *unstructured.Unstructured) error {
		return unstructured.SetNestedField(o.Object, value, path...)
	}
}

func container(change func(map[string]any)) func(*unstructured.Unstructured) error {
	return func(o *unstructured.Unstructured) error {
		return first(o, change, "spec", "template", "spec", "containers")
	}
}

// first changes the first item of a list of objects.
func first(o *unstructured.Unstructured, change func(map[string]any), path ...string) error {
	items, found, err := unstructured.NestedSlice(o.Object, path...)
	if err != nil || !found || len(items) == 0 {
		return fmt.Errorf("no list at %v: %w", path, err)
	}
	item, ok := items[0].(map[string]any)
	if !ok {
		return fmt.Errorf("no object in the list at %v", path)
	}
	change(item)
	return unstructured.SetNestedSlice(o.Object, items, path...)
}

// edit is one planned edit.
type edit struct {
	entry entry
	way   way
}

// undone tells whether the object is again what it was before the edit.
func (e edit) undone(ctx context.Context, client dynamic.Interface, before map[string]any) (bool, error) {
	object := e.entry.object
	live, err := client.Resource(resourceOf(object.GroupVersionKind())).Namespace(object.GetNamespace()).Get(ctx, object.GetName(), metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(content(live), before), nil
}

// content is what an edit can change and an undo put back. A Deployment's
// controller counts its revisions in an annotation, and an undo is one more.
func content(object *unstructured.Unstructured) map[string]any {
	object = object.DeepCopy()
	unstructured.RemoveNestedField(object.Object, "status")
	annotations := object.GetAnnotations()
	delete(annotations, "deployment.kubernetes.io/revision")
	object.Object["metadata"] = map[string]any{"labels": object.GetLabels(), "annotations": annotations}
	return object.Object
}

// plannedEdits picks count objects, each once, and takes turns between the ways.
// A longer plan begins with the shorter one, and equal workloads under other
// prefixes get equal edits.
func plannedEdits(entries []entry, count int) []edit {
	byKind := map[string][]entry{}
	for _, e := range entries {
		byKind[e.object.GetKind()] = append(byKind[e.object.GetKind()], e)
	}
	for _, kind := range []string{"ConfigMap", "CronJob", "Deployment", "Ingress", "Role", "Service", "ServiceAccount"} {
		random := rand.New(rand.NewPCG(1, uint64(len(kind))))
		random.Shuffle(len(byKind[kind]), func(i, j int) { byKind[kind][i], byKind[kind][j] = byKind[kind][j], byKind[kind][i] })
	}
	var edits []edit
	for i, missed := 0, 0; len(edits) < count && missed < len(ways); i++ {
		way := ways[i%len(ways)]
		left := byKind[way.kind]
		if len(left) == 0 {
			missed++
			continue
		}
		missed = 0
		edits = append(edits, edit{left[0], way})
		byKind[way.kind] = left[1:]
	}
	return edits
}

// apply makes the edit in the cluster.
func (e edit) apply(ctx context.Context, client dynamic.Interface) error {
	object := e.entry.object
	target := client.Resource(resourceOf(object.GroupVersionKind())).Namespace(object.GetNamespace())
	err := func() error {
		if e.way.edit == nil {
			return target.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		live, err := target.Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := e.way.edit(live); err != nil {
			return err
		}
		_, err = target.Update(ctx, live, metav1.UpdateOptions{FieldManager: editor})
		return err
	}()
	if err != nil {
		return fmt.Errorf("drifting %s (%s): %w", e.entry.id(), e.way.name, err)
	}
	return nil
}

// verdict compares what a tool found with what was done.
type verdict struct {
	// known edits, of which falseClean are on objects that the tool calls clean,
	// and stopped on objects that it could not judge, which is not calling them clean.
	known, falseClean, stopped int
	// falseDrift are objects nobody edited that it calls different, and unjudged
	// those that it could not judge.
	falseDrift, unjudged int
	// seen and of count by way, and refused those that it could not judge.
	seen, refused, of map[string]int
	// examples of what was wrong, for whoever looks into it.
	examples []string
}

// maxExamples bounds the examples of a verdict.
const maxExamples = 5

func judge(edits []edit, differs []string, failed map[string]string) verdict {
	v := verdict{known: len(edits), seen: map[string]int{}, refused: map[string]int{}, of: map[string]int{}}
	edited := map[string]bool{}
	for _, e := range edits {
		id := e.entry.id()
		edited[id] = true
		v.of[e.way.name]++
		_, stopped := failed[id]
		switch {
		case slices.Contains(differs, id):
			v.seen[e.way.name]++
		case stopped:
			v.stopped++
			v.refused[e.way.name]++
		default:
			v.falseClean++
			v.example(e.way.name, id)
		}
	}
	for _, id := range differs {
		if !edited[id] {
			v.falseDrift++
			v.example("not edited", id)
		}
	}
	for id, why := range failed {
		if !edited[id] {
			v.unjudged++
			v.example(why, id)
		}
	}
	return v
}

func (v *verdict) example(what, id string) {
	if len(v.examples) < maxExamples {
		v.examples = append(v.examples, what+": "+id)
	}
}
