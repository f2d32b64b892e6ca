//go:build unix

package policy

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp/syntax"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// callBuiltins makes the test binary a child that calls builtins: one that does not
// come back, or fills the memory, must not take the tests with it.
const callBuiltins = "TEST_BINARY_CALLS_BUILTINS"

// What one call may take. CPU time is the child's own, so that a busy machine makes no
// difference; both are far above what the bounds allow, and far below what harms.
const (
	mayAllocate = 512 << 20
	mayCompute  = 10 * time.Second
	addressable = 6 << 30 // of the child
)

// TestBuiltins calls every builtin that policies have with hostile arguments: each
// comes back soon and takes little memory, by what it does or by its bounds.
func TestBuiltins(t *testing.T) {
	if os.Getenv(callBuiltins) != "" {
		callAllBuiltins()
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // of a child that hangs
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBuiltins$", "-test.timeout=0")
	child.Env = append(os.Environ(), callBuiltins+"=1", "GOGC=50")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	called, last := 0, ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch kind, rest, _ := strings.Cut(lines.Text(), ": "); kind {
		case "call":
			called, last = called+1, rest
		case "wrong":
			t.Error(rest)
		}
	}
	if lines.Err() != nil {
		cancel() // nobody reads what it says any more
	}
	if err := cmp.Or(lines.Err(), child.Wait()); err != nil {
		t.Fatalf("%s: %v", last, err)
	}
	if called < 1000 {
		t.Errorf("only %d calls", called)
	}
}

func callAllBuiltins() {
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: addressable, Max: addressable})
	for _, b := range capabilities().Builtins {
		call := topdown.GetBuiltin(b.Name)
		if call == nil {
			continue
		}
		for _, args := range hostileCalls(b) {
			name := fmt.Sprintf("%s(%s)", b.Name, shortened(args))
			fmt.Println("call:", name)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := cpuTime()
			_ = call(topdown.BuiltinContext{Context: context.Background(), Cancel: newMeter(maxSteps)}, args, func(*ast.Term) error { return nil })
			took := cpuTime() - began
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > mayAllocate || took > mayCompute {
				fmt.Printf("wrong: %s takes %s of CPU time and %d MiB\n", name, took, allocated>>20)
			}
		}
	}
	os.Exit(0)
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func shortened(args []*ast.Term) string {
	var all []string
	for _, arg := range args {
		text := fmt.Sprintf("%T", arg.Value)
		switch value := arg.Value.(type) {
		case ast.String:
			text = fmt.Sprintf("%.20q of %d", string(value), len(value))
		case ast.Number:
			text = fmt.Sprintf("%.20s of %d", value.String(), len(value.String()))
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// hostileCalls are argument lists of a builtin: all combinations of up to two
// arguments, and for more each value beside each other value.
func hostileCalls(b *ast.Builtin) [][]*ast.Term {
	arity := b.Decl.Arity()
	if b.Decl.Result() == nil {
		arity = max(arity, 1)
	}
	values := make([][]*ast.Term, arity)
	most := 0
	for i := range values {
		declared := types.A
		if i < b.Decl.Arity() {
			declared = b.Decl.FuncArgs().Args[i]
		}
		values[i] = hostileValues(declared)
		most = max(most, len(values[i]))
	}
	var calls [][]*ast.Term
	others := min(most, 7)
	if arity == 1 {
		others = 1
	}
	for first := range most {
		for second := range others {
			args := make([]*ast.Term, arity)
			for i, of := range values {
				args[i] = of[(first+i*second)%len(of)]
			}
			calls = append(calls, args)
		}
	}
	return calls
}

func hostileValues(declared types.Type) []*ast.Term {
	var all []*ast.Term
	for _, value := range hostile() {
		if types.Contains(declared, typeOf(value)) {
			all = append(all, value)
		}
	}
	if len(all) == 0 {
		all = append(all, ast.NullTerm())
	}
	return all
}

func typeOf(term *ast.Term) types.Type {
	switch term.Value.(type) {
	case ast.String:
		return types.S
	case ast.Number:
		return types.N
	case ast.Boolean:
		return types.B
	case *ast.Array:
		return types.NewArray(nil, types.A)
	case ast.Object:
		return types.NewObject(nil, types.NewDynamicProperty(types.A, types.A))
	case ast.Set:
		return types.NewSet(types.A)
	}
	return types.NewNull()
}

var hostile = once(func() []*ast.Term {
	long := strings.Repeat("a", 1<<20)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", 'b'+i, 'b'+i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", 'a'+i), 9), ","))
	}
	var terms []*ast.Term
	for _, text := range []string{
		"", "a", long, long + "b", strings.Repeat("(a|aa)*", 100) + "b", "(.{1,100}){10}b", strings.Repeat("(", 500) + strings.Repeat(")", 500),
		strings.Repeat("%999999d", 100), strings.Repeat("%[1]s", 1000), "%*d", "%.999999999f", strings.Repeat("{a,b}", 20), strings.Repeat("*a", 30),
		"1e1000000000", "1e999999999Mi", bomb, strings.Repeat("[", 100_000), `{"a":1e1000000000}`, strings.Repeat("$0", 1000),
	} {
		terms = append(terms, ast.StringTerm(text))
	}
	for _, number := range []ast.Number{"0", "-1", "2", "100000000000", "1e1000000000", "-1e1000000000", "1e-1000000000", ast.Number(strings.Repeat("9", 100_000)), "1000000000000000000000"} {
		terms = append(terms, ast.NewTerm(number))
	}
	numbers, texts, pairs := make([]*ast.Term, 20_000), make([]*ast.Term, 200), make([]*ast.Term, 1000)
	for i := range numbers {
		numbers[i] = ast.IntNumberTerm(i)
	}
	for i := range texts {
		texts[i] = ast.StringTerm(long[:8000])
	}
	for i := range pairs {
		pairs[i] = ast.ArrayTerm(ast.IntNumberTerm(i), ast.IntNumberTerm(len(pairs)-i)) // one hash for all
	}
	deep := ast.StringTerm("x")
	for range 40 {
		deep = ast.ArrayTerm(deep, deep) // 2^40 parts
	}
	graph := ast.NewObject()
	for i := range 60 {
		var next []*ast.Term
		for j := i + 1; j < 60; j++ {
			next = append(next, ast.StringTerm(fmt.Sprint(j)))
		}
		graph.Insert(ast.StringTerm(fmt.Sprint(i)), ast.ArrayTerm(next...))
	}
	large := ast.NewObject()
	for i := range 2000 {
		large.Insert(ast.StringTerm(fmt.Sprint(i)), ast.StringTerm(long[:100]))
	}
	patches := make([]*ast.Term, 5000)
	for i := range patches {
		patches[i] = ast.ObjectTerm(ast.Item(ast.StringTerm("op"), ast.StringTerm("add")),
			ast.Item(ast.StringTerm("path"), ast.StringTerm("/0")), ast.Item(ast.StringTerm("value"), ast.StringTerm("x")))
	}
	return append(terms, ast.NewTerm(ast.NewArray(numbers...)), ast.NewTerm(ast.NewArray(texts...)), ast.NewTerm(ast.NewArray(patches...)), deep,
		ast.ArrayTerm(ast.NewTerm(ast.Number("1e1000000000")), ast.NewTerm(ast.Number("1"))), ast.ArrayTerm(),
		ast.NewTerm(ast.NewSet(numbers[:2000]...)), ast.NewTerm(ast.NewSet(pairs...)), ast.SetTerm(ast.StringTerm("0"), deep),
		ast.NewTerm(graph), ast.NewTerm(large), ast.ObjectTerm(), ast.BooleanTerm(true))
})

