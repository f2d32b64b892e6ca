package render

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// child is a child process as its parent sees it.
type child struct {
	process *os.Process
	in      io.WriteCloser
	pipe    *os.File // its standard output
	out     *bufio.Reader
	told    *crash        // what it said of its end
	ended   chan struct{} // closed once it was waited for
	state   *os.ProcessState
	used    bool // it was asked to render something
}

// outcome is what came of one request to one child.
type outcome struct {
	rendered drift.Rendered
	err      error
	needsOwn bool // nothing was rendered: the app wants a child of its own
	died     bool // the child is of no more use
	fresh    bool // it had rendered nothing before
}

// start starts a child. ended is called when it was waited for, or did not start.
func start(options ChildOptions, part int, ended func()) (*child, error) {
	setup, err := json.Marshal(childSetup{Options: options.Options, Part: part})
	if err != nil {
		ended()
		return nil, err
	}
	file, err := program()
	if err != nil {
		ended()
		return nil, err
	}
	c := &child{told: &crash{}, ended: make(chan struct{})}
	command := exec.Command(file, childVerb, strconv.FormatInt(options.Memory, 10)) //nolint:noctx // it outlives the call; kill ends it
	// Not even PATH: no credential, no address, nothing that templates or the
	// libraries could read.
	command.Env = []string{"TZ=UTC"}
	command.Dir = "/"
	command.Stderr = c.told
	command.WaitDelay = time.Second
	if c.in, err = command.StdinPipe(); err != nil {
		ended()
		return nil, err
	}
	// Not StdoutPipe, which Wait closes: what a child said before its end would be lost.
	var output *os.File
	if c.pipe, output, err = os.Pipe(); err != nil {
		_ = c.in.Close()
		ended()
		return nil, err
	}
	c.out, command.Stdout = bufio.NewReaderSize(c.pipe, 64<<10), output
	tie(command)
	started := make(chan error)
	go c.attend(command, started, ended)
	err = <-started
	_ = output.Close() // the child has its own
	if err != nil {
		_ = c.pipe.Close()
		return nil, err
	}
	c.process = command.Process
	// A child that dies at once is noticed when it is asked something.
	_ = writeFrame(c.in, frameSetup, setup)
	return c, nil
}

// attend starts the process and waits for it, all in one thread: the kernel takes
// the end of the thread that started a child for the end of the parent
// (prctl(2), PR_SET_PDEATHSIG).
func (c *child) attend(command *exec.Cmd, started chan<- error, ended func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer ended()
	if err := command.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	_ = command.Wait() // how it ended is in its state
	c.state = command.ProcessState
	close(c.ended)
}

// lives says whether the process has not ended yet, as far as is known.
func (c *child) lives() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// kill ends the process and waits for its end. Whoever reads what it says is told
// that the pipe is closed.
func (c *child) kill() {
	_ = c.process.Kill() // or it has ended
	<-c.ended
	_ = c.pipe.Close()
}

// render has the child render one app. When it returns without an answer, the child
// has ended and was waited for.
func (c *child) render(ctx context.Context, request drift.RenderRequest, alone bool, options ChildOptions) outcome {
	fresh := !c.used
	c.used = true
	talk := &conversation{child: c, options: options, alone: alone,
		files: &checkoutFiles{fsys: request.Checkout.FS, limits: options.Limits}}
	payload, err := writeRequest(request, alone)
	if err != nil {
		return outcome{err: err, fresh: fresh}
	}
	answered := make(chan outcome, 1)
	go func() { answered <- talk.hold(payload) }()
	select {
	case out := <-answered:
		out.fresh = fresh
		if out.died {
			c.kill()
			out.err = c.death(talk.place.Load(), options, out.err)
		}
		return out
	case <-ctx.Done():
		// The conversation ends with the process, or, where Git is slow to answer,
		// some time later: nobody waits for it.
		c.kill()
		return outcome{died: true, fresh: fresh, err: atFile(talk.place.Load(), tooSlow(context.Cause(ctx), false))}
	}
}

// conversation is one request and everything up to its answer.
type conversation struct {
	child   *child
	options ChildOptions
	alone   bool // the child is the app's own
	files   *checkoutFiles
	place   lastFile
}

// hold asks for a render and answers questions until it is there. The checkout is
// read in it, by code that may panic on what a repository holds: that is the app's
// failure, of which only the type is told, as the value may quote a file.
func (t *conversation) hold(request []byte) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = outcome{died: true, err: fmt.Errorf("reading the app's files panicked (%T)", p)}
		}
	}()
	if err := writeFrame(t.child.in, frameRender, request); err != nil {
		return outcome{died: true}
	}
	var objects []drift.Object
	left := t.options.Memory
	for {
		kind, payload, err := readFrame(t.child.out)
		if err != nil {
			return outcome{died: true, err: broken(err)}
		}
		switch kind {
		case framePlace:
			t.place.Store(string(payload))
		case frameAsk:
			if err := writeFrame(t.child.in, frameAnswer, t.files.answer(payload)); err != nil {
				return outcome{died: true}
			}
		case frameObject:
			object, err := decodeObject(payload, t.options.Limits.Depth, &left)
			if errors.Is(err, errSpace) {
				return outcome{died: true, err: &drift.Problem{Hint: memoryHint,
					Err: fmt.Errorf("the app's objects take more than %s of memory", size(t.options.Memory))}}
			}
			if err != nil || len(objects) == t.options.Limits.Objects {
				return outcome{died: true, err: broken(errEncoding)}
			}
			objects = append(objects, object)
		case frameDone:
			return t.done(payload, objects)
		default:
			return outcome{died: true, err: broken(errFrame)}
		}
	}
}

func (t *conversation) done(payload []byte, objects []drift.Object) outcome {
	var answer childAnswer
	if err := json.Unmarshal(payload, &answer); err != nil {
		return outcome{died: true, err: broken(errEncoding)}
	}
	if answer.NeedsOwn {
		if t.alone { // nothing more can be given, and an empty render is no answer
			return outcome{died: true, err: broken(errEncoding)}
		}
		return outcome{needsOwn: true}
	}
	if answer.Err != nil {
		return outcome{err: answer.Err.error(t.files.original)}
	}
	if answer.Objects != len(objects) {
		return outcome{died: true, err: broken(errEncoding)}
	}
	answer.Rendered.Objects = objects
	for _, secret := range answer.Secrets {
		answer.Rendered.Secrets = append(answer.Rendered.Secrets, drift.SecretValue{Key: string(secret.Key), Value: string(secret.Value)})
	}
	return outcome{rendered: answer.Rendered}
}

// broken is an answer that no child of this program gives. The end of the
// stream is not one: then the process has died of something.
func broken(err error) error {
	if errors.Is(err, errFrame) || errors.Is(err, errEncoding) {
		return fmt.Errorf("the process that renders gave an answer that cannot be read: %w", err)
	}
	return nil
}
