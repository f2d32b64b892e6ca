package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/killick-dev/killick/internal/drift"
)

// errMalformed says that an answer of 200 is not what was asked for, as an empty
// object from a proxy. It tells nothing: neither that something is there nor that it
// is not (docs/guards.md, invariant 1).
var errMalformed = errors.New("the API server's answer is not what was asked for")

// malformed is errMalformed with what is wrong.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// errPartial says that a list cannot be known to be whole: it names no
// resourceVersion, or its pages are of two moments. What it holds is there; what it
// lacks may be there too.
var errPartial = errors.New("the list may not be whole")

// asked is one object that was asked for by name.
type asked struct {
	of              resource
	namespace, name string
}

// tried decodes the answer of a dry-run: what it would create has no resourceVersion.
func (a asked) tried(body []byte) (map[string]any, error) {
	object, err := decode(body)
	if err != nil {
		return nil, err
	}
	return object, a.is(object)
}

// read decodes the answer and makes sure that it is this object.
func (a asked) read(body []byte) (map[string]any, error) {
	object, err := a.tried(body)
	if err != nil {
		return nil, err
	}
	return object, a.of.identified(object)
}

func (a asked) is(object map[string]any) error {
	if kind, apiVersion := text(object, "kind"), text(object, "apiVersion"); kind != a.of.Kind.Kind || apiVersion != a.of.APIVersion() {
		return malformed("it says apiVersion %q, kind %q, and not %q, %q", apiVersion, kind, a.of.APIVersion(), a.of.Kind.Kind)
	}
	where := place{text(object, "metadata", "namespace"), text(object, "metadata", "name")}
	if want := (place{a.namespace, a.name}); where.name != want.name || a.of.Namespaced && where.namespace != want.namespace {
		return malformed("it is about %s, and not %s", where, want)
	}
	return nil
}

func (p place) String() string { return strings.TrimPrefix(p.namespace+"/"+p.name, "/") }

// stored says that objects of the kind are kept and can be written, and so have a UID
// and a resourceVersion. Measurements and reviews have neither.
func (r resource) stored() bool { return len(r.Verbs) == 0 || can(r.KindInfo, "patch") }

// identified says whether an object carries what every object of its kind has.
func (r resource) identified(object map[string]any) error {
	switch {
	case text(object, "metadata", "name") == "":
		return malformed("an object of it has no name")
	case r.Namespaced != (text(object, "metadata", "namespace") != ""):
		return malformed("namespace %q of %q does not fit the kind", text(object, "metadata", "namespace"), text(object, "metadata", "name"))
	case r.stored() && (uidOf(object) == "" || versionOf(object) == ""):
		return malformed("%q has no UID or no resourceVersion", text(object, "metadata", "name"))
	}
	return nil
}

// listHead is what a list says of itself.
type listHead struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		ResourceVersion    string `json:"resourceVersion"`
		Continue           string `json:"continue"`
		RemainingItemCount *int64 `json:"remainingItemCount"`
	} `json:"metadata"`
}

// jsonList is one page of a list.
type jsonList struct {
	listHead
	Items []json.RawMessage `json:"items"`
}

// readList decodes one page and makes sure that it is a list of this kind. A list
// that Go writes has items, null where there are none; an empty object has not.
func (r resource) readList(body []byte) (jsonList, error) {
	var page jsonList
	if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &page); err != nil {
		return jsonList{}, err
	}
	if page.APIVersion != r.APIVersion() || !r.listedAs(page.Kind) {
		return jsonList{}, malformed("it says apiVersion %q, kind %q, and is no list of %s", page.APIVersion, page.Kind, r.Kind)
	}
	if page.Items == nil {
		if err := hasItems(body); err != nil {
			return jsonList{}, err
		}
	}
	return page, page.whole()
}

// hasItems says whether a list in JSON names its items at all.
func hasItems(body []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return err
	}
	if _, ok := members["items"]; !ok {
		return malformed("it is a list without items")
	}
	return nil
}

// listedAs says whether a list of this kind may call itself so. A CRD may name the kind
// of its lists (spec.names.listKind); built-in lists are always KIND+List.
func (r resource) listedAs(kind string) bool {
	if kind == r.Kind.Kind+"List" {
		return true
	}
	return !drift.BuiltInGroup(r.Group) && kind != "" && kind != r.Kind.Kind && kind != "Status"
}

// whole says whether the page itself tells that a part of it is missing.
func (l listHead) whole() error {
	if left := l.Metadata.RemainingItemCount; left != nil && *left > 0 && l.Metadata.Continue == "" {
		return malformed("it leaves out %d objects and does not say how to go on", *left)
	}
	return nil
}

// item decodes one object of a list and makes sure that it can be one. Objects of
// built-in lists do not repeat their kind.
func (r resource) item(raw []byte, namespace string) (map[string]any, error) {
	object, err := decode(raw)
	if err != nil {
		return nil, err
	}
	kind, apiVersion := text(object, "kind"), text(object, "apiVersion")
	if kind != "" && kind != r.Kind.Kind || apiVersion != "" && apiVersion != r.APIVersion() {
		return nil, malformed("it holds an object of apiVersion %q, kind %q", apiVersion, kind)
	}
	if err := r.identified(object); err != nil {
		return nil, err
	}
	if in := text(object, "metadata", "namespace"); namespace != "" && in != namespace {
		return nil, malformed("it holds an object of namespace %q", in)
	}
	return object, nil
}

// moment follows the pages of one list: all are of the first one's resourceVersion.
type moment struct {
	version string
	pages   int
	partial error
}

// add takes what a page says of itself, after it was asked for with a token.
func (m *moment) add(version, token, next string) error {
	if token != "" && token == next {
		return malformed("its pages do not end")
	}
	switch {
	case version == "":
		m.partial = fmt.Errorf("%w: it has no resourceVersion", errPartial)
	case m.pages > 0 && version != m.version:
		m.partial = fmt.Errorf("%w: its pages are of resourceVersions %s and %s", errPartial, m.version, version)
	}
	m.version = version
	m.pages++
	return nil
}
