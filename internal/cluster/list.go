package cluster

import (
	"context"
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
	left     map[place]bool   // it holds these, and they are read one by one
	err      error            // the whole kind could not be listed
	partial  error            // it may not hold all there is
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

// lacks says that the list does not hold what stands there, although it carries the
// label that was listed by: nobody takes such a list's word that something is gone.
func (l listing) lacks(where place, live map[string]any) bool {
	return l.err == nil && l.denied[where.namespace] == nil && l.objects[where] == nil && !l.same[where] && !l.left[where] &&
		at(live, "metadata", "labels", partOfLabel) != nil
}

// list reads one kind: in one LIST, or, where the identity may not list the
// whole cluster, in one per namespace. What the memo says of an object by its identity
// alone spares reading or decoding it; it may be nil.
func (s *session) list(ctx context.Context, of resource, selector string, namespaces []string, memo *memoRows) listing {
	answer := listing{resource: of, objects: map[place]map[string]any{}, same: map[place]bool{}, left: map[place]bool{}, denied: map[string]error{}}
	found, err := s.collect(ctx, of, "", selector, memo)
	if !forbidden(err) || !of.Namespaced || len(namespaces) == 0 {
		answer.err, answer.partial = err, found.partial
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
		answer.partial = errors.Join(answer.partial, found.partial)
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
	for _, where := range found.left {
		l.left[where] = true
	}
}

// collection is what one LIST holds: objects, and the places of those that were
// known by their identity, or that are still to be read.
type collection struct {
	items   []map[string]any
	same    []place
	left    []place
	partial error // it may not be all there is
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
	partial, err := s.pages(ctx, of, namespace, selector, runtime.ContentTypeJSON, func(body []byte, first bool) (listHead, error) {
		if first {
			all = collection{}
		}
		return all.addPage(body, of, namespace, memo)
	})
	if err != nil {
		return collection{}, err
	}
	all.partial = partial
	return all, nil
}

// readPage takes one page of a list and says what the page says of itself.
type readPage func(body []byte, first bool) (listHead, error)

// pages reads all pages of one LIST. When the snapshot expires between pages
// (410), the list starts again with a first page, so that an answer is always of
// one moment; partial says that it may not be.
func (s *session) pages(ctx context.Context, of resource, namespace, selector, accept string, page readPage) (partial, err error) {
	where, err := of.path(namespace)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		partial, err := s.onePass(ctx, where, selector, accept, page)
		switch {
		case err == nil && partial != nil:
			return fmt.Errorf("listing %s: %w", of.GroupKind(), partial), nil
		case err == nil:
			return nil, nil
		case errors.Is(err, errExpired) && attempt < restarts:
			continue
		}
		return nil, fmt.Errorf("listing %s: %w", of.GroupKind(), err)
	}
}

func (s *session) onePass(ctx context.Context, where, selector, accept string, page readPage) (partial, err error) {
	query := values("limit", strconv.Itoa(pageLimit))
	if selector != "" {
		query.Set("labelSelector", selector)
	}
	var at moment
	for first := true; ; first = false {
		body, err := s.read(ctx, request{path: where, query: query, accept: accept})
		if err != nil {
			return nil, err
		}
		said, err := page(body, first)
		next := said.Metadata.Continue
		if err == nil {
			err = at.add(said.Metadata.ResourceVersion, query.Get("continue"), next)
		}
		if err != nil {
			return nil, fmt.Errorf("decoding the list: %w", err)
		}
		if next == "" {
			return at.partial, nil
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
func (c *collection) addPage(body []byte, of resource, namespace string, memo *memoRows) (listHead, error) {
	page, err := of.readList(body)
	if err != nil {
		return listHead{}, err
	}
	for _, raw := range page.Items {
		if memo != nil {
			var known head
			if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &known); err != nil {
				return listHead{}, err
			}
			if memo.same(known) {
				c.same = append(c.same, known.place())
				continue
			}
		}
		item, err := of.item(raw, namespace)
		if err != nil {
			return listHead{}, err
		}
		c.items = append(c.items, item)
	}
	return page.listHead, nil
}
