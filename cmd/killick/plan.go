package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/reconcile"
)

func planCommand(w world) *cobra.Command {
	var settings config.Settings
	detailed := true
	cmd := &cobra.Command{
		Use: "plan", Short: "Show what a run would do and why; write nothing",
		Example: "  killick plan --repo . --worktree --kubeconfig ~/.kube/config\n  killick plan -n storefront -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Validate(); err != nil {
				return usage(err)
			}
			s := &session{world: w, root: cmd.Root(), settings: settings, mode: reconcile.Plan}
			_, err := s.plan(cmd.Context(), detailed, nil)
			return err
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	settings.AddClusterFlags(cmd.Flags())
	settings.AddFilterFlags(cmd.Flags())
	settings.AddTrustFlag(cmd.Flags())
	settings.AddOutputFlags(cmd.Flags())
	cmd.Flags().BoolVar(&detailed, "exit-code", true, "exit with 1 when drift is left")
	return cmd
}

// plan judges everything and writes nothing. With show, that prints the outcome
// instead of the report.
func (s *session) plan(ctx context.Context, detailed bool, show func(reconcile.Outcome, redact.Redactor) error) (reconcile.Outcome, error) {
	defer s.close()
	s.begin()
	ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	if err := s.open(ctx); err != nil {
		return reconcile.Outcome{}, s.fail(ctx, err)
	}
	request, err := s.request(ctx)
	if err != nil {
		return reconcile.Outcome{}, s.fail(ctx, err)
	}
	progress := newProgress(s.world)
	outcome := s.reconciler(progress).Do(ctx, request)
	progress.Done()
	outcome.Report = s.signed(outcome.Report)
	outcome.Report.Errors = append(outcome.Report.Errors, s.cluster.Notes()...)
	outcome.Report.Run.ExitCode = reconcile.ExitCode(outcome.Tally, detailed)
	redactor := s.redactor(outcome.Secrets)
	if show != nil {
		return outcome, show(outcome, redactor)
	}
	return outcome, s.print(outcome.Report, redactor)
}
