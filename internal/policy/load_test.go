package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// tree is a folder of policies, file name → text. A name without a folder is put
// into the folder of its package.
func tree(files map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		pkg := regexp.MustCompile(`^package drift\.(\w+)`).FindStringSubmatch(text)
		if !strings.Contains(name, "/") && pkg != nil {
			name = strings.TrimSuffix(pkg[1], "_test") + "/" + name
		}
		fsys["repo/policies/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func folder(files map[string]string) Source {
	return Source{Path: "policies", FS: tree(files), Dir: "repo/policies"}
}

// shop is one policy file of package drift.shop.
func shop(text string) []Source {
	return []Source{folder(map[string]string{"shop.rego": "package drift.shop\n\n" + text})}
}

// lines words the problems of an error: "file:line: message [hint]".
func lines(err error) []string {
	var all []string
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err != nil {
			all = append(all, "not joined: "+err.Error())
		}
		return all
	}
	for _, one := range joined.Unwrap() {
		var problem *drift.Problem
		if !errors.As(one, &problem) || problem.Stage != "policy" {
			all = append(all, fmt.Sprintf("not a policy problem: %#v", one))
			continue
		}
		all = append(all, fmt.Sprintf("%s [%s]", problem.Error(), problem.Hint))
	}
	return all
}

func mustLoad(t testing.TB, sources []Source) *Engine {
	t.Helper()
	engine, err := Load(sources, Options{})
	if err != nil {
		t.Fatalf("loading: %s", strings.Join(lines(err), "\n"))
	}
	return engine
}

