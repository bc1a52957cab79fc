package web

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"
)

// BodyTimeout is how long a sender may take for a body: as long as Shopify gives
// itself for all of a request.
const BodyTimeout = 5 * time.Second

// The faults of a body.
var (
	ErrBodyTooLarge = errors.New("the body is too large")
	ErrBodySlow     = errors.New("the body takes too long to arrive")
	errBodyCut      = errors.New("the body ended early")
)

// BodyReader reads a whole body before its request takes a place among those in flight, so that
// slow senders keep nobody out. It counts the bytes that came, not those announced: a body
// that doesn't come costs one connection and no more.
type BodyReader struct {
	buffers
	Proxies Proxies
	Limit   int
	Timeout time.Duration
	// TooLarge gets a body above the limit, before Read returns; nil: nobody reads on.
	TooLarge func(r *http.Request, body io.Reader)
}

// body is a body in borrowed memory.
type body struct {
	Buf *[]byte // nil: nothing came
	n   int
}

func (b body) Bytes() []byte {
	if b.Buf == nil {
		return nil
	}
	return (*b.Buf)[:b.n]
}

func (b body) size() int {
	if b.Buf == nil {
		return 0
	}
	return len(*b.Buf)
}

// Read reads a request's body. The caller puts its buffer back. After an error the connection
// keeps a deadline, for what net/http still reads of it.
func (b *BodyReader) Read(w http.ResponseWriter, r *http.Request) (body, error) {
	c := connOf(r)
	c.reads(b.Proxies.Client(r))
	h := &hurry{Reader: r.Body, rc: http.NewResponseController(w), began: time.Now(), timeout: b.Timeout}
	h.begin()
	read, err := b.readAll(c, h, r.ContentLength)
	if err != nil {
		if err == ErrBodyTooLarge && b.TooLarge != nil {
			b.TooLarge(r, h.from(read.Bytes()))
		}
		b.Put(read.Buf)
		c.writes(0)
		return body{}, err
	}
	h.end()
	c.works()
	return read, nil
}

// Answered releases what the connection held for the body.
func Answered(r *http.Request) { connOf(r).writes(0) }

func (b *BodyReader) readAll(c *conn, r *hurry, announced int64) (to body, err error) {
	if announced > int64(b.Limit) {
		return to, ErrBodyTooLarge
	}
	most := b.Limit
	if announced > 0 {
		most = int(announced)
	}
	for err == nil {
		var m int
		if m, err = r.Read(c.next[:]); m == 0 {
			continue
		}
		if to.n == b.Limit {
			r.more = c.next[:]
			return to, ErrBodyTooLarge
		}
		if to.n == to.size() && !b.enlarge(c, &to, most) {
			return to, ErrBodySlow
		}
		(*to.Buf)[to.n] = c.next[0]
		to.n++
		for end := min(to.size(), b.Limit); to.n < end && err == nil; {
			m, err = r.Read((*to.Buf)[to.n:end])
			to.n += m
			c.came(m)
		}
	}
	return to, kindOfEnd(err)
}

// enlarge gives a body a buffer of twice the size, and no more than the most that may come. The first
// buffer doesn't count: every connection may have one.
func (b *BodyReader) enlarge(c *conn, to *body, most int) bool {
	size := max(2*to.n, 1<<minBufferBits)
	if size > 1<<maxBufferBits {
		size = min(size, most) // smaller ones are lent again, in their sizes
	}
	if size > 1<<minBufferBits && !c.grow(int64(size)) {
		return false
	}
	larger := b.get(size)
	copy(*larger, to.Bytes())
	b.Put(to.Buf)
	to.Buf = larger
	return true
}

func kindOfEnd(err error) error {
	switch {
	case err == io.EOF:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed): // closed by us alone
		return ErrBodySlow
	default:
		return errBodyCut
	}
}

// hurry is a body with a deadline. Until its first byte the deadline is a random one, so that
// connections opened at one moment don't all end, and come again, at one moment.
type hurry struct {
	io.Reader
	rc      *http.ResponseController // not every ResponseWriter has deadlines
	began   time.Time
	timeout time.Duration
	came    bool
	more    []byte // was read beyond the limit
}

// from returns the whole body, of which the beginning was read.
func (h *hurry) from(begun []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(begun), bytes.NewReader(h.more), h)
}

func (h *hurry) begin() {
	_ = h.rc.SetReadDeadline(h.began.Add(h.timeout/2 + rand.N(h.timeout/2)))
}

func (h *hurry) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 && !h.came {
		h.came = true
		_ = h.rc.SetReadDeadline(h.began.Add(h.timeout))
	}
	return n, err
}

// end removes the deadline. It would end the request's context although the body is
// complete.
func (h *hurry) end() { _ = h.rc.SetReadDeadline(time.Time{}) }
