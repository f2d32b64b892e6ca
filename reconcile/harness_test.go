package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/health"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/internal/render"
	"github.com/killick-dev/killick/internal/source"
	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/reconcile"
)

// gitHost serves the repositories of all tests.
var gitHost *gitserver.Host

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "killick-git-")
	if err == nil {
		gitHost, err = gitserver.Start(dir, gitserver.Options{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the git server:", err)
		os.Exit(1)
	}
	defer os.RemoveAll(dir)
	defer gitHost.Close() // the process ends with it
	testenv.Main(m)
}

// grants are the policies most tests run under: everything that needs no extra
// grant is allowed.
const grants = `package drift.test

sync contains "Git says so" if input.drift.type != "extra"
heal contains "put it back" if input.drift.cause in {"live", "both"}
prune contains "Git no longer has it" if input.drift.type == "extra"
`

// adoption and replacement are the two further grants.
const (
	adoption    = "\nadopt contains \"take it over\" if not input.ownership.tracked\n"
	replacement = "\nreplace contains \"delete and create\" if count(input.changes) > 0\n"
)

// site is one test's world: a repository, a namespace for objects, a state
// namespace and the settings of its runs, on the control plane that all tests
// share.
type site struct {
	*testing.T
	cluster *testenv.ControlPlane
	admin   *cluster.Client // somebody else's eyes
	repo    *gitserver.Repository
	ns      string // for objects; "$NS" in files
	state   string

	// The settings of the next runs.
	apps   []drift.App
	rego   string // policies; "" is none
	guards drift.Guards
	noise  drift.Noise
	ref    string
	now    func() time.Time
	budget time.Duration // to become healthy
	trust  drift.Trust   // what stands in for the API server's answer
	audit  drift.Audit
	// explain selects objects whose policy input is kept.
	explain func(drift.ID) bool
	// served changes what the cluster says it serves.
	served func(drift.Capabilities) drift.Capabilities
	// wrap puts something between a run and its collaborators.
	wrap func(reconcile.Reconciler) reconcile.Reconciler
	// wire puts something between a run and the API server.
	wire func(http.RoundTripper) http.RoundTripper
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, testenv.Cluster(t))
}

func newSiteOn(t *testing.T, cp *testenv.ControlPlane) *site {
	t.Helper()
	s := &site{T: t, cluster: cp, ns: cp.NewNamespace(t), state: cp.NewNamespace(t), rego: grants, ref: gitserver.MainBranch,
		now: time.Now, budget: longEnough, trust: drift.TrustMemo}
	s.guards.Prune = drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 20, RunCeiling: 50}
	var err error
	if s.repo, err = gitHost.Create(strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + "-" + s.ns); err != nil {
		t.Fatal(err)
	}
	s.admin = s.connect(cluster.Options{})
	s.app("shop")
	t.Cleanup(s.sweep)
	return s
}

// sweep deletes what the site's apps left outside its namespaces.
func (s *site) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own is over
	defer cancel()
	for _, app := range s.apps {
		inventory, _, err := s.admin.Load(ctx, app.Name)
		if err != nil {
			s.Logf("sweeping: %v", err)
		}
		for _, entry := range inventory.Entries {
			if entry.ID.Namespace != "" {
				continue
			}
			seen := s.admin.Get(ctx, app, entry.ID, entry.Version)
			if seen.State != drift.Present {
				continue
			}
			err := s.admin.Delete(ctx, drift.DeleteRequest{App: app, ID: entry.ID, Version: entry.Version,
				UID: nested.UIDOf(seen.Live), ResourceVersion: nested.ResourceVersionOf(seen.Live)})
			if err != nil {
				s.Logf("sweeping: %v", err)
			}
		}
	}
}

// app adds an app whose folder has its name, with settings.
func (s *site) app(name string, settings ...func(*drift.App)) {
	app := drift.App{Name: name, Path: name, Namespace: s.ns, Secrets: drift.SecretsSkip}
	for _, set := range settings {
		set(&app)
	}
	s.apps = slices.DeleteFunc(s.apps, func(a drift.App) bool { return a.Name == name })
	s.apps = append(s.apps, app)
}

