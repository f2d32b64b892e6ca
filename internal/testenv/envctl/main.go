// Command envctl builds and runs testenv's local control plane from a shell or a
// Makefile:
//
//	envctl build            build and cache the control plane; print its path
//	envctl up               boot, print the kubeconfig's path, stop on interrupt or
//	                        at the end of standard input
//	envctl exec -- CMD ...  boot, run CMD with KUBECONFIG and KILLICK_TEST_KUBECONFIG
//	                        set, stop, and exit as CMD did
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/killick-dev/killick/internal/testenv"
)

const usage = `usage: envctl build
       envctl up
       envctl exec -- COMMAND [ARGUMENT ...]
`

// Exit codes besides those of a command that exec runs.
const (
	exitError = 1
	exitUsage = 2
)

// streams are the standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, std streams) int {
	logf := func(format string, args ...any) { fmt.Fprintf(std.err, format+"\n", args...) }
	var err error
	code := 0
	switch {
	case len(args) == 1 && args[0] == "build":
		err = build(ctx, std, logf)
	case len(args) == 1 && args[0] == "up":
		err = up(ctx, std, logf)
	case len(args) > 2 && args[0] == "exec" && args[1] == "--":
		code, err = execute(ctx, args[2:], std, logf)
	default:
		fmt.Fprint(std.err, usage)
		return exitUsage
	}
	if err != nil {
		fmt.Fprintln(std.err, "envctl:", err)
		return exitError
	}
	return code
}

func build(ctx context.Context, std streams, logf func(string, ...any)) error {
	binary, err := testenv.Build(ctx, logf)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, binary)
	return nil
}

func up(ctx context.Context, std streams, logf func(string, ...any)) error {
	cp, err := testenv.Start(ctx, testenv.Options{Logf: logf})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, cp.Kubeconfig())
	logf("running at %s; interrupt to stop", cp.URL())
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, std.in) // any end is the end
	}()
	select {
	case <-ctx.Done():
	case <-closed:
	}
	return cp.Stop()
}

func execute(ctx context.Context, line []string, std streams, logf func(string, ...any)) (int, error) {
	cp, err := testenv.Start(ctx, testenv.Options{Logf: logf})
	if err != nil {
		return exitError, err
	}
	command := exec.CommandContext(ctx, line[0], line[1:]...)
	command.Stdin, command.Stdout, command.Stderr = std.in, std.out, std.err
	command.Env = append(os.Environ(), "KUBECONFIG="+cp.Kubeconfig(), testenv.KubeconfigVariable+"="+cp.Kubeconfig())
	// An interrupted command gets the time to clean up before the cluster goes.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 30 * time.Second
	err = command.Run()
	broken := cp.Running()
	if stopped := cp.Stop(); stopped != nil {
		logf("stopping the control plane: %v", stopped)
	}
	if broken != nil {
		return exitError, fmt.Errorf("the control plane broke while %q ran: %w", line[0], broken)
	}
	if command.ProcessState == nil {
		return exitError, fmt.Errorf("running %q: %w", line[0], err)
	}
	return exitCode(command.ProcessState), nil
}

// exitCode is what a shell reports: 128 and the signal's number for a command
// that a signal ended.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
