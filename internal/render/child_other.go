//go:build !linux

package render

import (
	"os"
	"os/exec"
)

// limitMemory has no means here that counts what a Go process takes: the deadline
// alone bounds a render.
func limitMemory(int64) error { return nil }

func closeProcess() error { return nil }

// program is this program's file.
func program() (string, error) { return os.Executable() }

// tie does nothing: a child notices by its standard input that the parent is gone.
func tie(*exec.Cmd) {}

func containerMemory() int64 { return 0 }
