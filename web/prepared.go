package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Prepared are answers that are the same for everybody, by path. They are made once, so that
// sending one costs next to nothing. They never go out in parts: a header of 16 KB may ask for
// hundreds.
type Prepared map[string]*preparedAnswer

type preparedAnswer struct {
	header http.Header
	etag   string
	body   []byte
	zipped func() []byte // made when first asked for; nil where that saves nothing
}

func (p Prepared) Add(path string, header http.Header, body []byte) {
	p[path] = newPreparedAnswer(header, body)
}

// newPreparedAnswer makes browsers ask each time whether the answer changed, so that a new
// version never meets an old page.
func newPreparedAnswer(header http.Header, body []byte) *preparedAnswer {
	a := &preparedAnswer{header: header, body: body, etag: fmt.Sprintf(`"%x"`, sha256.Sum256(body))}
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", "W/"+a.etag) // weak: zipped or not, it is the same one
	header.Set("Vary", "Accept-Encoding")
	a.zipped = sync.OnceValue(func() []byte {
		if zipped := zip(body); len(zipped) < len(body) {
			return zipped
		}
		return nil
	})
	return a
}

func zip(body []byte) []byte {
	var to bytes.Buffer
	w := gzip.NewWriter(&to)
	_, _ = w.Write(body) // memory takes it
	_ = w.Close()
	return to.Bytes()
}

func (p Prepared) Routes(mux *http.ServeMux) {
	for path, a := range p {
		mux.Handle("GET "+path, a)
	}
}

// ServeHTTP implements [http.Handler].
func (a *preparedAnswer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.header)
	if match := r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.body
	if takesGzip(r) {
		if zipped := a.zipped(); zipped != nil {
			body = zipped
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client is gone if this fails
}

// takesGzip reports whether the request accepts gzip, with any weight but 0.
func takesGzip(r *http.Request) bool {
	for _, one := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return !zeroWeight(weight)
		}
	}
	return false
}

func zeroWeight(weight string) bool {
	_, q, ok := strings.Cut(weight, "q=")
	v, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
	return ok && (err != nil || v == 0)
}
