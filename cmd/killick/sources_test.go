package main

import (
	"path"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// TestDescends: the config's own repository, which has no name, is asked like the
// ones that the config names.
func TestDescends(t *testing.T) {
	server := gitserver.New(t)
	own, other := server.Repo("own"), server.Repo("other")
	commits := map[string][]string{}
	for name, repo := range map[string]*gitserver.Repo{"": own, "other": other} {
		for _, message := range []string{"first", "second", "third"} {
			commits[name] = append(commits[name], repo.Commit(name+message, map[string]string{"f": message}))
		}
	}
	commits[""] = append(commits[""], own.Commit("config", map[string]string{
		"killick.yaml": "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: test}\nrepositories:\n  other: {url: " + other.HTTPSURL() + ", ref: main, caFile: " + server.CAFile() + "}\napps:\n  - {name: app, path: app, namespace: app}\n",
	}))
	d, err := readDesired(t.Context(), config.Settings{Repo: own.URL(), Ref: "main", ConfigPath: "killick.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	for name, foreign := range map[string]string{"": "other", "other": ""} {
		for _, ancestor := range commits[name] {
			if got, err := d.sources.Descends(t.Context(), name, ancestor); err != nil || !got {
				t.Errorf("%q descends from its %s: got %v, %v, want true", name, ancestor, got, err)
			}
		}
		if got, err := d.sources.Descends(t.Context(), name, commits[foreign][0]); err != nil || got {
			t.Errorf("%q descends from a commit of %q: got %v, %v, want false", name, foreign, got, err)
		}
	}
}

// TestPolicyFolders: a report names each folder of policies with its own repository's
// commit, as the places of its rules begin; what ships in the binary has no place.
func TestPolicyFolders(t *testing.T) {
	d := desired{config: config.Config{
		Repositories: map[string]config.Repository{"org": {URL: "https://github.com/acme/org.git"}},
		Policies:     []config.Policy{{Builtin: "baseline"}, {Path: "policies/"}, {Path: "policies", Repository: "org"}},
	}}
	sources := []policy.Source{{Builtin: "baseline"}, {Path: "policies/"}, {Path: "policies"}}
	commits := []string{"", strings.Repeat("1", 40), strings.Repeat("2", 40)}
	from := []drift.Revision{{}, {Commit: commits[1]}, {Commit: commits[2]}}
	run := drift.ReportRun{Policies: policyFolders(d, "https://github.com/acme/platform.git", sources, from)}
	labels := policy.Labels(sources)
	for i, want := range []string{"", "platform/blob/" + commits[1], "org/blob/" + commits[2]} {
		place := path.Join(labels[i], "shop/shop.rego") + ":7" // as rules name it
		if want != "" {
			want = "https://github.com/acme/" + want + "/policies/shop/shop.rego#L7"
		}
		if got := summary.RulePage(run, place); got != want {
			t.Errorf("%s: page %q, want %q", place, got, want)
		}
	}
}
