// Package charttest renders the chart with Helm's own engine and tries its
// objects on the local control plane.
package charttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const chartDir = "../../../charts/killick"

// install is what a user says: a release, its namespace, and values.
type install struct {
	release   string
	namespace string
	values    string
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	loaded, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// renderText gives the rendered templates by their name in the chart.
func renderText(t *testing.T, in install) (map[string]string, error) {
	t.Helper()
	var values map[string]any
	if err := sigsyaml.Unmarshal([]byte(in.values), &values); err != nil {
		t.Fatal(err)
	}
	loaded := loadChart(t)
	options := chartutil.ReleaseOptions{Name: in.release, Namespace: in.namespace, Revision: 1, IsInstall: true}
	merged, err := chartutil.ToRenderValues(loaded, values, options, nil)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Engine{Strict: true}.Render(loaded, merged)
	if err != nil {
		return nil, err
	}
	short := map[string]string{}
	for name, text := range rendered {
		short[path.Base(name)] = text
	}
	return short, nil
}

// render gives the objects in Helm's order of files.
func render(t *testing.T, in install) []*unstructured.Unstructured {
	t.Helper()
	rendered, err := renderText(t, in)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasSuffix(name, ".yaml") {
			objects = append(objects, parse(t, name, rendered[name])...)
		}
	}
	return objects
}

func parse(t *testing.T, name, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var content map[string]any
		err := decoder.Decode(&content)
		switch {
		case errors.Is(err, io.EOF):
			return objects
		case err != nil:
			t.Fatalf("%s: %v\n%s", name, err, text)
		case content != nil:
			objects = append(objects, &unstructured.Unstructured{Object: content})
		}
	}
}

// dump is every object as YAML, in a stable order.
func dump(t *testing.T, objects []*unstructured.Unstructured) []byte {
	t.Helper()
	objects = slices.Clone(objects)
	sort.SliceStable(objects, func(i, j int) bool { return title(objects[i]) < title(objects[j]) })
	var all bytes.Buffer
	for _, object := range objects {
		text, err := sigsyaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "---\n%s", text)
	}
	return all.Bytes()
}

func title(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

func titles(objects []*unstructured.Unstructured) []string {
	var all []string
	for _, object := range objects {
		all = append(all, title(object))
	}
	sort.Strings(all)
	return all
}

func find(t *testing.T, objects []*unstructured.Unstructured, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if title(object) == name {
			return object
		}
	}
	t.Fatalf("%s is not rendered, only:\n%s", name, strings.Join(titles(objects), "\n"))
	return nil
}
