package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/store"
)

// outbox keeps the outcomes.
type outbox struct {
	store.Outbox
	settled []store.Settled
	err     error
}

func (o *outbox) SettlePushes(_ context.Context, s []store.Settled) error {
	o.settled = append(o.settled, s...)
	return o.err
}

// answer is a sender with the same answer to all.
type answer struct {
	err  error
	sent []push.Message
}

func (a *answer) Send(_ context.Context, m push.Message) (string, error) {
	a.sent = append(a.sent, m)
	return "name", a.err
}

func (*answer) Takes(bellhop.AddressKind) bool { return true }
func (*answer) Service(bellhop.Device) string  { return "test:" }

func (a *answer) Check(context.Context, ...bellhop.Device) error { return nil }
func (a *answer) Close() error                                   { return nil }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func notify(t *testing.T, o store.Owed, err error) (store.Settled, push.Message) {
	t.Helper()
	box, sender := &outbox{}, &answer{err: err}
	n := &pipeline.Notifier{Outbox: box, Sender: sender, Now: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler)}
	if err := n.Notify(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return box.settled[0], sender.sent[0]
}

func owed(attempt int, age time.Duration) store.Owed {
	return store.Owed{Pushes: []int64{1}, Attempt: attempt,
		Kind:   bellhop.PushOrderNew,
		Device: bellhop.Device{ID: 7, Shop: domain, Installation: "phone", Value: "address"},
		Orders: []store.OrderBrief{{ID: 820982911946154508, Name: "#1001", Pieces: 2, CustomerName: "Jo Lee",
			AcceptedAt: noon.Add(-24 * time.Hour), FirstAttemptAt: noon.Add(-age),
			Total:   bellhop.Money{Units: 120450, Digits: 2, Currency: "USD"},
			Current: bellhop.Money{Units: 120450, Digits: 2, Currency: "USD"}}}}
}

// TestNotifyFollowsTheRules checks the outcomes against FCM's rules for trying
// again.
func TestNotifyFollowsTheRules(t *testing.T) {
	type want struct {
		status   bellhop.PushStatus
		min, max time.Duration // until the next attempt; 0 for none
		retire   bool
	}
	for _, test := range []struct {
		name    string
		err     error
		attempt int
		age     time.Duration
		want    want
	}{
		{"taken", nil, 1, 0, want{status: bellhop.PushSent}},
		{"gone", &push.Error{Reason: push.ReasonUnregistered}, 1, 0, want{status: bellhop.PushFailed, retire: true}},
		{"malformed address", &push.Error{Reason: push.ReasonBadAddress}, 1, 0, want{status: bellhop.PushFailed, retire: true}},
		{"refused", &push.Error{Reason: push.ReasonRefused}, 1, 0, want{status: bellhop.PushFailed}},
		{"not allowed", &push.Error{Reason: push.ReasonNotAllowed}, 1, 0, want{status: bellhop.PushPending, min: 10 * time.Second, max: 20 * time.Second}},
		{"not allowed for an hour", &push.Error{Reason: push.ReasonNotAllowed}, 9, time.Hour, want{status: bellhop.PushFailed}},
		{"quota", &push.Error{Reason: push.ReasonQuota}, 1, 0, want{status: bellhop.PushPending, min: time.Minute, max: time.Minute}},
		{"quota, with a time", &push.Error{Reason: push.ReasonQuota, RetryAfter: 17 * time.Second}, 1, 0, want{status: bellhop.PushPending, min: 17 * time.Second, max: 17 * time.Second}},
		{"away", &push.Error{Reason: push.ReasonUnavailable}, 1, 0, want{status: bellhop.PushPending, min: 10 * time.Second, max: 20 * time.Second}},
		{"away, third time", &push.Error{Reason: push.ReasonUnavailable}, 3, time.Minute, want{status: bellhop.PushPending, min: 40 * time.Second, max: 80 * time.Second}},
		{"away, with a time", &push.Error{Reason: push.ReasonUnavailable, RetryAfter: 2 * time.Minute}, 1, 0, want{status: bellhop.PushPending, min: 2 * time.Minute, max: 2 * time.Minute}},
		{"away for an hour", &push.Error{Reason: push.ReasonUnavailable}, 9, time.Hour, want{status: bellhop.PushFailed}},
		{"the last attempt", &push.Error{Reason: push.ReasonUnavailable}, 9, 55 * time.Minute, want{status: bellhop.PushPending, min: 5 * time.Minute, max: 5 * time.Minute}},
		{"away, with a time that is too late", &push.Error{Reason: push.ReasonUnavailable, RetryAfter: time.Hour}, 1, time.Second, want{status: bellhop.PushPending, min: time.Hour - time.Second, max: time.Hour - time.Second}},
		{"no answer", &push.Error{Reason: push.ReasonUnknown}, 1, 0, want{status: bellhop.PushUnknown, min: 10 * time.Second, max: 20 * time.Second}},
		{"no answer for an hour", &push.Error{Reason: push.ReasonUnknown}, 9, time.Hour, want{status: bellhop.PushUnknown}},
		{"unclassified", errors.New("boom"), 1, 0, want{status: bellhop.PushUnknown, min: 10 * time.Second, max: 20 * time.Second}},
	} {
		s, _ := notify(t, owed(test.attempt, test.age), test.err)
		wait := time.Duration(0)
		if !s.RetryAt.IsZero() {
			wait = s.RetryAt.Sub(noon)
		}
		if s.Status != test.want.status || wait < test.want.min || wait > test.want.max ||
			(s.Retire != nil) != test.want.retire {
			t.Errorf("%s: %s, next after %v, retire %v; want %+v", test.name, s.Status, wait, s.Retire, test.want)
		}
		if test.err != nil && s.Reason == "" {
			t.Errorf("%s: no reason", test.name)
		}
		if s.Retire != nil && (s.Retire.DeviceID != 7 || s.Retire.Value != "address") {
			t.Errorf("%s: retires %+v", test.name, s.Retire)
		}
	}
}

