package redact_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// A Secret's own data is hidden as a whole, and its names stay.
func TestManifestRedactorSecret(t *testing.T) {
	t.Parallel()
	id := drift.ID{Kind: "Secret", Namespace: "shop", Name: "postgres"}
	manifest := map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"name": "postgres", "labels": map[string]any{"app": "postgres"}, "annotations": map[string]any{"note": "correcthorse", "by": "hX7-kq29Lm!vv3 it is"}},
		"stringData": map[string]any{"postgres": "postgres", "password": "correcthorse", "key": "hX7-kq29Lm!vv3"}}
	want := map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"name": "postgres", "labels": map[string]any{"app": "postgres"}, "annotations": map[string]any{"note": "[redacted]", "by": "[redacted] it is"}},
		"stringData": map[string]any{"postgres": "***", "password": "***", "key": "***"}}
	got := redact.Redactor{}.WithValues(redact.SecretValues(id, manifest)...).Manifests().Object(id, manifest)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(model.Short(manifest), "correcthorse") {
		t.Error("the manifest was changed in place")
	}
}
