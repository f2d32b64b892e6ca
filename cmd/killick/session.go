package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/health"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/internal/render"
	"github.com/killick-dev/killick/internal/source"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/reconcile"
)

// session is one run or plan with its collaborators.
type session struct {
	world
	root     *cobra.Command
	settings config.Settings
	mode     reconcile.Mode
	started  drift.ReportRun
	desired  desired
	policies *policy.Engine
	cluster  *cluster.Client
	renderer *render.Children // nil until there is something to render
	uid      string
	key      []byte
	noMemo   bool // the key could not be read
	warnings []string
	trust    drift.Trust
	gitDown  error // Git did not answer when it was asked for the ref
	told     drift.RunState
	unread   bool   // told could not be read: what is there must not be overwritten
	chosen   choice // what is to be explained; the zero value is nothing
}

// failure ends a run before it began: nothing was written.
type failure struct {
	code  int
	stage string
	err   error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(code int, stage string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{code: code, stage: stage, err: err}
}

// open finds the cluster and reads the config and the policies. The cluster comes
// first: an unreachable or wrong one outranks a broken config (docs/report.md), and
// its state remembers what was told already and whom to tell. Nothing is written
// before the config has said that this is the cluster it is meant for.
func (s *session) open(ctx context.Context) error {
	lost, err := s.reach(ctx)
	if err != nil {
		return err
	}
	return s.read(ctx, lost)
}

// reach finds the cluster and what the last run left there. lost says why there is
// no cluster; the error ends the run.
func (s *session) reach(ctx context.Context) (lost, err error) {
	if s.trust, err = drift.ParseTrust(cmp.Or(s.settings.Trust, drift.TrustIdle.String())); err != nil {
		return nil, failed(reconcile.ExitUsage, "config", err)
	}
	if lost = s.connect(ctx); lost != nil {
		return lost, nil
	}
	s.told, err = s.cluster.LoadRun(ctx)
	if s.unread = err != nil; s.unread && s.mode.Remembers() {
		// What is wrong with the config or the policies is told in the same run.
		return failed(reconcile.ExitPartial, "cluster", err), nil
	}
	return s.copied(), nil
}

// read reads the config and the policies, and prepares the state.
func (s *session) read(ctx context.Context, lost error) error {
	if s.gitDown != nil {
		return failed(reconcile.ExitUsage, "config", s.gitDown)
	}
	var err error
	s.desired, err = s.world.readDesired(ctx, s.root, s.settings)
	if own := s.desired.own.Revision; own.Commit != "" {
		revision := summary.ReportRevisionOf(own, s.desired.config.WebOf("", s.settings.Repo))
		s.started.ConfigRevision = &revision
	}
	if err != nil {
		return errors.Join(lost, failed(reconcile.ExitUsage, "config", err))
	}
	if lost == nil {
		lost = s.verify(ctx)
	}
	if err = s.loadPolicies(ctx); err != nil {
		return errors.Join(lost, failed(reconcile.ExitUsage, "policy", err))
	}
	if lost != nil {
		return lost
	}
	if s.mode.Remembers() {
		if err := s.cluster.EnsureStateNamespace(ctx); err != nil {
			return failed(reconcile.ExitPartial, "cluster", err)
		}
	}
	return s.openKey(ctx)
}

// connect finds the cluster and its identity.
func (s *session) connect(ctx context.Context) error {
	connected, err := cluster.Connect(ctx, cluster.Options{
		Kubeconfig: s.settings.Kubeconfig, Context: s.settings.Context,
		StateNamespace: s.settings.StateNamespace, Version: versionText(),
	})
	if err == nil {
		s.cluster = connected
		s.uid, err = connected.Identity(ctx)
	}
	return failed(reconcile.ExitUnreachable, "cluster", err)
}

// installation is the cluster and the state namespace that this run works with.
func (s *session) installation() string { return s.uid + "/" + s.cluster.StateNamespace() }

// own is what no app may manage: what this run knows of itself in a Pod, else what the
// last one in the cluster knew.
func (s *session) own() drift.Installation {
	own := s.told.Own
	if account := s.cluster.Account(); account != "" && (s.mode.Remembers() || own.Account == "") {
		own.Account = account
		names, _ := s.lookup(config.EnvOwnNames)
		own.Names = strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	}
	own.StateNamespace = s.cluster.StateNamespace()
	return own
}

// copied finds state that was written in another cluster, as a restored backup is: what it
// says is about other objects.
func (s *session) copied() error {
	if s.told.Installation == "" || s.told.Installation == s.installation() {
		return nil
	}
	return failed(reconcile.ExitUnreachable, "cluster", &drift.Problem{Stage: "cluster",
		Hint: "if this cluster replaces that one, delete killick-run and every killick-app-* and killick-state-* (docs/recover.md)",
		Err: fmt.Errorf("%w: the state in namespace %q was written by the installation %s, and this is %s",
			drift.ErrWrongCluster, s.cluster.StateNamespace(), s.told.Installation, s.installation())})
}

// verify compares the cluster with the one that the config names: by its UID where the
// config has it, else by the name that earlier runs went by here. Where there were none, it
// looks whether there were some elsewhere in the cluster.
func (s *session) verify(ctx context.Context) error {
	named := s.desired.config.Cluster
	problem := &drift.Problem{Stage: "cluster", File: s.settings.ConfigPath}
	switch {
	case named.UID == s.uid:
		return s.elsewhere(ctx)
	case named.UID != "":
		problem.Hint = "check --kubeconfig and --context, or cluster.uid in the config"
		problem.Err = fmt.Errorf("%w: the config names cluster %s, and this is %s", drift.ErrWrongCluster, named.UID, s.uid)
	case s.told.Cluster == "":
		err := s.elsewhere(ctx)
		if err == nil {
			s.first()
		}
		return err
	case s.told.Cluster == named.Name:
		return nil
	default:
		problem.Hint = fmt.Sprintf("check --kubeconfig, --context and --config; if the cluster has a new name, write cluster.uid: %s beside it", s.uid)
		problem.Err = fmt.Errorf("%w: the config is for %q, and runs in this cluster went by %q", drift.ErrWrongCluster, named.Name, s.told.Cluster)
	}
	return failed(reconcile.ExitUnreachable, "cluster", problem)
}

// first says which cluster a first run records where nothing but a kubeconfig says that it
// is the right one.
func (s *session) first() {
	if !s.mode.Remembers() || s.cluster.Account() != "" {
		return
	}
	fmt.Fprintf(s.err, "killick: no run recorded a cluster in namespace %q: this one is %q from now on (cluster.uid: %s)\n",
		s.cluster.StateNamespace(), s.desired.config.Cluster.Name, s.uid)
}

// openKey reads the key of the stored hashes. A plan on a cluster that Killick
// never ran on has none, and a person may not be allowed to read it: then a plan
// compares with nothing stored, and says so.
func (s *session) openKey(ctx context.Context) error {
	key, err := s.cluster.Key(ctx, s.mode.Remembers())
	if s.mode.Remembers() && err != nil {
		return failed(reconcile.ExitPartial, "cluster", err)
	}
	if s.key = key; err == nil && key != nil {
		return nil
	}
	if err != nil {
		fmt.Fprintf(s.err, "killick: the state's key could not be read (%v); causes may differ from a run's\n", err)
	}
	s.noMemo, s.key = true, make([]byte, 32)
	_, err = rand.Read(s.key)
	return failed(reconcile.ExitPartial, "cluster", err)
}

// request is the run's task in plain values.
func (s *session) request(ctx context.Context) (reconcile.Request, error) {
	capabilities, err := s.cluster.Capabilities(ctx)
	if err != nil {
		return reconcile.Request{}, failed(reconcile.ExitUnreachable, "cluster", err)
	}
	parents, err := s.cluster.Parents(ctx)
	if err != nil && s.mode.Remembers() {
		return reconcile.Request{}, failed(reconcile.ExitPartial, "cluster", err)
	}
	apps := s.desired.config.DriftApps()
	for i := range apps {
		apps[i].Web = s.desired.config.WebOf(apps[i].Repository, s.settings.Repo)
	}
	if err := knownApps(apps, s.settings.Apps); err != nil {
		return reconcile.Request{}, failed(reconcile.ExitUsage, "config", err)
	}
	var explain func(drift.ID) bool
	if s.chosen != (choice{}) {
		explain, _ = s.chosen.in(capabilities)
	}
	return reconcile.Request{
		Mode: s.mode, RunID: s.started.ID, Version: versionText(),
		Cluster:      drift.ReportCluster{Name: s.desired.config.Cluster.Name, UID: s.uid},
		Capabilities: capabilities, ConfigPath: s.settings.ConfigPath, Local: s.mode == reconcile.Plan && source.Local(s.settings.Repo),
		Apps: apps, Only: s.settings.Apps, Namespace: s.settings.Namespace,
		Guards: s.desired.config.DriftGuards(), Noise: s.desired.config.DriftNoise(), Parents: parents,
		StateNamespace: s.settings.StateNamespace, Own: s.own(), Key: s.key, NoMemo: s.noMemo,
		Trust: s.trust, Last: s.lastRecord(s.key), Audit: drift.AuditSince(s.told.Audited, s.started.Started),
		Explain: explain, Warnings: s.warnings,
	}, nil
}

// knownApps refuses a --app that the config does not have.
func knownApps(apps []drift.App, only []string) error {
	for _, name := range only {
		found := false
		var names []string
		for _, app := range apps {
			names = append(names, app.Name)
			found = found || app.Name == name
		}
		if !found {
			return &drift.Problem{Stage: "config", Hint: fmt.Sprintf("the config has %q", names),
				Err: fmt.Errorf("--app %q: no such app in the config", name)}
		}
	}
	return nil
}

func (s *session) reconciler(progress reconcile.Progress) reconcile.Reconciler {
	if s.renderer == nil {
		s.renderer = newRenderer(s.settings)
	}
	r := reconcile.Reconciler{
		Source:   s.desired.sources,
		Renderer: s.renderer,
		Reader:   s.cluster, Pods: s.cluster, Memory: s.cluster,
		Policies: s.policies, Health: health.Of, Progress: progress, Now: s.now,
	}
	if s.mode.Acts() {
		r.Writer = s.cluster
	}
	return r
}

// close ends the processes that rendered.
func (s *session) close() {
	if s.renderer != nil {
		s.renderer.Close()
	}
}

func newRunID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // crypto/rand never fails
	return hex.EncodeToString(id)
}

