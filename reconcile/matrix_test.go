package reconcile_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// The matrix: each way in which people and programs write, on each shape that a
// field can have, with each thing that can happen to it. Every combination is an
// object of its own; all are edited, then one run must tell each edit truly and put
// it back, and the next has nothing to say.

// way is one client, as kubectl sends it (kubectl pkg/cmd: editor.go, patch.go,
// replace.go, apply.go; apimachinery strategicpatch).
type way struct {
	name    string
	manager string
	class   string
	write   func(s *site, c cell, live map[string]any) error
}

// shape is one sort of field: what Git says, and what happens to it.
type shape struct {
	name string
	kind string // "apiVersion Kind"
	git  string
	ops  []happening
}

// happening is one change of the object, and what a report says of it.
type happening struct {
	op   string // change, add, remove, reorder
	edit func(object map[string]any)
	want []string // "op path", the manager is the way's
	// nobody says that the fields of want have no manager, and why; with noOwner,
	// those that are removed.
	nobody string
}

// cell is one combination.
type cell struct {
	way
	shape
	happening
	silent string // why nothing is to be told
}

func (c cell) ref() string {
	return c.kind + " " + strings.ToLower(strings.NewReplacer(" ", "-").Replace(c.way.name+"-"+c.shape.name+"-"+c.op))
}

const orderOnly = "only the order of the elements differs"

var ways = []way{
	{"edit", "kubectl-edit", "interactive", func(s *site, c cell, live map[string]any) error {
		kind, patch, err := twoWay(live, c.edited(live))
		return s.raw(kind, "kubectl-edit", c.ref(), patch, err)
	}},
	{"patch", "kubectl-patch", "interactive", func(s *site, c cell, live map[string]any) error {
		kind, patch, err := twoWay(live, c.edited(live)) // --type strategic is the default, which no CRD takes
		return s.raw(kind, "kubectl-patch", c.ref(), patch, err)
	}},
	{"merge-patch", "kubectl-patch", "interactive", func(s *site, c cell, live map[string]any) error {
		patch, err := merging2(live, c.edited(live))
		return s.raw(types.MergePatchType, "kubectl-patch", c.ref(), patch, err)
	}},
	{"json-patch", "kubectl-patch", "interactive", func(s *site, c cell, live map[string]any) error {
		patch, err := json.Marshal(operations("", live, c.edited(live)))
		return s.raw(types.JSONPatchType, "kubectl-patch", c.ref(), patch, err)
	}},
	{"replace", "kubectl-replace", "interactive", func(s *site, c cell, live map[string]any) error {
		resource, _ := s.resource(c.ref())
		_, err := resource.Update(s.Context(), &unstructured.Unstructured{Object: c.edited(live)}, metav1.UpdateOptions{FieldManager: "kubectl-replace"})
		return err
	}},
	{"apply", "kubectl-client-side-apply", "pipeline", func(s *site, c cell, _ map[string]any) error {
		git := s.manifest(s.write(hand{ref: c.ref(), body: c.git}))
		for _, next := range []map[string]any{git, c.edited(git)} { // the first time nothing changes
			if err := s.applyOldAgain(c.ref(), next); err != nil {
				return err
			}
		}
		return nil
	}},
	{"server-side", "deploy-script", "unknown", func(s *site, c cell, _ map[string]any) error {
		next := c.edited(s.manifest(s.write(hand{ref: c.ref(), body: c.git})))
		data, err := json.Marshal(next)
		return s.raw(types.ApplyPatchType, "deploy-script", c.ref(), data, err)
	}},
	{"scale", "kubectl", "interactive", func(s *site, c cell, live map[string]any) error {
		replicas := valueIn(c.edited(live), "spec replicas")
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": replicas}})
		if err != nil {
			return err
		}
		resource, id := s.resource(c.ref())
		_, err = resource.Patch(s.Context(), id.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl"}, "scale")
		return err
	}},
}

const things = "$NS.example.com/v1 Thing"

const thingCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-validations: [{rule: "!has(self.note) || self.note != 'bad'"}], properties: {
        note: {type: string}, options: {type: object, additionalProperties: {type: string}},
        ports: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port, protocol], items: {type: object, required: [port], properties: {
          port: {type: integer}, protocol: {type: string, default: TCP}, hosts: {type: array, items: {type: string}, x-kubernetes-list-type: set}}}},
        words: {type: array, items: {type: string}, x-kubernetes-list-type: set},
        parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {
          name: {type: string}, wires: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [colour], items: {type: object,
            required: [colour], properties: {colour: {type: string}, length: {type: number}}}}}}}}}}}}
