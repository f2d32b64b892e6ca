package render

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// What libraries say of a file becomes what a person can act on.
func TestWording(t *testing.T) {
	const k = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
	for name, test := range map[string]struct {
		files     []string
		err, hint string
	}{
		"dots and no dashes":         {[]string{"app/a.yaml", configMap("a") + "...\n" + configMap("b")}, `app/a.yaml:4: reading YAML: a document ended, and what follows does not begin with "---"`, `write "---" in front`},
		"a colon too many":           {[]string{"app/a.yaml", "a: b: c\n"}, `reading YAML: a ": " stands where no key can`, "needs quotes"},
		"text without a key":         {[]string{"app/a.yaml", "a: 1\nsome text\nb: 2\n"}, "a line is no key with a value", "| behind its key"},
		"indented otherwise":         {[]string{"app/a.yaml", "a:\n    b: 1\n  c: 2\n"}, "reading YAML: ", "indented otherwise"},
		"a quote that stays open":    {[]string{"app/a.yaml", "a: \"b\n"}, "reading YAML: the text ends inside quotes", "close the quote"},
		"a bracket that does":        {[]string{"app/a.yaml", "a: [b\nc: d\n"}, "reading YAML: ", "bracket"},
		"a list behind its key":      {[]string{"app/a.yaml", "a: - b\n"}, "reading YAML: a list begins where none can", "line of its own"},
		"a tab":                      {[]string{"app/a.yaml", "a:\n\tb: c\n"}, "reading YAML: found character that cannot start any token", "not tabs"},
		"a NUL":                      {[]string{"app/a.yaml", "a: \x00\n"}, "reading YAML: control characters are not allowed", "UTF-8"},
		"UTF-16":                     {[]string{"app/a.yaml", "\xff\xfea\x00:\x00"}, "the file is not UTF-8 text", "save the file as UTF-8"},
		"a comma in JSON":            {[]string{"app/a.json", "{\"a\": 1,}"}, "reading JSON", "no comma behind the last entry"},
		"a link as text":             {[]string{"app/a.yaml", "../base/a.yaml\n"}, "app/a.yaml:1: not a Kubernetes object: the document is text", "symbolic link"},
		"a type of a kustomization":  {[]string{"app/a.yaml", configMap("a"), "app/kustomization.yaml", k + "namePrefix: [x]\n"}, "reading the kustomization: invalid Kustomization: a array stands where a string must at namePrefix", ""},
		"a field of a kustomization": {[]string{"app/a.yaml", configMap("a"), "app/kustomization.yaml", k + "nameprefixes: x\n"}, `unknown field "nameprefixes"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := renderTree(files(test.files...), shop)
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "Go ") {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if hint := asPlain(err).Hint; !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, want one with %q", hint, test.hint)
			}
		})
	}
}

// linked is a checkout that refuses one path as internal/source refuses a link.
type linked struct {
	fs.FS
	refuses string
}

func (l linked) refusal(name string) error {
	if name != l.refuses && !strings.HasPrefix(name, l.refuses+"/") {
		return nil
	}
	return &fs.PathError{Op: "stat", Path: name, Err: &drift.Problem{Stage: "source", File: l.refuses, Hint: "correct or remove the link", Err: errors.New("it leads to nothing")}}
}

func (l linked) Open(name string) (fs.File, error) {
	if err := l.refusal(name); err != nil {
		return nil, err
	}
	return l.FS.Open(name)
}

func (l linked) Stat(name string) (fs.FileInfo, error) {
	if err := l.refusal(name); err != nil {
		return nil, err
	}
	return fs.Stat(l.FS, name)
}

// A link that the checkout refuses is named by its own name, with its hint, and not as a
// file below it that does not exist.
func TestRefusedLinks(t *testing.T) {
	tree := files("app/a.yaml", configMap("a"), "app/p.yaml", configMap("p"), "app/sub/b.yaml", configMap("b"),
		"k/kustomization.yaml", "resources: [p.yaml]", "k/p.yaml", configMap("p"))
	for refused, app := range map[string]string{"app/sub": "app", "app/p.yaml": "app", "app": "app", "k/p.yaml": "k"} {
		_, err := renderTree(linked{tree, refused}, drift.App{Path: app, Namespace: "shop"})
		found := asPlain(err)
		if !slices.Contains([]string{refused, "k/kustomization.yaml"}, found.File) || found.Hint != "correct or remove the link" {
			t.Errorf("%s: %v, hint %q", refused, err, found.Hint)
		}
	}
}

// Whoever renders nothing is told so, and why.
func TestNothingIsTold(t *testing.T) {
	hook := strings.Replace(configMap("a"), "{name: a}", "{name: a, annotations: {helm.sh/hook: post-delete}}", 1)
	for why, tree := range map[string]fs.FS{
		"no file below its folder":        files("app/README.md", "nothing"),
		"its kustomization names no":      files("app/kustomization.yaml", "namespace: x"),
		"its templates make none":         files("app/Chart.yaml", chartYAML),
		"1 object is left out, and nothi": files("app/Chart.yaml", chartYAML, "app/templates/a.yaml", hook),
	} {
		if told := messages(mustRender(t, tree, shop)); !slices.ContainsFunc(told, func(message string) bool {
			return strings.Contains(message, "the app renders no object: "+why)
		}) {
			t.Errorf("%q, want %q", told, why)
		}
	}
}

func TestOffline(t *testing.T) {
	template := configMap("a") + `data: {version: {{ .Capabilities.KubeVersion.Version }}, has: "{{ .Capabilities.APIVersions.Has "example.com/v1/Thing" }} {{ .Capabilities.APIVersions.Has "apps/v1" }}"}`
	tree := chartTree("app/templates/a.yaml", template)
	served, err := Offline("1.33.2", []string{"example.com/v1/Thing"})
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := renderWith(tree, shop, served, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if data := rendered.Objects[0].Manifest["data"].(map[string]any); data["version"] != "v1.33.2" || data["has"] != "true true" {
		t.Errorf("charts see %v", data)
	}
	for flag, given := range map[string]struct {
		version string
		apis    []string
	}{"--kube-version": {"latest", nil}, "--api-versions": {"", []string{"Thing"}}} {
		if _, err := Offline(given.version, given.apis); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	suffixed := drift.Capabilities{KubeVersion: "v1.31.4-eks-2d5f260"}
	_, err = renderWith(files("app/Chart.yaml", chartYAML+"kubeVersion: \">=1.25.0\"\n"), shop, suffixed, Limits{})
	if err == nil || !strings.Contains(err.Error(), `whose suffix "-eks-2d5f260" makes it a pre-release`) || !strings.Contains(asPlain(err).Hint, "--kube-version v1.31.4") {
		t.Errorf("%v", err)
	}
}