// TestLoadErrors: everything here would otherwise load and then do less, or
// more, than its author wrote.
func TestLoadErrors(t *testing.T) {
	tests := []struct {
		name   string
		policy string // of package drift.shop, from line 3
		want   []string
	}{
		{
			name:   "syntax error: nothing can be known",
			policy: "heal contains \"x\" if {\n",
			want:   []string{"policies/shop/shop.rego:4: syntax error: unexpected eof"},
		},
		{
			name:   "brackets that would keep the compiler busy for minutes",
			policy: "heal contains \"x\" if input.app.name in " + strings.Repeat("{", 65) + strings.Repeat("}", 65) + "\n",
			want:   []string{"policies/shop/shop.rego:3: brackets are nested more than 64 deep"},
		},
		{
			name:   "Rego v0: refused with the way out",
			policy: "heal[\"x\"] { input.drift.cause == \"live\" }\n",
			want:   []string{`Rego v1`},
		},
		{
			name:   "field that the input does not have",
			policy: "heal contains \"x\" if input.resource.namspace == \"a\"\n",
			want:   []string{`policies/shop/shop.rego:3: input.resource has no field "namspace" [did you mean "namespace"?`},
		},
		{
			name:   "field through some",
			policy: "heal contains \"x\" if {\n\tsome change in input.changes\n\tchange.operation == \"add\"\n}\n",
			want:   []string{`policies/shop/shop.rego:5: `, `has no field "operation"`},
		},
		{
			name:   "field through a function argument, where OPA's types end",
			policy: "heal contains \"x\" if _ours(input.resource)\n\n_ours(resource) if resource.namspace == \"a\"\n",
			want:   []string{`policies/shop/shop.rego:5: resource has no field "namspace" [did you mean "namespace"?`},
		},
		{
			name:   "text compared with a number",
			policy: "heal contains \"x\" if input.resource.name == 3\n",
			want:   []string{"policies/shop/shop.rego:3: compares string with number"},
		},
		{
			name:   "misspelt verb: it would never be asked",
			policy: "heals contains \"x\" if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: heals is neither a verb nor used by another rule", "did you mean heal?"},
		},
		{
			name:   "helper that nobody uses",
			policy: "frozen if input.run.weekday == \"Friday\"\n",
			want:   []string{"policies/shop/shop.rego:3: frozen is neither a verb nor used"},
		},
		{
			name:   "heal if: true is no reason",
			policy: "heal if input.drift.cause == \"live\"\n",
			want:   []string{`policies/shop/shop.rego:3: heal is written without contains`, `write heal contains "why" if`},
		},
		{
			name:   "heal := value",
			policy: "heal := {\"x\"}\n",
			want:   []string{"policies/shop/shop.rego:3: heal is a verb and must be a set of reasons"},
		},
		{
			name:   "heal as a map",
			policy: "heal[\"x\"] := \"y\" if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: heal is a verb and must be a set of reasons"},
		},
		{
			name:   "heal below a name",
			policy: "heal.now contains \"y\" if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: heal is a verb and must be a set of reasons"},
		},
		{
			name:   "heal as a function",
			policy: "heal(x) := x\n",
			want:   []string{"policies/shop/shop.rego:3: heal is a verb and cannot be a function"},
		},
		{
			name:   "default heal",
			policy: "default heal := false\n\nheal if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: heal cannot have a default"},
		},
		{
			name:   "word that a type never is",
			policy: "alert_only contains \"x\" if input.drift.type == \"modfied\"\n",
			want:   []string{`policies/shop/shop.rego:3: input.drift.type is never "modfied" [did you mean "modified"?`},
		},
		{
			name:   "word in a set",
			policy: "alert_only contains \"x\" if input.drift.cause in {\"live\", \"cluster\"}\n",
			want:   []string{`policies/shop/shop.rego:3: input.drift.cause is never "cluster" [words: "none", "git", "live", "both"]`},
		},
		{
			name:   "word in a named set",
			policy: "alert_only contains \"x\" if input.run.weekday in _weekend\n\n_weekend := {\"Sat\", \"Sunday\"}\n",
			want:   []string{`input.run.weekday is never "Sat"`},
		},
		{
			name:   "word with !=, which would always hold",
			policy: "heal contains \"x\" if input.app.renderer != \"Helm\"\n",
			want:   []string{`policies/shop/shop.rego:3: input.app.renderer is never "Helm" [did you mean "helm"?`},
		},
		{
			name:   "word through some and a variable",
			policy: "alert_only contains \"x\" if {\n\tsome change in input.changes\n\tclass := change.manager_class\n\tclass == \"human\"\n}\n",
			want:   []string{`policies/shop/shop.rego:6: class is never "human"`},
		},
		{
			name:   "word through every",
			policy: "heal contains \"x\" if {\n\tevery change in input.changes {\n\t\tchange.op == \"added\"\n\t}\n}\n",
			want:   []string{`policies/shop/shop.rego:5: change.op is never "added" [did you mean "add"?`},
		},
		{
			name:   "word in a comprehension",
			policy: "heal contains \"x\" if count([c | some c in input.changes; c.op == \"update\"]) > 1\n",
			want:   []string{`policies/shop/shop.rego:3: c.op is never "update"`},
		},
		{
			name:   "word through an index",
			policy: "heal contains \"x\" if input.changes[_].cause == \"cluster\"\n",
			want:   []string{`input.changes[_].cause is never "cluster"`},
		},
		{
			name:   "word through a helper set",
			policy: "heal contains \"x\" if {\n\tsome c in _live\n\tc.op == \"added\"\n}\n\n_live contains c if some c in input.changes\n",
			want:   []string{`policies/shop/shop.rego:5: c.op is never "added"`},
		},
		{
			name:   "word through a helper rule",
			policy: "heal contains \"x\" if _cause == \"lives\"\n\n_cause := input.drift.cause\n",
			want:   []string{`_cause is never "lives"`},
		},
		{
			name:   "word through a function argument",
			policy: "heal contains \"x\" if {\n\tsome change in input.changes\n\t_added(change)\n}\n\n_added(change) if change.op == \"added\"\n",
			want:   []string{`policies/shop/shop.rego:8: change.op is never "added"`},
		},
		{
			name:   "word as a pattern in a function's head",
			policy: "heal contains \"x\" if _soft(input.drift.cause)\n\n_soft(\"lives\") := true\n",
			want:   []string{`policies/shop/shop.rego:5: argument 1 of _soft is never "lives"`},
		},
		{
			name:   "word in a set made from words",
			policy: "heal contains \"x\" if \"humans\" in {c.manager_class | some c in input.changes}\n",
			want:   []string{`is never "humans"`},
		},
		{
			name:   "weekday of lib.clock",
			policy: "import data.drift.lib\n\nheal contains \"x\" if lib.clock(\"UTC\").weekday == \"Fri\"\n",
			want:   []string{`policies/shop/shop.rego:5: lib.clock("UTC").weekday is never "Fri" [did you mean "Friday"?`},
		},
		{
			name:   "text as a condition: holds when it is empty",
			policy: "heal contains \"x\" if input.revision.signed_by\n",
			want:   []string{`policies/shop/shop.rego:3: input.revision.signed_by holds for every text, also an empty one [write input.revision.signed_by != ""]`},
		},
		{
			name:   "list as a condition: holds when it is empty",
			policy: "heal contains \"x\" if input.incomplete\n",
			want:   []string{`input.incomplete holds also when it is empty [write count(input.incomplete) > 0]`},
		},
		{
			name:   "number as a condition: holds for 0",
			policy: "heal contains \"x\" if input.history.healed_24h\n",
			want:   []string{"input.history.healed_24h holds for every number, also 0"},
		},
		{
			name:   "label as a condition",
			policy: "heal contains \"x\" if input.resource.labels.team\n",
			want:   []string{"input.resource.labels.team holds for every text"},
		},
		{
			name:   "free-form value as a condition: \"no\" would hold",
			policy: "heal contains \"x\" if input.live.spec.paused\n",
			want:   []string{"input.live.spec.paused may be something else than true or false", "write input.live.spec.paused == true"},
		},
		{
			name:   "helper set as a condition: holds when it is empty",
			policy: "heal contains \"x\" if _big\n\n_big contains c if some c in input.changes\n",
			want:   []string{"policies/shop/shop.rego:3: _big holds also when it is empty"},
		},
		{
			name:   "variable as a condition",
			policy: "heal contains \"x\" if {\n\tname := input.resource.name\n\tname\n}\n",
			want:   []string{"policies/shop/shop.rego:5: name holds for every text"},
		},
		{
			name:   "count as a condition: holds for 0",
			policy: "heal contains \"x\" if count(input.changes)\n",
			want:   []string{"policies/shop/shop.rego:3: count(input.changes) is not true or false"},
		},
		{
			name:   "not over a label",
			policy: "alert_only contains \"x\" if not input.resource.labels.team == \"core\"\n",
			want:   []string{`policies/shop/shop.rego:3: not over input.resource.labels.team, which can be missing [write object.get(input.resource.labels, "team", …) with a default]`},
		},
		{
			name:   "not over a call with a label",
			policy: "alert_only contains \"x\" if not startswith(input.resource.labels.team, \"core\")\n",
			want:   []string{"not over input.resource.labels.team, which can be missing"},
		},
		{
			name:   "not over a label alone",
			policy: "alert_only contains \"x\" if not input.resource.labels[\"team\"]\n",
			want:   []string{"not over input.resource.labels.team, which can be missing"},
		},
		{
			name:   "not over a free-form value",
			policy: "alert_only contains \"x\" if not input.live.spec.replicas > 3\n",
			want:   []string{`not over input.live.spec.replicas, which can be missing [write object.get(input.live, ["spec", "replicas"], …) with a default]`},
		},
		{
			name:   "not over a helper that may have no value",
			policy: "alert_only contains \"x\" if not _team == \"core\"\n\n_team := input.resource.labels.team\n",
			want:   []string{"policies/shop/shop.rego:3: not over _team, which can be missing [give it a value in every case"},
		},
		{
			name:   "not over a helper function that may have no value",
			policy: "alert_only contains \"x\" if not _team(input.resource) == \"core\"\n\n_team(r) := r.labels.team\n",
			want:   []string{"policies/shop/shop.rego:3: not over _team(input.resource), which can be missing"},
		},
		{
			name:   "not over an element of a list",
			policy: "alert_only contains \"x\" if not input.changes[0].op == \"add\"\n",
			want:   []string{"not over input.changes[0].op, which can be missing"},
		},
		{
			name:   "not over a text: never holds",
			policy: "alert_only contains \"x\" if not input.revision.signed_by\n",
			want:   []string{"policies/shop/shop.rego:3: not input.revision.signed_by never holds"},
		},
		{
			name:   "not over a count: never holds",
			policy: "alert_only contains \"x\" if not count(input.changes)\n",
			want:   []string{"policies/shop/shop.rego:3: count(input.changes) is not true or false"},
		},
		{
			name:   "reason of the wrong type",
			policy: "heal contains 3 if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: heal: 3 is a number, not a string"},
		},
		{
			name:   "reason with a misspelt key",
			policy: "heal contains {\"reason\": \"x\", \"severty\": \"info\"} if input.drift.cause == \"live\"\n",
			want:   []string{`policies/shop/shop.rego:3: heal: unknown key "severty", did you mean "severity"?`},
		},
		{
			name:   "unknown severity",
			policy: "heal contains {\"reason\": \"x\", \"severity\": \"high\"} if input.drift.cause == \"live\"\n",
			want:   []string{`heal: severity "high" is none of "info", "warning", "critical"`},
		},
		{
			name:   "pointer without a slash",
			policy: "ignore_fields contains \"spec.replicas\" if input.resource.kind == \"Deployment\"\n",
			want:   []string{`policies/shop/shop.rego:3: ignore_fields: "spec.replicas": a JSON pointer starts with / [write a JSON pointer`},
		},
		{
			name:   "rule of the library that does not exist",
			policy: "import data.drift.lib\n\nheal contains \"x\" if lib.only_undr([\"spec\"])\n",
			want:   []string{`policies/shop/shop.rego:5: there is no rule "only_undr" in package drift.lib [did you mean "only_under"?`},
		},
		{
			name:   "data that does not exist: the rule would never fire",
			policy: "heal contains \"x\" if data.teams.core == input.resource.namespace\n",
			want:   []string{"policies/shop/shop.rego:3: there is no data.teams"},
		},
		{
			name:   "package that does not exist",
			policy: "alert_only contains \"x\" if data.drift.platfrom.frozen\n",
			want:   []string{"there is no package drift.platfrom"},
		},
		{
			name:   "parameter that is not set",
			policy: "heal contains \"x\" if data.params.shop.limit > 3\n",
			want:   []string{"policies/shop/shop.rego:3: there is no parameter data.params.shop.limit [set it under data:"},
		},
		{
			name:   "fixture in a policy",
			policy: "heal contains \"x\" if data.drift.testing.modified({}).drift.cause == \"live\"\n",
			want:   []string{"is a fixture, for tests only"},
		},
		{
			name:   "test among the policies",
			policy: "test_heals if count(heal) == 0\n\nheal contains \"x\" if input.drift.cause == \"live\"\n",
			want:   []string{"policies/shop/shop.rego:3: test_heals is neither a verb nor used", "tests stand in package drift.shop_test"},
		},
		{
			name:   "schema annotation that would switch type checks off",
			policy: "# METADATA\n# schemas:\n#   - input: {type: object}\nheal contains \"x\" if input.nonsense == 1\n",
			want:   []string{"the input's schema is fixed"},
		},
		{
			name:   "a rule that depends on itself",
			policy: "heal contains \"x\" if count(heal) == 0\n",
			want:   []string{"policies/shop/shop.rego:3: rule data.drift.shop.heal is recursive"},
		},
		{
			name:   "several at once, in the order of lines",
			policy: "heals contains \"x\" if input.drift.cause == \"live\"\n\nheal contains \"x\" if input.drift.cause == \"alive\"\n\nprune if input.drift.type == \"extra\"\n",
			want: []string{
				"policies/shop/shop.rego:3: heals is neither", "policies/shop/shop.rego:5: input.drift.cause is never \"alive\"",
				"policies/shop/shop.rego:7: prune is written without contains",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(shop(test.policy), Options{})
			got := strings.Join(lines(err), "\n")
			rest := got
			for _, want := range test.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("want %q in:\n%s", want, got)
				}
				rest = after
			}
			if strings.Contains(got, "not joined") || strings.Contains(got, "not a policy problem") {
				t.Errorf("want joined problems: %s", got)
			}
		})
	}
}

