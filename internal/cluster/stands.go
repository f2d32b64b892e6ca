package cluster

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/drift"
)

// Stands says whether the apps' objects and Killick's own state are as a run left
// them: one LIST of heads per kind and identity, and one for the state. What could not
// be listed stands for nothing. If they are not, what was listed is kept for the
// Observe that looks closer, until Forget.
func (c *Client) Stands(ctx context.Context, record drift.Record) bool {
	if record.Standing == nil {
		return false
	}
	lists, err := c.standing(ctx, *record.Standing)
	if err != nil {
		return false
	}
	own := &headList{session: c.own, of: configMaps, namespace: c.stateNamespace, selector: ownSelector}
	tasks := errgroup.Group{}
	tasks.SetLimit(listsAtOnce)
	for _, list := range append(lists, own) {
		tasks.Go(func() error {
			leave, err := enter(ctx, c.lists)
			if err != nil {
				return err
			}
			defer leave()
			list.heads, list.err = list.session.heads(ctx, list.of, list.namespace, list.selector)
			return list.err
		})
	}
	err = tasks.Wait()
	if err == nil && c.digest(record, lists) == record.Standing.Objects && stateDigest(record, own.heads) == record.Standing.State {
		return true
	}
	for _, list := range lists {
		if list.heads != nil && list.err == nil {
			list.session.kept.put(list.of.Kind, list.heads)
		}
	}
	return false
}

// Forget drops what Stands kept and nobody used.
func (c *Client) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own.kept.drop()
	for _, session := range c.sessions {
		session.kept.drop()
	}
}

// headList is one LIST of heads by one identity.
type headList struct {
	session             *session
	account             string
	of                  resource
	namespace, selector string
	heads               []listedHead
	err                 error
}

// standing are the lists that a record asks for.
func (c *Client) standing(ctx context.Context, left drift.Standing) ([]*headList, error) {
	served, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	var lists []*headList
	for account, kinds := range left.Kinds {
		session, err := c.as(drift.App{ServiceAccount: account})
		if err != nil {
			return nil, err
		}
		for _, kind := range kinds {
			of, err := resolve(served, kind)
			if err != nil {
				return nil, err
			}
			lists = append(lists, &headList{session: session, account: account, of: of, selector: memberSelector})
		}
	}
	return lists, nil
}

// digest is that of the apps' own members among what was listed.
func (c *Client) digest(record drift.Record, lists []*headList) string {
	var found []drift.Head
	partOf := c.partOfByAccount(record)
	for _, list := range lists {
		for _, one := range list.heads {
			if partOf[list.account][one.partOf] {
				found = append(found, one.as(list.account, list.of.Kind))
			}
		}
	}
	return drift.DigestOf(found)
}

func (h listedHead) as(account string, kind drift.Kind) drift.Head {
	id := drift.ID{Group: kind.Group, Kind: kind.Kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name}
	return drift.Head{Account: account, ID: id, UID: h.Metadata.UID, Version: h.Metadata.ResourceVersion}
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
	for _, one := range own {
		if names[one.Metadata.Name] {
			heads = append(heads, drift.Head{ID: drift.ID{Name: one.Metadata.Name}, Version: one.Metadata.ResourceVersion})
		}
	}
	return drift.DigestOf(heads)
}

func headNamed(name, version string) head {
	var of head
	of.Metadata.Name, of.Metadata.ResourceVersion = name, version
	return of
}