func TestNotifyReturnsAnErrorWhenItCantSave(t *testing.T) {
	n := &pipeline.Notifier{Outbox: &outbox{err: errors.New("disk")}, Sender: &answer{}, Now: time.Now,
		Log: slog.New(slog.DiscardHandler)}
	if err := n.Notify(t.Context(), owed(1, 0)); err == nil {
		t.Error("an outcome that was not written down is no error")
	}
}

func TestPushText(t *testing.T) {
	o := owed(1, 0)
	_, m := notify(t, o, nil)
	if m.Title != "New order #1001" || m.Body != "$1,204.50 · 2 items" || m.Tag != "order-820982911946154508" ||
		m.Data["order_id"] != "820982911946154508" || m.Data["shop"] != domain {
		t.Errorf("push: %+v", m)
	}
	if all := m.Title + m.Body; strings.Contains(all, "Jo") {
		t.Error("the push names the customer though the shop didn't ask for it")
	}
	o.Shop.CustomerInPush = true
	if _, m = notify(t, o, nil); !strings.Contains(m.Body, "Jo Lee") {
		t.Errorf("the shop asked for the customer's name: %q", m.Body)
	}
	o.Gathered = &store.Gathering{Orders: 12, Total: bellhop.Money{Units: 19800, Currency: "JPY"}}
	if _, m = notify(t, o, nil); m.Title != "12 new orders" || m.Body != "¥19,800" || m.Tag != "orders" {
		t.Errorf("gathered: %+v", m)
	}
	o.Gathered = &store.Gathering{Orders: 3}
	if _, m = notify(t, o, nil); m.Body != "" {
		t.Errorf("gathered in several currencies: %q", m.Body)
	}
	o.Gathered = &store.Gathering{Orders: 1, Total: bellhop.Money{Units: 19800, Currency: "JPY"}, Changes: 2}
	if _, m = notify(t, o, nil); m.Title != "1 new order" || m.Body != "¥19,800 · 2 orders changed" {
		t.Errorf("gathered with what else happened: %+v", m)
	}
	o.Gathered = &store.Gathering{Changes: 1}
	if _, m = notify(t, o, nil); m.Title != "1 order changed" || m.Body != "" {
		t.Errorf("no new order: %+v", m)
	}
}

