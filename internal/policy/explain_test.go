package policy

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/killick-dev/killick/internal/drift"
)

const explained = `package drift.shop

import data.drift.lib

heal contains "replicas are put back" if {
	print("looking at", input.resource.name)
	lib.only_under(["spec", "replicas"])
}

heal contains "services are put back" if {
	input.drift.cause == "live"
	input.resource.kind == "Service"
}

heal contains sprintf("%s may be put back", [change.pointer]) if {
	some change in input.changes
	change.manager_class == "interactive"
}

alert_only contains "somebody is at work" if input.resource.annotations.hold != ""

alert_only contains "frozen" if _frozen

_frozen if {
	input.run.weekday == "Friday"
	input.run.hour_utc >= 16
}

prune contains "gone from Git" if {
	input.drift.type == "extra"
}
`

func TestExplain(t *testing.T) {
	engine := mustLoad(t, []Source{
		withAreas(folder(map[string]string{
			"pay.rego":  "package drift.pay\n\nalert_only contains \"payments decide\" if input.drift.cause == \"live\"\n",
			"shop.rego": explained,
		}), map[string]Area{"shop": {Namespaces: []string{"shop-*"}}, "pay": {Namespaces: []string{"pay-*"}}}),
	})
	got, err := engine.Explain(context.Background(), scaled())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExplainErrors: what was seen up to the error is shown with it.
func TestExplainErrors(t *testing.T) {
	engine := mustLoad(t, shop("heal contains \"x\" if {\n\tinput.drift.cause == \"live\"\n\tto_number(input.resource.name) > 3\n}\n"))
	got, err := engine.Explain(context.Background(), scaled())
	if err == nil || !strings.HasPrefix(err.Error(), "policies/shop/shop.rego:5: evaluating policies: to_number") {
		t.Errorf("got error %v", err)
	}
	if !strings.Contains(got, "Deployment shop-web/web: modified, cause live") {
		t.Errorf("got %q", got)
	}
}

// inSHA1 is what crypto.sha1 does first in these tests, if anything. Builtins can be
// replaced only while nothing is evaluated.
var inSHA1 = func() *atomic.Pointer[func()] {
	const name = "crypto.sha1"
	var first atomic.Pointer[func()]
	call := topdown.GetBuiltin(name)
	topdown.RegisterBuiltinFunc(name, func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		if f := first.Load(); f != nil {
			(*f)()
		}
		return call(bctx, args, iter)
	})
	return &first
}()

// TestExplainLeft: an evaluation that was left behind still writes down what it tries,
// so nothing of that is told, and no other area is asked.
func TestExplainLeft(t *testing.T) {
	const hangs = "heal contains \"x\" if {\n\tprint(\"now\")\n\tcrypto.sha1(input.resource.name) != \"\"\n\tcount(numbers.range(1, 3)) == 3\n}\n"
	sources := []Source{folder(map[string]string{"a.rego": "package drift.a\n\n" + hangs, "b.rego": "package drift.b\n\n" + hangs})}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	release := make(chan struct{})
	defer close(release)
	for _, test := range []struct {
		reason   string
		ctx      context.Context
		patience time.Duration
		hang     func()
		want     error
	}{
		{"the run is told to stop", ctx, time.Hour, func() { cancel(); <-release }, context.Canceled},
		{"no answer", context.Background(), time.Millisecond, func() { <-release }, drift.ErrRunaway},
	} {
		engine, err := Load(sources, Options{Patience: test.patience})
		if err != nil {
			t.Fatal(err)
		}
		inSHA1.Store(&test.hang)
		got, err := engine.Explain(test.ctx, scaled())
		inSHA1.Store(nil)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), "area a") || strings.Contains(err.Error(), "area b") {
			t.Errorf("%s: got error %v", test.reason, err)
		}
		if want := "Deployment shop-web/web: modified, cause live\n"; got != want {
			t.Errorf("%s: got %q", test.reason, got)
		}
	}
}

func TestExplainWithoutPolicies(t *testing.T) {
	got, err := mustLoad(t, nil).Explain(context.Background(), scaled())
	if want := "Deployment shop-web/web: modified, cause live\n\nno policy defines any verb\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
