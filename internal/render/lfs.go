package render

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// A Git LFS pointer stands in the repository for a file whose content is elsewhere
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). Read as the file itself it
// would go into a ConfigMap, or be a template, without a word.
const (
	lfsVersion = "version https://git-lfs.github.com/spec/v1"
	lfsHint    = "commit the file itself (`git lfs untrack`, then add it again): Killick fetches nothing from LFS"
	// lfsBytes bounds a pointer: the specification has it shorter than 1,024 bytes.
	lfsBytes = 1024
)

var lfsObject = regexp.MustCompile(`(?m)^oid [a-z0-9]+:[0-9a-f]+\r?$`)

// isPointer says whether content is a Git LFS pointer.
func isPointer(content []byte) bool {
	return len(content) < lfsBytes && bytes.HasPrefix(content, []byte(lfsVersion)) && lfsObject.Match(content)
}

func pointerProblem(file string) error {
	return problem(drift.Origin{File: file}, lfsHint, "the file is a Git LFS pointer: its content is not in the repository")
}

// readsAlways says whether Helm reads a chart's file whatever the templates do. Another
// one, such as a logo, may be a pointer as long as no template reads it.
func readsAlways(relative string) bool {
	inside := insideChart(relative)
	return isParsed(relative) || isArchive(relative) || inside == "values.schema.json" ||
		strings.HasPrefix(inside, "templates/") || strings.HasPrefix(inside, "crds/")
}

// holdsPointer is where an object holds a pointer as it stands in a file, or as base64 of
// it; "" without one.
func holdsPointer(tree any, at string) string {
	switch tree := tree.(type) {
	case map[string]any:
		for key, v := range tree {
			if found := holdsPointer(v, strings.TrimPrefix(at+"."+key, ".")); found != "" {
				return found
			}
		}
	case []any:
		for _, v := range tree {
			if found := holdsPointer(v, at); found != "" {
				return found
			}
		}
	case string:
		if len(tree) > 2*lfsBytes {
			return ""
		}
		if isPointer([]byte(tree)) {
			return at
		}
		if strings.HasPrefix(tree, lfsEncoded) {
			if decoded, err := base64.StdEncoding.DecodeString(tree); err == nil && isPointer(decoded) {
				return at
			}
		}
	}
	return ""
}

// lfsEncoded is how base64 of a pointer begins: whole groups of three bytes.
var lfsEncoded = base64.StdEncoding.EncodeToString([]byte(lfsVersion)[:len(lfsVersion)/3*3])

// withoutPointers refuses an object into which a pointer was put.
func withoutPointers(objects []drift.Object) error {
	for _, object := range objects {
		if at := holdsPointer(object.Manifest, ""); at != "" {
			return problem(object.Origin, lfsHint, "%s: what stands at %s is a Git LFS pointer, and not the file that it stands for", object.ID.Short(), at)
		}
	}
	return nil
}
