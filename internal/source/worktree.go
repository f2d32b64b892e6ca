package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"

	"github.com/killick-dev/killick/internal/drift"
)

// gitFolder is Git's own folder, or the file that leads to it in a linked
// working tree or a submodule.
const gitFolder = ".git"

// readWorktree reads the files of a working tree as they are on disk, ignored
// and untracked ones included, from the root of the working tree that the path
// is in. A folder without Git is read as it is, with an empty commit. Listings
// are taken once; contents are read when asked for.
func readWorktree(ctx context.Context, path string, options Options) (drift.Checkout, error) {
	checkout, err := worktreeCheckout(ctx, path, options)
	if err != nil {
		return drift.Checkout{}, finish(ctx, fmt.Sprintf("reading the files of %q", path), nil, err)
	}
	checkout.Revision.Repository = path
	return checkout, nil
}

func worktreeCheckout(ctx context.Context, path string, options Options) (drift.Checkout, error) {
	top, revision, err := worktreeHead(path)
	if err != nil {
		return drift.Checkout{}, err
	}
	// os.Root refuses to leave the folder even if a path is exchanged for a
	// symbolic link between listing and reading. It stays open as long as the
	// checkout is in use; its finalizer closes it.
	disk, err := os.OpenRoot(top)
	if err != nil {
		return drift.Checkout{}, pathCause(err)
	}
	scanner := &scanner{disk: disk, options: options}
	root := &node{kind: folderNode, mode: 0o555}
	if err := scanner.fill(ctx, root, "."); err != nil {
		return drift.Checkout{}, err
	}
	if _, err := resolveLinks(root, scanner.links, options); err != nil {
		return drift.Checkout{}, err
	}
	return drift.Checkout{
		FS: &treeFS{root: root, modTime: revision.Time, contents: &atHand{open: func(file *node) ([]byte, error) {
			return readDisk(disk, file, options.MaxFileBytes)
		}}},
		Revision: revision,
	}, nil
}

// worktreeHead finds the root of the working tree and the commit that is
// checked out, if any.
func worktreeHead(path string) (top string, revision drift.Revision, err error) {
	revision = drift.Revision{Ref: headRef, Worktree: true}
	var unsupported *failure
	repository, err := openLocal(path)
	switch info, statErr := os.Stat(path); {
	case err == nil:
	case statErr == nil && info.IsDir() && errors.As(err, &unsupported):
		// No repository, or one in a format that cannot be read: files are files.
		return path, revision, nil
	default:
		return "", revision, err
	}
	tree, err := repository.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return "", revision, &failure{text: "it is a bare repository, without a working tree", hint: "leave out --worktree"}
	}
	if err != nil {
		return "", revision, fmt.Errorf("finding the working tree: %w", err)
	}
	head, err := repository.refs()
	if err != nil {
		return "", revision, err
	}
	if target, found := head.targets[headRef]; found {
		commit, err := repository.objects().commit(target)
		if err != nil {
			return "", revision, err
		}
		revision = revisionOf(commit, "")
		revision.Worktree = true
	}
	return tree.Filesystem.Root(), revision, nil
}

// scanner makes nodes of a folder on disk.
type scanner struct {
	disk    *os.Root
	options Options
	count   int
	links   []*node
}

func (s *scanner) fill(ctx context.Context, folder *node, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := s.list(path)
	if err != nil {
		folder.refusal = problem("", fmt.Errorf("listing folder %q: %w", folder.path(), pathCause(err)))
		return nil
	}
	nested := folder.parent != nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == gitFolder })
	if nested {
		folder.kind, folder.refusal = closedNode, submodule(folder)
		return nil
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == gitFolder })
	if folder.depth >= s.options.MaxDepth && len(entries) > 0 {
		folder.refusal = tooDeep(folder, s.options.MaxDepth)
		return nil
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if err := checkName(entry.Name()); err != nil {
			folder.refusal = unsafeFolder(folder, err)
			return nil
		}
	}
	folder.children = make([]*node, 0, len(entries))
	for _, entry := range entries {
		if s.count++; s.count > s.options.MaxFiles {
			return tooMany(s.options.MaxFiles)
		}
		child := &node{name: entry.Name(), parent: folder, depth: folder.depth + 1}
		child.id = filepath.Join(path, entry.Name())
		if err := s.entry(ctx, child, entry); err != nil {
			return err
		}
		folder.children = append(folder.children, child)
	}
	return nil
}

func (s *scanner) list(path string) ([]fs.DirEntry, error) {
	opened, err := s.disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }() // nothing was written
	// One more than the limit is enough to know that it is exceeded.
	entries, err := opened.ReadDir(s.options.MaxFiles + 2)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}

func (s *scanner) entry(ctx context.Context, child *node, entry fs.DirEntry) error {
	if entry.IsDir() {
		child.kind, child.mode = folderNode, 0o555
		return s.fill(ctx, child, child.id)
	}
	if entry.Type() == fs.ModeSymlink {
		child.kind = linkNode
		s.links = append(s.links, child)
		target, err := s.disk.Readlink(child.id)
		if err != nil {
			child.refusal = problem("", fmt.Errorf("reading symbolic link %q: %w", child.path(), pathCause(err)))
		}
		child.link = filepath.ToSlash(target)
		return nil
	}
	info, err := entry.Info()
	switch {
	case err != nil:
		child.kind = closedNode
		child.refusal = problem("", fmt.Errorf("reading %q: %w", child.path(), pathCause(err)))
	case !info.Mode().IsRegular():
		child.kind = closedNode
		child.refusal = problem("", fmt.Errorf("%q is neither a file, a folder nor a symbolic link", child.path()))
	default:
		child.kind, child.mode, child.size = fileNode, 0o444, info.Size()
		child.wrote = info.ModTime()
		if info.Mode().Perm()&0o111 != 0 {
			child.mode = 0o555
		}
		if child.size > s.options.MaxFileBytes {
			child.refusal = tooLarge(child, child.size, s.options.MaxFileBytes)
			child.size = 0
		}
	}
	return nil
}

// readDisk reads a file, again under the limit, and only as it was when it was listed: one
// that somebody is writing may be half of what it will be, and half a file of manifests is
// an app with fewer objects.
func readDisk(disk *os.Root, file *node, limit int64) ([]byte, error) {
	opened, err := disk.Open(file.id)
	if err != nil {
		return nil, pathCause(err)
	}
	defer func() { _ = opened.Close() }() // nothing was written
	if err := asListed(opened, file, limit); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(opened, limit+1))
	if err != nil {
		return nil, pathCause(err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("it has more than the limit of %s", mebibytes(limit))
	}
	if err := asListed(opened, file, limit); err != nil {
		return nil, err
	}
	if int64(len(content)) != file.size {
		return nil, errMeanwhile
	}
	return content, nil
}

// errMeanwhile says that a file on disk is not what it was when its folder was listed.
var errMeanwhile = &failure{text: "it was written while this command was reading", hint: "run the command again"}

func asListed(opened *os.File, file *node, limit int64) error {
	info, err := opened.Stat()
	if err != nil {
		return pathCause(err)
	}
	same := info.Size() == file.size && info.ModTime().Equal(file.wrote)
	if !same && info.Size() <= limit { // of what is too large, that is said
		return errMeanwhile
	}
	return nil
}
