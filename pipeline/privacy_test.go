package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// desk is a shop with a queue, and what carries out requests for it.
type desk struct {
	*testing.T
	dir   string
	parts *wire.Parts
	store store.Store
	queue queue.Queue
	now   time.Time
	log   strings.Builder
	n     int
}

const (
	jo    = "jo.lee@example.com"
	joID  = 191167000123
	annID = 191167000999
)

func openDesk(t *testing.T) *desk {
	t.Helper()
	s := wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}
	d := &desk{T: t, now: noon, dir: s.Dir}
	parts, err := s.Open(t.Context(), wire.Options{Now: d.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	d.parts, d.store, d.queue = parts, parts.Store, parts.Queue
	d.must(d.store.AddShop(t.Context(), bellhop.Shop{Domain: domain, AddedAt: noon}))
	return d
}

func (d *desk) clock() time.Time { return d.now }

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) privacy() *pipeline.Privacy {
	return &pipeline.Privacy{Store: d.store, Queues: []pipeline.PersonalQueue{d.queue}, Process: "test", Now: d.clock,
		Log: slog.New(slog.NewTextHandler(&d.log, nil))}
}

func (d *desk) event(topic, body string) *bellhop.Event {
	d.Helper()
	d.n++
	d.now = d.now.Add(time.Second)
	id := uuid.Must(uuid.NewV7())
	return &bellhop.Event{ID: bellhop.EventID(id), Shop: domain, Topic: topic, Body: []byte(body),
		WebhookID: fmt.Sprint("webhook-", d.n), SignedBy: bellhop.SignerApp, TriggeredAt: d.now, AcceptedAt: d.now}
}

func (d *desk) recorder() *pipeline.Recorder {
	return &pipeline.Recorder{Store: d.store, Now: d.clock, Log: slog.New(slog.DiscardHandler)}
}

// record records a webhook that came.
func (d *desk) record(topic, body string) *bellhop.Event {
	d.Helper()
	e := d.event(topic, body)
	d.must(d.recorder().Record(d.Context(), []*bellhop.Event{e})[0].Err)
	return e
}

// die makes a dead letter of a webhook.
func (d *desk) die(topic, body string) *bellhop.Event {
	d.Helper()
	e := d.event(topic, body)
	d.must(d.queue.Send(d.Context(), e))
	all, err := d.queue.Receive(d.Context(), 1)
	d.must(err)
	d.must(d.recorder().Dead(d.Context(), all[0].Event, "spoilt"))
	d.must(d.queue.Settle(d.Context(), queue.Settlement{Receipt: all[0].Receipt, Verdict: queue.DeadLetter}))
	return e
}

// ordered is an order's body with all that names its customer.
func ordered(id int64, customer int64, name, email string, at time.Time) string {
	first, last, _ := strings.Cut(name, " ")
	address := fmt.Sprintf(`{"first_name":%q,"last_name":%q,"name":%q,"address1":"1 Quay of %s","phone":"+1 555 0117"}`,
		first, last, name, last)
	return fmt.Sprintf(`{`+simulate.Blank+`"id":%d,"name":"#%d","order_number":%d,"currency":"USD","total_price":"12.00","email":%q,`+
		`"contact_email":%q,"note":"for %s","customer":{"id":%d,"email":%q,"first_name":%q,"last_name":%q},`+
		`"billing_address":%s,"shipping_address":%s,"note_attributes":[{"name":"gift","value":"to %s"}],`+
		`"line_items":[{"id":%d,"title":"Tee","quantity":1,"price":"12.00","properties":[{"name":"engraving","value":%q}]}],`+
		`"created_at":%q,"updated_at":%q}`, id, id, id, email, email, name, customer, email, first, last, address, address,
		name, id+1, name, at.Format(time.RFC3339), at.Format(time.RFC3339))
}

// fill records two customers' orders with all around them, and returns the events by what they are.
func (d *desk) fill() map[string]*bellhop.Event {
	d.Helper()
	e := map[string]*bellhop.Event{}
	e["order 1"] = d.record("orders/create", ordered(299938000001, joID, "Jo Lee", jo, noon))
	e["order 2"] = d.record("orders/create", ordered(299938000002, joID, "Jo Lee", "JO.LEE@example.com", noon))
	e["parcel of 1"] = d.record("fulfillments/create", `{"id":77,"order_id":299938000001,"status":"success",`+
		`"tracking_number":"TRACK4711","created_at":"2026-11-22T10:00:00Z","updated_at":"2026-11-22T10:00:00Z"}`)
	e["customer"] = d.record("customers/update", `{"id":191167000123,"email":"jo.lee@example.com"}`)
	e["other order"] = d.record("orders/create", ordered(299938000003, annID, "Ann Lee", "ajo.lee@example.com", noon))
	e["other customer"] = d.record("customers/update", `{"id":191167000999,"email":"ajo.lee@example.com"}`)
	e["dead"] = d.die("orders/create", `{"id":299938000009,"email":"jo.lee@example.com","customer":{"fir`)
	e["other dead"] = d.die("orders/create", `{"id":299938000010,"email":"ajo.lee@example.com","customer":{"fir`)
	return e
}

