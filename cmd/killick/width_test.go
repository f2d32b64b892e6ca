package main

import (
	"errors"
	"testing"

	"github.com/killick-dev/killick/internal/report"
)

// A pod's log has no width to keep to; a terminal has its own.
func TestColumns(t *testing.T) {
	for why, c := range map[string]struct {
		width int
		err   error
		want  int
	}{
		"a terminal":                     {width: 72, want: 72},
		"a pipe, a file, a pod's log":    {err: errors.New("not a terminal"), want: report.LogWidth},
		"a terminal that knows no width": {want: report.LogWidth},
	} {
		if got := columns(func() (int, int, error) { return c.width, 24, c.err }); got != c.want {
			t.Errorf("%s: %d columns, want %d", why, got, c.want)
		}
	}
}
