package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Names under which runtimes find an image in a layout: the image specification's, and
// the one that containerd, Docker and Podman read as a full reference.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// names are the annotations that name an image in a layout.
func (s source) names() map[string]string {
	return map[string]string{refName: s.version, containerName: s.reference()}
}

// reference is the image's full name.
func (s source) reference() string { return repository + ":" + s.version }

// writeLayout writes an index as an OCI image layout: a folder that crane, oras and
// skopeo push.
func writeLayout(dir string, from source, index v1.ImageIndex) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("writing the image's layout: %w", err)
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(from.names())); err != nil {
		return fmt.Errorf("writing the image's layout: %w", err)
	}
	return nil
}

// writeLoadable writes one platform's image as a file that "docker load", "podman load"
// and "ctr images import" read: an OCI layout, and in the same tarball the manifest.json
// of "docker save", which points at the layout's blobs. It holds one platform because
// manifest.json can name no more.
func writeLoadable(file string, from source, image v1.Image) error {
	entries, err := loadable(from, image)
	if err != nil {
		return fmt.Errorf("packing %q: %w", filepath.Base(file), err)
	}
	packed, err := tarball(entries, epoch)
	if err != nil {
		return err
	}
	return os.WriteFile(file, packed, 0o644)
}

func loadable(from source, image v1.Image) ([]entry, error) {
	entries := []entry{
		{path: "blobs/", mode: 0o755}, {path: "blobs/sha256/", mode: 0o755},
		{path: "oci-layout", mode: 0o644, content: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
	}
	blob := func(digest v1.Hash, content []byte) string {
		path := "blobs/" + digest.Algorithm + "/" + digest.Hex
		entries = append(entries, entry{path: path, mode: 0o644, content: content})
		return path
	}
	described, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	described.Annotations = from.names()
	manifest, err := image.RawManifest()
	if err != nil {
		return nil, err
	}
	blob(described.Digest, manifest)
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	name, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	saved := dockerManifest{Config: blob(name, config), RepoTags: []string{from.reference()}}
	all, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for _, layer := range all {
		digest, content, err := read(layer)
		if err != nil {
			return nil, err
		}
		saved.Layers = append(saved.Layers, blob(digest, content))
	}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{*described}})
	if err != nil {
		return nil, err
	}
	docker, err := json.Marshal([]dockerManifest{saved})
	if err != nil {
		return nil, err
	}
	return append(entries, entry{path: "index.json", mode: 0o644, content: index}, entry{path: "manifest.json", mode: 0o644, content: docker}), nil
}

// dockerManifest is an element of the manifest.json of "docker save"
// (https://github.com/moby/docker-image-spec, v1.2, combined image JSON).
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func read(layer v1.Layer) (v1.Hash, []byte, error) {
	digest, err := layer.Digest()
	if err != nil {
		return v1.Hash{}, nil, err
	}
	compressed, err := layer.Compressed()
	if err != nil {
		return v1.Hash{}, nil, err
	}
	content, err := io.ReadAll(compressed)
	return digest, content, err
}
