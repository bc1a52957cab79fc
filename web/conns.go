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
	// maxHeld is how many bytes of bodies and answers all connections may hold at once,
	// beyond the first buffer of each.
	maxHeld = 64 << 20
	// A connection is slow once it has brought less than paceBytes within paceTime, or less than one part
	// in paceParts of what it holds. A body comes in time if it brings three times as much.
	paceTime  = 500 * time.Millisecond
	paceBytes = 8 << 10
	paceParts = 32
	small     = 64 << 10 // what a quarter of maxHeld is left to
)

// conns holds the connections of one server. It bounds their number and the memory that they
// hold. When there are too many, it closes slow ones, and first those of the address and the
// neighbourhood that have the most. So no sender takes anything from the others, and a quick
// one gets its answer even if all come from one address.
type conns struct {
	max    int
	budget int64

	mu    sync.Mutex
	open  map[net.Conn]*conn
	held  int64 // by all that are open
	line  []*wish
	first *conn       // may exceed the budget, so that those in line don't wait for each other
	look  *time.Timer // while somebody is in line
}

// conn is one connection. Its fields are conns.mu's, but for next.
type conn struct {
	all  *conns // nil where the server is not one of [HTTPServer]'s: then nothing is bounded
	c    net.Conn
	next [1]byte // waiting with one byte costs no buffer

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

// watch makes a server report its connections.
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
	if len(s.open) > s.max && s.evict(evenly, int64(s.max/16)) == 0 {
		s.evictLast(evenly)
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

// forget removes a connection. The caller holds mu.
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

// reads notes that the connection waits for a body, and who sends it.
func (c *conn) reads(client netip.Addr) {
	if c.all == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.from(client)
	c.turn, c.paced, c.behind = turnPeer, time.Now(), 0
}

// came notes that n bytes came.
func (c *conn) came(n int) {
	if c.all == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.behind += n; c.behind >= max(paceBytes, int(c.held/paceParts)) {
		c.paced, c.behind = time.Now(), 0
	}
}

// works notes that it is the handler's turn, until the next call.
func (c *conn) works() { c.become(turnHandler, c.held) }

// writes notes that the peer has to read an answer, which holds n bytes.
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

// evict weighs connections evenly, or by their memory.
func evenly(*conn) int64      { return 1 }
func bytesHeld(c *conn) int64 { return c.held }

// evict closes slow connections until so much is free, or none is left, and returns how much
// it freed. It looks at all connections, and so frees more than is needed at once. The caller
// holds mu.
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

// ranked returns the connections that wait for their peers; the last one goes first. Of one
// source the slower goes before the quicker, and one between requests goes last. A connection's
// rank is its weight plus that of those of its source that stay longer. So the sources with the
// most shrink to the size of the others, and so do the neighbourhoods.
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
