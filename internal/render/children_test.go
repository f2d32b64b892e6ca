package render

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
)

// TestMain makes the test binary the child that renders, as killick's main does.
func TestMain(m *testing.M) {
	if IsChild(os.Args[1:]) {
		os.Exit(Serve(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func newChildren(t *testing.T, options ChildOptions) *Children {
	t.Helper()
	children := NewChildren(options)
	t.Cleanup(children.Close)
	return children
}

func request(tree fs.FS, app drift.App) drift.RenderRequest {
	if app.Name == "" {
		app.Name = "shop"
	}
	if app.Path == "" {
		app.Path = "app"
	}
	return drift.RenderRequest{App: app, Checkout: drift.Checkout{FS: tree}}
}

func chartOf(template string, more ...string) fstest.MapFS {
	return files(append([]string{"app/Chart.yaml", chartYAML, "app/templates/a.yaml", template}, more...)...)
}

// A render in a child is the render in this process: objects, types of numbers,
// origins, warnings, what is left out, and errors with place and hint.
func TestChildrenRenderTheSame(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	managed := drift.App{Namespace: "shop", Secrets: drift.SecretsManage}
	valued := managed
	valued.Helm.Values = map[string]any{"big": int64(9007199254740993), "half": 0.5, "whole": float64(3), "list": []any{"x", nil, true}}
	for _, c := range []struct {
		reason string
		tree   fs.FS
		app    drift.App
	}{
		{"numbers keep their types", files("app/a.yaml", "apiVersion: v1\nkind: X\nmetadata: {name: x}\nspec: {i: 3, f: 3.0, e: 1e3, big: 9007199254740993, n: -1, h: 0.5, b: true, l: [], m: {}}"), managed},
		{"text of any bytes and length", files("app/a.yaml", configMap("a")+"data: {a: \"\\0\\x01é\", b: \""+strings.Repeat("x", 1<<17)+"\"}"), managed},
		{"many files in folders", many(80), managed},
		{"a file too large to come with its listing", files("app/a.yaml", configMap("a"), "app/big.txt", strings.Repeat("x", aheadFile+1), "app/b.yaml", configMap("b")+"#"+strings.Repeat("x", aheadFile)), managed},
		{"a skipped Secret", files("app/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}"), shop},
		{"a kustomization with a patch", patched(), managed},
		{"a schema of its own", polluted(), managed},
		{"values, a hook, lookup and random", chartOf(configMap("a") + "data: {v: {{ toJson .Values | quote }}, l: {{ lookup \"v1\" \"Pod\" \"\" \"\" | toJson | quote }}}\n---\n" +
			strings.Replace(configMap("h"), "{name: h}", "{name: h, annotations: {helm.sh/hook: post-delete}}", 1)), valued},
		{"a template that fails", chartOf("{{ fail \"no\" }}"), managed},
		{"a broken document with its line", files("app/a.yaml", "a: 1\n---\nb: [\n"), managed},
		{"a value that is no mapping", chartOf("", "app/values.yaml", "- 1"), managed},
		{"no such folder", files("apps/a.yaml", ""), managed},
		{"a folder that leaves the repository", files("app/a.yaml", ""), drift.App{Path: "../x", Namespace: "shop"}},
		{"a kustomization that leaves it", files("app/kustomization.yaml", "resources: [../../etc]"), managed},
	} {
		t.Run(c.reason, func(t *testing.T) {
			want, wantErr := New(Options{}).Render(t.Context(), request(c.tree, c.app))
			got, err := children.Render(t.Context(), request(c.tree, c.app))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("in a child (-here +there):\n%s", diff)
			}
			if diff := cmp.Diff(told(wantErr), told(err)); diff != "" {
				t.Errorf("the error (-here +there):\n%s", diff)
			}
		})
	}
}

// Half of the memory is the parent's, which holds every app's objects.
func TestMemoryOfChildren(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	for _, c := range []struct {
		reason     string
		limit      int64
		count      int
		wantCount  int
		wantMemory int64
	}{
		{"the chart's default", 1 << 30, 0, 2, 256 << 20},
		{"more memory, more of them", 2 << 30, 0, 4, 256 << 20},
		{"a child has a bound also where there is plenty", 64 << 30, 0, 4, 1 << 30},
		{"smaller ones before fewer", 600 << 20, 0, 2, 150 << 20},
		{"fewer where two have no place", 400 << 20, 0, 1, 200 << 20},
		{"the least that a child can do with", 128 << 20, 0, 1, 128 << 20},
		{"a count that was asked for", 1 << 30, 4, 4, 128 << 20},
	} {
		debug.SetMemoryLimit(c.limit)
		got := ChildOptions{Count: c.count}.withDefaults()
		if got.Count != c.wantCount || got.Memory != c.wantMemory {
			t.Errorf("%s: %d of %s, want %d of %s", c.reason, got.Count, size(got.Memory), c.wantCount, size(c.wantMemory))
		}
	}
}

// What a Secret that was left out holds need not be text; the redactor has to know
// its very bytes.
func TestBinarySecretsSurviveThePipe(t *testing.T) {
	const value = "\xff\xfe\x00\x80\xc3(CANARY\xf0\x9f"
	stored := base64.StdEncoding.EncodeToString([]byte(value))
	children := newChildren(t, ChildOptions{Count: 1})
	tree := files("app/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {keystore: "+stored+"}")
	rendered, err := children.Render(t.Context(), request(tree, shop))
	if err != nil {
		t.Fatal(err)
	}
	if len(rendered.Secrets) != 1 || rendered.Secrets[0] != (drift.SecretValue{Key: "keystore", Value: value}) {
		t.Errorf("%d values, and not the Secret's own", len(rendered.Secrets))
	}
	said := redact.Redactor{}.WithValues(rendered.Secrets...).String("cannot read the store " + stored + " of the app")
	if strings.Contains(said, stored) || !strings.Contains(said, drift.Redacted) {
		t.Errorf("the value in base64 is told: %q", said)
	}
}

// told is all that a report shows of an error.
func told(err error) drift.ReportError {
	if err == nil {
		return drift.ReportError{}
	}
	return drift.ReportOf("shop", "", err)
}

func many(count int) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := range count {
		tree[fmt.Sprintf("app/%d/%d.yaml", i%7, i)] = &fstest.MapFile{Data: []byte(configMap(fmt.Sprintf("c%d", i)))}
	}
	return tree
}

// refusing is a file system with an error of its own.
type refusing struct {
	fs.FS
	err error
}

func (r refusing) Open(name string) (fs.File, error) {
	if path.Base(name) == "b.yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: r.err}
	}
	return r.FS.Open(name)
}

type ownError struct{ n int }

func (e *ownError) Error() string { return fmt.Sprintf("number %d", e.n) }

// An error of the checkout comes back as what it was.
func TestErrorsOfTheCheckoutSurviveThePipe(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	own := &ownError{7}
	for name, tree := range map[string]fstest.MapFS{
		"yaml":      files("app/a.yaml", configMap("a"), "app/b.yaml", configMap("b")),
		"kustomize": files("app/kustomization.yaml", "resources: [a.yaml, b.yaml]", "app/a.yaml", configMap("a"), "app/b.yaml", configMap("b")),
		"helm":      files("app/Chart.yaml", chartYAML, "app/templates/b.yaml", configMap("b")),
	} {
		for _, cause := range []error{
			fs.ErrPermission, own,
			&drift.Problem{Stage: "source", File: "b.yaml", Hint: "try again", Err: fmt.Errorf("fetching: %w", drift.ErrUnreachable)},
		} {
			tree := refusing{tree, cause}
			_, want := New(Options{}).Render(t.Context(), request(tree, shop))
			_, err := children.Render(t.Context(), request(tree, shop))
			if want == nil || err == nil || told(want) != told(err) {
				t.Errorf("%s: %+v, want %+v", name, told(err), told(want))
			}
			for _, known := range []error{fs.ErrPermission, drift.ErrUnreachable} {
				if errors.Is(want, known) != errors.Is(err, known) {
					t.Errorf("%s: %v: whether it is %q changed", name, err, known)
				}
			}
			var same *ownError
			if errors.As(want, &same) && (!errors.As(err, &same) || same != own) {
				t.Errorf("%s: %v lost the error that it wraps", name, err)
			}
		}
	}
}

// panicking is a file system that cannot stand one of its files.
type panicking struct{ fs.FS }

func (p panicking) Open(name string) (fs.File, error) {
	if path.Base(name) == "a.yaml" {
		panic(&ownError{7})
	}
	return p.FS.Open(name)
}

// A checkout that panics is read in a goroutine of its own: its panic must not end
// the process, and is not quoted.
func TestPanicsOfTheCheckoutCostTheirOwnApp(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 1})
	tree := files("app/a.yaml", configMap("a"))
	for _, reason := range []string{"in a new child", "in a child that rendered before"} {
		_, err := children.Render(t.Context(), request(panicking{tree}, shop))
		if told(err).Stage != stage || !strings.HasSuffix(err.Error(), "panicked (*render.ownError)") {
			t.Errorf("%s: error %v, want the type of the panic", reason, err)
		}
		if rendered, err := children.Render(t.Context(), request(tree, shop)); err != nil || len(rendered.Objects) != 1 {
			t.Errorf("%s: after it: %d objects, %v", reason, len(rendered.Objects), err)
		}
	}
}

