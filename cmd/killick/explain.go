package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/reconcile"
)

func explainCommand(w world) *cobra.Command {
	var settings config.Settings
	cmd := &cobra.Command{
		Use: "explain KIND/NAME", Short: "Show how one object was compared and decided, rule by rule",
		Long: `Show how one object was compared and decided: its differences, the decision, and
for each policy rule whether it spoke and, if not, at which line it stopped. Of an
object that is in sync it says how that is known. Areas that do not speak for the
object are marked: a run does not ask them. Nothing is written. KIND is what
kubectl takes, in any case: deploy, deployments, Deployment.apps,
deployments.v1.apps or Certificate.cert-manager.io.`,
		Example: "  killick explain deploy/web -n storefront",
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
	settings.AddOutputFlags(cmd.Flags())
	return cmd
}

func (s *session) explain(ctx context.Context, kind, name string) error {
	s.chosen = choice{kind: kind, name: name, namespace: s.settings.Namespace}
	_, err := s.plan(ctx, false, func(outcome reconcile.Outcome, redactor redact.Redactor) error {
		return s.showExplained(ctx, outcome, redactor)
	})
	return err
}

// showExplained prints the selected objects' part of the report, each object with the story
// of every rule where policies had a say.
func (s *session) showExplained(ctx context.Context, outcome reconcile.Outcome, redactor redact.Redactor) error {
	if len(outcome.Explained) == 0 {
		if outcome.Report.Run.ExitCode != reconcile.ExitOK {
			return s.print(outcome.Report, redactor)
		}
		return &exit{code: reconcile.ExitUsage, cause: s.notChosen(ctx)}
	}
	stories := map[string]string{}
	for _, explained := range outcome.Explained {
		if !explained.Asked {
			continue
		}
		story, err := s.policies.Explain(ctx, explained.Input)
		if err != nil {
			return &exit{code: reconcile.ExitPartial, cause: err, hide: redactor}
		}
		stories[explained.Step.App+" "+explained.Step.Change.ID.String()] = story
	}
	return s.printPart(onlyExplained(outcome, stories), redactor)
}

// notChosen says why nothing was explained: the cluster serves no such kind, or no app has
// such an object.
func (s *session) notChosen(ctx context.Context) error {
	served, err := s.cluster.Capabilities(ctx)
	if err != nil {
		return err
	}
	if _, known := s.chosen.in(served); !known {
		problem := &drift.Problem{Stage: "config", Hint: "kubectl api-resources lists the kinds",
			Err: fmt.Errorf("the cluster serves no kind %q, and no app wants or owns %s of it", s.chosen.kind, s.chosen.name)}
		if near := s.chosen.near(served); near != "" {
			problem.Hint = fmt.Sprintf("did you mean %s/%s?", near, s.chosen.name)
		}
		return problem
	}
	return &drift.Problem{Stage: "config",
		Hint: "the name is case-sensitive; -n names the namespace, killick plan lists what differs",
		Err:  fmt.Errorf("no app wants or owns %s/%s", s.chosen.kind, s.chosen.name)}
}

// onlyExplained is the report with just the selected objects, in sync or not.
func onlyExplained(outcome reconcile.Outcome, stories map[string]string) drift.Report {
	part := outcome.Report
	part.Apps = nil
	for _, app := range outcome.Report.Apps {
		results := map[drift.ID]drift.Result{}
		for _, explained := range outcome.Explained {
			if explained.Step.App == app.Name {
				results[explained.Step.Change.ID] = explained.Result
			}
		}
		if len(results) == 0 {
			continue
		}
		some := summary.AppOf(summary.AppOutcome{App: drift.App{Name: app.Name, Path: app.Path}, All: true,
			Results: slices.Collect(maps.Values(results)), Complete: app.Complete})
		some.Revision, some.Renderer, some.Health = app.Revision, app.Renderer, app.Health
		for i, resource := range some.Resources {
			result := results[resource.ID()]
			some.Resources[i].Explanation = stories[app.Name+" "+resource.ID().String()]
			if change := result.Step.Change; change.Type == drift.InSync && result.Outcome == drift.Skipped && change.Ownership.Tracked {
				some.Resources[i].Reason = whyInSync(result.Step)
			}
		}
		part.Apps = append(part.Apps, some)
	}
	return part
}

// whyInSync says how it is known that nothing differs, and why no rule is shown.
func whyInSync(step drift.Step) string {
	how := map[drift.Prediction]string{
		drift.ByMemo:   "nobody has written it since a run last found it as Git says",
		drift.ByProof:  "the record of Killick's own last apply on the object shows that another would change nothing",
		drift.ByDryRun: "the API server was asked what an apply would change, and nothing would",
	}[step.Observation.Prediction]
	switch {
	case how == "" && step.Observation.State == drift.Absent:
		how = "it finished, and its TTL removed it"
	case how == "":
		how = "nothing that Git names differs"
	}
	return how + "; there is nothing to decide, so that no policy is asked"
}
