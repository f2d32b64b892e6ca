package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// needed are the controllers that run: those that finish what a boot or an
// object begins, none that keeps writing (the autoscaler would, every second).
const needed = "--controllers=serviceaccount-controller,node-lifecycle-controller,namespace-controller," +
	"deployment-controller,replicaset-controller,statefulset-controller,disruption-controller"

// stage is one control plane with the sets of objects that are measured on it.
// Every scenario gets a new one.
type stage struct {
	bin        string // the peers' folder
	killick    string
	dir        string
	cp         *testenv.ControlPlane
	relay      *relay
	host       *gitserver.Host
	kubeconfig string // leads through the relay
	client     dynamic.Interface
	trust      trust
	sets       map[string]*set
}

// set is one tool's objects: the same for all tools but for the names' prefix.
type set struct {
	entries   []entry
	objects   string // file for peers
	kinds     string // file for peers that need only the kinds
	manifests string // file for kubectl
	git       string // URL for Killick
}

func openStage(ctx context.Context, b *bench) (_ *stage, failed error) {
	s := &stage{bin: b.bin, killick: b.killick, trust: b.trust, sets: map[string]*set{}}
	defer func() {
		if failed != nil {
			failed = errors.Join(failed, s.close())
		}
	}()
	var err error
	if s.dir, err = os.MkdirTemp("", "killick-bench-"); err != nil {
		return nil, err
	}
	s.cp, err = testenv.Start(ctx, testenv.Options{Flags: map[string][]string{"kube-controller-manager": {needed}}})
	if err != nil {
		return nil, err
	}
	// Without nodes nobody renews their leases.
	everything := metav1.ListOptions{}
	if err := s.cp.Client().CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, everything); err != nil {
		return nil, err
	}
	if s.host, err = gitserver.Start(s.dir, gitserver.Options{}); err != nil {
		return nil, err
	}
	if s.client, err = dynamic.NewForConfig(s.cp.RESTConfig()); err != nil {
		return nil, err
	}
	return s, s.connect()
}

// connect puts the relay between the API server and what is measured.
func (s *stage) connect() error {
	server, err := url.Parse(s.cp.URL())
	if err != nil {
		return err
	}
	if s.relay, err = startRelay(server.Host); err != nil {
		return err
	}
	loaded, err := clientcmd.LoadFromFile(s.cp.Kubeconfig())
	if err != nil {
		return err
	}
	for _, cluster := range loaded.Clusters {
		cluster.Server = "https://" + s.relay.address()
		cluster.TLSServerName = server.Hostname()
	}
	s.kubeconfig = filepath.Join(s.dir, "relay.kubeconfig")
	return clientcmd.WriteToFile(*loaded, s.kubeconfig)
}

