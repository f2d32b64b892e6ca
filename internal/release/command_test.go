package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

func TestCommandRefuses(t *testing.T) {
	t.Parallel()
	root, _ := repositoryOf(t)
	cases := []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"nothing to make", nil, exitUsage, "usage: release image"},
		{"something else", []string{"publish"}, exitUsage, "usage: release image"},
		{"an argument too many", []string{"image", "-version", "v1", "v2"}, exitUsage, "usage: release image"},
		{"an unknown flag", []string{"image", "-push"}, exitUsage, "-push"},
		{"a version that is none", []string{"all", "-version", "1.2.3", "-root", root}, exitError, `release: "1.2.3" is not the version of a release`},
		{"a tag that is none", []string{"image", "-version", "a b", "-root", root}, exitError, "cannot be an image's tag"},
	}
	for _, c := range cases {
		var out, said bytes.Buffer
		if code := run(t.Context(), c.args, streams{&out, &said}); code != c.code || !strings.Contains(said.String(), c.want) || out.Len() > 0 {
			t.Errorf("%s: exit code %d, %q, %q, want %d and %q", c.reason, code, &out, &said, c.code, c.want)
		}
	}
	if made, err := os.ReadDir(filepath.Join(root, dist)); err == nil && len(made) > 0 {
		t.Errorf("%v was made", made)
	}
}

// TestMakeImage makes the image of both platforms, twice, as "make image" does.
func TestMakeImage(t *testing.T) {
	t.Parallel()
	root, _ := repositoryOf(t)
	place := filepath.Join(root, dist, "image")
	var digest string
	for range 2 {
		var out, said bytes.Buffer
		if code := run(t.Context(), []string{"image", "-version", "v1-4-gabcdef", "-root", root}, streams{&out, &said}); code != 0 {
			t.Fatalf("exit code %d: %s", code, &said)
		}
		now := strings.TrimSpace(string(readFile(t, filepath.Join(place, "image.digest"))))
		if digest != "" && now != digest {
			t.Errorf("the digest is %s, and was %s", now, digest)
		}
		digest = now
		if want := "dist/image\n" + repository + ":v1-4-gabcdef@" + digest + "\n"; out.String() != want {
			t.Errorf("it prints %q, want %q", &out, want)
		}
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(place, "oci"))
	if err != nil {
		t.Fatal(err)
	}
	hash, err := v1.NewHash(digest)
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.ImageIndex(hash)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, one := range manifest.Manifests {
		platforms = append(platforms, one.Platform.String())
	}
	if got := strings.Join(platforms, " "); got != "linux/amd64 linux/arm64" {
		t.Errorf("the image is for %s", got)
	}
}
