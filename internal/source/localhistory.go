package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	// localCommits is how many commits of a repository on disk are read at most,
	// where one costs microseconds.
	localCommits = 10_000
	// localStep is how many are read before anybody looks at them.
	localStep = 1_000
)

// localReader reads a history from a repository on disk.
type localReader struct {
	path    string
	options Options
}

func (r *localReader) close() {}

// more reads nearer commits first. What is missing or cannot be read ends its own
// line of descent alone, and is the error when every line has ended.
func (r *localReader) more(ctx context.Context, open []plumbing.Hash, known parents) error {
	if len(known) >= localCommits {
		return tooOld(localCommits)
	}
	repository, err := openLocal(r.path)
	if err != nil {
		return err
	}
	queued := map[plumbing.Hash]bool{}
	for _, commit := range open {
		queued[commit] = true
	}
	var ended error
	read := 0
	for len(open) > 0 && read < localStep && len(known) < localCommits {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := open[0]
		open = open[1:]
		if err := repository.addCommit(next, r.options.MaxFileBytes, known); err != nil {
			if ended == nil {
				ended = err
			}
			continue
		}
		read++
		for _, parent := range known[next] {
			if _, done := known[parent]; !done && !queued[parent] {
				queued[parent] = true
				open = append(open, parent)
			}
		}
	}
	if read == 0 {
		return ended
	}
	return nil
}

// addCommit reads one commit under the name that its content has: what go-git
// finds in a pack it finds by the index alone.
func (r *localRepository) addCommit(commit plumbing.Hash, limit int64, known parents) error {
	found, err := r.store.EncodedObject(plumbing.CommitObject, commit)
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return cutOff("the clone is shallow, or damaged; git fetch --unshallow brings the rest (in CI, check out with the whole history)")
	case err != nil:
		return fmt.Errorf("reading commit %s: %w", commit, err)
	case found.Size() > limit:
		return unreadable(commit)
	}
	content, err := readObject(found, found.Size())
	if err != nil {
		return fmt.Errorf("reading commit %s: %w", commit, err)
	}
	if plumbing.ComputeHash(plumbing.CommitObject, content) != commit || !known.add(commit, content) {
		return unreadable(commit)
	}
	return nil
}
