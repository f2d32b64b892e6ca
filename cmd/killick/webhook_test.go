package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"

	"context"

	"github.com/rogpeppe/go-internal/testscript"
)

// webhookVerb puts an admission webhook before one resource of the place's
// namespace, which refuses every write with a message.
func webhookVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: webhook RESOURCE MESSAGE")
	}
	p := placeOf(ts)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct{ UID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": {"uid": %q, "allowed": false, "status": {"code": 403, "message": %q}}}`, review.Request.UID, args[1])
	}))
	ts.Defer(server.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	ts.Check(p.apply(context.Background(), fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s-denies}
webhooks:
  - name: denies.%[1]s.example.com
    clientConfig: {url: %[2]q, caBundle: %[3]s}
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    rules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [%[4]s]}
`, p.namespace, server.URL, authority, args[0])))
}
