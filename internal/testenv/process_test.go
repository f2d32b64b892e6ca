package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These let the test binary play a parent that dies, and a child that watches
// its standard input as the control plane does.
const (
	parentRole = "TESTENV_PARENT"
	childRole  = "TESTENV_CHILD"
)

func TestMain(m *testing.M) {
	if os.Getenv(childRole) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	if dir := os.Getenv(parentRole); dir != "" {
		playParent(dir)
		return
	}
	Main(m)
}

// playParent starts children, says their process ids and waits to be killed.
func playParent(dir string) {
	for name, command := range map[string]*exec.Cmd{
		"deaf": exec.Command("sleep", "600"), // only the kernel's signal ends it
		"ours": exec.Command(os.Args[0]),
	} {
		command.Env = append(os.Environ(), childRole+"=1")
		p, err := startProcess(dir, name, command)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.pid)
	}
	select {}
}

func TestChildrenDieWithTheirParent(t *testing.T) {
	t.Parallel()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentRole+"="+t.TempDir())
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(stdout)
	var children []int
	for len(children) < 2 && said.Scan() {
		pid, err := strconv.Atoi(said.Text())
		if err != nil {
			t.Fatalf("the parent says %q", said.Text())
		}
		children = append(children, pid)
	}
	for _, pid := range children {
		if !alive(pid) {
			t.Fatalf("child %d does not run", pid)
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // "signal: killed"
	deadline := time.Now().Add(waitLimit)
	for _, pid := range children {
		for tick := time.NewTicker(10 * time.Millisecond); alive(pid); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("child %d outlived its parent", pid)
			}
		}
	}
}

// alive is false for a process that has ended, even if nobody has waited for it.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

// TestComponentsEndWithTheirParent is about the pipe alone, which is all there is
// on systems other than Linux.
func TestComponentsEndWithTheirParent(t *testing.T) {
	t.Parallel()
	found, err := programs(t.Context(), sayf)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := newLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	command := exec.CommandContext(ctx, found[etcd][0], append(found[etcd][1:], l.flags(etcd)...)...)
	command.Env = []string{"HOME=" + dir, parentPipe + "=1"}
	out, err := command.CombinedOutput() // standard input is empty: the parent is gone
	if ctx.Err() != nil || command.ProcessState == nil || command.ProcessState.ExitCode() != 1 {
		t.Errorf("etcd outlived its parent: %v\n%s", err, out)
	}
}

func TestAProcessThatEndsIsQuoted(t *testing.T) {
	t.Parallel()
	p, err := startProcess(t.TempDir(), "brief", exec.Command("sh", "-c", "seq 100; echo out of luck >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	err = p.running()
	if err == nil {
		t.Fatal("an ended process runs")
	}
	for _, part := range []string{"brief ended (exit status 3)", "out of luck", "\n100\n"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("want %q in: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "\n50\n") {
		t.Errorf("more than the last lines are quoted: %v", err)
	}
	p.stop() // of an ended process returns
}

func TestStopEndsAProcess(t *testing.T) {
	t.Parallel()
	p, err := startProcess(t.TempDir(), "sleeper", exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.running(); err != nil {
		t.Fatal(err)
	}
	p.stop()
	if alive(p.pid) || p.running() == nil {
		t.Error("a stopped process runs")
	}
}

func TestAProgramThatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := startProcess(t.TempDir(), "ghost", exec.Command("/nonexistent")); err == nil {
		t.Error("a missing program was started")
	}
}
