package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/killick-dev/killick/internal/drift"
)

// blobs are the contents of a tree's files, fetched when they are needed. A
// request brings a folder rather than a file: a renderer that reads one file
// will read its neighbours.
//
// One request is under way at a time. What readers miss meanwhile goes into the
// next one together, so that apps that render side by side share requests and
// the limit on memory holds. The first request that fails is the last one: a run
// sees one state of a repository, and a server that is down is not asked once
// per file.
type blobs struct {
	remote   remote
	doing    string
	secrets  redactor
	patience time.Duration
	order    []*node // all folders, each behind all it leads to

	turn sync.Mutex // held by whoever makes a request

	mu       sync.Mutex // guards what follows
	held     map[string]*blob
	wanted   map[string]bool // for the next request
	looked   map[*node]bool  // folders that were listed
	requests int
	reads    int // files of held that somebody read
	used     int64
	err      error // of the request that failed
}

// blob is one file's content, or why there is none.
type blob struct {
	content []byte
	size    int64 // negative where it is not known
	state   blobState
	read    bool // by somebody
}

type blobState int

const (
	absentBlob blobState = iota // the server left it out
	largeBlob                   // above the limit, not kept
	readBlob
)

const (
	// A request may bring files that nobody asked for yet, so that a repository
	// that is read folder by folder does not cost a request for each: as many as
	// arrive in about the time of the requests so far, or in proportion to the
	// files that were read. A small repository comes whole, and of a large one
	// little more than is read.
	reachPerRequest = 128
	reachPerRead    = 16
	noLimit         = math.MaxInt
	// maxPatience bounds a request for files where nothing else does.
	maxPatience = 2 * time.Minute
)

// patience is how long a later request may take: as long as the checkout may. An
// fs.FS is read without a context, and the checkout's own often ends as soon as
// there is a checkout.
func patience(ctx context.Context) time.Duration {
	if deadline, limited := ctx.Deadline(); limited {
		return min(time.Until(deadline), maxPatience)
	}
	return maxPatience
}

// begin makes the contents ready for readers. used is what the commit and its
// trees cost in memory.
func (b *blobs) begin(order []*node, used int64) {
	b.order, b.used = order, used
	b.held, b.wanted, b.looked = map[string]*blob{}, map[string]bool{}, map[*node]bool{}
}

// fetchLinks fetches the targets of symbolic links into a store.
func (b *blobs) fetchLinks(ctx context.Context, links []*node, store *objects) error {
	ids := map[string]bool{}
	for _, link := range links {
		ids[link.id] = true
	}
	found, err := b.ask(ctx, ids, store.used)
	if err != nil {
		return err
	}
	return store.add(found)
}

// ask fetches blobs by their hashes into what memory is left.
func (b *blobs) ask(ctx context.Context, ids map[string]bool, used int64) (*objects, error) {
	limit := b.remote.options.MaxBytes
	remote := b.remote
	remote.options.MaxBytes = max(limit-used, 0)
	wants := make([]plumbing.Hash, 0, len(ids))
	for id := range ids {
		wants = append(wants, plumbing.NewHash(id))
	}
	found, err := remote.fetchBlobs(ctx, wants)
	switch {
	case errors.Is(err, errLimit):
		return nil, needTooMuch(limit)
	case errors.Is(err, errNotOurs):
		return nil, &failure{
			text:   "the server no longer serves the files of the commit",
			hint:   "the branch may have been rewritten meanwhile; the next run tries again",
			causes: []error{drift.ErrUnreachable},
		}
	}
	return found, err
}

func (b *blobs) size(file *node) (int64, error) {
	found, err := b.load(file)
	if err != nil {
		return 0, err
	}
	return found.size, nil
}

func (b *blobs) read(file *node) ([]byte, error) {
	found, err := b.load(file)
	if err != nil {
		return nil, err
	}
	return slices.Clone(found.content), nil
}

func (b *blobs) listed(folder *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked[folder] = true
}

