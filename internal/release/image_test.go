package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	layers "github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// file is one entry of an image's layers.
type file struct {
	header  *tar.Header
	content []byte
}

func filesOf(t *testing.T, image v1.Image) []file {
	t.Helper()
	all, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	for _, layer := range all {
		packed, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filesIn(t, packed)...)
		packed.Close()
	}
	return files
}

func filesIn(t *testing.T, packed io.Reader) []file {
	t.Helper()
	var files []file
	for reader := tar.NewReader(packed); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{header, content})
	}
}

func TestImageHoldsOneProgram(t *testing.T) {
	t.Parallel()
	hostImage(t)
	type listed struct {
		Path string
		Mode int64
	}
	var got []listed
	for _, one := range filesOf(t, shared.image) {
		header := one.header
		got = append(got, listed{header.Name, header.Mode})
		if header.Uid != 0 || header.Gid != 0 || header.Uname+header.Gname != "" || !header.ModTime.Equal(epoch) || len(header.PAXRecords) > 0 {
			t.Errorf("%s: owned by %d:%d (%q, %q), of %s, %v, want root's, without names, of 1970",
				header.Name, header.Uid, header.Gid, header.Uname, header.Gname, header.ModTime, header.PAXRecords)
		}
	}
	// No set-user-ID bit, and only one file may be executed.
	want := []listed{
		{"etc/", 0o755}, {"etc/group", 0o644}, {"etc/passwd", 0o644},
		{"etc/ssl/", 0o755}, {"etc/ssl/certs/", 0o755}, {"etc/ssl/certs/ca-certificates.crt", 0o644},
		{"killick", 0o755}, {"tmp/", 0o1777},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of the image (-want +got):\n%s", diff)
	}
}

func TestImageConfig(t *testing.T) {
	t.Parallel()
	hostImage(t)
	config, err := shared.image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	from := testSource("")
	want := v1.Config{User: "65532:65532", Entrypoint: []string{"/killick"}, WorkingDir: "/", Labels: map[string]string{
		"org.opencontainers.image.title":       "killick",
		"org.opencontainers.image.description": "Keeps Kubernetes clusters true to Git, from one CronJob",
		"org.opencontainers.image.source":      "https://github.com/killick-dev/killick",
		"org.opencontainers.image.url":         "https://github.com/killick-dev/killick",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     testVersion,
		"org.opencontainers.image.revision":    from.revision,
		"org.opencontainers.image.created":     "2026-01-05T08:00:00Z",
	}}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH || !config.Created.Equal(from.created) {
		t.Errorf("an image for %s/%s of %s", config.OS, config.Architecture, config.Created)
	}
	manifest, err := shared.image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Labels, manifest.Annotations); diff != "" {
		t.Errorf("annotations are the labels (-want +got):\n%s", diff)
	}
}

// A binary with an interpreter or libraries would not start in this image, and one that
// tells where it was built would not be the same elsewhere.
func TestBinaryIsStatic(t *testing.T) {
	t.Parallel()
	hostImage(t)
	binary, err := elf.NewFile(bytes.NewReader(shared.binary))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a segment %s", part.Type)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(shared.binary))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, one := range info.Settings {
		settings[one.Key] = one.Value
	}
	for key, want := range map[string]string{"CGO_ENABLED": "0", "-trimpath": "true", "GOOS": "linux", "GOARCH": runtime.GOARCH} {
		if settings[key] != want {
			t.Errorf("built with %s=%q, want %q", key, settings[key], want)
		}
	}
	modules, err := output(exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE"))
	if err != nil {
		t.Fatal(err)
	}
	root := repositoryRoot(t)
	for _, place := range []string{root + "/cmd/killick", root + "/internal", strings.TrimSpace(string(modules)) + "/github.com", shared.scratch} {
		if bytes.Contains(shared.binary, []byte(place)) {
			t.Errorf("the binary names the folder %q", place)
		}
	}
}

