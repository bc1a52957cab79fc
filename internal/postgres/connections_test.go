package postgres_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"bellhop/internal/postgres"
)

// TestOnePoolOneConnection counts the connections of a process that may have one.
func TestOnePoolOneConnection(t *testing.T) {
	raw := fresh(t)
	counted := count(t, need(t).Addr)
	p := open(t, strings.Replace(raw, need(t).Addr, counted.addr, 1)+"&pool_max_conns=1")
	if p.API != p.Worker || p.Webhooks != p.Worker {
		t.Error("there are several pools")
	}
	for _, pool := range []*postgres.Pool{p.Webhooks, p.API, p.Worker} {
		must(t, pool.Once(t.Context(), func(b *postgres.Batch) { b.Exec(`SELECT 1`) }))
	}
	if n := counted.n.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// counter passes connections on and counts them.
type counter struct {
	addr string
	n    atomic.Int32
}

func count(t *testing.T, to string) *counter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	c := &counter{addr: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.n.Add(1)
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	return c
}
