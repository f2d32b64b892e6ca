package reconcile_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

// folder reads a folder of testdata.
func folder(t *testing.T, name string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", name, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/%s: %v", name, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(data)
	}
	return files
}

// TestSecondRunReportsNothing: every kind that people keep in Git, spelled as
// people and generators spell it, in one commit and one run.
func TestSecondRunReportsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.budget = 5 * time.Second // nobody here gives a load balancer its address
	s.commit(folder(t, "everything"))
	first := s.run()
	for _, app := range first.Report.Apps {
		for _, resource := range app.Resources {
			if resource.Outcome != "applied" {
				t.Errorf("%s %s: %s: %s", resource.Kind, s.short(resource.Name), resource.Outcome, resource.Error)
			}
		}
		if len(app.Warnings) > 0 {
			t.Errorf("warnings of the first run: %q", app.Warnings)
		}
	}
	if first.code != reconcile.ExitOK {
		t.Fatalf("exit code %d\n%v", first.code, first.Report.Errors)
	}
	s.settled()
	before := s.states()
	tape := s.record()
	s.run().silent("the second run")
	// What is in sync goes on record, for the next run to believe.
	if state := "/configmaps/" + drift.StateName("shop"); len(tape.wrote) != 1 || !strings.HasSuffix(tape.wrote[0], state) {
		t.Errorf("the second run wrote %q, and not only %s", tape.wrote, state)
	}
	tape.wrote = nil
	s.quiet("the third run")
	if len(tape.wrote) > 0 {
		t.Errorf("the third run wrote %q", tape.wrote)
	}
	if diff := cmp.Diff(before, s.states()); diff != "" {
		t.Errorf("the second run changed objects (-before +after):\n%s", diff)
	}
}

// settled waits until controllers have finished with everything in the inventory:
// what they write is no drift, and goes on record all the same.
func (s *site) settled() {
	s.Helper()
	const quietFor = 2 * time.Second
	var last map[string]string
	since := time.Now()
	s.cluster.Eventually(s.T, "controllers to finish", func(context.Context) error {
		now := map[string]string{}
		for _, app := range s.apps {
			inventory, _, err := s.admin.Load(s.Context(), app.Name)
			if err != nil {
				return err
			}
			for _, entry := range inventory.Entries {
				now[entry.ID.String()] = nested.ResourceVersionOf(s.admin.Get(s.Context(), app, entry.ID, entry.Version).Live)
			}
		}
		if !maps.Equal(last, now) {
			last, since = now, time.Now()
		}
		if time.Since(since) < quietFor {
			return errors.New("something was written just now")
		}
		return nil
	})
}

// states are the resourceVersions of everything in the inventory, and the
// generation of what has a status, which controllers write at any time.
func (s *site) states() map[string]any {
	s.Helper()
	states := map[string]any{}
	for _, app := range s.apps {
		inventory, _, err := s.admin.Load(s.Context(), app.Name)
		if err != nil {
			s.Fatal(err)
		}
		for _, entry := range inventory.Entries {
			seen := s.admin.Get(s.Context(), app, entry.ID, entry.Version)
			meta, _ := seen.Live["metadata"].(map[string]any)
			states[entry.ID.String()] = nested.ResourceVersionOf(seen.Live)
			if _, has := seen.Live["status"]; has {
				states[entry.ID.String()] = []any{entry.UID, meta["generation"]}
			}
		}
	}
	return states
}
