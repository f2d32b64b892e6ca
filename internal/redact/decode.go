package redact

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unveiled is one reading of a text: the text itself, or what is left of it when an
// encoding that stands in it is undone. from and to are, per byte, the part of the
// original text that says it; nil in the original itself. ends are where stretches that
// do not belong together end.
//
// Secrets are looked for in readings, not in every form that a secret may take: an
// error can hold base64 of JSON of base64, and a fixed list of forms ends before that.
type unveiled struct {
	text     []byte
	from, to []int
	ends     []int
	// blind readings keep no parts of the original: they tell whether there is a secret,
	// and not where.
	blind bool
}

// mostUnveilings bounds how many encodings may lie around each other.
const mostUnveilings = 4

// span is the part of the original text that says text[i:j].
func (u *unveiled) span(i, j int) span {
	if u.from == nil {
		return span{i, j}
	}
	return span{u.from[i], u.to[j-1]}
}

// add appends a byte that text[i:j] of another reading says.
func (u *unveiled) add(b byte, of *unveiled, i, j int) {
	u.text = append(u.text, b)
	if !u.blind {
		at := of.span(i, j)
		u.from, u.to = append(u.from, at.from), append(u.to, at.to)
	}
}

// cut ends a stretch: nothing is found across a cut. What is too short to hold a secret is
// dropped.
func (u *unveiled) cut() {
	n, start := len(u.text), 0
	if len(u.ends) > 0 {
		start = u.ends[len(u.ends)-1]
	}
	if n-start < minSecret {
		u.text = u.text[:start]
		if !u.blind {
			u.from, u.to = u.from[:start], u.to[:start]
		}
		return
	}
	u.text = append(u.text, 0)
	if !u.blind {
		u.from, u.to = append(u.from, u.to[n-1]), append(u.to, u.to[n-1])
	}
	u.ends = append(u.ends, n+1)
}

// like is an empty reading as blind as another.
func (u *unveiled) like() unveiled {
	return unveiled{blind: u.blind, text: make([]byte, 0, len(u.text))}
}

// unveil are the readings of a reading in which one encoding is undone. Only those are
// given in which there was something to undo.
func (u *unveiled) unveil() []unveiled {
	var all []unveiled
	for _, escape := range escapes {
		if bytes.ContainsAny(u.text, escape.marks) {
			if plain, found := u.unescaped(escape.marks, escape.undo); found {
				all = append(all, plain)
			}
		}
	}
	for _, decoded := range []unveiled{u.hex(), u.bytes(0), u.bytes(16), u.base64(0), u.base64(1), u.base64(2), u.base64(3)} {
		if len(decoded.text) >= minSecret {
			all = append(all, decoded)
		}
	}
	return all
}

