package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `usage: release image -version VERSION   an image in dist/image
       release all -version vX.Y.Z    a release in dist/vX.Y.Z
`

// Exit codes.
const (
	exitError = 1
	exitUsage = 2
)

// streams are where results and progress go.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, std streams) int {
	var version, dir string
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(std.err)
	flags.Usage = func() { fmt.Fprint(std.err, usage) }
	flags.StringVar(&version, "version", "", "what the binary and the image call themselves")
	flags.StringVar(&dir, "root", filepath.Join("..", ".."), "the repository's root")
	if len(args) == 0 || (args[0] != "image" && args[0] != "all") {
		flags.Usage()
		return exitUsage
	}
	if err := flags.Parse(args[1:]); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return exitUsage
	}
	build, place := makeImage, "image"
	if args[0] == "all" {
		build, place = makeRelease, version
	}
	logf := func(format string, args ...any) { fmt.Fprintf(std.err, "release: "+format+"\n", args...) }
	root, err := filepath.Abs(dir)
	if err != nil {
		logf("%v", err)
		return exitError
	}
	digest, err := build(ctx, root, version, logf)
	if err != nil {
		logf("%v", err)
		return exitError
	}
	fmt.Fprintf(std.out, "%s/%s\n%s:%s@%s\n", dist, place, repository, version, digest)
	return 0
}
