package host_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// The two customers of these tests, and the words by which they are found.
const (
	joID, joWord   = 191167000123, "josephine"
	annID, annWord = 191167000999, "annabelle"

	ordersOfBoth = 120
)

// forgetting is a shop whose worker is killed while it has to forget somebody.
type forgetting struct {
	*crash
	parts *wire.Parts // this process's
	rng   *mrand.Rand
}

// TestForgetUnderLoad forgets one of two customers while their orders come, while somebody replays, and while the
// worker is killed at each step.
func TestForgetUnderLoad(t *testing.T) {
	t.Parallel()
	onPostgres := func(t *testing.T) string { return postgres(t).URL(newDatabase(t)) }
	for _, c := range []struct {
		name      string
		db, queue func(*testing.T) string
	}{
		{"one file", func(*testing.T) string { return "sqlite:" }, func(*testing.T) string { return "sqlite:" }},
		{"two files", func(*testing.T) string { return "sqlite:" }, inFile},
		{"Postgres alone", onPostgres, func(*testing.T) string { return "postgres:" }},
		{"RabbitMQ, Postgres", onPostgres, newRabbitQueue},
		{"SQS, Postgres", onPostgres, newSQSQueue},
	} {
		t.Run(strings.NewReplacer(" ", "-", ",", "").Replace(c.name), func(t *testing.T) {
			t.Parallel()
			f := openForgetting(t, wire.Storage{Dir: wiretest.Dir(t), DB: c.db(t), Queue: c.queue(t), Key: newKey()})
			first, last := f.flood()
			f.send(f.parts.Queue, first)
			worker := f.launch(stepsRecord, "", "", 0)
			f.send(f.parts.Queue, []*bellhop.Event{f.event(shopify.TopicCustomersRedact, f.redact())})
			f.during(func() { f.send(f.parts.Queue, last) }, f.replay)
			f.await("the request", func(ctx context.Context) (bool, error) {
				page, err := f.parts.Store.Requests(ctx, store.RequestQuery{})
				return len(page.Requests) > 0, err
			})
			worker.cmd.Process.Kill()
			worker.wait(t)
			for _, at := range []pipeline.Point{pipeline.PointCounted, pipeline.PointForgotten} {
				f.killAt(at)
			}
			f.finish(f.parts.Queue)
			f.check(f.parts.Queue)
		})
	}
}

// TestForgetWhileTheQueueChanges forgets a customer whose orders move from one queue into another.
func TestForgetWhileTheQueueChanges(t *testing.T) {
	t.Parallel()
	f := openForgetting(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:", Key: newKey()})
	from := openQueues(t, inFile(t), inFile(t)).ends.From
	first, last := f.flood()
	f.send(from.Queue, first)
	worker := f.launch(stepsRecord, "", "", 0)
	moving, enough := context.WithCancel(t.Context())
	var switching sync.WaitGroup
	switching.Go(func() {
		s := &host.Switch{From: from.Queue, To: f.parts.Queue, Follow: true, Log: slog.New(slog.DiscardHandler)}
		if _, err := s.Run(moving, t.Context()); err != nil {
			t.Error(err)
		}
	})
	f.send(from.Queue, []*bellhop.Event{f.event(shopify.TopicCustomersRedact, f.redact())})
	f.during(func() { f.send(from.Queue, last) }, f.replay)
	f.await("the first queue to be empty", func(ctx context.Context) (bool, error) { return empty(ctx, from.Queue) })
	enough()
	switching.Wait()
	f.finish(f.parts.Queue)
	worker.end(t)
	f.check(f.parts.Queue)
}

func newKey() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

func openForgetting(t *testing.T, s wire.Storage) *forgetting {
	t.Helper()
	c := &crash{t: t, config: config(s, "log:")}
	f := &forgetting{crash: c, parts: c.open(), rng: mrand.New(mrand.NewPCG(1, 2))}
	f.must(f.parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}))
	return f
}

