package drift

import (
	"bytes"
	"regexp"
)

// A Git LFS pointer stands in the repository for a file whose content is elsewhere
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). Read as the file itself it
// would go into a ConfigMap, or be a template, without a word.
const (
	// LFSVersion is how every pointer begins.
	LFSVersion = "version https://git-lfs.github.com/spec/v1"
	// LFSBytes bounds a pointer: the specification has it shorter than 1,024 bytes.
	LFSBytes = 1024
	// LFSHint is what to do about one.
	LFSHint = "commit the file itself (`git lfs untrack`, then add it again): Killick fetches nothing from LFS"
	// LFSWords say what one is.
	LFSWords = "the file is a Git LFS pointer: its content is not in the repository"
)

var lfsObject = regexp.MustCompile(`(?m)^oid [a-z0-9]+:[0-9a-f]+\r?$`)

// IsLFSPointer says whether a file's content is a Git LFS pointer.
func IsLFSPointer(content []byte) bool {
	return len(content) < LFSBytes && bytes.HasPrefix(content, []byte(LFSVersion)) && lfsObject.Match(content)
}
