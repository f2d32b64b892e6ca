package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	// objectCache bounds what go-git keeps of a repository on disk, in bytes.
	objectCache = 32 << 20
	// maxAlternates is how deep Git follows alternates of alternates.
	maxAlternates = 5
)

// diskObjects are the objects of a repository on disk and of those it borrows
// from (objects/info/alternates, as git clone --shared and --reference write
// it). go-git's own storage finds borrowed objects in one of its methods only,
// and opens the other repository anew for each.
type diskObjects struct {
	storer.EncodedObjectStorer // the repository's own
	borrowed                   []storer.EncodedObjectStorer
}

func (d *diskObjects) EncodedObject(kind plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	found, err := d.EncodedObjectStorer.EncodedObject(kind, hash)
	for _, other := range d.borrowed {
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		found, err = other.EncodedObject(kind, hash)
	}
	return found, err
}

func (d *diskObjects) EncodedObjectSize(hash plumbing.Hash) (int64, error) {
	size, err := d.EncodedObjectStorer.EncodedObjectSize(hash)
	for _, other := range d.borrowed {
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		size, err = other.EncodedObjectSize(hash)
	}
	return size, err
}

func (d *diskObjects) HasEncodedObject(hash plumbing.Hash) error {
	err := d.EncodedObjectStorer.HasEncodedObject(hash)
	for _, other := range d.borrowed {
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		err = other.HasEncodedObject(hash)
	}
	return err
}

// openObjects opens the objects below a Git directory, the common one of linked
// working trees.
func openObjects(gitDir string) (*diskObjects, error) {
	own, err := openStore(gitDir)
	if err != nil {
		return nil, err
	}
	opened := &diskObjects{EncodedObjectStorer: own}
	seen := map[string]bool{gitDir: true}
	return opened, opened.borrow(gitDir, seen, maxAlternates)
}

func openStore(gitDir string) (storer.EncodedObjectStorer, error) {
	if info, err := os.Stat(filepath.Join(gitDir, "objects")); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("opening the repository: %q has no objects", gitDir)
	}
	return filesystem.NewStorage(osfs.New(gitDir), cache.NewObjectLRU(objectCache)), nil
}

// borrow opens the repositories that one borrows from. One that cannot be
// opened is an error, as it is for git: its objects would look missing.
func (d *diskObjects) borrow(gitDir string, seen map[string]bool, levels int) error {
	objects := filepath.Join(gitDir, "objects")
	content, err := os.ReadFile(filepath.Join(objects, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) || levels == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the repository: reading alternates: %w", pathCause(err))
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(objects, line)
		}
		other := filepath.Dir(filepath.Clean(line))
		if filepath.Base(line) != "objects" {
			return fmt.Errorf("opening the repository: it borrows from %q, which is not the objects folder of a repository", line)
		}
		if seen[other] {
			continue
		}
		seen[other] = true
		store, err := openStore(other)
		if err != nil {
			return err
		}
		d.borrowed = append(d.borrowed, store)
		if err := d.borrow(other, seen, levels-1); err != nil {
			return err
		}
	}
	return nil
}

// commonDir is where the objects of a Git directory are: its own, or for a
// linked working tree that of the main one (gitrepository-layout, "commondir").
func commonDir(gitDir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return gitDir, nil
	}
	if err != nil {
		return "", fmt.Errorf("opening the repository: reading commondir: %w", pathCause(err))
	}
	common := strings.TrimSpace(string(content))
	if !filepath.IsAbs(common) {
		common = filepath.Join(gitDir, common)
	}
	return common, nil
}
