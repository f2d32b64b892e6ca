package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/killick-dev/killick/internal/drift"
)

// localRepository is a Git repository on disk, opened for reading.
type localRepository struct {
	*git.Repository
	store *diskObjects
}

// openLocal opens the repository at a path: a working tree or a folder below
// it, a linked working tree, or a bare repository.
func openLocal(path string) (*localRepository, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &failure{text: "there is no such folder", hint: "give an https:// or ssh:// URL, or the path of a clone"}
	case err != nil:
		return nil, pathCause(err)
	case !info.IsDir():
		return nil, &failure{text: "it is not a folder", hint: "give the folder of a clone"}
	}
	opened, err := git.PlainOpenWithOptions(path, &git.PlainOpenOptions{
		// A bare repository has no .git, and must not be mistaken for a folder
		// of the working tree that it may lie in.
		DetectDotGit:          !isBare(path),
		EnableDotGitCommonDir: true,
	})
	switch {
	case errors.Is(err, git.ErrRepositoryNotExists):
		return nil, &failure{
			text: "it is not in a Git repository",
			hint: "give the path of a clone; the files of a folder without Git are read with --worktree",
		}
	case errors.Is(err, git.ErrUnknownExtension), errors.Is(err, git.ErrUnsupportedExtensionRepositoryFormatVersion), errors.Is(err, git.ErrUnsupportedRepositoryFormatVersion):
		return nil, &failure{
			text: "its format is not supported: " + clean(err.Error(), 200),
			hint: "clone it without that extension, or use --worktree",
		}
	case err != nil:
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	store, ok := opened.Storer.(*filesystem.Storage)
	if !ok {
		return nil, fmt.Errorf("opening the repository: unexpected storage %T", opened.Storer)
	}
	common, err := commonDir(store.Filesystem().Root())
	if err != nil {
		return nil, err
	}
	found, err := openObjects(common)
	if err != nil {
		return nil, err
	}
	return &localRepository{Repository: opened, store: found}, nil
}

// isBare says whether a folder is itself a Git directory (gitrepository-layout).
func isBare(path string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(path, name)); err != nil {
			return false
		}
	}
	return true
}

// refs are all refs that point at an object. HEAD is absent before the first
// commit.
func (r *localRepository) refs() (refs, error) {
	found := refs{targets: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
	iterator, err := r.References()
	if err != nil {
		return refs{}, fmt.Errorf("reading refs: %w", err)
	}
	defer iterator.Close()
	err = iterator.ForEach(func(reference *plumbing.Reference) error {
		if reference.Type() == plumbing.HashReference {
			found.targets[reference.Name().String()] = reference.Hash()
		}
		return nil
	})
	if err != nil {
		return refs{}, fmt.Errorf("reading refs: %w", err)
	}
	head, err := r.Head()
	switch {
	case err == nil:
		found.targets[headRef] = head.Hash()
	case !errors.Is(err, plumbing.ErrReferenceNotFound):
		return refs{}, fmt.Errorf("reading HEAD: %w", err)
	}
	return found, nil
}

// readLocal reads the commit at a ref of a repository on disk.
func readLocal(ctx context.Context, path, ref string, options Options) (drift.Checkout, *history, error) {
	checkout, err := localCheckout(ctx, path, ref, options)
	if err != nil {
		return drift.Checkout{}, nil, finish(ctx, fmt.Sprintf("reading repository %q", path), nil, err)
	}
	checkout.Revision.Repository = path
	return checkout, newHistory(checkout, nil, &localReader{path: path, options: options}), nil
}

func localCheckout(ctx context.Context, path, ref string, options Options) (drift.Checkout, error) {
	if err := ctx.Err(); err != nil {
		return drift.Checkout{}, err
	}
	repository, err := openLocal(path)
	if err != nil {
		return drift.Checkout{}, err
	}
	want, err := repository.find(ref)
	if err != nil {
		return drift.Checkout{}, err
	}
	return checkoutOf(ctx, repository.objects(), want, ref, options, nil)
}

func (r *localRepository) objects() *objects { return &objects{EncodedObjectStorer: r.store} }

// find resolves a ref to the object it names: a commit, or a tag of one.
func (r *localRepository) find(ref string) (plumbing.Hash, error) {
	known, err := r.refs()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if len(known.targets) == 0 {
		return plumbing.ZeroHash, emptyRepository()
	}
	if isCommit(ref) {
		want := plumbing.NewHash(ref)
		if !r.objects().has(want) {
			return plumbing.ZeroHash, &failure{
				text: fmt.Sprintf("there is no commit %s", want),
				hint: "fetch it first, or correct --ref",
			}
		}
		return want, nil
	}
	// The commits behind annotated tags are needed to compare a tag with a
	// branch of the same name.
	if tag, found := known.targets[tagPrefix+ref]; found {
		commit, err := r.objects().commit(tag)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		known.peeled[tagPrefix+ref] = commit.Hash
	}
	name, err := known.find(ref)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return known.targets[name], nil
}
