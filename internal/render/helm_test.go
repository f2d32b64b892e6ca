package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// chartTree is a chart with the given files beside its Chart.yaml.
func chartTree(pairs ...string) fstest.MapFS {
	return files(append([]string{"app/Chart.yaml", chartYAML}, pairs...)...)
}

// entry is one member of an archive.
type entry struct {
	name, content string
	kind          byte
}

func archive(t *testing.T, entries ...entry) string {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	w := tar.NewWriter(zip)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o600, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			header.Typeflag, header.Size, header.Linkname = e.kind, 0, e.content
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

const storeChart = "apiVersion: v2\nname: store\nversion: 1.0.0\n"

func TestArchives(t *testing.T) {
	chart := entry{"store/Chart.yaml", storeChart, 0}
	template := entry{"store/templates/a.yaml", configMap("packed"), 0}
	deep := archive(t, chart)
	for range maxArchiveDepth + 1 {
		deep = archive(t, chart, entry{"store/charts/store.tgz", deep, 0})
	}
	tests := []struct {
		name, content, err string
	}{
		{"a good one", archive(t, chart, template), ""},
		{"a link to a file outside", archive(t, chart, entry{"store/values.yaml", "/etc/passwd", tar.TypeSymlink}), "neither file nor folder"},
		{"a hard link", archive(t, chart, entry{"store/values.yaml", "/etc/passwd", tar.TypeLink}), "neither file nor folder"},
		{"a device", archive(t, chart, entry{"store/values.yaml", "", tar.TypeChar}), "neither file nor folder"},
		{"a path to the parent", archive(t, chart, entry{"store/../../x", "x", 0}), "leaves the archive"},
		{"an absolute path", archive(t, chart, entry{"/etc/x", "x", 0}), "leaves the archive"},
		{"a file given twice", archive(t, chart, chart), "given twice"},
		{"a file given twice in other words", archive(t, chart, entry{"store/./Chart.yaml", storeChart, 0}), "given twice"},
		{"without a folder", archive(t, entry{"Chart.yaml", storeChart, 0}), "outside the base directory"},
		{"nothing in it", archive(t), "no files in chart archive"},
		{"a large file", archive(t, chart, entry{"store/x", strings.Repeat("x", chartFileBytes+1), 0}), "larger than 5 MiB"},
		{"more than everything may be", archive(t, chart, entry{"store/x", strings.Repeat("x", 4<<20), 0}, entry{"store/y", strings.Repeat("y", 4<<20), 0}, entry{"store/z", strings.Repeat("z", 4<<20), 0}), "more than 16 MiB in one file or 10 MiB in one app"},
		{"archives in archives", archive(t, chart, entry{"store/charts/store.tgz", archive(t, chart, template), 0}), ""},
		{"too many of them", deep, "more than 4 levels deep"},
		{"a bomb inside one", archive(t, chart, entry{"store/charts/store.tgz", archive(t, chart, entry{"store/x", strings.Repeat("x", chartFileBytes+1), 0}), 0}), "larger than 5 MiB"},
		{"an alias bomb inside one", archive(t, chart, entry{"store/values.yaml", "a: &a [a: &b [*a]]\nb: &c [*b, *b]", 0}), "reading YAML"},
		{"cut off", archive(t, chart, template)[:60], "unpacking the dependency"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := chartTree("app/charts/store-1.0.0.tgz", test.content)
			rendered, err := renderWith(tree, shop, drift.Capabilities{}, Limits{TotalBytes: 10 << 20})
			if test.err == "" {
				if err != nil || len(rendered.Objects) != 1 {
					t.Fatalf("%v, %v, want one object", ids(rendered), err)
				}
				origin := rendered.Objects[0].Origin
				if origin.File != "app/charts/store-1.0.0.tgz" || origin.Template != "templates/a.yaml" || origin.Chart != "shop-1.0.0" {
					t.Errorf("origin %+v", origin)
				}
				return
			}
			var problem *drift.Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want a problem with %q", err, test.err)
			}
		})
	}
}

