package drift_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestWithPartOf(t *testing.T) {
	t.Parallel()
	object := model.Rendered(t, model.DeploymentYAML)
	before := model.Short(object.Manifest)
	got, err := drift.WithPartOf(object, model.TestPartOf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"app": "web", drift.LabelPartOf: model.TestPartOf}, nested.Labels(got.Manifest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if model.Short(object.Manifest) != before {
		t.Error("the manifest was changed in place")
	}
	for name, manifest := range map[string]map[string]any{
		"no metadata": {}, "no labels": {"metadata": map[string]any{"name": "x"}}, "labels null": {"metadata": map[string]any{"labels": nil}},
	} {
		got, err := drift.WithPartOf(drift.Object{Manifest: manifest}, model.TestPartOf)
		if err != nil || nested.Labels(got.Manifest)[drift.LabelPartOf] != model.TestPartOf {
			t.Errorf("%s: %v, %v", name, got.Manifest, err)
		}
	}
	own := model.Rendered(t, model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, labels: {applyset.kubernetes.io/part-of: mine}}"))
	_, err = drift.WithPartOf(own, model.TestPartOf)
	report := drift.ReportOf("a", "x", err)
	if err == nil || report.Stage != "render" || report.File != "apps/storefront/web.yaml:3" || report.Hint == "" {
		t.Errorf("membership is not Git's to give: %+v", report)
	}
}

func TestReadControls(t *testing.T) {
	t.Parallel()
	now := model.TestStart
	future, past := now.Add(time.Hour).Format(time.RFC3339), now.Add(-time.Hour).Format(time.RFC3339)
	annotated := func(kv ...string) map[string]any {
		annotations := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			annotations[kv[i]] = kv[i+1]
		}
		return map[string]any{"metadata": map[string]any{"annotations": annotations}}
	}
	cases := []struct {
		name, reason string
		live         map[string]any
		want         drift.Controls
		fails        string
	}{
		{"none", "no switches", map[string]any{}, drift.Controls{}, ""},
		{"no object", "nothing there", nil, drift.Controls{}, ""},
		{"suspended", "until then", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, "migration"),
			drift.Controls{Suspend: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "migration"}}, ""},
		{"over", "read, and not active", annotated(drift.AnnotationSuspendUntil, past, drift.AnnotationSuspendReason, "migration"),
			drift.Controls{Suspend: drift.Control{Until: now.Add(-time.Hour), Reason: "migration"}}, ""},
		{"this very moment", "until, and not longer", annotated(drift.AnnotationSuspendUntil, now.Format(time.RFC3339), drift.AnnotationSuspendReason, "x"),
			drift.Controls{Suspend: drift.Control{Until: now, Reason: "x"}}, ""},
		{"break glass", "its own pair", annotated(drift.AnnotationBreakGlassUntil, future, drift.AnnotationBreakGlassReason, "outage"),
			drift.Controls{BreakGlass: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "outage"}}, ""},
		{"both", "two pairs", annotated(drift.AnnotationSuspendUntil, past, drift.AnnotationSuspendReason, "a", drift.AnnotationBreakGlassUntil, future, drift.AnnotationBreakGlassReason, "b"),
			drift.Controls{Suspend: drift.Control{Until: now.Add(-time.Hour), Reason: "a"}, BreakGlass: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "b"}}, ""},
		{"another zone", "RFC 3339 has an offset", annotated(drift.AnnotationSuspendUntil, "2026-11-02T10:00:00+01:00", drift.AnnotationSuspendReason, "x"),
			drift.Controls{Suspend: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "x"}}, ""},
		{"no reason", "both of a pair are required", annotated(drift.AnnotationSuspendUntil, future), drift.Controls{}, drift.AnnotationSuspendReason},
		{"an empty reason", "an empty one is none", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, ""), drift.Controls{}, drift.AnnotationSuspendReason},
		{"no time", "both of a pair are required", annotated(drift.AnnotationBreakGlassReason, "x"), drift.Controls{}, drift.AnnotationBreakGlassUntil},
		{"a day", "not RFC 3339", annotated(drift.AnnotationSuspendUntil, "2026-12-01", drift.AnnotationSuspendReason, "x"), drift.Controls{}, "not an RFC 3339 time"},
		{"a word", "not RFC 3339", annotated(drift.AnnotationBreakGlassUntil, "tomorrow", drift.AnnotationBreakGlassReason, "x"), drift.Controls{}, `"tomorrow"`},
		{"an empty time", "not RFC 3339", annotated(drift.AnnotationSuspendUntil, "", drift.AnnotationSuspendReason, "x"), drift.Controls{}, "not an RFC 3339 time"},
		{"one good, one bad", "a bad value spoils all of them", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, "x", drift.AnnotationBreakGlassReason, "y"), drift.Controls{}, drift.AnnotationBreakGlassUntil},
	}
	for _, c := range cases {
		got, err := drift.ReadControls(c.live, now)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.name, c.reason, diff)
		}
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %s: %v", c.name, c.reason, err)
		}
	}
}
