package policy

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A builtin is one step and cannot be interrupted, so what it may be given is
// bounded before it is called: all of it together, what would come of it, and how
// much work it would be. What cannot be told from the arguments is removed
// (purity.go). Nothing in OPA can replace a builtin for one evaluation alone, so the
// bounds hold in the whole process; only this package evaluates Rego.
func init() { //nolint:gochecknoinits // before any policy can be evaluated
	for _, b := range capabilities().Builtins {
		call := topdown.GetBuiltin(b.Name)
		if call == nil {
			continue // the evaluator's own, such as :=
		}
		ast.BuiltinMap[b.Name].CanSkipBctx = false // or the meter is not handed on
		topdown.RegisterBuiltinFunc(b.Name, bounded(b.Name, call))
	}
}

const (
	// maxDigits bounds a number's, written out: 1e9999 has ten thousand.
	maxDigits = 4096
	// maxText bounds patterns, layouts and what else people write by hand.
	maxText = 4096
	// maxProgram bounds what patterns compile to: repetitions make up to a thousand
	// copies of what they repeat.
	maxProgram = 1 << 16
	// callWeight is the weight per step that a call may be given, or, roughly in bytes
	// that are looked at, may work through; resultWeight is the one that it may give:
	// what it gives takes memory.
	callWeight, resultWeight = 256, 64
	// maxCall bounds the steps that one call counts as. It is below what there is, so
	// that a call which is too much is refused, an error of one decision, and does not
	// use up the steps, which silences the area.
	maxCall = maxSteps / 2
)

// boundError refuses a call for its arguments.
type boundError struct{ what string }

func (e *boundError) Error() string { return e.what }

// bounded calls a builtin with what it can bear.
func bounded(name string, call topdown.BuiltinFunc) topdown.BuiltinFunc {
	bound := bounds[name]
	return func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		m, metered := bctx.Cancel.(*meter)
		if !metered {
			m = newMeter(maxSteps) // policy test: its runner has a flag of its own
		}
		given := 0
		for _, arg := range args {
			given += m.weigh(arg)
			if number, ok := arg.Value.(ast.Number); ok && digits(string(number)) > maxDigits {
				return &boundError{fmt.Sprintf("a number of more than %d digits", maxDigits)}
			}
		}
		cost := cost{}
		if bound != nil {
			cost = bound(arguments{args, m})
		}
		steps := given/callWeight + cost.work/callWeight + cost.result/resultWeight
		switch {
		case cost.refusal != "":
			return &boundError{cost.refusal}
		case given > maxWeight:
			return &boundError{fmt.Sprintf("is given more than %d MiB", maxWeight>>20)}
		case cost.result > maxWeight:
			return &boundError{fmt.Sprintf("would make more than %d MiB", maxWeight>>20)}
		case steps > maxCall:
			return &boundError{"would take too much work"}
		}
		m.charge(steps)
		if m.Cancelled() {
			return topdown.Halt{Err: &topdown.Error{Code: topdown.CancelErr, Message: "canceled", Location: bctx.Location}}
		}
		return call(bctx, args, iter)
	}
}

// cost is what a call would come to, at most.
type cost struct {
	result  int // weight
	work    int
	refusal string
}

// arguments are those of one call. A missing or wrong one is empty: the builtin
// itself refuses it.
type arguments struct {
	terms []*ast.Term
	meter *meter
}

func (a arguments) text(i int) string {
	if i >= len(a.terms) {
		return ""
	}
	text, _ := a.terms[i].Value.(ast.String)
	return string(text)
}

func (a arguments) weight(i int) int {
	if i >= len(a.terms) {
		return 0
	}
	return a.meter.weigh(a.terms[i])
}

func (a arguments) count(i int) int {
	if i < len(a.terms) {
		if value, ok := a.terms[i].Value.(interface{ Len() int }); ok {
			return value.Len()
		}
	}
	return 0
}

func (a arguments) number(i int) (int, bool) {
	if i < len(a.terms) {
		if number, ok := a.terms[i].Value.(ast.Number); ok {
			return number.Int()
		}
	}
	return 0, false
}

