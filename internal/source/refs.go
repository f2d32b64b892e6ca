package source

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	headRef       = "HEAD"
	branchPrefix  = "refs/heads/"
	tagPrefix     = "refs/tags/"
	trackedPrefix = "refs/remotes/"
)

var commitForm = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

// isCommit says whether a ref is a full commit hash. A branch or tag named like
// one is never looked at.
func isCommit(ref string) bool { return commitForm.MatchString(ref) }

// refs are the refs of a repository: full names, and "HEAD".
type refs struct {
	targets map[string]plumbing.Hash
	// peeled are the commits behind annotated tags, where known.
	peeled map[string]plumbing.Hash
	// partial says that only the names that were asked for are here.
	partial bool
}

// commit is what a ref points at, an annotated tag peeled where that is known.
func (r refs) commit(name string) plumbing.Hash { return cmp.Or(r.peeled[name], r.targets[name]) }

// candidates are the names that a ref may stand for, the first one winning:
// HEAD, a full name under refs/, or a branch, a tag and a remote-tracking branch
// of a local clone (origin/main).
func candidates(ref string) []string {
	switch {
	case ref == "" || ref == headRef:
		return []string{headRef}
	case strings.HasPrefix(ref, "refs/"):
		return []string{ref}
	}
	return []string{branchPrefix + ref, tagPrefix + ref, trackedPrefix + ref}
}

func refsOf(advertised *packp.AdvRefs) refs {
	targets := maps.Clone(advertised.References)
	if advertised.Head != nil {
		targets[headRef] = *advertised.Head
	}
	return refs{targets: targets, peeled: advertised.Peeled}
}

func (r refs) hasTip(commit plumbing.Hash) bool {
	for _, target := range r.targets {
		if target == commit {
			return true
		}
	}
	return false
}

// tips are what branches and tags point at, sorted and unique.
func (r refs) tips() []plumbing.Hash {
	var tips []plumbing.Hash
	for name, target := range r.targets {
		if strings.HasPrefix(name, branchPrefix) || strings.HasPrefix(name, tagPrefix) {
			tips = append(tips, target)
		}
	}
	slices.SortFunc(tips, func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(tips)
}

// find resolves a ref to the full name of the first of its candidates that
// there is. One that is both a branch and a tag of another commit is an error:
// whoever may push a branch must not be able to shadow a tag.
func (r refs) find(ref string) (name string, err error) {
	names := candidates(ref)
	if len(names) > 1 {
		branch, tag := names[0], names[1]
		_, isBranch := r.targets[branch]
		_, isTag := r.targets[tag]
		if isBranch && isTag && r.commit(branch) != r.commit(tag) {
			return "", &failure{
				text: fmt.Sprintf("ref %q is a branch and a tag of different commits", ref),
				hint: fmt.Sprintf("write %q or %q", branch, tag),
			}
		}
	}
	for _, name := range names {
		if _, found := r.targets[name]; found {
			return name, nil
		}
	}
	return "", r.unknown(ref)
}

// errNoRef marks a ref that is not among the refs that are known.
var errNoRef = errors.New("no such ref")

var abbreviated = regexp.MustCompile(`^[0-9a-fA-F]{7,39}$`)

func (r refs) unknown(ref string) error {
	if ref == "" || ref == headRef {
		return &failure{
			text:   "HEAD does not point at a commit",
			hint:   "name a branch with --ref" + r.listing(),
			causes: []error{errNoRef},
		}
	}
	hint := "push it first, or correct --ref" + r.listing()
	if near := r.nearest(ref); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	} else if abbreviated.MatchString(ref) {
		hint = "a commit is written with all its 40 digits"
	}
	return &failure{
		text:   fmt.Sprintf("no branch or tag %q", clean(ref, 200)),
		hint:   hint,
		causes: []error{errNoRef},
	}
}

// Bounds of what is compared and shown: ref names come from the server.
const (
	maxRefsCompared = 10_000
	maxRefName      = 100
	maxRefsShown    = 5
	maxRefsNear     = 3
)

// short lists branches and tags by the names a user would write, sorted.
func (r refs) short() []string {
	var names []string
	for full := range r.targets {
		name, isBranch := strings.CutPrefix(full, branchPrefix)
		if !isBranch {
			var isTag bool
			if name, isTag = strings.CutPrefix(full, tagPrefix); !isTag {
				continue
			}
		}
		if len(name) <= maxRefName {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxRefsCompared)]
}

// listing names some refs for a hint.
func (r refs) listing() string {
	names := r.short()
	if len(names) == 0 {
		return ""
	}
	shown := quoteAll(names[:min(len(names), maxRefsShown)])
	more := ""
	if hidden := len(names) - len(shown); hidden > 0 {
		more = fmt.Sprintf(" and %d more", hidden)
	}
	return "; there are " + strings.Join(shown, ", ") + more
}

// nearest are the names that differ from ref by few edits, nearest first.
func (r refs) nearest(ref string) []string {
	wanted := ref
	// What other commands call the same branch or tag.
	for _, prefix := range []string{"refs/", "remotes/", "heads/", "tags/", "origin/", "upstream/"} {
		wanted = strings.TrimPrefix(wanted, prefix)
	}
	if wanted == "" || len(wanted) > maxRefName {
		return nil
	}
	near := drift.Near(wanted, r.short())
	return quoteAll(near[:min(len(near), maxRefsNear)])
}

func quoteAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return quoted
}
