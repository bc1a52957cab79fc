package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// event is one server-sent event.
type event struct{ id, name, data string }

// follow opens the stream and returns what comes.
func (r *rig) follow(path, secret string, change ...func(*http.Request)) (<-chan event, context.CancelFunc) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", r.URL+path, nil)
	must(r, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	for _, c := range change {
		c(req)
	}
	res, err := r.Client().Do(req)
	must(r, err)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(res.Body)
		r.Fatalf("%d %v %s", res.StatusCode, res.Header, b)
	}
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		defer res.Body.Close()
		readEvents(res.Body, func(e event) { events <- e })
	}()
	r.Cleanup(cancel)
	return events, cancel
}

// readEvents reads as a browser would, and shows blocks without data too.
func readEvents(from io.Reader, each func(event)) {
	var e event
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if value != "" {
				each(event{name: "comment", data: value})
			} else if e != (event{}) {
				each(e)
			}
			e = event{}
		}
	}
}

// next returns the next event that has data.
func next(t testing.TB, events <-chan event) event {
	t.Helper()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatal("the stream has ended")
			}
			if e.data != "" && e.name != "comment" {
				return e
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing comes")
		}
	}
}

// ready waits for the stream to be open, which its first id tells.
func ready(t testing.TB, events <-chan event) event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("the stream doesn't open")
	}
	return event{}
}

func TestStreamTellsWhatChanges(t *testing.T) {
	r := newRig(t)
	r.device(demo, "phone-0")
	r.order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	r.order(other, 7)
	r.order(demo, 1)
	e := next(t, events)
	var o map[string]any
	must(t, json.Unmarshal([]byte(e.data), &o))
	if e.name != "order.recorded" || e.id == "" || o["name"] != "#1001" || o["items"] != nil || o["pushes"] != nil || o["placed_at"] == nil {
		t.Errorf("%+v", e)
	}
	if a := r.call("PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"seen"}`); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	if e := next(t, events); e.name != "order.updated" || !strings.Contains(e.data, `"handling":"seen"`) {
		t.Errorf("%+v", e)
	}
	owed, err := r.db.ClaimPushes(t.Context(), r.clock.Now(), 10, time.Minute)
	must(t, err)
	for _, o := range owed {
		must(t, r.db.SettlePushes(t.Context(), []store.Settled{{Pushes: o.Pushes, Status: bellhop.PushSent, At: r.clock.Now()}}))
	}
	if e := next(t, events); e.name != "push.settled" || !strings.Contains(e.data, `"status":"sent"`) || !strings.Contains(e.data, `"order":"82098291194615450`) {
		t.Errorf("%+v", e)
	}
}

func TestStreamResumes(t *testing.T) {
	r := newRig(t)
	r.order(demo, 0)
	events, cancel := r.follow("/v1/stream?last_event_id=0", ownerSession)
	first := next(t, events)
	if first.name != "order.recorded" || !strings.Contains(first.data, "#1000") {
		t.Fatalf("%+v", first)
	}
	cancel()
	for range events {
	}
	for n := range 5 {
		r.order(demo, n+1)
		r.order(other, n)
	}
	// The header goes before the address, which a browser keeps as it was.
	events, _ = r.follow("/v1/stream?last_event_id=0", ownerSession, withHeader("Last-Event-ID", first.id))
	for n := range 5 {
		if e := next(t, events); !strings.Contains(e.data, fmt.Sprintf(`"name":"#%d"`, 1001+n)) {
			t.Errorf("%d: %+v", n, e)
		}
	}
	r.order(demo, 9)
	if e := next(t, events); !strings.Contains(e.data, "#1009") {
		t.Errorf("what came after resuming: %+v", e)
	}
}

func TestStreamThatCannotResumeIsReset(t *testing.T) {
	r := newRig(t)
	r.order(demo, 0)
	last, err := r.db.LastChange(t.Context())
	must(t, err)
	events, _ := r.follow("/v1/stream?last_event_id=99999", ownerSession)
	if e := next(t, events); e.name != "reset" || e.id != fmt.Sprint(last) {
		t.Errorf("an id of the future: %+v", e)
	}
}