// slow is what is said of a render that was killed for its time.
const slow = "did not finish in time"

// bombs end or fill the process that renders them, or never end.
var bombs = []struct {
	reason   string
	template string
	want     string
}{
	{"a dict that contains itself, printed", `{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ printf "%v" $d }}`, "went too deep"},
	{"the same, merged", `{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ $e := dict }}{{ $_ := set $e "self" $e }}{{ toJson (merge $d $e) }}`, "went too deep"},
	{"values that contain themselves", `{{ $_ := set .Values "self" .Values }}{{ .Values }}`, "went too deep"},
	{"a text that doubles", `{{ $s := "x" }}{{ range until 60 }}{{ $s = print $s $s }}{{ end }}`, "of memory"},
	{"a list that doubles", `{{ $l := list 1 2 3 4 }}{{ range until 60 }}{{ $l = concat $l $l }}{{ end }}`, "of memory"},
	{"an endless output", `{{ range until 1000000 }}{{ range until 1000000 }}{{ print "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" }}{{ end }}{{ end }}`, "of memory"},
	{"an output without end of its own size", `{{ $n := int64 1000000000000 }}{{ repeat (int $n) "x" }}`, "memory"},
	{"numbers by the billion", `{{ $n := mul 100000 100000 }}{{ range until (int $n) }}x{{ end }}`, "memory"},
	{"steps by the billion", `{{ $n := mul 100000 100000 }}{{ len (untilStep 0 (int $n) 1) }}`, "memory"},
	{"random text by the gigabyte", `{{ $n := mul 100000 100000 }}{{ randAlphaNum (int $n) }}`, "memory"},
	{"indentation by the gigabyte", `{{ $n := mul 100000 100000 }}{{ indent (int $n) "x" }}`, "memory"},
	{"a copy without end", `{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ $e := deepCopy $d }}x`, slow},
	{"keys without end", `{{ range until 1000000 }}{{ $_ := genPrivateKey "rsa" }}{{ end }}`, slow},
	{"work without end", `{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}`, slow},
	{"a template that calls itself by tpl", `{{ define "t" }}{{ tpl "{{ template \"t\" . }}" . }}{{ end }}{{ template "t" . }}`, "memory"},
	{"a template that includes itself", `{{ define "t" }}{{ include "t" . }}{{ end }}{{ include "t" . }}`, ""},
}

