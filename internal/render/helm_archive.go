package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"

	"github.com/killick-dev/killick/internal/drift"
)

// boundYAML refuses what would grow without bound in Helm's own parser. Chart
// metadata and default values may repeat a key: Helm takes the last one, and
// charts of other people do it. It is told.
func boundYAML(file string, data []byte, g grammar) error {
	whole := chunk{text: data, line: 1, start: 1}
	var raw any
	err := yamlv2.UnmarshalStrict(data, &raw)
	if err != nil && strings.Contains(err.Error(), sameKeyText) {
		g.tellRepeats(file, data)
		raw = nil
		err = yamlv2.Unmarshal(data, &raw)
	}
	if err != nil {
		return yamlProblem(file, whole, err)
	}
	if _, err := g.convert(raw); err != nil {
		return asProblem(file, err)
	}
	return nil
}

// tellRepeats tells which keys a chart's own file gives twice, and which merge keys
// Helm reads otherwise than YAML says.
func (g grammar) tellRepeats(file string, data []byte) {
	nodes, err := nodesOf(data, g.limits)
	if err != nil || len(nodes) == 0 {
		return // Helm has its own words for it
	}
	k := &keyed{grammar: g}
	if _, err := k.value(nodes[0]); err != nil {
		return
	}
	for _, r := range k.repeats {
		how := "with different values, of which Helm takes the last"
		if r.equal {
			how = "with one value"
		}
		g.notes.add(drift.Warning{Origin: drift.Origin{File: file, Line: r.second},
			Message: fmt.Sprintf("key %q is given twice %s, first in line %d: remove one of the two", r.key, how, r.first)})
	}
	for _, r := range k.hidden {
		g.notes.add(drift.Warning{Origin: drift.Origin{File: file, Line: r.first},
			Message: fmt.Sprintf("key %q stands before the merge key << in line %d: Helm takes the merged value; write << first", r.key, r.second)})
	}
}

const archiveSuffix = ".tgz"

// insideChart is the name of a file inside the chart that it belongs to, which may be an
// unpacked dependency: "charts/db/templates/x.yaml" is templates/x.yaml of db. (Helm passes
// over what begins with "_" or "." in charts/.)
func insideChart(relative string) string {
	for {
		below, found := strings.CutPrefix(relative, "charts/")
		_, inside, deeper := strings.Cut(below, "/")
		if !found || !deeper || strings.HasPrefix(below, "_") || strings.HasPrefix(below, ".") {
			return relative
		}
		relative = inside
	}
}

// isArchive says whether a chart's file is a packed dependency.
func isArchive(relative string) bool {
	inside := insideChart(relative)
	return path.Ext(inside) == archiveSuffix && path.Dir(inside) == "charts"
}

// isParsed says whether Helm itself parses a chart's file as YAML. Only those at the
// root of a chart are its own: a template may have any name (Helm, loader.LoadFiles).
func isParsed(relative string) bool {
	switch insideChart(relative) {
	case chartFile, "Chart.lock", "values.yaml", "requirements.yaml", "requirements.lock":
		return true
	}
	return false
}

// maxArchiveDepth bounds archives inside archives.
const maxArchiveDepth = 4

// checkArchive walks a packed chart before Helm unpacks it into memory: Helm's
// limit of 100 MiB counts per archive and starts anew for each one inside, and
// it reads links and devices as empty files.
func checkArchive(files *reader, name string, data []byte, depth int) error {
	origin := drift.Origin{File: name}
	if depth > maxArchiveDepth {
		return problem(origin, "", "the chart packs archives more than %d levels deep", maxArchiveDepth)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return problem(origin, "", "unpacking the dependency: %w", err)
	}
	defer unzipped.Close() //nolint:errcheck // nothing was written
	seen := map[string]bool{}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return problem(origin, "", "unpacking the dependency: %w", err)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader, tar.TypeXHeader:
			continue
		case tar.TypeReg:
		default:
			return problem(origin, "", "unpacking the dependency: %s is neither file nor folder", short(header.Name))
		}
		entry := path.Clean(strings.ReplaceAll(header.Name, `\`, "/"))
		if path.IsAbs(entry) || entry == ".." || strings.HasPrefix(entry, "../") || seen[entry] {
			return problem(origin, "", "unpacking the dependency: the entry %s is given twice or leaves the archive", short(header.Name))
		}
		seen[entry] = true
		content, err := io.ReadAll(io.LimitReader(archive, chartFileBytes+1))
		if err != nil {
			return problem(origin, "", "unpacking the dependency: %w", err)
		}
		if len(content) > chartFileBytes {
			return problem(origin, "", "unpacking the dependency: %s is larger than %s", short(header.Name), size(chartFileBytes))
		}
		if err := files.spend(name, int64(len(content))); err != nil {
			return err
		}
		if err := checkEntry(files, name, unpackedName(header.Name), content, depth); err != nil {
			return err
		}
	}
}

// unpackedName is the name inside its chart that Helm gives to an archive's entry: without
// the first part, before "." and ".." are taken out (Helm, loader.LoadArchiveFiles).
func unpackedName(entry string) string {
	delimiter := "/"
	if strings.Contains(entry, `\`) {
		delimiter = `\`
	}
	_, inside, _ := strings.Cut(entry, delimiter)
	return path.Clean(strings.ReplaceAll(inside, delimiter, "/"))
}

// checkEntry looks into what Helm will parse or unpack.
func checkEntry(files *reader, name, relative string, content []byte, depth int) error {
	switch {
	case drift.IsLFSPointer(content) && readsAlways(relative):
		return problem(drift.Origin{File: name}, drift.LFSHint, "unpacking the dependency: %s in it is a Git LFS pointer", short(relative))
	case isArchive(relative):
		return checkArchive(files, name, content, depth+1)
	case isParsed(relative):
		return boundYAML(name, content, grammar{limits: files.limits})
	}
	return nil
}