// bounds are what calls cost, where that is more than what they are given: by name,
// from the arguments as OPA's documentation orders them.
var bounds = map[string]func(arguments) cost{
	"sprintf":                          func(a arguments) cost { return formatCost(a.text(0), a.weight(1)) },
	"concat":                           func(a arguments) cost { return cost{result: len(a.text(0))*a.count(1) + a.weight(1)} },
	"split":                            func(a arguments) cost { return splitCost(a.text(0), a.text(1)) },
	"strings.split_n":                  func(a arguments) cost { return splitCost(a.text(0), a.text(1)) },
	"replace":                          replaceCost,
	"strings.replace_n":                replaceNCost,
	"regex.match":                      func(a arguments) cost { return regexCost(a.text(0), len(a.text(1))) },
	"regex.is_valid":                   func(a arguments) cost { return regexCost(a.text(0), 0) },
	"regex.split":                      func(a arguments) cost { return regexSplitCost(a.text(0), len(a.text(1))) },
	"regex.find_n":                     func(a arguments) cost { return findCost(a.text(0), len(a.text(1))) },
	"regex.replace":                    regexReplaceCost,
	"numbers.range":                    rangeCost,
	"numbers.range_step":               rangeCost,
	"bits.lsh":                         shiftCost,
	"indexof":                          func(a arguments) cost { return cost{work: len(a.text(0)) * len(a.text(1))} },
	"indexof_n":                        func(a arguments) cost { return cost{work: len(a.text(0)) * len(a.text(1)), result: 8 * len(a.text(0))} },
	"trim":                             trimCost,
	"trim_left":                        trimCost,
	"trim_right":                       trimCost,
	"glob.match":                       globCost,
	"yaml.unmarshal":                   yamlCost,
	"yaml.is_valid":                    yamlCost,
	"yaml.marshal":                     func(a arguments) cost { return cost{work: 64 * a.weight(0)} },
	"json.patch":                       pathsCost,
	"json.filter":                      pathsCost,
	"json.remove":                      pathsCost,
	"object.subset":                    func(a arguments) cost { return cost{work: a.count(0) * a.weight(1)} },
	"and":                              setCost,
	"or":                               setCost,
	"minus":                            setCost,
	"units.parse":                      wordCost,
	"units.parse_bytes":                wordCost,
	"semver.compare":                   wordCost,
	"semver.is_valid":                  wordCost,
	"uuid.parse":                       wordCost,
	"to_number":                        wordCost,
	"time.parse_ns":                    wordCost,
	"time.format":                      wordCost,
	"time.parse_duration_ns":           wordCost,
	"time.parse_rfc3339_ns":            wordCost,
	"regex.find_all_string_submatch_n": func(a arguments) cost { return findCost(a.text(0), len(a.text(1))) },
	"strings.any_prefix_match":         func(a arguments) cost { return cost{work: a.weight(0) * max(1, a.count(1))} },
	"strings.any_suffix_match":         func(a arguments) cost { return cost{work: a.weight(0) * max(1, a.count(1))} },
}

// formatCost: each verb may write its width, or the largest argument, at any index.
func formatCost(format string, arguments int) cost {
	if strings.Contains(format, "*") && widthFromArgument.MatchString(format) {
		return cost{refusal: "a width that stands in an argument: write it into the format"}
	}
	result := len(format)
	for _, verb := range formatVerb.FindAllString(format, -1) {
		result += arguments
		width := 0
		for _, c := range verb + "." {
			if c >= '0' && c <= '9' {
				width = min(10*width+int(c-'0'), maxWeight)
				continue
			}
			result, width = result+width, 0
		}
	}
	return cost{result: result}
}

var (
	formatVerb        = regexp.MustCompile(`%[-+# 0-9.\[\]]*`)
	widthFromArgument = regexp.MustCompile(`%[-+# 0-9.\[\]]*\*`)
)

func splitCost(text, delimiter string) cost {
	return cost{result: len(text) + 24*(strings.Count(text, delimiter)+1)}
}

func replaceCost(a arguments) cost {
	text, with := a.text(0), a.text(2)
	if len(a.text(1)) > maxText {
		return longSearch // Go's strings.Replacer takes its square
	}
	return cost{result: len(text) + strings.Count(text, a.text(1))*len(with)}
}

var longSearch = cost{refusal: fmt.Sprintf("a text of more than %d letters to look for", maxText)}

func replaceNCost(a arguments) cost {
	most, long := 1, false
	if object, ok := a.terms[0].Value.(ast.Object); ok {
		object.Foreach(func(search, with *ast.Term) {
			text, _ := search.Value.(ast.String)
			long = long || len(text) > maxText
			text, _ = with.Value.(ast.String)
			most = max(most, len(text))
		})
	}
	if long {
		return longSearch
	}
	return cost{result: (len(a.text(1)) + 1) * most}
}

