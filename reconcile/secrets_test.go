package reconcile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/report"
	"github.com/killick-dev/killick/reconcile"
)

const passwordRef = "v1 Secret password"

// secretsTouched are the requests for Secrets of the site's namespace, or of all.
func (t *tape) secretsTouched(s *site) []string {
	var touched []string
	for _, line := range t.sent {
		if strings.Contains(line, "/secrets") && !strings.Contains(line, "/namespaces/"+s.state+"/secrets") {
			touched = append(touched, s.short(line))
		}
	}
	return touched
}

// TestSkippedSecrets: without secrets: manage no Secret is read, written or
// deleted, also when it was managed before.
func TestSkippedSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{"a.yaml": configMap("a"), "password.yaml": existing("v1", "Secret", "password", "stringData: {password: hunter2}")}
	s.commit(files)
	tape := s.record()
	r := s.run()
	r.expect("skipped", "ConfigMap a: missing/git sync applied")
	if got := r.Report.Apps[0]; got.Counts.Skipped != 1 || !strings.Contains(strings.Join(got.Warnings, "\n"), "1 Secret is skipped") {
		t.Errorf("skipped %d, warnings %q", got.Counts.Skipped, got.Warnings)
	}
	if touched := tape.secretsTouched(s); len(touched) > 0 {
		t.Errorf("Secrets were asked for: %q", touched)
	}
	if s.find(passwordRef).State != drift.Absent {
		t.Error("the Secret was created")
	}

	s.app("shop", manageSecrets)
	s.run().expect("managed", "Secret password: missing/git sync applied")
	s.run().silent("managed, the second time")
	s.app("shop")
	tape = s.record()
	for range 2 {
		r = s.run()
		r.expect("skipped again")
	}
	s.commit(map[string]string{"password.yaml": deleted})
	s.run().expect("and gone from Git")
	if touched := tape.secretsTouched(s); len(touched) > 0 {
		t.Errorf("Secrets were asked for: %q", touched)
	}
	s.live(passwordRef)
	if diff := cmp.Diff([]string{"ConfigMap a", "Secret password"}, s.inventoried("shop")); diff != "" {
		t.Errorf("the inventory (-want +got):\n%s", diff)
	}
	s.commit(map[string]string{"password.yaml": files["password.yaml"]})
	s.app("shop", manageSecrets)
	s.run().silent("managed again")
}

