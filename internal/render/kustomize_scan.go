package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/killick-dev/killick/internal/drift"
)

// scan reads everything a kustomization can reach before Kustomize does, and
// refuses what Kustomize would fetch, execute or read from elsewhere. Kustomize
// has no switch for any of that: its loader tries HTTP and git for every path
// that looks remote (api/internal/loader, api/internal/git).
type scan struct {
	job          job
	visits       int
	open         []string          // folders on the way down, to see cycles
	customSchema bool              // some kustomization replaces the OpenAPI schema
	found        map[string][]seed // resources by file
	listed       bool              // some of them are items of a list
	secrets      []string          // literals of secret generators, to keep them out of errors

	kustomizations map[string]scanned // by folder
}

// seed is one resource as it stands in its file.
type seed struct {
	kind, name string
	line       int
	version    string // the whole apiVersion
	namespace  string
	words      []string // texts in it that could name another resource
	reserved   bool     // it has annotations or labels of Kustomize's own
}

func newScan(j job) *scan {
	return &scan{job: j, found: map[string][]seed{}, kustomizations: map[string]scanned{}}
}

const (
	vendorHint  = "copy the files into the repository: a render has no network"
	outsideHint = "paths are relative to the kustomization and stay inside the repository"
)

// folder scans one kustomization and everything below it. Every use counts, as
// Kustomize builds a base again for every use of it.
func (s *scan) folder(ctx context.Context, folder string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	file, err := kustomizationFile(s.job.files.fsys, folder)
	if err != nil {
		return err
	}
	if file == "" {
		return &drift.Problem{File: folder, Err: fmt.Errorf("the folder has none of %s", strings.Join(kustomizationNames, ", "))}
	}
	if slices.Contains(s.open, folder) {
		return problem(drift.Origin{File: file}, "remove one of the references",
			"kustomizations form a cycle: %s", strings.Join(append(slices.Clone(s.open), folder), " → "))
	}
	if s.visits++; s.visits > s.job.limits.Kustomizations {
		return problem(drift.Origin{File: file}, "a base that is used by two overlays is built twice, and so on down",
			"the app builds more than %d kustomizations", s.job.limits.Kustomizations)
	}
	s.open = append(s.open, folder)
	defer func() { s.open = s.open[:len(s.open)-1] }()
	kustomization, err := s.load(file)
	if err != nil {
		return err
	}
	if err := s.refuse(file, kustomization); err != nil {
		return err
	}
	kustomization.FixKustomization() // merges deprecated fields into the current ones
	s.kustomizations[folder] = scanned{file: file, fixed: &kustomization}
	return s.references(ctx, file, kustomization)
}

// load reads a kustomization with Kustomize's own rules.
func (s *scan) load(file string) (types.Kustomization, error) {
	var kustomization types.Kustomization
	data, err := s.job.files.read(file)
	if err != nil {
		return kustomization, asProblem(file, err)
	}
	// Its decoder is lenient and unbounded; this one gives line numbers.
	values, err := decode(file, data, s.job.others())
	if err != nil {
		return kustomization, err
	}
	if len(values) > 1 {
		return kustomization, problem(drift.Origin{File: file, Line: values[1].line}, "keep one document per kustomization",
			"reading the kustomization: Kustomize ignores everything after the first document")
	}
	for _, v := range values {
		if err := guardTexts(v.tree, s.job.limits); err != nil {
			return kustomization, problem(drift.Origin{File: file, Line: v.line}, "write the values out instead of using YAML aliases", "reading inline YAML: %w", err)
		}
	}
	if err := kustomization.Unmarshal(data); err != nil {
		return kustomization, problem(drift.Origin{File: file}, "", "reading the kustomization: %s", s.scrub(err.Error()))
	}
	return kustomization, nil
}

// guardTexts applies guardYAML to every text inside a document: patches and
// plugin configurations may be given inline.
func guardTexts(tree any, limits Limits) error {
	switch tree := tree.(type) {
	case map[string]any:
		for _, v := range tree {
			if err := guardTexts(v, limits); err != nil {
				return err
			}
		}
	case []any:
		for _, v := range tree {
			if err := guardTexts(v, limits); err != nil {
				return err
			}
		}
	case string:
		return guardYAML([]byte(tree), limits)
	}
	return nil
}

