package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay stands between a measured program and the API server: it passes bytes
// on, counts them, and can delay them as a network would. TLS goes through it
// untouched.
type relay struct {
	target   string
	listener net.Listener
	oneWay   atomic.Int64 // delay in each direction, nanoseconds
	up, down atomic.Int64 // bytes to and from the server
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// chunk is how much one read takes; a delayed direction holds at most chunks of
// them, far above what a window of 20 ms on loopback fills.
const (
	chunk  = 64 << 10
	chunks = 256
)

func startRelay(target string) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{target: target, listener: listener, open: map[net.Conn]bool{}}
	go r.serve()
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

// setRTT makes connections opened from now on have that round-trip time.
func (r *relay) setRTT(rtt time.Duration) { r.oneWay.Store(int64(rtt / 2)) }

func (r *relay) close() error {
	err := r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for connection := range r.open {
		_ = connection.Close()
	}
	return err
}

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.keep(client, server)
		delay := time.Duration(r.oneWay.Load())
		go pass(server, client, &r.up, delay)
		go func() {
			pass(client, server, &r.down, delay)
			r.drop(client, server)
		}()
	}
}

func (r *relay) keep(connections ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range connections {
		r.open[c] = true
	}
}

func (r *relay) drop(connections ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range connections {
		delete(r.open, c)
		_ = c.Close()
	}
}

// pass copies one direction and then closes its writing end.
func pass(to, from net.Conn, count *atomic.Int64, delay time.Duration) {
	defer func() {
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	if delay == 0 {
		_, _ = io.Copy(io.MultiWriter(to, counter{count}), from)
		return
	}
	type late struct {
		due  time.Time
		data []byte
	}
	queue := make(chan late, chunks)
	go func() {
		defer close(queue)
		for {
			data := make([]byte, chunk)
			n, err := from.Read(data)
			if n > 0 {
				queue <- late{time.Now().Add(delay), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	broken := false
	for l := range queue {
		if broken {
			continue // drain, so that the reader ends
		}
		time.Sleep(time.Until(l.due))
		n, err := to.Write(l.data)
		count.Add(int64(n))
		broken = err != nil && !errors.Is(err, io.ErrShortWrite)
	}
}

type counter struct{ count *atomic.Int64 }

func (c counter) Write(data []byte) (int, error) {
	c.count.Add(int64(len(data)))
	return len(data), nil
}
