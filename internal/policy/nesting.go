package policy

import "fmt"

// maxNesting bounds brackets inside brackets. OPA's parser allows 100,000, and
// its compiler needs minutes for ten thousand; people write fewer than ten.
const maxNesting = 64

// checkNesting reports the line at which brackets are nested too deeply, or 0.
// It reads just enough of Rego's tokens to leave out strings and comments.
func checkNesting(text []byte) (line int, err error) {
	line = 1
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\n':
			line++
		case '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '"', '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\n' {
					line++
				}
				if text[i] == '\\' && c == '"' {
					i++
				}
			}
		case '(', '[', '{':
			if depth++; depth > maxNesting {
				return line, fmt.Errorf("brackets are nested more than %d deep", maxNesting)
			}
		case ')', ']', '}':
			depth--
		}
	}
	return 0, nil
}
