package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// leaseTTL is how long a run that died keeps others out, counted from its last renewal.
const leaseTTL = 60 * time.Second

// exitLeaseHeld: another run is at work, and --exit-code asked to say so.
const exitLeaseHeld = 6

func runCommand(w world) *cobra.Command {
	var settings config.Settings
	var detailed, detect bool
	cmd := &cobra.Command{
		Use: "run", Short: "Reconcile once: do what policy allows, report the rest (the CronJob's command)",
		Example: "  killick run --repo https://git.example.com/platform.git --ref main --config clusters/prod/killick.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Validate(); err != nil {
				return usage(err)
			}
			s := &session{world: w, root: cmd.Root(), settings: settings, mode: reconcile.Run}
			if detect {
				s.mode = reconcile.Detect
			}
			return s.run(cmd.Context(), detailed)
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	settings.AddClusterFlags(cmd.Flags())
	settings.AddOutputFlags(cmd.Flags())
	settings.AddFilterFlags(cmd.Flags())
	settings.AddTrustFlag(cmd.Flags())
	settings.AddNotifyFlags(cmd.Flags())
	cmd.Flags().BoolVar(&detailed, "exit-code", false, "exit with 1 when drift is left, with 6 when another run is at work")
	cmd.Flags().BoolVar(&detect, "detect", false, "change nothing but Killick's own state; tell what would be done")
	// What is on disk or in one namespace is not what Git says of the cluster:
	// both are for looking, and run refuses them.
	for _, name := range []string{"worktree", "namespace"} {
		_ = cmd.Flags().MarkHidden(name) // the flags are there
	}
	return cmd
}

func (s *session) run(ctx context.Context, detailed bool) error {
	if s.settings.Worktree {
		return usage(errors.New("run refuses --worktree: only committed state is applied; use plan to look at files on disk"))
	}
	if s.settings.Namespace != "" {
		return usage(errors.New("run refuses --namespace: a part of an app is never applied; use plan to look at one namespace, or --app"))
	}
	if s.settings.ReadsElsewhere() {
		return usage(errors.New("run refuses another url or ref by --repository: what is applied is what the config says; use plan to look at something else"))
	}
	defer s.close()
	s.begin()
	whole, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	working, stop := context.WithTimeout(whole, s.settings.Timeout-ending(s.settings.Timeout))
	defer stop()
	lost, err := s.reach(working)
	if err != nil {
		return s.fail(whole, err)
	}
	if lost == nil {
		if report, idle := s.idle(working); idle {
			return s.print(s.signed(report), s.redactor(nil))
		}
	}
	if err := s.read(working, lost); err != nil {
		return s.blind(whole, working, err)
	}
	leased, release, err := s.cluster.AcquireLease(working, s.started.ID, leaseTTL)
	if errors.Is(err, drift.ErrLeaseHeld) {
		fmt.Fprintln(s.err, "killick:", err)
		if detailed {
			return code(exitLeaseHeld)
		}
		return nil
	}
	if err != nil {
		return s.fail(whole, failed(reconcile.ExitPartial, "cluster", err))
	}
	defer s.giveBack(ctx, release)
	request, err := s.request(leased)
	if err != nil {
		return s.fail(whole, cmp.Or(lostLease(leased), err))
	}
	progress := newProgress(s.world)
	outcome := s.reconciler(progress).Do(leased, request)
	progress.Done()
	outcome.Report = s.signed(outcome.Report)
	outcome.Report.Errors = append(outcome.Report.Errors, s.cluster.Notes()...)
	outcome.Record = s.complete(leased, outcome.Record)
	return s.end(whole, leased, outcome, detailed)
}

// end tells people, saves what the next run needs and prints. The lease may be lost during
// the work, which people are told, or while they are told.
func (s *session) end(whole, leased context.Context, outcome reconcile.Outcome, detailed bool) error {
	lost := lostLease(leased)
	if lost != nil {
		outcome.Report.Errors = append(outcome.Report.Errors, unsaved(lost)...)
		outcome.Tally.Interrupted = true
	}
	outcome.Report.Run.ExitCode = reconcile.ExitCode(outcome.Tally, detailed)
	redactor := s.redactor(outcome.Secrets)
	err := s.remember(whole, leased, outcome, notifyConfig(s.desired.config.Notify, s.lookup), redactor)
	if err != nil && lost == nil {
		outcome.Report.Errors = append(outcome.Report.Errors, unsaved(err)...)
		outcome.Tally.Partial = true // the next run knows less than it should
		outcome.Tally.Interrupted = outcome.Tally.Interrupted || errors.Is(err, drift.ErrLeaseLost)
		outcome.Report.Run.ExitCode = reconcile.ExitCode(outcome.Tally, detailed)
	}
	return s.print(outcome.Report, redactor)
}

// giveBack releases the lease, so that the next run need not wait.
func (s *session) giveBack(ctx context.Context, release func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := release(ctx); err != nil {
		fmt.Fprintln(s.err, "killick: releasing the lease:", err)
	}
}
