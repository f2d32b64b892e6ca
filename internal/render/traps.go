package render

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// traps are things that work with another tool and pass without effect here. Each is told
// once per app, at the first place where it stands.
type traps struct {
	warnings []drift.Warning
	places   map[string]int // how often each was found, by what is told
}

func (t *traps) found(origin drift.Origin, what, meaning string) {
	if t.places == nil {
		t.places = map[string]int{}
	}
	if t.places[meaning]++; t.places[meaning] == 1 {
		t.warnings = append(t.warnings, drift.Warning{Origin: origin, Message: what + ": " + meaning})
	}
}

// told are the warnings, with how many more places there are.
func (t *traps) told() []drift.Warning {
	for i, warning := range t.warnings {
		_, meaning, _ := strings.Cut(warning.Message, ": ")
		if more := t.places[meaning] - 1; more > 0 {
			t.warnings[i].Message += fmt.Sprintf(" (and in %s more)", plural(more, "place", "places"))
		}
	}
	return t.warnings
}

// trapsIn looks for them in an app's objects.
func trapsIn(objects []drift.Object, renderer drift.Renderer) []drift.Warning {
	var t traps
	for _, object := range objects {
		t.annotations(object, renderer)
		t.kinds(object)
		if renderer != drift.RendererHelm { // a chart's texts are full of other tools' variables
			t.variables(object)
		}
	}
	return t.told()
}

const (
	meansHook  = "Killick runs no hooks: the object is applied with all others and stays"
	meansWave  = "it has no effect: Killick writes in the order of stages and references, and apps in that of dependsOn"
	meansOther = "it has no effect here: it is an option of another deployer"
)

// foreign are annotations of other deployers that ask for something which Killick does not
// do. Those that keep an object from being pruned are honoured, and not among them.
var foreign = []struct {
	annotation *regexp.Regexp
	means      string
}{
	{regexp.MustCompile(`^argocd\.argoproj\.io/hook(-delete-policy)?$`), meansHook},
	{regexp.MustCompile(`^argocd\.argoproj\.io/sync-wave$`), meansWave},
	{regexp.MustCompile(`^argocd\.argoproj\.io/compare-options$`), meansOther},
	{regexp.MustCompile(`^kapp\.k14s\.io/(change-group|change-rule)`), meansWave},
	{regexp.MustCompile(`^kluctl\.io/hook`), meansHook},
	{regexp.MustCompile(`^werf\.io/(weight|deploy-dependency)`), meansWave},
	{regexp.MustCompile(`^kustomize\.toolkit\.fluxcd\.io/(ssa|force|substitute)$`), meansOther},
	{regexp.MustCompile(`^config\.kubernetes\.io/depends-on$`), meansWave},
}

// syncOption is an option of Argo CD that is no keep mark.
var syncOption = regexp.MustCompile(`(?i)\b(Replace|Force|SkipDryRunOnMissingResource|ServerSideApply|PruneLast|ApplyOutOfSyncOnly)=true`)

func (t *traps) annotations(object drift.Object, renderer drift.Renderer) {
	metadata, _ := object.Manifest["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		what := object.ID.Short() + " has the annotation " + name
		for _, f := range foreign {
			if f.annotation.MatchString(name) {
				t.found(object.Origin, what, f.means)
			}
		}
		switch {
		case name == hookAnnotation && renderer != drift.RendererHelm:
			t.found(object.Origin, what, meansHook)
		case name == "argocd.argoproj.io/sync-options" && syncOption.MatchString(text(annotations[name])):
			t.found(object.Origin, what, meansOther)
		}
	}
}

// deployers are kinds of other deployers, by group: whoever runs them applies what they name.
var deployers = map[string][]string{
	"kustomize.toolkit.fluxcd.io": {"Kustomization"},
	"helm.toolkit.fluxcd.io":      {"HelmRelease"},
	"argoproj.io":                 {"Application", "ApplicationSet"},
	"fleet.cattle.io":             {"GitRepo", "Bundle"},
	"helm.cattle.io":              {"HelmChart"},
	"kappctrl.k14s.io":            {"App"},
}

func (t *traps) kinds(object drift.Object) {
	if slices.Contains(deployers[object.ID.Group], object.ID.Kind) {
		t.found(object.Origin, object.ID.Short(), "what it names is not rendered here: its own controller applies that, where it runs; to have Killick do it, make it an app")
	}
}

