package render

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// childVerb is the hidden word by which a Killick process becomes a child that
// renders. The memory that it may take, in bytes, is its argument.
const childVerb = "__render"

const (
	// stackBytes bounds a goroutine's stack. Go's own bound of 1 GB is above most
	// memory limits, and a template that calls itself is told better as that. The
	// deepest honest render, a thousand nested includes (Helm's own bound), takes
	// a tenth.
	stackBytes = 64 << 20
	// idleChild ends a child that has nothing to do: rendering is the first stage,
	// and its memory is wanted by the others.
	idleChild = 2 * time.Second
)

// childSetup is what a child learns once.
type childSetup struct {
	Options Options
	Part    int
}

// childRequest is a drift.RenderRequest without its file system.
type childRequest struct {
	App         drift.App
	Values      json.RawMessage // App.Helm.Values, as they stand in the config
	Revision    drift.Revision
	KubeVersion string // this and the next three: drift.Capabilities, of which one key is no JSON
	APIVersions []string
	Kinds       []servedKind
	Degraded    map[string]string
	Alone       bool // no other app was or will be rendered by this child
}

type servedKind struct {
	Kind drift.Kind
	Info drift.KindInfo
}

// childAnswer is the outcome of a request, after its objects.
type childAnswer struct {
	Rendered drift.Rendered // without Objects and Secrets
	Secrets  []secretBytes  // Rendered.Secrets
	Objects  int
	Err      *wireError
	// NeedsOwn says that the app would change the process for those after it:
	// nothing was rendered.
	NeedsOwn bool
}

// secretBytes is a drift.SecretValue. JSON keeps the bytes of a []byte; of a string
// it replaces those that are no UTF-8, and the redactor would look for another text.
type secretBytes struct{ Key, Value []byte }

// IsChild says whether a process was started, with these arguments, to render.
func IsChild(args []string) bool { return len(args) > 0 && args[0] == childVerb }

// collectAt is how much a child's heap may grow between two collections, in percent of what is
// in use. Templates leave much behind and keep little: 200 takes an eighth less CPU than Go's
// own 100, for 15 to 20 MB. Near its memory limit a child collects as often as it must.
const collectAt = 200

// Serve is the whole life of a child: it renders what the parent asks for, until
// its standard input ends or nothing has been asked for some seconds. Before it reads anything it
// gives up what it does not need: memory above its limit, and, on Linux, the right
// to open any file or socket. It answers the process's exit code.
func Serve(args []string, in io.Reader, out, report io.Writer) int {
	memory := int64(0)
	if len(args) == 2 {
		memory, _ = strconv.ParseInt(args[1], 10, 64) // 0 is refused below
	}
	if memory <= 0 {
		return byHand(report)
	}
	debug.SetMaxStack(int(min(stackBytes, memory/4))) // a stack is copied when it grows
	debug.SetGCPercent(collectAt)
	debug.SetMemoryLimit(memory - memory/8)
	if err := limitMemory(memory); err != nil {
		fmt.Fprintln(report, "killick: limiting the memory of a render:", err)
		return 1
	}
	reader := bufio.NewReaderSize(in, 64<<10)
	kind, payload, err := readFrame(reader)
	var setup childSetup
	if err != nil || kind != frameSetup || json.Unmarshal(payload, &setup) != nil {
		return byHand(report)
	}
	if err := closeProcess(); err != nil {
		fmt.Fprintln(report, "killick: closing off a render:", err)
		return 1
	}
	s := &server{
		out: bufio.NewWriterSize(out, 64<<10), answers: make(chan []byte, 1), done: make(chan error, 1),
		renderer: &Renderer{options: setup.Options, part: setup.Part},
	}
	return s.serve(reader)
}

// byHand answers whoever starts a child at the command line.
func byHand(report io.Writer) int {
	fmt.Fprintf(report, "killick: %s is how Killick renders in processes of its own; it cannot be used by hand\n"+
		"  hint: killick render prints what an app renders to\n", childVerb)
	return 2
}

// server is a child at work. One goroutine reads what the parent says, for as long
// as the process lives: it must notice the parent's end also while a template runs.
// At most one other renders, and that one alone writes.
type server struct {
	renderer *Renderer
	out      *bufio.Writer
	answers  chan []byte // to the questions of the render at work
	done     chan error  // the render at work has been answered
}

type incoming struct {
	kind    frameKind
	payload []byte
	err     error
}

