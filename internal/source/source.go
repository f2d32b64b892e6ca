// Package source turns a Git repository at a ref into a drift.Checkout: the
// tree of one commit as a read-only fs.FS, and the facts about that commit.
//
// Repositories are reached over HTTPS or SSH, or read directly from a local
// path. Nothing is ever written to disk and there is no worktree: a fetch asks
// for one commit without its history, keeps the objects in memory under the
// limits of Options, and serves blobs from the commit's tree (docs/guards.md, isolation
// of input). The Git binary is not used.
//
// Where a server can filter and serves objects by their hashes, as GitHub and
// GitLab do, a fetch brings the commit and its folders only. Files follow when
// they are first read, folder by folder in few requests (blobs). That is one
// request more for a small repository, and a tenth of the bytes for one folder of a
// large one; how many files there are is not known before, so it is always done.
// What is read is the same, but a read may then fail because of the server, with
// drift.ErrUnreachable among its causes.
//
// History is read where somebody asks whether a commit descends from another
// (Descends), and then commits alone, in few steps and no more of them than that
// takes.
//
// A repository's content is untrusted. What cannot be served is neither hidden
// nor empty: a symbolic link that leads outside, a submodule, a file above the
// size limit or a folder with an unsafe name stays visible in its folder, and
// opening it is an error that says why. So one bad entry stops the app that
// uses it and no other. Entries of unknown nature (links that lead nowhere,
// submodules) are listed as folders, so that a recursive walk always meets
// their error; none of these errors matches fs.ErrNotExist.
//
// Of go-git this package uses the wire formats, the pack format, the object
// model and the storage of local repositories, but not its transports. Those
// dial SSH without a context, read the user's ssh_config, put response bodies
// into error texts, and take out multi_ack through a global variable
// (transport.UnsupportedCapabilities), without which Azure DevOps refuses to
// serve. Here the capabilities of each server are negotiated for that server
// alone: multi_ack is asked for exactly where it is offered, which is safe
// because a fetch never sends a "have" and so is never answered with more than
// one NAK.
package source

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/killick-dev/killick/internal/drift"
)

// Repository says where a repository is and how to read it. It is comparable:
// two names with equal values share one fetch.
type Repository struct {
	// URL is https://…, ssh://…, git@host:path, or the path of a local
	// repository. http:// is accepted for loopback hosts only. A URL never
	// carries credentials.
	URL string
	// Ref is a branch, a tag, a full name under refs/, or all 40 hex digits of
	// a commit. Empty means HEAD: the remote's default branch, or what is
	// checked out locally.
	Ref string
	// Worktree reads the files of a local working tree as they are on disk, not
	// as committed.
	Worktree bool
	Auth     Auth
}

// Auth says where the credentials of a repository are; their values never
// stand in a configuration. Files are read when the repository is fetched, and
// white space at both ends is removed.
type Auth struct {
	// TokenFile or TokenEnv hold an access token for HTTPS. It is sent as the
	// password of basic authentication, as GitHub, GitLab, Gitea, Bitbucket and
	// Azure DevOps expect, with the user of UsernameFile or else "git"; if the
	// server refuses that, it is sent once more as a bearer token.
	TokenFile string
	TokenEnv  string
	// UsernameFile and PasswordFile are basic authentication for HTTPS.
	UsernameFile string
	PasswordFile string
	// SSHKeyFile is a private key without a passphrase.
	SSHKeyFile string
	// KnownHostsFile is in OpenSSH's format and required for SSH: a host key
	// that is not in it is refused.
	KnownHostsFile string
	// CAFile holds PEM certificates that are trusted for HTTPS besides those of
	// the system.
	CAFile string
}

// Options bound what a repository may cost. A zero field means its default.
type Options struct {
	// MaxBytes bounds what one fetch may send, what is kept of all fetches of a
	// checkout in memory once unpacked, and what all files of a tree may add up
	// to when symbolic links are followed. Default 256 MiB. For local paths only
	// the last holds, since their files stay on disk. Files that are never
	// fetched do not count.
	MaxBytes int64
	// MaxFileBytes bounds one file, and any other single object. A larger file
	// is not kept and cannot be opened. Default 16 MiB.
	MaxFileBytes int64
	// MaxFiles bounds the files and folders of a tree, symbolic links followed.
	// Default 100,000.
	MaxFiles int
	// MaxDepth bounds the elements of a path. Default 64.
	MaxDepth int
}

