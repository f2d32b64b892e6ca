package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// Only at the root of a chart a name is Helm's own: below it files may be called as they
// like, and hold what they like.
func TestNamesOfOrdinaryFiles(t *testing.T) {
	t.Parallel()
	const text = "{{- if not true }}\n{{ fail \"no\" }}: {\n{{- end }}"
	template := func(name string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-" + name + "}\n"
	}
	ordinary := func(at string) []string {
		return []string{
			at + "templates/Chart.yaml", template("chart"), at + "templates/values.yaml", template("values"), at + "templates/requirements.yaml", text,
			at + "templates/requirements.lock", text, at + "templates/Chart.lock", text, at + "templates/values.schema.json", text,
			at + "templates/sub/values.yaml", template("below"), at + "templates/charts/x/values.yaml", template("deep"),
			at + "files/values.yaml", text, at + "files/Chart.yaml", text, at + "ci/requirements.yaml", text, at + "files/charts/x.tgz", "no archive",
			at + "templates/values/Chart.yaml", template("folder"),
		}
	}
	want := []string{"shop-below", "shop-chart", "shop-deep", "shop-folder", "shop-values"}
	packed := []entry{{"store/Chart.yaml", storeChart, 0}}
	for files := ordinary("store/"); len(files) > 0; files = files[2:] {
		packed = append(packed, entry{files[0], files[1], 0})
	}
	nested := archive(t, entry{"outer/Chart.yaml", strings.Replace(storeChart, "store", "outer", 1), 0}, entry{"outer/charts/store-1.0.0.tgz", archive(t, packed...), 0})
	for name, files := range map[string][]string{
		"the chart":                 ordinary("app/"),
		"an unpacked dependency":    append(ordinary("app/charts/store/"), "app/charts/store/Chart.yaml", storeChart),
		"a dependency's dependency": append(ordinary("app/charts/outer/charts/store/"), "app/charts/outer/charts/store/Chart.yaml", storeChart, "app/charts/outer/Chart.yaml", strings.Replace(storeChart, "store", "outer", 1)),
		"a packed dependency":       {"app/charts/store-1.0.0.tgz", archive(t, packed...)},
		"a packed one in another":   {"app/charts/outer-1.0.0.tgz", nested},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := mustRender(t, chartTree(files...), shop)
			var got []string
			for _, object := range rendered.Objects {
				got = append(got, object.ID.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What Helm does parse is bounded, under whatever name an archive gives it.
func TestNamesOfParsedFiles(t *testing.T) {
	t.Parallel()
	const bomb = "a: &a [a: &b [*a]]\nb: &c [*b, *b]"
	chart := entry{"store/Chart.yaml", storeChart, 0}
	packed := func(name string) []string {
		return []string{"app/charts/store-1.0.0.tgz", archive(t, chart, entry{name, bomb, 0})}
	}
	for name, files := range map[string][]string{
		"values":                         {"app/values.yaml", bomb},
		"old dependencies":               {"app/requirements.yaml", bomb},
		"a lock":                         {"app/Chart.lock", bomb},
		"a dependency's values":          {"app/charts/store/Chart.yaml", storeChart, "app/charts/store/values.yaml", bomb},
		"a packed one's":                 packed("store/values.yaml"),
		"in another folder":              packed("other/values.yaml"),
		"in no folder but the present":   packed("./values.yaml"),
		"by a detour":                    packed("store/templates/../values.yaml"),
		"with backslashes":               packed(`store\values.yaml`),
		"with both":                      packed(`store/templates\values.yaml`),
		"below charts, with backslashes": packed(`store\charts\db\requirements.lock`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := renderWith(chartTree(files...), shop, drift.Capabilities{}, Limits{})
			if err == nil || !strings.Contains(err.Error(), "reading YAML") {
				t.Errorf("got %v", err)
			}
		})
	}
}
