package cluster

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/drift"
)

// Stands says whether the apps' objects and Killick's own state are as a run left
// them: one LIST of heads per kind and identity, and one for the state. If they are
// not, what was listed is kept for the Observe that looks closer.
func (c *Client) Stands(ctx context.Context, record drift.Record) (bool, error) {
	if record.Standing == nil {
		return false, nil
	}
	served, err := c.known(ctx)
	if err != nil {
		return false, err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(listsAtOnce)
	list := func(s *session, of resource, namespace, selector string, into *[]listedHead) {
		tasks.Go(func() error {
			leave, err := enter(ctx, c.lists)
			if err != nil {
				return err
			}
			defer leave()
			*into, err = s.heads(ctx, of, namespace, selector)
			return err
		})
	}
	var own []listedHead
	list(c.own, configMaps, c.stateNamespace, ownSelector, &own)
	var objects []*headList
	for account, kinds := range record.Standing.Kinds {
		session, err := c.as(drift.App{ServiceAccount: account})
		if err != nil {
			return false, err
		}
		for _, kind := range kinds {
			of, err := resolve(served, kind)
			if err != nil {
				return false, err
			}
			slot := &headList{session: session, account: account, of: of}
			objects = append(objects, slot)
			list(session, of, "", memberSelector, &slot.heads)
		}
	}
	if err := tasks.Wait(); err != nil {
		return false, err
	}
	var found []drift.Head
	partOf := c.partOfByAccount(record)
	for _, list := range objects {
		for _, of := range list.heads {
			if partOf[list.account][of.partOf] {
				found = append(found, of.as(list.account, list.of.Kind))
			}
		}
	}
	if drift.DigestOf(found) == record.Standing.Objects && stateDigest(record, own) == record.Standing.State {
		return true, nil
	}
	for _, list := range objects {
		list.session.listed.keep(list.of.Kind, list.heads)
	}
	return false, nil
}

// headList is one LIST of heads of one kind by one identity.
type headList struct {
	session *session
	account string
	of      resource
	heads   []listedHead
}

func (h listedHead) as(account string, kind drift.Kind) drift.Head {
	return drift.Head{Account: account, Kind: kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name,
		UID: h.Metadata.UID, Version: h.Metadata.ResourceVersion}
}

// partOfByAccount are the recorded apps' labels, by the service account that sees
// their objects.
func (c *Client) partOfByAccount(record drift.Record) map[string]map[string]bool {
	labels := map[string]map[string]bool{}
	for _, app := range record.Apps {
		if labels[app.ServiceAccount] == nil {
			labels[app.ServiceAccount] = map[string]bool{}
		}
		labels[app.ServiceAccount][c.PartOf(app.Report.Name)] = true
	}
	return labels
}

// StateDigest is the digest of the recorded apps' inventories and caches as this run
// read or wrote them last.
func (c *Client) StateDigest(record drift.Record) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var own []listedHead
	for name, last := range c.versions {
		if last.version != "" {
			own = append(own, listedHead{head: headNamed(name, last.version)})
		}
	}
	return stateDigest(record, own)
}

// stateDigest takes what is there of the recorded apps' inventories and caches; a
// version alone tells one from the next of its name.
func stateDigest(record drift.Record, own []listedHead) string {
	names := map[string]bool{}
	for _, app := range record.Apps {
		names[drift.ParentName(app.Report.Name)], names[drift.StateName(app.Report.Name)] = true, true
	}
	var heads []drift.Head
	for _, of := range own {
		if names[of.Metadata.Name] {
			heads = append(heads, drift.Head{Name: of.Metadata.Name, Version: of.Metadata.ResourceVersion})
		}
	}
	return drift.DigestOf(heads)
}

func headNamed(name, version string) head {
	var of head
	of.Metadata.Name, of.Metadata.ResourceVersion = name, version
	return of
}

// listedHeads are lists of members' heads in the whole cluster that nobody has used
// yet, by kind.
type listedHeads struct {
	mu    sync.Mutex
	heads map[drift.Kind][]listedHead
}

func (l *listedHeads) keep(kind drift.Kind, heads []listedHead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heads == nil {
		l.heads = map[drift.Kind][]listedHead{}
	}
	l.heads[kind] = heads
}

func (l *listedHeads) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads = nil
}

// takeHeads hands out a list that was kept, once: what is read again is read afresh.
func (s *session) takeHeads(of resource, namespace, selector string) ([]listedHead, bool) {
	if namespace != "" || selector != memberSelector {
		return nil, false
	}
	s.listed.mu.Lock()
	defer s.listed.mu.Unlock()
	heads, ok := s.listed.heads[of.Kind]
	delete(s.listed.heads, of.Kind)
	return heads, ok
}
