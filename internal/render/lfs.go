package render

import (
	"encoding/base64"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

func pointerProblem(file string) error {
	return problem(drift.Origin{File: file}, drift.LFSHint, drift.LFSWords)
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
		if len(tree) > 2*drift.LFSBytes {
			return ""
		}
		if drift.IsLFSPointer([]byte(tree)) {
			return at
		}
		if strings.HasPrefix(tree, lfsEncoded) {
			if decoded, err := base64.StdEncoding.DecodeString(tree); err == nil && drift.IsLFSPointer(decoded) {
				return at
			}
		}
	}
	return ""
}

// lfsEncoded is how base64 of a pointer begins: whole groups of three bytes.
var lfsEncoded = base64.StdEncoding.EncodeToString([]byte(drift.LFSVersion)[:len(drift.LFSVersion)/3*3])

// withoutPointers refuses an object into which a pointer was put.
func withoutPointers(objects []drift.Object) error {
	for _, object := range objects {
		if at := holdsPointer(object.Manifest, ""); at != "" {
			return problem(object.Origin, drift.LFSHint, "%s: what stands at %s is a Git LFS pointer, and not the file that it stands for", object.ID.Short(), at)
		}
	}
	return nil
}
