package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// hangingBuiltin makes a builtin of the process under test never come back: no bound
// is known that one of them escapes, and a run must end all the same.
const hangingBuiltin = "TEST_BINARY_BUILTIN_HANGS"

func hangBuiltin() {
	topdown.RegisterBuiltinFunc("crypto.sha1", func(topdown.BuiltinContext, []*ast.Term, func(*ast.Term) error) error {
		select {}
	})
}

// TestRunawayPolicy stops a real process while a policy runs that nothing can stop: it
// reports which rule that is, gives the lease back and has written nothing.
func TestRunawayPolicy(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"policies/drift/slow/slow.rego": "package drift.slow\n\nalert_only contains \"x\" if crypto.sha1(input.resource.name) == \"\"\n"})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "-o", "json")
	cmd.Env = []string{beKillick + "=1", hangingBuiltin + "=1", "HOME=" + t.TempDir()}
	for name, value := range p.environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(progress); scanner.Scan(); {
		p.hear(scanner.Text())
		if strings.HasPrefix(scanner.Text(), "shop: decide") {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	err = cmd.Wait()
	p.hear(out.String())
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != reconcile.ExitInterrupted {
		t.Errorf("want exit code 7, got %v:\n%s", err, &out)
	}
	if !strings.Contains(out.String(), `"exitCode": 7`) {
		t.Errorf("there is no report:\n%s", &out)
	}
	p.check(t, nil, []string{"settings", "posts"})
	lease, err := p.cp.Client().CoordinationV1().Leases(p.state).Get(t.Context(), drift.LeaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
		t.Errorf("the lease is still held by %q", *lease.Spec.HolderIdentity)
	}
}
