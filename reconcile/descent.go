package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/killick-dev/killick/internal/drift"
)

// descent is why a commit is not proved to descend from the last applied one, "" where it
// is; final says that asking again will not change that.
type descent struct {
	why   string
	final bool
}

// unproved asks whether the app's commit descends from the last applied one (docs/guards.md, P5).
func (r Reconciler) unproved(ctx context.Context, a app) descent {
	for _, applied := range a.guards.Commits {
		if open := r.descends(ctx, "", applied.Config, a.commit.Config); open.why != "" {
			return open
		}
		// Another ref of another repository is the config's wish: it stands in its commit.
		same := applied.App.Repository == a.commit.App.Repository && applied.App.Ref == a.commit.App.Ref
		if a.config.Repository == "" || !same {
			continue
		}
		if open := r.descends(ctx, a.config.Repository, applied.App.Commit, a.commit.App.Commit); open.why != "" {
			return open
		}
	}
	return descent{}
}

func (r Reconciler) descends(ctx context.Context, repository, ancestor, commit string) descent {
	if ancestor == commit && commit != "" {
		return descent{}
	}
	ctx, cancel := share(ctx, fetchTime)
	defer cancel()
	proved, err := r.Source.Descends(ctx, repository, ancestor)
	switch {
	case err != nil:
		return descent{final: errors.Is(err, drift.ErrUnproved) && commit != "",
			why: fmt.Sprintf("that commit %s descends from %s, which was applied last, is not proved: %v", short(commit), short(ancestor), err)}
	case !proved:
		return descent{final: true,
			why: fmt.Sprintf("commit %s does not descend from %s, which was applied last: history was rewritten", short(commit), short(ancestor))}
	}
	return descent{}
}
