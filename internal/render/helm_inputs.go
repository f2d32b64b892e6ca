package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// chartData is one file of a chart.
type chartData struct {
	name string // inside the chart, or as the engine names it
	data []byte
}

// read collects the chart's files and the values.
func (h *helm) read() error {
	if err := h.readChart(); err != nil {
		return err
	}
	values := map[string]any{}
	for _, name := range h.job.app.Helm.ValueFiles {
		file, err := h.valueFile(name)
		if err != nil {
			return err
		}
		data, err := h.job.files.read(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return asProblem(file, err)
		}
		if err != nil {
			return problem(h.origin, "value files are relative to the chart, or start with / for the repository's root", "value file %s: there is no %q in the repository", short(name), file)
		}
		documents, err := decode(file, data, h.job.values())
		if err != nil {
			return err
		}
		if len(documents) > 1 {
			return problem(drift.Origin{File: file, Line: documents[1].line}, "keep one document per file", "reading values: Helm ignores everything after the first document")
		}
		// What was read, not the file: a value beside a merge key wins there.
		if len(documents) == 1 {
			if data, err = asJSON(documents[0].tree); err != nil {
				return problem(drift.Origin{File: file}, "", "reading values: %w", err)
			}
		}
		parsed, err := readValues(data)
		if err != nil {
			return problem(drift.Origin{File: file}, "a value file is a mapping", "reading values: the file is not a mapping")
		}
		h.given = append(h.given, parsed)
		values = mergeValues(values, parsed)
	}
	// Inline values pass through YAML like a file's, so that numbers have the
	// same types.
	inline, err := asJSON(h.job.app.Helm.Values)
	if err != nil {
		return problem(h.origin, "", "reading helm.values: %w", err)
	}
	parsed, err := readValues(inline)
	if err != nil {
		return problem(h.origin, "", "reading helm.values: %w", err)
	}
	h.given = append(h.given, parsed)
	h.values = mergeValues(values, parsed)
	return nil
}

// valueFile resolves a value file inside the repository.
func (h *helm) valueFile(name string) (string, error) {
	if remoteFile.MatchString(name) {
		return "", problem(h.origin, vendorHint, "value file %s is remote", short(name))
	}
	file := path.Join(h.job.folder, name)
	if strings.HasPrefix(name, "/") {
		file = path.Join(".", strings.TrimLeft(name, "/"))
	}
	if !fs.ValidPath(file) {
		return "", problem(h.origin, "value files stay inside the repository", "value file %s leaves the repository", short(name))
	}
	return file, nil
}

// mergeValues lays b over a: maps merge, everything else is replaced (Helm,
// pkg/cli/values).
func mergeValues(a, b map[string]any) map[string]any {
	merged := maps.Clone(a)
	for key, v := range b {
		if below, ok := merged[key].(map[string]any); ok {
			if above, ok := v.(map[string]any); ok {
				merged[key] = mergeValues(below, above)
				continue
			}
		}
		merged[key] = v
	}
	return merged
}

// deepCopy copies values through JSON, which is how Helm reads them, too.
func deepCopy(values any) (map[string]any, error) {
	data, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	copied := map[string]any{}
	return copied, json.Unmarshal(data, &copied)
}

// asJSON is a value as JSON that a reader of YAML takes for the same: there some characters
// end a line or are refused where they stand unescaped.
func asJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, r := range string(data) {
		if r >= 0x7f && r < 0xa0 || r == '\ufeff' {
			fmt.Fprintf(&text, `\u%04x`, r)
			continue
		}
		text.WriteRune(r)
	}
	return text.Bytes(), nil
}

// readChart collects the chart's files under .helmignore, as loader.LoadDir
// does on disk.
func (h *helm) readChart() error {
	file := path.Join(h.job.folder, ignoreFile)
	data, err := h.job.files.read(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return asProblem(file, err)
	}
	ignores, err := ignoreRules(data)
	if err != nil {
		return problem(drift.Origin{File: file}, "", "reading %s: %w", ignoreFile, err)
	}
	return fs.WalkDir(h.job.files.fsys, h.job.folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == h.job.folder {
			return nil
		}
		relative := strings.TrimPrefix(name, h.job.folder+"/")
		info, err := entry.Info()
		if err != nil {
			return err
		}
		ignored := ignores(relative, info)
		switch {
		case entry.IsDir() && ignored:
			return fs.SkipDir
		case entry.IsDir() || ignored:
			return nil
		case !info.Mode().IsRegular():
			return problem(drift.Origin{File: name}, "", "the chart contains a file that is neither file nor folder")
		}
		return h.addFile(name, relative)
	})
}

// addFile reads one file of the chart. What Helm parses is checked first: its
// own parsers know no bounds.
func (h *helm) addFile(name, relative string) error {
	data, err := h.job.files.raw(name)
	if err != nil {
		return asProblem(name, err)
	}
	if drift.IsLFSPointer(data) && readsAlways(relative) {
		return pointerProblem(name)
	}
	if len(data) > chartFileBytes {
		return problem(drift.Origin{File: name}, "leave it out with .helmignore", "the chart's file is larger than %s", size(chartFileBytes))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if isParsed(relative) {
		if err := boundYAML(name, data, h.job.others()); err != nil {
			return err
		}
	}
	if insideChart(relative) == chartFile {
		home := path.Dir(name)
		chartName, version := chartIdentity(data)
		h.homes[home] = chartName + "-" + version
	}
	if isArchive(relative) {
		h.archives[name] = true
		if err := checkArchive(h.job.files, name, data, 0); err != nil {
			return err
		}
	}
	h.chart = append(h.chart, chartData{name: relative, data: data})
	return nil
}

// dependencyHome is the folder or the archive in which a dependency stands. Its
// folder need not be called like the chart.
func (h *helm) dependencyHome(charts, name, version string) (home string, packed bool) {
	for _, folder := range slices.Sorted(maps.Keys(h.homes)) {
		if path.Dir(folder) == charts && h.homes[folder] == name+"-"+version {
			return folder, false
		}
	}
	for _, archive := range []string{name + "-" + version + archiveSuffix, name + archiveSuffix} {
		if file := path.Join(charts, archive); h.archives[file] {
			return file, true
		}
	}
	return path.Join(charts, name), false
}
