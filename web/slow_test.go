//go:build !race

// The race detector crashes now and then where synctest moves the clock for so many goroutines
// (https://github.com/golang/go/issues/78156). make shipped runs this test.

package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes listens for what dial connects.
type pipes struct {
	incoming chan net.Conn
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.incoming
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.incoming) }); return nil }
func (p *pipes) Addr() net.Addr { return connFrom("127.0.0.1").from }

func (p *pipes) dial(address string) net.Conn {
	near, far := net.Pipe()
	c := connFrom(address)
	c.Conn = far
	p.incoming <- c
	return near
}

// TestSlowBodiesKeepNobodyOut opens four times the allowed connections. Each sends a header and no
// body, and comes back when it is closed, at most once a second. Every honest webhook gets in at once.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	for name, c := range map[string]struct {
		sources int
		honest  string
		trusted bool // all come through a proxy that names them
	}{
		"from one address":     {1, "192.0.2.1", false},
		"from many":            {50, "192.0.2.1", false},
		"all from one address": {1, "10.0.0.0", false},
		"through a proxy":      {1, "192.0.2.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var trusted Proxies
				dialed := func(source string) (address, header string) { return source, "" }
				if c.trusted {
					trusted = Proxies{netip.MustParsePrefix("127.0.0.1/32")}
					dialed = func(source string) (address, header string) {
						return "127.0.0.1", "X-Forwarded-For: " + source + "\r\n"
					}
				}
				listener := &pipes{incoming: make(chan net.Conn)}
				server := HTTPServer("", readFirst(accepting, trusted, 2<<20), nil)
				s := newConns(64, maxHeld)
				s.watch(server)
				go server.Serve(listener)
				ctx, cancel := context.WithCancel(t.Context())
				var hostile sync.WaitGroup
				for i := range 4 * s.max {
					address, header := dialed(fmt.Sprintf("10.0.%d.%d", i%c.sources/8, i%c.sources%8))
					hostile.Go(func() {
						for ctx.Err() == nil {
							again := time.After(time.Second)
							conn := listener.dial(address)
							end := context.AfterFunc(ctx, func() { conn.Close() })
							fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 2000\r\n\r\n", header)
							io.Copy(io.Discard, conn)
							end()
							<-again
						}
					})
				}
				for range 100 {
					time.Sleep(71 * time.Millisecond) // never in the moment when many come again
					address, header := dialed(c.honest)
					if answer, took := post(listener.dial(address), header); answer != http.StatusOK || took > 0 {
						t.Errorf("%d after %v", answer, took)
					}
				}
				cancel()
				hostile.Wait()
				server.Close()
			})
		})
	}
}

// post sends one webhook and returns the answer, 0 for none.
func post(conn net.Conn, header string) (status int, took time.Duration) {
	defer conn.Close()
	began := time.Now()
	go fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 20000\r\n\r\n%s", header,
		strings.Repeat("x", 20000))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, time.Since(began)
	}
	return res.StatusCode, time.Since(began)
}
