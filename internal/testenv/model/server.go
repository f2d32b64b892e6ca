package model

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

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/write"
)

// Server keeps one object the way the API server does: the field manager is
// apimachinery's own, built-in kinds pass through their Go types (so zero values
// are dropped and quantities rewritten as in a cluster), and a few defaults are
// filled in that nobody owns. What it lacks is validation, which tests put into
// observations by hand.
type Server struct {
	T     testing.TB
	Live  map[string]any // nil: absent
	Clock time.Time      // of the next write
	count int
	// Admit changes an object after field management, as admission does.
	Admit func(map[string]any)
}

// The ApplySets of two apps of one installation, and the UID of the object.
const (
	TestPartOf  = "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
	OtherPartOf = "applyset-gixR4KUFBNRxOPyC-scYMHmBW0ziohNNkE_oCmTLycQ-v1"
	TestUID     = "3f0a3d0a-6f1c-4d3e-9a39-0d6a1b0c0001"
)

// Standard is the built-in table.
var Standard drift.Noise

// TestFamily are the apps of one installation by their ApplySet.
var TestFamily = map[string]string{TestPartOf: "storefront", OtherPartOf: "payments"}

// TestStart is the time of a server's first write.
var TestStart = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

var builtin = applyconfigurations.NewTypeConverter(scheme.Scheme)

// NewServer is a server without the object.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return &Server{T: t, Clock: TestStart}
}

// Synced is a server that holds the manifest, applied by Killick.
func Synced(t testing.TB, manifest string) *Server {
	t.Helper()
	s := NewServer(t)
	s.Apply(drift.FieldManager, manifest)
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
		object.Object = Stored(object.Object)
	}
}

