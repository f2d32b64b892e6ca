package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/reconcile"
)

func policyCommand(w world) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check and test policies", Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(policyCheckCommand(w), policyTestCommand(w))
	return cmd
}

const policyPlaces = `Without arguments the policies of the config are read (--repo, --ref, --config,
--worktree); with arguments, these folders on disk. Parameters (data: in the config)
are only known without arguments.`

func policyCheckCommand(w world) *cobra.Command {
	var settings config.Settings
	cmd := &cobra.Command{
		Use: "check [FOLDER...]", Short: "Check policies: syntax, types, verbs, enum values, purity",
		Long:    "Check policies as a run does before it begins: whatever is an error here stops a run.\n\n" + policyPlaces,
		Example: "  killick policy check --worktree\n  killick policy check policies",
		RunE: func(cmd *cobra.Command, folders []string) error {
			sources, err := w.policySources(cmd, settings, folders)
			if err != nil {
				return usage(err)
			}
			return w.policyCheck(sources, policy.Options{NoData: len(folders) > 0})
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	return cmd
}

func policyTestCommand(w world) *cobra.Command {
	var settings config.Settings
	var run string
	cmd := &cobra.Command{
		Use: "test [FOLDER...]", Short: "Run the tests of policies",
		Long: "Run the rules test_… in packages drift.<area>_test and say which policy rules no\ntest reaches. Exit code 1 when a test fails.\n\n" +
			policyPlaces,
		Example: "  killick policy test policies\n  killick policy test --worktree --run payments",
		RunE: func(cmd *cobra.Command, folders []string) error {
			sources, err := w.policySources(cmd, settings, folders)
			if err != nil {
				return usage(err)
			}
			return w.policyTest(cmd.Context(), sources, policy.Options{Run: run, NoData: len(folders) > 0})
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	cmd.Flags().StringVar(&run, "run", "", "only tests whose full name matches this `regexp`")
	return cmd
}

// policySources are the named folders, or those of the config.
func (w world) policySources(cmd *cobra.Command, settings config.Settings, folders []string) ([]policy.Source, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), config.DefaultTimeout)
	defer cancel()
	if len(folders) == 0 {
		if err := settings.Validate(); err != nil {
			return nil, err
		}
		d, err := w.readDesired(ctx, cmd.Root(), settings)
		if err != nil {
			return nil, err
		}
		sources, _, err := policySources(ctx, d)
		return sources, err
	}
	var sources []policy.Source
	for _, folder := range folders {
		root := os.DirFS(folder)
		if info, err := fs.Stat(root, "."); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("reading policies: %q is not a folder", folder)
		}
		sources = append(sources, policy.Source{Path: folder, FS: root, Dir: "."})
	}
	return sources, nil
}

func (w world) policyCheck(sources []policy.Source, options policy.Options) error {
	errorCount := 0
	for _, finding := range policy.Check(sources, options) {
		word := "error"
		if finding.Warning {
			word = "warning"
		} else {
			errorCount++
		}
		fmt.Fprintf(w.out, "%s: %s\n", word, finding.Problem)
		if finding.Problem.Hint != "" {
			fmt.Fprintf(w.out, "  hint: %s\n", finding.Problem.Hint)
		}
	}
	if errorCount > 0 {
		return &exit{code: reconcile.ExitUsage, cause: fmt.Errorf("%s in the policies", counted(errorCount, "error"))}
	}
	_, err := fmt.Fprintln(w.out, "policies are fine")
	return err
}

// counted is "1 error" or "2 errors".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (w world) policyTest(ctx context.Context, sources []policy.Source, options policy.Options) error {
	result, err := policy.Test(ctx, sources, options)
	if err != nil {
		return usage(err)
	}
	counts := map[policy.Status]int{}
	for _, test := range result.Tests {
		counts[test.Status]++
		if test.Status != policy.StatusPass || test.Output != "" {
			fmt.Fprintf(w.out, "%s: %s.%s (%s) %s\n%s", test.Status, test.Package, test.Name, test.File, test.Message, test.Output)
		}
	}
	for _, rule := range result.Coverage {
		if !rule.Covered {
			fmt.Fprintf(w.out, "not reached: %s of area %s (%s)\n", rule.Verb, rule.Area, rule.Rule)
		}
	}
	fmt.Fprintf(w.out, "%d passed, %d failed, %d in error\n", counts[policy.StatusPass], counts[policy.StatusFail], counts[policy.StatusError])
	if len(result.Tests) == 0 && options.Run != "" {
		return usage(errors.New("no test matches --run"))
	}
	if !result.Passed() {
		return code(reconcile.ExitDrift)
	}
	return nil
}