// load gives a file's content, fetching it and what is around it if need be.
func (b *blobs) load(file *node) (*blob, error) {
	if found, done, err := b.look(file, true); done {
		return found, err
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	// Whoever had the turn before took what everybody wanted.
	if found, done, err := b.look(file, false); done {
		return found, err
	}
	b.request()
	found, _, err := b.look(file, false)
	return found, err
}

// look says what is known of a file; wish asks for it if nothing is.
func (b *blobs) look(file *node, wish bool) (found *blob, done bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, known := b.held[file.id]
	switch {
	case known && found.state == readBlob:
		if !found.read {
			found.read = true
			b.reads++
		}
		return found, true, nil
	case known && found.state == largeBlob:
		return nil, true, tooLarge(file, found.size, b.remote.options.MaxFileBytes)
	case known:
		return nil, true, problem("the next run tries again", &failure{
			text:   fmt.Sprintf("%s: the server left out the content of %q", b.doing, file.path()),
			causes: []error{drift.ErrUnreachable},
		})
	case b.err != nil:
		return nil, true, b.err
	}
	if wish {
		for id := range b.around(file) {
			b.wanted[id] = true
		}
	}
	return nil, false, nil
}

// around chooses what to fetch with a file: its folder's files, and then the
// largest folder above it that is being walked or has few files to fetch.
func (b *blobs) around(file *node) map[string]bool {
	chosen := map[string]bool{file.id: true}
	for _, child := range file.parent.children {
		if target := child.follow(); target.kind == fileNode {
			b.choose(target, chosen)
		}
	}
	reach := max(reachPerRequest*(b.requests+1), reachPerRead*b.reads)
	for folder := file.parent; folder != nil; folder = folder.parent {
		limit := reach
		if b.looked[folder] {
			limit = noLimit
		}
		below := map[string]bool{}
		if !b.below(folder, limit, below, map[*node]bool{}) {
			break
		}
		for id := range below {
			chosen[id] = true
		}
	}
	return chosen
}

// below chooses all files below a folder, links followed; false means that there
// are more than the limit.
func (b *blobs) below(folder *node, limit int, chosen map[string]bool, seen map[*node]bool) bool {
	if seen[folder] {
		return true
	}
	seen[folder] = true
	for _, child := range folder.children {
		target := child.follow()
		switch target.kind {
		case folderNode:
			if !b.below(target, limit, chosen, seen) {
				return false
			}
		case fileNode:
			if b.choose(target, chosen); len(chosen) > limit {
				return false
			}
		}
	}
	return true
}

func (b *blobs) choose(file *node, chosen map[string]bool) {
	if _, known := b.held[file.id]; !known {
		chosen[file.id] = true
	}
}

// request fetches everything that is wanted by now.
func (b *blobs) request() {
	b.mu.Lock()
	ids, used := b.wanted, b.used
	b.wanted = map[string]bool{}
	b.requests++
	for id := range b.held {
		delete(ids, id)
	}
	b.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), b.patience)
	defer cancel()
	found, err := b.ask(ctx, ids, used)

	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		err = b.keep(ids, found)
	}
	if err != nil {
		b.err = b.final(ctx, err)
	}
}

// keep takes over what a request brought, unless a walk would meet too much then.
func (b *blobs) keep(ids map[string]bool, found *objects) error {
	held := maps.Clone(b.held)
	for id := range ids {
		hash := plumbing.NewHash(id)
		stored, err := found.EncodedObject(plumbing.BlobObject, hash)
		size, oversized := found.oversized[hash]
		switch {
		case err == nil:
			content := stored.(*heldObject).content
			held[id] = &blob{content: content, size: int64(len(content)), state: readBlob}
		case oversized:
			held[id] = &blob{size: size, state: largeBlob}
		case found.dropped:
			held[id] = &blob{size: -1, state: largeBlob}
		default:
			held[id] = &blob{state: absentBlob}
		}
	}
	err := weigh(b.order, b.remote.options, func(file *node) int64 {
		if found, known := held[file.id]; known && found.state == readBlob {
			return found.size
		}
		return 0 // it cannot be read, or was not yet
	})
	if err != nil {
		return err
	}
	b.held, b.used = held, b.used+found.used
	return nil
}

// final is the error of all files that were not fetched. Apart from a limit,
// what they hold could not be learned from the server, whatever the reason.
func (b *blobs) final(ctx context.Context, err error) error {
	err = finish(ctx, b.doing, b.secrets, err)
	var known *drift.Problem
	if errors.Is(err, drift.ErrUnreachable) || errors.Is(err, errLimit) || !errors.As(err, &known) {
		return err
	}
	return problem(known.Hint, &failure{text: known.Err.Error(), causes: []error{drift.ErrUnreachable}})
}
