package render

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitMemory bounds what this process may take from the kernel besides what it has
// already: RLIMIT_DATA counts private writable memory (getrlimit(2); anonymous
// mappings since Linux 4.7), so that Go's runtime ends the process where the next
// page is refused.
func limitMemory(bytes int64) error {
	has, err := dataBytes()
	if err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: uint64(has + bytes), Max: uint64(has + bytes)}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("setting RLIMIT_DATA: %w", err)
	}
	return nil
}

// dataBytes is the memory that RLIMIT_DATA counts (proc_pid_statm(5), data).
func dataBytes() (int64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(statm)
	if len(fields) < 6 {
		return 0, fmt.Errorf("reading /proc/self/statm: %q", statm)
	}
	pages, err := strconv.ParseInt(string(fields[5]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// closeProcess gives up files, sockets and core dumps: what is open stays open, and
// nothing can be opened. Dumps would hold the values of charts.
func closeProcess() error {
	none := unix.Rlimit{}
	for _, resource := range []int{unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE, unix.RLIMIT_CORE} {
		if err := unix.Setrlimit(resource, &none); err != nil {
			return fmt.Errorf("setting a resource limit: %w", err)
		}
	}
	return nil
}

// program is this program's file, also after another one took its name.
func program() (string, error) { return "/proc/self/exe", nil }

// tie lets a child die with the thread that started it, and inherit nothing.
func tie(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// Go opens everything close-on-exec; what this process was born with need not
	// be. Where the call is not allowed there is nothing else to do.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// containerMemory is the memory limit of the container in bytes; 0 when there is
// none, or none can be read.
func containerMemory() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
		if err == nil && limit < 1<<50 { // version 1 says "none" as a huge number
			return limit
		}
	}
	return 0
}
