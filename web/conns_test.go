package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// peerConn is one end of a pipe, with the address of the other end.
type peerConn struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *peerConn) RemoteAddr() net.Addr { return c.from }

func (c *peerConn) Close() error {
	c.closed = true
	if c.Conn == nil {
		return nil
	}
	return c.Conn.Close()
}

func connFrom(address string) *peerConn {
	return &peerConn{from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 1))}
}

// crowd opens connections, a millisecond apart, and waits until all are slow.
func crowd(s *conns, addresses ...string) []*peerConn {
	var all []*peerConn
	for _, a := range addresses {
		c := connFrom(a)
		s.add(c)
		all = append(all, c)
		time.Sleep(time.Millisecond)
	}
	time.Sleep(paceTime)
	return all
}

// evicted are the places of those that were closed.
func evicted(all []*peerConn) (is []int) {
	for i, c := range all {
		if c.closed {
			is = append(is, i)
		}
	}
	return is
}

// TestWhoGoesFirst opens connections and then so many more than there may be.
func TestWhoGoesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		open []string
		say  func(s *conns, all []*peerConn)
		more int
		want []int
	}{
		"the address with the most":  {open: []string{"192.0.2.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"}, more: 2, want: []int{1, 2}},
		"and down to the others":     {open: []string{"192.0.2.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"}, more: 3, want: []int{0, 1, 2}},
		"the neighbourhood":          {open: []string{"192.0.2.1", "192.0.2.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"}, more: 1, want: []int{2}},
		"the address in it":          {open: []string{"192.0.2.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"}, more: 1, want: []int{2}},
		"a /64 is one address":       {open: []string{"2001:db8:1::1", "2001:db8:2:3::1", "2001:db8:2:3::2"}, more: 1, want: []int{1}},
		"a /48 is one neighbourhood": {open: []string{"2001:db8:1::1", "2001:db8:1::1", "2001:db8:2:1::1", "2001:db8:2:2::1", "2001:db8:2:3::1"}, more: 1, want: []int{2}},
		"the slowest of one address": {open: []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, more: 2, want: []int{0, 1}},
		"not who comes along": {open: []string{"10.0.0.1", "10.0.0.1"}, more: 1, want: []int{1},
			say: func(s *conns, all []*peerConn) { s.open[all[0]].came(paceBytes) }},
		"who trickles": {open: []string{"10.0.0.1", "10.0.0.1"}, more: 1, want: []int{0},
			say: func(s *conns, all []*peerConn) { s.open[all[0]].came(paceBytes - 1) }},
		"not a connection whose handler works": {open: []string{"10.0.0.1", "10.0.0.1"}, more: 1, want: []int{1},
			say: func(s *conns, all []*peerConn) { s.open[all[0]].works(); time.Sleep(time.Second) }},
		"who waits for nothing, last": {open: []string{"10.0.0.1", "10.0.0.1"}, more: 1, want: []int{1},
			say: func(s *conns, all []*peerConn) { s.change(all[0], turnNobody); time.Sleep(time.Second) }},
		"a client that a proxy names": {open: []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, more: 1, want: []int{1},
			say: func(s *conns, all []*peerConn) {
				s.open[all[0]].reads(netip.MustParseAddr("192.0.2.1"))
				time.Sleep(time.Second)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newConns(len(c.open), maxHeld)
				all := crowd(s, c.open...)
				if c.say != nil {
					c.say(s, all)
				}
				for i := range c.more {
					s.add(connFrom(fmt.Sprintf("203.0.%d.1", i)))
				}
				if got := evicted(all); !slices.Equal(got, c.want) {
					t.Errorf("%v went, want %v", got, c.want)
				}
			})
		})
	}
}

// TestNobodySlow wants a place also where no connection is slow: here for one more of the address
// with the most.
func TestNobodySlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newConns(3, maxHeld)
		for _, a := range []string{"192.0.2.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"} {
			s.add(connFrom(a))
		}
		if len(s.open) != 3 {
			t.Errorf("%d are open", len(s.open))
		}
		for _, c := range s.open {
			if c.source.String() == "192.0.2.1/32" {
				return
			}
		}
		t.Error("the only one of its address went")
	})
}

// TestBytesAreBounded makes connections ask for more bytes than the budget.
func TestBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 16 << 20
		s := newConns(100, budget)
		hold := func(n int64) (c *conn, done chan bool) {
			c, done = s.add(connFrom("10.0.0.1")), make(chan bool, 1)
			go func() { done <- c.grow(n) }()
			synctest.Wait()
			time.Sleep(time.Millisecond) // none began in one moment with another
			return c, done
		}
		stalled, done := hold(12 << 20)
		if !<-done {
			t.Fatal("there was room")
		}
		first, done := hold(2 << 20)
		if !<-done {
			t.Error("one may exceed the share of large ones")
		}
		_, waits := hold(2 << 20)
		_, more := hold(2 << 20)
		_, done = hold(small)
		if !<-done {
			t.Error("a small one waits for large ones")
		}
		select {
		case <-waits:
			t.Error("nothing was free")
		default:
		}
		first.writes(0)
		if synctest.Wait(); !<-waits {
			t.Error("what was let go was for the next in line")
		}
		began := time.Now()
		if !<-more || !stalled.evicted || time.Since(began) > 2*paceTime {
			t.Errorf("after %v: stalled %v", time.Since(began), stalled.evicted)
		}
		if stalled.grow(1) {
			t.Error("who was evicted goes on")
		}
		if s.held > budget {
			t.Errorf("%d bytes are held", s.held)
		}
	})
}

// TestPaceFollowsWhatIsHeld lets two connections bring the same. The one that holds 8 MiB would never be
// done, and goes.
func TestPaceFollowsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newConns(100, 9<<20)
		trickles, waits := s.add(connFrom("10.0.0.1")), s.add(connFrom("192.0.2.1"))
		trickles.grow(8 << 20)
		time.Sleep(paceTime + time.Millisecond)
		trickles.came(paceBytes)
		granted := make(chan bool, 1)
		go func() { granted <- waits.grow(8 << 20) }()
		if !<-granted || !trickles.evicted {
			t.Errorf("evicted %v", trickles.evicted)
		}
	})
}

// accepting answers 200, as the webhooks' endpoint does.
var accepting = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// TestDeclaredLengthTakesNoMemory announces a hundred bodies of 2 MiB. None comes.
func TestDeclaredLengthTakesNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handlers := []http.Handler{readFirst(accepting, nil, 2<<20), readFirst(http.NotFoundHandler(), nil, MaxBody)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var ends []*io.PipeWriter
		for range 100 {
			for i, length := range []int64{2 << 20, MaxBody} {
				body, end := io.Pipe()
				r := httptest.NewRequest("POST", "/", body)
				r.ContentLength = length
				go handlers[i].ServeHTTP(httptest.NewRecorder(), r)
				ends = append(ends, end)
			}
		}
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%d bytes were taken", took)
		}
		for _, end := range ends {
			end.CloseWithError(io.ErrUnexpectedEOF)
		}
	})
}
