package web

import (
	"net/http"
	"strconv"
)

// maxAnswer is the longest answer that waits until its handler is done. A longer one goes out
// while the handler writes it.
const maxAnswer = 2 << 20

// bufferedWriter keeps an answer in memory until its handler is done. It has no deadlines, and
// nobody can flush it.
type bufferedWriter struct {
	http.ResponseWriter
	lent   *buffers
	status int
	held   body
	long   bool // it goes out as it is written
}

// WriteHeader implements [http.ResponseWriter].
func (a *bufferedWriter) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *bufferedWriter) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	n := a.held.n + len(p)
	if !a.long && n > maxAnswer {
		a.release()
		a.long = true
	}
	if a.long {
		return a.ResponseWriter.Write(p)
	}
	if n > a.held.size() {
		larger := a.lent.get(n)
		copy(*larger, a.held.Bytes())
		a.lent.Put(a.held.Buf)
		a.held.Buf = larger
	}
	a.held.n += copy((*a.held.Buf)[a.held.n:], p)
	return len(p), nil
}

// send writes the answer out.
func (a *bufferedWriter) send() {
	if !a.long && a.status != 0 {
		if a.held.n > 0 {
			a.Header().Set("Content-Length", strconv.Itoa(a.held.n))
		}
		a.release()
	}
}

func (a *bufferedWriter) release() {
	a.ResponseWriter.WriteHeader(a.status)
	if a.held.n > 0 {
		_, _ = a.ResponseWriter.Write(a.held.Bytes()) // the client is gone if this fails
	}
}

// drop ends the answer.
func (a *bufferedWriter) drop() { a.lent.Put(a.held.Buf) }
