package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/ignore"

	"github.com/killick-dev/killick/internal/drift"
)

// This is the only file that imports Helm: its template engine and its chart
// loader, never its action package, which drags in registries and a cluster.
// What action.Install and `helm template` do around the engine is repeated here
// in the same order, so that moving to another major version is a one-file
// change. The parity tests in internal/testenv/parity compare the two.

// chartFileBytes is Helm's own limit for one file of a chart
// (loader.MaxDecompressedFileSize).
const chartFileBytes = 5 << 20

// renderHelm renders the chart in the app's folder as `helm template` does, and once
// more with contrary answers where the chart asked clock, chance or map order anything.
func renderHelm(ctx context.Context, j job) (output, error) {
	h := helm{job: j, homes: map[string]string{}, archives: map[string]bool{}, origin: drift.Origin{File: path.Join(j.folder, chartFile)}}
	if err := h.release(); err != nil {
		return output{}, err
	}
	if err := h.read(); err != nil {
		return output{}, err
	}
	c := newChance()
	made, err := h.pass(ctx, c, nil)
	if err != nil {
		return output{}, err
	}
	out, err := h.documents(made)
	if err != nil {
		return output{}, err
	}
	if err := h.crds(made, &out); err != nil || !c.asked {
		return out, err
	}
	again, err := h.pass(ctx, c.opposite(), made.analysis)
	if err != nil {
		return output{}, contraryProblem(err)
	}
	again, out.differ = h.differing(made, again)
	next, err := h.documents(again)
	if err != nil {
		return output{}, contraryProblem(err)
	}
	out.again = next.documents
	return out, nil
}

// contraryProblem says that only the second of two passes failed.
func contraryProblem(err error) error {
	var found *drift.Problem
	if !errors.As(err, &found) {
		return err
	}
	placed := *found
	placed.Err = fmt.Errorf("the chart renders or fails by chance: with another time and other random values, %w", found.Err)
	placed.Hint = "take what is random, or the time, out of what the chart checks or names"
	return &placed
}

// helm is one chart and its inputs, as bytes: each pass loads them anew because
// templates may change values.
type helm struct {
	job          job
	origin       drift.Origin // Chart.yaml
	name         string
	capabilities *chartutil.Capabilities
	chart        []chartData
	values       map[string]any
	given        []any             // the value files and the inline values, one by one
	loaded       *chart.Chart      // as loaded last; nil before
	homes        map[string]string // name and version of each unpacked chart, by its folder
	archives     map[string]bool   // packed dependencies
}

// release checks the release's name, namespace and cluster.
func (h *helm) release() error {
	app := h.job.app
	if h.name = app.Helm.ReleaseName; h.name == "" {
		h.name = app.Name
	}
	if err := chartutil.ValidateReleaseName(h.name); err != nil {
		return problem(h.origin, "set helm.releaseName to at most 53 lower-case letters, digits, dashes and dots", "release name %s is not valid", short(h.name))
	}
	if app.Namespace == "" {
		return problem(h.origin, "set namespace: for the app", "the app names no namespace, and a Helm release needs one")
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	version := h.job.capabilities.KubeVersion
	if version == "" {
		version = defaultKubeVersion
	}
	parsed, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return problem(h.origin, "", "the cluster's version %s cannot be read", short(version))
	}
	// Charts see the version as the cluster writes it ("v1.31.4-gke.1").
	capabilities.KubeVersion = chartutil.KubeVersion{Version: version, Major: parsed.Major, Minor: parsed.Minor}
	if len(h.job.capabilities.APIVersions) > 0 {
		capabilities.APIVersions = slices.Clone(h.job.capabilities.APIVersions)
	}
	h.capabilities = capabilities
	return nil
}

// defaultKubeVersion is what charts see without a cluster (`killick render`):
// the version Killick is tested with.
const defaultKubeVersion = "v1.36.3"

// load makes a chart from the files; each call gives a fresh one.
func (h *helm) load() (*chart.Chart, error) {
	files := make([]*loader.BufferedFile, len(h.chart))
	for i, file := range h.chart {
		files[i] = &loader.BufferedFile{Name: file.name, Data: bytes.Clone(file.data)}
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, problem(h.origin, "`helm lint` in that folder shows the same error", "loading the chart: %s", h.scrub(err.Error()))
	}
	h.loaded = loaded
	if strings.EqualFold(loaded.Metadata.Type, "library") {
		return nil, problem(h.origin, "let path: name the chart that uses it", "%s is a library chart, which renders nothing by itself", short(loaded.Name()))
	}
	if missing := missingDependencies(loaded); len(missing) > 0 {
		return nil, problem(h.origin, "run `helm dependency build` and commit the charts/ folder: a render has no network",
			"charts/ lacks the dependencies %s", strings.Join(missing, ", "))
	}
	if required := loaded.Metadata.KubeVersion; required != "" && !chartutil.IsCompatibleRange(required, h.capabilities.KubeVersion.Version) {
		return nil, h.versionProblem(required)
	}
	return loaded, nil
}

