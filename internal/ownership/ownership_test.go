package ownership_test

import (
	"testing"

	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestToolOf(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason, meta, want string
	}{
		{"nobody", "{}", ""},
		{"Argo CD by annotation", "{annotations: {argocd.argoproj.io/tracking-id: x}}", "Argo CD"},
		{"Argo CD by label", "{labels: {argocd.argoproj.io/instance: x}}", "Argo CD"},
		{"Flux", "{labels: {kustomize.toolkit.fluxcd.io/name: x}}", "Flux"},
		{"Flux's Helm", "{labels: {helm.toolkit.fluxcd.io/name: x}}", "Flux"},
		{"Flux before Helm, which it runs", "{labels: {helm.toolkit.fluxcd.io/name: x}, annotations: {meta.helm.sh/release-name: x}}", "Flux"},
		{"Helm", "{annotations: {meta.helm.sh/release-name: x}, labels: {app.kubernetes.io/managed-by: Helm}}", "Helm"},
		{"a label that charts set although nobody ran Helm", "{labels: {app.kubernetes.io/managed-by: Helm}}", ""},
		{"Config Sync", "{annotations: {configmanagement.gke.io/managed: enabled}}", "Config Sync"},
		{"Config Sync let go", "{annotations: {configmanagement.gke.io/managed: disabled}}", ""},
		{"kapp", "{labels: {kapp.k14s.io/app: x}}", "kapp"},
		{"cli-utils", "{annotations: {config.k8s.io/owning-inventory: x}}", "cli-utils"},
		{"kluctl", "{labels: {kluctl.io/discriminator: x}}", "kluctl"},
	}
	for _, c := range cases {
		if got := ownership.ToolOf(model.Tree(t, "metadata: "+c.meta)); got != c.want {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
	own := ownership.LiveOwnership(model.Tree(t, "metadata: {ownerReferences: [{kind: A}, {kind: B, controller: true}], labels: {kapp.k14s.io/app: x}}"), nil)
	if !own.Controlled || own.Tool != "kapp" || own.LabelOwned || own.Managers == nil {
		t.Errorf("%+v", own)
	}
}
