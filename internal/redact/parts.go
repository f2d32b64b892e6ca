package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
)

// learner takes secrets apart into what is looked for.
type learner struct {
	learnt map[drift.SecretValue]bool
	sought map[string]bool     // anywhere, in lower case
	beside map[string][]beside // beside a key
	short  map[string]bool     // whole values below minSecret, in lower case
}

const (
	// deepest bounds how deep values are taken apart: base64 in JSON in a line.
	deepest = 4
	// longLine is the length from which a line of a configuration is hidden whatever it
	// says, in bytes.
	longLine = 24
	// copiedShort is the length up to which base64 of a value is also looked for with its
	// case lost, which no reading can undo, in bytes.
	copiedShort = 256
	// structured is the length up to which a value is taken apart, in bytes; the API server
	// takes no longer one.
	structured = 1 << 20
)

// learn takes a whole value of a Secret.
func (l learner) learn(value drift.SecretValue) {
	if l.learnt[value] || value.Value == "" {
		return
	}
	l.learnt[value] = true
	l.hide(value.Value)
	trimmed := strings.TrimSpace(value.Value)
	l.hide(trimmed)
	if len(trimmed) < minSecret {
		l.short[strings.ToLower(trimmed)] = trimmed != ""
		l.hideBeside(value.Key, trimmed, false)
		return
	}
	l.inside(value.Key, trimmed, deepest)
}

// learnPart takes a value of a Secret as if it stood inside another one: an ordinary word
// under a name that does not say that it is secret is hidden beside that name alone.
func (l learner) learnPart(value drift.SecretValue) {
	trimmed := strings.TrimSpace(value.Value)
	if value.Key == "" || len(trimmed) < minSecret || !ordinary(trimmed) || sensitive.MatchString(value.Key) {
		l.learn(value)
		return
	}
	l.learnt[value] = true
	l.hideBeside(value.Key, trimmed, true)
}

// learnDrawn takes a value only if it looks like something that a machine drew.
func (l learner) learnDrawn(value drift.SecretValue) {
	if trimmed := strings.TrimSpace(value.Value); len(trimmed) >= minSecret && !ordinary(trimmed) {
		l.learn(value)
	}
}

// hide looks for a text anywhere, and for base64 of it that lost its case.
func (l learner) hide(text string) {
	if !l.seek(text) || len(text) > copiedShort {
		return
	}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
		encoded = encoded[(shift*8+5)/6 : (shift+len(text))*8/6] // what the bytes around it have no part in
		if len(encoded) >= minSecret {
			l.sought[strings.ToLower(encoded)] = true
			l.sought[strings.ToLower(strings.NewReplacer("+", "-", "/", "_").Replace(encoded))] = true
		}
	}
}

// seek looks for a text anywhere; false when it is too short or known.
func (l learner) seek(text string) bool {
	lower := string(lowerCase([]byte(text)))
	if len(text) < minSecret || l.sought[lower] {
		return false
	}
	l.sought[lower] = true
	return true
}

// inside looks for what a value consists of.
func (l learner) inside(key, value string, depth int) {
	if depth == 0 || len(value) > structured {
		return
	}
	if l.tree(key, value, depth) {
		return
	}
	if decoded, ok := textIn(value); ok {
		l.part(key, decoded, depth-1)
		if user, password, pair := strings.Cut(decoded, ":"); pair && !strings.ContainsAny(decoded, " \n") {
			l.credentials(user, password, depth-1)
		}
	}
	for _, found := range userinfo.FindAllStringSubmatch(value, -1) {
		l.credentials(found[1], found[2], depth-1)
	}
	if strings.Contains(value, "-----BEGIN ") {
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				l.seek(line)
			}
		}
		return
	}
	l.lines(key, value, depth)
}

// lines takes apart what is written line by line: a list of values, or a configuration.
func (l learner) lines(key, value string, depth int) {
	pairs := assignment.FindAllStringSubmatch(value, -1)
	config := len(pairs) > 0
	for _, pair := range pairs {
		l.part(pair[1], Unquoted(pair[2]), depth-1)
	}
	if !strings.Contains(value, "\n") {
		return
	}
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		if pair := setting.FindStringSubmatch(line); pair != nil {
			config = true
			l.part(pair[1], Unquoted(strings.TrimSuffix(pair[2], ",")), depth-1)
		}
	}
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		item := Unquoted(strings.TrimPrefix(line, "- "))
		switch {
		case config && len(line) < longLine && ordinary(item):
		case len(item) < minSecret:
			l.hideBeside(key, item, config)
		default:
			l.hide(line)
			l.hide(item)
		}
	}
}

