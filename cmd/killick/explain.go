package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
	"github.com/killick-dev/killick/reconcile"
)

func explainCommand(w world) *cobra.Command {
	var settings config.Settings
	cmd := &cobra.Command{
		Use: "explain KIND/NAME", Short: "Show how one object was compared and decided, rule by rule",
		Long: `Show how one object was compared and decided: its differences, the decision, and
for each policy rule whether it spoke and, if not, at which line it stopped.
Nothing is written. KIND is a kind such as Deployment or Certificate.cert-manager.io.`,
		Example: "  killick explain Deployment/web -n storefront",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := settings.Validate(); err != nil {
				return usage(err)
			}
			kind, name, ok := strings.Cut(args[0], "/")
			if !ok || kind == "" || name == "" {
				return usage(fmt.Errorf("%q is not KIND/NAME, such as Deployment/web", args[0]))
			}
			s := &session{world: w, root: cmd.Root(), settings: settings, mode: reconcile.Plan}
			return s.explain(cmd.Context(), kind, name)
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	settings.AddClusterFlags(cmd.Flags())
	settings.AddFilterFlags(cmd.Flags())
	cmd.Flags().BoolVar(&settings.NoColor, "no-color", false, "no colours, also on a terminal")
	return cmd
}

func (s *session) explain(ctx context.Context, kind, name string) error {
	namespace := s.settings.Namespace
	s.chosen = func(id drift.ID) bool {
		return name == id.Name && (namespace == "" || namespace == id.Namespace) &&
			(strings.EqualFold(kind, id.Kind) || strings.EqualFold(kind, id.GroupKind()))
	}
	_, err := s.plan(ctx, false, func(outcome reconcile.Outcome, redactor drift.Redactor) error {
		return s.showExplained(ctx, outcome, redactor, kind+"/"+name)
	})
	return err
}

// showExplained prints the selected objects' part of the report and the story of
// every rule.
func (s *session) showExplained(ctx context.Context, outcome reconcile.Outcome, redactor drift.Redactor, asked string) error {
	if len(outcome.Explained) == 0 {
		if outcome.Report.Run.ExitCode != reconcile.ExitOK {
			return s.print(outcome.Report, redactor)
		}
		return &exit{code: reconcile.ExitUsage, cause: &drift.Problem{Stage: "config",
			Hint: "the name is case-sensitive; -n names the namespace, killick plan lists what differs",
			Err:  fmt.Errorf("no app wants or owns %s", asked)}}
	}
	part := onlyExplained(outcome)
	if err := report.Write(s.out, redactor.Report(part), report.Options{Color: s.colored(), Width: s.width, ASCII: s.ascii(), Excerpt: true}); err != nil {
		return err
	}
	for i, explained := range outcome.Explained {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		story, err := s.policies.Explain(ctx, explained.Input)
		if err != nil {
			return &exit{code: reconcile.ExitPartial, cause: err, hide: redactor}
		}
		if _, err := fmt.Fprint(s.out, redactor.String(story)); err != nil {
			return err
		}
	}
	return code(outcome.Report.Run.ExitCode)
}

// onlyExplained is the report with just the selected objects.
func onlyExplained(outcome reconcile.Outcome) drift.Report {
	part := outcome.Report
	part.Apps = nil
	for _, app := range outcome.Report.Apps {
		var results []drift.Result
		for _, explained := range outcome.Explained {
			if explained.Step.App == app.Name {
				results = append(results, explained.Result)
			}
		}
		if len(results) == 0 {
			continue
		}
		some := drift.ReportOfApp(drift.AppOutcome{App: drift.App{Name: app.Name, Path: app.Path}, Results: results, Complete: app.Complete})
		some.Revision, some.Renderer, some.Health = app.Revision, app.Renderer, app.Health
		part.Apps = append(part.Apps, some)
	}
	return part
}