// once makes a value once.
func once[T any](of func() T) func() T {
	var value T
	made := false
	return func() T {
		if !made {
			value, made = of(), true
		}
		return value
	}
}

// TestBoundedCalls: what is refused is an error of the decision with a hint, at its
// line; what people write is not refused.
func TestBoundedCalls(t *testing.T) {
	tests := []struct{ reason, call, want string }{
		{"a shift into the gigabytes", "bits.lsh(1, 100000000000) > 3", "bits.lsh: a shift by more than 16384 bits"},
		{"a wide verb", `sprintf("%999999999d", [1]) != ""`, "sprintf: would make more than 8 MiB"},
		{"many wide verbs", `sprintf(concat("", [x | some _ in numbers.range(1, 100); x := "%999999d"]), [1]) != ""`, "sprintf: would make more than 8 MiB"},
		{"a width from an argument", `sprintf("%*d", [999999, 1]) != ""`, "sprintf: a width that stands in an argument"},
		{"one argument often", `sprintf(concat("", [x | some _ in numbers.range(1, 1000); x := "%[1]s"]), [sprintf("%99999d", [1])]) != ""`, "sprintf: would make more than 8 MiB"},
		{"a range without end", "count(numbers.range(1, 1000000000000)) > 3", "numbers.range: would make more than 8 MiB"},
		{"a number of a billion digits", "1e5000 + 1 > 3", "plus: a number of more than 4096 digits"},
		{"YAML whose aliases multiply", "yaml.unmarshal(concat(\"\", [x | some _ in numbers.range(1, 20); x := \"- *a\\n\"])) != 3", "yaml.unmarshal: YAML with more than 10 aliases"},
		{"a long pattern", `regex.match(sprintf("%5000d", [1]), "a")`, "regex.match: a pattern of more than 4096 letters"},
		{"a pattern that is long once it is compiled", `regex.match(sprintf("(%070d){1000}", [1]), "a")`, "regex.match: a pattern of more than 65536 instructions"},
		{"a pattern and a text that are too much together", `regex.match("([a-z]{1,99}[0-9]){9}", sprintf("%9999d", [1]))`, "regex.match: would take too much work"},
		{"a search in a long text for one", `indexof(sprintf("%99999d", [1]), sprintf("%400d", [2])) > 3`, "indexof: would take too much work"},
		{"a split into letters", `count(regex.split("", sprintf("%500000d", [1]))) > 3`, "regex.split: would make more than 8 MiB"},
		{"a result that takes more than the steps there are", "count(numbers.range(1, 450000)) > 3", "numbers.range: would take too much work"},

		{"formats that people write", `sprintf("%s has %d of %5.2f %v %q %% [%-10s]", ["a", 1, 1.5, {"a": [1]}, "x", "y"]) != ""`, ""},
		{"shifts that people write", "bits.lsh(1, 30) > 3", ""},
		{"globs that people write", `glob.match("*-{a,b}.*", ["."], "x-a.y")`, ""},
		{"patterns that people write", "regex.match(`^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63}){0,4}$`, \"a.example.com\")", ""},
		{"image names, in a loop", "count([1 | some _ in numbers.range(1, 100); regex.match(`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+:[0-9]+\\.[0-9]+$`, \"registry-eu/storefront:12.3\")]) == 100", ""},
		{"an annotation of 600 letters", "not regex.match(`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+:[0-9]+\\.[0-9]+$`, sprintf(\"%0600d\", [1]))", ""},
		{"splits that people write", `count(regex.split(", *", "a, b,c")) == 3`, ""},
		{"quantities", `units.parse_bytes("1.5Gi") > units.parse("500m")`, ""},
		{"replacements", `replace("a-b-c", "-", ".") == "a.b.c"`, ""},
		{"numbers", "to_number(\"12\") * 1e9 > 1.5e10 - 1e308", ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			verdict := mustLoad(t, shop("heal contains \"x\" if "+test.call+"\n")).Evaluate(context.Background(), scaled())
			if test.want == "" {
				if verdict.Err != nil || !verdict.Has("heal") {
					t.Errorf("got %v, %v", verdict.Err, verdict.Reasons)
				}
				return
			}
			var bound *boundError
			if !errors.As(verdict.Err, &bound) && verdict.Err == nil || !strings.Contains(fmt.Sprint(verdict.Err), "policies/shop/shop.rego:3: evaluating policies: "+test.want) {
				t.Errorf("want %q, got %v", test.want, verdict.Err)
			}
		})
	}
}

