package drift

import (
	"fmt"
	"testing"
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

func benchmarked(b *testing.B) map[string]*server {
	b.Helper()
	quiet, edited, big := synced(b, deploymentYAML), synced(b, deploymentYAML), synced(b, bigConfig(300))
	for _, h := range deploymentHands()[:6] {
		h.edit(edited)
	}
	return map[string]*server{"in sync": quiet, "edited": edited, "3300 fields": big}
}

func manifestOf(name string) string {
	if name == "3300 fields" {
		return bigConfig(300)
	}
	return deploymentYAML
}

func BenchmarkCompare(b *testing.B) {
	for name, s := range benchmarked(b) {
		c := s.comparison(manifestOf(name))
		locally := c
		locally.Observation.Predicted, locally.Observation.Prediction, locally.Observation.Err = nil, ByComparison, refused(ErrDenied)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compare(c)
			}
		})
		b.Run(name+", locally", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compare(locally)
			}
		})
	}
}

func BenchmarkProved(b *testing.B) {
	s := synced(b, explicitYAML)
	object := desired(b, explicitYAML)
	if !Proved(object, s.live) {
		b.Fatal("not proved")
	}
	b.ReportAllocs()
	for b.Loop() {
		Proved(object, s.live)
	}
}

func BenchmarkHashLive(b *testing.B) {
	for name, s := range benchmarked(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := standard.HashLive(testKey, s.live); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRedactor(b *testing.B) {
	var secrets []SecretValue
	for i := range 500 {
		secrets = append(secrets, SecretValue{"password", fmt.Sprintf("%d-secret-value", i)}, SecretValue{"pin", fmt.Sprint(i)}, SecretValue{"tls.key", fmt.Sprintf("%d\n%s", i, testPEM)})
	}
	redactor := Redactor{}.WithValues(secrets...)
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
			Redactor{}.WithValues(secrets...)
		}
	})
}
