package cluster

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The API server's own tokens say whose they are.
func TestSubjectOfAToken(t *testing.T) {
	e := newEnv(t)
	e.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: NS}}")
	answer, err := kubernetes.NewForConfigOrDie(e.config).CoreV1().ServiceAccounts(e.ns).
		CreateToken(e.ctx, "deployer", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(answer.Status.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	person := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"jane"}`))
	for _, c := range []struct {
		why    string
		config rest.Config
		want   string
	}{
		{"a mounted token", rest.Config{BearerTokenFile: file}, "system:serviceaccount:" + e.ns + ":deployer"},
		{"the same as a value", rest.Config{BearerToken: answer.Status.Token}, "system:serviceaccount:" + e.ns + ":deployer"},
		{"a person's", rest.Config{BearerToken: "a." + person + ".b"}, ""},
		{"a token that says nothing", rest.Config{BearerToken: "opaque"}, ""},
		{"three parts of nothing", rest.Config{BearerToken: "a.b.c"}, ""},
		{"a file that is not there", rest.Config{BearerTokenFile: file + "x"}, ""},
		{"no token", rest.Config{}, ""},
	} {
		if got := subjectOf(&c.config); got != c.want {
			t.Errorf("%s: %q", c.why, got)
		}
	}
	if got := e.admin.Account(); got != "" {
		t.Errorf("an identity that somebody named is not Killick's own: %q", got)
	}
}