func TestStreamOfOldChangesIsReset(t *testing.T) {
	r := newRig(t, func(o *web.Options) { o.Store = prunedStore{o.Store} })
	r.order(demo, 0)
	events, _ := r.follow("/v1/stream?last_event_id=0", ownerSession)
	if e := next(t, events); e.name != "reset" {
		t.Errorf("%+v", e)
	}
	r.order(demo, 1)
	if e := next(t, events); e.name != "order.recorded" || !strings.Contains(e.data, "#1001") {
		t.Errorf("after the reset: %+v", e)
	}
}

// prunedStore has dropped changes before the last.
type prunedStore struct{ web.Store }

func (s prunedStore) FirstChange(ctx context.Context) (int64, error) {
	last, err := s.LastChange(ctx)
	return last + 1, err
}

func TestStreamOfADeletedOrder(t *testing.T) {
	r := newRig(t)
	o := r.order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	e := &bellhop.Event{ID: bellhop.EventID{9}, Shop: demo, Topic: "orders/delete", AcceptedAt: day, SignedBy: bellhop.SignerApp, Body: []byte("{}")}
	_, err := r.db.Record(t.Context(), []bellhop.Fact{{Event: e, At: day, OrderID: o.ID, Deleted: true}})
	must(t, err)
	if e := next(t, events); e.name != "order.updated" || e.data != `{"id":"820982911946154508","shop":"demo.myshopify.com","deleted":true}` {
		t.Errorf("%+v", e)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := newRig(t, func(o *web.Options) { o.Listeners = 8 })
	var cancel context.CancelFunc
	var first <-chan event
	for range 2 {
		first, cancel = r.follow("/v1/stream", ownerSession)
	}
	a := r.call("GET", "/v1/stream", ownerSession, "")
	r.problem(a, 503, "busy")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	r.follow("/v1/stream", otherSession) // has a share of its own
	cancel()
	for range first {
	}
	// The place is free once the handler has noticed, which nothing tells.
	deadline := time.Now().Add(10 * time.Second)
	for r.call("GET", "/v1/orders", ownerSession, ""); ; {
		req, _ := http.NewRequest("GET", r.URL+"/v1/stream", nil)
		req.Header.Set("Authorization", "Bearer "+ownerSession)
		res, err := r.Client().Do(req)
		must(t, err)
		res.Body.Close()
		if res.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a closed stream keeps its place")
		}
	}
}

func TestStreamsEndAtShutdown(t *testing.T) {
	r := newRig(t, func(o *web.Options) { o.Logger = nil })
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	second, err := web.New(web.Options{Store: r.db, Acceptor: r.acceptor})
	must(t, err)
	second.Close()
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/v1/stream", nil)
	req.Header.Set("Authorization", "Bearer "+demoToken)
	second.Handler().ServeHTTP(w, req)
	if w.Code != 503 {
		t.Errorf("a stream opens after Close: %d", w.Code)
	}
}

// pipe is an answer that is read as it is written, under synctest's clock.
type pipe struct {
	*io.PipeWriter
	header http.Header
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) Flush()              {}

// memory is as much of a store as a stream needs, under a clock that is no
// machine's.
type memory struct {
	web.Store
	mu      sync.Mutex
	changes []store.Change
	changed chan struct{}
	revoked bool
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
	return bellhop.Session{}, bellhop.Person{ID: 1, Role: bellhop.RoleOwner, Shop: demo}, nil
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
func openInBubble(t *testing.T, m *memory) (<-chan event, <-chan struct{}, *web.Server) {
	srv, err := web.New(web.Options{Store: m, Acceptor: &acceptor{}})
	must(t, err)
	pr, done := openRaw(t, srv)
	events := make(chan event)
	go func() {
		defer close(events)
		readEvents(pr, func(e event) { events <- e })
	}()
	return events, done, srv
}

func openRaw(t *testing.T, srv *web.Server) (*io.PipeReader, <-chan struct{}) {
	pr, pw := io.Pipe()
	done := make(chan struct{})
	req := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/stream", nil)
	req.Header.Set("Authorization", "Bearer bh_s_somebody")
	go func() {
		defer close(done)
		srv.Handler().ServeHTTP(&pipe{PipeWriter: pw, header: http.Header{}}, req)
		pw.Close()
	}()
	return pr, done
}

func TestSlowListenerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		quick, quickDone, srv := openInBubble(t, m)
		slow, slowDone := openRaw(t, srv)
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