// TestLoads: what authors write and mean must not be refused.
func TestLoads(t *testing.T) {
	tests := map[string]string{
		"a helper that is true or undefined, negated": "heal contains \"x\" if not _frozen\n\n_frozen if input.run.weekday == \"Friday\"\n",
		"a function that is true or undefined, negated": `heal contains "x" if not _ours(input.resource)

_ours(resource) if startswith(resource.namespace, "shop-")
`,
		"not over a complete value":                "heal contains \"x\" if not input.drift.type == \"extra\"\n",
		"not over a boolean":                       "heal contains \"x\" if not input.controls.suspend.active\n",
		"not over object.get":                      "heal contains \"x\" if not object.get(input.resource.labels, \"team\", \"\") == \"core\"\n",
		"not over the library":                     "import data.drift.lib\n\nheal contains \"x\" if not lib.label(\"team\") == \"core\"\n",
		"not over a helper with a default":         "heal contains \"x\" if not _team == \"core\"\n\ndefault _team := \"\"\n\n_team := input.resource.labels.team\n",
		"not over a variable bound before":         "heal contains \"x\" if {\n\tteam := input.resource.labels.team\n\tnot team == \"core\"\n}\n",
		"not over a comprehension":                 "heal contains \"x\" if not count([c | some c in input.changes; c.op == \"add\"]) > 0\n",
		"not in a set":                             "heal contains \"x\" if not input.resource.namespace in {\"a\", \"b\"}\n",
		"not over an element of some":              "heal contains \"x\" if {\n\tsome c in input.changes\n\tnot c.op == \"add\"\n}\n",
		"a bare boolean":                           "heal contains \"x\" if input.revision.signed\n",
		"membership by index":                      "heal contains \"x\" if _names[input.resource.name]\n\n_names := {\"a\", \"b\"}\n",
		"not over membership by index":             "heal contains \"x\" if not _names[input.resource.name]\n\n_names := {\"a\", \"b\"}\n",
		"a boolean parameter":                      "heal contains \"x\" if data.params.shop.allow\n",
		"parameters by key":                        "heal contains \"x\" if data.params.shop.limits[input.app.name] > 3\n",
		"walk":                                     "heal contains \"x\" if {\n\twalk(input.live, [path, value])\n\tpath[0] == \"spec\"\n\tvalue == 3\n}\n",
		"a string that is no vocabulary":           "heal contains \"x\" if input.resource.kind == \"Deploymnt\"\n",
		"a function called with words and strings": "heal contains \"x\" if _one(input.drift.cause)\n\nprune contains \"x\" if _one(input.app.name)\n\n_one(x) if x == \"anything\"\n",
		"a reason made from the input":             "heal contains sprintf(\"%s moved\", [input.resource.name]) if input.drift.cause == \"live\"\n",
		"an object as reason":                      "heal contains {\"reason\": \"x\", \"severity\": \"info\", \"ref\": \"RB-1\"} if input.drift.cause == \"live\"\n",
		"else":                                     "heal contains \"x\" if _level == 1\n\n_level := 1 if {\n\tinput.drift.cause == \"live\"\n} else := 2 if input.drift.cause == \"git\"\n",
		"brackets in strings and comments":         "# " + strings.Repeat("[", 99) + "\nheal contains \"" + strings.Repeat("\\\"{", 99) + "\" if input.app.name == `" + strings.Repeat("(", 99) + "`\n",
		"a template string":                        "heal contains $\"{input.resource.name} moved\" if input.drift.cause == \"live\"\n",
		"print":                                    "heal contains \"x\" if {\n\tprint(input.drift)\n\tinput.drift.cause == \"live\"\n}\n",
		"metadata":                                 "# METADATA\n# title: Put back\n# custom: {owner: shop}\nheal contains \"x\" if input.drift.cause == \"live\"\n",
	}
	for name, policy := range tests {
		t.Run(name, func(t *testing.T) {
			sources := shop(policy)
			sources[0].Data = map[string]any{"shop": map[string]any{"allow": true, "limits": map[string]any{"storefront": 2}}}
			mustLoad(t, sources)
		})
	}
}

