package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/reconcile"
)

// A panic of a command is an error with its place, and nothing of its value; what the
// command deferred is done.
func TestPanicsAreErrors(t *testing.T) {
	t.Parallel()
	released := false
	err := recovered(func() error {
		defer func() { released = true }()
		var none map[string]int
		none["CANARY"]++ //nolint:staticcheck // the panic is what is tested
		return nil
	})
	var ended *exit
	if !released || !errors.As(err, &ended) || ended.code != reconcile.ExitPartial {
		t.Fatalf("released %t, error %v, want exit code 4", released, err)
	}
	var out bytes.Buffer
	printError(&out, ended.cause, redact.Redactor{})
	if !strings.Contains(out.String(), "killick.TestPanicsAreErrors.func") || !strings.Contains(out.String(), "hint: this is a bug") || strings.Contains(out.String(), "CANARY") {
		t.Errorf("told as %q", out.String())
	}
}

// crashes makes this test binary one that crashes as main would.
const crashes = "TEST_BINARY_CRASHES"

// What Go cannot recover from ends the process by a signal: its own exit code 2 would
// say that nothing was written.
func TestCrashesHaveNoExitCode(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), crashes+"=1")
	err := command.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Errorf("it ended with %v, want SIGABRT", ended)
	}
}

// crash overflows the stack after what main does first.
func crash() {
	crashHonestly()
	debug.SetMaxStack(1 << 20)
	var deeper func(n int) int
	deeper = func(n int) int { return deeper(n+1) + 1 }
	deeper(0)
}