var (
	// userinfo is a URL's part with a password.
	userinfo = regexp.MustCompile(`://([^:/?#\s@]*):([^\s"'<>]*)@`)
	// assignment is key=value, as in shells, connection strings and queries of URLs.
	assignment = regexp.MustCompile(`([A-Za-z_][\w.-]*)\s*=\s*("[^"\n]*"|'[^'\n]*'|[^\s;&,]+)`)
	// setting is a line of YAML or of a properties file that has a value.
	setting = regexp.MustCompile(`^(?:- |export )?["']?([\w./-]+)["']?\s*[:=]\s*(.+)$`)
	// sensitive are names of what is secret, whatever it looks like.
	sensitive = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|auth|cred|priv|pin$|^pin|cert|sign|salt|seed|session|cookie|bearer|hmac|dsn`)
)

// part takes a value inside another one. One that looks like an ordinary word, under a
// name that does not say that it is secret, is hidden beside that name alone: a
// configuration says "namespace: storefront", and so do a thousand messages.
func (l learner) part(key, value string, depth int) {
	value = strings.TrimSpace(value)
	secret := sensitive.MatchString(key) || !ordinary(value)
	if len(value) >= minSecret && secret {
		l.hide(value)
		l.inside(key, value, depth)
		return
	}
	l.hideBeside(key, value, !secret)
}

// credentials are hidden as they are and as they stand in a URL.
func (l learner) credentials(user, password string, depth int) {
	for _, said := range []string{password, unescapedURL(password)} {
		l.part("password", said, depth)
		l.hideBeside(user, said, false)
	}
}

func unescapedURL(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// tree takes JSON apart; false when the value is none.
func (l learner) tree(key, value string, depth int) bool {
	if !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") && !strings.HasPrefix(value, `"`) {
		return false
	}
	var tree any
	if json.Unmarshal([]byte(value), &tree) != nil {
		return false
	}
	l.leaves(key, tree, depth)
	return true
}

func (l learner) leaves(key string, tree any, depth int) {
	switch v := tree.(type) {
	case map[string]any:
		for name, item := range v {
			l.leaves(name, item, depth)
		}
	case []any:
		for _, item := range v {
			l.leaves(key, item, depth)
		}
	case string:
		l.part(key, v, depth-1)
	case float64:
		l.part(key, fmt.Sprint(v), depth-1)
	}
}

// Unquoted is a text without the quotes around it.
func Unquoted(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && text[0] == text[n-1] && (text[0] == '"' || text[0] == '\'') {
		return text[1 : n-1]
	}
	return text
}

// textIn is the text that a value holds as base64.
func textIn(value string) (string, bool) {
	if len(value) < minSecret || strings.ContainsAny(value, " \n:") {
		return "", false
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.DecodeString(value); err == nil && utf8.Valid(decoded) && mostlyText(decoded) {
			return string(decoded), true
		}
	}
	return "", false
}

// word is a part of what people give as names: of letters, a small number, a version.
var word = regexp.MustCompile(`^(?:(?:[A-Z]?[a-z]{1,15})+|[A-Z]{1,15}|[0-9]{0,4}|v[0-9]+(?:[a-z]+[0-9]+)?|[a-z]{1,3}[0-9])$`)

// ordinary says that a text looks like a word, a name, a version, an address or a path,
// and not like something that a machine drew.
func ordinary(text string) bool {
	return !slices.ContainsFunc(strings.FieldsFunc(text, func(r rune) bool {
		return strings.ContainsRune(" \t./:_-,@#[]{}()<>\"'", r)
	}), func(part string) bool { return !word.MatchString(part) })
}

// beside is a value that is too short, or too ordinary, to be looked for by itself.
type beside struct {
	forms []string // in lower case
	// assigned: it is hidden only where an assignment stands between it and the key.
	assigned bool
}

// hideBeside looks for a text behind its key.
func (l learner) hideBeside(key, text string, assigned bool) {
	if key == "" || text == "" {
		return
	}
	raw := []byte(text)
	forms := []string{text, base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw)}
	for i, form := range forms {
		forms[i] = strings.ToLower(form)
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	hidden := beside{forms: slices.Compact(forms), assigned: assigned}
	for _, name := range endings(key) {
		known := func(b beside) bool { return b.assigned == assigned && slices.Equal(b.forms, hidden.forms) }
		if !slices.ContainsFunc(l.beside[name], known) {
			l.beside[name] = append(l.beside[name], hidden)
		}
	}
}

var underscores = strings.NewReplacer("-", "_", ".", "_", "/", "_")

// endings are the names under which a key may be spoken of: DB_PIN is db-pin, and a pin.
func endings(key string) []string {
	key = strings.Trim(underscores.Replace(strings.ToLower(key)), "_")
	var names []string
	for key != "" {
		names = append(names, key)
		_, rest, _ := strings.Cut(key, "_")
		if len(rest) < 3 {
			break // a letter or two stand in too many words
		}
		key = strings.Trim(rest, "_")
	}
	return names
}