// Capabilities are the cluster's, in the cluster's words.
func TestCapabilities(t *testing.T) {
	tree := chartTree("app/templates/a.yaml", `apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  version: {{ .Capabilities.KubeVersion.Version }}
  git: {{ .Capabilities.KubeVersion.GitVersion }}
  minor: {{ .Capabilities.KubeVersion.Minor | quote }}
  monitors: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" | quote }}
  kind: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" | quote }}
  batch: {{ .Capabilities.APIVersions.Has "batch/v1" | quote }}
`)
	for name, test := range map[string]struct {
		capabilities drift.Capabilities
		want         map[string]any
	}{
		"a provider's version": {
			drift.Capabilities{KubeVersion: "v1.31.4-gke.1", APIVersions: []string{"v1", "monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"}},
			map[string]any{"version": "v1.31.4-gke.1", "git": "v1.31.4-gke.1", "minor": "31", "monitors": "true", "kind": "true", "batch": "false"}},
		"no cluster": {
			drift.Capabilities{},
			map[string]any{"version": "v1.36.3", "git": "v1.36.3", "minor": "36", "monitors": "false", "kind": "false", "batch": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			rendered, err := renderWith(tree, shop, test.capabilities, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, rendered.Objects[0].Manifest["data"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if _, err := renderWith(tree, shop, drift.Capabilities{KubeVersion: "latest"}, Limits{}); err == nil {
		t.Error("a version that is none was accepted")
	}
}

// Values come from the chart, the files in order, then the inline ones.
func TestValues(t *testing.T) {
	tree := chartTree(
		"app/values.yaml", "a: chart\nb: chart\nc: chart\nd: {x: chart, u: chart}\ne: [1, 2]\nf: chart\n",
		"app/one.yaml", "b: one\nc: one\nd: {u: one}\ne: [3]\n",
		"values/two.yaml", "c: two\n",
		"app/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: {{ .Values | toJson | quote }}}\n",
	)
	app := drift.App{Namespace: "shop", Helm: drift.HelmOptions{ValueFiles: []string{"one.yaml", "/values/two.yaml"},
		Values: map[string]any{"d": map[string]any{"z": int64(3)}, "f": nil, "g": 1.5}}}
	rendered := mustRender(t, tree, app)
	want := map[string]any{"v": `{"a":"chart","b":"one","c":"two","d":{"u":"one","x":"chart","z":3},"e":[3],"g":1.5}`}
	if diff := cmp.Diff(want, rendered.Objects[0].Manifest["data"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, changed := app.Helm.Values["a"]; changed || len(app.Helm.Values) != 3 {
		t.Errorf("the request was changed: %v", app.Helm.Values)
	}
}

// Templates that change values must not change the next pass.
func TestPassesStartAnew(t *testing.T) {
	rendered := mustRender(t, chartTree("app/values.yaml", "count: 1\n",
		"app/templates/a.yaml", "{{ $_ := set .Values \"count\" (add .Values.count 1) }}"+configMap("a")+"data: {v: {{ .Values.count | quote }}}"), shop)
	if object := rendered.Objects[0]; len(object.Nondeterministic) > 0 || object.Manifest["data"].(map[string]any)["v"] != "2" {
		t.Errorf("%+v, want a deterministic 2", object)
	}
}

func TestCRDsAreIncludedOnRequest(t *testing.T) {
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: cars.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Car}}\n"
	tree := chartTree("app/crds/car.yaml", "# head\n"+crd, "app/crds/README.md", "no manifest", "app/charts/store/Chart.yaml", storeChart,
		"app/charts/store/crds/nested/b.yml", strings.ReplaceAll(strings.ReplaceAll(crd, "cars", "buses"), "car", "bus"))
	without := mustRender(t, tree, shop)
	if len(without.Objects) != 0 || len(without.Warnings) != 2 || !strings.Contains(without.Warnings[0].Message, "helm.includeCRDs is not set") {
		t.Errorf("%v with %q, want nothing, and a warning about each", ids(without), messages(without))
	}
	// Applied once with the option, they must not look removed without it.
	named := []string{"CustomResourceDefinition.apiextensions.k8s.io buses.example.com", "CustomResourceDefinition.apiextensions.k8s.io cars.example.com"}
	if diff := cmp.Diff(named, leftOut(without)); diff != "" || without.Skipped != 2 {
		t.Errorf("left out, %d skipped (-want +got):\n%s", without.Skipped, diff)
	}
	tree["app/crds/broken.yaml"] = &fstest.MapFile{Data: []byte("{{ no YAML }}")}
	if broken := mustRender(t, tree, shop); len(broken.LeftOut) != 2 {
		t.Errorf("left out beside a file that is not YAML: %v", leftOut(broken))
	}
	delete(tree, "app/crds/broken.yaml")
	app := shop
	app.Helm.IncludeCRDs = true
	with := mustRender(t, tree, app)
	var places []string
	for _, object := range with.Objects {
		places = append(places, drift.FileLine(object.Origin.File, object.Origin.Line))
	}
	if diff := cmp.Diff([]string{"app/charts/store/crds/nested/b.yml:1", "app/crds/car.yaml:2"}, places); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

// The folder's name need not be the chart's, and an alias is a third name.
func TestOriginsOfDependencies(t *testing.T) {
	tree := files("app/Chart.yaml", chartYAML+"dependencies:\n- {name: store, version: 1.x, alias: cache}\n- {name: store, version: 2.x}\n",
		"app/charts/old/Chart.yaml", storeChart, "app/charts/old/templates/a.yaml", configMap("{{ .Chart.Name }}-old"),
		"app/charts/new/Chart.yaml", strings.Replace(storeChart, "1.0.0", "2.0.0", 1), "app/charts/new/templates/a.yaml", configMap("{{ .Chart.Name }}-new"))
	rendered := mustRender(t, tree, shop)
	got := map[string]string{}
	for _, object := range rendered.Objects {
		got[object.ID.Name] = object.Origin.File
	}
	want := map[string]string{"cache-old": "app/charts/old/templates/a.yaml", "store-new": "app/charts/new/templates/a.yaml"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	tree["app/charts/old/templates/a.yaml"] = &fstest.MapFile{Data: []byte("\n{{ fail \"x\" }}")}
	_, err := renderTree(tree, shop)
	var problem *drift.Problem
	if !errors.As(err, &problem) || problem.File != "app/charts/old/templates/a.yaml:2" {
		t.Errorf("error %v, want one in the dependency's folder", err)
	}
}

// What asks the cluster or DNS answers empty and is said, wherever it hides.
func TestLookupsAnswerEmpty(t *testing.T) {
	rendered := mustRender(t, chartTree(
		"app/templates/_h.tpl", `{{ define "found" }}{{ lookup "v1" "Secret" "kube-system" "x" | toJson }}{{ end }}`,
		"app/templates/a.yaml", configMap("a")+"data: {a: {{ include \"found\" . | quote }}, b: {{ getHostByName \"localhost\" | quote }}}",
		"app/templates/b.yaml", configMap("b")), shop)
	if diff := cmp.Diff(map[string]any{"a": "{}", "b": ""}, rendered.Objects[0].Manifest["data"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var got []string
	for _, warning := range rendered.Warnings {
		got = append(got, warning.Origin.File+": "+strings.SplitN(warning.Message, " ", 2)[0])
	}
	if diff := cmp.Diff([]string{"app/templates/a.yaml: getHostByName", "app/templates/a.yaml: lookup"}, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// Charts of other people repeat keys in their default values; Helm takes the
// last one, and so does Killick.
func TestDefaultValuesMayRepeatKeys(t *testing.T) {
	rendered := mustRender(t, chartTree("app/values.yaml", "a: 1\na: 2\n", "app/templates/a.yaml", configMap("a-{{ .Values.a }}")), shop)
	if rendered.Objects[0].ID.Name != "a-2" {
		t.Errorf("%s, want a-2", rendered.Objects[0].ID)
	}
}

func TestSchemaInsideTheChart(t *testing.T) {
	schema := `{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "integer", "maximum": 3}},
		"properties": {"a": {"$ref": "#/definitions/n"}, "b": {"default": {"$ref": "http://example.com/data"}}}, "additionalProperties": false}`
	for values, want := range map[string]string{
		"a: 3\n":                "",
		"a: 4\n":                "a: must be at most 3",
		"a: x\nc: 1\n":          "the values: additional properties 'c' not allowed; a: got string, want integer",
		"b: {anything: goes}\n": "",
	} {
		_, err := renderTree(chartTree("app/values.schema.json", schema, "app/values.yaml", values), shop)
		if (err == nil) != (want == "") || (err != nil && !strings.HasSuffix(err.Error(), `checking the values of chart "shop": `+want)) {
			sorted := strings.Split(want, "; ")
			slices.Sort(sorted)
			if err == nil || !strings.HasSuffix(err.Error(), strings.Join(sorted, "; ")) {
				t.Errorf("values %q: error %v, want %q", values, err, want)
			}
		}
	}
}

func TestHelmIgnore(t *testing.T) {
	rendered := mustRender(t, chartTree("app/.helmignore", "\ufeff# c\n*.bak\n/templates/off/\n", "app/templates/a.yaml", configMap("a"),
		"app/templates/b.yaml.bak", "{{ broken", "app/templates/off/c.yaml", "{{ broken", "app/templates/.hidden.yaml", "{{ broken"), shop)
	if diff := cmp.Diff([]string{"ConfigMap shop/a"}, ids(rendered)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := renderTree(chartTree("app/.helmignore", "a/**"), shop); err == nil || !strings.Contains(err.Error(), "app/.helmignore: reading .helmignore") {
		t.Errorf("error %v, want one about .helmignore", err)
	}
}

// Values that hand each other to tpl are followed as far as they can be read.
func TestTplCircles(t *testing.T) {
	for name, test := range map[string]struct {
		values map[string]any
		circle bool
	}{
		"none":         {map[string]any{"a": "{{ tpl .Values.b . }}", "b": "{{ .Release.Name }}"}, false},
		"itself":       {map[string]any{"a": "{{ tpl .Values.a . }}"}, true},
		"by a root":    {map[string]any{"a": map[string]any{"b": "{{ if true }}{{ tpl $.Values.a.b $ }}{{ end }}"}}, true},
		"three":        {map[string]any{"a": "{{ tpl .Values.b . }}", "b": "{{ tpl .Values.c . }}", "c": "{{ tpl .Values.a . }}"}, true},
		"in a pipe":    {map[string]any{"a": "{{ (tpl .Values.a .) | quote }}"}, true},
		"not a call":   {map[string]any{"a": "{{ .Values.a }}"}, false},
		"not parsable": {map[string]any{"a": "{{ tpl .Values.a"}, false},
	} {
		if err := newAnalysis().addValues(test.values); (err != nil) != test.circle {
			t.Errorf("%s: %v, want circle %t", name, err, test.circle)
		}
	}
}

// Every function that the analysis knows exists in Helm's engine under that
// name; a misspelt one would never be found in a template.
func TestAnalysedFunctionsExist(t *testing.T) {
	all := map[string]bool{}
	for _, functions := range []map[string]bool{emptyFunctions, growingFunctions} {
		maps.Copy(all, functions)
	}
	for _, function := range slices.Sorted(maps.Keys(all)) {
		_, err := renderTree(chartTree("app/templates/a.yaml", "{{ if .Values.never }}{{ "+function+" }}{{ end }}"), shop)
		if err != nil {
			t.Errorf("%s: %v", function, err)
		}
	}
}
