package reconcile_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/killick-dev/killick/reconcile"
)

// echoes makes the API server refuse objects of a kind whose name begins with "refused",
// and repeat their data in its message, as webhooks do.
func (s *site) echoes(resource, probe string) {
	s.Helper()
	name := s.ns + "-echo-" + resource
	s.create("kubectl-create", `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+name+`}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [`+resource+`]}]
  validations: [{expression: '!object.metadata.name.startsWith("refused")', message: no echo,
    messageExpression: '"this is wrong: " + object.data.map(k, k + "=" + object.data[k]).join(" ")'}]
`)
	s.create("kubectl-create", `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: `+name+`}, spec: {policyName: `+name+`, validationActions: [Deny]}}`)
	s.Cleanup(func() {
		client := s.cluster.Client().AdmissionregistrationV1()
		_ = client.ValidatingAdmissionPolicyBindings().Delete(context.Background(), name, deleteNow)
		_ = client.ValidatingAdmissionPolicies().Delete(context.Background(), name, deleteNow)
	})
	where, _ := s.resource(probe + " refused-probe")
	kind := strings.Fields(probe)
	s.cluster.Eventually(s.T, "the policy works", func(ctx context.Context) error {
		object := s.manifest(existing(kind[0], kind[1], "refused-probe", "data: {a: "+b64("b")+"}"))
		if _, err := where.Create(ctx, unstructuredOf(object), createDry); err == nil || !strings.Contains(err.Error(), "a="+b64("b")) {
			return errors.New("not refused")
		}
		return nil
	})
}

// forms are how others print a value.
func forms(value string) map[string]string {
	return map[string]string{
		"plain": value, "lower case": strings.ToLower(value), "upper case": strings.ToUpper(value),
		"base64": b64(value), "base64 of more": b64("user:" + value + " and more"), "hex": hex.EncodeToString([]byte(value)),
		"query": url.QueryEscape(value), "Go": strconv.Quote(value), "bytes": fmt.Sprintf("%d", []byte(value)),
	}
}

// TestCanaryForms: what stands in a Secret reaches no output through what others make of
// it: parts of it, copies of it in other objects and in annotations, in any encoding, in
// the API server's refusals, in policies' reasons and errors. The Secret is not even
// looked at: its app skips Secrets.
func TestCanaryForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.echoes("configmaps", "v1 ConfigMap")
	const inJSON, inLine, inList, inAuth, inURL, pin = "canary-json-Ka41", "Canary-conf-9", "canary-aa1", "canary-auth-Wd62", "canary/url/Lp7", "4711"
	values := []string{inJSON, inLine, inList, inAuth, inURL, "canary-whole-Zz90"}
	secret := existing("v1", "Secret", "login", "stringData: "+asJSON(t, map[string]any{
		"settings.json":     `{"user": "shop", "database": {"password": "` + inJSON + `"}}`,
		"app.conf":          "[server]\nmode: production\npass: " + inLine + "\nport: 5432\n",
		"tokens":            inList + "\ncanary-bb2\n",
		".dockerconfigjson": `{"auths": {"registry.example.com": {"auth": "` + b64("robot:"+inAuth) + `"}}}`,
		"database-url":      "postgres://app:" + url.PathEscape(inURL) + "@db.example.com/shop",
		"DB_PIN":            pin, "whole": "canary-whole-Zz90", "enabled": "true", "role": "admin", "stage": "prod",
	}))
	echo := map[string]any{"pin": pin, "enabled": "true"}
	for i, value := range values {
		for form, text := range forms(value) {
			echo[fmt.Sprintf("%d.%s", i, strings.ReplaceAll(form, " ", "-"))] = text
		}
	}
	data := "data: " + asJSON(t, echo)
	s.rego = grants + `
