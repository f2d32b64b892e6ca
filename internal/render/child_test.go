package render

import (
	"bufio"
	"bytes"
	"io"
	"testing"
)

// eager is a parent that asks again while the child is still in the call by which it
// answers. Killick's own is often as fast.
type eager struct {
	requests *io.PipeWriter
	again    int // how often it asks again
	answers  int
}

func (p *eager) Write(answer []byte) (int, error) {
	p.answers++
	if p.answers > p.again {
		return len(answer), p.requests.Close()
	}
	var frames bytes.Buffer
	for range 2 {
		_ = writeFrame(&frames, frameRender, []byte("no request")) // a buffer takes all
	}
	// The first byte of the frame after the next is read only when the child has looked
	// at the next one; the rest of it follows with the answer.
	from, to := min(p.answers-1, 1), frames.Len()/2
	if p.answers < p.again {
		to++
	}
	_, err := p.requests.Write(frames.Bytes()[from:to])
	return len(answer), err
}

// A child may be asked again before it has noted that its last render is over: the
// parent knows that as soon as it has the answer. A child that took this for a broken
// parent ended, and every other app cost a new process and a second render.
func TestChildIsAskedAgainAtOnce(t *testing.T) {
	reader, requests := io.Pipe()
	parent := &eager{requests: requests, again: 3}
	child := &server{out: bufio.NewWriter(parent), answers: make(chan []byte, 1), done: make(chan error, 1), renderer: New(Options{})}
	go func() { _ = writeFrame(requests, frameRender, []byte("no request")) }() // it ends with the pipe
	if code := child.serve(reader); code != 0 || parent.answers != parent.again+1 {
		t.Errorf("exit code %d after %d answers, want 0 after %d", code, parent.answers, parent.again+1)
	}
}