// versionProblem says why the chart excludes the cluster. To Helm a version with a suffix is
// a pre-release, which a range excludes unless it names one.
func (h *helm) versionProblem(required string) error {
	version := h.capabilities.KubeVersion.Version
	plain, suffix, cut := strings.Cut(version, "-")
	if cut && chartutil.IsCompatibleRange(required, plain) {
		return problem(h.origin, "end the range in Chart.yaml with -0, as in \">= 1.25.0-0\"; with --offline, --kube-version "+plain+" renders it",
			"the chart requires Kubernetes %s, the cluster has %s, whose suffix %q makes it a pre-release to Helm", short(required), version, "-"+suffix)
	}
	return problem(h.origin, "use a chart version that supports the cluster", "the chart requires Kubernetes %s, the cluster has %s", short(required), version)
}

// readsVersion says whether Helm takes a text for a version of Kubernetes.
func readsVersion(version string) bool {
	_, err := chartutil.ParseKubeVersion(version)
	return err == nil
}

// defaultAPIVersions are what Helm shows charts of a cluster that is not asked.
func defaultAPIVersions() []string { return slices.Clone(chartutil.DefaultVersionSet) }

// missingDependencies are declared in Chart.yaml but not vendored (Helm,
// action.CheckDependencies).
func missingDependencies(loaded *chart.Chart) []string {
	var missing []string
	for _, required := range loaded.Metadata.Dependencies {
		if !slices.ContainsFunc(loaded.Dependencies(), func(c *chart.Chart) bool { return c.Name() == required.Name }) {
			missing = append(missing, required.Name)
		}
	}
	return missing
}

// pass renders the chart once. The first pass, which has no analysis yet, checks what it
// renders.
func (h *helm) pass(ctx context.Context, c *chance, a *analysis) (chartOutput, error) {
	if ctx.Err() != nil {
		return chartOutput{}, ctx.Err()
	}
	loaded, err := h.load() // anew each time, because templates may change values
	if err != nil {
		return chartOutput{}, err
	}
	top, err := h.renderValues(loaded)
	if err != nil {
		return chartOutput{}, err
	}
	parts := h.parts(loaded, h.job.folder, false)
	if a == nil {
		if a, err = h.check(loaded, parts, top); err != nil {
			return chartOutput{}, err
		}
	}
	h.job.working(h.origin.File)
	made := chartOutput{version: loaded.Name() + "-" + loaded.Metadata.Version, parts: parts, analysis: a}
	c.during(func() {
		var e engine.Engine // without a client and without DNS: lookup and getHostByName answer empty
		made.rendered, err = e.Render(loaded, top)
	})
	if err != nil {
		return chartOutput{}, h.templateProblem(parts, err)
	}
	for _, crd := range loaded.CRDObjects() {
		made.crds = append(made.crds, chartData{name: crd.Filename, data: crd.File.Data})
	}
	made.asked = a.asks || loaded.Metadata.KubeVersion != ""
	return made, nil
}

// check looks at the values and the templates before they are used.
func (h *helm) check(loaded *chart.Chart, parts []chartPart, top chartutil.Values) (*analysis, error) {
	values, err := deepCopy(top["Values"])
	if err != nil {
		return nil, problem(h.origin, "", "copying the values: %w", err)
	}
	if !h.job.app.Helm.SkipSchemaValidation {
		if err := h.validate(loaded, parts, values); err != nil {
			return nil, err
		}
	}
	return h.analyse(loaded, parts, values)
}