// TestLoadPackages: a rule in a package that nobody asks would never fire.
func TestLoadPackages(t *testing.T) {
	const heal = "\n\nheal contains \"x\" if input.drift.cause == \"live\"\n"
	const good = "package drift.shop" + heal
	tests := []struct {
		name    string
		sources []Source
		want    []string
	}{
		{"a Git LFS pointer", []Source{folder(map[string]string{"a.rego": good, "b.rego": drift.LFSVersion + "\noid sha256:4d7a214614ab\nsize 12345\n"})},
			[]string{"policies/b.rego: reading policies: the file is a Git LFS pointer: its content is not in the repository [commit the file itself"}},
		{"another root", []Source{folder(map[string]string{"a.rego": "package policies.shop" + heal})},
			[]string{"policies/a.rego:1: package policies.shop is never asked [write package drift.<area>"}},
		{"misspelt root", []Source{folder(map[string]string{"a.rego": "package drft.shop" + heal})},
			[]string{`package drft.shop is never asked, did you mean "drift"?`}},
		{"the root itself", []Source{folder(map[string]string{"a.rego": "package drift" + heal})},
			[]string{"policies/a.rego:1: package drift belongs to the binary"}},
		{"below an area", []Source{folder(map[string]string{"a.rego": "package drift.shop.web" + heal})},
			[]string{"package drift.shop.web is never asked: it lies below an area"}},
		{"reserved lib", []Source{folder(map[string]string{"a.rego": "package drift.lib" + heal})},
			[]string{`the area "lib" is reserved`}},
		{"reserved testing", []Source{folder(map[string]string{"a.rego": "package drift.testing" + heal})},
			[]string{`the area "testing" is reserved`}},
		{"area with capitals", []Source{folder(map[string]string{"a.rego": "package drift.Shop" + heal})},
			[]string{`"Shop" is no name for an area`}},
		{"gates are not built", []Source{folder(map[string]string{"a.rego": "package gate.size\n\nhalt contains \"x\" if true\n"})},
			[]string{"policies/a.rego:1: package gate.size: plan-level gates are not supported yet"}},
		{"a veto in a file that runs leave out", []Source{folder(map[string]string{"a.rego": good, "b_test.rego": good})},
			[]string{"policies/shop/b_test.rego:1: a file named *_test.rego must hold a test package, not package drift.shop"}},
		{"a veto in a package that runs leave out", []Source{folder(map[string]string{"a.rego": good, "b.rego": "package drift.load_test" + heal})},
			[]string{"policies/load/b.rego:1: package drift.load_test is a test package, and runs leave it out"}},
		{"a file without a package", []Source{folder(map[string]string{"a.rego": "# nothing\n"})},
			[]string{"policies/a.rego"}},
		{"a syntax error in a test", []Source{folder(map[string]string{"a.rego": good, "a_test.rego": "package drift.shop_test\n\ntest_x if {\n"})},
			[]string{"policies/shop/a_test.rego:4"}},
		{"one package in two entries", []Source{folder(map[string]string{"a.rego": good}), {Path: "team/policies", FS: tree(map[string]string{"a.rego": good}), Dir: "repo/policies"}},
			[]string{`team/policies/shop/a.rego:1: package drift.shop stands in two policies entries: "policies" and "team/policies"`}},
		{"a pack twice", []Source{{Builtin: "baseline"}, {Builtin: "baseline"}},
			[]string{"package drift.baseline stands in two policies entries"}},
		{"a policy in a pack's package", []Source{{Builtin: "baseline"}, folder(map[string]string{"a.rego": "package drift.baseline" + heal})},
			[]string{"policies/baseline/a.rego:1: package drift.baseline stands in two"}},
		{"unknown pack", []Source{{Builtin: "basline"}},
			[]string{`there is no pack "basline", did you mean "baseline"? [packs: baseline]`}},
		{"the library is no pack", []Source{{Builtin: "lib"}}, []string{`there is no pack "lib"`}},
		{"missing folder: its vetoes would be lost", []Source{{Path: "polices", FS: tree(map[string]string{"a.rego": good}), Dir: "repo/polices"}},
			[]string{`polices: reading policies: there is no folder "polices"`}},
		{"folder without policies", []Source{folder(map[string]string{"README.md": "x"})},
			[]string{`policies: reading policies: no .rego file in "policies"`}},
		{"an area that is not listed", []Source{withAreas(folder(map[string]string{"a.rego": good}), map[string]Area{"payments": {All: true}})},
			[]string{"policies/shop/a.rego:1: package drift.shop is not listed under areas"}},
		{"an area of another entry that is not listed: it would speak for everything",
			[]Source{withAreas(folder(map[string]string{"a.rego": good}), map[string]Area{"shop": {All: true}}), {Path: "more", FS: tree(map[string]string{"b.rego": "package drift.more" + heal}), Dir: "repo/policies"}},
			[]string{"more/more/b.rego:1: package drift.more is not listed under areas"}},
		{"an area listed twice, differently",
			[]Source{withAreas(folder(map[string]string{"a.rego": good}), map[string]Area{"shop": {All: true}}), withAreas(Source{Builtin: "baseline"}, map[string]Area{"shop": {Namespaces: []string{"x"}}})},
			[]string{"builtin:baseline: areas: shop is listed twice, and differently"}},
		{"parameters that are no JSON",
			[]Source{{Path: "policies", FS: tree(map[string]string{"a.rego": good}), Dir: "repo/policies", Data: map[string]any{"shop": func() {}}}},
			[]string{`policies: reading data of area "shop"`}},
		{"an area that speaks for nothing", []Source{withAreas(folder(map[string]string{"a.rego": good}), map[string]Area{"shop": {}})},
			[]string{"areas: shop must speak for all, or for some namespaces"}},
		{"a broken pattern", []Source{withAreas(folder(map[string]string{"a.rego": good}), map[string]Area{"shop": {Namespaces: []string{"shop-["}}})},
			[]string{`areas: shop: "shop-[" is no namespace pattern`}},
		{"two syntax errors in two files", []Source{folder(map[string]string{"a.rego": "package drift.a\n\nheal contains\n", "b.rego": "package drift.b\n\nheal contains\n"})},
			[]string{"policies/a/a.rego:", "policies/b/b.rego:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(test.sources, Options{})
			got := strings.Join(lines(err), "\n")
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in:\n%s", want, got)
				}
			}
		})
	}
}

