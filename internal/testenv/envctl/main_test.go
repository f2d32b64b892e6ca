package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/testenv"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing":          {},
		"unknown":          {"down"},
		"too much":         {"up", "now"},
		"exec nothing":     {"exec", "--"},
		"exec without --":  {"exec", "true"},
		"build with flags": {"build", "-v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, streams{strings.NewReader(""), &out, &errs}); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if errs.String() != usage || out.Len() > 0 {
				t.Errorf("out %q, err %q", out.String(), errs.String())
			}
		})
	}
}

func TestBuildPrintsThePath(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"build"}, streams{strings.NewReader(""), &out, &errs}); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, errs.String())
	}
	info, err := os.Stat(strings.TrimSpace(out.String()))
	if err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%q is no program: %v", out.String(), err)
	}
}

// TestExec interrupts the command, which must still see its cluster, get the time
// to end in its own way, and decide the exit code.
func TestExec(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	script := `trap 'test -r "$KUBECONFIG" && exit 9' TERM
test "$KUBECONFIG" = "$` + testenv.KubeconfigVariable + `" && echo "$KUBECONFIG" && while :; do sleep 0.05; done`
	reader, writer := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"exec", "--", "sh", "-c", script}, streams{strings.NewReader(""), writer, &errs})
		_ = writer.Close()
	}()
	kubeconfig, err := bufio.NewReader(reader).ReadString('\n')
	interrupt()
	if got := <-code; got != 9 || err != nil {
		t.Fatalf("exit code %d, %v:\n%s", got, err, errs.String())
	}
	if _, err := os.Stat(strings.TrimSpace(kubeconfig)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the kubeconfig after the end: %v", err)
	}
}

func TestUpEndsWithItsInput(t *testing.T) {
	t.Parallel()
	stdin, closeInput := io.Pipe()
	stdout, writer := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(t.Context(), []string{"up"}, streams{stdin, writer, &errs})
		_ = writer.Close()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("exit code %d, %v:\n%s", <-code, err, errs.String())
	}
	kubeconfig := strings.TrimSpace(line)
	cp, err := testenv.Attach(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cp.Stop() }()
	if _, err := cp.Client().Discovery().ServerVersion(); err != nil {
		t.Errorf("the cluster does not answer: %v", err)
	}
	if err := closeInput.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 0 {
		t.Errorf("exit code %d:\n%s", got, errs.String())
	}
	if _, err := os.Stat(kubeconfig); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the kubeconfig after the end: %v", err)
	}
}

func TestExitCodeOfASignal(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "sh", "-c", "kill -9 $$")
	_ = command.Run() // "signal: killed"
	if got := exitCode(command.ProcessState); got != 137 {
		t.Errorf("exit code %d, want 137", got)
	}
}
