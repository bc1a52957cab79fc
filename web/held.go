package web

import "time"

// All connections together hold a bounded number of bytes of bodies and answers. A connection
// that wants more than is free waits in line. Meanwhile those that hold bytes and became slow
// are closed.

// wish is the number of bytes that a connection in line wants.
type wish struct {
	c       *conn
	n       int64
	granted chan struct{}
}

// grow waits until c may hold n bytes. It returns false if c was evicted.
func (c *conn) grow(n int64) bool {
	s := c.all
	if s == nil {
		return true
	}
	s.mu.Lock()
	if evicted := c.evicted; evicted || s.grant(c, n) {
		s.mu.Unlock()
		return !evicted
	}
	c.turn = turnHandler // its peer is not to blame that it doesn't read
	w := &wish{c, n, make(chan struct{})}
	s.line = append(s.line, w)
	s.serveLine()
	s.mu.Unlock()
	<-w.granted
	return true
}

// grant reports whether a connection may hold n bytes. The caller holds mu.
func (s *conns) grant(c *conn, n int64) bool {
	if s.held-c.held+n > s.allowance(n) {
		if s.first != nil && s.first != c {
			return false
		}
		s.first = c
	}
	s.hold(c, n)
	return true
}

// allowance leaves a quarter of the budget to small bodies, as nearly all are.
func (s *conns) allowance(n int64) int64 {
	if n > small {
		return s.budget / 4 * 3
	}
	return s.budget
}

// serveLine grants what it can to those in line. While some wait, it looks every paceTime/5 for
// connections that hold bytes and became slow. The caller holds mu.
func (s *conns) serveLine() {
	waiting := s.line[:0]
	for _, w := range s.line {
		if !s.grant(w.c, w.n) {
			waiting = append(waiting, w)
			continue
		}
		w.c.turn, w.c.paced, w.c.behind = turnPeer, time.Now(), 0
		close(w.granted)
	}
	s.line = waiting
	if (len(waiting) > 0 || s.held > s.budget) && s.look == nil {
		s.look = time.AfterFunc(paceTime/5, s.lookAgain)
		s.evict(bytesHeld, s.budget/16)
	}
}

func (s *conns) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look = nil
	s.serveLine()
}

// hold notes how many bytes c holds. The caller holds mu.
func (s *conns) hold(c *conn, n int64) {
	s.held += n - c.held
	if c.held = n; n == 0 && s.first == c {
		s.first = nil
	}
}