// TestLoadPlaces: who owns an area's folder decides what the area says, and nobody
// else does.
func TestLoadPlaces(t *testing.T) {
	const veto = "\n\nalert_only contains \"x\" if input.drift.cause == \"live\"\n"
	const test = "\n\ntest_x if true\n"
	policy := func(area string) string { return "package drift." + area + veto }
	tests := []struct {
		reason string
		files  map[string]string
		want   []string // of what is refused; none: it loads
	}{
		{"the folder of the package", map[string]string{"drift/pay/pay.rego": policy("pay")}, nil},
		{"the folder of the area alone", map[string]string{"pay/pay.rego": policy("pay")}, nil},
		{"below it", map[string]string{"drift/pay/a/b/pay.rego": policy("pay")}, nil},
		{"two areas, each in its way", map[string]string{"drift/pay/pay.rego": policy("pay"), "shop/shop.rego": policy("shop")}, nil},
		{"its tests beside it", map[string]string{"pay/pay.rego": policy("pay"), "pay/pay_test.rego": "package drift.pay_test" + test}, nil},
		{"a name that a folder's begins with", map[string]string{"drift/pay/pay.rego": policy("pay"), "drift/payments/x.rego": policy("payments")}, nil},
		{"what a person put aside is not read", map[string]string{
			"pay/pay.rego": policy("pay"), ".git-backup/pay/pay.rego": policy("shop"), "pay/.old/x.rego": "no Rego", "pay/.x.rego": "no Rego", ".x.rego.swp": "x",
		}, nil},
		{"other files", map[string]string{"pay/pay.rego": policy("pay"), "pay/README.md": "x", "pay/rego.txt": "x", "OWNERS": "x"}, nil},

		{"another team's folder", map[string]string{"drift/shop/x.rego": policy("platform"), "drift/pay/pay.rego": policy("pay")},
			[]string{"policies/drift/shop/x.rego:1: package drift.platform must stand in drift/platform/ below the entry's path [move the file, or name"}},
		{"another team's folder, without drift/", map[string]string{"shop/x.rego": policy("platform")},
			[]string{"policies/shop/x.rego:1: package drift.platform must stand in drift/platform/"}},
		{"a folder of the area's name in another's", map[string]string{"drift/shop/platform/x.rego": policy("platform")},
			[]string{"policies/drift/shop/platform/x.rego:1: package drift.platform must stand in"}},
		{"deeper than the entry's own folder", map[string]string{"teams/drift/pay/x.rego": policy("pay")},
			[]string{"policies/teams/drift/pay/x.rego:1: package drift.pay must stand in"}},
		{"no folder at all", map[string]string{"./x.rego": policy("platform")},
			[]string{"policies/x.rego:1: package drift.platform must stand in"}},
		{"drift/ itself", map[string]string{"drift/x.rego": policy("platform")},
			[]string{"policies/drift/x.rego:1: package drift.platform must stand in"}},
		{"a folder that differs in case, as on some disks", map[string]string{"drift/Pay/x.rego": policy("pay")},
			[]string{"policies/drift/Pay/x.rego:1: package drift.pay must stand in"}},
		{"another team's tests", map[string]string{"pay/pay.rego": policy("pay"), "shop/pay_test.rego": "package drift.pay_test" + test},
			[]string{"policies/shop/pay_test.rego:1: package drift.pay_test must stand in"}},
		{"two folders for one area", map[string]string{"drift/pay/a.rego": policy("pay"), "pay/b.rego": policy("pay")},
			[]string{"policies/pay/b.rego:1: area pay stands in two folders: policies/drift/pay/a.rego is in drift/pay/, this file in pay/"}},
		{"an area whose folder holds all others", map[string]string{"drift/pay/x.rego": policy("drift")},
			[]string{`policies/drift/pay/x.rego:1: package drift.drift: the area "drift" is reserved`}},
		{"an area named as a layer", map[string]string{"drift/gate/x.rego": policy("gate")},
			[]string{`the area "gate" is reserved`}},
		{"a path in a package", map[string]string{"drift/a/b/x.rego": "package drift[\"a/b\"]" + veto},
			[]string{`policies/drift/a/b/x.rego:1: package drift.a/b: "a/b" is no name for an area`}},
		{"a path out of a folder", map[string]string{"drift/a/x.rego": "package drift[\"../b\"]" + veto},
			[]string{`"../b" is no name for an area`}},

		{"capitals", map[string]string{"pay/pay.rego": policy("pay"), "pay/veto.REGO": policy("pay")},
			[]string{`policies/pay/veto.REGO: a policy is a file named *.rego, and "veto.REGO" would not be read`}},
		{"a second ending", map[string]string{"pay/pay.rego": policy("pay"), "pay/veto.rego.txt": policy("pay")},
			[]string{"policies/pay/veto.rego.txt: a policy is a file named *.rego"}},
		{"an editor's copy", map[string]string{"pay/pay.rego": policy("pay"), "pay/veto.rego~": policy("pay"), "pay/veto.rego.bak": policy("pay"), "veto.rego2": "x"},
			[]string{"policies/pay/veto.rego.bak: a policy", "policies/pay/veto.rego~: a policy", "policies/veto.rego2: a policy"}},
		{"a veto among tests", map[string]string{"pay/pay.rego": policy("pay"), "pay/pay_test.rego": "package drift.pay_test" + veto},
			[]string{"policies/pay/pay_test.rego:3: alert_only stands in a test package, and is never asked [move it into package drift.pay"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range test.files {
				fsys[path.Join("repo/policies", name)] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := Load([]Source{{Path: "policies", FS: fsys, Dir: "repo/policies"}}, Options{})
			got := lines(err)
			if len(got) != len(test.want) {
				t.Fatalf("want %d problems, got:\n%s", len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("want %q, got %q", want, got[i])
				}
			}
		})
	}
}

// TestLoadLinks: what a link leads to may belong to somebody else.
func TestLoadLinks(t *testing.T) {
	const veto = "package drift.pay\n\nalert_only contains \"x\" if input.drift.cause == \"live\"\n"
	tests := []struct {
		reason string
		link   string // its place; it leads to elsewhere/, or to the file in it
		target string
		want   string
	}{
		{"a file", "policies/drift/pay/more.rego", "../../../elsewhere/x.rego", `policies/drift/pay/more.rego: reading policies: "policies/drift/pay/more.rego" is a symbolic link`},
		{"a folder", "policies/drift/shop", "../../elsewhere", `policies/drift/shop: reading policies: "policies/drift/shop" is a symbolic link`},
		{"a near miss", "policies/more.REGO", "../elsewhere/x.rego", `"policies/more.REGO" is a symbolic link`},
		{"no policy", "policies/README.md", "../elsewhere/x.rego", ""},
		{"hidden", "policies/.old", "../elsewhere", ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"policies/drift/pay/pay.rego": veto, "elsewhere/x.rego": veto} {
				if err := os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(test.target, filepath.Join(dir, test.link)); err != nil {
				t.Fatal(err)
			}
			_, err := Load([]Source{{Path: "policies", FS: os.DirFS(dir), Dir: "policies"}}, Options{})
			if got := strings.Join(lines(err), "\n"); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "real/pay"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "policies")); err != nil {
		t.Fatal(err)
	}
	_, err := Load([]Source{{Path: "policies/pay", FS: os.DirFS(dir), Dir: "policies/pay"}}, Options{})
	if got := strings.Join(lines(err), "\n"); !strings.Contains(got, `policies/pay: reading policies: "policies" is a symbolic link`) {
		t.Errorf("the entry's own path: got %q", got)
	}
}

func withAreas(source Source, areas map[string]Area) Source {
	source.Areas = areas
	return source
}

// TestLoadFoldersOfOneName: two repositories may both have a folder "policies",
// and neither may hide the other's vetoes.
func TestLoadFoldersOfOneName(t *testing.T) {
	const veto = "\n\nalert_only contains \"no\" if input.drift.cause == \"live\"\n"
	engine := mustLoad(t, []Source{
		folder(map[string]string{"main.rego": "package drift.a" + veto}),
		folder(map[string]string{"main.rego": "package drift.b" + veto}),
	})
	var rules []string
	for _, reason := range engine.Evaluate(context.Background(), scaled()).Reasons[drift.VerbAlertOnly] {
		rules = append(rules, reason.Area+" "+reason.Rule)
	}
	want := []string{"a policies/a/main.rego:3", "b policies#2/b/main.rego:3"}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadBoundsSize(t *testing.T) {
	text := "package drift.shop\n\n# " + strings.Repeat("x", 1000) + "\nheal contains \"x\" if input.drift.cause == \"live\"\n"
	one := folder(map[string]string{"a.rego": text})
	other := folder(map[string]string{"b.rego": strings.ReplaceAll(text, "drift.shop", "drift.other")})
	other.Path = "more"
	if _, err := Load([]Source{one, other}, Options{MaxBytes: 3000}); err != nil {
		t.Errorf("below the bound: %v", err)
	}
	_, err := Load([]Source{one, other}, Options{MaxBytes: 2000})
	want := []string{"more: reading policies: more than 2000 bytes of Rego in all " +
		"[keep data out of policies; parameters go under data: of the policies entry]"}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("the bound counts all entries together (-want +got):\n%s", diff)
	}
	if got := (Options{}).withDefaults().MaxBytes; got != 5_000_000 {
		t.Errorf("default bound: %d", got)
	}
}

// TestLoadUnreadable: a file that cannot be read is an error, not a policy that
// is not there.
func TestLoadUnreadable(t *testing.T) {
	broken := brokenFS{tree(map[string]string{"a.rego": "package drift.a\n"})}
	_, err := Load([]Source{{Path: "policies", FS: broken, Dir: "repo/policies"}}, Options{})
	if got := strings.Join(lines(err), "\n"); !strings.Contains(got, "disk on fire") {
		t.Errorf("want the cause, got %q", got)
	}
}

type brokenFS struct{ fs.FS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".rego") {
		return nil, errors.New("disk on fire")
	}
	return b.FS.Open(name)
}
