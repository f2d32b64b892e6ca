package testenv

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// quotedLines is how much of a log goes into an error.
const quotedLines = 20

// process is one component at work.
type process struct {
	name    string
	logFile string
	pid     int
	kill    func() error
	exited  chan struct{} // closed once the process has been waited for
	err     error         // how it ended; valid once exited is closed
}

// startProcess runs a command with its output in dir/name.log, in such a way that
// it does not outlive this process.
func startProcess(dir, name string, command *exec.Cmd) (*process, error) {
	p := &process{name: name, logFile: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.Create(p.logFile)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	command.Stdout, command.Stderr = log, log
	// Never written to: it ends when we do (see parentPipe).
	lifeline, err := command.StdinPipe()
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	command.SysProcAttr = processAttributes()
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal when the thread that started the
		// child ends (prctl(2), PR_SET_PDEATHSIG), so that thread is kept here until
		// the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := command.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = command.Wait()
		_ = lifeline.Close()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.pid, p.kill = command.Process.Pid, command.Process.Kill
	return p, nil
}

// stop kills the process and waits for its end. There is nothing to save: data
// folders are thrown away.
func (p *process) stop() {
	_ = p.kill() // an error means that it has ended already
	<-p.exited
}

// running is nil while the process runs, and how it ended, with its last words,
// afterwards.
func (p *process) running() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended (%w); its log ends with:\n%s", p.name, p.err, p.lastWords())
	default:
		return nil
	}
}

// lastWords are the last lines of the log.
func (p *process) lastWords() string {
	log, err := os.Open(p.logFile)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	defer func() { _ = log.Close() }()
	const tail = 32 << 10
	if info, err := log.Stat(); err == nil && info.Size() > tail {
		_, _ = log.Seek(-tail, io.SeekEnd)
	}
	content, err := io.ReadAll(log)
	if err != nil {
		return fmt.Sprintf("(unreadable log: %v)", err)
	}
	lines := strings.Split(string(bytes.TrimSpace(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-quotedLines):], "\n")
}
