package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

var (
	// syntaxError splits an error of the YAML parser into line and message.
	syntaxError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?((?s).*)$`)
	// grammarError are the messages for which the parser counts lines from zero;
	// for those of its scanner it counts from one.
	grammarError = regexp.MustCompile(`^did not find expected (node content|key|',' or|'-' indicator|<document start>)`)
	// unknownAnchor is the message that comes without a line.
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// syntax reports that the file is no YAML, or nothing at all.
func (d *decoder) syntax(data []byte, err error) {
	if err == nil || errors.Is(err, io.EOF) {
		d.report(position{}, errors.New("parsing the config: the file is empty"), "begin with apiVersion: "+APIVersion+" and kind: "+Kind)
		return
	}
	match := syntaxError.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(match[1])
	if line > 0 && grammarError.MatchString(match[2]) {
		line = min(line, bytes.Count(bytes.TrimSpace(data), []byte("\n"))) + 1
	}
	if anchor := unknownAnchor.FindStringSubmatch(match[2]); line == 0 && anchor != nil {
		if at := bytes.Index(data, []byte("*"+anchor[1])); at >= 0 {
			line = 1 + bytes.Count(data[:at], []byte("\n"))
		}
	}
	d.report(position{line: line}, fmt.Errorf("parsing YAML: %s", match[2]), "")
}
