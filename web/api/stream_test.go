package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
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
		case <-time.After(time.Minute):
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
	case <-time.After(time.Minute):
		t.Fatal("the stream doesn't open")
	}
	return event{}
}

func TestStreamTellsWhatChanges(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone-0")
	r.Order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	r.Order(other, 7)
	r.Order(demo, 1)
	e := next(t, events)
	var o map[string]any
	must(t, json.Unmarshal([]byte(e.data), &o))
	if e.name != "order.recorded" || e.id == "" || o["name"] != "#1001" || o["items"] != nil || o["pushes"] != nil ||
		o["placed_at"] == nil {
		t.Errorf("%+v", e)
	}
	if a := r.Call("PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"seen"}`); a.StatusCode != 200 {
		t.Fatal(a.Body)
	}
	if e := next(t, events); e.name != "order.updated" || !strings.Contains(e.data, `"handling":"seen"`) {
		t.Errorf("%+v", e)
	}
	owed, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 10}, time.Minute)
	must(t, err)
	for _, o := range owed {
		must(t, r.DB.SettlePushes(t.Context(),
			[]store.Settled{{Pushes: o.Pushes, Status: bellhop.PushSent, At: r.Clock.Now()}}))
	}
	if e := next(t, events); e.name != "push.settled" || !strings.Contains(e.data, `"status":"sent"`) ||
		!strings.Contains(e.data, `"order":"82098291194615450`) {
		t.Errorf("%+v", e)
	}
}

func TestStreamResumes(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	events, cancel := r.follow("/v1/stream?last_event_id=0", ownerSession)
	first := next(t, events)
	if first.name != "order.recorded" || !strings.Contains(first.data, "#1000") {
		t.Fatalf("%+v", first)
	}
	cancel()
	for range events {
	}
	for n := range 5 {
		r.Order(demo, n+1)
		r.Order(other, n)
	}
	// The header goes before the address, which a browser keeps as it was.
	events, _ = r.follow("/v1/stream?last_event_id=0", ownerSession, withHeader("Last-Event-ID", first.id))
	for n := range 5 {
		if e := next(t, events); !strings.Contains(e.data, fmt.Sprintf(`"name":"#%d"`, 1001+n)) {
			t.Errorf("%d: %+v", n, e)
		}
	}
	r.Order(demo, 9)
	if e := next(t, events); !strings.Contains(e.data, "#1009") {
		t.Errorf("after resuming came %+v", e)
	}
}

func TestStreamThatCannotResumeIsReset(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	last, err := r.DB.LastChange(t.Context())
	must(t, err)
	events, _ := r.follow("/v1/stream?last_event_id=99999", ownerSession)
	if e := next(t, events); e.name != "reset" || e.id != fmt.Sprint(last) {
		t.Errorf("an id of the future: %+v", e)
	}
}

func TestStreamOfOldChangesIsReset(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.Store = prunedStore{o.Store} })
	r.Order(demo, 0)
	events, _ := r.follow("/v1/stream?last_event_id=0", ownerSession)
	if e := next(t, events); e.name != "reset" {
		t.Errorf("%+v", e)
	}
	r.Order(demo, 1)
	if e := next(t, events); e.name != "order.recorded" || !strings.Contains(e.data, "#1001") {
		t.Errorf("after the reset: %+v", e)
	}
}

// prunedStore dropped the changes before the last.
type prunedStore struct{ site.Store }

func (s prunedStore) FirstChange(ctx context.Context) (int64, error) {
	last, err := s.LastChange(ctx)
	return last + 1, err
}

func TestStreamIsResetWhenTheStoreGoesBack(t *testing.T) {
	restored := &restoredStore{}
	r := newRig(t, func(o *site.Options) { restored.Store, o.Store = o.Store, restored })
	r.Order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	restored.back.Store(1)
	r.Device(demo, "phone-0") // changes nothing that is followed, and wakes the hub
	if e := next(t, events); e.name != "reset" || e.id != "0" {
		t.Errorf("%+v", e)
	}
}

