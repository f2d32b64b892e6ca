// Command bench measures what docs/performance.md reports: runs of the killick
// binary beside its peers, against the same local API server, in one call.
//
// Each measured thing is a process of its own, so that CPU time and peak memory
// are its own. Between it and the API server stands a relay that counts bytes;
// the API server's CPU time is the kernel's account of its process, and requests
// are the difference of its own metrics before and after. Machines are noisy:
// what is compared is compared within one call, and the table says how far the
// rounds of one call were apart.
//
// Every peer works on objects of its own, equal but for their names, which it
// made itself (or which were made as it makes them); see the comments of the
// packages flux, argo and plain for what a peer does and does not do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == launcher {
		if err := launch(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var b bench
	var axes, peers string
	flag.StringVar(&b.killick, "killick", "bin/killick", "the killick `binary` to measure")
	flag.StringVar(&b.bin, "bin", "bin/peers", "`folder` of the peers' binaries: flux, plain, and argo where it could be built")
	flag.IntVar(&b.objects, "objects", 5000, "`objects` of the base workload")
	flag.IntVar(&b.rounds, "rounds", 5, "how often each thing is measured; what takes long, fewer times")
	flag.StringVar(&axes, "axis", strings.Join(axisNames, ","), "what to vary, divided by commas")
	flag.StringVar(&peers, "peers", "killick,flux,plain,kubectl,argo", "whom to measure, divided by commas")
	flag.StringVar(&b.only, "only", "", "measure only what has this `text` in its name")
	flag.StringVar(&b.docs, "docs", "docs", "`folder` of performance.md and performance.svg")
	flag.BoolVar(&b.write, "write", false, "write table and plot into the docs, not only to standard output")
	flag.Parse()
	b.axes, b.peers = strings.Split(axes, ","), strings.Split(peers, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one call.
type bench struct {
	killick, bin string
	objects      int
	rounds       int
	axes, peers  []string
	only         string
	docs         string
	write        bool
	trust        trust
}

func (b *bench) run(ctx context.Context) error {
	for _, axis := range b.axes {
		if !slices.Contains(axisNames, axis) {
			return fmt.Errorf("-axis: %q is none of %s", axis, strings.Join(axisNames, ", "))
		}
	}
	var err error
	if b.killick, err = filepath.Abs(b.killick); err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	b.trust = probeTrust(ctx, b.killick)
	results := results{began: time.Now(), conditions: b.conditions(ctx)}
	for _, s := range b.scenarios() {
		began := time.Now()
		rows, err := b.play(ctx, s)
		results.sections = append(results.sections, section{scenario: s, rows: rows})
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.title, err), printTo(os.Stdout, results))
		}
		b.sayf("%s: %s", s.title, time.Since(began).Round(time.Second))
	}
	if err := printTo(os.Stdout, results); err != nil {
		return err
	}
	if !b.write {
		return nil
	}
	return writeDocs(b.docs, results)
}

// sayf tells about progress.
func (b *bench) sayf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// wants tells whether the flags let a tool be measured.
func (b *bench) wants(t tool) bool {
	return slices.Contains(b.peers, t.program) && strings.Contains(t.name, b.only)
}
