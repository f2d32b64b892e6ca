package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv2 "go.yaml.in/yaml/v2"
	kjson "sigs.k8s.io/json"

	"github.com/killick-dev/killick/internal/drift"
)

// value is one decoded document: any JSON value, and where it starts.
type value struct {
	tree any
	line int
}

// decode reads a stream of documents as kubectl does: YAML 1.1 through
// go-yaml v2 and sigs.k8s.io/yaml's conversion to JSON, or JSON for files with
// that name. Unlike kubectl it refuses duplicate keys, keys that clash after
// conversion, and anything that does not stay within the limits. Empty documents
// are left out.
func decode(file string, data []byte, g grammar) ([]value, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, problem(drift.Origin{File: file}, "save the file as UTF-8", "reading YAML: the file is not UTF-8 text")
	}
	if strings.HasSuffix(strings.ToLower(file), ".json") {
		return decodeJSON(file, data, g)
	}
	return decodeChunks(file, split(data), g)
}

// decodeRendered reads what a template made, cut as Helm cuts it.
func decodeRendered(name string, data []byte, g grammar) ([]value, error) {
	if !utf8.Valid(data) {
		return nil, problem(drift.Origin{File: name}, "save the file as UTF-8", "reading YAML: the text is not UTF-8")
	}
	return decodeChunks(name, splitRendered(data), g)
}

func decodeChunks(file string, chunks []chunk, g grammar) ([]value, error) {
	var values []value
	for _, chunk := range chunks {
		if len(chunk.text) > g.limits.DocumentBytes {
			return nil, problem(drift.Origin{File: file, Line: chunk.start}, "split the document: the API server refuses larger requests",
				"reading YAML: the document is larger than %s", size(int64(g.limits.DocumentBytes)))
		}
		if directive := chunk.onlyDirectives(); directive != "" {
			if directive == "%YAML" {
				continue
			}
			return nil, problem(drift.Origin{File: file, Line: chunk.start}, "", "reading YAML: the directive %s is not supported", directive)
		}
		if !g.endsAsItIs {
			chunk.text = ended(chunk.text)
		}
		found, err := decodeChunk(file, chunk, g)
		if err != nil {
			return nil, err
		}
		values = append(values, found...)
	}
	return values, nil
}

// decodeChunk reads one chunk to its end: the parser would otherwise stop after
// the first document that "..." ends, and drop the rest silently.
func decodeChunk(file string, c chunk, g grammar) ([]value, error) {
	decoder := yamlv2.NewDecoder(bytes.NewReader(c.text))
	decoder.SetStrict(true)
	var values []value
	for index := 0; ; index++ {
		var raw any
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil && strings.Contains(err.Error(), sameKeyText) {
			if raw, err = g.again(file, c, index, err); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return nil, yamlProblem(file, c, err)
		}
		if raw == nil {
			continue
		}
		tree, err := g.convert(raw)
		if errors.Is(err, errSameKey) || err == nil && wordsAsLabels(tree) {
			if raw, err = g.again(file, c, index, err); err != nil {
				return nil, err
			}
			tree, err = g.convert(raw)
		}
		if err != nil {
			return nil, asProblem(drift.FileLine(file, c.start), err)
		}
		values = append(values, value{tree: tree, line: c.start})
	}
}

// wordsAsLabels says that a label or an annotation was read as true or false: YAML 1.1
// takes even a plain y and n for that.
func wordsAsLabels(tree any) bool {
	manifest, _ := tree.(map[string]any)
	metadata, _ := manifest["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		entries, _ := metadata[field].(map[string]any)
		for _, v := range entries {
			if _, word := v.(bool); word {
				return true
			}
		}
	}
	return false
}

// again reads a document in which the parser saw a key twice, and says where; cause is
// what the parser said.
func (g grammar) again(file string, c chunk, index int, cause error) (any, error) {
	raw, err := g.document(file, c, index)
	var found *drift.Problem
	switch {
	case err == nil || errors.As(err, &found):
		return raw, err
	case errors.Is(err, errNotRead):
		return nil, yamlProblem(file, c, cause)
	}
	return nil, problem(drift.Origin{File: file, Line: c.start}, "", "reading YAML: %w", err)
}

// convert makes the tree that objects hold. Aliases may multiply a document; go-yaml
// bounds how often, this bounds how much.
func (g grammar) convert(raw any) (any, error) {
	conversion := converter{left: 2 * g.limits.DocumentBytes, depth: g.limits.Depth}
	tree, err := conversion.convert(raw, 0)
	if err != nil {
		return nil, &drift.Problem{Err: fmt.Errorf("reading YAML: %w", err), Hint: conversion.hint}
	}
	return tree, nil
}

// sameKeyText is how go-yaml v2 says, in its strict form, that a key is given twice or
// that a merge key brought it before.
const sameKeyText = "already set in map"

var (
	yamlLine   = regexp.MustCompile(`line (\d+): `)
	yamlQuoted = regexp.MustCompile("(?s)`.*`")
	yamlAnchor = regexp.MustCompile(`(?s)unknown anchor '.*' referenced`)
)

