package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/reconcile"
)

// newTestPlace is a place for a test that is no script: files are laid over the
// sample repository, which is committed.
func newTestPlace(t *testing.T, files map[string]string) *place {
	t.Helper()
	p, err := newPlace(testenv.Cluster(t), t.TempDir())
	if p != nil {
		t.Cleanup(func() { p.close(t) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		target := p.file(filepath.Join("repo", name))
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := furnish(p.work, p.variables()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.commit("the shop opens"); err != nil {
		t.Fatal(err)
	}
	return p
}

// killick runs one command line in this process and answers its exit code and
// what it printed.
func (p *place) killick(ctx context.Context, stderr func(line string), args ...string) (int, string) {
	environment := p.environment()
	var out bytes.Buffer
	code := execute(ctx, world{
		args: args, out: &out, err: lines(func(line string) {
			p.hear(line)
			stderr(line)
		}),
		now: p.now, width: 120, lookup: func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		},
	})
	p.hear(out.String())
	return code, out.String()
}

// lines is a writer that hands on whatever is written at once; progress writes
// whole lines.
type lines func(line string)

func (l lines) Write(text []byte) (int, error) {
	l(string(text))
	return len(text), nil
}

// blogAfterShop lets the blog wait for the shop.
const blogAfterShop = `apiVersion: killick.dev/v1alpha1
kind: Config
cluster: {name: test}
policies:
  - path: policies
apps:
  - {name: shop, path: apps/shop, namespace: "${NS}", secrets: manage}
  - {name: blog, path: apps/blog, namespace: "${NS}", dependsOn: [shop]}
notify:
  slack:
    tokenFile: ${WORK}/slack-token
    routes: {default: {channel: C0DRIFT00001}}
`

// TestInterrupted stops runs at ever later stages: each time the exit code says
// so, whatever is live is in an inventory, and the next run goes on from there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"killick.yaml": blogAfterShop})
	for _, at := range []struct {
		stage  string // the line of progress at which the run is told to stop
		reason string
		live   []string
		not    []string
	}{
		{"shop: fetch", "before anything was known", nil, []string{"settings", "posts"}},
		{"observe", "before anything was decided", nil, []string{"settings", "posts"}},
		{"shop: sync", "when the first write is due", nil, []string{"posts"}},
		{"blog: sync", "between two apps", []string{"settings", "banner"}, []string{"posts"}},
	} {
		t.Run(at.stage, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			code, out := p.killick(ctx, func(line string) {
				if strings.HasPrefix(line, at.stage) {
					stop()
				}
			}, "run")
			if code != reconcile.ExitInterrupted || !strings.Contains(out, "exit code 7 · interrupted") {
				t.Errorf("stopped %s: exit code %d, want 7:\n%s", at.reason, code, out)
			}
			p.check(t, at.live, at.not)
		})
	}
	if code, out := p.killick(t.Context(), func(string) {}, "run", "--exit-code"); code != 0 {
		t.Errorf("the next run: exit code %d:\n%s", code, out)
	}
	p.check(t, []string{"settings", "banner", "posts"}, nil)
	if code, out := p.killick(t.Context(), func(string) {}, "plan"); code != 0 {
		t.Errorf("plan after it: exit code %d:\n%s", code, out)
	}
}

// TestInterruptedReading: what only reads ends with the same exit code.
func TestInterruptedReading(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"killick.yaml": blogAfterShop})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, args := range [][]string{{"render"}, {"policy", "check"}, {"policy", "test"}, {"explain", "ConfigMap/settings"}, {"plan"}} {
		if code, out := p.killick(ctx, func(string) {}, args...); code != reconcile.ExitInterrupted {
			t.Errorf("%q: exit code %d, want 7:\n%s", args, code, out)
		}
	}
}

// TestOutOfTime: a run whose --timeout is over ends like one that was told to
// stop.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	const timeout = 30 * time.Second
	p := newTestPlace(t, map[string]string{"killick.yaml": blogAfterShop, "apps/shop/stuck.yaml": stuck})
	over, stop := context.WithTimeout(t.Context(), timeout)
	defer stop()
	code, out := p.killick(t.Context(), func(line string) {
		if strings.HasPrefix(line, "shop: health") {
			<-over.Done() // the time goes by while something is waited for
		}
	}, "run", "--timeout", timeout.String())
	if code != reconcile.ExitInterrupted {
		t.Errorf("exit code %d, want 7:\n%s", code, out)
	}
	p.check(t, []string{"settings"}, []string{"posts"})
	if len(p.slack.Messages()) == 0 {
		t.Error("nobody was told")
	}
}

