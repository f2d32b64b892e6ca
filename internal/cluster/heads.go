package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/killick-dev/killick/internal/drift"
)

// headsOnly asks for the metadata of a list's objects, as protobuf where the API
// server can: a third of the CPU time of whole objects on either side. Every API
// server and CRD can answer it (KEP-2334 made it stable in 1.15); an aggregated
// one that cannot refuses it.
const headsOnly = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, " +
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// metaDecoder reads lists of metadata, and refusals, in either encoding.
var metaDecoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		panic(err) // a programming error in apimachinery
	}
	metav1.AddToGroupVersion(scheme, metav1.Unversioned)
	return serializer.NewCodecFactory(scheme).UniversalDeserializer()
}()

// memoRows are what the memo of one identity's apps says of one kind's objects.
type memoRows struct {
	rows     map[place]func(head) bool // nobody has written this state since its row was made
	added    map[place]bool            // rows or not
	asked    map[place]bool            // objects that will be looked at one by one
	partOf   map[string]bool           // the apps' labels
	doubtful int                       // objects a list is to hold and no head can settle
}

// add takes what one row says of one object; listed says that a list is to hold it.
// A place that is added twice is of two apps, and no row is believed.
func (m *memoRows) add(where place, belief drift.Belief, row drift.Row, listed bool) {
	contested := m.added[where]
	m.added[where] = true
	if contested || !belief.Same(row, row.UID, row.Version) {
		delete(m.rows, where)
		if listed {
			m.doubtful++
		}
		return
	}
	m.rows[where] = func(of head) bool { return belief.Same(row, of.Metadata.UID, of.Metadata.ResourceVersion) }
}

// same says that an object is known by its identity alone.
func (m *memoRows) same(of head) bool {
	same := m.rows[of.place()]
	return same != nil && same(of)
}

// promising says that a list of heads will probably do.
func (m *memoRows) promising() bool {
	return m != nil && len(m.rows) > 0 && cheaper(m.doubtful, len(m.rows)+m.doubtful)
}

// in is how many objects are known of one namespace; "" means all.
func (m *memoRows) in(namespace string) int {
	if namespace == "" {
		return len(m.rows)
	}
	count := 0
	for where := range m.rows {
		if where.namespace == namespace {
			count++
		}
	}
	return count
}

// cheaper says that reading some objects one by one costs less than listing all of
// them: a GET costs the API server and us about as much as ten objects of a list.
func cheaper(some, all int) bool { return some*10 <= all }

// collectHeads lists heads. That is enough when nearly all objects are known by them.
// Those that are not are left out, and are read one by one like any that a list
// lacks; members that nobody asks about are read here. Whatever is in the way of it,
// but a refusal or a server that does not answer, calls for whole objects.
func (s *session) collectHeads(ctx context.Context, of resource, namespace, selector string, memo *memoRows) (found collection, enough bool, err error) {
	heads, listed := s.kept.take(of.Kind, namespace, selector)
	if !listed {
		heads, err = s.heads(ctx, of, namespace, selector)
	}
	if err != nil {
		if ctx.Err() == nil && !forbidden(err) && !troubled(err) {
			err = nil
		}
		return collection{}, false, err
	}
	var changed int
	var newcomers []place
	for _, one := range heads {
		switch {
		case memo.same(one.head):
			found.same = append(found.same, one.place())
		case memo.asked[one.place()]:
			changed++
			found.left = append(found.left, one.place())
		case memo.partOf[one.partOf]:
			newcomers = append(newcomers, one.place())
		}
	}
	if !cheaper(changed+len(newcomers), memo.in(namespace)) {
		return collection{}, false, nil
	}
	for _, where := range newcomers {
		seen := s.fetch(ctx, of, drift.ID{Group: of.Group, Kind: of.Kind.Kind, Namespace: where.namespace, Name: where.name})
		switch seen.State {
		case drift.Unreadable:
			return collection{}, false, why(ctx)
		case drift.Present:
			found.items = append(found.items, seen.Live)
		}
	}
	return found, true, nil
}

// troubled says that a server does not answer, or not now: asking it for more is no
// remedy.
func troubled(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return errors.Is(err, drift.ErrUnreachable) || isTimeout(err) ||
		ok && (passing(status) || conversionFailed(status.ErrStatus) || outOfTime(status.ErrStatus))
}

// listedHead is a head as a list gives it, with the value of the part-of label.
type listedHead struct {
	head
	partOf string
}

// heads reads one LIST of heads, which is whole or an error.
func (s *session) heads(ctx context.Context, of resource, namespace, selector string) ([]listedHead, error) {
	var found []listedHead
	partial, err := s.pages(ctx, of, namespace, selector, headsOnly, func(body []byte, first bool) (listHead, error) {
		if first {
			found = nil
		}
		list, said, err := decodeHeads(body)
		if err != nil {
			return listHead{}, err
		}
		for i := range list.Items {
			one := headOf(&list.Items[i])
			if one.Metadata.Name == "" || one.Metadata.UID == "" || one.Metadata.ResourceVersion == "" {
				return listHead{}, malformed("the metadata of an object lack its name, UID or resourceVersion")
			}
			found = append(found, listedHead{one, list.Items[i].Labels[partOfLabel]})
		}
		return said, nil
	})
	if err = cmp.Or(err, partial); err != nil {
		return nil, err
	}
	return found, nil
}

func decodeHeads(body []byte) (*metav1.PartialObjectMetadataList, listHead, error) {
	object, kind, err := metaDecoder.Decode(body, nil, nil)
	if err != nil {
		return nil, listHead{}, err
	}
	list, ok := object.(*metav1.PartialObjectMetadataList)
	if !ok {
		return nil, listHead{}, malformed("it is a %s, not a list of metadata", kind.Kind)
	}
	if json.Valid(body) {
		if err := hasItems(body); err != nil {
			return nil, listHead{}, err
		}
	}
	var said listHead
	said.Metadata.ResourceVersion, said.Metadata.Continue, said.Metadata.RemainingItemCount = list.ResourceVersion, list.Continue, list.RemainingItemCount
	return list, said, said.whole()
}

func headOf(item *metav1.PartialObjectMetadata) head {
	var of head
	of.Metadata.Name, of.Metadata.Namespace = item.Name, item.Namespace
	of.Metadata.UID, of.Metadata.ResourceVersion = string(item.UID), item.ResourceVersion
	return of
}

// keptHeads are lists of members' heads in the whole cluster that nobody has used
// yet, by kind.
type keptHeads struct {
	mu    sync.Mutex
	heads map[drift.Kind][]listedHead
}

func (k *keptHeads) put(kind drift.Kind, heads []listedHead) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.heads == nil {
		k.heads = map[drift.Kind][]listedHead{}
	}
	k.heads[kind] = heads
}

// take hands out a list, once.
func (k *keptHeads) take(kind drift.Kind, namespace, selector string) ([]listedHead, bool) {
	if namespace != "" || selector != memberSelector {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	heads, ok := k.heads[kind]
	delete(k.heads, kind)
	return heads, ok
}

func (k *keptHeads) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heads = nil
}
