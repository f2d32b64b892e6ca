package render

import (
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
)

// errNoNetwork is what a library gets that tries to fetch something.
var errNoNetwork = errors.New("rendering has no network: vendor remote files into the repository")

// Kustomize's loader fetches every http(s) path with a client of its own, which
// uses http.DefaultTransport, and offers no switch (api/internal/loader,
// FileLoader.httpClientGetContent). The scan before each build refuses such
// paths; this is the wall behind it, for whatever the scan may have missed: the
// default transport asks its Proxy function before it dials, in the goroutine
// of the caller, and that function refuses when Kustomize or Helm is on the
// stack. Requests of everybody else pass as before.
//
// It is done while the package is initialised because the field may not change
// once requests are under way, and it keeps the *http.Transport in place
// because other packages rely on that type to clone it.
func init() { //nolint:gochecknoinits // said above
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return
	}
	proxy := transport.Proxy
	transport.Proxy = func(request *http.Request) (*url.URL, error) {
		if calledByRenderer() {
			return nil, errNoNetwork
		}
		if proxy == nil {
			return nil, nil
		}
		return proxy(request)
	}
}

// calledByRenderer says whether a render library is on the caller's stack.
func calledByRenderer() bool {
	pcs := make([]uintptr, 128)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for {
			frame, more := frames.Next()
			if strings.HasPrefix(frame.Function, "sigs.k8s.io/kustomize/") || strings.HasPrefix(frame.Function, "helm.sh/helm/") {
				return true
			}
			if !more {
				break
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
