package render

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// livingChildren are the process ids of this process's children.
func livingChildren(t *testing.T) (found []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // it ended meanwhile
		}
		text := string(data)
		pid, _, _ := strings.Cut(text, " ")
		_, rest, _ := strings.Cut(text, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		child, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, child)
	}
	return found
}

// onlyChild is the process id of this process's one child that renders.
func onlyChild(t *testing.T) int {
	t.Helper()
	found := livingChildren(t)
	if len(found) != 1 {
		t.Errorf("this process has %d children, want one", len(found))
		return 0
	}
	return found[0]
}

// Idle children count: one that an app needs for itself takes the place of an idle
// one, or the children would have more than their share of the container's memory.
func TestChildrenNeverExceedTheirCount(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	var both, group sync.WaitGroup
	both.Add(2)
	for range 2 { // each renders while the other does: two processes
		tree := &whenRead{FS: files("app/a.yaml", configMap("a")), name: "app/a.yaml", read: func() { both.Done(); both.Wait() }}
		group.Go(func() {
			if _, err := children.Render(t.Context(), request(tree, shop)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(children.idle) != 2 {
		t.Fatalf("%d idle children, want two", len(children.idle))
	}
	most := 0
	counted := counting{polluted(), func() { most = max(most, len(livingChildren(t))) }}
	if _, err := children.Render(t.Context(), request(counted, shop)); err != nil {
		t.Fatal(err)
	}
	if most == 0 || most > 2 {
		t.Errorf("%d children at once, want at most two", most)
	}
	if children.busy != 0 {
		t.Errorf("%d children are busy after the last render", children.busy)
	}
}

// counting calls a function whenever something is opened.
type counting struct {
	fs.FS
	count func()
}

func (c counting) Open(name string) (fs.File, error) {
	c.count()
	return c.FS.Open(name)
}

// A child has nothing that its parent has: no environment, no open file, no folder;
// and it can open nothing.
func TestChildrenAreBare(t *testing.T) {
	t.Setenv("KILLICK_GIT_TOKEN", "CANARY")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	inherited, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	// A file that this process was born with would not be close-on-exec.
	if err := clearCloseOnExec(inherited); err != nil {
		t.Fatal(err)
	}
	children := newChildren(t, ChildOptions{Count: 1, Memory: 200 << 20})
	looked := false
	look := &whenRead{FS: files("app/a.yaml", configMap("a")), name: "app/a.yaml", read: func() {
		looked = true
		proc := filepath.Join("/proc", strconv.Itoa(onlyChild(t)))
		environment, err := os.ReadFile(filepath.Join(proc, "environ"))
		if err != nil || string(environment) != "TZ=UTC\x00" {
			t.Errorf("environment %q, %v", environment, err)
		}
		if folder, err := os.Readlink(filepath.Join(proc, "cwd")); folder != "/" {
			t.Errorf("folder %q, %v", folder, err)
		}
		open, err := filepath.Glob(filepath.Join(proc, "fd", "*"))
		if err != nil {
			t.Error(err)
		}
		for _, file := range open {
			target, err := os.Readlink(file)
			// Go's runtime keeps its poller open, and the container's CPU limits.
			own := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/sys/fs/cgroup/")
			if err != nil || !own && !strings.HasPrefix(target, "pipe:") {
				t.Errorf("%s is %s, %v", file, target, err)
			}
		}
		limits, err := os.ReadFile(filepath.Join(proc, "limits"))
		if err != nil {
			t.Error(err)
		}
		for _, line := range strings.Split(string(limits), "\n") {
			for _, none := range []string{"Max open files", "Max file size", "Max core file size"} {
				if rest, found := strings.CutPrefix(line, none); found && strings.Fields(rest)[1] != "0" {
					t.Errorf("limits: %s", line)
				}
			}
			if rest, found := strings.CutPrefix(line, "Max data size"); found {
				bytes, err := strconv.ParseInt(strings.Fields(rest)[1], 10, 64)
				if err != nil || bytes < 200<<20 {
					t.Errorf("limits: %s", line)
				}
			}
		}
	}}
	if _, err := children.Render(t.Context(), request(look, shop)); err != nil || !looked {
		t.Errorf("looked %v, %v", looked, err)
	}
}

func clearCloseOnExec(file *os.File) error {
	_, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0)
	return err
}

// In a child that rendered nothing else, its death is the app's.
func TestDeathInAChildOfItsOwn(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 1})
	kill := &whenRead{FS: files("app/a.yaml", configMap("a")), name: "app/a.yaml", read: func() {
		process, err := os.FindProcess(onlyChild(t))
		if err == nil {
			err = process.Kill()
		}
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := children.Render(t.Context(), request(kill, shop))
	if err == nil || !strings.Contains(err.Error(), "ended before it had an answer (signal: killed)") || told(err).Hint != killHint {
		t.Errorf("error %v, want the signal", err)
	}
}
