package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/source"
	"github.com/killick-dev/killick/reconcile"
)

// polling bounds the question which commit a ref is at.
const polling = 30 * time.Second

// idle says whether anything moved since the last run that had nothing left to do:
// Git's refs, what the cluster serves, the binary, any object. If nothing did, this
// run is over, and the report says so; nothing was written. Whatever is in doubt
// is for a full run.
func (s *session) idle(ctx context.Context) (drift.Report, bool) {
	if s.trust < drift.TrustIdle || len(s.settings.Apps) > 0 {
		return drift.Report{}, false
	}
	record, key, ok := s.record(ctx)
	if !ok || !record.Settled || !record.Fresh(s.now()) || len(s.told.Errors) > 0 {
		return drift.Report{}, false
	}
	refs := make(chan bool, 1)
	go func() { refs <- s.unmoved(ctx, record) }()
	outcome, still := s.unchanged(ctx, record, key)
	if same := <-refs; !same || !still {
		return drift.Report{}, false
	}
	report := outcome.Report
	report.Run.Idle = true
	for i := range report.Apps {
		report.Apps[i].Complete = true // as the run was that left the record
	}
	return report, true
}

// unmoved says that Git's refs are where they were.
func (s *session) unmoved(ctx context.Context, record drift.Record) bool {
	tips, err := s.tips(ctx, record)
	return err == nil && maps.Equal(tips, record.Tips)
}

// unchanged says that the cluster serves what it did, and holds what it did.
func (s *session) unchanged(ctx context.Context, record drift.Record, key []byte) (reconcile.Outcome, bool) {
	capabilities, err := s.cluster.Capabilities(ctx)
	if err != nil || s.basis(capabilities) != record.Basis {
		return reconcile.Outcome{}, false
	}
	defer s.cluster.Forget() // a full run judges by what is there after it has rendered
	if s.cluster.Stands(ctx, record) {
		return s.reconciler(nil).Unmoved(s.recollecting(key), record), true
	}
	return s.recall(ctx, record, key)
}

// record is what the last complete run left, if this installation wrote it.
func (s *session) record(ctx context.Context) (drift.Record, []byte, bool) {
	if s.told.Record == nil {
		return drift.Record{}, nil, false
	}
	key, err := s.cluster.Key(ctx, false)
	if err != nil || key == nil {
		return drift.Record{}, nil, false
	}
	last := s.lastRecord(key)
	if last == nil {
		return drift.Record{}, nil, false
	}
	return *last, key, true
}

// lastRecord is the same for who has the key; nil when there is none.
func (s *session) lastRecord(key []byte) *drift.Record {
	if last := s.told.Record; last != nil && last.Trusted(key) {
		return last
	}
	return nil
}

// recall looks at the cluster with what earlier runs wrote down.
func (s *session) recall(ctx context.Context, record drift.Record, key []byte) (reconcile.Outcome, bool) {
	if _, err := s.cluster.Parents(ctx); err != nil {
		return reconcile.Outcome{}, false
	}
	progress := newProgress(s.world)
	defer progress.Done()
	return s.reconciler(progress).Recall(ctx, s.recollecting(key), record)
}

// recollecting is the task of a run without Git.
func (s *session) recollecting(key []byte) reconcile.Request {
	return reconcile.Request{
		Mode: s.mode, RunID: s.started.ID, Version: versionText(), StateNamespace: s.settings.StateNamespace,
		Cluster: drift.ReportCluster{Name: s.clusterName(), UID: s.uid}, Key: key,
	}
}

// tips asks which commits the recorded repositories are at now, the config's own
// first: without that one there is no run.
func (s *session) tips(ctx context.Context, record drift.Record) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, polling)
	defer cancel()
	var named map[string]config.Repository
	if len(record.Repositories) > 0 {
		if err := json.Unmarshal(record.Repositories, &named); err != nil {
			return nil, fmt.Errorf("reading the record of the last run: %w", err)
		}
	}
	repositories := map[string]source.Repository{"": sourceOf(s.settings.ConfigRepository(), false)}
	for name, repository := range named {
		repositories[name] = sourceOf(repository, false)
	}
	git := source.New(repositories, source.Options{})
	found := make(map[string]string, len(record.Tips))
	for _, name := range slices.Sorted(maps.Keys(record.Tips)) {
		commit, err := git.Resolve(ctx, name)
		if err != nil && name == "" && errors.Is(err, drift.ErrUnreachable) {
			s.gitDown = err
		}
		if err != nil {
			return nil, err
		}
		found[name] = commit
	}
	return found, nil
}