// TestRingText asks somebody to take an order, or several.
func TestRingText(t *testing.T) {
	o := owed(1, 0)
	o.Kind = bellhop.RingKind(2)
	_, m := notify(t, o, nil)
	if m.Title != "Order #1001 waits for somebody" || m.Body != "$1,204.50 · 2 items" || m.Level != push.Urgent ||
		m.Category != "order.take" || m.Tag != "order-820982911946154508" || m.Data["kind"] != "order.ring" ||
		m.Data["ring"] != "2" {
		t.Errorf("a ring: %+v", m)
	}
	o.Orders[0].Kind = o.Kind
	o.Orders = append(o.Orders, o.Orders[0])
	o.Gathered = &store.Gathering{Orders: 4, Changes: 2}
	if _, m = notify(t, o, nil); m.Title != "2 orders wait for somebody" || m.Body != "" || m.Level != push.Urgent {
		t.Errorf("several rings: %+v", m)
	}
	o.Orders[1].Kind = bellhop.PushOrderNew
	if _, m = notify(t, o, nil); m.Title != "4 new orders" {
		t.Errorf("rings beside a new order: %+v", m)
	}
}

// TestPushLanguages checks that a person's choice goes before the device's
// language.
func TestPushLanguages(t *testing.T) {
	for _, c := range []struct {
		chosen, device string
		kind           bellhop.PushKind
		title, body    string
	}{
		{"", "ko-KR", bellhop.PushOrderNew, "새 주문 #1001", "US$1,204.50 · 상품 2개"},
		{"ja", "ko-KR", bellhop.PushOrderPaid, "注文の支払い完了 #1001", "$1,204.50 · 商品 2 点"},
		{"", "fr", bellhop.PushOrderCancelled, "Order #1001 is cancelled", "$1,204.50 · 2 items"},
		{"en", "ja", bellhop.RefundKind(7), "Refund for order #1001", "$5.00 of $1,204.50"},
		{"ko", "ja", bellhop.RefundKind(7), "주문 #1001 환불", "US$1,204.50 중 US$5.00"},
		{"", "ja", bellhop.RefundKind(7), "注文の返金 #1001", "$1,204.50 のうち $5.00"},
	} {
		o := owed(1, 0)
		o.Settings.Language, o.Device.Locale, o.Kind = c.chosen, c.device, c.kind
		o.Orders[0].Refunded = bellhop.Money{Units: 500, Digits: 2, Currency: "USD"}
		occasion, _ := c.kind.Split()
		if _, m := notify(t, o, nil); m.Title != c.title || m.Body != c.body || m.Data["kind"] != string(occasion) {
			t.Errorf("%+v: %q %q", c, m.Title, m.Body)
		}
	}
}

// A push that waited for the end of quiet hours is old before its first attempt.
func TestHeldPushesAreTriedAgain(t *testing.T) {
	away := &push.Error{Reason: push.ReasonUnavailable}
	held := owed(1, 0)
	held.Held = true
	if s, _ := notify(t, held, away); s.Status != bellhop.PushPending || s.Reason != store.ReasonQuietHours ||
		s.RetryAt.IsZero() {
		t.Errorf("the first attempt: %+v", s)
	}
	held.Orders[0].FirstAttemptAt = noon.Add(-time.Hour)
	if s, _ := notify(t, held, away); s.Status != bellhop.PushFailed || s.Reason != "gave_up: unavailable" ||
		!s.RetryAt.IsZero() {
		t.Errorf("after an hour: %+v", s)
	}
}

