package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// stage is everything the demo stands on.
type stage struct {
	cluster *testenv.ControlPlane
	git     *gitserver.Host
	repo    *gitserver.Repository
	slack   *slack.Server
	binary  string
	dir     string
	out     io.Writer
}

func setUp(cluster *testenv.ControlPlane, out io.Writer, dir, binary, platform string) (*stage, error) {
	git, err := gitserver.Start(dir, gitserver.Options{})
	if err != nil {
		return nil, err
	}
	fake, err := slack.Start(slack.Options{Channels: []slack.Channel{
		{ID: "C0PLATFORM", Name: "platform", Member: true}, {ID: "C0STOREFRONT", Name: "storefront", Member: true},
	}})
	if err != nil {
		return nil, errors.Join(err, git.Close())
	}
	s := &stage{cluster: cluster, git: git, slack: fake, binary: binary, dir: dir, out: out}
	s.repo, err = git.Create("platform")
	var files map[string]string
	if err == nil {
		files, err = filesOf(platform)
	}
	if err == nil {
		err = s.commit("platform: the sample repository", files)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// say announces a step.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.out, "\n==> "+format+"\n", args...)
}

func (s *stage) close() error { return errors.Join(s.git.Close(), s.slack.Close()) }

// filesOf reads every file below a folder, by its path in it.
func filesOf(folder string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	return files, err
}

func (s *stage) commit(message string, files map[string]string) error {
	_, err := s.repo.Write(gitserver.Change{
		Message: message, Files: files, Author: gitserver.Person{Name: "Ada Example", Email: "ada@example.com"},
	})
	return err
}

// ran is one finished killick process.
type ran struct {
	code   int
	report drift.Report
	text   string
}

// killick runs the binary against the stage: its repository, cluster and Slack.
func (s *stage) killick(ctx context.Context, verb string, extra ...string) (ran, error) {
	file := filepath.Join(s.dir, "report.json")
	result, progress, err := s.execute(ctx, []string{verb},
		append([]string{"--kubeconfig", s.cluster.Kubeconfig(), "-o", "text", "-o", "json=" + file}, extra...))
	if err != nil {
		return ran{}, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return result, fmt.Errorf("killick %s wrote no report (exit code %d):\n%s%s", verb, result.code, result.text, progress)
	}
	if err := json.Unmarshal(data, &result.report); err != nil {
		return result, fmt.Errorf("reading the report: %w", err)
	}
	return result, os.Remove(file)
}

// execute calls the binary on the sample repository, and says so.
func (s *stage) execute(ctx context.Context, verb, flags []string) (result ran, progress string, err error) {
	fmt.Fprintf(s.out, "$ killick %s\n", strings.Join(verb, " "))
	args := slices.Concat(verb, []string{"--repo", s.repo.URL(), "--ref", "main", "--config", "clusters/demo/killick.yaml"}, flags)
	cmd := exec.CommandContext(ctx, s.binary, args...)
	var text, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &said
	cmd.Env = append(os.Environ(), "SLACK_TOKEN="+slack.DefaultToken, "SLACK_API_URL="+s.slack.APIURL(), "LC_ALL=C.UTF-8")
	err = cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return ran{}, "", err
	}
	return ran{code: cmd.ProcessState.ExitCode(), text: text.String()}, said.String(), nil
}

// find is the report's entry for "Kind namespace/name".
func (r ran) find(name string) (drift.ReportResource, bool) {
	for _, app := range r.report.Apps {
		for _, resource := range app.Resources {
			if resource.ID().Short() == name {
				return resource, true
			}
		}
	}
	return drift.ReportResource{}, false
}

// first is the report's first entry with this action and outcome.
func (r ran) first(action, outcome string) (drift.ReportResource, bool) {
	for _, app := range r.report.Apps {
		for _, resource := range app.Resources {
			if resource.Action == action && resource.Outcome == outcome {
				return resource, true
			}
		}
	}
	return drift.ReportResource{}, false
}
