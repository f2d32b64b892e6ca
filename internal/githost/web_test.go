package githost

import (
	"testing"
)

const someCommit = "3f9d2c1aa0b14c7e9f3a5b6c7d8e9f0a1b2c3d4e"

func TestWebOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, repository string
		want               Web
	}{
		{"GitHub", "https://github.com/acme/platform.git", Web{"https://github.com/acme/platform", GitHub}},
		{"without .git, with a slash, any case of the host", "https://GitHub.com/acme/platform/", Web{"https://github.com/acme/platform", GitHub}},
		{"short form of ssh", "git@github.com:acme/platform.git", Web{"https://github.com/acme/platform", GitHub}},
		{"short form with a slash", "git@github.com:/acme/platform", Web{"https://github.com/acme/platform", GitHub}},
		{"ssh over 443", "ssh://git@ssh.github.com:443/acme/platform.git", Web{"https://github.com/acme/platform", GitHub}},
		{"GitHub of a customer", "https://acme.ghe.com/acme/platform", Web{"https://acme.ghe.com/acme/platform", GitHub}},
		{"GitLab has groups in groups", "ssh://git@gitlab.com/acme/infra/platform.git", Web{"https://gitlab.com/acme/infra/platform", GitLab}},
		{"Bitbucket", "git@bitbucket.org:acme/platform.git", Web{"https://bitbucket.org/acme/platform", Bitbucket}},
		{"Codeberg is a Forgejo", "https://codeberg.org/acme/platform.git", Web{"https://codeberg.org/acme/platform", Forgejo}},
		{"Gitea", "https://gitea.com/acme/platform", Web{"https://gitea.com/acme/platform", Gitea}},
		{"Azure DevOps, a space in the project; .git is part of the name", "https://dev.azure.com/acme/My%20Shop/_git/platform.git",
			Web{"https://dev.azure.com/acme/My%20Shop/_git/platform.git", AzureDevOps}},
		{"Azure DevOps, project named like the repository", "https://dev.azure.com/acme/_git/platform", Web{"https://dev.azure.com/acme/_git/platform", AzureDevOps}},
		{"Azure DevOps by ssh", "git@ssh.dev.azure.com:v3/acme/My%20Shop/platform", Web{"https://dev.azure.com/acme/My%20Shop/_git/platform", AzureDevOps}},
		{"its older ssh host", "acme@vs-ssh.visualstudio.com:v3/acme/shop/platform", Web{"https://dev.azure.com/acme/shop/_git/platform", AzureDevOps}},
		{"its older host", "https://acme.visualstudio.com/DefaultCollection/shop/_git/platform",
			Web{"https://acme.visualstudio.com/DefaultCollection/shop/_git/platform", AzureDevOps}},

		{"credentials are left out", "https://me:hunter2@github.com/acme/platform", Web{"https://github.com/acme/platform", GitHub}},
		{"a query too", "https://github.com/acme/platform?token=hunter2#x", Web{"https://github.com/acme/platform", GitHub}},

		{"a host of one's own may be anything", "https://github.example.com/acme/platform", Web{}},
		{"an alias of ssh", "git@github.com-work:acme/platform", Web{}},
		{"a name that ends like one", "https://evilgithub.com/acme/platform", Web{}},
		{"nobody's subdomain", "https://.ghe.com/acme/platform", Web{}},
		{"another port", "https://github.com:8443/acme/platform", Web{}},
		{"no TLS", "http://github.com/acme/platform", Web{}},
		{"not a repository", "https://github.com/acme", Web{}},
		{"more than a repository", "https://github.com/acme/platform/tree/main", Web{}},
		{"a wiki", "https://github.com/acme/platform.wiki.git", Web{}},
		{"leads elsewhere", "https://github.com/acme/..", Web{}},
		{"hides a slash", "https://github.com/acme/a%2Fb", Web{}},
		{"only .git", "https://github.com/acme/.git", Web{}},
		{"an older path of Azure DevOps", "https://dev.azure.com/acme/shop/_git/_full/platform", Web{}},
		{"a local path", "/srv/git/platform.git", Web{}},
		{"a relative path", ".", Web{}},
		{"nothing", "", Web{}},
		{"no URL", "https://%zz", Web{}},
	} {
		if got := WebOf(c.repository); got != c.want {
			t.Errorf("%s: WebOf(%q) = %+v, want %+v", c.reason, c.repository, got, c.want)
		}
	}
}

func TestWebAddresses(t *testing.T) {
	t.Parallel()
	const page = "https://git.example.com/acme/platform"
	for host, want := range map[WebHost][2]string{
		GitHub:          {"/commit/" + someCommit, "/blob/" + someCommit + "/apps/a%20b/web%23.yaml#L12"},
		GitLab:          {"/-/commit/" + someCommit, "/-/blob/" + someCommit + "/apps/a%20b/web%23.yaml#L12"},
		Gitea:           {"/commit/" + someCommit, "/src/commit/" + someCommit + "/apps/a%20b/web%23.yaml#L12"},
		Forgejo:         {"/commit/" + someCommit, "/src/commit/" + someCommit + "/apps/a%20b/web%23.yaml#L12"},
		Bitbucket:       {"/commits/" + someCommit, "/src/" + someCommit + "/apps/a%20b/web%23.yaml#lines-12"},
		BitbucketServer: {"/commits/" + someCommit, "/browse/apps/a%20b/web%23.yaml?at=" + someCommit + "#12"},
		AzureDevOps: {"/commit/" + someCommit,
			"?path=/apps/a%20b/web%23.yaml&version=GC" + someCommit + "&line=12&lineEnd=13&lineStartColumn=1&lineEndColumn=1"},
		"cgit": {"", ""},
	} {
		w, expect := Web{page, host}, func(rest string) string {
			if rest == "" {
				return ""
			}
			return page + rest
		}
		if got := w.Commit(someCommit); got != expect(want[0]) {
			t.Errorf("%s: commit %s", host, got)
		}
		if got := w.File(someCommit, "apps/a b/web#.yaml", 12); got != expect(want[1]) {
			t.Errorf("%s: file %s", host, got)
		}
	}
	w := Web{page, GitHub}
	for _, c := range []struct{ reason, got, want string }{
		{"no line is known", w.File(someCommit, "a.yaml", 0), page + "/blob/" + someCommit + "/a.yaml"},
		{"a short commit may be another one tomorrow", w.File("3f9d2c1", "a.yaml", 1), ""},
		{"a branch moves", w.Commit("main"), ""},
		{"leads out", w.File(someCommit, "../a.yaml", 1), ""},
		{"from the root", w.File(someCommit, "/a.yaml", 1), ""},
		{"no file", w.File(someCommit, "", 1), ""},
		{"nowhere", Web{}.Commit(someCommit) + Web{}.File(someCommit, "a.yaml", 1), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.reason, c.got, c.want)
		}
	}
}

func TestFilePlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place, file string
		line        int
	}{{"a/b.yaml:12", "a/b.yaml", 12}, {"a/b.yaml", "a/b.yaml", 0}, {"a:b.yaml", "a:b.yaml", 0}, {"a.yaml:0", "a.yaml:0", 0}, {"", "", 0}} {
		if file, line := FilePlace(c.place); file != c.file || line != c.line {
			t.Errorf("FilePlace(%q) = %q, %d", c.place, file, line)
		}
	}
}
