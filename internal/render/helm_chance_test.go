package render

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// pointers are the fields of an object that chance decides.
func pointers(object drift.Object) []string {
	found := []string{}
	for _, path := range object.Nondeterministic {
		found = append(found, path.Pointer())
	}
	return found
}

// Only what differs is chance's: never what merely mentions a function.
func TestChance(t *testing.T) {
	t.Parallel()
	helpers := `{{ define "password" }}{{ randAlphaNum 8 }}{{ end }}
{{ define "outer" }}{{ include "password" . }}{{ end }}
{{ define "named-clock" }}{{ now }}{{ end }}
{{ define "guarded" }}{{ .Values.given | default (randAlphaNum 10) }}{{ end }}
{{ define "ordered" }}{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }},{{ end }}{{ end }}`
	object := func(expression string) string {
		return configMap("a") + "data: {fixed: same, x: {{ " + expression + " | toString | quote }}}"
	}
	tests := []struct {
		name, template string
		want           bool
	}{
		{"nothing", object(`"x"`), false},
		{"random text", object(`randAlphaNum 8`), true},
		{"one random digit", object(`randNumeric 1`), true},
		{"one random letter, in lower case", object(`randAlpha 1 | lower`), true},
		{"a cut of random text", object(`randAscii 40 | trunc 1`), true},
		{"one random byte", object(`randBytes 1`), true},
		{"one of two numbers", object(`randInt 0 2`), true},
		{"a random number out of one", object(`randInt 0 1`), false},
		{"an empty random text", object(`randAlphaNum 0`), false},
		{"a shuffled text of two letters", object(`shuffle "aab"`), true},
		{"a shuffled text of one letter", object(`shuffle "aaa"`), false},
		{"uuid", object(`uuidv4`), true},
		{"a cut of a uuid", object(`uuidv4 | trunc 1`), true},
		{"a private key", object(`genPrivateKey "ed25519"`), true},
		{"an RSA key", object(`genPrivateKey "rsa"`), true},
		{"a certificate", object(`(genCA "a" 1).Cert`), true},
		{"a certificate for a given key", object(`(genCAWithKey "a" 1 (genPrivateKey "ecdsa")).Key`), true},
		{"a self-signed certificate", object(`(genSelfSignedCert "a" nil nil 1).Key`), true},
		{"a signed certificate", object(`(genSignedCert "a" (list "10.0.0.1") (list "a.example.com") 1 (genCA "a" 1)).Cert`), true},
		{"a salted hash", object(`htpasswd "a" "b"`), true},
		{"a salted hash alone", object(`bcrypt "b"`), true},
		{"encryption", object(`encryptAES "key" "text"`), true},
		{"a derived password", object(`derivePassword 1 "long" "a" "b" "c"`), false},
		{"a checksum of random text", object(`randAlphaNum 8 | sha256sum`), true},

		{"the year", object(`now | date "2006"`), true},
		{"the month", object(`now | date "01"`), true},
		{"the day", object(`now | date "_2"`), true},
		{"the weekday", object(`now | date "Mon"`), true},
		{"the hour", object(`now | date "15"`), true},
		{"the minute", object(`now | date "04"`), true},
		{"the second", object(`now | date "05"`), true},
		{"the date elsewhere", object(`htmlDateInZone now "Asia/Tokyo"`), true},
		{"the time as a number", object(`now | unixEpoch`), true},
		{"a later time", object(`now | dateModify "24h" | date "02"`), true},
		{"a method of the time", object(`now.Year`), true},
		{"a fixed date", object(`date "2006" (toDate "2006-01-02" .Values.day)`), false},
		{"a date as a number", object(`date "2006" 1700000000`), false},
		{"a date that cannot be read, which is the present", object(`date "2006" "yesterday"`), true},
		{"a date in a zone that cannot be read", object(`dateInZone "2006" "yesterday" "UTC"`), true},
		{"the time since a fixed date", object(`ago (toDate "2006-01-02" "2020-01-01")`), true},
		{"the time since a number", object(`ago 1700000000`), true},
		{"the rounded time since a fixed date", object(`durationRound (toDate "2006-01-02" "2020-01-01")`), true},
		{"a rounded duration", object(`durationRound "2h"`), false},
		{"the time since now", object(`ago now`), false},
		{"only whether a date has passed", object(`gt (now | unixEpoch | atoi) 1700000000`), false},

		{"keys", object(`keys .Values.map | join ","`), true},
		{"sorted keys", object(`keys .Values.map | sortAlpha | join ","`), false},
		{"the first key", object(`keys .Values.map | first`), true},
		{"the key of a map of one", object(`keys .Values.one | first`), false},
		{"keys of two maps", object(`keys .Values.map .Values.one | join ","`), true},
		{"values", object(`values .Values.map | join ","`), true},
		{"sorted values", object(`values .Values.map | sortAlpha | join ","`), false},
		{"a sum over values", object(`len (values .Values.map)`), false},
		{"range, which Go orders", object(`include "ordered" .`), false},
		{"a map as YAML", object(`toYaml .Values.map`), false},

		{"a default that is not needed", object(`default (randAlphaNum 8) .Values.given`), false},
		{"a default that is needed", object(`default now .Values.never`), true},
		{"a helper's default that is not needed", object(`include "guarded" .`), false},
		{"a branch not taken", object(`"x"`) + "\n{{ if .Values.never }}# {{ now }}{{ end }}", false},
		{"a comment of YAML", object(`"x"`) + "\n# {{ now }}", false},
		{"a branch that is taken by chance", object(`"x"`) + "\n{{ if eq (randInt 0 2) 1 }}immutable: true{{ end }}", false},
		{"through an include", object(`include "outer" .`), true},
		{"through a name put together", object(`include (printf "%s-clock" "named") .`), true},
		{"through a name from values", object(`include .Values.which .`), true},
		{"through a value's text", object(`tpl .Values.clock .`), true},
		{"through a value's text that says nothing random", object(`tpl .Values.plain .`), false},
		{"through a text that is put together", object(`tpl (printf "{{ %s }}" "now") .`), true},
		{"through a text in a text", object(`tpl "{{ tpl .Values.clock . }}" .`), true},
		{"through a file", object(`tpl (.Files.Get "files/clock.txt") .`), true},
		{"a file that nobody runs", object(`.Files.Get "files/clock.txt"`), false},
		{"through an own definition in a text", object(`tpl "{{ define \"own\" }}{{ uuidv4 }}{{ end }}{{ include \"own\" . }}" .`), true},
		{"through a dependency's helper", object(`include "sub.word" .`), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rendered := mustRender(t, chartTree("app/templates/a.yaml", test.template, "app/templates/_h.tpl", helpers,
				"app/templates/other.yaml", configMap("other"), "app/files/clock.txt", "{{ now }}",
				"app/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\ntype: library\n",
				"app/charts/sub/templates/_h.tpl", `{{ define "sub.word" }}{{ randAlpha 3 }}{{ end }}`,
				"app/values.yaml", `{which: outer, clock: '{{ now | date "2006" }}', plain: "{{ .Release.Name }}", given: mine, day: "2024-05-06",`+
					`map: {a: 1, b: 2, c: 3}, one: {a: 1}, unused: "{{ htpasswd .Values.user .Values.password }}"}`), shop)
			want := []string{}
			if test.want {
				want = []string{"/data/x"}
			}
			if test.name == "a branch that is taken by chance" {
				want = []string{"/immutable"}
			}
			if diff := cmp.Diff(want, pointers(rendered.Objects[0])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(rendered.Objects[1].Nondeterministic) > 0 {
				t.Error("the other object is called nondeterministic, too")
			}
		})
	}
}

