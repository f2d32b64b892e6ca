package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/killick-dev/killick/internal/drift"
)

// agent names the client to Git servers (gitprotocol-capabilities, "agent").
const agent = "killick"

// server is git-upload-pack behind HTTP or SSH. Packs come by version 0 of the
// protocol, the only one go-git v5 reads.
type server interface {
	// advertise connects and returns the refs and capabilities.
	advertise(ctx context.Context) (*packp.AdvRefs, error)
	// uploadPack sends one request and returns the answer as it comes. advertise
	// was called before, once for all requests.
	uploadPack(ctx context.Context, request []byte) (io.ReadCloser, error)
	// refs asks where refs are now, and for nothing else. Other names than the
	// wanted ones may be left out; nothing wanted means all branches and tags.
	refs(ctx context.Context, wanted []string) (refs, error)
	// close ends the connection, if any.
	close()
	// again is a conversation of its own with the same server, beside this one.
	again() server
}

// remote fetches from one server under limits.
type remote struct {
	server  server
	options Options
	// offered is what the server can do.
	offered *capability.List
	// filter leaves files out of a fetch of commits. They are fetched later, by
	// their hashes, so the server must serve objects that no ref points at.
	filter packp.Filter
	// commitsOnly keeps the commits of what is sent and nothing else.
	commitsOnly bool
}

// fetchRemote reads the commit at a ref of a server.
func fetchRemote(ctx context.Context, where location, repository Repository, options Options) (drift.Checkout, *history, error) {
	s, secrets, err := serverOf(where, repository.Auth, options)
	if err != nil {
		return drift.Checkout{}, nil, err
	}
	late := &blobs{
		doing:    fmt.Sprintf("fetching files of %q", where.display),
		secrets:  secrets,
		patience: patience(ctx),
	}
	checkout, found, err := (&remote{server: s, options: options}).checkout(ctx, repository.Ref, late)
	if err != nil {
		s.close()
		return drift.Checkout{}, nil, finish(ctx, fmt.Sprintf("fetching %q", where.display), secrets, err)
	}
	checkout.Revision.Repository = where.display
	history := newHistory(checkout, secrets, &remoteReader{
		remote: remote{server: s.again(), options: options, commitsOnly: true},
		ref:    repository.Ref,
		commit: plumbing.NewHash(checkout.Revision.Commit),
	})
	history.begin(found)
	return checkout, history, nil
}

// serverOf is the server of a location, and what no text about it may contain.
func serverOf(where location, auth Auth, options Options) (server, redactor, error) {
	loaded, err := loadCredentials(where, auth)
	if err != nil {
		return nil, nil, err
	}
	if where.scheme == "ssh" {
		return &sshServer{where: where, credentials: loaded, limit: options.MaxBytes}, loaded.secrets(), nil
	}
	s, err := newHTTPServer(where, loaded, options.MaxBytes)
	if err != nil {
		return nil, nil, err
	}
	return s, loaded.secrets(), nil
}

// checkout fetches what a ref names, without its files where they can be fetched
// late, and with them else.
func (r *remote) checkout(ctx context.Context, ref string, late *blobs) (drift.Checkout, *objects, error) {
	advertised, err := r.server.advertise(ctx)
	if err != nil {
		return drift.Checkout{}, nil, err
	}
	if advertised.IsEmpty() {
		return drift.Checkout{}, nil, emptyRepository()
	}
	r.offered = advertised.Capabilities
	if r.offered.Supports(capability.Filter) && r.offered.Supports(capability.AllowReachableSHA1InWant) {
		r.filter = packp.FilterBlobNone()
	}
	objects, want, err := r.fetchRef(ctx, refsOf(advertised), ref)
	if err != nil {
		return drift.Checkout{}, nil, err
	}
	if r.filter == "" {
		r.server.close()
		late = nil
	} else {
		late.remote = *r
	}
	checkout, err := checkoutOf(ctx, objects, want, ref, r.options, late)
	return checkout, objects, err
}

