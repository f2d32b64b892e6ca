package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// take gives the lease to somebody else, whoever has it.
func (p *place) take(ctx context.Context, holder string) error {
	client := p.cp.Client().CoordinationV1().Leases(p.state)
	lease, err := client.Get(ctx, drift.LeaseName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	lease.Spec.HolderIdentity = &holder
	_, err = client.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// kept are the resourceVersions of what Killick keeps, the lease included.
func (p *place) kept(ctx context.Context) (map[string]string, error) {
	maps, err := p.cp.Client().CoreV1().ConfigMaps(p.state).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, item := range maps.Items {
		versions[item.Name] = item.ResourceVersion
	}
	lease, err := p.cp.Client().CoordinationV1().Leases(p.state).Get(ctx, drift.LeaseName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	versions["the lease"] = lease.ResourceVersion
	return versions, nil
}

// TestLeaseLostMidway: another run takes the lease while this one waits for a Deployment.
// What was done until then is told; nothing is written any more, and nothing of what the
// other run keeps is overwritten.
func TestLeaseLostMidway(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"killick.yaml": blogAfterShop, "apps/shop/stuck.yaml": stuck})
	var before map[string]string
	code, out := p.killick(t.Context(), func(line string) {
		if before != nil || !strings.HasPrefix(line, "shop: health: ") {
			return
		}
		err := p.take(t.Context(), "another")
		if err == nil {
			before, err = p.kept(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}, "run")
	if code != reconcile.ExitInterrupted {
		t.Errorf("exit code %d, want 7", code)
	}
	for _, text := range []string{
		`cluster: the lease was lost: it is held by "another"; what was done until then stands, nothing was written after it, and the state of this run is not saved`,
		"hint: look for a second CronJob or a run by hand with this state namespace",
		"exit code 7 · interrupted; what was done stands",
	} {
		if got := strings.Count(out, text); got != 1 {
			t.Errorf("%q stands there %d times", text, got)
		}
	}
	if !strings.Contains(out, "sync, applied") || strings.Contains(out, "could not be written") || strings.Contains(out, "context canceled") {
		t.Error("it does not tell what was done, or tells what did not happen")
	}
	if t.Failed() {
		t.Log(out)
	}
	after, err := p.kept(t.Context())
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("what Killick keeps was written after the lease was lost: %v (-before +after):\n%s", err, diff)
	}
	p.check(t, []string{"settings", "banner"}, []string{"posts"})
	told := false
	for _, message := range p.slack.Messages() {
		told = told || strings.Contains(message.PlainText(), "the lease was lost")
	}
	if !told {
		t.Error("nobody was told that the lease was lost")
	}

	if err := p.take(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.file("repo/apps/shop/stuck.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.commit("nothing is stuck"); err != nil {
		t.Fatal(err)
	}
	if code, out := p.killick(t.Context(), func(string) {}, "run"); code != 0 {
		t.Errorf("the next run: exit code %d:\n%s", code, out)
	}
	p.check(t, []string{"settings", "banner", "posts"}, nil)
}