// The smallest field that differs is named: by keys in a list, never by its place.
func TestChancePaths(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, template string
		want           []string
	}{
		{"an annotation beside others", "metadata: {name: a, annotations: {one: x, checksum/secret: {{ randAlpha 9 }}}}", []string{"/metadata/annotations/checksum~1secret"}},
		{"a variable of one container of two", `metadata: {name: a}
spec:
  containers:
  - {name: web, image: web}
  - {name: side, env: [{name: A, value: x}, {name: SEED, value: {{ randAlpha 9 }}}]}`, []string{"/spec/containers/[name=side]/env/[name=SEED]/value"}},
		{"an argument: a list of texts is one value", `metadata: {name: a}
spec: {containers: [{name: web, args: [a, {{ randAlpha 9 }}]}]}`, []string{"/spec/containers/[name=web]/args"}},
		{"ports without names", `metadata: {name: a}
spec: {ports: [{containerPort: 53, protocol: UDP, note: x}, {containerPort: 53, protocol: TCP, note: {{ randAlpha 9 }}}]}`, []string{"/spec/ports/[containerPort=53,protocol=TCP]/note"}},
		{"items that nothing tells apart", `metadata: {name: a}
spec: {rules: [{verb: x}, {verb: {{ randAlpha 9 }}}]}`, []string{"/spec/rules"}},
		{"a key that is random itself", `metadata: {name: a}
spec: {env: [{name: {{ randAlpha 9 }}, value: x}]}`, []string{"/spec/env"}},
		{"items in the order of a map", `metadata: {name: a}
spec: {env: [{{ range keys .Values.m }}{name: {{ . }}, value: x},{{ end }}]}`, []string{"/spec/env"}},
		{"a list of another length", `metadata: {name: a}
spec: {list: [{{ range until (randInt 1 3) }}x,{{ end }}]}`, []string{"/spec/list"}},
		{"a random key of a map: those of the live object are other ones", "metadata: {name: a}\ndata: {fixed: x, n{{ randNumeric 3 }}: x}", []string{"/data"}},
		{"a random key of a label, beside the app's", "metadata: {name: a, labels: {n{{ if eq (randInt 0 2) 1 }}1{{ else }}2{{ end }}: x}}", []string{"/metadata/labels/n1", "/metadata/labels/n2"}},
		{"a random key of an annotation", "metadata: {name: a, annotations: {n{{ randNumeric 3 }}: x}}", []string{"/metadata/annotations"}},
		{"a field that is there by chance", "metadata: {name: a}\ndata: {fixed: x{{ if eq (randInt 0 2) 1 }}, more: x{{ end }}}", []string{"/data/more"}},
		{"another kind of value", "metadata: {name: a}\nspec: {v: {{ if eq (randInt 0 2) 1 }}[a]{{ else }}{a: b}{{ end }}}", []string{"/spec/v"}},
		{"several", "metadata: {name: a}\ndata: {b: {{ uuidv4 }}, a: {{ uuidv4 }}, c: x}", []string{"/data/a", "/data/b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rendered := mustRender(t, chartTree("app/values.yaml", "m: {a: 1, b: 2}", "app/templates/a.yaml", "apiVersion: example.com/v1\nkind: Thing\n"+test.template), shop)
			got := pointers(rendered.Objects[0])
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	// A Secret's text becomes data before it is compared.
	app := drift.App{Namespace: "shop", Secrets: drift.SecretsManage}
	secret := mustRender(t, chartTree("app/templates/a.yaml",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {user: me, password: {{ randAlphaNum 9 }}}"), app)
	if diff := cmp.Diff([]string{"/data/password"}, pointers(secret.Objects[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A chart that is used twice has one file for both, and the charts of one archive have files
// of one name: of these, too, each object is compared with its own.
func TestChanceInTemplatesOfOneOrigin(t *testing.T) {
	t.Parallel()
	const (
		random = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\ndata: {p: {{ .Values.password | default (randAlphaNum 8) }}}\n"
		fixed  = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\ndata: {p: x}\n"
		chart  = "{apiVersion: v2, name: NAME, version: 1.0.0}"
	)
	named := func(name string) string { return strings.Replace(chart, "NAME", name, 1) }
	twice := []string{"app/Chart.yaml", "{apiVersion: v2, name: app, version: 1.0.0, dependencies: [{name: db, version: 1.0.0, alias: one}, {name: db, version: 1.0.0, alias: two}]}",
		"app/values.yaml", "one: {password: given}"}
	for name, files := range map[string][]string{
		"a dependency under two names":      append(twice, "app/charts/db/Chart.yaml", named("db"), "app/charts/db/templates/a.yaml", random),
		"a packed one under two names":      append(twice, "app/charts/db-1.0.0.tgz", archive(t, entry{"db/Chart.yaml", named("db"), 0}, entry{"db/templates/a.yaml", random, 0})),
		"a chart and its dependency packed": {"app/charts/one-1.0.0.tgz", archive(t, entry{"one/Chart.yaml", named("one"), 0}, entry{"one/templates/a.yaml", fixed, 0}, entry{"one/charts/two/Chart.yaml", named("two"), 0}, entry{"one/charts/two/templates/a.yaml", random, 0})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string][]string{}
			for _, object := range mustRender(t, chartTree(files...), shop).Objects {
				got[object.ID.Name] = pointers(object)
			}
			if diff := cmp.Diff(map[string][]string{"one": {}, "two": {"/data/p"}}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is created is drawn anew in each render, as with Helm: the second pass's answers,
// which can be foretold, never reach an object.
func TestTheFirstPassIsTrulyRandom(t *testing.T) {
	t.Parallel()
	tree := chartTree("app/templates/a.yaml", configMap("a")+
		"data: {a: {{ randAlphaNum 30 }}, b: {{ randAlphaNum 30 }}, c: {{ randBytes 30 }}, d: {{ now | unixEpoch | quote }}, k: {{ keys .Values.m | join \"\" }}}", "app/values.yaml", "m: {b: 1, a: 2, c: 3}")
	before := time.Now().Unix()
	one, two := mustRender(t, tree, shop).Objects[0], mustRender(t, tree, shop).Objects[0]
	seen := map[any]bool{}
	for _, object := range []drift.Object{one, two} {
		data := object.Manifest["data"].(map[string]any)
		for _, key := range []string{"a", "b", "c"} {
			if seen[data[key]] {
				t.Errorf("%v came up twice", data[key])
			}
			seen[data[key]] = true
		}
		if data["k"] != "abc" {
			t.Errorf("the keys are %v", data["k"])
		}
		at, err := time.Parse("2006", "1970")
		if seconds, ok := data["d"].(string); !ok || err != nil || at.Unix() > before || len(seconds) != len("1700000000") {
			t.Errorf("the time is %v", data["d"])
		}
	}
}

// An object that has no fixed identity, or that is there by chance, cannot be managed.
func TestIdentityByChance(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, template string }{
		{"a random name", configMap("a-{{ randAlphaNum 5 | lower }}")},
		{"a name from the clock", configMap(`job-{{ now | date "20060102" }}`)},
		{"a random namespace", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: {{ randAlpha 4 | lower }}}\n"},
		{"there by chance", "{{ if eq (randInt 0 2) 1 }}" + configMap("a") + "{{ end }}"},
		{"not there by chance", "{{ if ne (randInt 0 2) 1 }}" + configMap("a") + "{{ end }}"},
		{"the first of a map's keys", configMap("a-{{ keys .Values.m | first }}")},
		{"a version by chance", "apiVersion: example.com/v{{ randInt 1 3 }}\nkind: Thing\nmetadata: {name: a}\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := renderTree(chartTree("app/values.yaml", "m: {a: 1, b: 2}", "app/templates/a.yaml", test.template), shop)
			if err == nil || !strings.Contains(err.Error(), "its identity differs from one render to the next") || !strings.Contains(err.Error(), "app/templates/a.yaml") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A chart that checks what is random fails when the other answers do, and says so.
func TestFailureByChance(t *testing.T) {
	t.Parallel()
	_, err := renderTree(chartTree("app/templates/a.yaml", `{{ if eq (now | date "2006") "`+time.Now().Format("2006")+`" }}`+configMap("a")+`{{ else }}{{ fail "too late" }}{{ end }}`), shop)
	if err == nil || !strings.Contains(err.Error(), "by chance") || !strings.Contains(err.Error(), "too late") {
		t.Errorf("got %v", err)
	}
}

// The functions are Helm's again after a render, and every one that has a contrary answer
// exists in the table with the type that is expected here.
func TestChanceReachesEveryTemplate(t *testing.T) {
	t.Parallel()
	c := newChance()
	templating.Lock()
	original := maps.Clone(templateFunctions)
	templating.Unlock()
	for _, replaced := range []map[string]any{c.clock(original), c.order(), c.random(original), c.unique(original), c.opposite().unique(original)} {
		for name := range replaced {
			if original[name] == nil {
				t.Errorf("%s is no function of templates", name)
			}
		}
	}
	if got := c.opposite().now; got.Year() == c.now.Year() || got.Month() == c.now.Month() || got.Weekday() == c.now.Weekday() || got.Minute() == c.now.Minute() {
		t.Errorf("%s is too much like %s", got, c.now)
	}
	// Whoever knows of another function whose answer changes finds it missing here.
	known := []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4", "bcrypt", "htpasswd", "encryptAES",
		"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
		"now", "ago", "date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone", "durationRound", "keys", "values"}
	var all []string
	for _, replaced := range []map[string]any{c.clock(original), c.order(), c.random(original), c.unique(original)} {
		all = slices.AppendSeq(all, maps.Keys(replaced))
	}
	slices.Sort(all)
	slices.Sort(known)
	if diff := cmp.Diff(known, all); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