// Every bomb costs its own app: a typed error that says what happened and where, and
// no word of what the process held; the other apps render beside it and after it.
func TestBombsCostTheirOwnApp(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2, Memory: 96 << 20})
	impatient := newChildren(t, ChildOptions{Count: 2, Time: 2 * time.Second})
	var group sync.WaitGroup
	for _, bomb := range bombs {
		// What it holds when it dies must not be told.
		tree := chartOf("{{ $canary := \"CANARY-IN-THE-TEMPLATE\" }}" + bomb.template)
		group.Go(func() {
			in := children
			if bomb.want == slow {
				in = impatient
			}
			_, err := in.Render(t.Context(), request(tree, shop))
			var problem *drift.Problem
			switch {
			case !errors.As(err, &problem):
				t.Errorf("%s: %v, want a problem", bomb.reason, err)
			case problem.Stage != stage || !strings.HasPrefix(problem.File, "app") || problem.Hint == "" && bomb.want != "":
				t.Errorf("%s: stage %q, file %q, hint %q", bomb.reason, problem.Stage, problem.File, problem.Hint)
			case !strings.Contains(err.Error(), bomb.want):
				t.Errorf("%s: %v, want %q", bomb.reason, err, bomb.want)
			case strings.Contains(err.Error()+problem.Hint, "CANARY"):
				t.Errorf("%s: %v quotes the template", bomb.reason, err)
			}
		})
		group.Go(func() {
			rendered, err := children.Render(t.Context(), request(files("app/a.yaml", configMap("a")), shop))
			if err != nil || len(rendered.Objects) != 1 {
				t.Errorf("beside %s: %d objects, %v", bomb.reason, len(rendered.Objects), err)
			}
		})
	}
	group.Wait()
}

