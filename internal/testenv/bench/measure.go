package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

// usage is what one process took.
type usage struct {
	Wall time.Duration
	CPU  time.Duration
	RSS  int64 // peak, bytes
	Exit int
}

// launcher is the hidden subcommand that runs a command and reports its usage on
// file descriptor 3. It is a process of its own because Linux counts the memory
// of whoever started a process into that process's peak: exec(2) keeps the
// maximum of the address space that a vfork shared.
const launcher = "launch"

func launch(args []string) error {
	report := os.NewFile(3, "report")
	// Interrupted, the launcher must not leave what it started behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	state := cmd.ProcessState
	rusage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("no resource usage on this system")
	}
	return json.NewEncoder(report).Encode(usage{
		Wall: wall, CPU: state.UserTime() + state.SystemTime(),
		RSS: rusage.Maxrss * 1024, Exit: state.ExitCode(), // kilobytes on Linux (getrusage(2))
	})
}

// command is a program to measure.
type command struct {
	args []string
	env  []string
	// warm programs say when they are ready; the measurement begins there.
	warm bool
	// onReady is called before a warm program goes on.
	onReady func() error
}

// outcome is what one measured process said and took.
type outcome struct {
	usage
	stdout []byte
	stderr []byte
}

// execute runs a command under the launcher.
func execute(ctx context.Context, c command) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{launcher}, c.args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), c.env...)
	reader, writer, err := os.Pipe()
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = reader.Close() }()
	cmd.ExtraFiles = []*os.File{writer}
	var stderr tail
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return outcome{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		return outcome{}, err
	}
	out := bufio.NewReader(stdout)
	began, before := time.Now(), time.Duration(0)
	if c.warm {
		if before, err = awaitReady(out); err == nil {
			err = c.onReady()
		}
		if err != nil {
			_ = cmd.Cancel()
			_ = cmd.Wait()
			return outcome{}, fmt.Errorf("%s: %w: %s", c.args[0], err, stderr.data)
		}
		began = time.Now()
		_, _ = io.WriteString(stdin, "go\n")
	}
	said, readErr := io.ReadAll(out)
	wall := time.Since(began)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %s", c.args[0], err, stderr.data)
	}
	result := outcome{stdout: said, stderr: stderr.data}
	if err := json.NewDecoder(reader).Decode(&result.usage); err != nil {
		return outcome{}, fmt.Errorf("reading the usage of %s: %w", c.args[0], err)
	}
	if c.warm {
		result.Wall, result.CPU = wall, result.CPU-before
	}
	return result, nil
}

// awaitReady reads until a warm peer is ready, and says what CPU time that took.
func awaitReady(out *bufio.Reader) (time.Duration, error) {
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("ended before it was ready: %w", err)
		}
		if text, found := strings.CutPrefix(line, peer.ReadyMark); found {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return time.Duration(n), err
		}
	}
}

// tail keeps the end of a stream.
type tail struct{ data []byte }

const tailSize = 4 << 10

func (t *tail) Write(data []byte) (int, error) {
	t.data = append(t.data, data...)
	t.data = t.data[max(0, len(t.data)-tailSize):]
	return len(data), nil
}

// sample is one measurement.
type sample struct {
	wall, cpu time.Duration
	rss       int64
	serverCPU time.Duration
	requests  requests
	// own is how many of Killick's state objects were written meanwhile. The API
	// server's metrics have no namespaces, so their versions tell.
	own   int
	bytes int64 // both directions, as encrypted
}

// spread is the smallest, the middle and the largest of something.
func spread[T int64 | time.Duration](samples []sample, of func(sample) T) (lowest, median, highest T) {
	values := make([]T, 0, len(samples))
	for _, s := range samples {
		values = append(values, of(s))
	}
	if len(values) == 0 {
		return 0, 0, 0
	}
	slices.Sort(values)
	return values[0], values[len(values)/2], values[len(values)-1]
}

func (r row) wall() time.Duration {
	_, median, _ := spread(r.samples, func(s sample) time.Duration { return s.wall })
	return median
}

func (r row) cpu() time.Duration {
	_, median, _ := spread(r.samples, func(s sample) time.Duration { return s.cpu })
	return median
}

func (r row) serverCPU() time.Duration {
	_, median, _ := spread(r.samples, func(s sample) time.Duration { return s.serverCPU })
	return median
}

// rss is the highest of all rounds: a limit has to hold for each.
func (r row) rss() int64 {
	_, _, highest := spread(r.samples, func(s sample) int64 { return s.rss })
	return highest
}

func (r row) bytes() int64 {
	_, median, _ := spread(r.samples, func(s sample) int64 { return s.bytes })
	return median
}

// worst is the round that wrote most outside Killick's own state, and among those
// the one that wrote most: a promise to write nothing has to hold for each.
func (r row) worst() sample {
	if len(r.samples) == 0 {
		return sample{}
	}
	return slices.MaxFunc(r.samples, func(a, b sample) int {
		return cmp.Or(a.otherWrites()-b.otherWrites(), a.requests.writes()-b.requests.writes())
	})
}

// most of one verb in any round.
func (r row) most(verb string) int {
	highest := 0
	for _, s := range r.samples {
		highest = max(highest, s.requests[verb])
	}
	return highest
}

// otherWrites are the real writes that did not go to Killick's own state. An
// object of the state that was written more than once counts as another write, too:
// that errs on the side of saying that something was written.
func (s sample) otherWrites() int { return max(0, s.requests.writes()-s.own) }

// requests of the round with the median number of dry-runs.
func (r row) requests() requests {
	if len(r.samples) == 0 {
		return nil
	}
	sorted := slices.Clone(r.samples)
	slices.SortFunc(sorted, func(a, b sample) int { return a.requests["dry-run"] - b.requests["dry-run"] })
	return sorted[len(sorted)/2].requests
}