func manageSecrets(a *drift.App) { a.Secrets = drift.SecretsManage }

func after(names ...string) func(*drift.App) { return func(a *drift.App) { a.DependsOn = names } }

// connect makes a client as an administrator with the site's state namespace.
func (s *site) connect(options cluster.Options) *cluster.Client {
	s.Helper()
	options.Kubeconfig, options.StateNamespace, options.Version = s.cluster.Kubeconfig(), s.state, "test"
	client, err := cluster.Connect(s.Context(), options)
	if err != nil {
		s.Fatal(err)
	}
	return client
}

// commit changes files in Git; a path without a folder is one of app shop.
func (s *site) commit(files map[string]string) string {
	s.Helper()
	return s.commitTo(gitserver.MainBranch, files)
}

func (s *site) commitTo(branch string, files map[string]string) string {
	s.Helper()
	tree := map[string]string{}
	for path, content := range files {
		if !strings.Contains(path, "/") {
			path = "shop/" + path
		}
		tree[path] = strings.ReplaceAll(content, "$NS", s.ns)
	}
	change := gitserver.Change{Message: "change", Files: tree, Branch: branch}
	if branch != gitserver.MainBranch {
		change.From = gitserver.MainBranch
	}
	commit, err := s.repo.Write(change)
	if err != nil {
		s.Fatal(err)
	}
	return commit
}

const deleted = gitserver.Deleted

// result is a run that ended.
type result struct {
	*site
	reconcile.Outcome
	code int // with --exit-code
}

// run reconciles once, as the command does: everything is opened afresh.
func (s *site) run(only ...string) result {
	s.Helper()
	return s.do(s.Context(), reconcile.Run, only)
}

// plan says what a run would do.
func (s *site) plan(only ...string) result {
	s.Helper()
	return s.do(s.Context(), reconcile.Plan, only)
}

func (s *site) do(ctx context.Context, mode reconcile.Mode, only []string) result {
	s.Helper()
	outcome, err := s.attempt(ctx, mode, only)
	if err != nil {
		s.Fatal(err)
	}
	return result{site: s, Outcome: outcome, code: reconcile.ExitCode(outcome.Tally, true)}
}

// attempt is a run whose beginning may fail too.
func (s *site) attempt(ctx context.Context, mode reconcile.Mode, only []string) (reconcile.Outcome, error) {
	s.Helper()
	none := reconcile.Outcome{}
	client, err := cluster.Connect(ctx, cluster.Options{
		Kubeconfig: s.cluster.Kubeconfig(), StateNamespace: s.state, Version: "test", Transport: s.wire})
	if err != nil {
		return none, err
	}
	uid, err := client.Identity(ctx)
	if err != nil {
		return none, err
	}
	key, err := client.Key(ctx, mode == reconcile.Run)
	if err != nil {
		return none, err
	}
	capabilities, err := client.Capabilities(ctx)
	if err != nil {
		return none, err
	}
	if s.served != nil {
		capabilities = s.served(capabilities)
	}
	parents, err := client.Parents(ctx)
	if err != nil {
		return none, err
	}
	reconciler := reconcile.Reconciler{
		Source:   source.New(map[string]source.Repository{"": {URL: s.repo.URL(), Ref: s.ref}}, source.Options{}),
		Renderer: inProcess{render.New(render.Options{StateNamespace: s.state})},
		Reader:   client, Pods: client, Writer: client, Memory: client,
		Policies: s.policies(), Health: health.Of, Progress: noProgress{}, Now: s.now,
	}
	if s.wrap != nil {
		reconciler = s.wrap(reconciler)
	}
	outcome := reconciler.Do(ctx, reconcile.Request{
		Mode: mode, RunID: "test", Version: "test", Cluster: drift.ReportCluster{Name: "test", UID: uid},
		Capabilities: capabilities, ConfigPath: "killick.yaml", Apps: s.patient(), Only: only, Guards: s.guards, Noise: s.noise, Parents: parents,
		StateNamespace: s.state, Key: key,
		Trust: s.trust, Audit: s.audit, Explain: s.explain,
	})
	outcome.Report.Errors = append(outcome.Report.Errors, client.Notes()...)
	for name, state := range outcome.States {
		if err := reconciler.Memory.SaveState(context.WithoutCancel(ctx), name, state); err != nil {
			return outcome, err
		}
	}
	return outcome, nil
}

