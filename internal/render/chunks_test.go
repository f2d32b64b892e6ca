package render

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/releaseutil"
	apiyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// ends are ways in which a text stands at the end of a document.
var ends = map[string]string{
	"a block without a line break":       "k: |\n  last line",
	"a block with one":                   "k: |\n  last line\n",
	"a block with several":               "k: |\n  last line\n\n\n",
	"a block that keeps them":            "k: |+\n  last line\n\n\n",
	"a block that keeps none":            "k: |-\n  last line\n",
	"a folded block":                     "k: >\n  a\n  b\n",
	"a folded block that keeps them":     "k: >+\n  a\n  b\n\n",
	"blanks at the end of the line":      "k: |\n  last line  \t\n",
	"Windows' line ends":                 "k: |\r\n  a\r\n  b\r\n",
	"Windows' line ends, without a last": "k: |\r\n  a\r\n  b",
	"documents":                          "k: |\n  a\n---\nk: |\n  b\n---\nk: |+\n  c\n\n---   \nk: |\n  d",
	"documents with blanks between":      "k: |+\n  a\n  \n\n--- \n\n\nk: |\n  b\n\n",
	"a separator and a comment":          "k: |\n  a\n--- # next\nk: |\n  b\n",
	"a separator at the end":             "k: |\n  a\n---\n",
	"dashes inside a block":              "k: |\n  a\n  ---\n  b\n",
	"plain text":                         "k: a",
	"text in quotes":                     "k: \"a\\n\"",
	"blanks before everything":           "\n\n  \nk: |\n  a\n",
	"a comment behind the text":          "k: |\n  a\n# c",
}

// kubectlReads is what kubectl's reader makes of a stream.
func kubectlReads(t *testing.T, stream string) []any {
	t.Helper()
	reader := apiyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(stream)))
	var read []any
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return read
		}
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Unmarshal(document, &v); err != nil {
			t.Fatal(err)
		}
		if v != nil {
			read = append(read, v)
		}
	}
}

func trees(values []value) []any {
	var all []any
	for _, v := range values {
		all = append(all, v.tree)
	}
	return all
}

// The texts of a template end as Helm writes them into a release, which kubectl's reader
// reads then.
func TestTextsEndAsHelmsDo(t *testing.T) {
	for name, text := range ends {
		t.Run(name, func(t *testing.T) {
			split := releaseutil.SplitManifests(text)
			var order []string
			for key := range split {
				order = append(order, key)
			}
			slices.SortFunc(order, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
			var stream strings.Builder
			for _, key := range order {
				fmt.Fprintf(&stream, "---\n# Source: %s\n%s\n", "shop/templates/a.yaml", split[key])
			}
			got, err := decodeRendered("a.yaml", []byte(text), testGrammar)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kubectlReads(t, stream.String()), trees(got)); diff != "" {
				t.Errorf("-helm +got:\n%s", diff)
			}
		})
	}
}

func TestTextsEndAsKubectlReadsThem(t *testing.T) {
	for name, text := range ends {
		t.Run(name, func(t *testing.T) {
			got, err := decode("a.yaml", []byte(text), testGrammar)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kubectlReads(t, text), trees(got)); diff != "" {
				t.Errorf("-kubectl +got:\n%s", diff)
			}
		})
	}
}

// Lines in what a template made are counted, whatever blanks are cut off.
func TestSplitRendered(t *testing.T) {
	type document struct {
		Text string
		Line int
	}
	for name, test := range map[string]struct {
		text string
		want []document
	}{
		"text behind the dashes":         {"a: 1\n---b: 2\n", []document{{"a: 1\n", 1}, {"b: 2\n", 2}}},
		"blank lines on both sides":      {"\na: 1\n\n \n---\n\nb: 2\n\n", []document{{"\na: 1\n", 2}, {"b: 2\n", 7}}},
		"the first line's indentation":   {"  a: 1\n  b: 2\n---\n  c: 3\n  d: 4\n", []document{{"  a: 1\n  b: 2\n", 1}, {"  c: 3\n  d: 4\n", 4}}},
		"comments alone are no document": {"# a\n---\n# b\n---\na: 1", []document{{"a: 1\n", 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []document
			for _, c := range splitRendered([]byte(test.text)) {
				got = append(got, document{string(c.text), c.start})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Value files are Helm's: a last line without a line break stays so.
func TestTextsOfValueFilesEndAsTheyDo(t *testing.T) {
	rendered := mustRender(t, chartTree("app/v.yaml", "k: |\n  last line", "app/templates/a.yaml", configMap("a")+"data: {k: {{ .Values.k | quote }}}"), valued)
	if diff := cmp.Diff(map[string]any{"k": "last line"}, rendered.Objects[0].Manifest["data"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