alert_only contains sprintf("quoting %v %v", [input.desired.data, input.live]) if input.resource.name == "quoted"
alert_only contains "never" if {
	input.resource.name == "failing"
	some value in input.desired.data
	to_number(value) > 9999
}
`
	s.commit(map[string]string{
		"login.yaml": secret, "refused.yaml": existing("v1", "ConfigMap", "refused", data),
		"quoted.yaml": existing("v1", "ConfigMap", "quoted", data), "failing.yaml": existing("v1", "ConfigMap", "failing", data),
		"edited.yaml": existing("v1", "ConfigMap", "edited", data),
	})
	outcomes := []result{s.plan(), s.run()}
	s.merge("kubectl-edit", "v1 ConfigMap edited", `{metadata: {annotations: {backup: "`+b64(asJSON(t, echo))+`"}}, data: {pin: other, other: "pin=`+pin+`"}}`)
	outcomes = append(outcomes, s.plan(), s.run())

	for i, r := range outcomes {
		for place, text := range r.outputs() {
			for _, value := range values {
				for form, said := range forms(value) {
					if at := strings.Index(text, said); at >= 0 {
						t.Errorf("run %d: %s holds %s (%s): …%s…", i, place, value, form, text[max(0, at-80):min(len(text), at+120)])
					}
				}
			}
			for _, said := range []string{"pin=" + pin, `pin": "` + pin, `/data/pin","op":"replace","desired":"` + pin} {
				if strings.Contains(text, said) {
					t.Errorf("run %d: %s holds the short value: %s", i, place, said)
				}
			}
		}
	}
	r := outcomes[1]
	if said := r.of("ConfigMap refused").Error; !strings.Contains(said, "this is wrong: ") {
		t.Errorf("the refusal has lost its subject: %s", said)
	}
	if said := r.of("ConfigMap failing").Reason; !strings.Contains(said, "to_number") {
		t.Errorf("the policy's error has lost its subject: %s", said)
	}
	if said := r.of("ConfigMap quoted"); said.Action != "alert-only" || len(said.Rules) != 1 {
		t.Errorf("no policy quotes: %+v", said)
	}
	if got := outcomes[3].of("ConfigMap edited"); got.Outcome != "applied" || len(got.Fields) == 0 {
		t.Errorf("nothing was edited: %+v", got)
	}
	// Words that happen to be a Secret's values stay readable.
	for _, text := range r.outputs() {
		if strings.Contains(text, "quoting") && !strings.Contains(text, "this is wrong") {
			t.Errorf("ordinary words are blanked: %s", text)
		}
	}
}

// TestRefusedSecret: of a Secret that is refused, only who refuses and the fields are told,
// also before the redactor, and whatever the values are.
func TestRefusedSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.echoes("secrets", "v1 Secret")
	s.app("shop", manageSecrets)
	s.commit(map[string]string{
		"echo.yaml":  existing("v1", "Secret", "refused", "stringData: {a: x1, b: canary-refused-Nn21}"),
		"login.yaml": existing("v1", "Secret", "login", "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: canary-login-Oo37}"),
	})
	const rest = "the rest of the answer is withheld, since it may repeat the Secret's values"
	for _, r := range []result{s.plan(), s.run()} {
		policy := s.ns + "-echo-secrets"
		want := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request; %s", policy, policy, rest)
		if said := r.of("Secret refused").Error; !strings.HasSuffix(said, want) {
			t.Errorf("a policy that repeats the object is told as %s", said)
		}
		if said := r.of("Secret login").Error; !strings.HasSuffix(said, "invalid object: data[.dockerconfigjson] is invalid; "+rest) {
			t.Errorf("what validation repeats is told as %s", said)
		}
		if r.code != reconcile.ExitPartial {
			t.Errorf("exit code %d", r.code)
		}
		for _, value := range []string{b64("x1"), "canary-refused-Nn21", b64("canary-refused-Nn21"), "canary-login-Oo37", b64("canary-login-Oo37")} {
			if slices.ContainsFunc(strings.Split(r.details(), "\n"), func(line string) bool { return strings.Contains(line, value) }) {
				t.Errorf("%s is told:\n%s", value, r.details())
			}
		}
	}
}

// asJSON is a value as it stands in a manifest.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
