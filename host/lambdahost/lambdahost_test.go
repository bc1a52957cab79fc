package lambdahost_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

const shop = "demo.myshopify.com"

// newStore returns a database with a shop and a phone.
func newStore(t *testing.T) store.Store {
	t.Helper()
	s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:"}
	parts, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, err = parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
		Kind:  bellhop.AddressToken,
		Value: "token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, Locale: "en", Timezone: "UTC",
		AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return parts.Store
}

// faulty is a store that calls record first.
type faulty struct {
	store.Store
	mu     sync.Mutex
	record func(ctx context.Context, facts []bellhop.Fact) error // nil: never
	dead   error
	push   error
	owed   error
	closed bool
}

func (f *faulty) OldestOwed(ctx context.Context) (time.Time, error) {
	if f.owed != nil {
		return time.Time{}, f.owed
	}
	return f.Store.OldestOwed(ctx)
}

func (f *faulty) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	if f.record != nil {
		if err := f.record(ctx, facts); err != nil {
			return nil, err
		}
	}
	return f.Store.Record(ctx, facts)
}

func (f *faulty) Dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time) error {
	if f.dead != nil {
		return f.dead
	}
	return f.Store.Dead(ctx, e, reason, at)
}

func (f *faulty) NextPush(ctx context.Context) (time.Time, error) {
	if f.push != nil {
		return time.Time{}, f.push
	}
	return f.Store.NextPush(ctx)
}

func (f *faulty) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// deadLetters keeps dead letters.
type deadLetters struct {
	mu     sync.Mutex
	events []deadEvent
	err    error
}

type deadEvent struct {
	id       bellhop.EventID
	attempts int
	reason   string
}

func (g *deadLetters) AddDead(_ context.Context, e *bellhop.Event, attempts int, reason string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.events = append(g.events, deadEvent{e.ID, attempts, reason})
	}
	return g.err
}

// hidden is a queue that keeps how long messages are hidden, by their receipts.
type hidden struct {
	waits map[queue.Receipt]time.Duration
	err   error
}

func (h *hidden) Hide(ctx context.Context, waits map[queue.Receipt]time.Duration) error {
	err := cmp.Or(h.err, ctx.Err())
	if err == nil {
		h.waits = waits
	}
	return err
}

// phones is a push service that calls send.
type phones struct {
	mu     sync.Mutex
	pushed []push.Message
	send   func(ctx context.Context) error
}

func (p *phones) Send(ctx context.Context, m push.Message) (string, error) {
	if p.send != nil {
		if err := p.send(ctx); err != nil {
			return "", err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pushed = append(p.pushed, m)
	return "name", nil
}

func (*phones) Takes(bellhop.AddressKind) bool { return true }
func (*phones) Service(bellhop.Device) string  { return "test:" }

func (p *phones) Check(context.Context, ...bellhop.Device) error { return nil }
func (p *phones) Close() error                                   { return nil }

// functions are the functions over fakes.
type functions struct {
	store  *faulty
	dead   *deadLetters
	phones *phones
	queue  *hidden
	step   *lambdahost.Step
	push   *lambdahost.PushStep
	opened int
}

func newFunctions(t *testing.T) *functions {
	t.Helper()
	f := &functions{store: &faulty{Store: newStore(t)}, dead: &deadLetters{}, phones: &phones{}, queue: &hidden{}}
	log := slog.New(slog.DiscardHandler)
	db := &lambdahost.Database{Log: log, LoginRefused: func(err error) bool { return errors.Is(err, errLogin) },
		Open: func(context.Context) (store.Store, error) { f.opened++; return f.store, nil }}
	f.step = &lambdahost.Step{Database: db, DeadLetters: f.dead, MaxAttempts: 3, Log: log, Now: time.Now}
	f.push = &lambdahost.PushStep{Database: db, Sender: f.phones, Log: log, Now: time.Now}
	return f
}

func (f *functions) outcomes(t *testing.T) map[bellhop.Outcome]int64 {
	t.Helper()
	totals, err := f.store.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

// event returns a delivery of an order, or of something else.
func event(n int, body string) *bellhop.Event {
	return &bellhop.Event{ID: bellhop.EventID{1, byte(n >> 8), byte(n), 15: 1}, Shop: shop, Topic: "orders/create",
		APIVersion: "2026-10",
		WebhookID:  "webhook-" + strconv.Itoa(n), TriggeredAt: time.Unix(1_790_000_000, 0).UTC(),
		AcceptedAt: time.Now().UTC().Truncate(time.Microsecond),
		SignedBy:   bellhop.SignerApp, Body: []byte(body)}
}

var placed = time.Now().UTC().Format(time.RFC3339)

// order was placed when the tests began: an old one notifies nobody.
func order(id int) string {
	return fmt.Sprintf(`{`+simulate.Blank+`"id":%d,"name":"#%d","currency":"USD","total_price":"1.00","line_items":[],"created_at":%q,"updated_at":%[3]q}`,
		id, id, placed)
}

func message(t *testing.T, e *bellhop.Event) amazon.Message {
	t.Helper()
	m, err := amazon.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sentAt is when all messages were sent to the queue.
var sentAt = time.Now().Add(-20 * time.Minute).Truncate(time.Millisecond)

func sqsRecord(id string, m amazon.Message, attempt int, group string) map[string]any {
	attributes := map[string]any{}
	for name, value := range m.Attributes {
		attributes[name] = map[string]any{"stringValue": value, "stringListValues": []string{},
			"binaryListValues": []string{}, "dataType": "String"}
	}
	arn, system := "arn:aws:sqs:us-east-1:000000000000:orders",
		map[string]string{"ApproximateReceiveCount": strconv.Itoa(attempt),
			"SentTimestamp": strconv.FormatInt(sentAt.UnixMilli(), 10)}
	if group != "" {
		arn += ".fifo"
	}
	system["MessageGroupId"] = group
	return map[string]any{"messageId": id, "receiptHandle": "handle-" + id, "body": m.Body, "attributes": system,
		"messageAttributes": attributes, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": arn,
		"awsRegion": "us-east-1"}
}

func batch(t *testing.T, records ...map[string]any) []byte {
	t.Helper()
	return encode(t, map[string]any{"Records": records})
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// failures returns the messages that an answer hands back. A missing list would
// acknowledge everything.
func failures(t *testing.T, answer []byte) []string {
	t.Helper()
	var a struct {
		Failures *[]struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &a); err != nil || a.Failures == nil {
		t.Fatalf("the answer is %s: %v", answer, err)
	}
	ids := []string{}
	for _, f := range *a.Failures {
		ids = append(ids, f.ID)
	}
	return ids
}

// kind returns the type that a state machine sees of an error.
func kind(err error) string {
	var e messages.InvokeResponse_Error
	if errors.As(err, &e) {
		return e.Type
	}
	return fmt.Sprint(err)
}
