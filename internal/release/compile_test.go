package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMakeBuildsTheSame: "make build" has the flags of a release, so that what people
// build by hand is what the image holds.
func TestMakeBuildsTheSame(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "make", "--dry-run", "build", "GO=go", "VERSION="+testVersion)
	command.Dir = repositoryRoot(t)
	command.Env = append(os.Environ(), "MAKEFLAGS=", "MFLAGS=") // of a make that runs this test
	out, err := output(command)
	if err != nil {
		t.Fatal(err)
	}
	want := "CGO_ENABLED=0 go build"
	for _, flag := range buildFlags(testVersion) {
		if strings.Contains(flag, " ") {
			flag = "'" + flag + "'"
		}
		want += " " + flag
	}
	if !strings.Contains(string(out), want) {
		t.Errorf("make build runs\n%s\nwant\n%s", out, want)
	}
}

func TestAnotherGoIsSaid(t *testing.T) {
	t.Parallel()
	if said := (toolchain{version: goVersion}).difference(); said != "" {
		t.Errorf("the release's own toolchain: %q", said)
	}
	if said := (toolchain{version: "go1.99.1"}).difference(); !strings.Contains(said, "go1.99.1") || !strings.Contains(said, goVersion) {
		t.Errorf("another toolchain: %q", said)
	}
}
