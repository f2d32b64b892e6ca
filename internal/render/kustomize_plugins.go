package render

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// plugin scans one entry of generators, transformers or validators: an inline
// configuration, a file of them, or a folder that builds them.
func (s *scan) plugin(ctx context.Context, file, field, entry string) error {
	origin := drift.Origin{File: file}
	if strings.Contains(entry, "\n") || strings.Contains(entry, ": ") {
		values, err := decode(file, []byte(entry), s.job.kustomize())
		if err != nil {
			return problem(origin, "", "%s: reading the inline configuration: %s", field, s.scrub(err.Error()))
		}
		return s.plugins(file, field, values)
	}
	target, info, err := s.base(file, field, entry)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		data, err := s.job.files.read(target)
		if err != nil {
			return asProblem(target, err)
		}
		values, err := decode(target, data, s.job.kustomize())
		if err != nil {
			return err
		}
		return s.plugins(target, field, values)
	}
	// The configurations are what the folder builds, so it is built, after its
	// own scan.
	if err := s.folder(ctx, target); err != nil {
		return err
	}
	return s.builtPlugins(ctx, field, target)
}

func (s *scan) builtPlugins(ctx context.Context, field, folder string) error {
	file, err := kustomizationFile(s.job.files.fsys, folder)
	if err != nil {
		return err
	}
	built, err := s.buildWhole(ctx, file)
	if err != nil {
		return err
	}
	values := make([]value, len(built.documents))
	for i, doc := range built.documents {
		values[i] = value{tree: doc.manifest, line: doc.origin.Line}
	}
	return s.plugins(file, field, values)
}

// plugins allows Kustomize's builtin plugins only, and those only with local
// files.
func (s *scan) plugins(file, field string, values []value) error {
	for _, v := range values {
		origin := drift.Origin{File: file, Line: v.line}
		configuration, ok := v.tree.(map[string]any)
		if !ok {
			return problem(origin, "", "%s: the configuration is %s", field, kindOf(v.tree))
		}
		if text(configuration["apiVersion"]) != "builtin" {
			return problem(origin, "only Kustomize's builtin plugins can be used: programs and containers are never run",
				"%s: %s is not a builtin plugin", field, short(text(configuration["kind"])))
		}
		if text(configuration["kind"]) == "HelmChartInflationGenerator" {
			return problem(origin, "make the chart an app of its own", "%s: the plugin inflates a Helm chart, which would run the helm binary", field)
		}
		if err := s.pluginPaths(file, field, configuration); err != nil {
			return err
		}
	}
	return nil
}

// pluginPaths checks every field by which a builtin plugin names files.
func (s *scan) pluginPaths(file, field string, tree any) error {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			v := tree[key]
			if pathFields[strings.ToLower(key)] {
				if err := s.pathField(file, field+"."+key, v); err != nil {
					return err
				}
			}
			if err := s.pluginPaths(file, field, v); err != nil {
				return err
			}
		}
	case []any:
		for _, v := range tree {
			if err := s.pluginPaths(file, field, v); err != nil {
				return err
			}
		}
	}
	return nil
}

var pathFields = map[string]bool{"path": true, "paths": true, "files": true, "env": true, "envs": true, "targetfilepath": true}

func (s *scan) pathField(file, field string, v any) error {
	references, _ := v.([]any)
	if one, ok := v.(string); ok {
		references = []any{one}
	}
	for _, reference := range references {
		name := text(reference)
		if _, source, found := strings.Cut(name, "="); found {
			name = source
		}
		if name == "" || strings.Contains(name, "\n") {
			continue
		}
		// The same field name also holds JSON paths ("metadata/labels"), so only
		// what could leave the repository is refused.
		if remoteFile.MatchString(name) {
			return remoteProblem(file, field, name)
		}
	}
	return nil
}
