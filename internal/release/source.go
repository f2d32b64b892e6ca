package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// source is what everything is made from, and what is written into it.
type source struct {
	dir      string // of the module
	version  string
	revision string    // the commit; "" outside a Git repository
	created  time.Time // the commit's; 1970 outside a Git repository
}

// epoch stands where no commit gives a time.
var epoch = time.Unix(0, 0).UTC()

// imageTag is what a registry accepts as a tag (the distribution specification's rule).
var imageTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// releaseVersion is a semantic version with a v. Build metadata is left out because a
// tag of an image cannot have its plus sign.
var releaseVersion = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?$`)

// workingTree is the source as it lies there. Changes that are not committed are
// allowed, and make the revision end in "-dirty".
func workingTree(ctx context.Context, dir, version string) (source, error) {
	if !imageTag.MatchString(version) {
		return source{}, fmt.Errorf("the version %q cannot be an image's tag: letters, digits, _, . and - only", version)
	}
	from := source{dir: dir, version: version, created: epoch}
	repository, err := isRepository(ctx, dir)
	if err != nil || !repository {
		return from, err
	}
	if from.revision, from.created, err = head(ctx, dir); err != nil {
		return source{}, err
	}
	changed, err := changes(ctx, dir)
	if err != nil {
		return source{}, err
	}
	if changed != "" {
		from.revision += "-dirty"
	}
	return from, nil
}

// release is the source of a release: the commit that is checked out, written to an
// empty folder, so that no file that Git ignores or does not know takes part.
func release(ctx context.Context, dir, version, to string) (source, error) {
	if !releaseVersion.MatchString(version) {
		return source{}, fmt.Errorf("%q is not the version of a release: v1.2.3 or v1.2.3-rc.1 (make release VERSION=v1.2.3)", version)
	}
	repository, err := isRepository(ctx, dir)
	if err != nil {
		return source{}, err
	}
	if !repository {
		return source{}, fmt.Errorf("%q is not a Git repository's root: a release is made of a commit", dir)
	}
	changed, err := changes(ctx, dir)
	if err != nil {
		return source{}, err
	}
	if changed != "" {
		return source{}, fmt.Errorf("a release is made of a commit, and these differ from it; commit or remove them:\n%s", changed)
	}
	from := source{dir: to, version: version}
	if from.revision, from.created, err = head(ctx, dir); err != nil {
		return source{}, err
	}
	if err := taggedElsewhere(ctx, dir, from); err != nil {
		return source{}, err
	}
	return from, export(ctx, dir, from)
}

// isRepository says whether a folder is the root of a Git repository; a folder of sources
// that merely lies within some repository is none.
func isRepository(ctx context.Context, dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, ".git")); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	_, err := git(ctx, dir, "rev-parse", "--git-dir")
	return err == nil, err
}

// head is the commit that is checked out, and when it was made.
func head(ctx context.Context, dir string) (string, time.Time, error) {
	out, err := git(ctx, dir, "log", "-1", "--no-show-signature", "--format=%H %ct")
	if err != nil {
		return "", time.Time{}, err
	}
	hash, stamp, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("reading the commit's time: %w", err)
	}
	return hash, time.Unix(seconds, 0).UTC(), nil
}

// changes lists what differs from the commit, files that Git does not know included.
func changes(ctx context.Context, dir string) (string, error) {
	out, err := git(ctx, dir, "status", "--porcelain", "--untracked-files=normal")
	return strings.TrimRight(string(out), "\n"), err
}

// taggedElsewhere is an error where the version is another commit's already.
func taggedElsewhere(ctx context.Context, dir string, from source) error {
	tags, err := git(ctx, dir, "tag", "--list", from.version)
	if err != nil || len(bytes.TrimSpace(tags)) == 0 {
		return err
	}
	out, err := git(ctx, dir, "rev-parse", "refs/tags/"+from.version+"^{commit}")
	if err != nil {
		return err
	}
	if tagged := strings.TrimSpace(string(out)); tagged != from.revision {
		return fmt.Errorf("%s is the tag of commit %s already, and %s is checked out: check out the tag, or choose another version",
			from.version, tagged, from.revision)
	}
	return nil
}

// export writes the files of the source's commit to its folder.
func export(ctx context.Context, dir string, from source) error {
	packed, err := git(ctx, dir, "archive", "--format=tar", from.revision)
	if err != nil {
		return err
	}
	for reader := tar.NewReader(bytes.NewReader(packed)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the commit's files: %w", err)
		}
		if err := extract(from.dir, header, reader); err != nil {
			return fmt.Errorf("writing the commit's files: %w", err)
		}
	}
}

// extract writes one entry of a tar below a folder.
func extract(dir string, header *tar.Header, content io.Reader) error {
	if !filepath.IsLocal(header.Name) {
		return fmt.Errorf("%q leads out of the folder", header.Name)
	}
	path := filepath.Join(dir, filepath.FromSlash(header.Name))
	switch header.Typeflag {
	case tar.TypeXGlobalHeader: // the commit's hash
		return nil
	case tar.TypeDir:
		return os.MkdirAll(path, 0o755)
	case tar.TypeSymlink:
		return os.Symlink(header.Linkname, path)
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, header.FileInfo().Mode().Perm())
	}
	return fmt.Errorf("%q is neither a file nor a folder", header.Name)
}

// git runs git without what a person's own settings might change in its output.
func git(ctx context.Context, dir string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"-c", "core.autocrlf=false"}, arguments...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "LC_ALL=C")
	out, err := output(command)
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", arguments[0], err)
	}
	return out, nil
}
