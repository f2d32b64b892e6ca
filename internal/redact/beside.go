package redact

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// between bounds what may stand between a key and its value, in bytes.
const between = 64

// fillers are words that may stand there: as in "data.pin: Invalid value: 1234".
var fillers = [][]byte{[]byte("invalid"), []byte("unsupported"), []byte("duplicate"), []byte("value"), []byte("string"), []byte("is"), []byte("was")}

// besideKeys looks for values behind their keys.
func (s *search) besideKeys(u *unveiled, lower []byte) {
	if len(s.beside) == 0 {
		return
	}
	for i := 0; i < len(lower); {
		end := i
		for end < len(lower) && nameByte(lower[end]) {
			end++
		}
		if end == i {
			i++
			continue
		}
		s.behindName(u, lower, i, end)
		i = end
	}
}

// behindName looks behind one name, lower[from:to], and behind its last parts.
func (s *search) behindName(u *unveiled, lower []byte, from, to int) {
	var room [64]byte
	name := append(room[:0], lower[from:to]...)
	for i, b := range name {
		if b == '-' || b == '.' {
			name[i] = '_'
		}
	}
	for len(name) > 0 {
		for _, hidden := range s.beside[string(name)] {
			if i, j, ok := hidden.behind(lower, to); ok {
				s.hit(u, i, j)
			}
		}
		_, name, _ = bytes.Cut(name, []byte("_"))
	}
}

func nameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' || b == '-' || b == '.'
}

// besides are the values that may stand behind a name.
func (r Redactor) besides(name string) []beside {
	if len(r.beside) == 0 {
		return nil
	}
	var all []beside
	for _, ending := range endings(name) {
		all = append(all, r.beside[ending]...)
	}
	return all
}

// behind finds the value after its key.
func (b beside) behind(lower []byte, at int) (from, to int, ok bool) {
	assigned := false
	for i := at; i < len(lower) && i < at+between; {
		if i > at {
			for _, form := range b.forms {
				end := i + len(form)
				if bytes.HasPrefix(lower[i:], []byte(form)) && (end == len(lower) || !alphanumeric(lower[end])) && (assigned || !b.assigned) {
					return i, end, true
				}
			}
		}
		switch filler := fillerAt(lower[i:]); {
		case !alphanumeric(lower[i]):
			assigned = assigned || lower[i] == ':' || lower[i] == '='
			i++
		case filler > 0:
			i += filler
		default:
			return 0, 0, false
		}
	}
	return 0, 0, false
}

func alphanumeric(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }

func fillerAt(lower []byte) int {
	for _, filler := range fillers {
		if rest, ok := bytes.CutPrefix(lower, filler); ok && (len(rest) == 0 || !alphanumeric(rest[0])) {
			return len(filler)
		}
	}
	return 0
}

// inQuotes looks for short values in quotes: where the API server repeats a value that it
// refuses, and wherever they look like nothing else.
func (s *search) inQuotes(u *unveiled, lower []byte) {
	if len(s.short) == 0 {
		return
	}
	for i, quote := range lower {
		if quote != '"' && quote != '\'' && quote != '`' {
			continue
		}
		n := bytes.IndexByte(lower[i+1:min(len(lower), i+minSecret+1)], quote)
		if n < 1 || !s.short[string(lower[i+1:i+1+n])] {
			continue
		}
		if bytes.HasSuffix(lower[:i], []byte("value: ")) || s.odd(string(u.text[i+1:i+1+n])) {
			s.hit(u, i+1, i+1+n)
		}
	}
}

// odd says that a text is a known short value and no word or number that other things
// are called, too.
func (r Redactor) odd(text string) bool {
	return len(text) > 3 && !ordinary(text) && r.short[strings.ToLower(text)]
}

// under hides a value that stands in the place of its key: in a map below the key, or
// in an item of that name.
func (r Redactor) under(name string, v any) any {
	switch v.(type) {
	case string, int64, float64:
	default:
		return v
	}
	text := strings.ToLower(strings.TrimSpace(fmt.Sprint(v)))
	for _, hidden := range r.besides(name) {
		if slices.Contains(hidden.forms, text) {
			return drift.Redacted
		}
	}
	return v
}

// Tree removes every known secret from the texts of a JSON tree, and short ones where
// they stand under their key.
func (r Redactor) Tree(v any) any {
	if len(r.learnt) == 0 {
		return v
	}
	switch v := v.(type) {
	case string:
		if r.odd(v) {
			return drift.Redacted
		}
		return r.String(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = r.Tree(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[r.String(key)] = r.Tree(r.under(key, item))
		}
		if name, ok := v["name"].(string); ok && v["value"] != nil {
			out["value"] = r.Tree(r.under(name, v["value"]))
		}
		return out
	}
	return v
}

// field hides a value in the place that a change names.
func (r Redactor) field(path string, v any) any {
	if len(r.beside) == 0 {
		return r.Tree(v)
	}
	elements := strings.Split(path, "/")
	for _, element := range elements[max(0, len(elements)-2):] {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(element)
		if inner, keyed := strings.CutPrefix(name, "["); keyed {
			_, name, _ = strings.Cut(strings.TrimSuffix(inner, "]"), "name=")
			name, _, _ = strings.Cut(name, ",")
		}
		v = r.under(name, v)
	}
	return r.Tree(v)
}
