package web

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxConns is how many connections a server has at once, where the process may
	// open that many: see connsAllowed. An idle one takes some 20 KB.
	maxConns = 8192
	// maxHeld is how many bytes of bodies and answers all connections hold at once,
	// beyond the first buffer of each.
	maxHeld = 64 << 20
	// A connection is slow once it has brought less than paceBytes within paceTime.
	paceTime  = 500 * time.Millisecond
	paceBytes = 8 << 10
	small     = 64 << 10 // what a quarter of maxHeld is left to
)

// conns are the connections of one server. Neither their number nor the memory that
// they hold grows with what strangers do: when there are too many, those go that are
// slow, first of all those of the address and the neighbourhood that have the most.
// So one sender takes nothing from the others, however often he comes, and who is
// quick is answered even where all come from one address.
type conns struct {
	max    int
	budget int64

	mu    sync.Mutex
	open  map[net.Conn]*conn
	held  int64 // by all that are open
	line  []*wish
	first *conn       // may go beyond the budget, so that those in line don't wait for each other
	look  *time.Timer // while somebody is in line
}

// conn is one connection. Its fields are conns.mu's, but for next.
type conn struct {
	all  *conns // nil where the server is not one of [HTTPServer]'s: nothing is bounded then
	c    net.Conn
	next [1]byte // what comes is awaited with one byte: it costs no buffer

	turn    turn
	evicted bool
	source  netip.Prefix // the address, or with IPv6 the /64
	area    netip.Prefix // the neighbourhood: a /24 or a /48
	paced   time.Time    // when it last came along
	behind  int          // bytes since then
	held    int64
	rank    int64 // of use to evict alone
}

// turn is whose turn it is.
type turn uint8

const (
	turnPeer    turn = iota // to send a header or a body, or to read an answer
	turnNobody              // between requests
	turnHandler             // ours: it is not evicted
)

type connKey struct{}

func newConns(max int, budget int64) *conns {
	return &conns{max: max, budget: budget, open: map[net.Conn]*conn{}}
}

// watch has a server tell of its connections.
func (s *conns) watch(srv *http.Server) {
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, s.add(c))
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateActive:
			s.change(c, turnPeer)
		case http.StateIdle:
			s.change(c, turnNobody)
		case http.StateClosed, http.StateHijacked:
			s.remove(c)
		}
	}
}

// connOf returns the connection that a request came on.
func connOf(r *http.Request) *conn {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		return c
	}
	return &conn{}
}

func (s *conns) add(nc net.Conn) *conn {
	c := &conn{all: s, c: nc, paced: time.Now()}
	c.from(peerOf(nc.RemoteAddr().String()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[nc] = c
	if len(s.open) > s.max && s.evict(one, int64(s.max/16)) == 0 {
		s.evictLast(one)
	}
	return c
}

func (s *conns) change(nc net.Conn, t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open[nc]; c != nil {
		c.turn, c.paced, c.behind = t, time.Now(), 0
	}
}

func (s *conns) remove(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open[nc]; c != nil {
		s.forget(c)
	}
}

// forget is called with mu held.
func (s *conns) forget(c *conn) {
	delete(s.open, c.c)
	s.hold(c, 0)
	s.serveLine()
}

func (c *conn) from(a netip.Addr) {
	source, area := 32, 24
	if a.Is6() {
		source, area = 64, 48
	}
	c.source, _ = a.Prefix(source)
	c.area, _ = a.Prefix(area)
}

// reads says that a body is awaited, and who sends it.
func (c *conn) reads(client netip.Addr) {
	if c.all == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.from(client)
	c.turn, c.paced, c.behind = turnPeer, time.Now(), 0
}

// came says that n bytes came.
func (c *conn) came(n int) {
	if c.all == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.behind += n; c.behind >= paceBytes {
		c.paced, c.behind = time.Now(), 0
	}
}

// works says that it is a handler's turn, until the next call.
func (c *conn) works() { c.become(turnHandler, c.held) }

// writes says that the peer has to read an answer, of which n bytes are held for it.
func (c *conn) writes(n int64) { c.become(turnPeer, n) }

func (c *conn) become(t turn, held int64) {
	s := c.all
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.evicted {
		return
	}
	c.turn, c.paced, c.behind = t, time.Now(), 0
	s.hold(c, held)
	s.serveLine()
}

// What connections are weighed by.
func one(*conn) int64         { return 1 }
func bytesHeld(c *conn) int64 { return c.held }

// evict closes slow connections until so much is free, if there are that many, and
// returns how much. Each time it frees more than is needed at once, since it looks
// at all of them. It is called with mu held.
func (s *conns) evict(weight func(*conn) int64, want int64) (freed int64) {
	now := time.Now()
	for _, c := range slices.Backward(s.ranked(weight)) {
		if freed >= want {
			break
		}
		if now.Sub(c.paced) > paceTime {
			freed += weight(c)
			s.end(c)
		}
	}
	return freed
}

// evictLast closes one connection, slow or not.
func (s *conns) evictLast(weight func(*conn) int64) {
	if ranked := s.ranked(weight); len(ranked) > 0 {
		s.end(ranked[len(ranked)-1])
	}
}

func (s *conns) end(c *conn) {
	c.evicted = true
	s.forget(c)
	c.c.Close()
}

// ranked returns the connections that wait for their peers, the one to go first at
// the end. Among those of one source the slower goes before the quicker, and one
// between requests after all others. Each is ranked by what it weighs together with
// those of its source that stay longer, so that the sources with the most come down to
// the others' size, and so do the neighbourhoods.
func (s *conns) ranked(weight func(*conn) int64) []*conn {
	var all []*conn
	for _, c := range s.open {
		if c.turn != turnHandler && weight(c) > 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *conn) int {
		return cmp.Or(-cmp.Compare(a.turn, b.turn), b.paced.Compare(a.paced))
	})
	for _, group := range []func(*conn) netip.Prefix{
		func(c *conn) netip.Prefix { return c.source },
		func(c *conn) netip.Prefix { return c.area },
	} {
		sums := map[netip.Prefix]int64{}
		for _, c := range all {
			sums[group(c)] += weight(c)
			c.rank = sums[group(c)]
		}
		slices.SortStableFunc(all, func(a, b *conn) int { return cmp.Compare(a.rank, b.rank) })
	}
	return all
}
