package gitserver

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// MainBranch is the branch that HEAD names and that commits go to by default.
const MainBranch = "main"

// Person is an author or committer.
type Person struct {
	Name  string
	Email string
}

// defaultAuthor made every commit that names nobody.
var defaultAuthor = Person{Name: "Ada Example", Email: "ada@example.com"}

// Change is one commit to make.
type Change struct {
	Message string
	// Files maps paths to contents; what it does not name stays as it was. See
	// Deleted, Executable, Symlink and Submodule for what is not a plain file.
	Files map[string]string
	// Branch to commit to; empty means MainBranch. A new branch starts at From.
	Branch string
	// From is the parent: a commit, branch or tag. Empty means the tip of Branch,
	// or no parent when there is none. A From that is not the tip rewrites history.
	From string
	// Orphan commits without a parent, replacing the branch.
	Orphan bool
	// Author and committer; zero means a fixed person.
	Author Person
	// Time of author and committer; zero means one minute after the commit before,
	// counted from a fixed date, so that equal calls make equal commits.
	Time time.Time
}

// Repository is one bare repository of a host.
type Repository struct {
	host *Host
	name string
	path string
}

// Create opens the repository of that name ("app" or "team/app"), and makes it
// first if there is none.
func (h *Host) Create(name string) (*Repository, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("creating repository %q: the name leaves the server's folder", name)
	}
	r := &Repository{host: h, name: name, path: filepath.Join(h.root, name+".git")}
	if _, err := os.Stat(filepath.Join(r.path, "HEAD")); err == nil {
		return r, nil
	}
	if err := os.MkdirAll(r.path, 0o700); err != nil {
		return nil, fmt.Errorf("creating repository %q: %w", name, err)
	}
	if _, err := r.git(nil, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch="+MainBranch); err != nil {
		return nil, fmt.Errorf("creating repository %q: %w", name, err)
	}
	if h.options.PlainUploadPack {
		return r, nil
	}
	for _, key := range []string{"uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"} {
		if err := r.Configure(key, "true"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Name is the name the repository was created by.
func (r *Repository) Name() string { return r.name }

// Path is the bare repository on disk.
func (r *Repository) Path() string { return r.path }

// URL of the repository over HTTP.
func (r *Repository) URL() string { return r.host.URL() + "/" + r.name + ".git" }

// HTTPSURL of the repository.
func (r *Repository) HTTPSURL() string { return r.host.HTTPSURL() + "/" + r.name + ".git" }

// SSHURL of the repository.
func (r *Repository) SSHURL() string { return r.host.SSHURL() + "/" + r.name + ".git" }

// Write makes one commit, moves its branch to it and returns its full hash.
func (r *Repository) Write(change Change) (string, error) {
	if change.Branch == "" {
		change.Branch = MainBranch
	}
	if change.Author == (Person{}) {
		change.Author = defaultAuthor
	}
	if change.Time.IsZero() {
		change.Time = r.host.now()
	}
	parent, err := r.parent(change)
	if err != nil {
		return "", fmt.Errorf("committing to repository %q: %w", r.name, err)
	}
	stream, err := fastImport(change, parent)
	if err != nil {
		return "", fmt.Errorf("committing to repository %q: %w", r.name, err)
	}
	// One process makes blobs, trees, commit and ref; --force allows rewriting.
	out, err := r.git(stream, nil, "fast-import", "--quiet", "--force", "--date-format=raw")
	if err != nil {
		return "", fmt.Errorf("committing to repository %q: %w", r.name, err)
	}
	return out, nil
}

// parent is the commit that a change builds on, empty for none.
func (r *Repository) parent(change Change) (string, error) {
	if change.Orphan {
		return "", nil
	}
	if change.From != "" {
		return r.Resolve(change.From)
	}
	return r.tip(change.Branch)
}

// tip is the commit a branch points at, empty when there is no such branch.
func (r *Repository) tip(branch string) (string, error) {
	return r.git(nil, nil, "for-each-ref", "--format=%(objectname)", "refs/heads/"+branch)
}

// Resolve gives the full hash of the commit that a revision ("main", "v1",
// "main~2") names.
func (r *Repository) Resolve(revision string) (string, error) {
	commit, err := r.git(nil, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("resolving %q in repository %q: %w", revision, r.name, err)
	}
	return commit, nil
}

// SetRef points a full ref name ("refs/heads/release") at a revision, wherever
// it pointed before.
func (r *Repository) SetRef(ref, revision string) error {
	commit, err := r.Resolve(revision)
	if err != nil {
		return err
	}
	if _, err := r.git(nil, nil, "update-ref", ref, commit); err != nil {
		return fmt.Errorf("moving %q in repository %q: %w", ref, r.name, err)
	}
	return nil
}

// DeleteRef removes a full ref name.
func (r *Repository) DeleteRef(ref string) error {
	if _, err := r.git(nil, nil, "update-ref", "-d", ref); err != nil {
		return fmt.Errorf("deleting %q from repository %q: %w", ref, r.name, err)
	}
	return nil
}

// Annotate makes a tag object with a message and returns the tag object's hash,
// which is not the commit's.
func (r *Repository) Annotate(tag, revision, message string) (string, error) {
	date := fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", r.host.now().Unix())
	env := []string{"GIT_COMMITTER_NAME=" + defaultAuthor.Name, "GIT_COMMITTER_EMAIL=" + defaultAuthor.Email, date}
	if _, err := r.git(nil, env, "tag", "--force", "--annotate", "--message="+message, "--end-of-options", tag, revision); err != nil {
		return "", fmt.Errorf("tagging %q in repository %q: %w", tag, r.name, err)
	}
	return r.git(nil, nil, "rev-parse", "--verify", "refs/tags/"+tag)
}

// Configure sets one key of the repository's configuration, such as
// uploadpack.allowFilter.
func (r *Repository) Configure(key, value string) error {
	if _, err := r.git(nil, nil, "config", key, value); err != nil {
		return fmt.Errorf("configuring repository %q: %w", r.name, err)
	}
	return nil
}

// Object stores one raw object (kind blob, tree or commit) that git's own
// checks would refuse, and returns its hash: the way to a hostile tree.
func (r *Repository) Object(kind string, content []byte) (string, error) {
	hash, err := r.git(content, nil, "hash-object", "-w", "--literally", "--stdin", "-t", kind)
	if err != nil {
		return "", fmt.Errorf("storing a raw %s in repository %q: %w", kind, r.name, err)
	}
	return hash, nil
}

// git runs one command in the repository and returns its output, trimmed.
func (r *Repository) git(stdin []byte, env []string, args ...string) (string, error) {
	command := exec.Command("git", args...)
	command.Dir = r.path
	command.Env = append(append(Env(r.host.home), "GIT_DIR="+r.path), env...)
	command.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