// patient are the apps; what has no healthTimeout of its own gets the site's budget.
func (s *site) patient() []drift.App {
	apps := slices.Clone(s.apps)
	for i := range apps {
		if apps[i].HealthTimeout == 0 {
			apps[i].HealthTimeout = s.budget
		}
	}
	return apps
}

// inProcess renders in this process, one app of all tests at a time, since a
// Renderer allows no more. What render.Children add is tested where they are made.
type inProcess struct{ *render.Renderer }

var rendering sync.Mutex

func (r inProcess) Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	rendering.Lock()
	defer rendering.Unlock()
	return r.Renderer.Render(ctx, request)
}

type noProgress struct{}

func (noProgress) Stage(_, _, _ string) {}

// engines holds compiled policies by their text: compiling takes longer than a
// run.
var engines struct {
	sync.Mutex
	compiled map[string]*policy.Engine
}

func (s *site) policies() *policy.Engine {
	s.Helper()
	engines.Lock()
	defer engines.Unlock()
	if known := engines.compiled[s.rego]; known != nil {
		return known
	}
	var sources []policy.Source
	if s.rego != "" {
		files := fstest.MapFS{"policies/test/test.rego": &fstest.MapFile{Data: []byte(s.rego)}}
		sources = append(sources, policy.Source{Path: "policies", FS: files, Dir: "policies"})
	}
	engine, err := policy.Load(sources, policy.Options{})
	if err != nil {
		s.Fatal(err)
	}
	if engines.compiled == nil {
		engines.compiled = map[string]*policy.Engine{}
	}
	engines.compiled[s.rego] = engine
	return engine
}

// news is one line for everything the report holds: each resource with what
// drifted, why and what became of it, and every error.
func (r result) news() []string {
	var lines []string
	for _, app := range r.Report.Apps {
		for _, resource := range app.Resources {
			line := fmt.Sprintf("%s %s: %s/%s %s %s", resource.Kind, r.short(resource.Name), resource.Drift, resource.Cause,
				resource.Action, resource.Outcome)
			if len(r.Report.Apps) > 1 {
				line = app.Name + ": " + line
			}
			lines = append(lines, line)
		}
	}
	for _, e := range r.Report.Errors {
		lines = append(lines, fmt.Sprintf("error: %s %s: %s", e.App, e.Stage, e.Message))
	}
	return lines
}

// short puts $NS back into a name.
func (s *site) short(name string) string { return strings.ReplaceAll(name, s.ns, "$NS") }

// expect compares the whole news.
func (r result) expect(reason string, want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, r.news()); diff != "" {
		r.Errorf("%s: the report differs (-want +got):\n%s\n%s", reason, diff, r.details())
	}
}

// details is what a failing test shows of a report.
func (r result) details() string {
	var b strings.Builder
	for _, app := range r.Report.Apps {
		fmt.Fprintf(&b, "app %s: complete %t, health %s, %+v, warnings %q\n", app.Name, app.Complete, app.Health, app.Counts, app.Warnings)
		for _, resource := range app.Resources {
			fmt.Fprintf(&b, "  %s %s: %s %s; %s; findings %q, refused %q, error %q, health %s %s\n", resource.Kind, resource.Name,
				resource.Action, resource.Outcome, resource.Reason, resource.Findings, resource.Refused, resource.Error, resource.Health, resource.HealthReason)
			for _, field := range append(resource.Fields, resource.Ignored...) {
				fmt.Fprintf(&b, "    %s %s: Git %v, live %v, cause %s, manager %q (%s) %s\n", field.Op, field.Path, field.Desired, field.Live,
					field.Cause, field.Manager, field.ManagerClass, field.Note)
			}
		}
	}
	for _, e := range r.Report.Errors {
		fmt.Fprintf(&b, "  error %+v\n", e)
	}
	return b.String()
}

