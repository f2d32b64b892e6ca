package render

import (
	"testing"
	"testing/fstest"

	"github.com/killick-dev/killick/internal/drift"
)

// A render says whether it may have looked at what the cluster serves: it decides
// whether an object left Git or only the cluster's API did.
func TestAskedCapabilities(t *testing.T) {
	for _, c := range []struct {
		reason string
		tree   fstest.MapFS
		app    drift.App
		want   bool
	}{
		{"plain YAML cannot", files("app/a.yaml", configMap("a")), shop, false},
		{"a kustomization cannot", patched(), shop, false},
		{"a chart that does not", chartOf(configMap("a") + "data: {a: {{ .Values | toJson | quote }}, b: {{ include \"x\" . }}}{{ define \"x\" }}x{{ end }}"), shop, false},
		{"the dot of a list is another", chartOf(configMap("a") + "data: {a: {{ range list 1 }}{{ toJson . | quote }}{{ end }}}"), shop, false},
		{"an API", chartOf("{{ if .Capabilities.APIVersions.Has \"foo.example.com/v1\" }}" + configMap("a") + "{{ end }}"), shop, true},
		{"the version", chartOf("{{ if semverCompare \">=1.30\" .Capabilities.KubeVersion.Version }}" + configMap("a") + "{{ end }}"), shop, true},
		{"in a helper that another file has", chartOf(configMap("a")+"data: {a: {{ include \"v\" . | quote }}}",
			"app/templates/_h.tpl", "{{ define \"v\" }}{{ $.Capabilities.KubeVersion.Major }}{{ end }}"), shop, true},
		{"in a value that tpl runs", chartOf(configMap("a")+"data: {a: {{ tpl .Values.t . | quote }}}",
			"app/values.yaml", "t: '{{ .Capabilities.KubeVersion }}'"), shop, true},
		{"in an inline value", chartOf(configMap("a") + "data: {a: {{ tpl .Values.t . | quote }}}"),
			drift.App{Namespace: "shop", Helm: drift.HelmOptions{Values: map[string]any{"t": "{{ .Capabilities.KubeVersion }}"}}}, true},
		{"by index", chartOf(configMap("a") + "data: {a: {{ (index . \"Capabilities\").KubeVersion.Major | quote }}}"), shop, true},
		{"by a name put together", chartOf(configMap("a") + "data: {a: {{ (index $ (print \"Capa\" \"bilities\")).KubeVersion.Major | quote }}}"), shop, true},
		{"by walking over everything", chartOf(configMap("a") + "data: {a: \"{{ range $k, $v := . }}{{ $k }}{{ end }}\"}"), shop, true},
		{"by printing everything", chartOf(configMap("a") + "data: {a: {{ printf \"%v\" $ | len | quote }}}"), shop, true},
		{"the chart requires a version", files("app/Chart.yaml", chartYAML+"kubeVersion: '>=1.20.0-0'\n", "app/templates/a.yaml", configMap("a")), shop, true},
		{"in a chart that it depends on", files("app/Chart.yaml", chartYAML, "app/charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n",
			"app/charts/db/templates/a.yaml", "{{ if .Capabilities.APIVersions.Has \"v1\" }}"+configMap("a")+"{{ end }}"), shop, true},
	} {
		rendered, err := renderTree(c.tree, c.app)
		if err != nil || rendered.AskedCapabilities != c.want {
			t.Errorf("%s: asked %t, %v, want %t", c.reason, rendered.AskedCapabilities, err, c.want)
		}
	}
}

// One commit renders with whatever capabilities the caller names: today's, or those
// that an earlier render saw.
func TestRenderWithGivenCapabilities(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	tree := chartOf("{{ if .Capabilities.APIVersions.Has \"foo.example.com/v1\" }}" + configMap("a") + "{{ end }}\n---\n" +
		"{{ if semverCompare \">=1.30-0\" .Capabilities.KubeVersion.Version }}" + configMap("b") + "{{ end }}")
	for _, c := range []struct {
		reason string
		given  drift.Capabilities
		want   int
	}{
		{"neither", drift.Capabilities{KubeVersion: "v1.29.1", APIVersions: []string{"v1"}}, 0},
		{"the API", drift.Capabilities{KubeVersion: "v1.29.1", APIVersions: []string{"v1", "foo.example.com/v1"}}, 1},
		{"the version", drift.Capabilities{KubeVersion: "v1.31.4-gke.1", APIVersions: []string{"v1"}}, 1},
		{"both", drift.Capabilities{KubeVersion: "v1.36.3", APIVersions: []string{"v1", "foo.example.com/v1", "foo.example.com/v1/Foo"}}, 2},
	} {
		ask := request(tree, shop)
		ask.Capabilities = c.given
		rendered, err := children.Render(t.Context(), ask)
		if err != nil || len(rendered.Objects) != c.want || !rendered.AskedCapabilities {
			t.Errorf("%s: %q, asked %t, %v, want %d objects", c.reason, ids(rendered), rendered.AskedCapabilities, err, c.want)
		}
	}
}
