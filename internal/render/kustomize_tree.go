package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/killick-dev/killick/internal/drift"
)

// mountPoint is where the repository stands in the file system that Kustomize
// sees. It is one folder below the root so that "../../etc/passwd" leads to a
// place where nothing is, not to a folder "etc" of the repository.
const mountPoint = "/repository"

// tree is the checkout as Kustomize's file system: read-only, and nothing else
// exists.
type tree struct {
	files    *reader
	limits   Limits
	replaced map[string][]byte // files served with other content
	refused  error             // first file that guardYAML refused: Kustomize's own error hides it
}

var _ filesys.FileSystem = (*tree)(nil)

// absolute is a repository path as Kustomize sees it.
func (t *tree) absolute(name string) string { return path.Join(mountPoint, name) }

// inside is the repository path of a path that Kustomize asks for.
func (t *tree) inside(name string) (string, error) {
	clean := path.Clean(filepath.ToSlash(name))
	if !path.IsAbs(clean) {
		clean = path.Join(mountPoint, clean)
	}
	if clean == mountPoint {
		return ".", nil
	}
	if rest, found := strings.CutPrefix(clean, mountPoint+"/"); found {
		return rest, nil
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (t *tree) stat(name string) (fs.FileInfo, error) {
	inside, err := t.inside(name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(t.files.fsys, inside)
}

// ReadFile reads a file that Kustomize may parse.
func (t *tree) ReadFile(name string) ([]byte, error) {
	inside, err := t.inside(name)
	if err != nil {
		return nil, err
	}
	if data, ok := t.replaced[inside]; ok {
		return slices.Clone(data), nil
	}
	data, err := t.files.read(inside)
	if err == nil {
		if guarded := guardYAML(data, t.limits); guarded != nil {
			err = problem(drift.Origin{File: inside}, "write the values out instead of using YAML aliases", "reading YAML: %w", guarded)
		}
	}
	if err != nil {
		var refused *drift.Problem
		if t.refused == nil && errors.As(err, &refused) {
			t.refused = err
		}
		return nil, err
	}
	return slices.Clone(data), nil
}

// IsDir says whether the path is a folder.
func (t *tree) IsDir(name string) bool {
	info, err := t.stat(name)
	return err == nil && info.IsDir()
}

// Exists says whether the path exists.
func (t *tree) Exists(name string) bool {
	_, err := t.stat(name)
	return err == nil
}

// CleanedAbs splits a path into its folder and its file.
func (t *tree) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	inside, err := t.inside(name)
	if err != nil {
		return "", "", err
	}
	info, err := fs.Stat(t.files.fsys, inside)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return filesys.ConfirmedDir(t.absolute(inside)), "", nil
	}
	return filesys.ConfirmedDir(t.absolute(path.Dir(inside))), path.Base(inside), nil
}

// ReadDir lists the names in a folder.
func (t *tree) ReadDir(name string) ([]string, error) {
	inside, err := t.inside(name)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(t.files.fsys, inside)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// Glob lists the matching paths.
func (t *tree) Glob(pattern string) ([]string, error) {
	inside, err := t.inside(pattern)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing outside the repository matches
	}
	found, err := fs.Glob(t.files.fsys, inside)
	for i := range found {
		found[i] = t.absolute(found[i])
	}
	return found, err
}

// Walk visits a folder.
func (t *tree) Walk(name string, visit filepath.WalkFunc) error {
	inside, err := t.inside(name)
	if err != nil {
		return err
	}
	return fs.WalkDir(t.files.fsys, inside, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return visit(t.absolute(name), nil, err)
		}
		info, err := entry.Info()
		return visit(t.absolute(name), info, err)
	})
}

var errReadOnly = fmt.Errorf("the checkout is read-only: %w", fs.ErrPermission)

// Open is not offered: Kustomize's builds read whole files.
func (t *tree) Open(string) (filesys.File, error) { return nil, errReadOnly }

// Create is refused.
func (t *tree) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir is refused.
func (t *tree) Mkdir(string) error { return errReadOnly }

// MkdirAll is refused.
func (t *tree) MkdirAll(string) error { return errReadOnly }

// RemoveAll is refused.
func (t *tree) RemoveAll(string) error { return errReadOnly }

// WriteFile is refused.
func (t *tree) WriteFile(string, []byte) error { return errReadOnly }
