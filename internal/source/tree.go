package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/killick-dev/killick/internal/drift"
)

// checkoutOf is the commit that a hash names, directly or through tags. With
// blobs, the store holds no files, which are fetched when they are needed.
func checkoutOf(ctx context.Context, store *objects, want plumbing.Hash, ref string, options Options, blobs *blobs) (drift.Checkout, error) {
	commit, err := store.commit(want)
	if err != nil {
		return drift.Checkout{}, err
	}
	builder := &treeBuilder{store: store, options: options, blobs: blobs}
	root, err := builder.build(ctx, commit.TreeHash)
	if err != nil {
		return drift.Checkout{}, err
	}
	tree := &treeFS{root: root, modTime: commit.Committer.When.UTC(), contents: blobs}
	if blobs == nil {
		tree.contents = &atHand{open: store.read}
	}
	return drift.Checkout{FS: tree, Revision: revisionOf(commit, ref)}, nil
}

// Bounds of what a commit says about itself, in runes; reports show one line.
const (
	maxAuthor  = 100
	maxSubject = 200
)

// revisionOf are a commit's facts. The time is the committer's: when the commit
// came into being as it is, after rebases.
func revisionOf(commit *object.Commit, ref string) drift.Revision {
	if ref == "" {
		ref = headRef
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(commit.Message), "\n")
	return drift.Revision{
		Ref:     ref,
		Commit:  commit.Hash.String(),
		Author:  clean(commit.Author.Name, maxAuthor),
		Subject: clean(subject, maxSubject),
		Time:    commit.Committer.When.UTC(),
	}
}

// maxTags bounds a chain of tags of tags.
const maxTags = 16

// commit reads a commit, peeling annotated tags.
func (o *objects) commit(hash plumbing.Hash) (*object.Commit, error) {
	for range maxTags {
		found, err := o.EncodedObject(plumbing.AnyObject, hash)
		if err != nil {
			return nil, o.missing("object "+hash.String(), err)
		}
		switch found.Type() {
		case plumbing.CommitObject:
			commit := &object.Commit{}
			if err := commit.Decode(found); err != nil {
				return nil, fmt.Errorf("reading commit %s: %w", hash, err)
			}
			return commit, nil
		case plumbing.TagObject:
			tag := &object.Tag{}
			if err := tag.Decode(found); err != nil {
				return nil, fmt.Errorf("reading tag %s: %w", hash, err)
			}
			hash = tag.Target
		default:
			return nil, &failure{
				text: fmt.Sprintf("the ref names a %s, not a commit", found.Type()),
				hint: "use a branch, a tag of a commit, or a commit",
			}
		}
	}
	return nil, &failure{text: fmt.Sprintf("the ref is a tag of tags, more than %d deep", maxTags)}
}

// missing explains an object that is not there although something names it.
func (o *objects) missing(what string, err error) error {
	if !errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	return &failure{
		text: fmt.Sprintf("%s is missing from the repository", what),
		hint: "the repository is damaged, or a partial or shallow clone; fetch it whole, or give its URL instead",
	}
}

// read returns a copy of a file's content.
func (o *objects) read(file *node) ([]byte, error) {
	blob, err := o.EncodedObject(plumbing.BlobObject, plumbing.NewHash(file.id))
	if err != nil {
		return nil, o.missing("its content", err)
	}
	return readObject(blob, file.size)
}

func readObject(blob plumbing.EncodedObject, size int64) ([]byte, error) {
	reader, err := blob.Reader()
	if err != nil {
		return nil, fmt.Errorf("reading object %s: %w", blob.Hash(), err)
	}
	defer func() { _ = reader.Close() }() // nothing was written
	content := make([]byte, size)
	if _, err := io.ReadFull(reader, content); err != nil {
		return nil, fmt.Errorf("reading object %s: %w", blob.Hash(), err)
	}
	return content, nil
}

// treeBuilder makes nodes of a commit's tree.
type treeBuilder struct {
	store   *objects
	options Options
	blobs   *blobs // nil if the store holds the files
	count   int
	bytes   int64
	links   []*node
}

func (b *treeBuilder) build(ctx context.Context, tree plumbing.Hash) (*node, error) {
	root := &node{kind: folderNode, mode: 0o555}
	if err := b.fill(ctx, root, tree); err != nil {
		return nil, err
	}
	if err := b.readLinks(ctx); err != nil {
		return nil, err
	}
	order, err := resolveLinks(root, b.links, b.options)
	if err != nil {
		return nil, err
	}
	if b.blobs != nil {
		b.blobs.begin(order, b.store.used)
	}
	return root, nil
}

