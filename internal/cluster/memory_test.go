package cluster

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// setID is KEP-3659's function for any parent, to hold PartOf against kubectl's
// own numbers.
func setID(name, namespace, kind, group string) string {
	sum := sha256.Sum256([]byte(name + "." + namespace + "." + kind + "." + group))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

// The first vector stands in kubectl's own test (pkg/cmd/apply/apply_test.go);
// the others follow from the same function.
func TestSetID(t *testing.T) {
	cases := []struct{ why, name, namespace, kind, group, want string }{
		{"kubectl's own", "my-set", "test", "Secret", "", "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"},
		{"a ConfigMap", "my-set", "test", "ConfigMap", "", "applyset-gixR4KUFBNRxOPyC-scYMHmBW0ziohNNkE_oCmTLycQ-v1"},
		{"cluster-scoped", "thing", "", "ApplySet", "company.com", "applyset-NJoolFf1AHoJxBrkKuWdTlcLl3OE9YrxDlEdgX3_Pz8-v1"},
	}
	for _, c := range cases {
		if got := setID(c.name, c.namespace, c.kind, c.group); got != c.want {
			t.Errorf("%s: got %s", c.why, got)
		}
	}
	client := &Client{stateNamespace: "test"}
	if got := client.PartOf("x"); got != setID("killick-app-x", "test", "ConfigMap", "") {
		t.Errorf("the parent of an app is a ConfigMap: got %s", got)
	}
}

func TestUserOf(t *testing.T) {
	client := &Client{stateNamespace: "killick"}
	cases := []struct{ why, account, want string }{
		{"none", "", ""},
		{"in the state namespace", "deployer", "system:serviceaccount:killick:deployer"},
		{"in another", "shop/deployer", "system:serviceaccount:shop:deployer"},
	}
	for _, c := range cases {
		if got, err := client.userOf(drift.App{ServiceAccount: c.account}); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v", c.why, got, err)
		}
	}
	for _, bad := range []string{"/deployer", "shop/", "/", "a/b/c", "system:masters", "shop/a:b", " ", "Deployer"} {
		if got, err := client.userOf(drift.App{ServiceAccount: bad}); err == nil {
			t.Errorf("%q became the user %q; a half identity must fail", bad, got)
		}
		if session, err := client.as(drift.App{ServiceAccount: bad}); err == nil {
			t.Errorf("%q became a session of %q", bad, session.user)
		}
	}
}

func TestPackRoundTrip(t *testing.T) {
	want := []drift.Entry{{ID: drift.ID{Kind: "ConfigMap", Namespace: "a", Name: "b"}, Version: "v1", UID: "u"}}
	packed, err := pack(want)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pack(want)
	if err != nil || !bytes.Equal(packed, again) {
		t.Error("the same content must give the same bytes, or every run writes")
	}
	var got []drift.Entry
	if err := unpack(packed, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestUnpackRefusesDamage(t *testing.T) {
	packed, err := pack([]drift.Entry{{Version: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for _, c := range []struct {
		why    string
		packed []byte
	}{
		{"nothing", nil},
		{"cut short", packed[:len(packed)-4]},
		{"a flipped bit", flipped},
		{"not compressed", []byte(`{"schema":1,"content":[]}`)},
	} {
		var got []drift.Entry
		if err := unpack(c.packed, &got); err == nil {
			t.Errorf("%s: read %v", c.why, got)
		}
	}
}

func TestPackRefusesWhatDoesNotFit(t *testing.T) {
	entries := make([]drift.Entry, 40000)
	random := make([]byte, 32)
	for i := range entries {
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		entries[i].UID = hex.EncodeToString(random)
	}
	if _, err := pack(entries); !errors.Is(err, errTooLarge) {
		t.Errorf("got %v", err)
	}
	for i := range entries {
		entries[i] = drift.Entry{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: fmt.Sprintf("web-%d", i)}, Version: "v1"}
	}
	packed, err := pack(entries)
	if err != nil {
		t.Errorf("forty thousand ordinary names fit compressed: %v (%d bytes)", err, len(packed))
	}
}
