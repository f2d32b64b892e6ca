package policy

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestExplainWithoutPolicies(t *testing.T) {
	got, err := mustLoad(t, nil).Explain(context.Background(), scaled())
	if want := "Deployment shop-web/web: modified, cause live\n\nno policy defines any verb\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