func (d *desk) request(kind bellhop.RequestKind, who bellhop.Subject) bellhop.PrivacyRequest {
	d.Helper()
	d.now = d.now.Add(time.Minute)
	r, err := d.store.AddRequest(d.Context(), bellhop.PrivacyRequest{Shop: domain, Kind: kind, RequestedAt: d.now,
		ReceivedAt: d.now, DueAt: d.now.Add(bellhop.RequestTime), Subject: who})
	d.must(err)
	return r
}

func (d *desk) after(r bellhop.PrivacyRequest) bellhop.PrivacyRequest {
	d.Helper()
	r, err := d.store.Request(d.Context(), r.Shop, r.ID)
	d.must(err)
	return r
}

// counts are the counts of a request's steps.
func counts(r bellhop.PrivacyRequest) map[string]int {
	all := map[string]int{}
	for _, s := range r.Steps {
		all[s.What] = s.N
	}
	return all
}

// left lists which of some events still have their body, in the database or among the dead letters.
func (d *desk) left(all map[string]*bellhop.Event) (names []string) {
	d.Helper()
	kept, err := d.store.Archived(d.Context(), domain, time.Time{}, bellhop.EventID{}, 1000)
	d.must(err)
	dead, err := d.queue.DeadLetters(d.Context(), queue.Cursor{}, 1000)
	d.must(err)
	for name, e := range all {
		if slices.ContainsFunc(kept, func(k *bellhop.Event) bool { return k.ID == e.ID }) ||
			slices.ContainsFunc(dead, func(k queue.DeadEvent) bool { return k.Event.ID == e.ID }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d *desk) same(what string, got, want any) {
	d.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		d.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var (
	forgottenSteps = map[string]int{"orders": 2, "bodies": 4, "dead_letters": 1, "exports": 1, "queue": 0, "files": 0}
	othersEvents   = []string{"other customer", "other dead", "other order"}
)

// checkForgotten checks that all of Jo is gone, and nothing of Ann.
func (d *desk) checkForgotten(r bellhop.PrivacyRequest, export int64, events map[string]*bellhop.Event) {
	d.Helper()
	r = d.after(r)
	if r.Outcome != bellhop.RequestDone || r.DoneAt.IsZero() || r.Process != "test" || !r.Subject.IsZero() {
		d.Errorf("the request ended as %q at %v by %q, about %+v", r.Outcome, r.DoneAt, r.Process, r.Subject)
	}
	d.same("the steps", counts(r), forgottenSteps)
	d.same("events with a body", d.left(events), othersEvents)
	for id := int64(299938000001); id <= 299938000003; id++ {
		o, err := d.store.Order(d.Context(), domain, id)
		d.must(err)
		text, err := json.Marshal(o)
		d.must(err)
		if named := strings.Contains(string(text), "Lee"); named != (id == 299938000003) || o.Total.String() != "12.00" {
			d.Errorf("order %d names its customer: %v, and comes to %v", id, named, o.Total)
		}
	}
	if _, err := d.store.PrivacyExport(d.Context(), domain, export); bellhop.KindOf(err) != bellhop.NotFound {
		d.Errorf("the export is still there: %v", err)
	}
	if strings.Contains(strings.ToLower(d.log.String()), "lee") {
		d.Error("the log names the customer")
	}
	d.must(fs.WalkDir(os.DirFS(d.dir), ".", func(name string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(d.dir, name))
		if strings.Contains(strings.ReplaceAll(string(text), "a"+jo, ""), jo) { // somebody else has that address
			d.Errorf("the file %s names the customer", name)
		}
		return err
	}))
}

// TestForget forgets one of two customers, whose export was made before.
func TestForget(t *testing.T) {
	d := openDesk(t)
	events := d.fill()
	give := d.request(bellhop.RequestGive, bellhop.Subject{Email: jo})
	d.must(d.privacy().Round(t.Context()))
	backup := bellhop.BackupNote{Name: "bellhop-2026-11.db", MadeAt: d.now, Until: d.now.Add(24 * time.Hour)}
	d.must(d.store.AddBackup(t.Context(), backup))
	r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID, Email: jo})
	d.must(d.privacy().Round(t.Context()))
	d.checkForgotten(r, give.ID, events)
	d.same("backups that still hold the customer", d.after(r).Backups, []bellhop.BackupNote{backup})
	lines, err := d.store.Lines(t.Context(), store.LineQuery{Shop: domain, Outcome: bellhop.OutcomeDead})
	d.must(err)
	if n := slices.IndexFunc(lines.Lines, func(l store.Line) bool {
		return l.Event.ID == events["dead"].ID && strings.Contains(l.Reason, "request 2")
	}); n < 0 {
		t.Errorf("the ledger does not say why a dead letter was dropped: %+v", lines.Lines)
	}
	again := d.request(bellhop.RequestForget, bellhop.Subject{Email: jo})
	got, err := d.privacy().Run(t.Context(), again.ID)
	d.must(err)
	if got.Outcome != bellhop.RequestNothingFound {
		t.Errorf("once more: %q", got.Outcome)
	}
}