// TestManagedSecrets: created, healed and rotated like anything else.
func TestManagedSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.commit(map[string]string{"password.yaml": existing("v1", "Secret", "password", "stringData: {password: one, user: shop}")})
	s.converge()
	s.merge("kubectl-edit", passwordRef, "{data: {password: "+b64("two")+", extra: "+b64("three")+"}}")
	r := s.run()
	r.expect("an edit", "Secret password: modified/live heal applied")
	if diff := cmp.Diff([]string{"add /data/extra by kubectl-edit", "replace /data/password by kubectl-edit"}, fields(r.of("Secret password"))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"password": b64("one"), "user": b64("shop")}, s.value(passwordRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	s.commit(map[string]string{"password.yaml": existing("v1", "Secret", "password", "data: {password: "+b64("rotated")+"}")})
	s.run().expect("a rotation", "Secret password: modified/git sync applied")
	if diff := cmp.Diff(map[string]any{"password": b64("rotated")}, s.value(passwordRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	s.run().silent("the run after that")
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// Canaries: one per place a secret value can come from.
const (
	canaryGit    = "canary-in-git-Zx81"
	canaryLive   = "canary-live-Qm27"
	canaryAdded  = "canary-added-Lw55"
	canaryOld    = "canary-last-applied-Vk03"
	canaryExtra  = "canary-extra-Tn49"
	canaryAdopt  = "canary-adopted-Rp16"
	canaryDeny   = "canary-denied-Hs72"
	canaryMulti  = "canary-line-one-Yb38"
	canaryBroken = "canary-broken-yaml-Jd90"
)

// TestCanary: a secret value reaches no output of a run, whatever happens to its
// object: created, healed, adopted, pruned, refused with an error that quotes it.
func TestCanary(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.explain = func(drift.ID) bool { return true }
	s.app("shop", manageSecrets)
	s.rego = grants + adoption + `
alert_only contains sprintf("a policy that quotes what it sees: %v %v %v", [input.desired, input.live, input.changes]) if {
	input.resource.name == "alerted"
	input.drift.type == "modified"
}
`
	s.commit(map[string]string{
		"edited.yaml":  existing("v1", "Secret", "edited", `stringData: {password: `+canaryGit+`, key: "-----BEGIN\n`+canaryMulti+`\n"}`),
		"alerted.yaml": existing("v1", "Secret", "alerted", "stringData: {password: "+canaryGit+"}"),
		"extra.yaml":   existing("v1", "Secret", "extra", "stringData: {password: "+canaryExtra+"}"),
		"typed.yaml":   existing("v1", "Secret", "typed", "type: Opaque, stringData: {password: "+canaryGit+"}"),
		"keep.yaml":    configMap("keep"),
	})
	outcomes := []result{s.run()}
	if outcomes[0].code != reconcile.ExitOK {
		t.Fatal(outcomes[0].details())
	}
	s.applyOld(existing("v1", "Secret", "adopted", "data: {password: "+b64(canaryAdopt)+", more: "+b64(canaryOld)+"}"))
	for _, name := range []string{"edited", "alerted"} {
		s.merge("kubectl-edit", "v1 Secret "+name, "{data: {password: "+b64(canaryLive)+", added: "+b64(canaryAdded)+`},
			metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "{\"data\":{\"password\":\"`+b64(canaryOld)+`\"}}"}}}`)
	}
	s.commit(map[string]string{
		"extra.yaml":   deleted,
		"typed.yaml":   existing("v1", "Secret", "typed", "type: example.com/other, stringData: {password: "+canaryGit+"}"),
		"adopted.yaml": existing("v1", "Secret", "adopted", "stringData: {password: "+canaryAdopt+"}"),
		"invalid.yaml": existing("v1", "Secret", "invalid", "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "+canaryDeny+"}"),
	})
	outcomes = append(outcomes, s.plan(), s.run(), s.run())
	s.commit(map[string]string{"broken.yaml": "{apiVersion: v1, kind: Secret, metadata: {name: b}, {stringData: {password: " + canaryBroken + "}}}"})
	outcomes = append(outcomes, s.run())
	s.commit(map[string]string{"broken.yaml": deleted})
	s.merge("kubectl-edit", "v1 Secret edited", "{data: {password: "+b64(canaryLive)+"}}")
	s.intercept(&between{apply: func(r drift.ApplyRequest, _ int) error {
		return &drift.Refusal{Kind: drift.ErrDenied, Message: fmt.Sprintf("the webhook quotes the object: %v", r.Object.Manifest)}
	}})
	outcomes = append(outcomes, s.run())

	seen := 0
	for _, r := range outcomes {
		for _, line := range r.news() {
			if strings.HasPrefix(line, "Secret ") {
				seen++
			}
		}
		for place, text := range r.outputs() {
			for _, canary := range []string{canaryGit, canaryLive, canaryAdded, canaryOld, canaryExtra, canaryAdopt, canaryDeny, canaryMulti, canaryBroken} {
				for form, value := range map[string]string{"plain": canary, "base64": b64(canary)} {
					if i := strings.Index(text, value); i >= 0 {
						t.Errorf("%s holds %s (%s): …%s…", place, canary, form, text[max(0, i-80):min(len(text), i+120)])
					}
				}
			}
		}
	}
	if seen < 12 {
		t.Errorf("the reports speak of Secrets %d times only; the test has lost its subject", seen)
	}
	if got := outcomes[len(outcomes)-1].of("Secret edited").Outcome; got != "failed" {
		t.Errorf("the refused write is %s", got)
	}
}

// outputs is everything a run leaves for people, programs and policies: the
// report in every view, what explain shows, what policies saw, and its state.
func (r result) outputs() map[string]string {
	r.Helper()
	out := map[string]string{}
	clean := redact.Redactor{}.WithValues(r.Secrets...).Report(r.Report)
	for _, format := range report.Formats() {
		var b bytes.Buffer
		if err := report.Write(&b, clean, report.Options{Format: format, Width: 1000}); err != nil {
			r.Fatal(err)
		}
		out["the "+string(format)+" report"] = b.String()
	}
	for _, explained := range r.Explained {
		data, err := json.Marshal(explained.Input)
		if err != nil {
			r.Fatal(err)
		}
		out["the policy input of "+explained.Step.Change.ID.Short()] = string(data)
	}
	maps, err := r.cluster.Client().CoreV1().ConfigMaps(r.state).List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for _, item := range maps.Items {
		for key, packed := range item.BinaryData {
			reader, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				r.Fatal(err)
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				r.Fatal(err)
			}
			out["ConfigMap "+item.Name+" "+key] = string(text)
		}
		data, err := json.Marshal(item.ObjectMeta)
		if err != nil {
			r.Fatal(err)
		}
		out["ConfigMap "+item.Name] = string(data)
	}
	return out
}

// TestCanaryNeedsNoRedactor: values of Secrets are masked where they are
// compared; the redactor is the second lock, not the only one.
func TestCanaryNeedsNoRedactor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.commit(map[string]string{"edited.yaml": existing("v1", "Secret", "edited", "stringData: {password: "+canaryGit+"}")})
	s.converge()
	s.merge("kubectl-edit", "v1 Secret edited", "{data: {password: "+b64(canaryLive)+", added: "+b64(canaryAdded)+"}}")
	r := s.run()
	data, err := json.Marshal(r.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{canaryGit, canaryLive, canaryAdded} {
		if strings.Contains(string(data), canary) || strings.Contains(string(data), b64(canary)) {
			t.Errorf("the report holds %s before redaction", canary)
		}
	}
	if r.code != reconcile.ExitOK {
		t.Errorf("exit code %d", r.code)
	}
}