// yamlProblem places a parser's error. The parser counts lines from the start
// of the chunk, and may quote a value, which could be a secret.
func yamlProblem(file string, c chunk, err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors:\n")
	// Quotes go first: what they quote may hold quotes and line breaks itself.
	message = yamlQuoted.ReplaceAllString(message, "`…`")
	message = yamlAnchor.ReplaceAllString(message, "an alias has no anchor")
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	line := c.start
	if match := yamlLine.FindStringSubmatchIndex(message); match != nil {
		if n, convErr := strconv.Atoi(message[match[2]:match[3]]); convErr == nil && n > 0 {
			line = c.line + n - 1
		}
		message = message[:match[0]] + message[match[1]:]
	}
	var hint string
	switch before, _, quoting := strings.Cut(message, "invalid map key: "); {
	case quoting:
		// The parser shows the whole key, values included.
		message = before + "a map or a list stands where a key must"
		hint = "quote the text: {{ … }} is read as a map in a map"
	case strings.Contains(message, sameKeyText):
		message = strings.Replace(message, sameKeyText, "is given twice", 1)
		hint = "remove one of the two: it is unclear which one is meant"
	case strings.Contains(message, "excessive aliasing"):
		hint = "write the values out instead of using YAML aliases"
	case strings.Contains(message, "an alias has no anchor"):
		hint = "quote the text if it is none: YAML reads a word after * as an alias"
	default:
		message, hint = inPlainWords(message)
	}
	return problem(drift.Origin{File: file, Line: line}, hint, "reading YAML: %s", message)
}

// decodeJSON reads a stream of JSON values.
func decodeJSON(file string, data []byte, g grammar) ([]value, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	lineAt := func(offset int64) int {
		return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
	}
	var values []value
	for {
		before := decoder.InputOffset()
		skipped := len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n"))
		origin := drift.Origin{File: file, Line: lineAt(before + int64(skipped))}
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				origin.Line = lineAt(syntax.Offset)
			}
			return nil, problem(origin, "JSON has no comma behind the last entry and no comments", "reading JSON: %w", err)
		}
		if len(raw) > g.limits.DocumentBytes {
			return nil, problem(origin, "", "reading JSON: the document is larger than %s", size(int64(g.limits.DocumentBytes)))
		}
		tree, err := parseJSON(raw)
		if err != nil {
			// JSON is YAML, too, and a key that is given twice has its lines there.
			again, judged := g.document(file, chunk{text: raw, line: origin.Line}, 0)
			var repeated *drift.Problem
			switch {
			case errors.As(judged, &repeated):
				return nil, judged
			case judged != nil:
				return nil, problem(origin, "", "reading JSON: %w", err)
			}
			tree = again
		}
		conversion := converter{left: 2 * g.limits.DocumentBytes, depth: g.limits.Depth}
		if tree, err = conversion.convert(tree, 0); err != nil {
			return nil, problem(origin, conversion.hint, "reading JSON: %w", err)
		}
		if tree != nil {
			values = append(values, value{tree: tree, line: origin.Line})
		}
	}
}

// parseJSON reads one JSON value with integers kept and duplicate keys refused.
func parseJSON(raw []byte) (any, error) {
	var tree any
	strict, err := kjson.UnmarshalStrict(raw, &tree)
	if err != nil {
		return nil, err
	}
	if len(strict) > 0 {
		return nil, strict[0]
	}
	return tree, nil
}

// isList says whether the manifest is a list of objects: a kind with that
// ending and items (the API's convention for lists).
func isList(manifest map[string]any) ([]any, bool) {
	kind, _ := manifest["kind"].(string)
	value, present := manifest["items"]
	items, ok := value.([]any)
	return items, present && (ok || value == nil) && strings.HasSuffix(kind, "List")
}

// expand turns lists into their items. An item of a typed list may leave out
// what the list says already (apimachinery, unstructured list decoding).
func expand(doc document) ([]document, error) {
	items, ok := isList(doc.manifest)
	if !ok {
		return []document{doc}, nil
	}
	kind, _ := doc.manifest["kind"].(string)
	itemKind := strings.TrimSuffix(kind, "List")
	var documents []document
	for i, item := range items {
		manifest, ok := item.(map[string]any)
		if !ok {
			return nil, problem(doc.origin, "", "%s: item %d is not an object", kind, i)
		}
		if _, named := manifest["kind"]; !named && itemKind != "" {
			manifest["kind"] = itemKind
			if _, versioned := manifest["apiVersion"]; !versioned {
				manifest["apiVersion"] = doc.manifest["apiVersion"]
			}
		}
		next := doc
		next.manifest = manifest
		more, err := expand(next)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	return documents, nil
}

// asDocument requires a mapping.
func asDocument(v value, origin drift.Origin) (document, error) {
	manifest, ok := v.tree.(map[string]any)
	if !ok {
		hint := notAManifest
		if word, single := v.tree.(string); single && !strings.ContainsAny(word, " \n") {
			hint = "a file that holds nothing but a path may be a symbolic link that was checked out or committed as text; " + hint
		}
		return document{}, problem(origin, hint, "not a Kubernetes object: the document is %s", kindOf(v.tree))
	}
	if encrypted(manifest) {
		return document{}, problem(origin, "Killick cannot decrypt SOPS files yet; use a controller that makes Secrets in the cluster",
			"the manifest is encrypted with SOPS: applied as it is, it would put ciphertext into the cluster")
	}
	return document{manifest: manifest, origin: origin}, nil
}

// encrypted says whether SOPS wrote the manifest: it leaves its own metadata
// beside the encrypted values (https://github.com/getsops/sops).
func encrypted(manifest map[string]any) bool {
	metadata, _ := manifest["sops"].(map[string]any)
	_, signed := metadata["mac"]
	return signed || strings.HasPrefix(text(manifest["apiVersion"]), "ENC[")
}

const notAManifest = "an app's folder holds Kubernetes objects only; move other files elsewhere"

func kindOf(tree any) string {
	switch tree.(type) {
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return "text"
	}
	return fmt.Sprintf("a %T", tree)
}
