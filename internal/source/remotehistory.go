package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/killick-dev/killick/internal/drift"
)

// remoteCommits is when no more is asked of a server (docs/guards.md, P5): so many
// generations, or so many commits. A step of a history with many merges may bring
// more, which count like the others.
const remoteCommits = 1_000

// historyDepths are the steps in generations of commits, the first one as with a
// pinned commit.
var historyDepths = []int{historyStep, 256, remoteCommits}

// remoteReader reads a history from a server. Each step sends the ones before
// again: a client that says what it has must negotiate, which this package does
// not (see its comment), and commits are small.
type remoteReader struct {
	remote remote
	ref    string
	commit plumbing.Hash

	refs    refs // once connected
	wants   []plumbing.Hash
	filters []packp.Filter // to try, the one that leaves out most first
	depths  []int          // the steps that are left; 0 is everything
	sent    int            // commits with the last step
	// exhausted is why there is no more than was read, once that is known.
	exhausted error
}

func (r *remoteReader) close() { r.remote.server.close() }

func (r *remoteReader) more(ctx context.Context, _ []plumbing.Hash, known parents) error {
	if r.wants == nil {
		if err := r.connect(ctx); err != nil {
			return err
		}
	}
	switch {
	case r.exhausted != nil:
		return r.exhausted
	case len(r.depths) == 0 || len(known) >= remoteCommits:
		return tooOld(remoteCommits)
	}
	found, err := r.fetch(ctx, r.depths[0])
	if errors.Is(err, errLimit) {
		return &failure{
			text:   "what the server sends of its history is above the limit of " + mebibytes(r.remote.options.MaxBytes),
			hint:   "set uploadpack.allowFilter on the server, so that it sends commits without their files",
			causes: []error{errLimit, drift.ErrUnproved},
		}
	}
	if err != nil {
		return err
	}
	return r.take(found, known)
}

// connect asks for the refs, which may have moved since the checkout, and for
// what the server can do.
func (r *remoteReader) connect(ctx context.Context) error {
	advertised, err := r.remote.server.advertise(ctx)
	if err != nil {
		return err
	}
	if advertised.IsEmpty() {
		return emptyRepository()
	}
	offered := advertised.Capabilities
	r.remote.offered, r.refs = offered, refsOf(advertised)
	r.filters = []packp.Filter{""}
	if offered.Supports(capability.Filter) {
		r.filters = []packp.Filter{packp.FilterTreeDepth(0), packp.FilterBlobNone(), ""}
	}
	r.depths = historyDepths
	if !offered.Supports(capability.Shallow) {
		r.depths = []int{0}
	}
	if r.refs.hasTip(r.commit) || offered.Supports(capability.AllowReachableSHA1InWant) || offered.Supports(capability.AllowTipSHA1InWant) {
		r.wants = []plumbing.Hash{r.commit}
		return nil
	}
	return r.wantRef()
}

// wantRef asks for what leads to the commit where the server does not serve it by
// its hash: the ref that it was read from, or all branches and tags.
func (r *remoteReader) wantRef() error {
	if isCommit(r.ref) {
		r.wants = r.refs.tips()
		return nil
	}
	name, err := r.refs.find(r.ref)
	if err != nil {
		return err
	}
	r.wants = []plumbing.Hash{r.refs.targets[name]}
	return nil
}

// fetch asks for commits alone, and for less where the server refuses that.
func (r *remoteReader) fetch(ctx context.Context, depth int) (*objects, error) {
	byHash := len(r.wants) == 1 && r.wants[0] == r.commit
	for {
		r.remote.filter = r.filters[0]
		found, err := r.remote.fetch(ctx, r.wants, depth)
		switch {
		case errors.Is(err, errFilter) && len(r.filters) > 1:
			r.filters = r.filters[1:]
		case errors.Is(err, errNotOurs) && byHash:
			byHash = false
			if err := r.wantRef(); err != nil {
				return nil, err
			}
		default:
			return found, err
		}
	}
}

// take adds what one step brought. A step that brings as many commits as the one
// before, though it asked for more, brought all there are.
func (r *remoteReader) take(found *objects, known parents) error {
	iterator, err := found.IterEncodedObjects(plumbing.CommitObject)
	if err != nil {
		return err
	}
	sent, broken := 0, plumbing.ZeroHash
	err = iterator.ForEach(func(commit plumbing.EncodedObject) error {
		sent++
		if !known.add(commit.Hash(), commit.(*heldObject).content) {
			broken = commit.Hash()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.depths[0] == 0 || sent == r.sent {
		r.exhausted = r.end(found.has(r.commit), broken)
	}
	r.sent, r.depths = sent, r.depths[1:]
	return nil
}

// end says why the history ends where it does.
func (r *remoteReader) end(met bool, broken plumbing.Hash) error {
	switch {
	case !broken.IsZero():
		return unreadable(broken)
	case !met:
		return &failure{
			text:   fmt.Sprintf("the server no longer has the commit in the history of %q", clean(cmp.Or(r.ref, headRef), 200)),
			hint:   "the branch was rewritten meanwhile; the next run sees it as it is then",
			causes: []error{drift.ErrUnproved},
		}
	}
	return cutOff("the server has a shallow copy of the repository; fetch the whole history there")
}
