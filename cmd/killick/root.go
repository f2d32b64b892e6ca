package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/reconcile"
)

// world is everything a command takes from its process, so that tests can run
// the whole command line in their own.
type world struct {
	args        []string
	out, err    io.Writer
	environ     []string
	lookup      func(string) (string, bool)
	now         func() time.Time
	outTerminal bool
	errTerminal bool
	width       int
}

// exit carries a command's exit code through cobra; a nil cause was told
// already.
type exit struct {
	code  int
	cause error
	hide  redactor
}

func (e *exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exit) Unwrap() error { return e.cause }

// code ends a command with an exit code and nothing more to say.
func code(n int) error {
	if n == reconcile.ExitOK {
		return nil
	}
	return &exit{code: n}
}

const long = `Killick keeps a Kubernetes cluster true to Git.

A run reads one commit, renders Kustomize, Helm or plain YAML, compares the
result with the cluster, lets Rego policies decide for each resource whether to
sync, heal, prune, ignore or only alert, does only that, and reports to Slack.

Every flag can be set in the environment: --git-token-file is
KILLICK_GIT_TOKEN_FILE.

Exit codes:
  0  converged, or (run) everything that policy allowed was done
  1  drift is left (plan; run only with --exit-code), or a policy test failed
  2  usage, configuration or policies are wrong, or no app could be rendered
  3  the cluster cannot be reached, or is not the one the config names
  4  partial: some apps, objects or decisions failed; the rest was done
  5  a guard stopped writes (empty render, prune budget)
  6  another run holds the lease (run --exit-code; otherwise 0)
  7  interrupted; what was done stands`

// execute runs one command line and answers its exit code.
func execute(ctx context.Context, w world) int {
	root := &cobra.Command{
		Use: "killick", Short: "Keeps a Kubernetes cluster true to Git, as far as policy allows",
		Long: long, SilenceErrors: true, SilenceUsage: true, Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(w.args)
	root.SetOut(w.out)
	root.SetErr(w.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return w.environment(cmd) }
	root.AddCommand(runCommand(w), planCommand(w), renderCommand(w), explainCommand(w), policyCommand(w), versionCommand(w))
	err := recovered(func() error { return root.ExecuteContext(ctx) })
	if err == nil {
		return reconcile.ExitOK
	}
	var ended *exit
	if !errors.As(err, &ended) {
		ended = &exit{code: reconcile.ExitUsage, cause: err}
	}
	if ended.cause != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			ended.code = reconcile.ExitInterrupted // whatever failed, failed for that
		}
		printError(w.err, ended.cause, ended.hide)
	}
	return ended.code
}

// recovered calls a command. A panic is told as an error: its type and place, for its
// value may quote an object. What the command deferred has been done by then: the lease
// is given back.
func recovered(command func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &exit{code: reconcile.ExitPartial, cause: &drift.Problem{
				Err:  fmt.Errorf("killick itself failed (%T) at %s", p, panicPlace()),
				Hint: "this is a bug: please report it with this line; the next run goes on from what is in the cluster"}}
		}
	}()
	return command()
}

// panicPlace is the function and line that a panic began at: the first caller that is
// not the runtime's, below the runtime's own.
func panicPlace() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicking && !inRuntime {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// onlyCommands refuses a word that is no command of this one.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	problem := &drift.Problem{Err: fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()),
		Hint: fmt.Sprintf("'%s --help' lists the commands", cmd.CommandPath())}
	for distance := 2; distance > 0; distance-- { // the nearest has the last word
		cmd.SuggestionsMinimumDistance = distance
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			problem.Hint = fmt.Sprintf("did you mean %q?", near[0])
		}
	}
	return usage(problem)
}

func usage(err error) error { return &exit{code: reconcile.ExitUsage, cause: err} }

// environment fills flags that the command line left alone from KILLICK_…
// variables.
func (w world) environment(cmd *cobra.Command) error {
	if cmd.Name() == "help" || strings.HasPrefix(cmd.Name(), "__") {
		return nil
	}
	if err := config.FromEnv(cmd.Flags(), w.lookup); err != nil {
		return usage(err)
	}
	return nil
}

// warnUnknown says which KILLICK_… variables set nothing: a misspelt one would
// otherwise be ignored in silence. The config may name variables of its own.
func (w world) warnUnknown(root *cobra.Command, c config.Config) {
	var sets []*pflag.FlagSet
	for _, command := range root.Commands() {
		sets = append(sets, command.Flags())
		for _, below := range command.Commands() {
			sets = append(sets, below.Flags())
		}
	}
	for _, warning := range config.UnknownEnv(w.environ, c.EnvNames(), sets...) {
		fmt.Fprintln(w.err, "warning:", warning)
	}
}

// printError writes an error for people: every problem on its own line, with
// file:line in front and the hint below.
func printError(out io.Writer, err error, hide redactor) {
	if hide == nil {
		hide = redact.Redactor{}
	}
	for _, line := range problems(err) {
		fmt.Fprintln(out, "killick:", withoutSecrets(line, hide))
		var problem *drift.Problem
		if errors.As(line, &problem) && problem.Hint != "" {
			fmt.Fprintln(out, "  hint:", hide.String(problem.Hint))
		}
	}
}

// redactor removes secrets from a text.
type redactor interface{ String(text string) string }

// withoutSecrets is the text of an error in which the app and the file stay what they
// are, although a secret may be the same word.
func withoutSecrets(err error, hide redactor) string {
	text, kept := err.Error(), ""
	var app *appError
	if errors.As(err, &app) {
		kept, text = cutThrough(text, fmt.Sprintf("app %q: ", app.app))
	}
	var problem *drift.Problem
	if errors.As(err, &problem) && problem.File != "" {
		place, rest := cutThrough(text, problem.File)
		kept, text = kept+place, rest
	}
	return kept + hide.String(text)
}

// cutThrough cuts a text behind its beginning; one that begins otherwise is the rest.
func cutThrough(text, beginning string) (found, rest string) {
	if rest, cut := strings.CutPrefix(text, beginning); cut {
		return beginning, rest
	}
	return "", text
}

// problems takes joined errors and lists of problems apart. An error that wraps
// several causes in one sentence stays whole: it has its own place and hint.
func problems(err error) []error {
	// Only the outermost error is taken apart: what a sentence wraps belongs to it.
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || !joined(err, several.Unwrap()) {
		return []error{err}
	}
	var parts []error
	for _, part := range several.Unwrap() {
		parts = append(parts, problems(part)...)
	}
	return parts
}

// joined says whether an error is nothing but its parts, as errors.Join and
// config.Problems make it, and not a sentence around them, as fmt.Errorf with several %w.
func joined(err error, parts []error) bool {
	var lines []string
	for _, part := range parts {
		lines = append(lines, part.Error())
	}
	return err.Error() == strings.Join(lines, "\n")
}