// TestStreamIsResetWhenNumbersGoOnAbove restores a backup as bellhop restore does.
func TestStreamIsResetWhenNumbersGoOnAbove(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	must(t, r.DB.Renumber(t.Context(), 1_000_000))
	if e := next(t, events); e.name != "reset" || e.id != "1000000" {
		t.Errorf("%+v", e)
	}
	r.Order(demo, 1)
	if e := next(t, events); e.name != "order.recorded" || e.id != "1000001" {
		t.Errorf("after the reset: %+v", e)
	}
}

// restoredStore looks as if the last changes had never been.
type restoredStore struct {
	site.Store
	back atomic.Int64
}

func (s *restoredStore) LastChange(ctx context.Context) (int64, error) {
	last, err := s.Store.LastChange(ctx)
	return last - s.back.Load(), err
}

func TestStreamOfADeletedOrder(t *testing.T) {
	r := newRig(t)
	o := r.Order(demo, 0)
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	e := &bellhop.Event{ID: bellhop.EventID{9}, Shop: demo, Topic: "orders/delete", AcceptedAt: day,
		SignedBy: bellhop.SignerApp, Body: []byte("{}")}
	_, err := r.DB.Record(t.Context(), []bellhop.Fact{{Event: e, At: day, OrderID: o.ID, Deleted: true}})
	must(t, err)
	if e := next(t, events); e.name != "order.updated" ||
		e.data != `{"id":"820982911946154508","shop":"demo.myshopify.com","deleted":true}` {
		t.Errorf("%+v", e)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.Listeners = 8 })
	var cancel context.CancelFunc
	var first <-chan event
	for range 2 {
		first, cancel = r.follow("/v1/stream", ownerSession)
	}
	a := r.Call("GET", "/v1/stream", ownerSession, "")
	r.Problem(a, 503, "busy")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	r.follow("/v1/stream", otherSession) // its share is its own
	cancel()
	for range first {
	}
	// The place is free once the handler has noticed, which nothing shows.
	deadline := time.Now().Add(time.Minute)
	for r.Call("GET", "/v1/orders", ownerSession, ""); ; {
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

// One person with all their streams open leaves others of the shop theirs.
func TestStreamsOfAPersonAreBounded(t *testing.T) {
	r := newRig(t)
	const secret = "bh_s_another"
	must(t, r.DB.AddSession(t.Context(), bellhop.Session{TokenHash: web.HashToken(secret), PersonID: r.Owner.ID,
		CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour)}, ""))
	for n := range 32 {
		if n%2 == 0 {
			r.follow("/v1/stream", ownerSession)
		} else {
			r.follow("/v1/stream", secret)
		}
	}
	r.Problem(r.Call("GET", "/v1/stream", ownerSession, ""), 429, "too_many_streams")
	if a := r.Call("GET", "/live", "", "", withCookie(secret)); a.StatusCode != 429 {
		t.Errorf("of the console: %d", a.StatusCode)
	}
	r.follow("/v1/stream", demoToken)
}

// A shop that changes things without pause has to wait; other shops don't.
func TestChangesOfAShopAreBounded(t *testing.T) {
	r := newRig(t)
	gone := func(secret string) reply { return r.Call("DELETE", "/v1/devices/none", secret, "") }
	for range 1000 {
		r.Problem(gone(ownerSession), 404, "device_not_found")
		r.Problem(gone(demoToken), 404, "device_not_found")
	}
	a := gone(ownerSession)
	r.Problem(a, 429, "rate_limited")
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.Header)
	}
	r.Problem(gone(demoToken), 429, "rate_limited")
	if a := r.Post("/devices/remove", ownerSession, url.Values{"device": {"none"}}); a.StatusCode != 429 ||
		!strings.Contains(a.Body, "Too many requests at once") {
		t.Errorf("in the console: %d %s", a.StatusCode, a.Body)
	}
	if a := r.Call("GET", "/v1/orders", ownerSession, ""); a.StatusCode != 200 {
		t.Errorf("looking: %d", a.StatusCode)
	}
	r.Problem(gone(otherSession), 404, "device_not_found")
	r.Clock.Add(time.Second)
	r.Problem(gone(ownerSession), 404, "device_not_found")
}

func TestStreamsEndAtShutdown(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.Logger = nil })
	events, _ := r.follow("/v1/stream", ownerSession)
	ready(t, events)
	second, err := site.New(site.Options{Store: r.DB, Acceptor: r.Acceptor})
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
