package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"strconv"
	"sync"
	"time"
)

// conn is one connection of the load. It writes a request by one call, and reads
// only as much of an answer as it needs to find the end: the generator shares its
// cores with the measured program.
type conn struct {
	target  string
	timeout time.Duration

	mu     sync.Mutex // guards net against stop
	net    net.Conn
	ended  bool
	answer *bufio.Reader
	// deadline is the one that is set. It is moved seldom, since that costs
	// more than it is worth for each request.
	deadline time.Time
}

// Why a request got no answer.
const (
	failConnect = "connect"  // no connection could be opened
	failCut     = "cut"      // the connection ended before the answer did
	failTimeout = "timeout"  // no answer within Load.Timeout
	failAnswer  = "answer"   // the answer was not HTTP
	failUnsent  = "not_sent" // the run was over before it was its turn
)

// failure says why a request got no answer.
type failure struct {
	kind  string
	cause error
}

func (f *failure) Error() string { return f.kind + ": " + f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

var errEnded = errors.New("the run has ended")

func newConn(target string, timeout time.Duration) *conn {
	return &conn{target: target, timeout: timeout, answer: bufio.NewReaderSize(nil, 16<<10)}
}

// open connects unless it is connected.
func (c *conn) open(ctx context.Context) error {
	if c.net != nil {
		return nil
	}
	d := net.Dialer{Timeout: c.timeout}
	n, err := d.DialContext(ctx, "tcp", c.target)
	if err != nil {
		return &failure{failConnect, err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		n.Close()
		return &failure{failUnsent, errEnded}
	}
	c.net, c.deadline = n, time.Time{}
	c.answer.Reset(n)
	return nil
}

// close ends the connection; the next request opens another.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		c.net.Close()
		c.net = nil
	}
}

// stop ends the connection for good, from another goroutine.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.net != nil {
		c.net.Close()
	}
}

// roundTrip sends a request and waits for its answer. Any error is
// a [*failure], and leaves the connection closed.
func (c *conn) roundTrip(ctx context.Context, request []byte, now time.Time) (status int, err error) {
	if err := c.open(ctx); err != nil {
		return 0, err
	}
	if c.deadline.Sub(now) < c.timeout {
		c.deadline = now.Add(c.timeout * 3 / 2)
		_ = c.net.SetDeadline(c.deadline) // fails only when closed, and then so does Write
	}
	if _, err = c.net.Write(request); err != nil {
		c.close()
		return 0, broken(err)
	}
	status, keep, err := readAnswer(c.answer)
	if err != nil || !keep {
		c.close()
	}
	return status, err
}

// broken sorts the error of a connection.
func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &failure{failTimeout, err}
	}
	return &failure{failCut, err}
}

// readAnswer reads one answer to its end. keep says whether another may follow
// on the same connection.
func readAnswer(r *bufio.Reader) (status int, keep bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, false, broken(err)
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, false, &failure{failAnswer, fmt.Errorf("the answer begins with %q", line[:min(len(line), 20)])}
	}
	status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, false, &failure{failAnswer, err}
	}
	f, err := readFraming(r)
	if err != nil {
		return status, false, err
	}
	if err := f.discardBody(r, status); err != nil {
		return status, false, broken(err)
	}
	return status, !f.close, nil
}

// framing is how an answer says where it ends.
type framing struct {
	length  int64 // -1: unknown
	chunked bool
	close   bool
}

func readFraming(r *bufio.Reader) (framing, error) {
	f := framing{length: -1}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return f, broken(err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return f, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			f.length, err = strconv.ParseInt(string(value), 10, 64)
			if err != nil || f.length < 0 {
				return f, &failure{failAnswer, fmt.Errorf("Content-Length is %q", value)}
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			f.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			f.close = bytes.EqualFold(value, []byte("close"))
		}
	}
}

func (f *framing) discardBody(r *bufio.Reader, status int) error {
	switch {
	case status == 204 || status == 304:
		return nil
	case f.chunked:
		if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(r)); err != nil {
			return err
		}
		_, err := r.Discard(len("\r\n")) // there are no trailers
		return err
	case f.length >= 0:
		_, err := r.Discard(int(f.length))
		return err
	}
	f.close = true
	_, err := io.Copy(io.Discard, r)
	return err
}
