package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A chart that has changed its shape is an error: a release must not be packed without
// its version or digest.
func TestPackChartRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ reason, file, old, new, want string }{
		{"no digest to set", "values.yaml", `  digest: ""`, `  digest: "sha256:0"`, "charts/killick/values.yaml: 0 lines match"},
		{"two of them", "values.yaml", `  digest: ""`, "  digest: \"\"\nother:\n  digest: \"\"", "charts/killick/values.yaml: 2 lines match"},
		{"the digest of something else", "values.yaml", "image:\n", "image: {}\nother:\n", "the packed chart says"},
		{"another image", "values.yaml", "ghcr.io/killick-dev/killick", "registry.example.com/killick", "the packed chart says"},
		{"no version to set", "Chart.yaml", "appVersion:", "appversion:", "charts/killick/Chart.yaml: 0 lines match"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "charts"), os.DirFS(filepath.Join(repositoryRoot(t), "charts"))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, chartFolder, c.file)
			before := string(readFile(t, path))
			if !strings.Contains(before, c.old) {
				t.Fatalf("%s does not contain %q", c.file, c.old)
			}
			writeFile(t, path, strings.Replace(before, c.old, c.new, 1))
			if _, err := packChart(testSource(dir), "sha256:"+strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestPackChartTwice(t *testing.T) {
	t.Parallel()
	var packed [2][]byte
	for i := range packed {
		var err error
		if packed[i], err = packChart(testSource(repositoryRoot(t)), "sha256:"+strings.Repeat("0", 64)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(packed[0], packed[1]) {
		t.Error("the same chart was packed in two ways")
	}
}