// TestForgetEndsTheSame ends carrying out a request at each point, each time that it is passed, and goes on.
func TestForgetEndsTheSame(t *testing.T) {
	type crash struct{}
	passed := 0
	for at := 1; at == 1 || passed >= at-1; at++ {
		d := openDesk(t)
		events := d.fill()
		give := d.request(bellhop.RequestGive, bellhop.Subject{Email: jo})
		r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID, Email: jo})
		passed = 0
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(crash{}) {
					panic(p)
				}
			}()
			p := d.privacy()
			p.Probe = func(pipeline.Point) {
				if passed++; passed == at {
					panic(crash{})
				}
			}
			d.must(p.Round(t.Context()))
		}()
		d.must(d.privacy().Round(t.Context()))
		d.checkForgotten(r, give.ID, events)
		if t.Failed() {
			t.Fatalf("after a crash at the %d. point", at)
		}
	}
	if passed < 8 {
		t.Errorf("there were only %d points", passed)
	}
}

// TestForgetWaitsForTheQueue finds what becomes a dead letter only after the first search.
func TestForgetWaitsForTheQueue(t *testing.T) {
	d := openDesk(t)
	events := d.fill()
	late := d.event("orders/create", `{"id":299938000011,"email":"jo.lee@example.com","custo`)
	d.must(d.queue.Send(t.Context(), late))
	events["late"] = late
	r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID, Email: jo})
	for range 2 {
		d.must(d.privacy().Round(t.Context()))
	}
	if r = d.after(r); !r.Open() || counts(r)["orders"] != 2 {
		t.Fatalf("while an event waits: %q, %v", r.Outcome, counts(r))
	}
	all, err := d.queue.Receive(t.Context(), 1)
	d.must(err)
	d.must(d.recorder().Dead(t.Context(), all[0].Event, "spoilt"))
	d.must(d.queue.Settle(t.Context(), queue.Settlement{Receipt: all[0].Receipt, Verdict: queue.DeadLetter}))
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); r.Outcome != bellhop.RequestDone || counts(r)["dead_letters"] != 2 {
		t.Errorf("once it is a dead letter: %q, %v", r.Outcome, counts(r))
	}
	d.same("events with a body", d.left(events), othersEvents)
}

// TestForgetInABusyQueue ends although something always waits, once all of it came after the request.
func TestForgetInABusyQueue(t *testing.T) {
	d := openDesk(t)
	d.fill()
	old := d.event("orders/create", ordered(299938000012, annID, "Ann Lee", "ann@example.com", noon))
	d.must(d.queue.Send(t.Context(), old))
	r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID})
	d.now = d.now.Add(7 * time.Hour)
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); !r.Open() {
		t.Fatalf("while an event of before waits: %q", r.Outcome)
	}
	all, err := d.queue.Receive(t.Context(), 1)
	d.must(err)
	d.must(d.queue.Send(t.Context(), d.event("orders/create", `{}`)))
	d.must(d.queue.Settle(t.Context(), queue.Settlement{Receipt: all[0].Receipt, Verdict: queue.Ack}))
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); r.Outcome != bellhop.RequestDone {
		t.Errorf("while a newer event waits: %q", r.Outcome)
	}
}

// TestForgetLeavesALaterCustomer keeps what somebody ordered after the request.
func TestForgetLeavesALaterCustomer(t *testing.T) {
	d := openDesk(t)
	d.fill()
	r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID, Email: jo})
	d.now = d.now.Add(time.Hour)
	later := map[string]*bellhop.Event{
		"later": d.record("orders/create", ordered(299938000004, joID, "Jo Lee", jo, d.now)),
		"also":  d.record("customers/update", `{"id":191167000123,"email":"jo.lee@example.com"}`)}
	d.must(d.privacy().Round(t.Context()))
	o, err := d.store.Order(t.Context(), domain, 299938000004)
	d.must(err)
	if o.CustomerName != "Jo Lee" || d.after(r).Outcome != bellhop.RequestDone {
		t.Errorf("the later order is of %q; the request ended as %q", o.CustomerName, d.after(r).Outcome)
	}
	d.same("later events with a body", d.left(later), []string{"also", "later"})
}