// escapes are the sorts of escapes, with the bytes at which one begins.
var escapes = []struct {
	marks string
	undo  func(string) (string, int)
}{{`\`, unescape}, {"%", unpercent}, {"%+", unpercentForm}, {"&", unentity}}

// unescaped undoes one sort of escapes; found says whether there were any. escape
// answers what the escape at the start of a text stands for, and how long it is; 0
// where there is none.
func (u *unveiled) unescaped(marks string, escape func(string) (string, int)) (plain unveiled, found bool) {
	plain = u.like()
	text := string(u.text)
	for i := 0; i < len(text); {
		said, n := "", 0
		if strings.IndexByte(marks, text[i]) >= 0 {
			said, n = escape(text[i:])
		}
		if n == 0 {
			plain.add(text[i], u, i, i+1)
			i++
			continue
		}
		found = true
		for j := range len(said) {
			plain.add(said[j], u, i, i+n)
		}
		i += n
	}
	return plain, found
}

// unescape knows the escapes of Go's %q, of JSON, of YAML's double quotes and of shells.
func unescape(text string) (string, int) {
	if len(text) < 2 || text[0] != '\\' {
		return "", 0
	}
	digits := 0
	switch c := text[1]; {
	case c == 'x':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case c >= '0' && c <= '7' && len(text) >= 4:
		if n, err := strconv.ParseUint(text[1:4], 8, 8); err == nil {
			return string([]byte{byte(n)}), 4
		}
	case c == '\n':
		return "", 2 // a folded line
	default:
		if plain, ok := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v"}[c]; ok {
			return plain, 2
		}
		return text[1:2], 2
	}
	if len(text) < 2+digits {
		return "", 0
	}
	n, err := strconv.ParseUint(text[2:2+digits], 16, 32)
	if err != nil {
		return "", 0
	}
	if digits == 2 {
		return string([]byte{byte(n)}), 4
	}
	return string(utf8.AppendRune(nil, rune(n))), 2 + digits
}

// unpercent undoes what url.PathEscape does.
func unpercent(text string) (string, int) {
	if text[0] != '%' || len(text) < 3 {
		return "", 0
	}
	n, err := strconv.ParseUint(text[1:3], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), 3
}

// unpercentForm undoes what url.QueryEscape does: a blank is a plus there.
func unpercentForm(text string) (string, int) {
	if text[0] == '+' {
		return " ", 1
	}
	return unpercent(text)
}

// unentity undoes HTML's escapes.
func unentity(text string) (string, int) {
	end := strings.IndexByte(text[:min(len(text), 12)], ';')
	if text[0] != '&' || end < 0 {
		return "", 0
	}
	plain := html.UnescapeString(text[:end+1])
	if plain == text[:end+1] {
		return "", 0
	}
	return plain, end + 1
}

// hex undoes hexadecimal notation wherever enough digits follow each other.
func (u *unveiled) hex() unveiled {
	plain := u.like()
	for i := 0; i < len(u.text); {
		end := i
		for end < len(u.text) && digitOf(u.text[end]) >= 0 {
			end++
		}
		if end-i >= 2*minSecret {
			for start := range 2 { // a digit in front may be a word's last letter
				for j := i + start; j+1 < end; j += 2 {
					plain.add(byte(digitOf(u.text[j])<<4|digitOf(u.text[j+1])), u, j, j+2)
				}
				plain.cut()
			}
		}
		i = end + 1
	}
	return plain
}

func digitOf(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// bytes undoes lists of bytes: those that Go prints, [104 117] and []byte{0x68, 0x75},
// and, to base 16, hexadecimal pairs with something between them, as in 68:75.
func (u *unveiled) bytes(base int) unveiled {
	plain := u.like()
	for i := 0; i < len(u.text); {
		end := i
		for end < len(u.text) && wordByte(u.text[end]) {
			end++
		}
		if end == i {
			if strings.IndexByte(" ,:\t\n", u.text[i]) < 0 {
				plain.cut()
			}
			i++
			continue
		}
		var b uint64
		err := strconv.ErrSyntax
		if end-i <= len("0xff") && digitOf(u.text[i]) >= 0 {
			b, err = strconv.ParseUint(string(u.text[i:end]), base, 8)
		}
		if err == nil {
			plain.add(byte(b), u, i, end)
		} else {
			plain.cut()
		}
		i = end
	}
	plain.cut()
	return plain
}

func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= utf8.RuneSelf
}

// base64 undoes base64 of either alphabet, with and without padding and line breaks,
// beginning with the given letter of each stretch: where a stretch begins in the
// middle of a group, or with letters that belong to something else, one of four
// beginnings is right.
func (u *unveiled) base64(start int) unveiled {
	plain := u.like()
	letters := make([]int, 0, len(u.text))
	flush := func() {
		if len(letters)-start > minSecret {
			u.sextets(&plain, letters[start:])
			plain.cut()
		}
		letters = letters[:0]
	}
	for i := range u.text {
		switch b := u.text[i]; {
		case sextet(b) >= 0:
			letters = append(letters, i)
		case b == '\n' || b == '\r', (b == ' ' || b == '\t') && len(letters) > 0 && broken(u.text[:i]):
		default:
			flush()
		}
	}
	flush()
	return plain
}

// broken says that a text ends with a line break and blanks: what follows continues
// an indented block.
func broken(text []byte) bool {
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ' ', '\t':
		case '\n', '\r':
			return true
		default:
			return false
		}
	}
	return false
}

// sextets appends the bytes that letters of base64 say; the padding behind the last
// belongs to it.
func (u *unveiled) sextets(plain *unveiled, letters []int) {
	bits, have := 0, 0
	for n, at := range letters {
		bits, have = (bits<<6|sextet(u.text[at]))&0xffff, have+6
		if have < 8 {
			continue
		}
		have -= 8
		end := at + 1
		if have > 0 && n+1 == len(letters) {
			for end < len(u.text) && u.text[end] == '=' {
				end++
			}
		}
		plain.add(byte(bits>>have), u, letters[n-1], end)
	}
}

// sextets of base64's two alphabets, by letter; -1 for what is none.
var sextetOf = func() (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	for i, letter := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[letter] = int8(i)
	}
	values['-'], values['_'] = values['+'], values['/']
	return values
}()

func sextet(b byte) int { return int(sextetOf[b]) }

// legible are the stretches of a reading that are text for the most part: only there
// another encoding may lie inside.
func (u *unveiled) legible() unveiled {
	if u.ends == nil {
		return *u
	}
	plain := u.like()
	start := 0
	for _, end := range u.ends {
		if mostlyText(u.text[start:end]) {
			plain.text = append(plain.text, u.text[start:end]...)
			if !u.blind {
				plain.from, plain.to = append(plain.from, u.from[start:end]...), append(plain.to, u.to[start:end]...)
			}
			plain.ends = append(plain.ends, len(plain.text))
		}
		start = end
	}
	return plain
}

func mostlyText(text []byte) bool {
	odd := 0
	for _, b := range text {
		if b < ' ' && b != '\n' && b != '\t' && b != '\r' && b != 0 || b >= 0x7f {
			odd++
		}
	}
	return odd*8 <= len(text)
}
