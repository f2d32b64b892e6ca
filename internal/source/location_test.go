package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLocation(t *testing.T) {
	cases := []struct {
		raw    string
		want   location
		reason string
	}{
		{"https://git.example.com/team/app.git", location{scheme: "https", host: "git.example.com", path: "/team/app.git"}, "https"},
		{"HTTPS://Git.Example.com:8443/a", location{scheme: "https", host: "Git.Example.com", port: "8443", path: "/a"}, "port, and a scheme in capitals"},
		{"https://[2001:db8::1]/a", location{scheme: "https", host: "2001:db8::1", path: "/a"}, "IPv6"},
		{"https://git.example.com/My%20Project/_git/app", location{scheme: "https", host: "git.example.com", path: "/My%20Project/_git/app"}, "Azure DevOps, escaped"},
		{"http://127.0.0.1:3000/a", location{scheme: "http", host: "127.0.0.1", port: "3000", path: "/a"}, "http on loopback"},
		{"http://localhost/a", location{scheme: "http", host: "localhost", path: "/a"}, "http on localhost"},
		{"ssh://git@git.example.com/team/app.git", location{scheme: "ssh", user: "git", host: "git.example.com", path: "/team/app.git"}, "ssh"},
		{"ssh://git.example.com:2222/app", location{scheme: "ssh", user: "git", host: "git.example.com", port: "2222", path: "/app"}, "ssh without user"},
		{"ssh://deploy@git.example.com/~deploy/app", location{scheme: "ssh", user: "deploy", host: "git.example.com", path: "~deploy/app"}, "a home folder"},
		{"git@git.example.com:team/app.git", location{scheme: "ssh", user: "git", host: "git.example.com", path: "team/app.git"}, "the short form"},
		{"git.example.com:app", location{scheme: "ssh", user: "git", host: "git.example.com", path: "app"}, "the short form without user"},
		{"git@[2001:db8::1]:app", location{scheme: "ssh", user: "git", host: "2001:db8::1", path: "app"}, "the short form with IPv6"},
		{"git@ssh.dev.azure.com:v3/org/project/app", location{scheme: "ssh", user: "git", host: "ssh.dev.azure.com", path: "v3/org/project/app"}, "Azure DevOps over ssh"},
		{".", location{path: "."}, "this folder"},
		{"../platform", location{path: "../platform"}, "a relative path"},
		{"/srv/git/app.git", location{path: "/srv/git/app.git"}, "an absolute path"},
		{"./a:b", location{path: "./a:b"}, "a path with a colon behind a slash"},
	}
	for _, c := range cases {
		c.want.display = c.raw
		got, err := parseLocation(c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(location{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestParseLocationRefuses(t *testing.T) {
	const credentials = "contains credentials"
	cases := []struct{ raw, text, hint, reason string }{
		{"https://user:canary@git.example.com/a", credentials, "tokenFile", "a password"},
		{"https://canary@git.example.com/a", credentials, "tokenFile", "a token as the user"},
		{"https://:canary@git.example.com/a", credentials, "tokenFile", "a password without user"},
		{"ssh://git:canary@git.example.com/a", credentials, "sshKeyFile", "a password for ssh"},
		{"https://user:can/ary@git.example.com/a", "not a valid URL", "", "a password with a slash"},
		{"https://user:1canary/x@git.example.com/a", "not a valid URL", "", "a password with a slash that begins like a port"},
		{"https://user:42/canary@git.example.com/a", "looks as if", "%40", "a password that is a port, a slash and more"},
		{"https://user:canary#x@git.example.com/a", "not a valid URL", "", "a password with a hash"},
		{"https://user:canary%zz@git.example.com/a", "not a valid URL", "", "a badly escaped password"},
		{"https://git.example.com/a?private_token=canary", "query", "", "a token in the query"},
		{"https://git.example.com/a#canary", "fragment", "", "a fragment"},
		{"user:canary@git.example.com:a", "looks as if", "git@host:path", "a password in the short form"},
		{"https:/user:canary@git.example.com/a", "looks as if", "", "a slash too few"},
		{"https//user:canary@git.example.com/a", "looks as if", "", "no colon"},
		{"http://git.example.com/a", "loopback hosts only", "https://", "http elsewhere"},
		{"http://127.0.0.1.example.com/a", "loopback hosts only", "https://", "a host that looks like loopback"},
		{"git://git.example.com/a", `"git" is not supported`, "https://", "the git protocol"},
		{"ftp://git.example.com/a", "not supported", "", "ftp"},
		{"ext::sh -c canary", "transport helpers are not supported", "https://", "a transport helper"},
		{"fd::17", "transport helpers are not supported", "", "a file descriptor"},
		{"ext::sh://x/a", "transport helpers are not supported", "", "a transport helper that looks like a URL"},
		{"file:///srv/git", `"file" is not supported`, "without file://", "a file URL"},
		{"https:///a", "names no host", "", "no host"},
		{"ssh://-oProxyCommand=x/a", "dash", "", "an option as host (CVE-2017-1000117)"},
		{"git@-oProxyCommand=x:a", "dash", "", "an option as host, short form"},
		{"-u@git.example.com:a", "dash", "", "an option as user"},
		{"git@git.example.com:--upload-pack=x", "dash", "", "an option as path"},
		{"ssh://git.example.com/", "empty", "", "no path"},
		{"https://git.example.com/a\nb", "control characters", "", "a line break"},
		{" https://git.example.com/a", "white space", "", "white space in front"},
		{"", "no URL or path", "--repo", "nothing"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := parseLocation(c.raw)
			wantProblem(t, err, c.text, c.hint)
		})
	}
}

func FuzzParseLocationKeepsSecrets(f *testing.F) {
	for _, prefix := range []string{"https://", "ssh://", "http://", "HTTPS://", "", "https:/"} {
		for _, user := range []string{"user", "", "a/b", "42/"} {
			f.Add(prefix, user, "@git.example.com/a")
		}
	}
	f.Fuzz(func(t *testing.T, prefix, user, rest string) {
		if strings.Contains(prefix+user+rest, "canary") || !strings.HasPrefix(rest, "@") || strings.ContainsAny(user, "@") {
			return
		}
		where, err := parseLocation(prefix + user + ":canary" + rest)
		if err != nil {
			noCanary(t, err)
			return
		}
		t.Errorf("%q was accepted as %+v", prefix+user+":canary"+rest, where)
	})
}
