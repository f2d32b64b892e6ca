package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
)

const samplePlatform = "../../../testdata/platform"

// TestDemo plays the whole demo on a control plane of its own, since the sample
// repository names its namespaces, and then plays it again without one rule.
func TestDemo(t *testing.T) {
	s := staged(t)
	if err := s.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{
		"34 objects of", "alert-only  Deployment storefront/api", "pruned      ConfigMap storefront/summer-banner",
		"ignored     ServiceAccount storefront/web", "#storefront", "all 33 managed objects have the resourceVersion they had",
	} {
		if !strings.Contains(s.out.(*bytes.Buffer).String(), said) {
			t.Errorf("the demo does not say %q", said)
		}
	}
	t.Run("without one rule", func(t *testing.T) { withoutPruneRule(t, s) })
}

// withoutPruneRule brings the cluster back to where the demo began, with one
// rule removed from the sample policies: exactly the resource that the rule was
// for becomes alert-only, and everything else is decided as before.
func withoutPruneRule(t *testing.T, s *stage) {
	const rule = "prune contains \"configuration that left Git is removed\" if {\n" +
		"\tinput.drift.type == \"extra\"\n\tinput.resource.kind in {\"ConfigMap\", \"Service\"}\n}\n"
	files, err := filesOf(samplePlatform)
	if err != nil {
		t.Fatal(err)
	}
	const policy = "policies/drift/platform/platform.rego"
	without := strings.Replace(files[policy], rule, "", 1)
	if without == files[policy] {
		t.Fatalf("%s does not hold the rule:\n%s", policy, rule)
	}
	files[policy] = without
	if err := s.commit("platform: nothing is pruned any more", files); err != nil {
		t.Fatal(err)
	}
	again := func(ctx context.Context) error {
		result, err := s.killick(ctx, "run")
		if err == nil && result.code != 0 {
			err = fmt.Errorf("run must exit with 0, not %d:\n%s", result.code, result.text)
		}
		return err
	}
	alerted := maps.Clone(expected)
	alerted["ConfigMap storefront/summer-banner"] = "extra git alert-only skipped"
	last := func(ctx context.Context) error {
		result, err := s.reconciled(ctx, alerted)
		if banner, _ := result.find("ConfigMap storefront/summer-banner"); err == nil && banner.Reason != "no policy grants prune" {
			err = fmt.Errorf("the banner's reason is %q", banner.Reason)
		}
		return err
	}
	for _, step := range []func(context.Context) error{again, s.drift, last} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.cluster.Client().CoreV1().ConfigMaps("storefront").Get(t.Context(), "summer-banner", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		t.Error("the banner is gone although no policy grants that")
	}
}

// staged sets the demo's stage: its own control plane, and the binary built from
// this tree.
func staged(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "killick")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/killick").CombinedOutput(); err != nil {
		t.Fatalf("building killick: %v\n%s", err, out)
	}
	s, err := setUp(testenv.Own(t, testenv.Options{}), &bytes.Buffer{}, dir, binary, samplePlatform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the demo said:\n%s", s.out)
		}
	})
	return s
}

// TestReportIsChecked: the demo's own check sees what is missing, what is wrong
// and what should not be there.
func TestReportIsChecked(t *testing.T) {
	t.Parallel()
	banner := drift.ReportResource{Kind: "ConfigMap", Namespace: "shop", Name: "banner",
		Drift: "extra", Cause: "git", Action: "prune", Outcome: "pruned", Reason: "left Git"}
	silent := banner
	silent.Reason = ""
	expected := map[string]string{"ConfigMap shop/banner": "extra git prune pruned"}
	for _, c := range []struct {
		why      string
		resource []drift.ReportResource
		expected map[string]string
		want     string
	}{
		{"as it should be", []drift.ReportResource{banner}, expected, ""},
		{"not there", nil, expected, "ConfigMap shop/banner is not in the report; expected extra git prune pruned"},
		{"another action", []drift.ReportResource{banner}, map[string]string{"ConfigMap shop/banner": "extra git alert-only skipped"},
			"ConfigMap shop/banner: expected extra git alert-only skipped, got extra git prune pruned (left Git )"},
		{"no reason", []drift.ReportResource{silent}, expected, "ConfigMap shop/banner has no reason"},
		{"nobody expects it", []drift.ReportResource{banner}, nil, "ConfigMap shop/banner is in the report (extra prune) and should not be"},
	} {
		err := checkReport(ran{report: drift.Report{Apps: []drift.ReportApp{{Resources: c.resource}}}}, c.expected)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}