// refuse rejects what would execute a program.
func (s *scan) refuse(file string, k types.Kustomization) error {
	if len(k.HelmCharts) > 0 || len(k.HelmChartInflationGenerator) > 0 || k.HelmGlobals != nil {
		return problem(drift.Origin{File: file}, "make the chart an app of its own: a folder with a Chart.yaml is rendered as Helm",
			"the kustomization inflates Helm charts, which would run the helm binary")
	}
	if len(k.OpenAPI) > 0 {
		s.customSchema = true
	}
	return nil
}

// shortestSecret keeps the scrubbing of errors from eating every "1" and "yes".
const shortestSecret = 4

// references follows every path-typed field.
func (s *scan) references(ctx context.Context, file string, k types.Kustomization) error {
	for _, reference := range k.Resources {
		if err := s.resource(ctx, file, "resources", reference); err != nil {
			return err
		}
	}
	for _, reference := range k.Components {
		target, info, err := s.base(file, "components", reference)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return problem(drift.Origin{File: file}, "", "components: %s is not a folder", short(reference))
		}
		if err := s.folder(ctx, target); err != nil {
			return err
		}
	}
	for _, plugins := range []named{{"generators", k.Generators}, {"transformers", k.Transformers}, {"validators", k.Validators}} {
		for _, entry := range plugins.references {
			if err := s.plugin(ctx, file, plugins.field, entry); err != nil {
				return err
			}
		}
	}
	return s.files(file, k)
}

// named is what one field of a kustomization refers to.
type named struct {
	field      string
	references []string
}

// files checks the fields that name single files.
func (s *scan) files(file string, k types.Kustomization) error {
	fields := []named{{"crds", k.Crds}, {"configurations", k.Configurations}, {"openapi.path", []string{k.OpenAPI["path"]}}}
	var patches, replacements []string
	for _, patch := range append(slices.Clone(k.Patches), k.PatchesJson6902...) {
		patches = append(patches, patch.Path)
	}
	for _, patch := range k.PatchesStrategicMerge {
		if !strings.Contains(string(patch), "\n") { // or it is the patch itself
			patches = append(patches, string(patch))
		}
	}
	for _, replacement := range k.Replacements {
		replacements = append(replacements, replacement.Path)
	}
	fields = append(fields, named{"patches", patches}, named{"replacements", replacements})
	for _, generator := range k.ConfigMapGenerator {
		fields = append(fields, named{"configMapGenerator", sources(generator.KvPairSources)})
	}
	for _, generator := range k.SecretGenerator {
		fields = append(fields, named{"secretGenerator", sources(generator.KvPairSources)})
		s.remember(file, generator.KvPairSources)
	}
	for _, field := range fields {
		for _, reference := range field.references {
			if reference == "" {
				continue
			}
			if _, err := s.local(file, field.field, reference); err != nil {
				return err
			}
		}
	}
	return s.patchTexts(file, k)
}

// remember collects the values of a secret generator.
func (s *scan) remember(file string, pairs types.KvPairSources) {
	lines := slices.Clone(pairs.LiteralSources)
	for _, env := range pairs.EnvSources {
		target, err := s.local(file, "envs", env)
		if err != nil {
			continue // refused elsewhere
		}
		if data, err := s.job.files.read(target); err == nil {
			lines = append(lines, strings.Split(string(data), "\n")...)
		}
	}
	for _, line := range lines {
		_, secret, found := strings.Cut(line, "=")
		if !found {
			secret = line
		}
		if secret = strings.Trim(strings.TrimSpace(secret), `'"`); len(secret) >= shortestSecret {
			s.secrets = append(s.secrets, secret)
		}
	}
}

