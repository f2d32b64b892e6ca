package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// dist is where results go, below the repository's root; Git ignores it.
const dist = "dist"

// builder makes files from one source.
type builder struct {
	source    source
	toolchain toolchain
	platforms []target // of the image
	archives  []target
	scratch   string // for binaries
	out       string
	logf      func(format string, args ...any)

	binaries map[target]string // compiled so far: one may be needed twice
}

// makeImage writes dist/image from the working tree.
func makeImage(ctx context.Context, root, version string, logf func(string, ...any)) (digest string, err error) {
	from, err := workingTree(ctx, root, version)
	if err != nil {
		return "", err
	}
	if from.revision == "" {
		logf("no Git repository: the image names no commit, and its time is 1970")
	}
	b := builder{source: from, platforms: imageTargets, logf: logf}
	if err := b.chooseToolchain(ctx, root); err != nil {
		return "", err
	}
	err = b.into(filepath.Join(root, dist, "image"), func() error {
		digest, err = b.image(ctx)
		return err
	})
	return digest, err
}

// makeRelease writes dist/VERSION from the commit that is checked out.
func makeRelease(ctx context.Context, root, version string, logf func(string, ...any)) (digest string, err error) {
	b := builder{platforms: imageTargets, archives: archiveTargets, logf: logf}
	if err := b.chooseToolchain(ctx, root); err != nil {
		return "", err
	}
	tree, err := os.MkdirTemp("", "killick-release-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tree)) }()
	if b.source, err = release(ctx, root, version, tree); err != nil {
		return "", err
	}
	err = b.into(filepath.Join(root, dist, version), func() error {
		digest, err = b.release(ctx)
		return err
	})
	return digest, err
}

// chooseToolchain takes the machine's, and says when it is not that of releases.
func (b *builder) chooseToolchain(ctx context.Context, root string) (err error) {
	if b.toolchain, err = findToolchain(ctx, root); err != nil {
		return err
	}
	if other := b.toolchain.difference(); other != "" {
		b.logf("%s", other)
	}
	return nil
}

// into runs work with an empty folder to write to, which takes the place of what an
// earlier call left only when the work is done.
func (b *builder) into(place string, work func() error) (err error) {
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(place), ".unfinished-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(unfinished)) }()
	b.scratch, b.out = filepath.Join(unfinished, "binaries"), filepath.Join(unfinished, "out")
	if err := os.Mkdir(b.out, 0o755); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	return os.Rename(b.out, place)
}

// image writes the image as a layout of all platforms, as one file for each, and its
// digest.
func (b *builder) image(ctx context.Context) (string, error) {
	var images []platformImage
	for _, platform := range b.platforms {
		binary, err := b.binary(ctx, platform)
		if err != nil {
			return "", err
		}
		image, err := imageOf(b.source, platform, binary)
		if err != nil {
			return "", fmt.Errorf("making the image for %s: %w", platform, err)
		}
		file := filepath.Join(b.out, fmt.Sprintf("killick-%s-image-%s.tar", b.source.version, platform))
		if err := writeLoadable(file, b.source, image); err != nil {
			return "", err
		}
		images = append(images, platformImage{platform, image})
	}
	index := indexOf(b.source, images)
	if err := writeLayout(filepath.Join(b.out, "oci"), b.source, index); err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), b.write("image.digest", []byte(digest.String()+"\n"))
}

// release writes the image, the archives, the chart and their checksums.
func (b *builder) release(ctx context.Context) (string, error) {
	digest, err := b.image(ctx)
	if err != nil {
		return "", err
	}
	for _, to := range b.archives {
		if err := b.archive(ctx, to); err != nil {
			return "", err
		}
	}
	chart, err := packChart(b.source, digest)
	if err != nil {
		return "", err
	}
	if err := b.write("killick-"+chartVersion(b.source.version)+".tgz", chart); err != nil { // as "helm package" names it
		return "", err
	}
	return digest, b.sums()
}

// archive packs one target's binary with what its licence asks to come with it.
func (b *builder) archive(ctx context.Context, to target) error {
	binary, err := b.binary(ctx, to)
	if err != nil {
		return err
	}
	files := []entry{{path: to.program(), mode: 0o755, content: binary}}
	for _, name := range []string{"LICENSE", "README.md"} {
		content, err := os.ReadFile(filepath.Join(b.source.dir, name))
		if err != nil {
			return err
		}
		files = append(files, entry{path: name, mode: 0o644, content: content})
	}
	pack, ending := tarGz, ".tar.gz"
	if to.os == "windows" {
		pack, ending = zipFile, ".zip"
	}
	packed, err := pack(files, b.source.created)
	if err != nil {
		return err
	}
	return b.write("killick-"+b.source.version+"-"+to.String()+ending, packed)
}

// binary is the program for one target.
func (b *builder) binary(ctx context.Context, to target) ([]byte, error) {
	file, compiled := b.binaries[to]
	if !compiled {
		b.logf("compiling for %s", to)
		file = filepath.Join(b.scratch, to.String())
		if err := os.MkdirAll(b.scratch, 0o700); err != nil {
			return nil, err
		}
		if err := b.toolchain.compile(ctx, b.source, to, file); err != nil {
			return nil, err
		}
		if b.binaries == nil {
			b.binaries = map[target]string{}
		}
		b.binaries[to] = file
	}
	return os.ReadFile(file)
}

// sums writes the checksums of all files in the form that sha256sum --check reads.
func (b *builder) sums() error {
	files, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for _, file := range files { // sorted by name
		if file.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(b.out, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(content), file.Name())
	}
	return b.write("SHA256SUMS", list.Bytes())
}

func (b *builder) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(b.out, name), content, 0o644)
}