// basis names what a run depends on beside Git and the objects.
func (s *session) basis(capabilities drift.Capabilities) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %q", versionText(), s.uid, s.settings.Repo, s.settings.Ref,
		s.settings.ConfigPath, s.settings.StateNamespace, s.settings.RepositoryValues, capabilities.Fingerprint()))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

// complete adds to a run's record what the next run compares; nil when a commit is
// not known.
func (s *session) complete(ctx context.Context, record *drift.Record) *drift.Record {
	if record == nil {
		return nil
	}
	record.Tips = map[string]string{}
	for _, name := range s.desired.repositories() {
		checkout, err := s.desired.sources.Checkout(ctx, name) // was fetched, or failed, before
		if err != nil || checkout.Revision.Commit == "" {
			return nil
		}
		record.Tips[name] = checkout.Revision.Commit
	}
	capabilities, err := s.cluster.Capabilities(ctx) // after the run: it may have added kinds
	if err != nil {
		return nil
	}
	record.Basis = s.basis(capabilities)
	if record.Repositories, err = json.Marshal(s.desired.config.Repositories); err != nil {
		return nil
	}
	return record
}

// repositories are the names of those that the config uses, its own included.
func (d desired) repositories() []string {
	used := map[string]bool{"": true}
	for _, app := range d.config.DriftApps() {
		used[app.Repository] = true
	}
	for _, entry := range d.config.Policies {
		if entry.Builtin == "" {
			used[entry.Repository] = true
		}
	}
	var names []string
	for name := range used {
		names = append(names, name)
	}
	return names
}

// blind is a run while Git does not answer: what the last complete run saw still
// tells whether the cluster moved. Nothing is decided, and nothing but state is
// written.
func (s *session) blind(whole, working context.Context, cause error) error {
	if !errors.Is(cause, drift.ErrUnreachable) || errors.Is(cause, drift.ErrWrongCluster) || s.cluster == nil || s.uid == "" {
		return s.fail(whole, cause)
	}
	record, key, ok := s.record(working)
	if !ok || s.trust < drift.TrustMemo {
		return s.fail(whole, cause)
	}
	s.key = key
	leased, release, err := s.cluster.AcquireLease(working, s.started.ID, leaseTTL)
	if err != nil {
		return s.fail(whole, cause)
	}
	defer s.giveBack(whole, release)
	outcome, _ := s.recall(leased, record, key)
	if len(outcome.Report.Apps) == 0 {
		return s.fail(whole, errors.Join(cause, lostLease(leased)))
	}
	failure, exitCode := s.failureReport(cause)
	outcome.Report = s.signed(outcome.Report)
	outcome.Report.Errors = append(failure.Errors, outcome.Report.Errors...)
	outcome.Report.Run.ExitCode = exitCode
	redactor := s.redactor(outcome.Secrets)
	if err := s.remember(whole, leased, outcome, s.fallbackNotify(), redactor); err != nil {
		outcome.Report.Errors = append(outcome.Report.Errors, unsaved(err)...)
	}
	return s.print(outcome.Report, redactor)
}

// lostLease says why this run may not write down any more what it saw: it would overwrite
// what its successor knows better. Nil while it has the lease.
func lostLease(leased context.Context) error {
	cause := context.Cause(leased)
	if !errors.Is(cause, drift.ErrLeaseLost) {
		return nil
	}
	return failed(reconcile.ExitInterrupted, "cluster", &drift.Problem{Stage: "cluster",
		Hint: "look for a second CronJob or a run by hand with this state namespace, or, if nobody has taken it, for what kept it from being renewed",
		Err:  fmt.Errorf("%w; what was done until then stands, nothing was written after it, and the state of this run is not saved", cause)})
}
