package nested

import (
	"slices"
	"strings"
)

// EmptyThroughout says that a value is a container which holds nothing but empty
// containers.
func EmptyThroughout(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			if !EmptyThroughout(item) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !EmptyThroughout(item) })
	}
	return false
}

// IsEmpty says that a container has no members.
func IsEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// accountNames are the two names of a pod's service account. The API server
// writes the deprecated one itself and reads it where the other is missing
// (kubernetes, pkg/apis/core/v1/conversion.go), so that server-side apply cannot
// remove the field: its dry-run answers that nothing would change.
const (
	accountName       = "serviceAccountName"
	secondAccountName = "serviceAccount"
)

// IsAccountName says that a path is that of a pod's service account.
func IsAccountName(path Path) bool { return strings.HasSuffix(path.Pointer(), "/spec/"+accountName) }

// SecondName is where the account's deprecated name stands in an object.
func SecondName(object any, path Path) (Path, bool) {
	second := path[:len(path)-1].Field(secondAccountName)
	_, present := ValueAt(object, second)
	return second, present
}