// regexCost: matching takes the text times the program.
func regexCost(pattern string, text int) cost {
	if len(pattern) > maxText {
		return cost{refusal: fmt.Sprintf("a pattern of more than %d letters", maxText)}
	}
	program := max(1, len(pattern)) // the builtin refuses what does not parse
	if parsed, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		program = instructions(parsed)
	}
	if program > maxProgram {
		return cost{refusal: fmt.Sprintf("a pattern of more than %d instructions once its repetitions are written out", maxProgram)}
	}
	return cost{work: (text + 1) * program}
}

// instructions is about how many an expression compiles to, and never none. It is
// counted and not compiled, since to compile 4,096 letters can take seconds and 600 MiB.
func instructions(re *syntax.Regexp) int {
	parts := 0
	for _, sub := range re.Sub {
		parts += instructions(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpConcat:
		return max(1, parts)
	case syntax.OpAlternate:
		return parts + len(re.Sub) - 1
	case syntax.OpRepeat: // x{2,4} is xx(x(x)?)?, and x{2,} is xx+
		return 2 + max(re.Min, 1)*parts + max(re.Max-re.Min, 0)*(parts+1)
	case syntax.OpCapture, syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return parts + 2
	}
	return 1
}

func findCost(pattern string, text int) cost {
	c := regexCost(pattern, text)
	c.result = (text + 1) * (strings.Count(pattern, "(") + 1) * 16
	return c
}

// regexSplitCost: what matches nothing splits between all letters.
func regexSplitCost(pattern string, text int) cost {
	c := regexCost(pattern, text)
	c.result = 24 * (text + 1)
	return c
}

func regexReplaceCost(a arguments) cost {
	text, with := len(a.text(0)), a.text(2)
	c := regexCost(a.text(1), text)
	c.result = text + (text+1)*len(with) + strings.Count(with, "$")*text
	return c
}

func rangeCost(a arguments) cost {
	from, ok1 := a.number(0)
	to, ok2 := a.number(1)
	if !ok1 || !ok2 {
		return cost{refusal: "a range from or to something else than a whole number"}
	}
	step := 1
	if len(a.terms) > 2 {
		if given, ok := a.number(2); ok {
			step = max(1, given)
		}
	}
	length := float64(to) - float64(from)
	return cost{result: int(min(max(length, -length)/float64(step)*16, 2*maxWeight))}
}

func shiftCost(a arguments) cost {
	if by, ok := a.number(1); !ok || by > 4*maxDigits {
		return cost{refusal: fmt.Sprintf("a shift by more than %d bits", 4*maxDigits)}
	}
	return cost{}
}

func trimCost(a arguments) cost { return cost{work: len(a.text(0)) * len(a.text(1))} }

func wordCost(a arguments) cost {
	for i := range a.terms {
		if len(a.text(i)) > maxText {
			return cost{refusal: fmt.Sprintf("a text of more than %d letters", maxText)}
		}
		if exponents.MatchString(a.text(i)) {
			return cost{refusal: "a number with a large exponent"}
		}
	}
	return cost{}
}

var exponents = regexp.MustCompile(`[eE][-+]?[0-9]{4}`)

// globCost: matching tries alternatives and stars in turn.
func globCost(a arguments) cost {
	pattern := a.text(0)
	if len(pattern) > 256 || strings.Count(pattern, "{") > 4 || strings.Count(pattern, "*") > 8 {
		return cost{refusal: "a glob of more than 256 letters, 4 alternatives or 8 stars: use regex.match"}
	}
	return cost{work: len(pattern) * len(a.text(2)) * 64}
}

// yamlCost: an alias stands for a copy of what it names, and a few levels of them for
// millions.
func yamlCost(a arguments) cost {
	text := a.text(0)
	if len(yamlAlias.FindAllStringIndex(text, 11)) > 10 {
		return cost{refusal: "YAML with more than 10 aliases"}
	}
	return cost{work: 64 * len(text)}
}

var yamlAlias = regexp.MustCompile(`(^|[\s\[{,:?-])\*[^\s*]`)

// setCost: composites that add up to the same hash are looked for one by one.
func setCost(a arguments) cost {
	for i := range a.terms {
		if set, ok := a.terms[i].Value.(ast.Set); ok && set.Len() > 0 && isComposite(set.Slice()[0].Value) {
			return cost{work: 8 * a.count(0) * max(a.count(1), 1)}
		}
	}
	return cost{}
}

func pathsCost(a arguments) cost { return cost{work: a.weight(0) / partWeight * (a.count(1) + 1)} }
