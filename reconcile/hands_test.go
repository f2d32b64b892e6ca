package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Objects are named "apps/v1 Deployment web"; a namespaced one stands in the
// site's namespace unless the name says "namespace/name".

// find observes one object as an administrator.
func (s *site) find(ref string) drift.Observation {
	s.Helper()
	kind, id, _ := s.parse(ref)
	return s.admin.Get(s.Context(), drift.App{}, id, kind.Version)
}

// live is an object that must exist.
func (s *site) live(ref string) map[string]any {
	s.Helper()
	seen := s.find(ref)
	if seen.State != drift.Present {
		s.Fatalf("%s is not there: %v", ref, seen.Err)
	}
	return seen.Live
}

// absent demands that an object does not exist, or is on its way out.
func (s *site) absent(ref string) {
	s.Helper()
	s.cluster.Eventually(s.T, ref+" is gone", func(context.Context) error {
		if seen := s.find(ref); seen.State != drift.Absent {
			return errors.New("it is there")
		}
		return nil
	})
}

func (s *site) parse(ref string) (drift.Kind, drift.ID, drift.KindInfo) {
	s.Helper()
	parts := strings.Fields(strings.ReplaceAll(ref, "$NS", s.ns))
	if len(parts) != 3 {
		s.Fatalf("%q is not APIVERSION KIND NAME", ref)
	}
	group, version, err := drift.ParseAPIVersion(parts[0])
	if err != nil {
		s.Fatal(err)
	}
	kind := drift.Kind{Group: group, Version: version, Kind: parts[1]}
	served, err := s.admin.Capabilities(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	info, ok := served.Kinds[kind]
	if !ok {
		s.Fatalf("%s is not served", kind)
	}
	id := drift.ID{Group: group, Kind: kind.Kind, Name: parts[2]}
	if info.Namespaced {
		id.Namespace = s.ns
		if namespace, name, ok := strings.Cut(parts[2], "/"); ok {
			id.Namespace, id.Name = namespace, name
		}
	}
	return kind, id, info
}

func (s *site) resource(ref string) (dynamic.ResourceInterface, drift.ID) {
	s.Helper()
	kind, id, info := s.parse(ref)
	client, err := dynamic.NewForConfig(s.cluster.RESTConfig())
	if err != nil {
		s.Fatal(err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: info.Resource})
	if info.Namespaced {
		return resource.Namespace(id.Namespace), id
	}
	return resource, id
}

// merge, strategic and patch edit as `kubectl edit`, `kubectl patch` and
// `kubectl label` do: the body is YAML.
func (s *site) merge(manager, ref, body string, subresource ...string) {
	s.Helper()
	s.send(types.MergePatchType, manager, ref, body, subresource...)
}

// report writes status for the n-th time, as controllers do.
func (s *site) report(ref string, n int) {
	s.Helper()
	s.merge("controller", ref, fmt.Sprintf(`{status: {conditions: [{type: Ready, status: "True", reason: "Look%d", message: "",
		lastTransitionTime: "2026-01-01T00:00:00Z"}]}}`, n), "status")
}

func (s *site) strategic(manager, ref, body string) {
	s.Helper()
	s.send(types.StrategicMergePatchType, manager, ref, body)
}

func (s *site) patch(manager, ref, body string) {
	s.Helper()
	s.send(types.JSONPatchType, manager, ref, body)
}

// apply is `kubectl apply --server-side --force-conflicts`.
func (s *site) apply(manager, ref, body string) {
	s.Helper()
	s.send(types.ApplyPatchType, manager, ref, body)
}

func (s *site) send(sort types.PatchType, manager, ref, body string, subresource ...string) {
	s.Helper()
	resource, id := s.resource(ref)
	data, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(body, "$NS", s.ns)))
	if err != nil {
		s.Fatal(err)
	}
	options := metav1.PatchOptions{FieldManager: manager}
	if sort == types.ApplyPatchType {
		force := true
		options.Force = &force
	}
	if _, err := resource.Patch(s.Context(), id.Name, sort, data, options, subresource...); err != nil {
		s.Fatalf("%s on %s: %v", manager, ref, err)
	}
}

// update reads, changes and puts back, as client-go programs do.
func (s *site) update(manager, ref string, change func(map[string]any)) {
	s.Helper()
	resource, id := s.resource(ref)
	for {
		object, err := resource.Get(s.Context(), id.Name, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		change(object.Object)
		_, err = resource.Update(s.Context(), object, metav1.UpdateOptions{FieldManager: manager})
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			s.Fatalf("%s on %s: %v", manager, ref, err)
		}
	}
}

// scale is `kubectl scale`.
func (s *site) scale(ref, replicas string) {
	s.Helper()
	s.merge("kubectl", ref, "{spec: {replicas: "+replicas+"}}", "scale")
}

// create is `kubectl create`.
func (s *site) create(manager, manifest string) map[string]any {
	s.Helper()
	object := s.manifest(manifest)
	ref := object["apiVersion"].(string) + " " + object["kind"].(string) + " " + nameOf(object)
	if namespace, _ := object["metadata"].(map[string]any)["namespace"].(string); namespace != "" {
		ref = object["apiVersion"].(string) + " " + object["kind"].(string) + " " + namespace + "/" + nameOf(object)
	}
	resource, _ := s.resource(ref)
	stored, err := resource.Create(s.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{FieldManager: manager})
	if err != nil {
		s.Fatalf("creating %s: %v", ref, err)
	}
	return stored.Object
}

// applyOld is the first `kubectl apply` of an object, client-side: a create
// with a copy of the manifest in an annotation.
func (s *site) applyOld(manifest string) {
	s.Helper()
	object := s.manifest(manifest)
	data, err := json.Marshal(object)
	if err != nil {
		s.Fatal(err)
	}
	meta := object["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
		meta["annotations"] = annotations
	}
	annotations["kubectl.kubernetes.io/last-applied-configuration"] = string(data) + "\n"
	out, err := yaml.Marshal(object)
	if err != nil {
		s.Fatal(err)
	}
	s.create("kubectl-client-side-apply", string(out))
}

func (s *site) manifest(text string) map[string]any {
	s.Helper()
	data, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "$NS", s.ns)))
	if err != nil {
		s.Fatal(err)
	}
	object := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&object); err != nil {
		s.Fatal(err)
	}
	return object
}

func nameOf(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	return name
}

// remove is `kubectl delete`, and waits until the object is gone.
func (s *site) remove(ref string) {
	s.Helper()
	resource, id := s.resource(ref)
	policy := metav1.DeletePropagationBackground
	if err := resource.Delete(s.Context(), id.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		s.Fatal(err)
	}
	s.absent(ref)
}

// value follows a path such as "spec.template.spec.containers.[name=app].image"
// in a live object; nil when there is nothing.
func (s *site) value(ref, path string) any {
	s.Helper()
	return valueIn(s.live(ref), path)
}

func valueIn(object map[string]any, path string) any {
	v, _ := nested.ValueAt(object, nested.Path(strings.Split(path, " ")))
	return v
}

func toYAML(t *testing.T, object map[string]any) string {
	t.Helper()
	out, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// deleteNow deletes without options.
var deleteNow = metav1.DeleteOptions{}

// Options of a create, for real and dry.
var (
	createNow = metav1.CreateOptions{FieldManager: "kubectl-create"}
	createDry = metav1.CreateOptions{FieldManager: "kubectl-create", DryRun: []string{metav1.DryRunAll}}
)

func unstructuredOf(object map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: object}
}
