package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// goVersion is the toolchain of releases. Another one makes another binary, and so
// another digest, which is said.
const goVersion = "go1.26.8"

// target is a system and a processor that a binary is compiled for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "-" + t.arch }

// program is the binary's file name.
func (t target) program() string {
	if t.os == "windows" {
		return "killick.exe"
	}
	return "killick"
}

// imageTargets are the image's platforms.
var imageTargets = []target{{"linux", "amd64"}, {"linux", "arm64"}}

// archiveTargets are what people's own machines run.
var archiveTargets = []target{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// buildFlags are those of "make build" as well: no path of this machine, no symbols, no
// build ID (it depends on the compiler's own), and the version.
func buildFlags(version string) []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version=" + version}
}

// settled are the Go settings that change a binary. They are the same everywhere,
// whatever the environment or "go env -w" says.
var settled = []string{
	"GOENV=off", "GOFLAGS=-mod=readonly", "GOWORK=off",
	"CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off",
}

// kept are the Go settings that only say where modules and the cache are, and which
// toolchain is chosen. Of all others nothing reaches a build.
var kept = []string{
	"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS",
	"GOTMPDIR", "GOTOOLCHAIN",
}

// toolchain is a go command with the environment in which it compiles.
type toolchain struct {
	version string // "go1.26.8"
	env     []string
}

// findToolchain asks the go command that is found first for a module's toolchain.
func findToolchain(ctx context.Context, module string) (toolchain, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"env", "-json", "GOVERSION"}, kept...)...)
	command.Dir = module
	out, err := output(command)
	if err != nil {
		return toolchain{}, fmt.Errorf("asking go for its settings: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		return toolchain{}, fmt.Errorf("reading go's settings: %w", err)
	}
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GO") && !strings.HasPrefix(variable, "CGO_") {
			env = append(env, variable)
		}
	}
	for _, name := range kept {
		if value := settings[name]; value != "" {
			env = append(env, name+"="+value)
		}
	}
	return toolchain{version: settings["GOVERSION"], env: append(env, settled...)}, nil
}

// difference says that this is not the toolchain of releases; "" when it is.
func (t toolchain) difference() string {
	if t.version == goVersion {
		return ""
	}
	return fmt.Sprintf("this is %s, and releases are built with %s: the digests will be others (GOTOOLCHAIN=%s selects it)",
		t.version, goVersion, goVersion)
}

// compile makes the binary of a source for one target.
func (t toolchain) compile(ctx context.Context, from source, to target, file string) error {
	arguments := append(append([]string{"build"}, buildFlags(from.version)...), "-o", file, "./cmd/killick")
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = from.dir
	command.Env = append(t.env[:len(t.env):len(t.env)], "GOOS="+to.os, "GOARCH="+to.arch)
	if _, err := output(command); err != nil {
		return fmt.Errorf("compiling for %s: %w", to, err)
	}
	return nil
}

// output runs a command; what it wrote to standard error is part of its error.
func output(command *exec.Cmd) ([]byte, error) {
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(command.Args[:min(2, len(command.Args))], " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}
