package cluster

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// What is kept of an app goes whole, in whatever pieces: a run that dies between the two
// deletions leaves the parent, by which the next one finds the app and ends the work.
func TestForgetApp(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, c := range []struct {
		app, why string
		between  func(t *testing.T, lines *wire) // after both were loaded
		is       error                           // of the first attempt
		left     []string                        // after it
	}{
		{"whole", "nothing is in the way", nil, nil, nil},
		{"cut", "the run dies between the two", func(_ *testing.T, lines *wire) {
			lines.fail(refuseAfter(1, isDelete))
		}, drift.ErrUnreachable, []string{"killick-app-cut"}},
		{"heard", "the first answer is lost", func(_ *testing.T, lines *wire) {
			lines.after = lose(1, isDelete)
		}, nil, nil},
		{"written", "somebody wrote the parent meanwhile: the state stays as well", func(t *testing.T, _ *wire) {
			other := e.connect(Options{})
			inventory, _, err := other.Load(e.ctx, "written")
			if err != nil {
				t.Fatal(err)
			}
			inventory.Entries = entries(e)
			if err := other.SaveInventory(e.ctx, "written", inventory); err != nil {
				t.Fatal(err)
			}
		}, drift.ErrConflict, []string{"killick-app-written", "killick-state-written"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			lines := &wire{}
			client := e.connect(Options{Transport: lines.wrap})
			if err := client.ForgetApp(e.ctx, c.app); err == nil {
				t.Fatal("what was not loaded must not be deleted")
			}
			_, _, err := client.Load(e.ctx, c.app)
			if err == nil {
				err = client.SaveInventory(e.ctx, c.app, drift.Inventory{})
			}
			if err = errors.Join(err, client.SaveState(e.ctx, c.app, drift.AppState{})); err != nil {
				t.Fatal(err)
			}
			if c.between != nil {
				c.between(t, lines)
			}
			if err := client.ForgetApp(e.ctx, c.app); !errors.Is(err, c.is) || err != nil && c.is == nil {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(c.left, e.kept(c.app)); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			next := e.connect(Options{})
			var apps []string
			apps, err = next.Parents(e.ctx)
			if err != nil || slices.Contains(apps, c.app) != (c.left != nil) {
				t.Fatalf("the next run finds %q, %v", apps, err)
			}
			if c.left == nil {
				return
			}
			if _, _, err = next.Load(e.ctx, c.app); err == nil {
				err = next.ForgetApp(e.ctx, c.app)
			}
			if left := e.kept(c.app); err != nil || left != nil {
				t.Errorf("after the next run %q is left, %v", left, err)
			}
		})
	}
}

// refuseAfter lets n matching requests pass, and nothing more once the next one comes.
func refuseAfter(n int, match func(*http.Request) bool) func(*http.Request) (*http.Response, error) {
	seen := 0
	return func(r *http.Request) (*http.Response, error) {
		if match(r) {
			seen++
		}
		if seen > n {
			return nil, errors.New("dial tcp: connection refused")
		}
		return nil, nil
	}
}

// kept are the names of the ConfigMaps that are kept of an app.
func (e *env) kept(app string) []string {
	e.Helper()
	var names []string
	for _, name := range []string{drift.ParentName(app), drift.StateName(app)} {
		object, err := e.admin.readOwn(e.ctx, configMaps, name)
		if err != nil {
			e.Fatal(err)
		}
		if object != nil {
			names = append(names, name)
		}
	}
	return names
}
