package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// memberSelector finds every object of every ApplySet (KEP-3659).
const memberSelector = partOfLabel

// pageLimit is the page size of LISTs. With resourceVersion unset the answer is
// consistent at every server version; since 1.34 it comes from the watch cache.
const pageLimit = 500

// restarts bounds how often a list that expired between two pages starts again.
const restarts = 3

// place is where an object of one kind stands.
type place struct{ namespace, name string }

// listing is what LIST said about one kind. An error is never an empty list.
type listing struct {
	resource resource
	objects  map[place]map[string]any
	same     map[place]bool   // nobody has written these since their memo rows were made
	err      error            // the whole kind could not be listed
	narrowed error            // why it was listed in some namespaces only
	denied   map[string]error // namespaces that could not be listed
}

// find is the listed object, nil when the list does not hold it or, with same,
// when its memo row says all of it. The error says that the list cannot tell.
func (l listing) find(where place) (live map[string]any, same bool, err error) {
	if l.err != nil {
		return nil, false, l.err
	}
	if err := l.denied[where.namespace]; err != nil {
		return nil, false, err
	}
	return l.objects[where], l.same[where], nil
}

// list reads one kind: in one LIST, or, where the identity may not list the
// whole cluster, in one per namespace. What the memo says of an object by its identity
// alone spares reading or decoding it; it may be nil.
func (s *session) list(ctx context.Context, of resource, selector string, namespaces []string, memo *memoRows) listing {
	answer := listing{resource: of, objects: map[place]map[string]any{}, same: map[place]bool{}, denied: map[string]error{}}
	found, err := s.collect(ctx, of, "", selector, memo)
	if !forbidden(err) || !of.Namespaced || len(namespaces) == 0 {
		answer.err = err
		answer.add(found)
		return answer
	}
	answer.narrowed = err
	for _, namespace := range namespaces {
		found, err := s.collect(ctx, of, namespace, selector, memo)
		if err != nil {
			answer.denied[namespace] = err
			continue
		}
		answer.add(found)
	}
	return answer
}

func (l listing) add(found collection) {
	for _, item := range found.items {
		// Items of built-in lists do not repeat their kind.
		item["apiVersion"], item["kind"] = l.resource.APIVersion(), l.resource.Kind.Kind
		l.objects[place{text(item, "metadata", "namespace"), text(item, "metadata", "name")}] = item
	}
	for _, where := range found.same {
		l.same[where] = true
	}
}

// collection is what one LIST holds: objects, and the places of those that were
// known by their identity.
type collection struct {
	items []map[string]any
	same  []place
}

// collect reads one LIST: of the objects, or of their heads where those are enough.
func (s *session) collect(ctx context.Context, of resource, namespace, selector string, memo *memoRows) (collection, error) {
	if memo.promising() {
		found, enough, err := s.collectHeads(ctx, of, namespace, selector, memo)
		if enough || err != nil {
			return found, err
		}
	}
	var all collection
	err := s.pages(ctx, of, namespace, selector, runtime.ContentTypeJSON, func(body []byte, first bool) (next string, err error) {
		if first {
			all = collection{}
		}
		return all.addPage(body, memo)
	})
	if err != nil {
		return collection{}, err
	}
	return all, nil
}

// pages reads all pages of one LIST. When the snapshot expires between pages
// (410), the list starts again with a first page, so that an answer is always of
// one moment.
func (s *session) pages(ctx context.Context, of resource, namespace, selector, accept string, page func(body []byte, first bool) (next string, err error)) error {
	where, err := of.path(namespace)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := s.onePass(ctx, where, selector, accept, page)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errExpired) && attempt < restarts:
			continue
		}
		return fmt.Errorf("listing %s: %w", of.GroupKind(), err)
	}
}

func (s *session) onePass(ctx context.Context, where, selector, accept string, page func(body []byte, first bool) (next string, err error)) error {
	query := values("limit", strconv.Itoa(pageLimit))
	if selector != "" {
		query.Set("labelSelector", selector)
	}
	for first := true; ; first = false {
		body, err := s.read(ctx, request{path: where, query: query, accept: accept})
		if err != nil {
			return err
		}
		next, err := page(body, first)
		if err != nil {
			return fmt.Errorf("decoding the list: %w", err)
		}
		if next == "" {
			return nil
		}
		query.Set("continue", next)
	}
}

// head is what identifies one state of one object.
type head struct {
	Metadata struct {
		Name            string `json:"name"`
		Namespace       string `json:"namespace"`
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
}

func (h head) place() place { return place{h.Metadata.Namespace, h.Metadata.Name} }

// addPage decodes one page, and of an object that is known nothing but its head.
func (c *collection) addPage(body []byte, memo *memoRows) (next string, err error) {
	var page struct {
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &page); err != nil {
		return "", err
	}
	for _, raw := range page.Items {
		if memo != nil {
			var of head
			if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &of); err != nil {
				return "", err
			}
			if memo.same(of) {
				c.same = append(c.same, of.place())
				continue
			}
		}
		item, err := decode(raw)
		if err != nil {
			return "", err
		}
		c.items = append(c.items, item)
	}
	return page.Metadata.Continue, nil
}
