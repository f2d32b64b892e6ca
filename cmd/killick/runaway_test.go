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

// TestRunawayPolicy stops a real process while a policy runs that nothing can stop, by a
// signal and by --timeout: it reports, gives the lease back and has written nothing. Once
// the rule runs, the report names it.
func TestRunawayPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason string
		args   []string
		signal bool
		want   []string
	}{
		// The signal may arrive before the rule is entered.
		{"told to stop", nil, true, []string{`"exitCode": 7`}},
		{"the time is up", []string{"--timeout", "30s"}, false, []string{`"exitCode": 7`, "slow.rego:3: evaluating policies: alert_only of area slow"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newTestPlace(t, map[string]string{"policies/drift/slow/slow.rego": "package drift.slow\n\nalert_only contains \"x\" if crypto.sha1(input.resource.name) == \"\"\n"})
			out := runaway(t, p, test.args, test.signal)
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("the report does not say %s:\n%s", want, out)
				}
			}
			p.check(t, nil, []string{"settings", "posts"})
			lease, err := p.cp.Client().CoordinationV1().Leases(p.state).Get(t.Context(), drift.LeaseName, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
				t.Errorf("the lease is still held by %q", *lease.Spec.HolderIdentity)
			}
		})
	}
}

// runaway runs a process whose policy hangs, and returns its report.
func runaway(t *testing.T, p *place, args []string, signal bool) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"run", "-o", "json"}, args...)...)
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
		if signal && strings.HasPrefix(scanner.Text(), "shop: decide") {
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
	return out.String()
}