// failureReport is the report of a run that could not begin.
func (s *session) failureReport(err error) (drift.Report, int) {
	report := drift.Report{
		Schema: drift.ReportSchema, Run: s.started, Apps: []drift.ReportApp{}, Errors: []drift.ReportError{},
		Cluster: drift.ReportCluster{Name: s.clusterName(), UID: s.uid},
	}
	exitCode := 0
	for _, one := range problems(err) {
		var f *failure
		stage := ""
		if errors.As(one, &f) {
			stage = f.stage
			if exitCode == 0 || f.code == reconcile.ExitUnreachable {
				exitCode = f.code
			}
		}
		for _, cause := range problems(unwrapFailure(one)) {
			report.Errors = append(report.Errors, drift.ReportOf("", stage, cause))
		}
	}
	if exitCode == 0 {
		exitCode = reconcile.ExitUsage
	}
	if s.cluster != nil {
		report.Errors = append(report.Errors, s.cluster.Notes()...)
	}
	if errors.Is(err, drift.ErrWrongCluster) {
		// People know this cluster by the name it went by, not by the config's.
		report.Cluster.Name = cmp.Or(s.told.Cluster, report.Cluster.Name)
	}
	report.Run.Finished, report.Run.ExitCode = s.now().UTC(), exitCode
	return report, exitCode
}

// clusterName is what the config calls the cluster, or what the last valid one
// called it, or what a config that is not valid seems to call it.
func (s *session) clusterName() string {
	return cmp.Or(s.knownCluster(), s.desired.seems)
}

// knownCluster is the name that the cluster is recorded under.
func (s *session) knownCluster() string { return cmp.Or(s.desired.config.Cluster.Name, s.told.Cluster) }

// begin names the run, before anything can fail.
func (s *session) begin() {
	s.started = s.mode.Header(newRunID(), versionText(), s.now().UTC())
	s.started.Config = &drift.ConfigPlace{Repository: s.settings.Repo, Ref: s.settings.Ref, Path: s.settings.ConfigPath}
	if job := s.getenv(config.EnvJobName); job != "" {
		s.started.Job = s.getenv(config.EnvJobNamespace) + "/" + job
	}
}

// signed is a report that says whose it is.
func (s *session) signed(report drift.Report) drift.Report {
	report.Run.Config, report.Run.Job = s.started.Config, s.started.Job
	report.Run.ConfigRevision, report.Run.Policies = s.started.ConfigRevision, s.started.Policies
	return report
}

func unwrapFailure(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return f.err
	}
	return err
}
