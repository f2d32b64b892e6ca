package render

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

// chunk is the text between two document separators.
type chunk struct {
	text  []byte
	line  int // of the first byte
	start int // of the first content
}

// split cuts a stream at the lines where YAML ends a document. What follows the dashes on
// the same line belongs to the new document.
func split(data []byte) []chunk {
	var chunks []chunk
	begin, beginLine, line := 0, 1, 1
	flush := func(end int) {
		if c, ok := newChunk(data[begin:end], beginLine); ok {
			chunks = append(chunks, c)
		}
	}
	for offset := 0; offset < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[offset:], '\n'); i >= 0 {
			end = offset + i + 1
		}
		if isSeparator(data[offset:end]) {
			flush(offset)
			begin, beginLine = offset+len("---"), line
		}
		offset = end
	}
	flush(len(data))
	return chunks
}

// isSeparator says where YAML ends a document: at three dashes at the start of a
// line and before a blank or the line's end.
func isSeparator(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// newChunk finds where the content starts; a chunk of blanks and comments is
// none.
func newChunk(text []byte, line int) (chunk, bool) {
	at := line
	for content := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(content)
		if len(trimmed) > 0 && trimmed[0] != '#' {
			return chunk{text: text, line: line, start: at}, true
		}
		at++
	}
	return chunk{}, false
}

// onlyDirectives is the first directive of a chunk that holds nothing else, as
// the head of a file before its first separator may.
func (c chunk) onlyDirectives() string {
	first := ""
	for content := range bytes.Lines(c.text) {
		trimmed := string(bytes.TrimSpace(content))
		switch {
		case trimmed == "", trimmed[0] == '#':
		case trimmed[0] == '%':
			word, _, _ := strings.Cut(trimmed, " ")
			if first == "" || word != "%YAML" {
				first = word
			}
		default:
			return ""
		}
	}
	return first
}

// renderedSeparator is Helm's: three dashes at the start of a line, whatever follows, with
// the blanks on both sides (releaseutil.SplitManifests). Templates that trim blanks often
// leave "---apiVersion: v1".
var renderedSeparator = regexp.MustCompile(`(?:^|\s*\n)---\s*`)

// splitRendered cuts what a template made as Helm does, which decides how a text at the end
// of a document ends: the blanks around a document go, and a line break is put behind it
// (action.renderResources). The indentation of its first line stays: without it Helm
// cannot read the document.
func splitRendered(data []byte) []chunk {
	var chunks []chunk
	line, counted := 1, 0
	add := func(from, to int) {
		line += bytes.Count(data[counted:from], []byte("\n"))
		counted = from
		text := append(bytes.Clone(bytes.TrimRightFunc(data[from:to], unicode.IsSpace)), '\n')
		if c, ok := newChunk(text, line); ok {
			chunks = append(chunks, c)
		}
	}
	from := 0
	for _, cut := range renderedSeparator.FindAllIndex(data, -1) {
		add(from, cut[0])
		from = cut[1]
		for indent := from; indent > cut[0] && (data[indent-1] == ' ' || data[indent-1] == '\t' || data[indent-1] == '\n'); indent-- {
			if data[indent-1] == '\n' {
				from = indent
				break
			}
		}
	}
	add(from, len(data))
	return chunks
}

// ended is a text that ends with a line break, as kubectl's reader gives it to the parser
// (apimachinery, yaml.LineReader).
func ended(text []byte) []byte {
	if bytes.HasSuffix(text, []byte("\n")) {
		return text
	}
	return append(bytes.Clone(text), '\n')
}