// stuck is a Deployment that never becomes ready: a run waits for its health.
const stuck = `apiVersion: apps/v1
kind: Deployment
metadata: {name: stuck}
spec:
  selector: {matchLabels: {app: stuck}}
  template:
    metadata:
      labels: {app: stuck}
      annotations: {testenv.killick.dev/stuck: "true"}
    spec: {containers: [{name: app, image: app}]}
`

// check compares the ConfigMaps of the place, and that nothing is live that no
// inventory knows.
func (p *place) check(t *testing.T, live, not []string) {
	t.Helper()
	client, err := p.named("ConfigMap")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range live {
		if _, err := client.Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("ConfigMap %q: %v", name, err)
		}
	}
	for _, name := range not {
		if _, err := client.Get(t.Context(), name, metav1.GetOptions{}); err == nil || present(err) != nil {
			t.Errorf("ConfigMap %q should be absent: %v", name, err)
		}
	}
	if err := p.covered(t.Context()); err != nil {
		t.Error(err)
	}
}

// covered says what carries our label and stands in no inventory.
func (p *place) covered(ctx context.Context) error {
	state, err := cluster.Connect(ctx, cluster.Options{Kubeconfig: p.cp.Kubeconfig(), StateNamespace: p.state})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, app := range []string{"shop", "blog"} {
		inventory, _, err := state.Load(ctx, app)
		if err != nil {
			return err
		}
		for _, entry := range inventory.Entries {
			known[entry.ID.Kind+"/"+entry.ID.Name] = true
		}
	}
	var lost []error
	for _, resource := range watched {
		list, err := p.admin.Resource(resource).Namespace(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: drift.LabelPartOf})
		if err != nil {
			return err
		}
		for _, item := range list.Items {
			if name := item.GetKind() + "/" + item.GetName(); !known[name] {
				lost = append(lost, fmt.Errorf("%s is live and in no inventory", name))
			}
		}
	}
	return errors.Join(lost...)
}

// TestSignal stops a real process by SIGTERM while it waits for a Deployment: it
// saves its state, gives the lease back and tells people, well within the grace
// period of a pod. Whatever the time zone of the process, it speaks UTC.
func TestSignal(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"killick.yaml": blogAfterShop, "apps/shop/stuck.yaml": stuck})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "-o", "json")
	cmd.Env = []string{beKillick + "=1", "TZ=Pacific/Auckland", "HOME=" + t.TempDir()}
	for name, value := range p.environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told time.Time
	for scanner := bufio.NewScanner(progress); scanner.Scan(); {
		p.hear(scanner.Text())
		if told.IsZero() && strings.HasPrefix(scanner.Text(), "shop: health: ") {
			told = time.Now()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	err = cmd.Wait()
	p.hear(out.String())
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != reconcile.ExitInterrupted {
		t.Errorf("want exit code 7, got %v:\n%s", err, &out)
	}
	if took := time.Since(told); told.IsZero() || took > 25*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if !strings.Contains(out.String(), `"exitCode": 7`) || strings.Contains(out.String(), "+13:00") {
		t.Errorf("the report is not as it should be:\n%s", &out)
	}
	p.check(t, []string{"settings", "banner"}, []string{"posts"})
	lease, err := p.cp.Client().CoordinationV1().Leases(p.state).Get(t.Context(), drift.LeaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
		t.Errorf("the lease is still held by %q", *lease.Spec.HolderIdentity)
	}
	if len(p.slack.Messages()) == 0 {
		t.Error("nobody was told")
	}
}

// TestCanariesAreFound keeps the check at the end of every script honest.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, nil)
	if err := p.noCanaries(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.hear("an error with " + p.canary("git") + " in it")
	if err := p.noCanaries(t.Context()); err == nil {
		t.Error("a told secret was not found")
	}
	p.said.Reset()
}
