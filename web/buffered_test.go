package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// unread is an answer that nobody reads.
type unread struct {
	http.ResponseWriter
	until chan struct{}
}

func (u unread) Write(p []byte) (int, error) { <-u.until; return u.ResponseWriter.Write(p) }

// TestUnreadAnswersKeepNobodyOut leaves the first answers unread.
func TestUnreadAnswersKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := strings.Repeat("x", 300<<10)
		h := bounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			for i := range 3 {
				io.WriteString(w, page[i*100<<10:(i+1)*100<<10])
			}
		}), 1, func(string) bool { return false })
		until, first, done := make(chan struct{}), httptest.NewRecorder(), make(chan struct{})
		go func() {
			h.ServeHTTP(unread{first, until}, httptest.NewRequest("GET", "/", nil))
			close(done)
		}()
		synctest.Wait()
		second := httptest.NewRecorder()
		h.ServeHTTP(second, httptest.NewRequest("GET", "/", nil))
		close(until)
		<-done
		for _, w := range []*httptest.ResponseRecorder{first, second} {
			if w.Code != http.StatusTeapot || w.Body.String() != page || w.Header().Get("Content-Length") != "307200" {
				t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
			}
		}
	})
}

// TestLongAnswers go out as they are written.
func TestLongAnswers(t *testing.T) {
	part := strings.Repeat("x", 1<<20)
	w := httptest.NewRecorder()
	h := bounded(http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) {
		for i := range 5 {
			io.WriteString(to, part)
			if out := w.Body.Len() > 0; out != (i >= 2) {
				t.Errorf("after %d MiB %d bytes are out", i+1, w.Body.Len())
			}
		}
	}), 1, func(string) bool { return false })
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 200 || w.Body.Len() != 5<<20 || w.Header().Get("Content-Length") != "" {
		t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}
