package charttest

import (
	"fmt"
	"os"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killick-dev/killick/internal/testenv"
)

// binaries is where built puts the killick binary.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "killick-charttest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testenv.Main(m)
	_ = os.RemoveAll(binaries)
}

func admin(t *testing.T) *rest.Config {
	t.Helper()
	config := testenv.Cluster(t).RESTConfig()
	config.WarningHandler = rest.NoWarnings{} // Deployments here warn that their pods would be refused
	return config
}

// accountOf is a client configuration with the account's own token.
func accountOf(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	path, err := testenv.Cluster(t).TokenKubeconfig(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	return config
}
