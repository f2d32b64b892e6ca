package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

// spec describes a workload.
type spec struct {
	// objects in all apps, namespaces and CRDs included.
	objects int
	// apps that the objects are spread over; two of them share a namespace.
	apps int
	// quirkyThird makes every third object one of the quirky shapes.
	quirkyThird bool
	// crds is how many of the objects are large CustomResourceDefinitions.
	crds int
}

// objectsPerApp is the size of an app where nothing else is said.
const objectsPerApp = 50

// sized is a workload of ordinary apps.
func sized(objects int) spec {
	return spec{objects: objects, apps: max(1, objects/objectsPerApp)}
}

// entry is one desired object and the app that it belongs to.
type entry struct {
	app    string
	object *unstructured.Unstructured
}

func (e entry) id() string {
	kind := e.object.GroupVersionKind()
	return peer.ID(kind.Group, kind.Kind, e.object.GetNamespace(), e.object.GetName())
}

// workload makes the desired objects, app by app. All names begin with the
// prefix, so that every tool can have a set of its own in one cluster.
func workload(prefix string, of spec) ([]entry, error) {
	var entries []entry
	for a := range of.apps {
		app := fmt.Sprintf("%s-app-%03d", prefix, a)
		namespace := fmt.Sprintf("%s-ns-%03d", prefix, a/2)
		count := of.objects*(a+1)/of.apps - of.objects*a/of.apps
		added := 0
		add := func(manifest, name, in string) error {
			object, err := build(manifest, app, name, in, added)
			if err != nil {
				return err
			}
			entries = append(entries, entry{app: app, object: object})
			added++
			return nil
		}
		if a%2 == 0 {
			if err := add(`{"apiVersion":"v1","kind":"Namespace"}`, namespace, ""); err != nil {
				return nil, err
			}
		}
		for c := range of.crds {
			if a > 0 {
				break
			}
			if err := add(largeCRD(prefix, c), "", ""); err != nil {
				return nil, err
			}
		}
		for i := 0; added < count; i++ {
			manifest := ordinary[i%len(ordinary)]
			if of.quirkyThird && i%3 == 2 {
				manifest = quirky[i/3%len(quirky)]
			}
			if err := add(manifest, fmt.Sprintf("%s-%03d", app, i), namespace); err != nil {
				return nil, err
			}
		}
	}
	return entries, nil
}

// build fills a manifest in and gives it the metadata that charts give.
func build(manifest, app, name, namespace string, i int) (*unstructured.Unstructured, error) {
	text := strings.NewReplacer("@name", name, "@app", app, "@i", strconv.Itoa(i), "@routes", routes).Replace(manifest)
	object := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal([]byte(text), &object.Object); err != nil {
		return nil, fmt.Errorf("template of %s: %w", name, err)
	}
	if name != "" {
		object.SetName(name)
	}
	if namespace != "" {
		object.SetNamespace(namespace)
	}
	object.SetLabels(map[string]string{
		"app.kubernetes.io/name":       object.GetName(),
		"app.kubernetes.io/instance":   app,
		"app.kubernetes.io/version":    "1.4.0",
		"app.kubernetes.io/component":  "backend",
		"app.kubernetes.io/managed-by": "gitops",
		"team":                         "storefront",
	})
	annotations := object.GetAnnotations()
	if len(annotations) == 0 && annotations != nil {
		return object, nil // annotations: {} is one of the shapes
	}
	all := map[string]string{
		"example.com/owner":       "storefront-oncall@example.com",
		"example.com/runbook":     "https://runbooks.example.com/storefront/" + app,
		"example.com/description": "Serves the storefront's customers; ask its owner before you change it by hand, and Git before that.",
	}
	maps.Copy(all, annotations)
	object.SetAnnotations(all)
	return object, nil
}

// repository is the workload as files for Killick: one file per app, the config,
// and a policy that lets everything be put right.
func repository(entries []entry) (map[string]string, error) {
	var config strings.Builder
	config.WriteString("apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: bench}\npolicies: [{path: policies}]\napps:\n")
	files := map[string]string{
		"policies/drift/bench/bench.rego": "package drift.bench\n\nsync contains \"Git says so\"\n\nheal contains \"Git says so\"\n",
	}
	contents := map[string]*strings.Builder{}
	for _, e := range entries {
		path := "apps/" + e.app + "/all.yaml"
		if contents[path] == nil {
			contents[path] = &strings.Builder{}
			fmt.Fprintf(&config, "  - {name: %s, path: apps/%s, secrets: manage}\n", e.app, e.app)
		}
		data, err := yaml.Marshal(e.object.Object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(contents[path], "---\n%s", data)
	}
	for path, content := range contents {
		files[path] = content.String()
	}
	files["killick.yaml"] = config.String()
	return files, nil
}

// writeEntries is the workload as a file for peers.
func writeEntries(path string, entries []entry) error {
	var out bytes.Buffer
	for _, e := range entries {
		object, err := json.Marshal(e.object.Object)
		if err != nil {
			return err
		}
		line, err := json.Marshal(peer.Entry{App: e.app, Object: object})
		if err != nil {
			return err
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// kindsOf is one bare entry per kind, for peers that need no objects.
func kindsOf(entries []entry) []entry {
	var kinds []entry
	seen := map[schema.GroupVersionKind]bool{}
	for _, e := range entries {
		kind := e.object.GroupVersionKind()
		if seen[kind] {
			continue
		}
		seen[kind] = true
		bare := &unstructured.Unstructured{}
		bare.SetGroupVersionKind(kind)
		kinds = append(kinds, entry{app: e.app, object: bare})
	}
	return kinds
}

// writeManifests is the workload as one JSON stream for kubectl.
func writeManifests(path string, entries []entry) error {
	var out bytes.Buffer
	for _, e := range entries {
		object, err := json.Marshal(e.object.Object)
		if err != nil {
			return err
		}
		out.Write(object)
		out.WriteByte('\n')
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}