// The same source gives the same image from another folder and in another environment.
func TestTwiceBuilt(t *testing.T) {
	hostImage(t)
	root, copied := repositoryRoot(t), t.TempDir()
	for _, name := range []string{"cmd", "internal", "notify", "policies", "reconcile"} {
		if err := os.CopyFS(filepath.Join(copied, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"GOFLAGS": "-tags=other -ldflags=-w", "GOAMD64": "v3", "GOARM64": "v9.0", "CGO_ENABLED": "1", "GOEXPERIMENT": "nodwarf5", "GOFIPS140": "latest",
		"TZ": "Asia/Kathmandu", "GOOS": "plan9",
	} {
		t.Setenv(name, value)
	}
	out := t.TempDir()
	digest, b, err := buildHost(t.Context(), copied, out)
	if err != nil {
		t.Fatal(err)
	}
	if digest != shared.digest {
		t.Errorf("the digest is %s, and was %s", digest, shared.digest)
	}
	file := "killick-" + testVersion + "-image-" + host.String() + ".tar"
	if !bytes.Equal(readFile(t, filepath.Join(b.out, file)), readFile(t, filepath.Join(shared.out, file))) {
		t.Errorf("%s is another one", file)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The file that runtimes load is read as "docker save" wrote it and as an OCI layout, and
// both are the image.
func TestLoadable(t *testing.T) {
	t.Parallel()
	hostImage(t)
	want, err := shared.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(shared.out, "killick-"+testVersion+"-image-"+host.String()+".tar")
	tag, err := name.NewTag(repository + ":" + testVersion)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := layers.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(saved); err != nil {
		t.Errorf("as docker save writes it: %v", err)
	}
	config, err := saved.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if was, err := shared.image.ConfigName(); err != nil || was != config {
		t.Errorf("the image's ID is %s, want %s (%v)", config, was, err)
	}
	folder := t.TempDir()
	packed, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	for _, one := range filesIn(t, packed) {
		if err := extract(folder, one.header, bytes.NewReader(one.content)); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("as an OCI layout: %v", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest != want {
		t.Fatalf("the layout holds %v, want %s", manifest.Manifests, want)
	}
	if got := manifest.Manifests[0].Annotations; got[refName] != testVersion || got[containerName] != repository+":"+testVersion {
		t.Errorf("the image is called %v", got)
	}
}

// bothPlatforms is an index of two images, and the layout that holds it.
func bothPlatforms(t *testing.T) (made, laidOut v1.ImageIndex) {
	t.Helper()
	from := testSource("")
	var images []platformImage
	for _, platform := range imageTargets {
		image, err := imageOf(from, platform, []byte("a program for "+platform.arch))
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, platformImage{platform, image})
	}
	made = indexOf(from, images)
	folder := t.TempDir()
	if err := writeLayout(folder, from, made); err != nil {
		t.Fatal(err)
	}
	laidOut, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(laidOut); err != nil {
		t.Fatal(err)
	}
	return made, laidOut
}

// What a registry serves after a push of the layout has the digest that the chart names.
func TestLayoutIsPushed(t *testing.T) {
	t.Parallel()
	made, laidOut := bothPlatforms(t)
	manifest, err := laidOut.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the layout holds %v, want one index: crane and oras push it", manifest.Manifests)
	}
	pushed, err := laidOut.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/killick:" + testVersion)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, pushed, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(tag, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	want, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("pulled %s, want %s (%v)", got, want, err)
	}
	for _, platform := range imageTargets {
		image, err := remote.Image(tag, remote.WithContext(t.Context()), remote.WithPlatform(v1.Platform{OS: platform.os, Architecture: platform.arch}))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(image); err != nil {
			t.Error(err)
		}
		for _, one := range filesOf(t, image) {
			if one.header.Name == "killick" && string(one.content) != "a program for "+platform.arch {
				t.Errorf("%s gets %q", platform, one.content)
			}
		}
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	file, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		has[string(block.Bytes)] = true
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !certificate.IsCA {
			t.Errorf("%s is no authority", certificate.Subject)
		}
	}
	if len(has) < 80 {
		t.Errorf("%d authorities, want about those of a browser", len(has))
	}
	constrained := 0
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			constrained++
		}
		if has[string(root.Certificate)] == (root.Constraint != nil) {
			t.Errorf("an authority is in the file: %t, and has a condition: %t", has[string(root.Certificate)], root.Constraint != nil)
		}
	}
	if constrained == 0 {
		t.Error("no authority has a condition: that those are left out is not tested")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(file) {
		t.Error("Go does not read the file")
	}
}
