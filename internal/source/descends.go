package source

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/killick-dev/killick/internal/drift"
)

// Descends says whether the commit that Checkout gives of a repository is the
// ancestor or descends from it, along any parent of a merge (docs/guards.md, P5). The
// ancestor is written with all 40 hex digits.
//
// False without an error is certain: the history was read down to its first
// commits, and the ancestor is not among them. What leaves it open is an error,
// with drift.ErrUnproved among its causes where asking again will not help (the
// ancestor is not within 1,000 commits, or 10,000 of a local repository; the
// history ends before, as that of a shallow clone does; the files are a working
// tree's) and drift.ErrUnreachable where the server could not be asked. Errors
// are else those of Checkout.
//
// No server is believed: a parent is what stands in a commit whose name was
// computed here from its content, and a parent that is not sent is not known. So
// a server can keep a proof back, and cannot make one up.
//
// What was read of a repository's history serves all later calls, whatever
// ancestor they name, and the first failure stands for the repository, except
// that of a caller who gave up. The commit itself and its parents are known
// without a request.
func (s *Source) Descends(ctx context.Context, name, ancestor string) (bool, error) {
	repository, err := s.repository(name)
	if err != nil {
		return false, err
	}
	if !isCommit(ancestor) {
		return false, problem("", fmt.Errorf("proving that repository %q descends from %q: %w", display(repository.URL), clean(ancestor, 80),
			&failure{text: "that is no commit, which has 40 hex digits", causes: []error{drift.ErrUnproved}}))
	}
	checkout, history, err := s.fetched(ctx, repository)
	if err != nil {
		return false, err
	}
	if history == nil {
		return false, problem("leave out --worktree", fmt.Errorf("proving that repository %q descends from %s: %w", display(repository.URL), ancestor,
			&failure{text: "the files of a working tree are those of no commit", causes: []error{drift.ErrUnproved}}))
	}
	found, err := history.descends(ctx, plumbing.NewHash(ancestor))
	return found, finish(ctx, fmt.Sprintf("proving that commit %s of %q descends from %s",
		checkout.Revision.Commit, checkout.Revision.Repository, ancestor), history.secrets, err)
}

// history is what was read of the history of one commit. It is safe for
// concurrent use: one caller reads more of it while the others wait, and they go
// on with what it found.
type history struct {
	commit  plumbing.Hash
	secrets redactor
	reader  historyReader

	turn    chan struct{} // holds one element while somebody uses what follows
	parents parents
	err     error // that ended the reading
}

// historyReader is where a history comes from.
type historyReader interface {
	// more reads on behind the open ends, which are commits that are named as
	// parents and were not read, and adds to what is known. An error ends the
	// reading; what was added before it counts.
	more(ctx context.Context, open []plumbing.Hash, known parents) error
	// close ends the connection, if any; more opens it again.
	close()
}

// newHistory is the history of a checkout's commit, of which nothing was read.
func newHistory(checkout drift.Checkout, secrets redactor, reader historyReader) *history {
	return &history{
		commit:  plumbing.NewHash(checkout.Revision.Commit),
		secrets: secrets,
		reader:  reader,
		turn:    make(chan struct{}, 1),
		parents: parents{},
	}
}

// begin notes the parents of the commit itself, which came with the checkout:
// between two runs there is often one commit.
func (h *history) begin(fetched *objects) {
	found, err := fetched.EncodedObject(plumbing.CommitObject, h.commit)
	if err != nil {
		return
	}
	if held, inMemory := found.(*heldObject); inMemory {
		h.parents.add(h.commit, held.content)
	}
}

func (h *history) descends(ctx context.Context, ancestor plumbing.Hash) (bool, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer h.reader.close()
	for {
		found, open := h.look(ancestor)
		if found || len(open) == 0 {
			return found, nil
		}
		if h.err != nil {
			return false, h.err
		}
		err := h.reader.more(ctx, open, h.parents)
		if err != nil && ctx.Err() != nil {
			return false, err // which says nothing about the repository
		}
		h.err = err
	}
}

// look searches what was read, from the commit downwards. A commit that is only
// named as a parent is found like one that was read.
func (h *history) look(ancestor plumbing.Hash) (found bool, open []plumbing.Hash) {
	seen := map[plumbing.Hash]bool{h.commit: true}
	queue := []plumbing.Hash{h.commit}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if next == ancestor {
			return true, nil
		}
		above, read := h.parents[next]
		if !read {
			open = append(open, next)
		}
		for _, parent := range above {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false, open
}

// tooOld is the error of a history that was read as far as it may be.
func tooOld(bound int) error {
	return &failure{
		text:   fmt.Sprintf("it is not among the %d commits of its history that are read at most", bound),
		causes: []error{drift.ErrUnproved},
	}
}

// cutOff is the error of a history that ends in commits whose parents cannot be
// had.
func cutOff(hint string) error {
	return &failure{
		text:   "it is not in the history that there is, and more of it cannot be read",
		hint:   hint,
		causes: []error{drift.ErrUnproved},
	}
}

// unreadable is the error of a commit that is there and tells no parents.
func unreadable(commit plumbing.Hash) error {
	return &failure{
		text:   fmt.Sprintf("commit %s of its history cannot be read", commit),
		causes: []error{drift.ErrUnproved},
	}
}
