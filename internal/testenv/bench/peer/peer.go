// Package peer is what the measured programs beside killick share: how they are
// told what to do, how they get the desired objects, and how they say which of
// them differ. It imports the standard library only, so that a peer's own
// dependencies are all that its process carries.
package peer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of one call of a peer.
type Options struct {
	// Op is what to do; each peer has its own.
	Op string
	// Kubeconfig is the file that leads to the API server.
	Kubeconfig string
	// Objects is a file of desired objects, one Entry per line.
	Objects string
	// Count is how many objects there are where the file holds only their kinds.
	Count int
	// Concurrency is how many objects are worked on at a time.
	Concurrency int
	// Manager is the field manager.
	Manager string
	// Warm makes the peer stop, once its caches are filled, until a line comes
	// on standard input: what is measured starts there.
	Warm bool
}

// Parse reads the options from the command line. The flags are a set of their own:
// libraries register some in the common one.
func Parse() Options {
	var o Options
	flags := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	flags.StringVar(&o.Op, "op", "diff", "what to do")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `file`")
	flags.StringVar(&o.Objects, "objects", "", "`file` of desired objects")
	flags.IntVar(&o.Count, "count", 0, "how many `objects` to find where the file holds only their kinds")
	flags.IntVar(&o.Concurrency, "concurrency", 4, "how many `objects` at a time")
	flags.StringVar(&o.Manager, "manager", "bench", "field manager")
	flags.BoolVar(&o.Warm, "warm", false, "wait for a line on standard input when caches are filled")
	_ = flags.Parse(os.Args[1:]) // exits on an error
	return o
}

// Entry is one line of the objects file.
type Entry struct {
	App    string          `json:"app"`
	Object json.RawMessage `json:"object"`
}

// Read returns the entries of the objects file in its order.
func (o Options) Read() ([]Entry, error) {
	file, err := os.ReadFile(o.Objects)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for line := range bytes.Lines(file) {
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("reading %q: %w", o.Objects, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// ReadyMark starts the line by which a warm peer says that it waits; the CPU time
// spent until then follows, in nanoseconds.
const ReadyMark = "ready "

// Ready waits for the start of the measurement when the peer runs warm.
func (o Options) Ready() error {
	if !o.Warm {
		return nil
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	spent := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if _, err := fmt.Printf("%s%d\n", ReadyMark, spent.Nanoseconds()); err != nil {
		return err
	}
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// ID names an object in answers.
func ID(group, kind, namespace, name string) string {
	return strings.Join([]string{group, kind, namespace, name}, "/")
}

// Answer is what a peer found. It may be filled by several goroutines.
type Answer struct {
	// Differs are the objects that the peer says are not as desired.
	Differs []string `json:"differs"`
	// Errors are the objects that it could not judge, and why.
	Errors map[string]string `json:"errors,omitempty"`
	// Bytes is what it read from the API server, where it counts that.
	Bytes int64 `json:"bytes,omitempty"`

	mu sync.Mutex
}

// Differ notes one object.
func (a *Answer) Differ(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Differs = append(a.Differs, id)
}

// Fail notes one object that could not be judged.
func (a *Answer) Fail(id string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Errors == nil {
		a.Errors = map[string]string{}
	}
	a.Errors[id] = err.Error()
}

// Print writes the answer as one line of JSON on standard output.
func (a *Answer) Print() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.Differs)
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", line)
	return err
}

// Main runs one peer and exits with 1 when it fails as a whole.
func Main(run func(Options, *Answer) error) {
	var answer Answer
	err := run(Parse(), &answer)
	if err == nil {
		err = answer.Print()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
