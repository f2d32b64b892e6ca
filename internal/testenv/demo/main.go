// Command demo shows Killick's main job on a real local control plane: it serves
// a sample platform repository over Git, lets the killick binary converge an
// empty cluster, changes things by hand and in Git, lets killick reconcile once,
// and checks the report and the live objects. Everything it starts it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/killick-dev/killick/internal/testenv"
)

func main() {
	binary := flag.String("killick", "bin/killick", "the killick `binary` to show")
	platform := flag.String("platform", "testdata/platform", "the sample `repository`'s files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx, *binary, *platform)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	fmt.Println("\nDone. Everything is cleaned up.")
}

func demo(ctx context.Context, binary, platform string) (failed error) {
	absolute, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	fmt.Println("Starting a local control plane: etcd, the API server and its controllers (built the first time: several minutes)")
	cluster, err := testenv.Start(ctx, testenv.Options{Logf: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "  "+format+"\n", args...)
	}})
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, cluster.Stop()) }()
	dir, err := os.MkdirTemp("", "killick-demo-")
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, os.RemoveAll(dir)) }()
	s, err := setUp(cluster, os.Stdout, dir, absolute, platform)
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, s.close()) }()
	return s.play(ctx)
}