func (s *server) serve(reader io.Reader) int {
	frames := make(chan incoming)
	go func() {
		for {
			kind, payload, err := readFrame(reader)
			frames <- incoming{kind, payload, err}
			if err != nil {
				return
			}
		}
	}()
	idle := time.NewTimer(idleChild)
	busy := false
	for {
		select {
		case frame := <-frames:
			switch {
			case errors.Is(frame.err, io.EOF):
				return 0
			case frame.err != nil:
				return 1
			case frame.kind == frameRender:
				// The parent asks once it has the answer before, which may be
				// earlier than the render before has said here that it ended.
				if busy && <-s.done != nil {
					return 1
				}
				busy = true
				idle.Stop()
				go func() { s.done <- s.render(frame.payload) }()
			case frame.kind == frameAnswer && busy:
				s.answers <- frame.payload
			default:
				return 1
			}
		case err := <-s.done:
			if err != nil {
				return 1
			}
			busy = false
			idle.Reset(idleChild)
		case <-idle.C:
			return 0
		}
	}
}

// render renders one app and tells the outcome. Its error means that the parent
// cannot be told anything any more.
func (s *server) render(payload []byte) error {
	answer, objects := s.answer(payload)
	for _, object := range objects {
		encoded, err := encodeObject(object)
		if err != nil {
			answer = childAnswer{Err: toWire(asProblem(object.Origin.File, err))}
			break
		}
		if len(encoded) > frameBytes {
			answer = childAnswer{Err: toWire(problem(object.Origin, "split the object", "%s is larger than %s", object.ID.Short(), size(frameBytes)))}
			break
		}
		if err := writeFrame(s.out, frameObject, encoded); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if err := writeFrame(s.out, frameDone, encoded); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *server) answer(payload []byte) (childAnswer, []drift.Object) {
	request, alone, err := readRequest(payload)
	if err != nil {
		return childAnswer{Err: toWire(asProblem(request.App.Path, err))}, nil
	}
	request.Checkout.FS = newPipeFS(s.ask)
	rendered, err := s.renderer.renderIn(context.Background(), request, host{shared: !alone, at: s.at})
	if errors.Is(err, errNeedsOwn) {
		return childAnswer{NeedsOwn: true}, nil
	}
	if err != nil {
		return childAnswer{Err: toWire(err)}, nil
	}
	objects := rendered.Objects
	answer := childAnswer{Rendered: rendered, Objects: len(objects)}
	for _, secret := range rendered.Secrets {
		answer.Secrets = append(answer.Secrets, secretBytes{[]byte(secret.Key), []byte(secret.Value)})
	}
	answer.Rendered.Objects, answer.Rendered.Secrets = nil, nil
	return answer, objects
}

// at tells the parent which file is worked on, at once: whatever kills the process
// gives no second chance.
func (s *server) at(file string) {
	// A parent that is gone is noticed where frames are read.
	_ = writeFrame(s.out, framePlace, []byte(file))
	_ = s.out.Flush()
}

// ask puts one question to the parent and waits for the answer.
func (s *server) ask(question []byte) ([]byte, error) {
	if err := writeFrame(s.out, frameAsk, question); err != nil {
		return nil, err
	}
	if err := s.out.Flush(); err != nil {
		return nil, err
	}
	return <-s.answers, nil
}

// writeRequest encodes a request.
func writeRequest(request drift.RenderRequest, alone bool) ([]byte, error) {
	values, err := json.Marshal(request.App.Helm.Values)
	if err != nil {
		return nil, fmt.Errorf("reading helm.values: %w", err)
	}
	served := request.Capabilities
	wire := childRequest{App: request.App, Values: values, Revision: request.Checkout.Revision,
		KubeVersion: served.KubeVersion, APIVersions: served.APIVersions, Degraded: served.Degraded, Alone: alone}
	wire.App.Helm.Values = nil
	for kind, info := range served.Kinds {
		wire.Kinds = append(wire.Kinds, servedKind{kind, info})
	}
	return json.Marshal(wire)
}

// readRequest is the request without its file system.
func readRequest(payload []byte) (request drift.RenderRequest, alone bool, err error) {
	var wire childRequest
	if err := json.Unmarshal(payload, &wire); err != nil {
		return request, false, fmt.Errorf("reading the request: %w", err)
	}
	values, err := parseJSON(wire.Values) // keeps integers as they are
	if err != nil {
		return request, false, fmt.Errorf("reading helm.values: %w", err)
	}
	wire.App.Helm.Values, _ = values.(map[string]any)
	served := drift.Capabilities{KubeVersion: wire.KubeVersion, APIVersions: wire.APIVersions, Degraded: wire.Degraded}
	if wire.Kinds != nil {
		served.Kinds = make(map[drift.Kind]drift.KindInfo, len(wire.Kinds))
	}
	for _, one := range wire.Kinds {
		served.Kinds[one.Kind] = one.Info
	}
	return drift.RenderRequest{App: wire.App, Checkout: drift.Checkout{Revision: wire.Revision}, Capabilities: served}, wire.Alone, nil
}