// TestForgetAmongStrangers carries out requests of an unknown shop, whose webhooks are kept.
func TestForgetAmongStrangers(t *testing.T) {
	d := openDesk(t)
	e := d.event("orders/create", ordered(299938000005, joID, "Jo Lee", jo, noon))
	e.Shop = "unknown.myshopify.com"
	d.must(d.recorder().Record(t.Context(), []*bellhop.Event{e})[0].Err)
	for i, want := range []bellhop.RequestOutcome{bellhop.RequestDone, bellhop.RequestUnknownShop} {
		r, err := d.store.AddRequest(t.Context(), bellhop.PrivacyRequest{Shop: e.Shop, Kind: bellhop.RequestForget,
			RequestedAt: d.now, ReceivedAt: d.now, DueAt: d.now, Subject: bellhop.Subject{Email: jo}})
		d.must(err)
		d.must(d.privacy().Round(t.Context()))
		if r = d.after(r); r.Outcome != want || counts(r)["bodies"] != 1-i {
			t.Errorf("request %d: %q, %v", i, r.Outcome, counts(r))
		}
	}
}

// TestOneCarriesOut lets nobody carry out requests while another process does, and goes on after its death.
func TestOneCarriesOut(t *testing.T) {
	d := openDesk(t)
	d.fill()
	r := d.request(bellhop.RequestForget, bellhop.Subject{CustomerID: joID})
	_, err := d.store.TakeLease(t.Context(), pipeline.PrivacyLease, "another", d.now, time.Minute)
	d.must(err)
	d.must(d.privacy().Round(t.Context()))
	if _, err := d.privacy().Run(t.Context(), r.ID); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("by hand, while another process does: %v", err)
	}
	if r := d.after(r); len(r.Steps) > 0 {
		t.Errorf("two worked at once: %v", r.Steps)
	}
	d.now = d.now.Add(2 * time.Minute)
	d.must(d.privacy().Round(t.Context()))
	if r := d.after(r); r.Outcome != bellhop.RequestDone {
		t.Errorf("after its death: %q", r.Outcome)
	}
}

// slow is a store of which each look at kept bodies takes ten seconds, and the fifth ends the function.
type slow struct {
	store.Store
	desk  *desk
	end   func()
	looks []bellhop.EventID
}

func (s *slow) Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) (
	[]*bellhop.Event, error) {
	s.desk.now = s.desk.now.Add(10 * time.Second)
	if s.looks = append(s.looks, after); len(s.looks) == 5 {
		s.end()
	}
	return s.Store.Archived(ctx, shop, since, after, 3)
}

// TestForgetGoesOn goes on near where a function's time was up. Once the queue is drained it begins anew, since what
// was recorded meanwhile may lie before that place.
func TestForgetGoesOn(t *testing.T) {
	d := openDesk(t)
	for range 20 {
		d.record("customers/update", `{"email":"ann@example.com"}`)
	}
	waits := d.event("customers/update", `{"email":"jo.lee@example.com"}`)
	d.must(d.queue.Send(t.Context(), waits))
	r := d.request(bellhop.RequestForget, bellhop.Subject{Email: jo})
	for _, drained := range []bool{false, true} {
		for _, first := range []bool{true, false} {
			ctx, end := context.WithCancel(t.Context())
			s := &slow{Store: d.store, desk: d, end: end}
			p := d.privacy()
			p.Store = s
			if err := p.Round(ctx); (err != nil) != first {
				t.Fatalf("drained %v, first %v: %v", drained, first, err)
			}
			if begins := s.looks[0] == (bellhop.EventID{}); begins != first {
				t.Errorf("drained %v, first %v: it begins behind %v", drained, first, s.looks[0])
			}
			end()
		}
		if !drained {
			all, err := d.queue.Receive(t.Context(), 1)
			d.must(err)
			d.must(d.recorder().Record(t.Context(), []*bellhop.Event{all[0].Event})[0].Err)
			d.must(d.queue.Settle(t.Context(), queue.Settlement{Receipt: all[0].Receipt, Verdict: queue.Ack}))
		}
	}
	if r = d.after(r); r.Outcome != bellhop.RequestDone || counts(r)["bodies"] != 1 {
		t.Errorf("ended as %q with %v", r.Outcome, counts(r))
	}
}