func (f *forgetting) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *forgetting) event(topic, body string) *bellhop.Event {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &bellhop.Event{ID: bellhop.EventID(uuid.Must(uuid.NewV7())), Shop: shop, Topic: topic, APIVersion: "2026-10",
		WebhookID: uuid.NewString(), SignedBy: bellhop.SignerApp, TriggeredAt: now, AcceptedAt: now, Body: []byte(body)}
}

func (f *forgetting) redact() string {
	return fmt.Sprintf(`{"shop_id":1,"shop_domain":%q,"customer":{"id":%d,"email":"%s@example.com","phone":null},`+
		`"orders_to_redact":[]}`, shop, joID, joWord)
}

// flood returns shuffled webhooks of both customers, in two halves.
func (f *forgetting) flood() (first, last []*bellhop.Event) {
	var all []*bellhop.Event
	for i := range ordersOfBoth {
		customer, word := joID, joWord
		if i%2 > 0 {
			customer, word = annID, annWord
		}
		id := int64(299938000000 + i)
		all = append(all, f.event("orders/create", bodyOf(id, customer, word, 0)),
			f.event("orders/updated", bodyOf(id, customer, word, 1)),
			f.event("fulfillments/create", fmt.Sprintf(`{"id":%d,"order_id":%d,"status":"success",`+
				`"tracking_number":"of-%s-%d","email":"%s@example.com","created_at":"2026-11-22T10:00:00Z",`+
				`"updated_at":"2026-11-22T10:00:00Z","shipment_status":null,"tracking_company":null,"tracking_numbers":[],`+
				`"tracking_url":null,"tracking_urls":[],"line_items":[]}`, id+1_000_000, id, word, i, word)))
		if i < 10 {
			all = append(all, f.event("customers/update", fmt.Sprintf(`{"id":%d,"email":"%s@example.com"}`, customer, word)),
				f.event("orders/create", fmt.Sprintf(`{"email":"%s@example.com","id":`, word))) // nobody can read it
		}
	}
	f.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:len(all)/2], all[len(all)/2:]
}

func bodyOf(id int64, customer int, word string, version int) string {
	address := fmt.Sprintf(`{"name":"%[1]s Lee","address1":"1 Quay of %[1]s","phone":"+1 555 0117",`+
		`"province":null,"province_code":null,"country":null,"country_code":null}`, word)
	return fmt.Sprintf(`{`+simulate.Blank+`"id":%[1]d,"name":"#%[1]d","order_number":%[1]d,"currency":"USD","total_price":"12.00",`+
		`"email":"%[2]s@example.com","note":"for %[2]s","customer":{"id":%[3]d,"email":"%[2]s@example.com",`+
		`"first_name":"%[2]s"},"billing_address":%[4]s,"shipping_address":%[4]s,`+
		`"note_attributes":[{"name":"gift","value":"to %[2]s"}],"line_items":[{`+simulate.BlankLine+
		`"id":1,"title":"Tee","quantity":1,`+
		`"price":"12.00","properties":[{"name":"engraving","value":"%[2]s"}]}],"created_at":"2026-11-22T09:00:00Z",`+
		`"updated_at":"2026-11-22T09:00:0%[5]dZ"}`, id, word, customer, address, version)
}

func (f *forgetting) send(to queue.Producer, events []*bellhop.Event) {
	for len(events) > 0 {
		n := min(10, len(events))
		if err := to.Send(f.t.Context(), events[:n]...); err != nil {
			f.t.Error(err)
			return
		}
		events = events[n:]
	}
}

// during repeats something until something else is done.
func (f *forgetting) during(do, meanwhile func()) {
	done := make(chan struct{})
	var repeating sync.WaitGroup
	repeating.Go(func() {
		for {
			meanwhile()
			select {
			case <-done:
				return
			default:
			}
		}
	})
	do()
	close(done)
	repeating.Wait()
}

// replay records again what is kept, as bellhop replay does.
func (f *forgetting) replay() {
	r := &pipeline.Recorder{Store: f.parts.Store, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, _, err := r.Replay(f.t.Context(), shop, time.Time{}); err != nil {
		f.t.Errorf("replay: %v", err)
	}
}

// await asks until something holds.
func (f *forgetting) await(what string, holds func(context.Context) (bool, error)) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond) // queues tell nobody
	defer tick.Stop()
	for {
		ok, err := holds(ctx)
		f.must(err)
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatalf("stuck: waiting for %s", what)
		}
	}
}

