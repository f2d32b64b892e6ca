package drift

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// server keeps one object the way the API server does: the field manager is
// apimachinery's own, built-in kinds pass through their Go types (so zero values
// are dropped and quantities rewritten as in a cluster), and a few defaults are
// filled in that nobody owns. What it lacks is validation, which tests put into
// observations by hand.
type server struct {
	t     testing.TB
	live  map[string]any // nil: absent
	clock time.Time      // of the next write
	count int
	// admit changes an object after field management, as admission does.
	admit func(map[string]any)
}

const (
	testPartOf  = "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
	otherPartOf = "applyset-gixR4KUFBNRxOPyC-scYMHmBW0ziohNNkE_oCmTLycQ-v1"
	testUID     = "3f0a3d0a-6f1c-4d3e-9a39-0d6a1b0c0001"
)

// standard is the built-in table.
var standard Noise

var testFamily = map[string]string{testPartOf: "storefront", otherPartOf: "payments"}

// testStart is the time of a server's first write.
var testStart = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

var builtin = applyconfigurations.NewTypeConverter(scheme.Scheme)

func newServer(t testing.TB) *server {
	t.Helper()
	return &server{t: t, clock: testStart}
}

// synced is a server that holds the manifest, applied by Killick.
func synced(t testing.TB, manifest string) *server {
	t.Helper()
	s := newServer(t)
	s.apply(FieldManager, manifest)
	return s
}

// conversion is what the field manager needs of the API server's own code.
type conversion struct{}

func (conversion) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(kind)
	return object, nil
}
func (conversion) Convert(_, _, _ any) error { return nil }
func (conversion) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}
func (conversion) ConvertFieldLabel(schema.GroupVersionKind, string, string) (string, string, error) {
	return "", "", fmt.Errorf("no field labels")
}
func (conversion) Default(in runtime.Object) {
	if object, ok := in.(*unstructured.Unstructured); ok {
		object.Object = stored(object.Object)
	}
}

// stored is an object as the API server would keep it.
func stored(object map[string]any) map[string]any {
	kind := schema.FromAPIVersionAndKind(stringAt(object, "apiVersion"), stringAt(object, "kind"))
	typed, err := scheme.Scheme.New(kind)
	if err != nil {
		return object // a custom resource
	}
	converter := runtime.DefaultUnstructuredConverter
	if err := converter.FromUnstructured(object, typed); err != nil {
		return object
	}
	out, err := converter.ToUnstructured(typed)
	if err != nil {
		return object
	}
	if meta := metadata(out); meta != nil && meta["creationTimestamp"] == nil {
		delete(meta, "creationTimestamp")
	}
	delete(out, "status")
	fillDefaults(kind.Kind, out)
	return out
}

// fillDefaults sets some of what the API server's defaulting sets.
func fillDefaults(kind string, object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	if spec == nil {
		return
	}
	def := func(fields map[string]any, key string, v any) {
		if fields[key] == nil {
			fields[key] = v
		}
	}
	switch kind {
	case "Service":
		def(spec, "type", "ClusterIP")
		def(spec, "sessionAffinity", "None")
		for _, item := range listAt(spec, "ports") {
			port, _ := item.(map[string]any)
			def(port, "protocol", "TCP")
			def(port, "targetPort", port["port"])
		}
	case "Deployment":
		def(spec, "replicas", int64(1))
		def(spec, "progressDeadlineSeconds", int64(600))
		template, _ := spec["template"].(map[string]any)
		pod, _ := template["spec"].(map[string]any)
		def(pod, "restartPolicy", "Always")
		for _, item := range listAt(pod, "containers") {
			container, _ := item.(map[string]any)
			def(container, "terminationMessagePath", "/dev/termination-log")
			for _, item := range listAt(container, "ports") {
				port, _ := item.(map[string]any)
				def(port, "protocol", "TCP")
			}
			for _, item := range listAt(container, "env") {
				env, _ := item.(map[string]any)
				if ref, ok := ValueAt(env, Path{"valueFrom", "fieldRef"}); ok {
					def(ref.(map[string]any), "apiVersion", "v1")
				}
			}
		}
	}
}

