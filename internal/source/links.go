package source

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	// maxHops is how many links one path may go through, as in Linux (MAXSYMLINKS).
	maxHops = 40
	// maxLinkText bounds a link's target, in bytes.
	maxLinkText = 1024
	// maxLookups bounds the work of resolving all links of a tree.
	maxLookups = 10_000_000
)

// Why a link is refused.
var (
	errAbsolute = errors.New("it is absolute")
	errOutside  = errors.New("it leads outside the repository")
	errDangling = errors.New("it leads to nothing")
	errCyclic   = errors.New("it leads back to itself")
	errLong     = fmt.Errorf("it leads through more than %d links", maxHops)
)

// linker resolves the symbolic links of one tree.
type linker struct {
	root    *node
	links   []*node
	options Options
	lookups int
}

// resolveLinks gives every link its target or its refusal, and refuses links
// that would make a walk endless. The tree itself is the only name space there
// is: nothing outside it can be reached. It returns all folders, each behind all
// that it leads to.
func resolveLinks(root *node, links []*node, options Options) (order []*node, err error) {
	l := &linker{root: root, links: links, options: options}
	for _, link := range links {
		if link.refusal != nil {
			continue
		}
		hops := 0
		target, err := l.walk(link.parent, link.link, &hops)
		if l.lookups > maxLookups {
			return nil, limitExceeded("the repository's symbolic links take more than %d steps to resolve", maxLookups)
		}
		if err != nil {
			link.refusal = linkRefusal(link, err)
			continue
		}
		link.target = target
	}
	return l.unfold()
}

func linkRefusal(link *node, err error) error {
	return &drift.Problem{Stage: "source", File: link.path(), Hint: "correct or remove the link",
		Err: fmt.Errorf("symbolic link %q to %q is refused: %w", link.path(), clean(link.link, 200), err)}
}

// walk resolves a target from a folder as an operating system does: links on
// the way are followed, and ".." is the parent of where they led.
func (l *linker) walk(from *node, target string, hops *int) (*node, error) {
	switch {
	case target == "" || len(target) > maxLinkText || strings.ContainsRune(target, 0):
		return nil, errors.New("its target is empty or too long")
	case path.IsAbs(target) || strings.HasPrefix(target, `\`):
		return nil, errAbsolute
	}
	current := from
	for element := range strings.SplitSeq(target, "/") {
		l.lookups++
		if l.lookups > maxLookups {
			return nil, errLong
		}
		switch {
		case element == "" || element == ".":
			continue
		case current.refusal != nil:
			return nil, current.refusal
		case current.kind != folderNode:
			return nil, errDangling
		case element == "..":
			if current.parent == nil {
				return nil, errOutside
			}
			current = current.parent
			continue
		}
		next := current.child(element)
		if next == nil {
			return nil, errDangling
		}
		if next.kind == linkNode {
			if *hops++; *hops > maxHops {
				return nil, errLong
			}
			var err error
			if next, err = l.walk(next.parent, next.link, hops); err != nil {
				return nil, err
			}
		}
		current = next
	}
	return current, nil
}

// unfold looks at the tree as a walk sees it, with links to folders followed.
// Links that lie on a cycle are refused; then the graph has none, and what a
// walk would meet can be counted without walking: links to folders multiply
// (twenty levels of two links each are a million folders).
func (l *linker) unfold() ([]*node, error) {
	order := l.components()
	if len(l.links) == 0 {
		return order, nil
	}
	heights := make(map[*node]int, len(order))
	for _, folder := range order {
		height := 1
		for _, child := range folder.children {
			target := child.follow()
			if target.kind != folderNode {
				continue
			}
			if child != target && child.depth+heights[target] > l.options.MaxDepth {
				child.refusal = linkRefusal(child, fmt.Errorf("paths through it are deeper than %d levels", l.options.MaxDepth))
				continue
			}
			height = max(height, heights[target]+1)
		}
		heights[folder] = height
	}
	return order, weigh(order, l.options, func(file *node) int64 { return file.size })
}

// weigh checks the limits of what a walk meets, symbolic links followed, in
// folders that each come behind all they lead to, the root last.
func weigh(order []*node, options Options, size func(file *node) int64) error {
	spans := make(map[*node]span, len(order))
	var total span
	for _, folder := range order {
		total = span{}
		for _, child := range folder.children {
			target := child.follow()
			var inner span
			switch target.kind {
			case folderNode:
				inner = spans[target]
			case fileNode:
				inner.bytes = size(target)
			}
			inner.entries++
			total.add(inner)
		}
		spans[folder] = total
	}
	switch {
	case total.entries > options.MaxFiles:
		return limitExceeded("symbolic links make more than %d files and folders of the repository", options.MaxFiles)
	case total.bytes > options.MaxBytes:
		return limitExceeded("the repository's files, symbolic links followed, have more than %s", mebibytes(options.MaxBytes))
	}
	return nil
}

// span is what a walk below a folder meets; sums stop growing far above every
// limit instead of overflowing.
type span struct {
	entries int
	bytes   int64
}

const (
	manyEntries = 1 << 40
	manyBytes   = 1 << 60
)

func (s *span) add(inner span) {
	s.entries = min(s.entries+inner.entries, manyEntries)
	s.bytes = min(s.bytes+inner.bytes, manyBytes)
}

// components finds the cycles of the unfolded tree by Tarjan's algorithm,
// refuses every link on one, and returns the folders so that each comes after
// all it leads to.
func (l *linker) components() []*node {
	t := tarjan{index: map[*node]int{}, low: map[*node]int{}, component: map[*node]int{}}
	t.visit(l.root)
	for _, link := range l.links {
		if link.refusal != nil || link.target.kind != folderNode {
			continue
		}
		if t.component[link.parent] == t.component[link.target] {
			link.refusal = linkRefusal(link, errCyclic)
		}
	}
	return t.order
}

// tarjan is the state of one search. Its recursion is bounded by the number of
// folders, and so by Options.MaxFiles.
type tarjan struct {
	index     map[*node]int
	low       map[*node]int
	component map[*node]int // from 1, in order of completion
	stack     []*node
	order     []*node
}

func (t *tarjan) visit(folder *node) {
	t.index[folder] = len(t.index)
	t.low[folder] = t.index[folder]
	t.stack = append(t.stack, folder)
	for _, child := range folder.children {
		target := child.follow()
		if target.kind != folderNode {
			continue
		}
		if _, seen := t.index[target]; !seen {
			t.visit(target)
			t.low[folder] = min(t.low[folder], t.low[target])
		} else if t.component[target] == 0 {
			t.low[folder] = min(t.low[folder], t.index[target])
		}
	}
	if t.low[folder] != t.index[folder] {
		return
	}
	t.finish(folder)
}

// finish takes one component off the stack. Within it, once its links are
// refused, only real parents and children are left; deeper ones come first.
func (t *tarjan) finish(first *node) {
	number := len(t.order) + 1
	start := len(t.stack) - 1
	for t.stack[start] != first {
		start--
	}
	members := t.stack[start:]
	deepestFirst(members)
	for _, member := range members {
		t.component[member] = number
	}
	t.order = append(t.order, members...)
	t.stack = t.stack[:start]
}

func deepestFirst(folders []*node) {
	slices.SortStableFunc(folders, func(a, b *node) int { return cmp.Compare(b.depth, a.depth) })
}