// JSON patches copy without a bound: forty of them make a terabyte of a line.
func TestKustomizeBombsCostTheirOwnApp(t *testing.T) {
	var patch strings.Builder
	for i := range 40 {
		fmt.Fprintf(&patch, "- {op: copy, from: /data, path: /data/x%d}\n", i)
	}
	children := newChildren(t, ChildOptions{Count: 2, Memory: 160 << 20})
	tree := files("app/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n",
		"app/a.yaml", configMap("a")+"data: {a: "+strings.Repeat("CANARY", 1000)+"}\n", "app/patch.yaml", patch.String())
	_, err := children.Render(t.Context(), request(tree, shop))
	if err == nil || !strings.Contains(err.Error(), "app/kustomization.yaml: rendering takes more than 160 MiB of memory") || told(err).Hint != memoryHint {
		t.Errorf("error %v, want one about memory", err)
	}
	if rendered, err := children.Render(t.Context(), request(patched(), shop)); err != nil || len(rendered.Objects) != 1 {
		t.Errorf("after it: %d objects, %v", len(rendered.Objects), err)
	}
}

// A schema of an app's own must not reach those that share its process.
func TestChildrenKeepSchemasApart(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	want := mustRender(t, patched(), shop)
	var group sync.WaitGroup
	for i := range 12 {
		tree := patched()
		if i%3 == 0 {
			tree = polluted()
		}
		group.Go(func() {
			got, err := children.Render(t.Context(), request(tree, shop))
			if err != nil || cmp.Equal(want.Objects, got.Objects) == (i%3 == 0) {
				t.Errorf("render %d: %v: its lists merge by another app's schema", i, err)
			}
		})
	}
	group.Wait()
}

// endless is an app that renders until it is killed.
var endless = chartOf(`{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}`)

// rendering starts an endless render and answers when it is under way.
func rendering(t *testing.T, children *Children) (cancel func(), ended chan error) {
	t.Helper()
	begun := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	tree := &whenRead{FS: endless, name: "app/templates", read: func() { close(begun) }}
	go func() {
		_, err := children.Render(ctx, request(tree, shop))
		ended <- err
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("it ended before it began: %v", err)
	}
	return stop, ended
}

// whenRead tells when a name is opened for the first time.
type whenRead struct {
	fs.FS
	name string
	once sync.Once
	read func()
}

func (w *whenRead) Open(name string) (fs.File, error) {
	if name == w.name {
		w.once.Do(w.read)
	}
	return w.FS.Open(name)
}

// A render that is told to stop has stopped when Render returns: the process is
// gone and was waited for.
func TestCancelledRendersLeaveNoProcess(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 2})
	cancel, ended := rendering(t, children)
	cancel()
	err := <-ended
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "did not finish in time") {
		t.Errorf("error %v, want one of cancellation", err)
	}
	children.all.Wait() // would hang if a child lived
	if _, err := children.Render(t.Context(), request(files("app/a.yaml", configMap("a")), shop)); err != nil {
		t.Errorf("the next render: %v", err)
	}
	children.Close()
	if _, err := children.Render(t.Context(), request(files("app/a.yaml", configMap("a")), shop)); err == nil {
		t.Error("a render after the end")
	}
}

// One that waits for a place is not blamed for what the others do.
func TestWaitingEndsWithTheContext(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 1})
	cancel, ended := rendering(t, children)
	defer func() { cancel(); <-ended }()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := children.Render(ctx, request(files("app/a.yaml", configMap("a")), shop))
	var problem *drift.Problem
	if !errors.Is(err, context.Canceled) || !errors.As(err, &problem) || !strings.Contains(problem.Hint, "nothing is wrong with this one") {
		t.Errorf("error %v, want one that names the others", err)
	}
}

// over is a context whose end nobody hears of who does not ask.
type over struct{ context.Context }

func (over) Err() error { return context.Canceled }

// An app that wants a child of its own was not rendered by the first: where it gets no
// other, that is an error, and never a render without objects.
func TestNothingRenderedIsAnError(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 1})
	rendered, err := children.render(over{t.Context()}, request(polluted(), shop))
	if !errors.Is(err, context.Canceled) || len(rendered.Objects) != 0 {
		t.Errorf("out of time: %d objects, %v", len(rendered.Objects), err)
	}
	for _, alone := range []bool{false, true} {
		talk := &conversation{alone: alone}
		out := talk.done([]byte(`{"NeedsOwn": true}`), nil)
		if out.needsOwn == alone || (out.err != nil) != alone || out.died != alone {
			t.Errorf("alone %v: asks for another child %v, %v", alone, out.needsOwn, out.err)
		}
	}
}