// fetchRef fetches what a ref names: a commit, or a tag of one.
func (r *remote) fetchRef(ctx context.Context, refs refs, ref string) (*objects, plumbing.Hash, error) {
	if isCommit(ref) {
		want := plumbing.NewHash(ref)
		found, err := r.fetchCommit(ctx, refs, want)
		return found, want, err
	}
	name, err := refs.find(ref)
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	want := refs.targets[name]
	found, err := r.fetch(ctx, []plumbing.Hash{want}, 1)
	return found, want, err
}

// historyStep is how many commits of each branch are fetched first where a
// server does not serve a commit by its hash: a pinned commit is rarely older.
const historyStep = 64

// fetchCommit fetches one commit by its hash: directly where it is a ref's tip
// or the server allows it, else out of the history of all branches and tags.
func (r *remote) fetchCommit(ctx context.Context, refs refs, want plumbing.Hash) (*objects, error) {
	allowed := refs.hasTip(want) ||
		r.offered.Supports(capability.AllowReachableSHA1InWant) ||
		r.offered.Supports(capability.AllowTipSHA1InWant)
	if allowed {
		found, err := r.fetch(ctx, []plumbing.Hash{want}, 1)
		if !errors.Is(err, errNotOurs) {
			return found, err
		}
		r.filter = "" // a file would be refused like the commit
	}
	for _, depth := range []int{historyStep, 0} {
		found, err := r.fetch(ctx, refs.tips(), depth)
		if errors.Is(err, errLimit) {
			return nil, &failure{
				text:   fmt.Sprintf("commit %s cannot be fetched by its hash, and the history of all branches is above the limit of %s", want, mebibytes(r.options.MaxBytes)),
				hint:   "use a branch or tag, or set uploadpack.allowReachableSHA1InWant on the server",
				causes: []error{errLimit},
			}
		}
		if err != nil {
			return nil, err
		}
		if found.has(want) {
			return found, nil
		}
	}
	return nil, &failure{
		text: fmt.Sprintf("commit %s is on no branch or tag of the repository", want),
		hint: "check the commit, and that it was pushed",
	}
}

// fetch asks for commits and their history to a depth; 0 means all of it.
func (r *remote) fetch(ctx context.Context, wants []plumbing.Hash, depth int) (*objects, error) {
	request, err := uploadPackRequest(r.offered, wants)
	if err != nil {
		return nil, err
	}
	if depth > 0 && r.offered.Supports(capability.Shallow) {
		if err := request.Capabilities.Set(capability.Shallow); err != nil {
			return nil, err
		}
		request.Depth = packp.DepthCommits(depth)
	}
	if r.filter != "" {
		if err := request.Capabilities.Set(capability.Filter); err != nil {
			return nil, err
		}
		request.Filter = r.filter
	}
	return r.send(ctx, request)
}

// fetchBlobs asks for files by their hashes.
func (r *remote) fetchBlobs(ctx context.Context, wants []plumbing.Hash) (*objects, error) {
	request, err := uploadPackRequest(r.offered, wants)
	if err != nil {
		return nil, err
	}
	return r.send(ctx, request)
}

func (r *remote) send(ctx context.Context, request *packp.UploadPackRequest) (*objects, error) {
	if err := request.Validate(); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := encodeRequest(&body, request); err != nil {
		return nil, err
	}
	answer, err := r.server.uploadPack(ctx, body.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }() // what matters was checked by the pack's own checksum
	limited := &limitedReader{reader: answer, left: r.options.MaxBytes}
	response := packp.NewUploadPackResponse(request)
	if err := response.Decode(io.NopCloser(limited)); err != nil {
		return nil, serverError(limited, err)
	}
	var pack io.Reader = response
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, response)
	case request.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, response)
	}
	read := unpack
	if r.commitsOnly {
		read = unpackCommits
	}
	found, err := read(ctx, pack, r.options)
	if err != nil {
		return nil, serverError(limited, err)
	}
	// The answer is read to its end, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, limited, 4<<10)
	return found, nil
}

