package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/source"
	"github.com/killick-dev/killick/reconcile"
)

// errElsewhere says that runs of this config keep their state in another namespace.
var errElsewhere = errors.New("runs of this config keep their state elsewhere")

// elsewhere looks, where no run left anything in the state namespace, whether runs of this
// very config keep their state in another one. A typing error in --state-namespace would
// make a second memory: everything would be new, and nobody's drift would be known. So a
// run refuses to create the namespace then. Whoever means a second installation creates it,
// and is warned. Where that cannot be known, nothing is said.
func (s *session) elsewhere(ctx context.Context) error {
	if s.told.Installation != "" || s.unread {
		return nil
	}
	exists, err := s.cluster.StateNamespaceExists(ctx)
	var namespaces []string
	if err == nil {
		namespaces, err = s.sameConfig(ctx)
	}
	if err != nil && s.mode.Remembers() {
		return failed(reconcile.ExitPartial, "cluster", err)
	}
	if err != nil { // a plan creates nothing
		s.warnings = append(s.warnings, fmt.Sprintf("whether runs of this config keep their state in another namespace is not known: %v", err))
		return nil
	}
	if len(namespaces) == 0 {
		return nil
	}
	own, theirs := s.cluster.StateNamespace(), strings.Join(namespaces, `", "`)
	said := fmt.Sprintf(`no run left anything in the state namespace %q, and runs of this config keep their state in "%s"`, own, theirs)
	if !exists {
		said = fmt.Sprintf(`the state namespace %q does not exist, and runs of this config keep their state in "%s"`, own, theirs)
	}
	if s.mode.Remembers() && !exists {
		return failed(reconcile.ExitUsage, "config", &drift.Problem{Stage: "config",
			Hint: fmt.Sprintf("give --state-namespace %s; if a second installation is meant, create the namespace %q first", namespaces[0], own),
			Err:  fmt.Errorf("%s: %w", said, errElsewhere)})
	}
	s.warnings = append(s.warnings, said+": without it nothing is known of earlier runs, and two installations of one config work against each other")
	return nil
}

// sameConfig are the other namespaces in which runs of this config keep their state.
func (s *session) sameConfig(ctx context.Context) ([]string, error) {
	others, err := s.cluster.OtherRuns(ctx)
	if err != nil {
		return nil, err
	}
	var namespaces []string
	for namespace, run := range others {
		if run.Config != nil && s.isThis(ctx, run) {
			namespaces = append(namespaces, namespace)
		}
	}
	slices.Sort(namespaces)
	return namespaces, nil
}

// isThis says that another run's config is this one. A clone on disk has another address
// than what it is a clone of: there the same file in a history that has the other run's
// commit is the same config.
func (s *session) isThis(ctx context.Context, run drift.RunState) bool {
	here := s.place()
	if here.Same(*run.Config) {
		return true
	}
	at := drift.ConfigPlace{Repository: run.Config.Repository, Path: here.Path}
	if !source.Local(here.Repository) && !source.Local(run.Config.Repository) || !at.Same(*run.Config) || run.Record == nil {
		return false
	}
	commit := run.Record.Tips[""]
	if commit == "" {
		return false
	}
	same, err := s.desired.sources.Descends(ctx, "", commit)
	return err == nil && same
}

// place is where the config stands, as the next run is to know it.
func (s *session) place() *drift.ConfigPlace {
	place := *s.started.Config
	if source.Local(place.Repository) {
		if absolute, err := filepath.Abs(place.Repository); err == nil {
			place.Repository = absolute
		}
	}
	return &place
}
