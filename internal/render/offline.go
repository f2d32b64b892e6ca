package render

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// Offline is what charts see of a cluster that is not asked: a version, and what it serves
// beside what Kubernetes itself does, as `helm template --kube-version --api-versions`.
// Without both it is empty, and charts see what Helm shows them by default.
func Offline(kubeVersion string, apiVersions []string) (drift.Capabilities, error) {
	if kubeVersion == "" && len(apiVersions) == 0 {
		return drift.Capabilities{}, nil
	}
	version := cmp.Or(kubeVersion, defaultKubeVersion)
	if !readsVersion(version) {
		return drift.Capabilities{}, &drift.Problem{Err: fmt.Errorf("--kube-version %q is no version", version), Hint: "write it as the cluster does: v1.34.2"}
	}
	if !strings.HasPrefix(version, "v") {
		version = "v" + version
	}
	served := defaultAPIVersions()
	for _, given := range apiVersions {
		if !apiVersion.MatchString(given) {
			return drift.Capabilities{}, &drift.Problem{Err: fmt.Errorf("--api-versions %q is no API version", given),
				Hint: "write group/version or group/version/Kind: monitoring.coreos.com/v1/ServiceMonitor"}
		}
		if !slices.Contains(served, given) {
			served = append(served, given)
		}
	}
	return drift.Capabilities{KubeVersion: version, APIVersions: served}, nil
}

var apiVersion = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?(/[A-Z][A-Za-z0-9]*)?$`)
