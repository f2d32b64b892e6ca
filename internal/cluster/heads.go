package cluster

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/killick-dev/killick/internal/drift"
)

// headsOnly asks for the metadata of a list's objects, as protobuf where the API
// server can: a third of the CPU time of whole objects on either side. Every API
// server and CRD can answer it (KEP-2334 made it stable in 1.15); an aggregated
// one that cannot answers 406.
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

// known is what the memo rows of one identity's apps say of one kind's objects.
type known struct {
	rows     map[place]func(head) bool // wanted objects: nobody has written this state since its row was made
	partOf   map[string]bool           // the apps' labels
	doubtful int                       // of rows: those that no head satisfies
	lost     bool                      // an inventory is not known: its objects are looked for, and no row tells of them
}

// remember adds what one row says of one object. A place that is remembered twice
// is of two apps, and satisfies neither.
func (k *known) remember(where place, belief drift.Belief, row drift.Row) {
	if _, contested := k.rows[where]; contested || !belief.Same(row, row.UID, row.Version) {
		k.rows[where] = func(head) bool { return false }
		k.doubtful++
		return
	}
	k.rows[where] = func(of head) bool { return belief.Same(row, of.Metadata.UID, of.Metadata.ResourceVersion) }
}

// same says that an object is known by its identity alone.
func (k *known) same(of head) bool {
	same := k.rows[of.place()]
	return same != nil && same(of)
}

// promising says that a list of heads will probably do.
func (k *known) promising() bool {
	return k != nil && !k.lost && len(k.rows) > 0 && cheaper(k.doubtful, len(k.rows))
}

// cheaper says that reading some objects one by one costs less than listing all of
// them: a GET costs the API server and us about as much as ten objects of a list.
func cheaper(some, all int) bool { return some*10 <= all }

// collectHeads lists heads. It is enough when nearly all objects are known by them:
// those that are not are left out, and are read one by one like any that a list
// lacks; members that nobody wants are read here, since nobody will ask for them.
func (s *session) collectHeads(ctx context.Context, of resource, namespace, selector string, known *known) (found collection, enough bool, err error) {
	heads, listed := s.takeHeads(of, namespace, selector)
	if !listed {
		heads, err = s.heads(ctx, of, namespace, selector)
	}
	if errors.Is(err, errNotAcceptable) {
		return collection{}, false, nil
	}
	if err != nil {
		return collection{}, false, err
	}
	var changed int
	var newcomers []place
	for _, of := range heads {
		switch {
		case known.same(of.head):
			found.same = append(found.same, of.place())
		case known.rows[of.place()] != nil:
			changed++
		case known.partOf[of.partOf]:
			newcomers = append(newcomers, of.place())
		}
	}
	if changed+len(newcomers) > 1 && !cheaper(changed+len(newcomers), len(known.rows)) {
		return collection{}, false, nil
	}
	for _, where := range newcomers {
		seen := s.fetch(ctx, of, drift.ID{Group: of.Group, Kind: of.Kind.Kind, Namespace: where.namespace, Name: where.name})
		switch seen.State {
		case drift.Unreadable:
			return collection{}, false, seen.Err
		case drift.Present:
			found.items = append(found.items, seen.Live)
		}
	}
	return found, true, nil
}

// listedHead is a head as a list gives it, with the value of the part-of label.
type listedHead struct {
	head
	partOf string
}

// heads reads one LIST of heads.
func (s *session) heads(ctx context.Context, of resource, namespace, selector string) ([]listedHead, error) {
	var found []listedHead
	err := s.pages(ctx, of, namespace, selector, headsOnly, func(body []byte, first bool) (next string, err error) {
		if first {
			found = nil
		}
		list, err := decodeHeads(body)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			found = append(found, listedHead{headOf(&list.Items[i]), list.Items[i].Labels[partOfLabel]})
		}
		return list.Continue, nil
	})
	return found, err
}

func decodeHeads(body []byte) (*metav1.PartialObjectMetadataList, error) {
	object, _, err := metaDecoder.Decode(body, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return nil, fmt.Errorf("%w: %w", errNotAcceptable, err) // whole objects, all the same
	}
	if err != nil {
		return nil, err
	}
	list, ok := object.(*metav1.PartialObjectMetadataList)
	if !ok {
		return nil, fmt.Errorf("%w: it sent a %T", errNotAcceptable, object)
	}
	return list, nil
}

func headOf(item *metav1.PartialObjectMetadata) head {
	var of head
	of.Metadata.Name, of.Metadata.Namespace = item.Name, item.Namespace
	of.Metadata.UID, of.Metadata.ResourceVersion = string(item.UID), item.ResourceVersion
	return of
}
