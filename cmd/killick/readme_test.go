package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/testenv"
)

// block is a fenced block of the README; the line above a file's block ends with its name.
var block = regexp.MustCompile("(?m)^(.*)\n\n```(sh|yaml|rego)\n((?s:.*?))```$")

var fileName = regexp.MustCompile("`([^` ]+)`:$")

// newcomer follows "Try it" to the letter: commands as they stand, files under the names
// that the text gives them, in the order of the page. steps are the blocks of commands.
func newcomer(t *testing.T) (steps []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "## Try it on a cluster of your own\n")
	section, _, closed := strings.Cut(rest, "\n## ")
	if !found || !closed {
		t.Fatal("the README has no section Try it")
	}
	files := ""
	for _, match := range block.FindAllStringSubmatch(section, -1) {
		above, language, content := match[1], match[2], match[3]
		if language == "sh" {
			steps, files = append(steps, files+content), ""
			continue
		}
		name := fileName.FindStringSubmatch(above)
		if name == nil {
			t.Fatalf("no file name above the block that begins with %.40q", content)
		}
		files += "mkdir -p " + filepath.Dir(name[1]) + "\ncat > " + name[1] + " <<'END'\n" + content + "END\n"
	}
	return steps
}

// shell runs commands as a newcomer's shell does that stops at the first failure.
type shell struct {
	home string
	env  []string
}

func newShell(t *testing.T, kubeconfig string) shell {
	t.Helper()
	s := shell{home: t.TempDir()}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, name+"="+strings.TrimSpace(string(value)))
	}
	s.env = append(s.env, "HOME="+s.home, "PATH="+os.Getenv("PATH"), "KUBECONFIG="+kubeconfig, "LANG=C.UTF-8",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	return s
}

// in runs a script in a folder and answers what it printed.
func (s shell) in(t *testing.T, folder, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir, cmd.Env = folder, s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v:\n%s\nprinted:\n%s", err, script, &out)
	}
	return out.String()
}

// TestReadme: the README's commands, config and policy deploy the app, and put back an edit.
// What was deployed before is taken over.
func TestReadme(t *testing.T) {
	cp := testenv.Own(t, testenv.Options{})
	s := newShell(t, cp.Kubeconfig())
	steps := newcomer(t)
	if len(steps) != 2 {
		t.Fatalf("the section has %d blocks of commands, and this test knows two", len(steps))
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s.in(t, root, steps[0])
	s.env = append(s.env, "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	platform := filepath.Join(s.home, "platform")
	out := s.in(t, platform, steps[1])
	for _, want := range []string{"2 to sync", "2 missing · 2 synced", "2 objects: 2 in sync\nexit code 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("nowhere %q in:\n%s", want, out)
		}
	}
	banners := cp.Client().CoreV1().ConfigMaps("storefront")
	_, err = banners.Patch(t.Context(), "banner", types.MergePatchType, []byte(`{"data":{"text":"by hand"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	out = s.in(t, platform, "killick plan || test $? -eq 1\nkillick run\nkillick explain configmap/banner -n storefront")
	if banner, err := banners.Get(t.Context(), "banner", metav1.GetOptions{}); err != nil || banner.Data["text"] != "summer sale" {
		t.Errorf("the edit was not put back (%v):\n%s", err, out)
	}
	if !strings.Contains(out, "kubectl-edit") || !strings.Contains(out, "1 to heal") {
		t.Errorf("the plan does not say who changed what:\n%s", out)
	}
	s.adopts(t, cp, platform)
}

// adopts loses Killick's state and label, as if the app had been there before it.
func (s shell) adopts(t *testing.T, cp *testenv.ControlPlane, platform string) {
	t.Helper()
	if err := cp.Client().CoreV1().Namespaces().Delete(t.Context(), "killick", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := eventually(t.Context(), "the end of Killick's state", func(ctx context.Context) error {
		_, err := cp.Client().CoreV1().Namespaces().Get(ctx, "killick", metav1.GetOptions{})
		if err == nil {
			return errors.New("it is still there")
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cp.Client().CoreV1().ConfigMaps("storefront").Patch(t.Context(), "banner", types.MergePatchType,
		[]byte(`{"metadata":{"labels":null,"managedFields":[{}]},"data":{"text":"by hand"}}`), metav1.PatchOptions{FieldManager: "kubectl"})
	if err != nil {
		t.Fatal(err)
	}
	if out := s.in(t, platform, "killick plan || test $? -eq 1"); !strings.Contains(out, "ConfigMap storefront/banner  sync, planned") {
		t.Errorf("what was there before is not taken over:\n%s", out)
	}
}