func (s *stage) close() error {
	var errs []error
	if s.relay != nil {
		errs = append(errs, s.relay.close())
	}
	if s.host != nil {
		errs = append(errs, s.host.Close())
	}
	if s.cp != nil {
		errs = append(errs, s.cp.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// stateNamespace is where killick keeps its state when no flag says otherwise.
const stateNamespace = config.DefaultStateNamespace

// Sets and the field managers that made them.
const (
	setKillick = "killick" // by killick run
	setFlux    = "flux"    // by ssa's ApplyAll
	setPlain   = "plain"   // by server-side apply
	setArgo    = "argo"    // by a client-side apply
)

// install makes one set and lets the tool that it is for create it.
func (s *stage) install(ctx context.Context, name string, of spec) error {
	entries, err := workload(name, of)
	if err != nil {
		return err
	}
	one := &set{
		entries: entries, objects: filepath.Join(s.dir, name+".jsonl"), kinds: filepath.Join(s.dir, name+"-kinds.jsonl"),
		manifests: filepath.Join(s.dir, name+".json"),
	}
	s.sets[name] = one
	err = errors.Join(writeEntries(one.objects, entries), writeEntries(one.kinds, kindsOf(entries)), writeManifests(one.manifests, entries))
	if err != nil {
		return err
	}
	if name == setKillick {
		files, err := repository(entries)
		if err != nil {
			return err
		}
		repository, err := s.host.Create("bench")
		if err != nil {
			return err
		}
		if _, err := repository.Write(gitserver.Change{Message: "bench", Files: files}); err != nil {
			return err
		}
		one.git = repository.URL()
		return nil // the first run creates it, measured
	}
	maker := map[string]tool{
		setFlux:  {program: "flux", args: []string{"-op=apply", "-concurrency=8"}, set: setFlux},
		setPlain: {program: "plain", args: []string{"-op=apply", "-concurrency=8"}, set: setPlain},
		setArgo:  {program: "plain", args: []string{"-op=create", "-concurrency=8", "-manager=argocd-controller"}, set: setArgo},
	}[name]
	result, err := execute(ctx, command{args: maker.command(s)})
	if err != nil {
		return err
	}
	if result.Exit != 0 {
		return fmt.Errorf("creating the objects of %s: %s", name, result.stderr)
	}
	return nil
}

// foreign makes objects that belong to nobody, ConfigMaps and Secrets in turn.
func (s *stage) foreign(ctx context.Context, count int) error {
	const perNamespace = 5000
	client := s.cp.Client()
	data := map[string]string{"a": "some value that somebody stored", "b": "and another one"}
	for begin := 0; begin < count; begin += perNamespace {
		namespace := fmt.Sprintf("foreign-%d", begin/perNamespace)
		_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for i := begin; i < min(count, begin+perNamespace); i++ {
			group.Go(func() error {
				name := metav1.ObjectMeta{Name: fmt.Sprintf("foreign-%d", i), Labels: map[string]string{"app": "foreign"}}
				if i%2 == 0 {
					_, err := client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: name, Data: data}, metav1.CreateOptions{})
					return err
				}
				_, err := client.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: name, StringData: data}, metav1.CreateOptions{})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// drift makes the edits in every set.
func (s *stage) drift(ctx context.Context, edits map[string][]edit) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, some := range edits {
		for _, e := range some {
			group.Go(func() error {
				return retry.RetryOnConflict(retry.DefaultRetry, func() error { return e.apply(ctx, s.client) })
			})
		}
	}
	return group.Wait()
}

// settle waits until the API server has little left to do.
func (s *stage) settle(ctx context.Context) error {
	const window, quiet, limit = 200 * time.Millisecond, 10 * time.Millisecond, 60 * time.Second
	before, err := s.serverCPU()
	for began := time.Now(); err == nil && time.Since(began) < limit; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(window):
		}
		var now time.Duration
		if now, err = s.serverCPU(); now-before < quiet {
			return err
		}
		before = now
	}
	return err
}

func (s *stage) serverCPU() (time.Duration, error) { return cpuOf(s.cp.PID("kube-apiserver")) }

func (s *stage) scrape(ctx context.Context) (requests, error) {
	stream, err := s.cp.Client().Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	defer func() { _ = stream.Close() }()
	return readRequests(stream)
}

// stateVersions are the versions of the objects in which Killick keeps its state.
func (s *stage) stateVersions(ctx context.Context) (map[string]string, error) {
	found, err := s.cp.Client().CoreV1().ConfigMaps(stateNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading Killick's state: %w", err)
	}
	versions := map[string]string{}
	for _, one := range found.Items {
		versions[one.Name] = one.ResourceVersion
	}
	return versions, nil
}

// written counts what is new, gone or of another version.
func written(before, after map[string]string) int {
	count := 0
	for name, version := range after {
		if before[name] != version {
			count++
		}
	}
	for name := range before {
		if after[name] == "" {
			count++
		}
	}
	return count
}

// reading is the state of all counters at one moment.
type reading struct {
	state    map[string]string
	requests requests
	bytes    int64
	cpu      time.Duration
}

// before reads the counters, the CPU last: scraping costs some.
func (s *stage) before(ctx context.Context) (r reading, err error) {
	if r.state, err = s.stateVersions(ctx); err != nil {
		return r, err
	}
	if r.requests, err = s.scrape(ctx); err != nil {
		return r, err
	}
	if err = s.settle(ctx); err != nil {
		return r, err
	}
	runtime.GC() // ours, so that the relay is not held up by it
	r.bytes = s.relay.up.Load() + s.relay.down.Load()
	r.cpu, err = s.serverCPU()
	return r, err
}

// measure runs a tool once.
func (s *stage) measure(ctx context.Context, t tool) (sample, outcome, error) {
	var before reading
	var err error
	read := func() (err error) {
		before, err = s.before(ctx)
		return err
	}
	if err := s.settle(ctx); err != nil {
		return sample{}, outcome{}, err
	}
	if !t.warm {
		if err := read(); err != nil {
			return sample{}, outcome{}, err
		}
	}
	result, err := execute(ctx, command{args: t.command(s), env: t.env, warm: t.warm, onReady: read})
	if err != nil {
		return sample{}, outcome{}, err
	}
	after, err := s.serverCPU()
	if err != nil {
		return sample{}, outcome{}, err
	}
	bytes := s.relay.up.Load() + s.relay.down.Load()
	counts, err := s.scrape(ctx)
	if err != nil {
		return sample{}, outcome{}, err
	}
	state, err := s.stateVersions(ctx)
	if err != nil {
		return sample{}, outcome{}, err
	}
	return sample{
		wall: result.Wall, cpu: result.CPU, rss: result.RSS, serverCPU: after - before.cpu,
		requests: counts.minus(before.requests), own: written(before.state, state), bytes: bytes - before.bytes,
	}, result, nil
}

// resourceOf knows the kinds of the workload.
func resourceOf(kind schema.GroupVersionKind) schema.GroupVersionResource {
	plural := map[string]string{
		"ConfigMap": "configmaps", "CronJob": "cronjobs", "Deployment": "deployments", "Ingress": "ingresses",
		"Role": "roles", "Service": "services", "ServiceAccount": "serviceaccounts",
	}[kind.Kind]
	return kind.GroupVersion().WithResource(plural)
}