func listAt(fields map[string]any, key string) []any {
	items, _ := fields[key].([]any)
	return items
}

// fieldManager is the API server's for the object's kind and a subresource.
func (s *server) fieldManager(object map[string]any, subresource string) *managedfields.FieldManager {
	s.t.Helper()
	kind := schema.FromAPIVersionAndKind(stringAt(object, "apiVersion"), stringAt(object, "kind"))
	converter := builtin
	switch {
	case kind.Kind == "Gadget":
		converter = gadgets(s.t)
	case !scheme.Scheme.Recognizes(kind):
		converter = managedfields.NewDeducedTypeConverter() // a CRD without list types: every list is atomic
	}
	manager, err := managedfields.NewDefaultFieldManager(converter, conversion{}, conversion{}, conversion{},
		kind, kind.GroupVersion(), subresource, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return manager
}

func (s *server) current(like map[string]any) *unstructured.Unstructured {
	if s.live == nil {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": like["apiVersion"], "kind": like["kind"]}}
	}
	return &unstructured.Unstructured{Object: CloneMap(s.live)}
}

// merged is what a forced server-side apply would store.
func (s *server) merged(manager string, manifest map[string]any) map[string]any {
	s.t.Helper()
	out, err := s.fieldManager(manifest, "").Apply(s.current(manifest), &unstructured.Unstructured{Object: CloneMap(manifest)}, manager, true)
	if err != nil {
		s.t.Fatalf("applying as %s: %v", manager, err)
	}
	return s.finish(manager, out.(*unstructured.Unstructured).Object)
}

// finish is admission and the server's own metadata.
func (s *server) finish(manager string, object map[string]any) map[string]any {
	out := CloneMap(object)
	if s.admit != nil {
		s.admit(out)
	}
	meta := metadata(out)
	meta["uid"] = testUID
	meta["resourceVersion"] = strconv.Itoa(1000 + s.count)
	if s.live != nil {
		meta["resourceVersion"] = ResourceVersionOf(s.live)
	}
	s.stamp(manager, out)
	return out
}

// stamp gives the writer's entry the server's time, if the write changed it; an
// entry that only lost fields to the writer keeps its own.
func (s *server) stamp(manager string, object map[string]any) {
	before := map[string]string{}
	identity := func(entry map[string]any) (string, string) {
		fields, err := json.Marshal(entry["fieldsV1"])
		if err != nil {
			s.t.Fatal(err)
		}
		return fmt.Sprint(entry["manager"], entry["operation"], entry["subresource"]), string(fields)
	}
	times := map[string]any{}
	for _, item := range listAt(metadata(s.live), "managedFields") {
		entry := item.(map[string]any)
		key, fields := identity(entry)
		before[key], times[key] = fields, entry["time"]
	}
	for _, item := range listAt(metadata(object), "managedFields") {
		entry := item.(map[string]any)
		key, fields := identity(entry)
		entry["time"] = s.clock.Format(time.RFC3339)
		if before[key] == fields || entry["manager"] != manager && before[key] != "" {
			entry["time"] = times[key]
		}
	}
}

// store keeps an object as a write's outcome.
func (s *server) store(object map[string]any) map[string]any {
	s.count++
	metadata(object)["resourceVersion"] = strconv.Itoa(1000 + s.count)
	s.live, s.clock = object, s.clock.Add(time.Hour)
	return CloneMap(object)
}

// apply is a forced server-side apply of YAML; Killick's own carries the label.
func (s *server) apply(manager, manifest string) map[string]any {
	s.t.Helper()
	object := tree(s.t, manifest)
	if manager == FieldManager {
		object = desired(s.t, manifest).Manifest
	}
	return s.store(s.merged(manager, object))
}

// dryRun is the prediction for an object.
func (s *server) dryRun(object Object) map[string]any {
	s.t.Helper()
	return s.merged(FieldManager, object.Manifest)
}

// update reads, changes and writes back under a manager's name, as kubectl edit,
// patch and scale do; "name/scale" writes through a subresource.
func (s *server) update(manager string, change func(map[string]any)) {
	s.t.Helper()
	manager, subresource, _ := strings.Cut(manager, "/")
	next := CloneMap(s.live)
	change(next)
	next = stored(next)
	out, err := s.fieldManager(next, subresource).Update(s.current(next), &unstructured.Unstructured{Object: next}, manager)
	if err != nil {
		s.t.Fatalf("updating as %s: %v", manager, err)
	}
	s.store(s.finish(manager, out.(*unstructured.Unstructured).Object))
}

// set is an update of one value; nil removes it.
func (s *server) set(manager, path string, v any) {
	s.t.Helper()
	s.update(manager, func(object map[string]any) { put(s.t, object, at(path), v) })
}

// put changes a tree in place.
func put(t testing.TB, root any, path Path, v any) {
	t.Helper()
	parent, ok := ValueAt(root, path[:len(path)-1])
	last := path[len(path)-1]
	if fields, isMap := parent.(map[string]any); ok && isMap {
		if v == nil {
			delete(fields, last)
		} else {
			fields[last] = v
		}
		return
	}
	items, isList := parent.([]any)
	if !isList {
		if v == nil {
			t.Fatalf("nothing at %s", path)
		}
		made := any(map[string]any{last: v})
		if strings.HasPrefix(last, "[") {
			made = []any{v}
		}
		put(t, root, path[:len(path)-1], made)
		return
	}
	i := indexIn(items, last)
	switch {
	case v == nil && i >= 0:
		items = slices.Delete(slices.Clone(items), i, i+1)
	case i >= 0:
		items = slices.Clone(items)
		items[i] = v
	default:
		items = append(slices.Clone(items), v)
	}
	put(t, root, path[:len(path)-1], items)
}

// takeOver does what Killick's write does: managedFields are replaced, then the
// manifest is applied. It returns the object as stored.
func (s *server) takeOver(object Object, change Change, granted []FieldChange, adopt bool) map[string]any {
	s.t.Helper()
	effective, err := standard.Effective(object, change, s.live)
	if err != nil {
		s.t.Fatal(err)
	}
	fields, err := standard.TakeOver(s.live, granted, object.Kind().APIVersion(), adopt, s.clock)
	if err != nil {
		s.t.Fatal(err)
	}
	if patch := standard.Removals(s.live, effective.Manifest, granted); fields != nil || len(patch) > 0 {
		live := applyPatch(s.t, s.live, patch)
		if fields != nil {
			metadata(live)["managedFields"] = fields
		}
		s.live = live
	}
	return s.store(s.merged(FieldManager, effective.Manifest))
}

// observe is the observation of a live object that was dry-run.
func (s *server) observe(object Object) Observation {
	s.t.Helper()
	if s.live == nil {
		return Observation{ID: object.ID, State: Absent}
	}
	return Observation{ID: object.ID, State: Present, Live: CloneMap(s.live),
		Predicted: s.dryRun(object), Prediction: ByDryRun}
}

// comparison is the ordinary one of an object that is in the inventory.
func (s *server) comparison(manifest string) Comparison {
	s.t.Helper()
	object := desired(s.t, manifest)
	return Comparison{App: App{Name: "storefront"}, Object: object, Observation: s.observe(object),
		PartOf: testPartOf, Family: testFamily, Entry: &Entry{ID: object.ID, Version: object.Version, UID: testUID},
		DesiredHash: hashOf(s.t, object.Manifest)}
}

func (s *server) compare(manifest string) Change {
	s.t.Helper()
	return Compare(s.comparison(manifest))
}

// row is the memo of the state as it is now.
func (s *server) row(manifest string) *Row {
	s.t.Helper()
	object := desired(s.t, manifest).Manifest
	row, err := standard.RowOf(testKey, object, s.live)
	if err != nil {
		s.t.Fatal(err)
	}
	row.DesiredHash = hashOf(s.t, object)
	return &row
}

// remembering is a comparison with a memo row.
func (s *server) remembering(manifest string, row *Row) Comparison {
	s.t.Helper()
	c := s.comparison(manifest)
	c.Row = row
	digest, err := standard.HashLive(testKey, s.live)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Digest = func() string { return digest }
	return c
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

func hashOf(t testing.TB, manifest map[string]any) string {
	t.Helper()
	hash, err := HashManifest(testKey, manifest)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// tree reads YAML as client-go does: whole numbers are int64.
func tree(t testing.TB, text string) map[string]any {
	t.Helper()
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return plainTree(t, data)
}

func plainTree(t testing.TB, data []byte) map[string]any {
	t.Helper()
	wrapped := append(append([]byte(`{"kind":"X","apiVersion":"x/v1","v":`), data...), '}')
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(wrapped); err != nil {
		t.Fatal(err)
	}
	out, _ := object.Object["v"].(map[string]any)
	return out
}

// desired is a rendered object with the part-of label.
func desired(t testing.TB, text string) Object {
	t.Helper()
	object, err := WithPartOf(rendered(t, text), testPartOf)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// rendered is an object as a renderer gives it.
func rendered(t testing.TB, text string) Object {
	t.Helper()
	manifest := tree(t, text)
	group, version, err := ParseAPIVersion(stringAt(manifest, "apiVersion"))
	if err != nil {
		t.Fatal(err)
	}
	meta := metadata(manifest)
	return Object{ID: ID{Group: group, Kind: stringAt(manifest, "kind"), Namespace: stringAt(meta, "namespace"), Name: stringAt(meta, "name")},
		Version: version, Manifest: manifest, Origin: Origin{File: "apps/storefront/web.yaml", Line: 3}}
}

// at splits "spec template [name=app]" into a path: elements may hold any
// character but a blank.
func at(path string) Path { return Path(strings.Fields(path)) }

// told is one line per field change: "op path: live → desired, cause manager".
func told(fields []FieldChange) []string {
	lines := []string{}
	for _, field := range fields {
		line := fmt.Sprintf("%s %s: %s → %s, %s", field.Op, field.Path, short(field.Live), short(field.Desired), field.Cause)
		if field.Manager != "" {
			line += " " + field.Manager
		}
		if field.Note != "" {
			line += " (" + field.Note + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func short(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// refused is a dry-run's answer as the reader hands it on.
func refused(kind error, causes ...string) error {
	refusal := &Refusal{Kind: kind, Message: "the server said no"}
	for _, field := range causes {
		refusal.Causes = append(refusal.Causes, RefusalCause{Field: field, Type: "FieldValueInvalid", Message: "no"})
	}
	return &Problem{Stage: "observe", File: "apps/storefront/web.yaml:3", Err: fmt.Errorf("asking what applying would do: %w", refusal)}
}

// refuse is the comparison of an object whose dry-run was refused.
func (s *server) refuse(manifest string, err error) Comparison {
	s.t.Helper()
	c := s.comparison(manifest)
	c.Observation.Predicted, c.Observation.Prediction, c.Observation.Err = nil, ByComparison, err
	return c
}

// managers are the object's field managers with their operations.
func managers(object map[string]any) []string {
	var out []string
	for _, item := range listAt(metadata(object), "managedFields") {
		entry := item.(map[string]any)
		out = append(out, fmt.Sprintf("%v %v", entry["manager"], entry["operation"]))
	}
	slices.Sort(out)
	return out
}

const deploymentYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: storefront, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1.4.0
        args: [--listen, ":8080"]
        ports:
        - {containerPort: 8080, name: http}
        env:
        - {name: MODE, value: production}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        resources:
          limits: {cpu: "1", memory: 256Mi}
      - name: proxy
        image: registry.example.com/proxy:2.0.1
`

const serviceYAML = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: storefront}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: metrics, port: 9090, protocol: TCP, targetPort: 9090}
`

const configMapYAML = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: storefront}
data: {mode: production, version: "1.10"}
`

const secretYAML = `
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: storefront}
type: Opaque
data: {user: YWRtaW4=, password: aHVudGVyMi1pcy1sb25n}
`

const widgetYAML = `
apiVersion: example.com/v1
kind: Widget
metadata: {name: gear, namespace: storefront}
spec:
  size: 3
  ratio: 0.5
  rules:
  - {host: a.example.com, paths: [/x, /y]}
  - {host: b.example.com, paths: []}
  options: {colour: red, nested: {depth: 2}}
`
