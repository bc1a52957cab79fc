package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
)

// memory is as much of a store as a stream needs, under a clock that is no
// machine's.
type memory struct {
	site.Store
	mu      sync.Mutex
	changes []store.Change
	changed chan struct{}
	revoked bool
	left    bool // the person has another shop now, and the session goes on
}

func (m *memory) add(kind store.ChangeKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, store.Change{Seq: int64(len(m.changes) + 1), Kind: kind, Shop: demo, OrderID: 1})
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return m.changed
}

func (m *memory) Changes(_ context.Context, _ string, after int64, limit int) ([]store.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := m.changes[min(int(after), len(m.changes)):]
	return left[:min(limit, len(left))], nil
}

func (m *memory) LastChange(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.changes)), nil
}

func (m *memory) FirstChange(context.Context) (int64, error) { return 1, nil }

func (m *memory) Order(context.Context, string, int64) (bellhop.Order, error) {
	return bellhop.Order{Shop: demo, ID: 1, Name: "#1", Total: usd(100)}, nil
}

func (m *memory) Session(context.Context, [32]byte, time.Time) (bellhop.Session, bellhop.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revoked {
		return bellhop.Session{}, bellhop.Person{}, bellhop.Errorf(bellhop.NotFound, "not_found", "none")
	}
	p := bellhop.Person{ID: 1}
	p.SetShops([]bellhop.Membership{ownerOf(demo), staffOf(other)})
	if m.left {
		p.SetShops([]bellhop.Membership{staffOf(other)})
	}
	return bellhop.Session{}, p, nil
}

func (m *memory) Connection(context.Context, string) (bellhop.Connection, error) {
	return bellhop.Connection{}, bellhop.Errorf(bellhop.NotFound, "not_found", "none")
}

// TestRevokedSessionsAreToldNothing makes changes all the time: the stream notices a revoked
// credential with one of them, not with the next heartbeat.
func TestRevokedSessionsAreToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		events, done, srv := openInBubble(t, m)
		began := time.Now()
		<-events // it is open
		go func() {
			for range events {
			}
		}()
		m.mu.Lock()
		m.revoked = true
		m.mu.Unlock()
		for open := true; open; {
			select {
			case <-time.After(time.Second):
				m.add(store.ChangeHandled)
			case <-done:
				open = false
			}
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it ended after %s", took)
		}
		srv.Close()
	})
}

// TestStreamsEndWithTheMembership: somebody is taken out of the shop, and their session goes on for another one.
func TestStreamsEndWithTheMembership(t *testing.T) {
	for _, path := range []string{web.StreamPath, web.LivePath} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			srv, err := site.New(site.Options{Store: m, Acceptor: &acceptor{}})
			must(t, err)
			pr, done := openRaw(t, srv, path)
			go io.Copy(io.Discard, pr)
			synctest.Wait()
			began := time.Now()
			m.mu.Lock()
			m.left = true
			m.mu.Unlock()
			select {
			case <-done:
			case <-time.After(time.Minute):
			}
			if took := time.Since(began); took > 16*time.Second {
				t.Errorf("%s goes on after %s", path, took)
			}
			srv.Close()
		})
	}
}

func TestHeartbeatsAndRevokedSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		events, done, srv := openInBubble(t, m)
		began, beats := time.Now(), 0
		for e := range events {
			if e.name == "comment" {
				beats++
			}
			if beats == 10 {
				m.mu.Lock()
				m.revoked = true
				m.mu.Unlock()
				beats++
			}
		}
		<-done
		if took := time.Since(began); took != 165*time.Second {
			t.Errorf("a revoked session's stream ended after %s", took)
		}
		srv.Close()
	})
}

// openInBubble opens a stream that is read at once.
func openInBubble(t *testing.T, m *memory) (<-chan event, <-chan struct{}, *site.Server) {
	srv, err := site.New(site.Options{Store: m, Acceptor: &acceptor{}})
	must(t, err)
	pr, done := openRaw(t, srv, web.StreamPath)
	events := make(chan event)
	go func() {
		defer close(events)
		readEvents(pr, func(e event) { events <- e })
	}()
	return events, done, srv
}

func openRaw(t *testing.T, srv *site.Server, path string) (*io.PipeReader, <-chan struct{}) {
	pr, pw := io.Pipe()
	done := make(chan struct{})
	req := httptest.NewRequestWithContext(t.Context(), "GET", path+"?shop="+demo, nil)
	req.Header.Set("Authorization", "Bearer bh_s_somebody")
	go func() {
		defer close(done)
		srv.Handler().ServeHTTP(&pipe{PipeWriter: pw, Headers: http.Header{}}, req)
		pw.Close()
	}()
	return pr, done
}

func TestSlowListenerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		quick, quickDone, srv := openInBubble(t, m)
		slow, slowDone := openRaw(t, srv, web.StreamPath)
		// It reads the first blocks and then no more.
		lines := bufio.NewReader(slow)
		for range 4 {
			_, err := lines.ReadString('\n')
			must(t, err)
		}
		got := make(chan int)
		go func() {
			n := 0
			for e := range quick {
				if e.data != "" && e.name == "order.updated" {
					n++
				}
			}
			got <- n
		}()
		synctest.Wait()
		for range 100 {
			m.add(store.ChangeUpdated)
			time.Sleep(time.Second) // the bubble's clock
		}
		slow.CloseWithError(errors.New("gone"))
		<-slowDone
		srv.Close()
		<-quickDone
		if n := <-got; n != 100 {
			t.Errorf("the quick one got %d of 100", n)
		}
	})
}

func TestReadsOfAFloodAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		events, done, srv := openInBubble(t, m)
		first := <-events
		if first.id != "0" {
			t.Errorf("%+v", first)
		}
		for range 50_000 {
			m.add(store.ChangeUpdated)
		}
		n, last := 0, event{}
		for e := range events {
			n, last = n+1, e
			if e.id == "50000" {
				break
			}
		}
		if last.name != "reset" || n > 2500 {
			t.Errorf("%d events, the last %+v", n, last)
		}
		go func() {
			for range events {
			}
		}()
		srv.Close()
		<-done
	})
}