// fill reads one tree object into a folder. Equal trees are read as often as
// they appear, so that a few objects that unfold to millions of files meet the
// limit as if they were many.
func (b *treeBuilder) fill(ctx context.Context, folder *node, hash plumbing.Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	found, err := b.store.EncodedObject(plumbing.TreeObject, hash)
	if err != nil {
		return b.store.missing(fmt.Sprintf("folder %q", folder.path()), err)
	}
	if found.Size() > b.options.MaxFileBytes {
		return limitExceeded("the listing of folder %q has %s, more than the limit of %s", folder.path(), mebibytes(found.Size()), mebibytes(b.options.MaxFileBytes))
	}
	tree := &object.Tree{}
	if err := tree.Decode(found); err != nil {
		return fmt.Errorf("reading folder %q: %w", folder.path(), err)
	}
	if folder.depth >= b.options.MaxDepth && len(tree.Entries) > 0 {
		folder.refusal = tooDeep(folder, b.options.MaxDepth)
		return nil
	}
	slices.SortFunc(tree.Entries, func(a, c object.TreeEntry) int { return strings.Compare(a.Name, c.Name) })
	for i, entry := range tree.Entries {
		err := checkName(entry.Name)
		if err == nil && i > 0 && tree.Entries[i-1].Name == entry.Name {
			err = fmt.Errorf("%q: %w", entry.Name, errDuplicate)
		}
		if err != nil {
			folder.refusal = unsafeFolder(folder, err)
			return nil
		}
	}
	folder.children = make([]*node, 0, len(tree.Entries))
	for _, entry := range tree.Entries {
		if b.count++; b.count > b.options.MaxFiles {
			return tooMany(b.options.MaxFiles)
		}
		child := &node{name: entry.Name, parent: folder, depth: folder.depth + 1}
		if err := b.entry(ctx, child, entry); err != nil {
			return err
		}
		folder.children = append(folder.children, child)
	}
	return nil
}

func (b *treeBuilder) entry(ctx context.Context, child *node, entry object.TreeEntry) error {
	switch entry.Mode {
	case filemode.Dir:
		child.kind, child.mode = folderNode, 0o555
		return b.fill(ctx, child, entry.Hash)
	case filemode.Symlink:
		child.kind, child.id = linkNode, entry.Hash.String()
		b.links = append(b.links, child)
		return nil
	case filemode.Regular, filemode.Executable:
		child.kind, child.mode, child.id = fileNode, 0o444, entry.Hash.String()
		if entry.Mode == filemode.Executable {
			child.mode = 0o555
		}
		if b.blobs != nil {
			return nil
		}
		return b.measure(child, entry.Hash)
	}
	// A submodule's commit, or a mode that Git does not write.
	child.kind = closedNode
	child.refusal = submodule(child)
	return nil
}

// measure sets a file's size, and refuses one that is too large.
func (b *treeBuilder) measure(file *node, hash plumbing.Hash) error {
	size, err := b.store.EncodedObjectSize(hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		oversized, known := b.store.oversized[hash]
		switch {
		case known:
			size, err = oversized, nil
		case b.store.dropped:
			file.refusal = tooLarge(file, -1, b.options.MaxFileBytes)
			return nil
		}
	}
	if err != nil {
		return b.store.missing(fmt.Sprintf("the content of %q", file.path()), err)
	}
	file.size = size
	if size > b.options.MaxFileBytes {
		file.refusal = tooLarge(file, size, b.options.MaxFileBytes)
		file.size = 0 // it cannot be read, so it does not count
		return nil
	}
	if b.bytes += size; b.bytes > b.options.MaxBytes {
		return limitExceeded("the repository's files have more than %s", mebibytes(b.options.MaxBytes))
	}
	return nil
}

// readLinks reads the targets of all symbolic links, which Git keeps as blobs.
func (b *treeBuilder) readLinks(ctx context.Context) error {
	if b.blobs != nil && len(b.links) > 0 {
		if err := b.blobs.fetchLinks(ctx, b.links, b.store); err != nil {
			return err
		}
	}
	for _, link := range b.links {
		if err := b.readLink(link, plumbing.NewHash(link.id)); err != nil {
			return err
		}
	}
	return nil
}

func (b *treeBuilder) readLink(link *node, hash plumbing.Hash) error {
	size, err := b.store.EncodedObjectSize(hash)
	if err != nil && !errors.Is(err, plumbing.ErrObjectNotFound) {
		return b.store.missing(fmt.Sprintf("symbolic link %q", link.path()), err)
	}
	_, oversized := b.store.oversized[hash]
	if size > maxLinkText || oversized || err != nil && b.store.dropped {
		link.refusal = linkRefusal(link, fmt.Errorf("its target is longer than %d bytes", maxLinkText))
		return nil
	}
	blob, err := b.store.EncodedObject(plumbing.BlobObject, hash)
	if err != nil {
		return b.store.missing(fmt.Sprintf("symbolic link %q", link.path()), err)
	}
	target, err := readObject(blob, size)
	if err != nil {
		return err
	}
	link.link = string(target)
	return nil
}