// TestDigestIsGivenUpPushByPush tries the late orders of a digest again after its
// first orders have had their hour.
func TestDigestIsGivenUpPushByPush(t *testing.T) {
	digest := owed(9, time.Hour)
	digest.Pushes, digest.Gathered = []int64{1, 2, 3}, &store.Gathering{Orders: 3}
	for _, age := range []time.Duration{5 * time.Minute, time.Hour} {
		digest.Orders = append(digest.Orders, store.OrderBrief{FirstAttemptAt: noon.Add(-age)})
	}
	box := &outbox{}
	n := &pipeline.Notifier{Outbox: box, Sender: &answer{err: &push.Error{Reason: push.ReasonUnavailable}},
		Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	if err := n.Notify(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if s := box.settled; len(s) != 2 || !slices.Equal(s[0].Pushes, []int64{2}) || s[0].RetryAt.IsZero() ||
		!slices.Equal(s[1].Pushes, []int64{1, 3}) || s[1].Status != bellhop.PushFailed || !s[1].RetryAt.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestBackoffGrowsAndStaysInBounds(t *testing.T) {
	for attempt := 1; attempt <= 40; attempt++ {
		for range 20 {
			d := pipeline.Backoff(time.Second, time.Minute, attempt)
			base := min(time.Minute, time.Second<<min(attempt-1, 10))
			if d < base*2/3-time.Millisecond || d > base*4/3+time.Millisecond {
				t.Fatalf("attempt %d waits %v, want %v give or take a third", attempt, d, base)
			}
		}
	}
}

// A service that retires each device gets a line a minute in the log, not one for
// each device.
func TestRetiredDevicesAreNoFloodInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logged()
		n := &pipeline.Notifier{Outbox: &outbox{}, Now: time.Now, Log: log,
			Sender: &answer{err: &push.Error{Reason: push.ReasonUnregistered}}}
		for range 1000 {
			if err := n.Notify(t.Context(), owed(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		const line = `level=WARN msg="a device was retired: its address no longer works" pushes=[1] ` +
			`shop=demo.myshopify.com device=phone status=failed reason=unregistered err=unregistered`
		sameLines(t, "of 1,000 retired devices", lines(), line, line+" times=999 in=1m0s")
	})
}

// A test push is about no order, and has one attempt: somebody waits for its
// outcome.
func TestTestPushes(t *testing.T) {
	o := owed(1, 0)
	o.Kind, o.Orders = bellhop.PushTest, make([]store.OrderBrief, 1)
	for status, err := range map[bellhop.PushStatus]error{
		bellhop.PushSent: nil, bellhop.PushFailed: &push.Error{Reason: push.ReasonUnavailable},
		bellhop.PushUnknown: &push.Error{Reason: push.ReasonUnknown},
	} {
		s, m := notify(t, o, err)
		if s.Status != status || !s.RetryAt.IsZero() {
			t.Errorf("%v: %+v", err, s)
		}
		if m.Tag != "test" || m.TTL != store.TestFor || m.Data["kind"] != "test" || m.Data["order_id"] != "" ||
			!strings.Contains(m.Body, o.Device.Shop) {
			t.Errorf("message %+v", m)
		}
	}
}

// A push about a lost connection is in its owner's language, and is tried again as one about an order.
func TestDisconnectedPushes(t *testing.T) {
	o := owed(1, 0)
	o.Kind, o.Settings.Language = bellhop.PushDisconnected, "ko"
	o.Orders = []store.OrderBrief{{Kind: o.Kind, FirstAttemptAt: o.Orders[0].FirstAttemptAt}}
	s, m := notify(t, o, &push.Error{Reason: push.ReasonUnavailable})
	if s.Status != bellhop.PushPending || s.RetryAt.IsZero() {
		t.Errorf("%+v", s)
	}
	if m.Title != "스토어를 다시 연결하세요" || !strings.Contains(m.Body, o.Device.Shop) || m.Tag != "disconnected" ||
		m.Data["kind"] != "shop.disconnected" || m.Data["shop"] != o.Device.Shop || m.Data["order_id"] != "" {
		t.Errorf("message %+v", m)
	}
}
