// Command killick keeps a Kubernetes cluster true to Git: it compares desired
// and live state, lets Rego policies decide for each resource what may be done,
// does only that, and tells people.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/killick-dev/killick/internal/render"
	"github.com/killick-dev/killick/internal/report"
)

// collectAt is how much the heap may grow between two garbage collections, in
// percent of what is in use. Go's own 100 is for programs that stay; a run reads
// much, keeps little and shares a node. Half of that takes a quarter to a third
// less memory for a quarter more CPU (docs/performance.md, Memory).
const collectAt = 50

func main() {
	if render.IsChild(os.Args[1:]) {
		log.SetOutput(io.Discard)
		os.Exit(render.Serve(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	crashHonestly()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	// Libraries log here what may hold values of a chart; what a user should know
	// comes as errors and warnings.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, world{
		args: os.Args[1:], out: os.Stdout, err: os.Stderr,
		environ: os.Environ(), lookup: os.LookupEnv, now: time.Now,
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())), errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		width: columns(func() (int, int, error) { return term.GetSize(int(os.Stdout.Fd())) }),
	})
	stop()
	os.Exit(code)
}

// crashHonestly has the process end by SIGABRT where Go would end it with 2: after a
// stack overflow, a concurrent map write, a panic of a goroutine. Here 2 means that
// the configuration is wrong and that nothing was written.
func crashHonestly() { debug.SetTraceback("crash") }

// columns is the width of the terminal, whose size is asked for; without one nothing has to
// fit.
func columns(size func() (int, int, error)) int {
	width, _, err := size()
	if err != nil || width <= 0 {
		return report.LogWidth
	}
	return width
}