// A child that rendered something before may have died of that: the app is rendered
// once more.
func TestAppsOfADeadChildAreRenderedAgain(t *testing.T) {
	children := newChildren(t, ChildOptions{Count: 1})
	tree := files("app/a.yaml", configMap("a"))
	if _, err := children.Render(t.Context(), request(tree, shop)); err != nil {
		t.Fatal(err)
	}
	worker := children.idle[0]
	kill := &whenRead{FS: tree, name: "app/a.yaml", read: func() { worker.kill() }}
	rendered, err := children.Render(t.Context(), request(kill, shop))
	if err != nil || len(rendered.Objects) != 1 {
		t.Errorf("%d objects, %v", len(rendered.Objects), err)
	}
}

// What a child said before it ended is read also when its end was noticed first.
func TestAnswersOutliveTheirChild(t *testing.T) {
	worker, err := start(ChildOptions{}.withDefaults(), partObjects, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer worker.kill()
	if err := writeFrame(worker.in, frameRender, []byte("no request")); err != nil {
		t.Fatal(err)
	}
	<-worker.ended // by itself: it has nothing to do
	kind, payload, err := readFrame(worker.out)
	if kind != frameDone || err != nil || !strings.Contains(string(payload), "reading the request") {
		t.Errorf("frame %c, %q, %v, want the answer", kind, payload, err)
	}
}

// A child ends when its parent does, also in the middle of a render.
func TestChildrenEndWithTheirParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, childVerb, fmt.Sprint(256<<20))
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ask, err := writeRequest(request(endless, shop), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writeFrame(in, frameSetup, []byte("{}")), writeFrame(in, frameRender, ask)); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := readFrame(out); err != nil || kind != frameAsk {
		t.Fatalf("%c, %v: it does not render", kind, err)
	}
	in.Close()
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// Whoever starts the child at the command line is told what it is.
func TestChildByHand(t *testing.T) {
	for _, c := range []struct {
		reason string
		args   []string
		in     string
	}{
		{"without its argument", []string{childVerb}, ""},
		{"with another", []string{childVerb, "--help"}, ""},
	} {
		var report bytes.Buffer
		code := Serve(c.args, strings.NewReader(c.in), &bytes.Buffer{}, &report)
		if code != 2 || !strings.Contains(report.String(), "cannot be used by hand") || !strings.Contains(report.String(), "hint: killick render") {
			t.Errorf("%s: exit code %d, %q", c.reason, code, report.String())
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, childVerb, "100000000")
	command.Stdin = strings.NewReader("hello, is anybody there?\n")
	said, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 2 || !strings.Contains(string(said), "cannot be used by hand") {
		t.Errorf("typed at: %v, %q", err, said)
	}
}

// What Go's runtime says last tells the cause, and nothing of it is kept.
func TestLastWords(t *testing.T) {
	for _, c := range []struct {
		reason string
		said   []string
		want   cause
	}{
		{"nothing", nil, causeUnknown},
		{"a library's own words", []string{"# Warning: 'commonLabels' is deprecated\n", "out of memory, fatal error: \n"}, causeUnknown},
		{"a stack overflow", []string{"runtime: goroutine stack exceeds 67108864-byte limit\n", "fatal error: stack overflow\n"}, causeStack},
		{"in pieces", []string{"x\nruntime: gorout", "ine stack exceeds", " 6"}, causeStack},
		{"in other pieces", []string{"fatal error: ", "runtime: out of memory", "\n"}, causeMemory},
		{"memory", []string{"runtime: out of memory: cannot allocate 4194304-byte block (1 in use)\nfatal error: out of memory\n"}, causeMemory},
		{"no thread", []string{"runtime: failed to create new OS thread (have 7 already; errno=11)\nfatal error: newosproc\n"}, causeMemory},
		{"maps", []string{"fatal error: concurrent map writes\n"}, causeCrash},
		{"a panic with a value", []string{"panic: CANARY " + strings.Repeat("x", 1000) + "\n"}, causeCrash},
		{"after a line without end", []string{strings.Repeat("x", 1000), "\nfatal error: all goroutines are asleep\n"}, causeCrash},
	} {
		var last crash
		for _, text := range c.said {
			if n, err := last.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%s: wrote %d, %v", c.reason, n, err)
			}
		}
		if last.of() != c.want || cap(last.line) > 4*longestBeginning {
			t.Errorf("%s: cause %d, want %d; %d bytes kept", c.reason, last.of(), c.want, cap(last.line))
		}
	}
}
