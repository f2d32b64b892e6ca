package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
)

// problem wraps an error as this stage's *drift.Problem; without a hint it takes
// the one of a failure in the chain.
func problem(hint string, err error) error {
	var known *failure
	if hint == "" && errors.As(err, &known) {
		hint = known.hint
	}
	return &drift.Problem{Stage: "source", Hint: hint, Err: err}
}

// failure is an error of which only the text and the named causes remain. What
// libraries return (url.Error, TLS and SSH errors, server messages) may carry
// request URLs, headers or whatever a server sent; so none of it stays
// reachable through Unwrap, and the text is redacted before it is stored.
type failure struct {
	text   string
	hint   string
	causes []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.causes }

// errNotOurs is a server's refusal to serve a commit by its hash.
var errNotOurs = errors.New("the server does not serve this commit by its hash")

// errFilter marks a server's refusal of a filter, though it can filter (git's
// uploadpackfilter.allow).
var errFilter = errors.New("the server refuses the filter")

// errLimit marks whatever was refused because of a limit of Options.
var errLimit = errors.New("limit reached")

func limitExceeded(format string, args ...any) error {
	return &failure{
		text:   fmt.Sprintf(format, args...),
		hint:   "keep large files out of the repository, or use a repository of its own for manifests",
		causes: []error{errLimit},
	}
}

// finish turns the error of a fetch into the stage's problem: the context's end
// wins over whatever it broke, and secrets are taken out of foreign texts.
func finish(ctx context.Context, doing string, secrets redactor, err error) error {
	if err == nil {
		return nil
	}
	var known *failure
	isKnown := errors.As(err, &known)
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		known = &failure{
			text:   "no answer in time",
			hint:   "check that the Git server is up and reachable from here, or raise --timeout",
			causes: []error{drift.ErrUnreachable, context.DeadlineExceeded},
		}
	case ctx.Err() != nil:
		known = &failure{text: "interrupted", causes: []error{context.Canceled}}
	case !isKnown:
		known = &failure{text: clean(err.Error(), 300)}
	}
	return &drift.Problem{Stage: "source", Hint: secrets.redact(known.hint), Err: &failure{
		text:   secrets.redact(doing + ": " + known.text),
		causes: known.causes,
	}}
}

// redactor holds the secrets of one repository.
type redactor []string

// redact replaces every secret by a fixed mark; it is the last line of defence
// after not putting foreign text into errors in the first place.
func (r redactor) redact(text string) string {
	for _, secret := range r {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// clean makes foreign text fit for one line of a report: valid UTF-8, no
// control or formatting characters, at most limit runes.
func clean(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit]) + "…"
}

// mebibytes writes a size for people.
func mebibytes(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
