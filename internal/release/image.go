package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	layers "github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	// repository is the chart's default, image.repository.
	repository = "ghcr.io/killick-dev/killick"
	homepage   = "https://github.com/killick-dev/killick"
	// user is the chart's runAsUser and runAsGroup; as a number, so that a kubelet can
	// tell that it is not root.
	user = "65532:65532"
	// roots is the first path of those at which Go looks for certificates on Linux
	// (crypto/x509, root_linux.go).
	roots = "etc/ssl/certs/ca-certificates.crt"
)

// rootFiles are all that an image holds: the binary, the certificate authorities that it
// trusts, and what a runtime looks up about the user. Nothing else can be executed.
func rootFiles(binary []byte) ([]entry, error) {
	certificates, err := authorities()
	if err != nil {
		return nil, err
	}
	return []entry{
		{path: "etc/", mode: 0o755},
		{path: "etc/group", mode: 0o644, content: []byte("root:x:0:\nkillick:x:65532:\n")},
		{path: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/:/nonexistent\nkillick:x:65532:65532:killick:/:/nonexistent\n")},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: roots, mode: 0o644, content: certificates},
		{path: "killick", mode: 0o755, content: binary},
		{path: "tmp/", mode: 0o777 | fs.ModeSticky},
	}, nil
}

// authorities are Mozilla's certificate authorities in PEM. One that is trusted under a
// condition is left out: a file of certificates cannot say the condition.
func authorities() ([]byte, error) {
	var file bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading a certificate authority: %w", err)
		}
		fmt.Fprintf(&file, "# %s\n", strings.ReplaceAll(certificate.Subject.String(), "\n", " "))
		if err := pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}

// labels say what an image is (OCI image specification, annotations.md).
func (s source) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       "killick",
		"org.opencontainers.image.description": "Keeps Kubernetes clusters true to Git, from one CronJob",
		"org.opencontainers.image.source":      homepage,
		"org.opencontainers.image.url":         homepage,
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     s.version,
		"org.opencontainers.image.created":     s.created.Format("2006-01-02T15:04:05Z"),
	}
	if s.revision != "" {
		labels["org.opencontainers.image.revision"] = s.revision
	}
	return labels
}

// imageOf is the image of one platform.
func imageOf(from source, platform target, binary []byte) (v1.Image, error) {
	files, err := rootFiles(binary)
	if err != nil {
		return nil, err
	}
	packed, err := tarGz(files, epoch) // the same files are the same layer, whatever the commit
	if err != nil {
		return nil, err
	}
	layer, err := layers.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil },
		layers.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: from.created}
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "make image"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = platform.os, platform.arch, created
	config.Config = v1.Config{User: user, Entrypoint: []string{"/killick"}, WorkingDir: "/", Labels: from.labels()}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, from.labels()).(v1.Image), nil
}

// indexOf is the image of several platforms. Its digest is the one that is published.
func indexOf(from source, images []platformImage) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, one := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        one.image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: one.platform.os, Architecture: one.platform.arch}},
		})
	}
	return mutate.Annotations(index, from.labels()).(v1.ImageIndex)
}

// platformImage is one of an index's images.
type platformImage struct {
	platform target
	image    v1.Image
}