// TestInstructions: what a pattern is counted as is what it compiles to, or a little
// more.
func TestInstructions(t *testing.T) {
	for _, pattern := range []string{
		"", "a", "abc", ".*", "^$", "a|b", "abc|abd|x", "(a|bc)?d+", "[a-z0-9]+", `\pL+`, "(?i)name", "(?:)*", "(?:a*)*",
		`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+:[0-9]+\.[0-9]+$`, `^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,4}$`,
		"a{0}", "a{3}", "a{3,}", "a{0,}", "a{0,1}", "(ab){2,5}", "(.{1,100}){10}b", "((a{5}b){5}c){5,}", "(?:a{0,9}){0,9}", strings.Repeat("(a|aa)*", 100),
	} {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		got := instructions(parsed)
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		const around = 2 // the program fails first and matches last
		if want := len(program.Inst) - around; got < want || got > 2*want+4 {
			t.Errorf("%q: counted %d, compiled %d", pattern, got, want)
		}
	}
}

// TestRemovedSaysWhy: a builtin that policies do not have is named, with what to write
// instead.
func TestRemovedSaysWhy(t *testing.T) {
	for call, hint := range map[string]string{
		`count(graph.reachable_paths({}, ["a"])) > 3`: "use graph.reachable",
		`strings.render_template("{{.x}}", {}) != ""`: "use sprintf",
		`regex.globs_match("a.*", "b.*")`:             "compare with regex.match",
		`io.jwt.decode("x")[0].alg != ""`:             "put the fact under data:",
		`graphql.is_valid("a", "b")`:                  "put the fact under data:",
	} {
		_, err := Load(shop("heal contains \"x\" if "+call+"\n"), Options{})
		name, _, _ := strings.Cut(strings.TrimPrefix(call, "count("), "(")
		got := lines(err)
		if !slices.ContainsFunc(got, func(line string) bool {
			return strings.Contains(line, `policies/shop/shop.rego:3: undefined function "`+name) && strings.Contains(line, hint)
		}) {
			t.Errorf("%s: got %q", call, got)
		}
	}
}