// silent says that a run found nothing to tell, warnings included.
func (r result) silent(reason string) {
	r.Helper()
	r.expect(reason)
	for _, app := range r.Report.Apps {
		warnings := slices.DeleteFunc(slices.Clone(app.Warnings), func(text string) bool {
			return strings.Contains(text, "the app renders no object") // said for as long as it holds
		})
		if len(warnings) > 0 {
			r.Errorf("%s: warnings %q", reason, warnings)
		}
	}
	if r.code != reconcile.ExitOK {
		r.Errorf("%s: exit code %d\n%s", reason, r.code, r.details())
	}
}

// quiet demands that nothing is left to tell: when the API server is asked about
// every object, as far as they prove it themselves, and as far as the memo does,
// which those runs have written.
func (s *site) quiet(reason string) {
	s.Helper()
	defer func(trust drift.Trust) { s.trust = trust }(s.trust)
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustProof, drift.TrustMemo} {
		s.run().silent(fmt.Sprintf("%s (trust %s)", reason, s.trust))
	}
}

// of finds one resource of the report by "Kind name".
func (r result) of(name string) drift.ReportResource {
	r.Helper()
	for _, app := range r.Report.Apps {
		for _, resource := range app.Resources {
			if resource.Kind+" "+r.short(resource.Name) == name {
				return resource
			}
		}
	}
	r.Fatalf("the report has no %s:\n%s", name, r.details())
	return drift.ReportResource{}
}

// hashes are what a person would paste to lift one guard.
func (r result) hashes(guard drift.Guard) []string {
	r.Helper()
	var hashes []string
	for _, app := range r.Report.Apps {
		for _, set := range app.Withheld {
			if set.Guard == guard {
				hashes = append(hashes, set.Hash)
			}
		}
	}
	if len(hashes) == 0 {
		r.Fatalf("guard %q withholds nothing:\n%s", guard, r.details())
	}
	return hashes
}

// fields words a resource's differences, sorted: "op path by manager".
func fields(resource drift.ReportResource) []string {
	var lines []string
	for _, field := range resource.Fields {
		line := field.Op + " " + field.Path
		if field.Manager != "" {
			line += " by " + field.Manager
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// converge runs until everything is applied, and demands that the run after it
// has nothing to say.
func (s *site) converge() {
	s.Helper()
	first := s.run()
	if first.code != reconcile.ExitOK {
		s.Fatalf("the first run did not converge: exit code %d\n%s", first.code, first.details())
	}
	s.run().silent("a second run right after the first")
}

// inventory is what the site's app has written down, as "Kind name" → UID.
func (s *site) inventory(app string) map[string]string {
	s.Helper()
	inventory, _, err := s.admin.Load(s.Context(), app)
	if err != nil {
		s.Fatal(err)
	}
	entries := map[string]string{}
	for _, entry := range inventory.Entries {
		entries[entry.ID.Kind+" "+s.short(entry.ID.Name)] = entry.UID
	}
	return entries
}

func (s *site) inventoried(app string) []string {
	s.Helper()
	return slices.Sorted(maps.Keys(s.inventory(app)))
}

// forget deletes one of Killick's own ConfigMaps.
func (s *site) forget(name string) {
	s.Helper()
	if err := s.cluster.Client().CoreV1().ConfigMaps(s.state).Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
}

// longEnough is a budget within which everything becomes healthy that can.
const longEnough = 30 * time.Second
