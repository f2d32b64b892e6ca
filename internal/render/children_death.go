package render

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/killick-dev/killick/internal/drift"
)

// lastFile is the file that a child works on, as it said last.
type lastFile struct{ file atomic.Value }

func (l *lastFile) Store(file string) { l.file.Store(file) }

func (l *lastFile) Load() string {
	file, _ := l.file.Load().(string)
	return file
}

// cause is what a child died of, as far as its last words tell.
type cause int

const (
	causeUnknown cause = iota
	causeMemory
	causeStack
	causeCrash
)

// lastWords are the beginnings of lines that Go's runtime writes when it ends a
// process (runtime/panic.go, runtime/malloc.go). What follows them is never kept: a
// dump may hold the values of a chart.
var lastWords = []struct {
	begins string
	cause  cause
}{
	{"runtime: goroutine stack exceeds", causeStack},
	{"fatal error: stack overflow", causeStack},
	{"runtime: out of memory", causeMemory},
	{"runtime: cannot allocate memory", causeMemory},
	{"fatal error: runtime: out of memory", causeMemory},
	{"fatal error: runtime: cannot allocate memory", causeMemory},
	{"fatal error: out of memory", causeMemory},
	{"fatal error: failed to reserve page summary memory", causeMemory},
	{"fatal error: newosproc", causeMemory},
	{"runtime: failed to create new OS thread", causeMemory},
	{"runtime/cgo: pthread_create failed", causeMemory},
	{"fatal error: ", causeCrash},
	{"panic: ", causeCrash},
}

// crash listens to a child's standard error. It keeps the cause and nothing else.
type crash struct {
	mu    sync.Mutex
	line  []byte // the beginning of the line that is being written
	cause cause
}

// longestBeginning is as much of a line as any of lastWords needs.
const longestBeginning = 64

// Write never fails: a child must not block on its own last words.
func (c *crash) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for part := range bytes.Lines(text) {
		line, ends := bytes.CutSuffix(part, []byte("\n"))
		c.line = append(c.line, line[:min(len(line), longestBeginning-len(c.line))]...)
		if ends { // the runtime writes a line in pieces
			c.judge()
			c.line = c.line[:0]
		}
	}
	return len(text), nil
}

// judge keeps the first cause: what follows is told of the same end.
func (c *crash) judge() {
	if c.cause != causeUnknown {
		return
	}
	for _, words := range lastWords {
		if strings.HasPrefix(string(c.line), words.begins) {
			c.cause = words.cause
			return
		}
	}
}

func (c *crash) of() cause {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge()
	return c.cause
}

const (
	memoryHint = "look for a text or a list that grows in a loop; if the app is really that large, split it, " +
		"or raise the container's memory limit, of which renders get half"
	stackHint = "look for an include, tpl, toYaml or merge of something that contains itself"
	crashHint = "`helm template` or `kustomize build` in that folder may show the same; it is a bug of the library, or of Killick"
	killHint  = "the kernel kills when the container's memory is used up: raise its memory limit, or look for what grows without end"
)

// death says what a child died of. known is what the parent found wrong with it.
func (c *child) death(file string, options ChildOptions, known error) error {
	if known != nil {
		return atFile(file, known)
	}
	problem := &drift.Problem{File: file}
	switch c.told.of() {
	case causeMemory:
		problem.Hint, problem.Err = memoryHint, fmt.Errorf("rendering takes more than %s of memory", size(options.Memory))
	case causeStack:
		problem.Hint, problem.Err = stackHint, errors.New("rendering went too deep: something contains or includes itself, over and over")
	case causeCrash:
		problem.Hint, problem.Err = crashHint, errors.New("the process that rendered the app crashed")
	default:
		problem.Hint, problem.Err = killHint, fmt.Errorf("the process that rendered the app ended before it had an answer (%s)", c.state)
	}
	return problem
}

// atFile gives an error the file that was worked on, where it has none.
func atFile(file string, err error) error {
	if file == "" {
		return err
	}
	return asProblem(file, err)
}