// uploadPackRequest negotiates: everything a server offers that this package
// understands. Thin packs need objects we do not have; multi_ack is asked for
// where it is offered, because Azure DevOps serves nothing without it.
func uploadPackRequest(offered *capability.List, wants []plumbing.Hash) (*packp.UploadPackRequest, error) {
	offered.Delete(capability.ThinPack)
	request := packp.NewUploadPackRequestFromCapabilities(offered)
	request.Wants = wants
	if offered.Supports(capability.Agent) {
		if err := request.Capabilities.Set(capability.Agent, agent); err != nil {
			return nil, err
		}
	}
	if offered.Supports(capability.NoProgress) {
		if err := request.Capabilities.Set(capability.NoProgress); err != nil {
			return nil, err
		}
	}
	return request, nil
}

// encodeRequest writes the whole conversation of a client that has nothing:
// wants, and "done" without a single "have" (gitprotocol-pack).
func encodeRequest(w io.Writer, request *packp.UploadPackRequest) error {
	if err := request.UploadRequest.Encode(w); err != nil {
		return err
	}
	return pktline.NewEncoder(w).EncodeString("done\n")
}

// serverError names what a broken answer means. Why it could not be read to its
// end wins over what a parser makes of the part that came.
func serverError(answer *limitedReader, err error) error {
	if answer != nil && answer.broken != nil {
		err = answer.broken
	}
	var line *pktline.ErrorLine
	switch {
	case answer != nil && answer.exceeded:
		return limitExceeded("the server sends more than %s", mebibytes(answer.limit()))
	case errors.As(err, &line) && (strings.Contains(line.Text, "not our ref") || strings.Contains(line.Text, "unadvertised object")):
		return errNotOurs
	case errors.As(err, &line) && strings.HasPrefix(line.Text, "filter "):
		return &failure{text: fmt.Sprintf("the server says %q", clean(line.Text, 200)), causes: []error{errFilter}}
	case errors.As(err, &line):
		return &failure{text: fmt.Sprintf("the server says %q", clean(line.Text, 200))}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &failure{
			text:   "the connection broke off",
			hint:   "the next run tries again",
			causes: []error{drift.ErrUnreachable},
		}
	}
	return err
}

// decodeRefs reads an advertisement of bounded size.
func decodeRefs(reader io.Reader, limit int64) (*packp.AdvRefs, error) {
	limited := &limitedReader{reader: reader, left: limit}
	advertised := packp.NewAdvRefs()
	err := advertised.Decode(limited)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return nil, emptyRepository()
	case errors.Is(err, packp.ErrEmptyInput):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, serverError(limited, advertisementError(err))
	}
	if formats := advertised.Capabilities.Get(capability.ObjectFormat); len(formats) > 0 && formats[0] != "sha1" {
		return nil, sha256Repository()
	}
	return advertised, nil
}

// advertisementError keeps the transport's errors and replaces the parser's,
// which repeat what the server sent.
func advertisementError(err error) error {
	var unexpected *packp.ErrUnexpectedData
	if errors.Is(err, pktline.ErrInvalidPktLen) {
		return notGit()
	}
	if !errors.As(err, &unexpected) {
		return err
	}
	if bytes.Contains(unexpected.Data, []byte("object-format=sha256")) {
		return sha256Repository()
	}
	if strings.HasSuffix(unexpected.Msg, "EOF") {
		return io.ErrUnexpectedEOF
	}
	return notGit()
}

func emptyRepository() error {
	return &failure{text: "the repository is empty", hint: "push a first commit"}
}

func sha256Repository() error {
	return &failure{
		text: "the repository uses SHA-256 object names, which are not supported",
		hint: "use a repository with SHA-1 object names, Git's default",
	}
}

func notGit() *failure {
	return &failure{
		text: "the answer is not that of a Git repository",
		hint: "check the URL: it is the one that git clone takes",
	}
}

// limitedReader fails, rather than ends, once more than left bytes were read:
// a cut stream must not look like a complete one.
type limitedReader struct {
	reader   io.Reader
	left     int64
	read     int64
	exceeded bool
	broken   error // of reader, other than its end
}

func (l *limitedReader) limit() int64 { return l.left + l.read }

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.exceeded {
		return 0, errLimit
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.reader.Read(p)
	if int64(n) > l.left {
		l.exceeded = true
		return int(l.left), errLimit
	}
	l.left -= int64(n)
	l.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.broken = err
	}
	return n, err
}