func empty(ctx context.Context, q queue.Queue) (bool, error) {
	d, err := q.Depth(ctx)
	return d.Waiting+d.Leased == 0, err
}

// killAt lets a worker run until it passes a point of carrying out requests; it may have ended the search before.
func (f *forgetting) killAt(at pipeline.Point) {
	f.t.Helper()
	f.freeLease()
	f.killAtPoint(at, 2)
}

// freeLease ends a killed process's lease: nobody waits for that in a test.
func (f *forgetting) freeLease() {
	leases, err := f.parts.Store.Leases(f.t.Context())
	f.must(err)
	for _, l := range leases {
		if l.Name == pipeline.PrivacyLease {
			f.must(f.parts.Store.RemoveLease(f.t.Context(), l.Name))
		}
	}
}

// finish carries the request out once the queue is empty.
func (f *forgetting) finish(q queue.Queue) {
	f.t.Helper()
	worker := f.launch(stepsRecord, "", "", 0)
	f.await("the queue to be empty", func(ctx context.Context) (bool, error) { return empty(ctx, q) })
	worker.cmd.Process.Kill() // it may not have begun yet, and ending it then is an error
	worker.wait(f.t)
	f.freeLease()
	p := host.NewPrivacy(f.parts.Store, q, slog.New(slog.DiscardHandler), time.Now, nil)
	f.await("the request", func(ctx context.Context) (bool, error) {
		if err := p.Round(ctx); err != nil && bellhop.KindOf(err) != bellhop.Unavailable {
			f.t.Logf("a round: %v", err)
		}
		page, err := f.parts.Store.Requests(ctx, store.RequestQuery{Open: true})
		return len(page.Requests) == 0, err
	})
}

// check looks for the customers everywhere: one is nowhere, the other where they were.
func (f *forgetting) check(q queue.Queue) {
	f.t.Helper()
	page, err := f.parts.Store.Requests(f.t.Context(), store.RequestQuery{})
	f.must(err)
	if len(page.Requests) != 1 || page.Requests[0].Outcome != bellhop.RequestDone {
		f.t.Fatalf("the requests are %+v", page.Requests)
	}
	for i := range ordersOfBoth {
		o, err := f.parts.Store.Order(f.t.Context(), shop, int64(299938000000+i))
		f.must(err)
		text, err := json.Marshal(o)
		f.must(err)
		if bytes.Contains(text, []byte(joWord)) || i%2 > 0 != bytes.Contains(text, []byte(annWord)) ||
			o.Total.String() != "12.00" || len(o.History.Fulfillments) != 1 {
			f.t.Errorf("order %d is %s", i, text)
		}
	}
	f.checkTexts("bodies", f.bodies(), 3*ordersOfBoth/2+5)
	var dead [][]byte
	_, err = q.DropFunc(f.t.Context(), shop, func(d queue.DeadEvent) (bool, error) {
		dead = append(dead, bytes.Clone(d.Event.Body))
		return false, nil
	})
	f.must(err)
	f.checkTexts("dead letters", dead, 5)
}

func (f *forgetting) checkTexts(what string, all [][]byte, least int) {
	f.t.Helper()
	of := map[string]int{}
	for _, text := range all {
		for _, word := range []string{joWord, annWord} {
			if bytes.Contains(text, []byte(word)) {
				of[word]++
			}
		}
	}
	if of[joWord] > 0 || of[annWord] < least {
		f.t.Errorf("%d %s name the forgotten customer, and %d the other one; want none and at least %d", of[joWord], what,
			of[annWord], least)
	}
}

func (f *forgetting) bodies() (all [][]byte) {
	var from bellhop.EventID
	for {
		batch, err := f.parts.Store.Archived(f.t.Context(), shop, time.Time{}, from, 500)
		f.must(err)
		if len(batch) == 0 {
			return all
		}
		for _, e := range batch {
			all = append(all, e.Body)
		}
		from = batch[len(batch)-1].ID
	}
}