// renderValues merges the values as Helm does: what templates see.
func (h *helm) renderValues(loaded *chart.Chart) (chartutil.Values, error) {
	given, err := deepCopy(h.values)
	if err != nil {
		return nil, problem(h.origin, "", "copying the values: %w", err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, given); err != nil {
		return nil, problem(h.origin, "", "processing the chart's dependencies: %s", h.scrub(err.Error()))
	}
	release := chartutil.ReleaseOptions{Name: h.name, Namespace: h.job.app.Namespace, Revision: 1, IsInstall: true}
	// Helm's own schema validation fetches $ref over the network and from files.
	top, err := chartutil.ToRenderValuesWithSchemaValidation(loaded, given, release, h.capabilities, true)
	if err != nil {
		return nil, problem(h.origin, "", "merging the values: %s", h.scrub(err.Error()))
	}
	return top, nil
}

// parts says where a chart and its dependencies stand in the repository, the
// chart itself first.
func (h *helm) parts(c *chart.Chart, home string, packed bool) []chartPart {
	parts := []chartPart{{path: c.ChartFullPath(), home: home, packed: packed}}
	for _, dependency := range c.Dependencies() {
		if packed { // everything below stands in the same archive
			parts = append(parts, h.parts(dependency, home, true)...)
			continue
		}
		name, version := dependency.Name(), dependency.Metadata.Version
		for _, file := range dependency.Raw {
			if file.Name == chartFile { // an alias replaces the name in the loaded chart
				name, version = chartIdentity(file.Data)
			}
		}
		below, inArchive := h.dependencyHome(path.Join(home, "charts"), name, version)
		parts = append(parts, h.parts(dependency, below, inArchive)...)
	}
	return parts
}

// chartIdentity reads the name and version from a Chart.yaml.
func chartIdentity(data []byte) (name, version string) {
	values, err := chartutil.ReadValues(data)
	if err != nil {
		return "", ""
	}
	return text(values["name"]), text(values["version"])
}

// defaults are the values.yaml files of a chart and its dependencies.
func defaults(c *chart.Chart) []any {
	all := []any{c.Values}
	for _, dependency := range c.Dependencies() {
		all = append(all, defaults(dependency)...)
	}
	return all
}

// chartNames are the names of a chart and its dependencies.
func chartNames(c *chart.Chart) []string {
	names := []string{c.Name()}
	for _, dependency := range c.Dependencies() {
		names = append(names, chartNames(dependency)...)
	}
	return names
}

// readValues reads a file of values as Helm does.
func readValues(data []byte) (map[string]any, error) { return chartutil.ReadValues(data) }

// ignoreFile is the name of the file that keeps others out of a chart.
const ignoreFile = ignore.HelmIgnore

// ignoreRules reads an ignore file; nil gives Helm's defaults alone.
func ignoreRules(data []byte) (func(name string, info fs.FileInfo) bool, error) {
	rules, err := ignore.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	rules.AddDefaults()
	return rules.Ignore, nil
}

// validate checks the values of the chart and its dependencies against their
// schemas (Helm, chartutil.ValidateAgainstSchema).
func (h *helm) validate(c *chart.Chart, parts []chartPart, values map[string]any) error {
	if c.Schema != nil {
		if err := validateValues(values, c.Schema, h.job.limits); err != nil {
			file, _ := h.place(parts, path.Join(c.ChartFullPath(), "values.schema.json"))
			return problem(drift.Origin{File: file}, schemaHint(err), "checking the values of chart %q: %w", c.Name(), err)
		}
	}
	for _, dependency := range c.Dependencies() {
		below, present := values[dependency.Name()]
		if !present || below == nil {
			continue
		}
		fields, ok := below.(map[string]any)
		if !ok {
			return problem(h.origin, "", "the values of chart %q are %s, not a mapping", dependency.Name(), kindOf(below))
		}
		if err := h.validate(dependency, parts, fields); err != nil {
			return err
		}
	}
	return nil
}

// analyse looks at the templates before they run.
func (h *helm) analyse(c *chart.Chart, parts []chartPart, values map[string]any) (*analysis, error) {
	a := newAnalysis()
	var add func(c *chart.Chart) error
	add = func(c *chart.Chart) error {
		for _, file := range c.Templates {
			if err := a.add(path.Join(c.ChartFullPath(), file.Name), string(file.Data)); err != nil {
				return h.templateProblem(parts, err)
			}
		}
		for _, file := range c.Files {
			// Documentation is never handed to tpl, and is full of braces.
			if ext := path.Ext(file.Name); ext != ".md" && ext != ".gotmpl" {
				a.addText(string(file.Data))
			}
		}
		for _, dependency := range c.Dependencies() {
			if err := add(dependency); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(c); err != nil {
		return nil, err
	}
	if err := a.addValues(values); err != nil {
		return nil, problem(h.origin, "", "%w", err)
	}
	return a, nil
}