`

// template is a PodTemplate: all of a pod's shapes, and no controller.
const template = "v1 PodTemplate"

func podTemplate(meta, container, beside string) string {
	return "template: {" + meta + "spec: {containers: [{name: app, image: a" + container + "}]" + beside + "}}"
}

const templated = "/template/spec/containers/[name=app]"

// at follows names and list indexes down to the container of the last one.
func inside(object any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object = object.(map[string]any)[step]
		case int:
			object = object.([]any)[step]
		}
	}
	return object
}

func putting(v any, path ...any) func(map[string]any) {
	return func(o map[string]any) {
		parent := inside(o, path[:len(path)-1]...)
		switch last := path[len(path)-1].(type) {
		case string:
			parent.(map[string]any)[last] = v
		case int:
			parent.([]any)[last] = v
		}
	}
}

func dropping(path ...any) func(map[string]any) {
	return func(o map[string]any) {
		delete(inside(o, path[:len(path)-1]...).(map[string]any), path[len(path)-1].(string))
	}
}

// listing rewrites the list at a path.
func listing(change func([]any) []any, path ...any) func(map[string]any) {
	return func(o map[string]any) {
		putting(change(slices.Clone(inside(o, path...).([]any))), path...)(o)
	}
}

func with(item any) func([]any) []any { return func(list []any) []any { return append(list, item) } }
func withoutLast(list []any) []any    { return list[:len(list)-1] }
func turned(list []any) []any         { slices.Reverse(list); return list }

var app = []any{"template", "spec", "containers", 0}

func inApp(path ...any) []any { return append(slices.Clone(app), path...) }

var wires = []any{"spec", "parts", 0, "wires"}

var shapes = []shape{
	{"scalar", template, podTemplate("", "", ", hostname: a, nodeName: b"), []happening{
		{"change", putting("z", "template", "spec", "hostname"), []string{"replace /template/spec/hostname"}, ""},
		{"add", putting("z", "template", "spec", "subdomain"), []string{"add /template/spec/subdomain"}, ""},
		{"remove", dropping("template", "spec", "hostname"), []string{"remove /template/spec/hostname"}, noOwner},
	}},
	{"replicas", "apps/v1 Deployment", strings.Replace(deployment("", ""), "replicas: 1", "replicas: 0", 1), []happening{
		{"change", putting(int64(2), "spec", "replicas"), []string{"replace /spec/replicas"}, ""},
	}},
	{"map", template, podTemplate(`metadata: {annotations: {a: "1", b: "2"}}, `, "", ""), []happening{
		{"change", putting("9", "template", "metadata", "annotations", "a"), []string{"replace /template/metadata/annotations/a"}, ""},
		{"add", putting("9", "template", "metadata", "annotations", "x/y"), []string{"add /template/metadata/annotations/x~1y"}, ""},
		{"remove", dropping("template", "metadata", "annotations", "b"), []string{"remove /template/metadata/annotations/b"}, noOwner},
	}},
	{"keyed list", template, podTemplate("", `, env: [{name: A, value: "1"}, {name: B, value: "2"}]`, ""), []happening{
		{"change", putting("9", inApp("env", 0, "value")...), []string{"replace " + templated + "/env/[name=A]/value"}, ""},
		{"add", listing(with(map[string]any{"name": "C", "value": "3"}), inApp("env")...), []string{"add " + templated + "/env/[name=C]"}, ""},
		{"remove", listing(withoutLast, inApp("env")...), []string{"remove " + templated + "/env/[name=B]"}, noOwner},
		{"reorder", listing(turned, inApp("env")...), []string{"replace " + templated + "/env"}, orderOnly},
	}},
	{"set", things, "spec: {words: [one, two]}", []happening{
		{"change", putting("three", "spec", "words", 1), []string{"add /spec/words/[=three]", "remove /spec/words/[=two]"}, noOwner},
		{"add", listing(with("three"), "spec", "words"), []string{"add /spec/words/[=three]"}, ""},
		{"remove", listing(withoutLast, "spec", "words"), []string{"remove /spec/words/[=two]"}, noOwner},
		{"reorder", listing(turned, "spec", "words"), []string{"replace /spec/words"}, orderOnly},
	}},
	{"atomic list", template, podTemplate("", ", args: [a, b]", ""), []happening{
		{"change", putting("z", inApp("args", 0)...), []string{"replace " + templated + "/args"}, ""},
		{"add", listing(with("c"), inApp("args")...), []string{"replace " + templated + "/args"}, ""},
		{"remove", listing(withoutLast, inApp("args")...), []string{"replace " + templated + "/args"}, ""},
		{"reorder", listing(turned, inApp("args")...), []string{"replace " + templated + "/args"}, ""},
	}},
	{"int-or-string", "policy/v1 PodDisruptionBudget", "spec: {minAvailable: 1, selector: {matchLabels: {never: x}}}", []happening{
		{"change", putting("50%", "spec", "minAvailable"), []string{"replace /spec/minAvailable"}, ""},
		{"remove", dropping("spec", "minAvailable"), []string{"remove /spec/minAvailable"}, noOwner},
	}},
	{"int-or-string left out", "policy/v1 PodDisruptionBudget", "spec: {selector: {matchLabels: {never: x}}}", []happening{
		{"add", putting("50%", "spec", "maxUnavailable"), []string{"add /spec/maxUnavailable"}, ""},
	}},
	{"quantity", template, podTemplate("", ", resources: {limits: {cpu: 1000m, memory: 1024Mi}}", ""), []happening{
		{"change", putting("2500m", inApp("resources", "limits", "cpu")...), []string{"replace " + templated + "/resources/limits/cpu"}, ""},
		{"add", putting("1Gi", inApp("resources", "limits", "ephemeral-storage")...), []string{"add " + templated + "/resources/limits/ephemeral-storage"}, ""},
		{"remove", dropping(inApp("resources", "limits", "memory")...), []string{"remove " + templated + "/resources/limits/memory"}, noOwner},
	}},
	{"nested CRD", things, "spec: {parts: [{name: a, wires: [{colour: red, length: 1.5}, {colour: blue, length: 2}]}]}", []happening{
		{"change", putting(2.5, append(slices.Clone(wires), 0, "length")...), []string{"replace /spec/parts/[name=a]/wires/[colour=red]/length"}, ""},
		{"add", listing(with(map[string]any{"colour": "green", "length": int64(3)}), wires...), []string{"add /spec/parts/[name=a]/wires/[colour=green]"}, ""},
		{"remove", listing(withoutLast, wires...), []string{"remove /spec/parts/[name=a]/wires/[colour=blue]"}, noOwner},
		{"reorder", listing(turned, wires...), []string{"replace /spec/parts/[name=a]/wires"}, orderOnly},
	}},
}

var happenings = []string{"change", "add", "remove", "reorder"}

// omission leaves out part of the product; "" stands for every way, shape or op.
type omission struct{ way, shape, op, why string }

var omissions = []omission{
	{shape: "scalar", op: "reorder", why: "one value has no order"},
	{shape: "replicas", op: "reorder", why: "one value has no order"},
	{shape: "replicas", op: "remove", why: "the server puts its default in the place: a change"},
	{shape: "replicas", op: "add", why: "where Git names none the server's default is there already: TestScaledByHandWhereGitNamesNoReplicas"},
	{shape: "map", op: "reorder", why: "a map has no order"},
	{shape: "int-or-string", op: "reorder", why: "one value has no order"},
	{shape: "int-or-string", op: "add", why: "the shape of its own that Git leaves out"},
	{shape: "int-or-string left out", op: "change", why: "nothing is there"},
	{shape: "int-or-string left out", op: "remove", why: "nothing is there"},
	{shape: "int-or-string left out", op: "reorder", why: "nothing is there"},
	{shape: "quantity", op: "reorder", why: "one value has no order"},
	{way: "scale", why: "it touches replicas and nothing else"}, // unless the shape has a cell for it
}

func (o omission) covers(w way, sh shape, op string) bool {
	if o.way == "scale" && sh.name == "replicas" {
		return false
	}
	return (o.way == "" || o.way == w.name) && (o.shape == "" || o.shape == sh.name) && (o.op == "" || o.op == op)
}

// cells is the whole product without the omissions. What makes sense and changes
// nothing stays, and must be silent.
func cells() []cell {
	var all []cell
	for _, w := range ways {
		for _, sh := range shapes {
			for _, h := range sh.ops {
				if slices.ContainsFunc(omissions, func(o omission) bool { return o.covers(w, sh, h.op) }) {
					continue
				}
				c := cell{way: w, shape: sh, happening: h}
				if w.name == "server-side" {
					c.want = slices.DeleteFunc(slices.Clone(h.want), func(line string) bool { return strings.HasPrefix(line, "remove ") })
				}
				if len(c.want) == 0 {
					c.silent = "an apply that leaves out what somebody else owns takes nothing away"
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// TestMatrixIsWhole: each way, on each shape, with each thing that can happen, is
// either tested once or left out for a reason; and no reason is there for nothing.
func TestMatrixIsWhole(t *testing.T) {
	t.Parallel()
	tested := map[string]int{}
	for _, c := range cells() {
		tested[c.way.name+" × "+c.shape.name+" × "+c.op]++
	}
	used := map[omission]bool{}
	for _, w := range ways {
		for _, sh := range shapes {
			for _, op := range happenings {
				name, omitted := w.name+" × "+sh.name+" × "+op, 0
				for _, o := range omissions {
					if o.covers(w, sh, op) {
						used[o], omitted = true, 1
					}
				}
				if tested[name]+omitted != 1 {
					t.Errorf("%s: tested %d times, and omitted %d times", name, tested[name], omitted)
				}
				delete(tested, name)
			}
		}
	}
	if len(tested) > 0 {
		t.Errorf("outside the product: %v", tested)
	}
	for _, o := range omissions {
		if !used[o] {
			t.Errorf("nothing is omitted by %+v", o)
		}
	}
}

// edited is a copy of an object with the change made.
func (c cell) edited(object map[string]any) map[string]any {
	next := nested.CloneMap(object)
	c.edit(next)
	return next
}

// expected is what the report says of the cell: op, path, manager, class, cause
// and note of each field.
func (c cell) expected() []string {
	var lines []string
	for _, field := range c.want {
		manager, class, note := c.manager, c.class, ""
		if c.nobody != "" && (c.nobody != noOwner || strings.HasPrefix(field, "remove ")) {
			manager, class, note = "", "", c.nobody
		}
		lines = append(lines, fmt.Sprintf("%s by %q (%s), live; %s", field, manager, class, note))
	}
	return lines
}

func classified(resource drift.ReportResource) []string {
	var lines []string
	for _, f := range resource.Fields {
		lines = append(lines, fmt.Sprintf("%s %s by %q (%s), %s; %s", f.Op, f.Path, f.Manager, f.ManagerClass, f.Cause, f.Note))
	}
	return lines
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	all := cells()
	files := map[string]string{"crd.yaml": thingCRD}
	for _, c := range all {
		parts := strings.Fields(c.ref())
		files[parts[2]+".yaml"] = s.write(hand{ref: c.ref(), body: c.git})
	}
	s.commit(files)
	s.converge()
	before := make([]map[string]any, len(all))
	group := errgroup.Group{}
	group.SetLimit(8)
	for i, c := range all {
		group.Go(func() error {
			live := s.live(c.ref())
			before[i] = settled(live)
			if err := c.write(s, c, live); err != nil {
				return fmt.Errorf("%s: %w", c.ref(), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	r := s.run()
	told := map[string]drift.ReportResource{}
	for _, resource := range r.Report.Apps[0].Resources {
		told[resource.Name] = resource
	}
	for i, c := range all {
		name := strings.Fields(c.ref())[2]
		resource, found := told[name]
		if c.silent != "" {
			if found {
				t.Errorf("%s: %s, and it is told: %q", name, c.silent, classified(resource))
			}
			continue
		}
		if diff := cmp.Diff(c.expected(), classified(resource)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if resource.Action+" "+resource.Outcome != "heal applied" {
			t.Errorf("%s: %s %s: %s %s", name, resource.Action, resource.Outcome, resource.Reason, resource.Error)
		}
		after := settled(s.live(c.ref()))
		if meta := after["metadata"].(map[string]any); c.way.name == "apply" {
			delete(meta, "annotations") // kubectl's copy of what it applied
		}
		if diff := cmp.Diff(before[i], after); diff != "" {
			t.Errorf("%s is not as it was (-before +after):\n%s", name, diff)
		}
	}
	if t.Failed() {
		return
	}
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustMemo} {
		r = s.run()
		r.expect("all is put back")
		// To the server 1000m, which the manifest says, is another value than the 1
		// that it stores: an apply of the very same manifest takes the field from us.
		r.warned("one apply took a field without changing it", "PodTemplate "+s.ns+"/server-side-quantity-remove: "+
			`another manager took ownership of fields with equal values: "deploy-script"`)
	}
}

// raw sends a patch whose making may have failed.
func (s *site) raw(kind types.PatchType, manager, ref string, patch []byte, made error) error {
	if made != nil {
		return made
	}
	resource, id := s.resource(ref)
	options := metav1.PatchOptions{FieldManager: manager}
	if kind == types.ApplyPatchType {
		force := true
		options.Force = &force
	}
	_, err := resource.Patch(s.Context(), id.Name, kind, patch, options)
	return err
}

// typed is the Go type of a built-in kind, which knows how its lists merge.
func typed(object map[string]any) (any, bool) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	made, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(apiVersion, kind))
	return made, err == nil
}

// twoWay is the patch of `kubectl edit`: strategic where the kind is built in, a
// merge patch otherwise.
func twoWay(before, after map[string]any) (types.PatchType, []byte, error) {
	kind, known := typed(before)
	if !known {
		patch, err := merging2(before, after)
		return types.MergePatchType, patch, err
	}
	old, next, err := both(before, after)
	if err != nil {
		return "", nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(old, next, kind)
	return types.StrategicMergePatchType, patch, err
}

func merging2(before, after map[string]any) ([]byte, error) {
	old, next, err := both(before, after)
	if err != nil {
		return nil, err
	}
	return jsonmergepatch.CreateThreeWayJSONMergePatch(old, next, old)
}

// operations are a JSON patch, down to the values that differ.
func operations(at string, before, after any) []map[string]any {
	var found []map[string]any
	switch after := after.(type) {
	case map[string]any:
		before, ok := before.(map[string]any)
		if !ok {
			break
		}
		names := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			path := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			old, had := before[name]
			next, has := after[name]
			switch {
			case !has:
				found = append(found, map[string]any{"op": "remove", "path": path})
			case !had:
				found = append(found, map[string]any{"op": "add", "path": path, "value": next})
			default:
				found = append(found, operations(path, old, next)...)
			}
		}
		return found
	case []any:
		before, ok := before.([]any)
		if !ok {
			break
		}
		for i := len(before) - 1; i >= len(after); i-- {
			found = append(found, map[string]any{"op": "remove", "path": fmt.Sprintf("%s/%d", at, i)})
		}
		for i, next := range after {
			if i >= len(before) {
				found = append(found, map[string]any{"op": "add", "path": at + "/-", "value": next})
				continue
			}
			found = append(found, operations(fmt.Sprintf("%s/%d", at, i), before[i], next)...)
		}
		return found
	}
	if !cmp.Equal(before, after) {
		found = append(found, map[string]any{"op": "replace", "path": at, "value": after})
	}
	return found
}

func both(before, after map[string]any) (old, next []byte, err error) {
	if old, err = json.Marshal(before); err != nil {
		return nil, nil, err
	}
	next, err = json.Marshal(after)
	return old, next, err
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// applyOldAgain is `kubectl apply`, client-side, of an object that exists: a three-way
// patch between the copy in the annotation, the manifest and the live object.
func (s *site) applyOldAgain(ref string, manifest map[string]any) error {
	live := s.live(ref)
	manifest = nested.CloneMap(manifest)
	content, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	original := []byte(nested.Annotations(live)[lastApplied])
	meta := manifest["metadata"].(map[string]any)
	meta["annotations"] = map[string]any{lastApplied: string(content)}
	current, next, err := both(live, manifest)
	if err != nil {
		return err
	}
	kind, known := typed(live)
	if !known {
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, next, current)
		return s.raw(types.MergePatchType, "kubectl-client-side-apply", ref, patch, err)
	}
	lookup, err := strategicpatch.NewPatchMetaFromStruct(kind)
	if err != nil {
		return err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(original, next, current, lookup, true)
	return s.raw(types.StrategicMergePatchType, "kubectl-client-side-apply", ref, patch, err)
}