var (
	// variable is a reference that envsubst and Flux's postBuild replace.
	variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*(:?[-=?+:][^}]*)?\}`)
	// setting is one that stands in a ConfigMap: there programs have variables of their own,
	// most of them in other letters.
	setting = regexp.MustCompile(`\$\{[A-Z_][A-Z0-9_]*(:?[-=?+:][^}]*)?\}`)
)

const meansVariable = "it is taken literally: nothing replaces variables in manifests (Flux does with postBuild, envsubst before it is committed); " +
	"write the value, or set it with a Kustomize replacement or a Helm value"

// longestVariable is the length of a text in which a variable is looked for, in bytes: longer
// ones are scripts and dashboards.
const longestVariable = 512

func (t *traps) variables(object drift.Object) {
	t.inFields(object, object.Manifest, "")
}

func (t *traps) inFields(object drift.Object, tree any, at string) {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			if variable.MatchString(key) {
				t.found(object.Origin, fmt.Sprintf("%s has %s as a key", object.ID.Short(), variable.FindString(key)), meansVariable)
			}
			switch key {
			case "command", "args", "script": // a shell's own
			default:
				t.inFields(object, tree[key], strings.TrimPrefix(at+"."+key, "."))
			}
		}
	case []any:
		for _, v := range tree {
			t.inFields(object, v, at)
		}
	case string:
		if isSecret(object.ID) && !strings.HasPrefix(at, "metadata.") || len(tree) > longestVariable || strings.Contains(strings.TrimSpace(tree), "\n") {
			return
		}
		pattern := variable
		if strings.HasPrefix(at, "data.") {
			pattern = setting
		}
		if said := pattern.FindString(tree); said != "" {
			name, _, _ := strings.Cut(strings.Trim(said, "${}"), ":")
			t.found(object.Origin, fmt.Sprintf("%s has ${%s} at %s", object.ID.Short(), name, at), meansVariable)
		}
	}
}

// otherTools are files of tools that Killick does not run, by ending or by whole name.
var otherTools = map[string]string{
	".jsonnet": "Jsonnet", ".libsonnet": "Jsonnet", ".cue": "CUE", ".tf": "Terraform", ".k": "KCL", ".dhall": "Dhall", ".pkl": "Pkl", ".star": "Starlark",
	".gotmpl": "Go templates", ".tmpl": "templates", ".tpl": "templates", ".j2": "Jinja", ".jinja": "Jinja", ".jinja2": "Jinja", ".erb": "ERB", ".envsubst": "envsubst",
	"Kptfile": "kpt", "Tiltfile": "Tilt", "Earthfile": "Earthly",
}

// otherTool is the tool whose file that is; "" where it is none's.
func otherTool(name string) string {
	if tool, known := otherTools[path.Base(name)]; known {
		return tool
	}
	return otherTools[strings.ToLower(path.Ext(name))]
}

// manifestOfTool says of a YAML file that is no manifest whose file it is.
func manifestOfTool(name string) string {
	base := strings.ToLower(path.Base(name))
	for beginning, tool := range map[string]string{"helmfile.": "helmfile", "skaffold.": "Skaffold", "docker-compose.": "Compose", "compose.": "Compose",
		"pulumi.": "Pulumi", "cdk8s.": "cdk8s", "werf.": "werf", "kustomizeconfig.": "Kustomize", "values.": "Helm", "values-": "Helm", ".sops.": "SOPS", "devspace.": "DevSpace"} {
		if strings.HasPrefix(base, beginning) {
			return tool
		}
	}
	return ""
}

// file tells which files of other tools stand in a folder of plain manifests.
func (t *traps) file(j job, name string) {
	if tool := otherTool(name); tool != "" {
		t.found(drift.Origin{File: name, Repository: j.app.Repository}, "a file of "+tool,
			"it is not read: Killick runs Kustomize, Helm and plain manifests only; commit what the tool makes")
	}
}

// yttComment is code of ytt, which stands in YAML's comments.
var yttComment = regexp.MustCompile(`(?m)^\s*#@`)

// text tells what stands in a manifest's comments and is code to another tool.
func (t *traps) text(j job, name string) {
	data, err := j.files.read(name)
	if err != nil {
		return // whoever reads the manifest says so
	}
	if at := yttComment.FindIndex(data); at != nil {
		t.found(drift.Origin{File: name, Repository: j.app.Repository, Line: 1 + bytes.Count(data[:at[1]], []byte("\n"))}, "code of ytt (#@)",
			"it is a comment here, and what it would change stays: commit what ytt makes")
	}
}
