package source

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// node is one entry of a tree. Nodes do not change once a tree is built.
type node struct {
	name   string
	kind   nodeKind
	mode   fs.FileMode // permission bits
	size   int64       // of a file whose content is at hand
	wrote  time.Time   // of a file on disk: when it was written last
	parent *node       // nil for the root
	depth  int         // of the root: 0

	children []*node // of a folder, sorted by name
	target   *node   // of a resolved link: never a link itself

	link string // of a link: its text
	id   string // of a file or a link: the blob's hash, or the path on disk
	// refusal says why the node cannot be read. It is nil or a *drift.Problem,
	// and never matches fs.ErrNotExist.
	refusal error
}

type nodeKind int

const (
	fileNode nodeKind = iota
	folderNode
	linkNode
	// closedNode is an entry of unknown or unsupported nature, such as a
	// submodule; it is listed as a folder and always has a refusal.
	closedNode
)

// path is the node's place in the tree, as errors name it.
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	if n.parent.parent == nil {
		return n.name
	}
	return n.parent.path() + "/" + n.name
}

func (n *node) child(name string) *node {
	at, found := slices.BinarySearchFunc(n.children, name, func(c *node, name string) int {
		return strings.Compare(c.name, name)
	})
	if !found {
		return nil
	}
	return n.children[at]
}

// follow is the node itself, or what it links to; a refused link is itself.
func (n *node) follow() *node {
	if n.kind == linkNode && n.refusal == nil {
		return n.target
	}
	return n
}

// fileType is what a listing says. Whatever cannot be told is a folder, so that
// a recursive walk opens it and meets its refusal.
func (n *node) fileType() fs.FileMode {
	if n.follow().kind == fileNode {
		return 0
	}
	return fs.ModeDir
}

// treeFS is a read-only view of nodes: fs.FS, fs.ReadDirFS, fs.ReadFileFS and
// fs.StatFS, safe for concurrent use. Symbolic links are followed; listings
// show what they lead to.
type treeFS struct {
	root     *node
	modTime  time.Time
	contents contents
}

// contents are what the files of a tree hold. They are safe for concurrent use;
// errors are *drift.Problem and never match fs.ErrNotExist.
type contents interface {
	// size of a file in bytes.
	size(file *node) (int64, error)
	// read returns a file's content, which the caller may change.
	read(file *node) ([]byte, error)
	// listed tells that somebody looks at a folder's entries, who may be about
	// to read them.
	listed(folder *node)
}

// atHand are contents that need no fetching.
type atHand struct {
	mu   sync.Mutex // go-git does not promise that its storage is safe for concurrent use
	open func(file *node) ([]byte, error)
}

func (c *atHand) size(file *node) (int64, error) { return file.size, nil }
func (c *atHand) listed(*node)                   {}

func (c *atHand) read(file *node) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, err := c.open(file)
	if err != nil {
		return nil, problem("", err)
	}
	return content, nil
}

var (
	_ fs.ReadDirFS  = (*treeFS)(nil)
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.StatFS     = (*treeFS)(nil)
)

// find returns the node at a name, links followed. A refusal anywhere on the
// way is returned; only what is truly not there is fs.ErrNotExist.
func (t *treeFS) find(op, name string) (*node, error) {
	fail := func(err error) (*node, error) {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	current := t.root
	if name != "." {
		for element := range strings.SplitSeq(name, "/") {
			if current.refusal != nil {
				return fail(current.refusal)
			}
			child := current.child(element)
			if child == nil {
				return fail(fs.ErrNotExist)
			}
			current = child.follow()
		}
	}
	if current.refusal != nil {
		return fail(current.refusal)
	}
	return current, nil
}

// describe finds a name and what Stat says of it; a file that cannot be read is
// an error already here.
func (t *treeFS) describe(op, name string) (fileInfo, error) {
	found, err := t.find(op, name)
	if err != nil {
		return fileInfo{}, err
	}
	size, err := t.size(found)
	if err != nil {
		return fileInfo{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return fileInfo{name: path.Base(name), node: found, size: size, modTime: t.modTime}, nil
}

func (t *treeFS) size(found *node) (int64, error) {
	if found.kind != fileNode {
		return 0, nil
	}
	return t.contents.size(found)
}

// Open opens a file or a folder. Files are held in memory while open.
func (t *treeFS) Open(name string) (fs.File, error) {
	info, err := t.describe("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &openFolder{info: info, path: name, entries: t.entries(info.node)}, nil
	}
	content, err := t.content("open", name, info.node)
	if err != nil {
		return nil, err
	}
	return &openFile{info: info, path: name, Reader: bytes.NewReader(content)}, nil
}

// ReadFile returns a file's content, which the caller may change.
func (t *treeFS) ReadFile(name string) ([]byte, error) {
	info, err := t.describe("read", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return t.content("read", name, info.node)
}

// ReadDir lists a folder by name.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := t.describe("readdir", name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	return t.entries(info.node), nil
}

// Stat describes what a name leads to.
func (t *treeFS) Stat(name string) (fs.FileInfo, error) {
	info, err := t.describe("stat", name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

// ReadLink is what a symbolic link says, for readers to whom it matters that there is
// one. (fs.ReadLinkFS also wants an Lstat that agrees with the listings.)
func (t *treeFS) ReadLink(name string) (string, error) {
	folder, err := t.find("readlink", path.Dir(name))
	if err != nil {
		return "", err
	}
	link := folder.child(path.Base(name))
	if link == nil || link.kind != linkNode {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return link.link, nil
}

func (t *treeFS) content(op, name string, found *node) ([]byte, error) {
	content, err := t.contents.read(found)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return content, nil
}

func (t *treeFS) entries(folder *node) []fs.DirEntry {
	t.contents.listed(folder)
	entries := make([]fs.DirEntry, len(folder.children))
	for i, child := range folder.children {
		entries[i] = dirEntry{node: child, tree: t}
	}
	return entries
}

type fileInfo struct {
	name    string
	node    *node
	size    int64
	modTime time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.node.fileType() | i.node.mode }
func (i fileInfo) ModTime() time.Time { return i.modTime }
func (i fileInfo) IsDir() bool        { return i.node.kind == folderNode }
func (i fileInfo) Sys() any           { return nil }

type dirEntry struct {
	node *node
	tree *treeFS
}

func (e dirEntry) Name() string      { return e.node.name }
func (e dirEntry) IsDir() bool       { return e.Type().IsDir() }
func (e dirEntry) Type() fs.FileMode { return e.node.fileType() }
func (e dirEntry) String() string    { return fs.FormatDirEntry(e) }
func (e dirEntry) Info() (fs.FileInfo, error) {
	found := e.node.follow()
	err := found.refusal
	var size int64
	if err == nil {
		size, err = e.tree.size(found)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: e.node.path(), Err: err}
	}
	return fileInfo{name: e.node.name, node: found, size: size, modTime: e.tree.modTime}, nil
}

type openFile struct {
	*bytes.Reader
	info   fileInfo
	path   string
	closed bool
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Read(p []byte) (int, error) {
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrClosed}
	}
	return f.Reader.Read(p)
}

func (f *openFile) Close() error {
	f.closed = true
	return nil
}

type openFolder struct {
	info    fileInfo
	path    string
	entries []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a directory")}
}

func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		listed := f.entries
		f.entries = nil
		return listed, nil
	}
	if len(f.entries) == 0 {
		return nil, io.EOF
	}
	listed := f.entries[:min(n, len(f.entries))]
	f.entries = f.entries[len(listed):]
	return listed, nil
}
