package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// imageUser is the image's user and group.
const imageUser = 65532

// container is what a runtime is told: a root file system, what is mounted in it, and
// the process.
type container struct {
	Root   string
	Mounts []mount
	Args   []string
	Env    []string
}

type mount struct{ From, To string }

// run starts the process as user 65532 without capabilities, in a mount namespace in
// which the root is read-only. Root needs nothing else for it; anybody else gets a user
// namespace, in which their own ID is called 65532.
func (c container) run(t *testing.T) (stdout, stderr string, code int) {
	t.Helper()
	order, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = []string{enterVariable + "=" + string(order)}
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: imageUser, HostID: os.Geteuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: imageUser, HostID: os.Getegid(), Size: 1}}
		command.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) || command.ProcessState.ExitCode() == exitNotEntered {
		t.Fatalf("entering a file system of its own: %v: %s\n"+
			"This test needs root with CAP_SYS_ADMIN that can become user 65532, or a kernel that lets everybody make user namespaces "+
			"(user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns 0).", err, &said)
	}
	return out.String(), said.String(), command.ProcessState.ExitCode()
}

// enter is what the started process does: it mounts, leaves everything else behind, makes
// sure of it, and executes the program.
func enter(order string) error {
	runtime.LockOSThread() // capabilities are a thread's
	var c container
	if err := json.Unmarshal([]byte(order), &c); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount(c.Root, c.Root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	for _, one := range c.Mounts {
		if err := unix.Mount(one.From, filepath.Join(c.Root, one.To), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mounting %q: %w", one.To, err)
		}
	}
	if err := readOnly(c.Root); err != nil {
		return err
	}
	if err := unix.Chroot(c.Root); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := confined(); err != nil {
		return err
	}
	return fmt.Errorf("executing %q: %w", c.Args[0], syscall.Exec(c.Args[0], c.Args, c.Env))
}

// readOnly keeps the flags of the file system below: a user namespace may not lift them.
func readOnly(root string) error {
	var has unix.Statfs_t
	if err := unix.Statfs(root, &has); err != nil {
		return err
	}
	locked := uintptr(has.Flags) & (unix.ST_NODEV | unix.ST_NOEXEC) // numbered as MS_NODEV and MS_NOEXEC are
	if err := unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|locked, ""); err != nil {
		return fmt.Errorf("making the root read-only: %w", err)
	}
	return nil
}

// confined gives up all rights, and is an error where any is left.
func confined() error {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(imageUser), syscall.Setuid(imageUser)); err != nil {
			return fmt.Errorf("becoming user %d: %w", imageUser, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding new privileges: %w", err)
	}
	if os.Getuid() != imageUser || os.Getgid() != imageUser {
		return fmt.Errorf("this is user %d of group %d, want %d", os.Getuid(), os.Getgid(), imageUser)
	}
	for _, place := range []string{"/file", "/tmp/file", "/etc/ssl/certs/file"} {
		if err := os.WriteFile(place, nil, 0o600); !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("writing %q: %w, want a read-only file system", place, err)
		}
	}
	return nil
}

// unpack writes the image's files to a folder, as a runtime does.
func unpack(t *testing.T) string {
	t.Helper()
	hostImage(t)
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, one := range filesOf(t, shared.image) {
		path := filepath.Join(root, one.header.Name)
		var err error
		if one.header.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, one.content, 0o600)
		}
		if err == nil {
			err = os.Chmod(path, one.header.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// mountPoint makes an empty file or folder to mount something at, as runtimes do in the
// layer of a container.
func mountPoint(t *testing.T, root string, one mount) mount {
	t.Helper()
	info, err := os.Stat(one.From)
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(root, one.To)
	if info.IsDir() {
		err = os.MkdirAll(place, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(place), 0o755); err == nil {
		var file *os.File
		if file, err = os.OpenFile(place, os.O_CREATE, 0o644); err == nil {
			err = file.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// program runs /killick of an unpacked image with what every runtime mounts (OCI runtime
// specification, config-linux.md, default file systems and devices), and more.
func program(t *testing.T, root string, env []string, more []mount, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := container{Root: root, Args: append([]string{"/killick"}, args...), Env: env}
	for _, one := range append([]mount{{"/proc", "proc"}, {os.DevNull, "dev/null"}}, more...) {
		c.Mounts = append(c.Mounts, mountPoint(t, root, one))
	}
	return c.run(t)
}

func TestImageRunsInAReadOnlyRoot(t *testing.T) {
	t.Parallel()
	out, said, code := program(t, unpack(t), nil, nil, "version")
	if want := "killick " + testVersion + " ("; code != 0 || !strings.HasPrefix(out, want) || said != "" {
		t.Errorf("exit code %d, %q, %q, want %q…", code, out, said, want)
	}
}

// TestImageTrustsItsAuthorities renders from an HTTPS server whose authority the image
// does not know. Putting that authority's certificate in the place of the image's file
// makes it known without a flag: so that file is the one that is read.
func TestImageTrustsItsAuthorities(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	server.Repo("platform.git").Commit("an app", map[string]string{
		"killick.yaml":            "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: lab}\napps:\n  - {name: web, path: web, namespace: web}\n",
		"web/kustomization.yaml":  "resources: [settings.yaml]\nnamePrefix: a-\n",
		"web/settings.yaml":       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: green}\n",
		"web/ignored/nothing.txt": "",
	})
	authority := filepath.Join(t.TempDir(), "ca.crt")
	content, err := os.ReadFile(server.CAFile())
	if err == nil {
		err = os.WriteFile(authority, content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason string
		env    []string
		mounts []mount
		flags  []string
		want   string // in standard error; "" when the render succeeds
	}{
		{"the image's own file does not hold a private authority", nil, nil, nil, "certificate is signed by an unknown authority"},
		{"the chart's git.ca", nil, []mount{{authority, "etc/killick/git/ca.crt"}}, []string{"--git-ca-file=/etc/killick/git/ca.crt"}, ""},
		{"Go's variable", []string{"SSL_CERT_FILE=/etc/killick/ca.crt"}, []mount{{authority, "etc/killick/ca.crt"}}, nil, ""},
		{"the file that Go reads by itself", nil, []mount{{authority, roots}}, nil, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			arguments := append([]string{"render", "--offline", "--repo=" + server.HTTPSURL() + "/platform.git", "--ref=main"}, c.flags...)
			out, said, code := program(t, unpack(t), c.env, c.mounts, arguments...)
			if c.want != "" {
				if code == 0 || !strings.Contains(said, c.want) {
					t.Errorf("exit code %d, %q, want %q", code, said, c.want)
				}
				return
			}
			if code != 0 || !strings.Contains(out, "name: a-settings") {
				t.Errorf("exit code %d, %q, %q", code, out, said)
			}
		})
	}
}