// Defaults of Options. A repository of plain manifests stays three orders of
// magnitude below; a monorepo of 30,000 files fits.
const (
	DefaultMaxBytes     = 256 << 20
	DefaultMaxFileBytes = 16 << 20
	DefaultMaxFiles     = 100_000
	DefaultMaxDepth     = 64
)

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = DefaultMaxFiles
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	return o
}

// Source gives checkouts of the repositories of one configuration. It is safe
// for concurrent use, and meant to live for one run: each repository is fetched
// at most once, whether that succeeds or fails.
type Source struct {
	repositories map[string]Repository
	options      Options

	mu      sync.Mutex
	fetches map[Repository]*fetch
}

// fetch is one repository being read, or the outcome; done is closed when the
// rest is set.
type fetch struct {
	done     chan struct{}
	checkout drift.Checkout
	history  *history // nil for the files of a working tree
	err      error
}

// New returns a Source for named repositories; "" names the configuration's
// own. Nothing is read before the first Checkout.
func New(repositories map[string]Repository, options Options) *Source {
	copied := make(map[string]Repository, len(repositories))
	for name, repository := range repositories {
		copied[name] = repository
	}
	return &Source{
		repositories: copied,
		options:      options.withDefaults(),
		fetches:      map[Repository]*fetch{},
	}
}

// Checkout gives the commit of a repository by its name in the configuration.
// Calls for the same repository share one fetch and its outcome. Errors are
// *drift.Problem of stage "source"; drift.ErrUnreachable is among the causes
// when the server could not be reached or did not answer before the context
// ended. No error text contains a credential.
//
// Files that a server sends later, while the checkout is read, get the time that
// the context left for the checkout, two minutes at most, for each request; the
// end of the context itself does not stop them, since a checkout outlives it.
func (s *Source) Checkout(ctx context.Context, name string) (drift.Checkout, error) {
	repository, err := s.repository(name)
	if err != nil {
		return drift.Checkout{}, err
	}
	checkout, _, err := s.fetched(ctx, repository)
	return checkout, err
}

// fetched gives what a repository's fetch brought, after doing it or waiting for
// it.
func (s *Source) fetched(ctx context.Context, repository Repository) (drift.Checkout, *history, error) {
	for {
		started, mine := s.begin(repository)
		if mine {
			started.checkout, started.history, started.err = s.read(ctx, repository)
			s.end(ctx, repository, started)
			return started.checkout, started.history, started.err
		}
		select {
		case <-started.done:
		case <-ctx.Done():
			return drift.Checkout{}, nil, problem("", fmt.Errorf("waiting for the fetch of %q: %w",
				display(repository.URL), context.Cause(ctx)))
		}
		if !abandoned(started.err) || ctx.Err() != nil {
			return started.checkout, started.history, started.err
		}
		// The caller who was fetching gave up, which says nothing about the
		// repository: this caller tries for itself.
	}
}

// repository is the one of a name in the configuration.
func (s *Source) repository(name string) (Repository, error) {
	repository, known := s.repositories[name]
	if !known {
		return Repository{}, problem("name it under repositories in the configuration",
			fmt.Errorf("repository %q is not configured", name))
	}
	return repository, nil
}

// begin returns the fetch of a repository and whether the caller has to do it.
func (s *Source) begin(repository Repository) (started *fetch, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if started, found := s.fetches[repository]; found {
		return started, false
	}
	started = &fetch{done: make(chan struct{})}
	s.fetches[repository] = started
	return started, true
}

// end publishes a fetch. One that ended because its caller's context ended is
// forgotten, so that it does not stand for the repository.
func (s *Source) end(ctx context.Context, repository Repository, finished *fetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil && abandoned(finished.err) {
		delete(s.fetches, repository)
	}
	close(finished.done)
}

func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Source) read(ctx context.Context, repository Repository) (drift.Checkout, *history, error) {
	where, err := parseLocation(repository.URL)
	if err != nil {
		return drift.Checkout{}, nil, err
	}
	switch {
	case where.local() && repository.Worktree:
		checkout, err := readWorktree(ctx, where.path, s.options)
		return checkout, nil, err
	case where.local():
		return readLocal(ctx, where.path, repository.Ref, s.options)
	case repository.Worktree:
		return drift.Checkout{}, nil, problem("give the path of a local clone, or leave out --worktree",
			fmt.Errorf("reading %q as a working tree: it is not a local path", where.display))
	}
	return fetchRemote(ctx, where, repository, s.options)
}
