package gitserver

import "testing"

// Server is a Host that ends the test on an error.
type Server struct {
	*Host
	t testing.TB
}

// Repo is a Repository that ends the test on an error.
type Repo struct {
	*Repository
	t testing.TB
}

// New starts a host with default options for the length of a test.
func New(t testing.TB) *Server {
	t.Helper()
	return NewWith(t, Options{})
}

// NewWith starts a host for the length of a test.
func NewWith(t testing.TB, options Options) *Server {
	t.Helper()
	host, err := Start(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Errorf("closing the git server: %v", err)
		}
	})
	return &Server{Host: host, t: t}
}

// Repo opens the repository of that name, and makes it first if there is none.
func (s *Server) Repo(name string) *Repo {
	s.t.Helper()
	repository, err := s.Create(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Repo{Repository: repository, t: s.t}
}

// Commit adds, replaces and deletes files on MainBranch and returns the new
// commit's full hash. See Deleted, Executable and Symlink for special contents.
func (r *Repo) Commit(message string, files map[string]string) string {
	r.t.Helper()
	return r.CommitAs(Change{Message: message, Files: files})
}

// CommitAs makes a commit of which more is said: branch, parent, author, time.
func (r *Repo) CommitAs(change Change) string {
	r.t.Helper()
	commit, err := r.Write(change)
	if err != nil {
		r.t.Fatal(err)
	}
	return commit
}

// Branch points a branch at a revision.
func (r *Repo) Branch(name, revision string) {
	r.t.Helper()
	if err := r.SetRef("refs/heads/"+name, revision); err != nil {
		r.t.Fatal(err)
	}
}

// Tag points a light tag at a revision.
func (r *Repo) Tag(name, revision string) {
	r.t.Helper()
	if err := r.SetRef("refs/tags/"+name, revision); err != nil {
		r.t.Fatal(err)
	}
}

// AnnotatedTag makes a tag object and returns its hash, which is not the
// commit's.
func (r *Repo) AnnotatedTag(name, revision, message string) string {
	r.t.Helper()
	hash, err := r.Annotate(name, revision, message)
	if err != nil {
		r.t.Fatal(err)
	}
	return hash
}
