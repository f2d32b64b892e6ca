package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
)

// chartFolder is the chart's place in the repository.
const chartFolder = "charts/killick"

// edit sets one line of a chart's file, which must be there once.
type edit struct {
	file string
	line *regexp.Regexp
	text string
}

// chartVersion is the version as charts write it, without the v.
func chartVersion(version string) string { return strings.TrimPrefix(version, "v") }

// packChart packs the chart with the release's version and the image's digest: what is
// installed from it runs exactly this image.
func packChart(from source, digest string) ([]byte, error) {
	folder, err := loader.LoadDir(filepath.Join(from.dir, filepath.FromSlash(chartFolder)))
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	edits := []edit{
		{"Chart.yaml", regexp.MustCompile(`(?m)^version: .*$`), "version: " + chartVersion(from.version)},
		{"Chart.yaml", regexp.MustCompile(`(?m)^appVersion: .*$`), "appVersion: " + from.version},
		{"values.yaml", regexp.MustCompile(`(?m)^  digest: ""$`), "  digest: " + digest},
		{"README.md", regexp.MustCompile("(?m)^\\| `image\\.digest` \\| `\"\"` \\|"), "| `image.digest` | `\"" + digest + "\"` |"},
	}
	var entries []entry
	for _, file := range folder.Raw { // without what .helmignore names
		data, err := edited(file.Name, file.Data, edits)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{path: folder.Name() + "/" + file.Name, mode: 0o644, content: data})
	}
	packed, err := tarGz(entries, from.created)
	if err != nil {
		return nil, err
	}
	return packed, checkChart(packed, from, digest)
}

func edited(file string, data []byte, edits []edit) ([]byte, error) {
	for _, one := range edits {
		if one.file != file {
			continue
		}
		if n := len(one.line.FindAll(data, -1)); n != 1 {
			return nil, fmt.Errorf("%s/%s: %d lines match %q, want 1", chartFolder, file, n, one.line)
		}
		data = one.line.ReplaceAllLiteral(data, []byte(one.text))
	}
	return data, nil
}

// checkChart reads a packed chart as Helm does: what it says must be what was meant.
func checkChart(packed []byte, from source, digest string) error {
	read, err := loader.LoadArchive(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("reading the packed chart: %w", err)
	}
	if err := read.Validate(); err != nil {
		return fmt.Errorf("the packed chart: %w", err)
	}
	image, _ := read.Values["image"].(map[string]any)
	says := [...]any{read.Metadata.Version, read.Metadata.AppVersion, image["repository"], image["tag"], image["digest"]}
	if means := [...]any{chartVersion(from.version), from.version, repository, "", digest}; says != means {
		return fmt.Errorf("the packed chart says %q, want %q", says, means)
	}
	return nil
}
