package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// Resolve gives the commit that a repository's configured ref is at now, as 40
// hex digits, without fetching any object: equal to the Commit of an earlier
// checkout, it says that a fetch would bring nothing new. Nothing is remembered;
// every call asks. Over HTTP it costs two small requests, however many refs
// there are, where the server speaks version 2 of the protocol; else, and over
// SSH, the list of all refs. A ref that is a commit is its own answer, without
// any request.
//
// What the ref names is not looked at: the ref of a tag of a file has an answer
// too, which no checkout ever has. A working tree has none, since files change
// without a commit. Errors are those of Checkout; an unknown ref is one.
func (s *Source) Resolve(ctx context.Context, name string) (commit string, err error) {
	repository, err := s.repository(name)
	if err != nil {
		return "", err
	}
	where, err := parseLocation(repository.URL)
	if err != nil {
		return "", err
	}
	if repository.Worktree {
		return "", problem("leave out --worktree",
			fmt.Errorf("asking %q for its commit: the files of a working tree are those of no commit", where.display))
	}
	if isCommit(repository.Ref) {
		return plumbing.NewHash(repository.Ref).String(), nil
	}
	if where.local() {
		found, err := resolveLocal(ctx, where.path, repository.Ref)
		return found, finish(ctx, fmt.Sprintf("reading repository %q", where.path), nil, err)
	}
	server, secrets, err := serverOf(where, repository.Auth, s.options)
	if err != nil {
		return "", err
	}
	defer server.close()
	found, err := resolveRemote(ctx, server, repository.Ref)
	return found, finish(ctx, fmt.Sprintf("asking %q for its refs", where.display), secrets, err)
}

func resolveLocal(ctx context.Context, path, ref string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	repository, err := openLocal(path)
	if err != nil {
		return "", err
	}
	found, err := repository.find(ref)
	if err != nil {
		return "", err
	}
	commit, err := repository.objects().commit(found)
	if err != nil {
		return "", err
	}
	return commit.Hash.String(), nil
}

func resolveRemote(ctx context.Context, server server, ref string) (string, error) {
	known, err := server.refs(ctx, candidates(ref))
	if err != nil {
		return "", err
	}
	name, err := known.find(ref)
	if errors.Is(err, errNoRef) && known.partial {
		// The other names are needed to say what was meant.
		if known, err = server.refs(ctx, nil); err != nil {
			return "", err
		}
		if len(known.targets) == 0 {
			return "", emptyRepository()
		}
		name, err = known.find(ref)
	}
	if err != nil {
		return "", err
	}
	return known.commit(name).String(), nil
}
