package diff_test

import (
	"fmt"
	"testing"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// bigConfig is a custom resource with n maps of ten fields each.
func bigConfig(n int) string {
	text := "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: big, namespace: storefront}\nspec:\n"
	for i := range n {
		text += fmt.Sprintf("  part%d: {", i)
		for j := range 10 {
			text += fmt.Sprintf("f%d: v%d, ", j, i)
		}
		text += "last: x}\n"
	}
	return text
}

func benchmarked(b *testing.B) map[string]*model.Server {
	b.Helper()
	quiet, edited, big := model.Synced(b, model.DeploymentYAML), model.Synced(b, model.DeploymentYAML), model.Synced(b, bigConfig(300))
	for _, h := range deploymentHands()[:6] {
		h.edit(edited)
	}
	return map[string]*model.Server{"in sync": quiet, "edited": edited, "3300 fields": big}
}

func manifestOf(name string) string {
	if name == "3300 fields" {
		return bigConfig(300)
	}
	return model.DeploymentYAML
}

func BenchmarkCompare(b *testing.B) {
	for name, s := range benchmarked(b) {
		c := s.Comparison(manifestOf(name))
		locally := c
		locally.Observation.Predicted, locally.Observation.Prediction, locally.Observation.Err = nil, drift.ByComparison, model.Refused(drift.ErrDenied)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				diff.Compare(c)
			}
		})
		b.Run(name+", locally", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				diff.Compare(locally)
			}
		})
	}
}

func BenchmarkProved(b *testing.B) {
	s := model.Synced(b, model.ExplicitYAML)
	object := model.Desired(b, model.ExplicitYAML)
	if !diff.Proved(object, s.Live) {
		b.Fatal("not proved")
	}
	b.ReportAllocs()
	for b.Loop() {
		diff.Proved(object, s.Live)
	}
}

func BenchmarkHashLive(b *testing.B) {
	for name, s := range benchmarked(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := diff.HashLive(model.Standard, model.TestKey, s.Live); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRedactor(b *testing.B) {
	var secrets []drift.SecretValue
	for i := range 500 {
		secrets = append(secrets, drift.SecretValue{Key: "password", Value: fmt.Sprintf("%d-secret-value", i)}, drift.SecretValue{Key: "pin", Value: fmt.Sprint(i)}, drift.SecretValue{Key: "tls.key", Value: fmt.Sprintf("%d\n%s", i, model.TestPEM)})
	}
	redactor := redact.Redactor{}.WithValues(secrets...)
	for name, text := range map[string]string{
		"none": "applying Deployment storefront/web: the server said spec.template.spec.containers is not valid",
		"one":  "applying Secret storefront/login: the server said 77-secret-value is not valid",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				redactor.String(text)
			}
		})
	}
	b.Run("learning", func(b *testing.B) {
		for b.Loop() {
			redact.Redactor{}.WithValues(secrets...)
		}
	})
}
