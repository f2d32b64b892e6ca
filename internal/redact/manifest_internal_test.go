package redact

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

// A manifest keeps its keys and names, and loses secrets wherever a value stands.
func TestManifestRedactor(t *testing.T) {
	t.Parallel()
	const drawn = "hX7-kq29Lm!vv3"
	redactor := Redactor{}.With("token-8f3a9c2e71").WithValues(
		drift.SecretValue{Key: "user", Value: "postgres"}, drift.SecretValue{Key: "host", Value: "storefront-db"}, drift.SecretValue{Key: "sslmode", Value: "disable"},
		drift.SecretValue{Key: "password", Value: "correcthorse"}, drift.SecretValue{Key: "key", Value: drawn}, drift.SecretValue{Key: "pin", Value: "4711"},
	).Manifests()
	cases := []struct{ reason, in, want string }{
		{"keys and names stay", `{"metadata":{"name":"postgres","namespace":"storefront-db"},"data":{"postgresql.conf":"ssl = off","postgres":"a"},"kind":"ConfigMap"}`,
			`{"metadata":{"name":"postgres","namespace":"storefront-db"},"data":{"postgresql.conf":"ssl = off","postgres":"a"},"kind":"ConfigMap"}`},
		{"names of parts stay", `{"spec":{"ports":[{"name":"postgres","targetPort":5432}],"containers":[{"name":"postgres","image":"postgres:16","volumeMounts":[{"name":"postgres","mountPath":"/var/lib/postgres"}]}]}}`,
			`{"spec":{"ports":[{"name":"postgres","targetPort":5432}],"containers":[{"name":"postgres","image":"postgres:16","volumeMounts":[{"name":"postgres","mountPath":"/var/lib/postgres"}]}]}}`},
		{"references stay", `{"secretKeyRef":{"name":"postgres","key":"postgres"},"serviceAccountName":"postgres","secretName":"storefront-db"}`,
			`{"secretKeyRef":{"name":"postgres","key":"postgres"},"serviceAccountName":"postgres","secretName":"storefront-db"}`},
		{"labels and selectors stay", `{"metadata":{"name":"a","labels":{"app":"postgres"}},"spec":{"selector":{"matchLabels":{"app":"postgres"}}}}`,
			`{"metadata":{"name":"a","labels":{"app":"postgres"}},"spec":{"selector":{"matchLabels":{"app":"postgres"}}}}`},
		{"a whole value is hidden", `{"kind":"ConfigMap","data":{"name":"postgres","a":"Postgres\n","b":"storefront-db"}}`,
			`{"kind":"ConfigMap","data":{"name":"[redacted]","a":"[redacted]","b":"[redacted]"}}`},
		{"so is its base64", `{"kind":"ConfigMap","data":{"a":"` + base64.StdEncoding.EncodeToString([]byte("postgres")) + `"}}`, `{"kind":"ConfigMap","data":{"a":"[redacted]"}}`},
		{"a word inside a text stays", `{"args":["--to=storefront-db.svc","the postgres of the shop"]}`, `{"args":["--to=storefront-db.svc","the postgres of the shop"]}`},
		{"but not behind its key", `{"args":["--user=postgres"]}`, `{"args":["--user=[redacted]"]}`},
		{"a password is hidden inside texts", `{"kind":"ConfigMap","data":{"url":"pq://app:correcthorse@db/x"}}`, `{"kind":"ConfigMap","data":{"url":"pq://app:[redacted]@db/x"}}`},
		{"what a machine drew is hidden wherever a value stands", `{"args":["-k` + drawn + `"],"name":"` + drawn + `","labels":{"a":"` + drawn + `"}}`, `{"args":["-k[redacted]"],"name":"[redacted]","labels":{"a":"[redacted]"}}`},
		{"credentials of the run, too", `{"args":["https://token-8f3a9c2e71@git"]}`, `{"args":["https://[redacted]@git"]}`},
		{"a short one under its key", `{"env":[{"name":"PIN","value":"4711"},{"name":"PORT","value":"4711"}],"pin":4711}`, `{"env":[{"name":"PIN","value":"[redacted]"},{"name":"PORT","value":"4711"}],"pin":"[redacted]"}`},
		{"an environment variable", `{"env":[{"name":"PGUSER","value":"postgres"}]}`, `{"env":[{"name":"PGUSER","value":"[redacted]"}]}`},
		{"numbers, truth and null stay", `{"replicas":3,"paused":true,"x":null}`, `{"replicas":3,"paused":true,"x":null}`},
	}
	for _, c := range cases {
		var in map[string]any
		if err := json.Unmarshal([]byte(c.in), &in); err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		out := redactor.Object(drift.ID{Kind: "X", Name: "x"}, in)
		if diff := cmp.Diff(want, any(out)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.reason, diff)
		}
		if _, err := yaml.Marshal(out); err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}