// sources are the files of a generator; a file may be written as key=path.
func sources(pairs types.KvPairSources) []string {
	paths := append(slices.Clone(pairs.EnvSources), pairs.EnvSource)
	for _, source := range pairs.FileSources {
		if _, file, found := strings.Cut(source, "="); found {
			source = file
		}
		paths = append(paths, source)
	}
	return paths
}

// Kustomize fetches files over HTTP, and bases also from what it takes for a git
// repository (api/internal/git/repospec.go): a scheme, git::, user@host or
// github.com. A file may be called logo@2x.png, a base may not.
var (
	remoteFile = regexp.MustCompile(`(?i)^\s*https?:|://`)
	remoteBase = regexp.MustCompile(`(?i)^\s*(https?:|git::|[a-z][a-z0-9-]*@|github\.com[/:])|://`)
)

func remoteProblem(file, field, reference string) error {
	return problem(drift.Origin{File: file}, vendorHint, "%s: %s is remote", field, short(reference))
}

// local resolves a reference to a repository path, or refuses it.
func (s *scan) local(file, field, reference string) (string, error) {
	if remoteFile.MatchString(reference) {
		return "", remoteProblem(file, field, reference)
	}
	if path.IsAbs(reference) {
		return "", problem(drift.Origin{File: file}, outsideHint, "%s: %s is not a relative path", field, short(reference))
	}
	target := path.Join(path.Dir(file), reference)
	if !fs.ValidPath(target) {
		return "", problem(drift.Origin{File: file}, outsideHint, "%s: %s leaves the repository", field, short(reference))
	}
	return target, nil
}

// base resolves a reference that may be a folder. It must exist, because
// Kustomize asks git for what does not.
func (s *scan) base(file, field, reference string) (string, fs.FileInfo, error) {
	if reference == "" {
		return "", nil, problem(drift.Origin{File: file}, "remove it", "%s: an entry is empty", field)
	}
	target, err := s.local(file, field, reference)
	if err != nil {
		return "", nil, err
	}
	info, err := fs.Stat(s.job.files.fsys, target)
	var refused *drift.Problem
	if errors.As(err, &refused) {
		return "", nil, problem(drift.Origin{File: file}, refused.Hint, "%s: %w", field, refused.Err)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, problem(drift.Origin{File: file}, "", "%s: reading %s: %w", field, short(reference), err)
	}
	if remoteBase.MatchString(reference) && (err != nil || info.IsDir()) {
		return "", nil, remoteProblem(file, field, reference)
	}
	if err != nil {
		return "", nil, problem(drift.Origin{File: file}, "the path is relative to the kustomization", "%s: there is no %s in the repository", field, short(reference))
	}
	return target, info, nil
}

// resource scans one entry of resources: a folder with a kustomization, or a
// file of manifests.
func (s *scan) resource(ctx context.Context, file, field, reference string) error {
	target, info, err := s.base(file, field, reference)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return s.folder(ctx, target)
	}
	if _, known := s.found[target]; known {
		return nil
	}
	g := s.job.kustomize()
	g.notes = &notes{}
	documents, err := readManifests(s.job, target, g)
	if err != nil {
		return err
	}
	if len(g.notes.warnings) > 0 {
		if err := s.withoutRepeats(target); err != nil {
			return err
		}
	}
	for _, warning := range g.notes.warnings {
		s.job.notes.add(warning)
	}
	for _, doc := range documents {
		s.listed = s.listed || strings.HasSuffix(text(doc.manifest["kind"]), "List")
	}
	documents, err = expandAll(documents, s.job.limits)
	if err != nil {
		return err
	}
	seeds := make([]seed, len(documents))
	for i, doc := range documents {
		metadata, _ := doc.manifest["metadata"].(map[string]any)
		said := map[string]bool{}
		reserved := !words(doc.manifest, said)
		seeds[i] = seed{kind: text(doc.manifest["kind"]), name: text(metadata["name"]), line: doc.origin.Line,
			version: text(doc.manifest["apiVersion"]), namespace: text(metadata["namespace"]),
			words: slices.Collect(maps.Keys(said)), reserved: reserved}
	}
	s.found[target] = seeds
	return nil
}
