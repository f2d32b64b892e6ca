package config

import (
	"testing"
	"testing/fstest"
)

// TestClusterName: a config that is refused mostly still says which cluster it is for.
func TestClusterName(t *testing.T) {
	for _, test := range []struct {
		reason, text, want string
	}{
		{"in flow style", "kind: [Config\ncluster: {name: prod-eu}\n", "prod-eu"},
		{"in flow style, behind the UID", "cluster: {uid: x, name: \"prod-eu\"}\n", "prod-eu"},
		{"in block style", "apps:\n\t- broken\ncluster:\n  name: prod-eu # the big one\n", "prod-eu"},
		{"behind the UID, comments and an empty line", "cluster: # here\n  # the UID\n  uid: 1\n\n  name: 'prod-eu'\n", "prod-eu"},
		{"with line ends of Windows", "cluster:\r\n  name: prod-eu\r\n", "prod-eu"},
		{"another name below another key", "cluster:\n  uid: 1\napps:\n  - name: shop\n", ""},
		{"not at the top", "x:\n  cluster:\n    name: prod-eu\n", ""},
		{"no name", "cluster: {}\nname: x\n", ""},
		{"not a name", "cluster: {name: <!channel>}\n", ""},
	} {
		got := ClusterName(fstest.MapFS{"killick.yaml": &fstest.MapFile{Data: []byte(test.text)}}, "./killick.yaml")
		if got != test.want {
			t.Errorf("%s: got %q, want %q from\n%s", test.reason, got, test.want, test.text)
		}
	}
	for _, name := range []string{"none.yaml", "../killick.yaml"} {
		if got := ClusterName(fstest.MapFS{}, name); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
