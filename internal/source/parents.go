package source

import (
	"bytes"

	"github.com/go-git/go-git/v5/plumbing"
)

// parents are the commits that were read, and what each of them descends from.
type parents map[plumbing.Hash][]plumbing.Hash

// add notes the parents of a commit, unless they cannot be read.
func (p parents) add(commit plumbing.Hash, content []byte) (readable bool) {
	found, readable := parentsOf(content)
	if readable {
		p[commit] = found
	}
	return readable
}

// parentsOf reads the parents out of a commit as git does (parse_commit_buffer in
// git's commit.c): they follow the tree, one a line. What else stands in a commit
// may hold text that looks like them.
func parentsOf(content []byte) (found []plumbing.Hash, readable bool) {
	_, rest, readable := hashLine("tree ", content)
	if !readable {
		return nil, false
	}
	for bytes.HasPrefix(rest, []byte("parent ")) {
		var parent plumbing.Hash
		if parent, rest, readable = hashLine("parent ", rest); !readable {
			return nil, false
		}
		found = append(found, parent)
	}
	return found, true
}

// hashLine cuts a line off that is a keyword and an object's name.
func hashLine(keyword string, content []byte) (hash plumbing.Hash, rest []byte, is bool) {
	line, rest, _ := bytes.Cut(content, []byte("\n"))
	name, is := bytes.CutPrefix(line, []byte(keyword))
	if !is || !isCommit(string(name)) {
		return plumbing.ZeroHash, nil, false
	}
	return plumbing.NewHash(string(name)), rest, true
}
