package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// namespaces is what is known about namespaces: facts for policy, and whether
// content can exist at all.
type namespaces struct {
	complete bool                         // every namespace was listed
	labels   map[string]map[string]string // by name, of those that exist
	missing  map[string]bool              // answered NotFound, where there is no complete list
	unread   map[string]error             // by name, where there is no complete list
	listErr  error                        // why there is no complete list
	err      error                        // something could not be read
}

// unknown says why the labels of a namespace are not known; nil when they are,
// and when it surely does not exist and so has none.
func (n namespaces) unknown(name string) error {
	if _, exists := n.labels[name]; name == "" || exists || n.absent(name) {
		return nil
	}
	if err := n.unread[name]; err != nil {
		return err
	}
	return n.listErr // found by its label alone, so nobody asked for its namespace
}

// absent says that the namespace surely does not exist.
func (n namespaces) absent(name string) bool {
	_, exists := n.labels[name]
	return name != "" && !exists && (n.complete || n.missing[name])
}

var namespaceResource = resource{
	Kind:     drift.Kind{Version: "v1", Kind: "Namespace"},
	KindInfo: drift.KindInfo{Resource: "namespaces"},
}

// readNamespaces lists the namespaces once, or, where the identity may not,
// reads the wanted ones (a Role in a namespace can allow that).
// Without manifests nothing is planned in any, and no policy asks for their labels.
func (s *survey) readNamespaces(ctx context.Context) namespaces {
	known := namespaces{labels: map[string]map[string]string{}, missing: map[string]bool{}, unread: map[string]error{}}
	if s.alone() {
		return known
	}
	found, err := s.collect(ctx, namespaceResource, "", "", nil)
	if err == nil {
		known.complete, known.listErr, known.err = found.partial == nil, found.partial, found.partial
		for _, item := range found.items {
			known.labels[text(item, "metadata", "name")] = stringMap(item, "metadata", "labels")
		}
		return known
	}
	known.listErr = err
	if !forbidden(err) {
		known.err = err
		return known
	}
	for _, name := range s.allNamespaces() {
		if segment("name", name) != nil {
			continue // the objects there say what is wrong with the name
		}
		live, err := s.get(ctx, namespaceResource, "", name)
		switch {
		case err == nil:
			known.labels[name] = stringMap(live, "metadata", "labels")
		case errors.Is(err, errNotFound):
			known.missing[name] = true
		default:
			known.unread[name] = err
			known.err = errors.Join(known.err, fmt.Errorf("reading the namespace %q: %w", name, err))
		}
	}
	return known
}

// autoscaled are the objects that HorizontalPodAutoscalers name as targets.
type autoscaled struct {
	targets map[drift.ID]bool
	scalers listing
	asked   []string // namespaces that were listed where the whole cluster could not be
	err     error    // something could not be read
}

// unknown says why the autoscalers of a namespace are not known; nil when they
// are.
func (a autoscaled) unknown(namespace string) error {
	switch {
	case a.scalers.err != nil:
		return a.scalers.err
	case a.scalers.partial != nil:
		return a.scalers.partial
	case a.scalers.narrowed != nil && !slices.Contains(a.asked, namespace):
		return a.scalers.narrowed
	}
	return a.scalers.denied[namespace]
}

// readAutoscalers lists HorizontalPodAutoscalers if any object at hand may be
// of a kind that can be scaled. A cluster that does not serve them has none.
func (s *survey) readAutoscalers(ctx context.Context) autoscaled {
	known := autoscaled{targets: map[drift.ID]bool{}, asked: s.allNamespaces()}
	if !slices.ContainsFunc(s.wants, s.mayBeScaled) {
		return known
	}
	kind := drift.Kind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	versions := versionsOf(s.served, kind.Group, kind.Kind)
	switch {
	case len(versions) > 0:
		kind.Version = versions[len(versions)-1]
	case !groupDegraded(s.served, kind.Group):
		described, err := s.describes(ctx, kind.Group, kind.Kind)
		if err == nil && described {
			err = fmt.Errorf("finding %s: discovery lacks it, and the API server describes it", kind.GroupKind())
		}
		known.scalers.err, known.err = err, err
		return known
	}
	of, err := resolve(s.served, kind)
	if err != nil {
		known.scalers.err, known.err = err, err
		return known
	}
	known.scalers = s.list(ctx, of, "", known.asked, nil)
	known.err = cmp.Or(known.scalers.err, known.scalers.partial)
	for _, namespace := range known.asked {
		if err := known.scalers.denied[namespace]; err != nil {
			known.err = errors.Join(known.err, fmt.Errorf("namespace %q: %w", namespace, err))
		}
	}
	for where, scaler := range known.scalers.objects {
		id := drift.ID{Group: kind.Group, Kind: kind.Kind, Namespace: where.namespace, Name: where.name}
		if found, ok := diff.ScalerOf(id, scaler); ok {
			known.targets[found.Target] = true
		}
	}
	return known
}

// mayBeScaled says whether an app wants or has objects of a kind that can be
// scaled; while its inventory is not known, it may have any. Without manifests only
// the memo rows that rely on an autoscaler matter.
func (s *survey) mayBeScaled(want drift.Want) bool {
	if want.Belief.Alone {
		return slices.ContainsFunc(want.Rows, func(r drift.Row) bool { return r.Autoscaled })
	}
	return !want.Inventory.Known || s.wantsScalable(want)
}

func (s *survey) wantsScalable(want drift.Want) bool {
	return slices.ContainsFunc(idsOf(want), func(id drift.ID) bool { return s.scalable[id.GroupKind()] })
}

// scalableKinds are the kinds that can be scaled at any version, by GroupKind.
func scalableKinds(served drift.Capabilities) map[string]bool {
	scalable := map[string]bool{}
	for kind, info := range served.Kinds {
		if info.Scalable {
			scalable[kind.GroupKind()] = true
		}
	}
	return scalable
}