// Stored is an object as the API server would keep it.
func Stored(object map[string]any) map[string]any {
	kind := schema.FromAPIVersionAndKind(nested.StringAt(object, "apiVersion"), nested.StringAt(object, "kind"))
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
	if meta := nested.Metadata(out); meta != nil && meta["creationTimestamp"] == nil {
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
		for _, item := range ListAt(spec, "ports") {
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
		for _, item := range ListAt(pod, "containers") {
			container, _ := item.(map[string]any)
			def(container, "terminationMessagePath", "/dev/termination-log")
			for _, item := range ListAt(container, "ports") {
				port, _ := item.(map[string]any)
				def(port, "protocol", "TCP")
			}
			for _, item := range ListAt(container, "env") {
				env, _ := item.(map[string]any)
				if ref, ok := nested.ValueAt(env, nested.Path{"valueFrom", "fieldRef"}); ok {
					def(ref.(map[string]any), "apiVersion", "v1")
				}
			}
		}
	}
}

// ListAt is the list of a key; nil where there is none.
func ListAt(fields map[string]any, key string) []any {
	items, _ := fields[key].([]any)
	return items
}

// fieldManager is the API server's for the object's kind and a subresource.
func (s *Server) fieldManager(object map[string]any, subresource string) *managedfields.FieldManager {
	s.T.Helper()
	kind := schema.FromAPIVersionAndKind(nested.StringAt(object, "apiVersion"), nested.StringAt(object, "kind"))
	converter := builtin
	switch {
	case kind.Kind == "Gadget":
		converter = gadgets(s.T)
	case !scheme.Scheme.Recognizes(kind):
		converter = managedfields.NewDeducedTypeConverter() // a CRD without list types: every list is atomic
	}
	manager, err := managedfields.NewDefaultFieldManager(converter, conversion{}, conversion{}, conversion{},
		kind, kind.GroupVersion(), subresource, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	return manager
}

func (s *Server) current(like map[string]any) *unstructured.Unstructured {
	if s.Live == nil {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": like["apiVersion"], "kind": like["kind"]}}
	}
	return &unstructured.Unstructured{Object: nested.CloneMap(s.Live)}
}

// Merged is what a forced server-side apply would store.
func (s *Server) Merged(manager string, manifest map[string]any) map[string]any {
	s.T.Helper()
	out, err := s.fieldManager(manifest, "").Apply(s.current(manifest), &unstructured.Unstructured{Object: nested.CloneMap(manifest)}, manager, true)
	if err != nil {
		s.T.Fatalf("applying as %s: %v", manager, err)
	}
	return s.finish(manager, out.(*unstructured.Unstructured).Object)
}

// finish is admission and the server's own metadata.
func (s *Server) finish(manager string, object map[string]any) map[string]any {
	out := nested.CloneMap(object)
	if s.Admit != nil {
		s.Admit(out)
	}
	meta := nested.Metadata(out)
	meta["uid"] = TestUID
	meta["resourceVersion"] = strconv.Itoa(1000 + s.count)
	if s.Live != nil {
		meta["resourceVersion"] = nested.ResourceVersionOf(s.Live)
	}
	s.stamp(manager, out)
	return out
}

// stamp gives the writer's entry the server's time, if the write changed it; an
// entry that only lost fields to the writer keeps its own.
func (s *Server) stamp(manager string, object map[string]any) {
	before := map[string]string{}
	identity := func(entry map[string]any) (string, string) {
		fields, err := json.Marshal(entry["fieldsV1"])
		if err != nil {
			s.T.Fatal(err)
		}
		return fmt.Sprint(entry["manager"], entry["operation"], entry["subresource"]), string(fields)
	}
	times := map[string]any{}
	for _, item := range ListAt(nested.Metadata(s.Live), "managedFields") {
		entry := item.(map[string]any)
		key, fields := identity(entry)
		before[key], times[key] = fields, entry["time"]
	}
	for _, item := range ListAt(nested.Metadata(object), "managedFields") {
		entry := item.(map[string]any)
		key, fields := identity(entry)
		entry["time"] = s.Clock.Format(time.RFC3339)
		if before[key] == fields || entry["manager"] != manager && before[key] != "" {
			entry["time"] = times[key]
		}
	}
}

// Store keeps an object as a write's outcome.
func (s *Server) Store(object map[string]any) map[string]any {
	s.count++
	nested.Metadata(object)["resourceVersion"] = strconv.Itoa(1000 + s.count)
	s.Live, s.Clock = object, s.Clock.Add(time.Hour)
	return nested.CloneMap(object)
}

// Apply is a forced server-side apply of YAML; Killick's own carries the label.
func (s *Server) Apply(manager, manifest string) map[string]any {
	s.T.Helper()
	object := Tree(s.T, manifest)
	if manager == drift.FieldManager {
		object = Desired(s.T, manifest).Manifest
	}
	return s.Store(s.Merged(manager, object))
}

// DryRun is the prediction for an object.
func (s *Server) DryRun(object drift.Object) map[string]any {
	s.T.Helper()
	return s.Merged(drift.FieldManager, object.Manifest)
}

// Update reads, changes and writes back under a manager's name, as kubectl edit,
// patch and scale do; "name/scale" writes through a subresource.
func (s *Server) Update(manager string, change func(map[string]any)) {
	s.T.Helper()
	manager, subresource, _ := strings.Cut(manager, "/")
	next := nested.CloneMap(s.Live)
	change(next)
	next = Stored(next)
	out, err := s.fieldManager(next, subresource).Update(s.current(next), &unstructured.Unstructured{Object: next}, manager)
	if err != nil {
		s.T.Fatalf("updating as %s: %v", manager, err)
	}
	s.Store(s.finish(manager, out.(*unstructured.Unstructured).Object))
}

// Set is an update of one value; nil removes it.
func (s *Server) Set(manager, path string, v any) {
	s.T.Helper()
	s.Update(manager, func(object map[string]any) { Put(s.T, object, At(path), v) })
}

// Put changes a tree in place.
func Put(t testing.TB, root any, path nested.Path, v any) {
	t.Helper()
	parent, ok := nested.ValueAt(root, path[:len(path)-1])
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
		Put(t, root, path[:len(path)-1], made)
		return
	}
	i := nested.LiveIndex(items, last)
	switch {
	case v == nil && i >= 0:
		items = slices.Delete(slices.Clone(items), i, i+1)
	case i >= 0:
		items = slices.Clone(items)
		items[i] = v
	default:
		items = append(slices.Clone(items), v)
	}
	Put(t, root, path[:len(path)-1], items)
}

// TakeOver does what Killick's write does: managedFields are replaced, then the
// manifest is applied. It returns the object as stored.
func (s *Server) TakeOver(object drift.Object, change drift.Change, granted []drift.FieldChange, adopt bool) map[string]any {
	s.T.Helper()
	effective, err := write.Effective(Standard, object, change, s.Live)
	if err != nil {
		s.T.Fatal(err)
	}
	fields, err := write.TakeOver(Standard, s.Live, granted, object.Kind().APIVersion(), adopt, s.Clock)
	if err != nil {
		s.T.Fatal(err)
	}
	if patch := write.Removals(Standard, s.Live, effective.Manifest, granted); fields != nil || len(patch) > 0 {
		live := ApplyPatch(s.T, s.Live, patch)
		if fields != nil {
			nested.Metadata(live)["managedFields"] = fields
		}
		s.Live = live
	}
	return s.Store(s.Merged(drift.FieldManager, effective.Manifest))
}

// Observe is the observation of a live object that was dry-run.
func (s *Server) Observe(object drift.Object) drift.Observation {
	s.T.Helper()
	if s.Live == nil {
		return drift.Observation{ID: object.ID, State: drift.Absent}
	}
	return drift.Observation{ID: object.ID, State: drift.Present, Live: nested.CloneMap(s.Live),
		Predicted: s.DryRun(object), Prediction: drift.ByDryRun}
}

// Comparison is the ordinary one of an object that is in the inventory.
func (s *Server) Comparison(manifest string) diff.Comparison {
	s.T.Helper()
	object := Desired(s.T, manifest)
	return diff.Comparison{App: drift.App{Name: "storefront"}, Object: object, Observation: s.Observe(object),
		PartOf: TestPartOf, Family: TestFamily, Entry: &drift.Entry{ID: object.ID, Version: object.Version, UID: TestUID},
		DesiredHash: HashOf(s.T, object.Manifest)}
}

// Compare compares the manifest with what the server holds.
func (s *Server) Compare(manifest string) drift.Change {
	s.T.Helper()
	return diff.Compare(s.Comparison(manifest))
}

// Row is the memo of the state as it is now.
func (s *Server) Row(manifest string) *drift.Row {
	s.T.Helper()
	object := Desired(s.T, manifest).Manifest
	row, err := diff.RowOf(Standard, TestKey, object, s.Live)
	if err != nil {
		s.T.Fatal(err)
	}
	row.DesiredHash = HashOf(s.T, object)
	return &row
}

// Remembering is a comparison with a memo row.
func (s *Server) Remembering(manifest string, row *drift.Row) diff.Comparison {
	s.T.Helper()
	c := s.Comparison(manifest)
	c.Row = row
	digest, err := diff.HashLive(Standard, TestKey, s.Live)
	if err != nil {
		s.T.Fatal(err)
	}
	c.Digest = func() string { return digest }
	return c
}

// TestKey is an installation's key.
var TestKey = []byte("0123456789abcdef0123456789abcdef")

// HashOf is the hash of a manifest under testKey.
func HashOf(t testing.TB, manifest map[string]any) string {
	t.Helper()
	hash, err := diff.HashManifest(TestKey, manifest)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// Tree reads YAML as client-go does: whole numbers are int64.
func Tree(t testing.TB, text string) map[string]any {
	t.Helper()
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return PlainTree(t, data)
}

// PlainTree reads JSON as client-go does: whole numbers are int64.
func PlainTree(t testing.TB, data []byte) map[string]any {
	t.Helper()
	wrapped := append(append([]byte(`{"kind":"X","apiVersion":"x/v1","v":`), data...), '}')
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(wrapped); err != nil {
		t.Fatal(err)
	}
	out, _ := object.Object["v"].(map[string]any)
	return out
}

// Desired is a rendered object with the part-of label.
func Desired(t testing.TB, text string) drift.Object {
	t.Helper()
	object, err := drift.WithPartOf(Rendered(t, text), TestPartOf)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// Rendered is an object as a renderer gives it.
func Rendered(t testing.TB, text string) drift.Object {
	t.Helper()
	manifest := Tree(t, text)
	group, version, err := drift.ParseAPIVersion(nested.StringAt(manifest, "apiVersion"))
	if err != nil {
		t.Fatal(err)
	}
	meta := nested.Metadata(manifest)
	return drift.Object{ID: drift.ID{Group: group, Kind: nested.StringAt(manifest, "kind"), Namespace: nested.StringAt(meta, "namespace"), Name: nested.StringAt(meta, "name")},
		Version: version, Manifest: manifest, Origin: drift.Origin{File: "apps/storefront/web.yaml", Line: 3}}
}

// At splits "spec template [name=app]" into a path: elements may hold any
// character but a blank.
func At(path string) nested.Path { return nested.Path(strings.Fields(path)) }

// Told is one line per field change: "op path: live → desired, cause manager".
func Told(fields []drift.FieldChange) []string {
	lines := []string{}
	for _, field := range fields {
		line := fmt.Sprintf("%s %s: %s → %s, %s", field.Op, field.Path, Short(field.Live), Short(field.Desired), field.Cause)
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

// Short is a value as one line of JSON.
func Short(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Refused is a dry-run's answer as the reader hands it on.
func Refused(kind error, causes ...string) error {
	refusal := &drift.Refusal{Kind: kind, Message: "the server said no"}
	for _, field := range causes {
		refusal.Causes = append(refusal.Causes, drift.RefusalCause{Field: field, Type: "FieldValueInvalid", Message: "no"})
	}
	return &drift.Problem{Stage: "observe", File: "apps/storefront/web.yaml:3", Err: fmt.Errorf("asking what applying would do: %w", refusal)}
}

// Refuse is the comparison of an object whose dry-run was refused.
func (s *Server) Refuse(manifest string, err error) diff.Comparison {
	s.T.Helper()
	c := s.Comparison(manifest)
	c.Observation.Predicted, c.Observation.Prediction, c.Observation.Err = nil, drift.ByComparison, err
	return c
}

// Managers are the object's field managers with their operations.
func Managers(object map[string]any) []string {
	var out []string
	for _, item := range ListAt(nested.Metadata(object), "managedFields") {
		entry := item.(map[string]any)
		out = append(out, fmt.Sprintf("%v %v", entry["manager"], entry["operation"]))
	}
	slices.Sort(out)
	return out
}

// DeploymentYAML is a Deployment with defaults left to the server.
const DeploymentYAML = `
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

// ServiceYAML is a Service with two ports.
const ServiceYAML = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: storefront}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: metrics, port: 9090, protocol: TCP, targetPort: 9090}
`

// ConfigMapYAML is a ConfigMap with two keys.
const ConfigMapYAML = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: storefront}
data: {mode: production, version: "1.10"}
`

// SecretYAML is a Secret.
const SecretYAML = `
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: storefront}
type: Opaque
data: {user: YWRtaW4=, password: aHVudGVyMi1pcy1sb25n}
`

// WidgetYAML is a custom resource of an unknown kind, whose lists are atomic.
const WidgetYAML = `
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
