package pipeline_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// counter is a shop with one owner, who wants to hear of everything, and one phone.
type counter struct {
	*testing.T
	store  store.Store
	record *pipeline.Recorder
	phone  *answer
	now    time.Time
	n      byte
}

func openCounter(t *testing.T, db string) *counter {
	t.Helper()
	s := wire.Storage{Dir: wiretest.Dir(t), DB: db, Queue: "sqlite:"}
	parts, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	c := &counter{T: t, store: parts.Store, phone: &answer{}, now: noon}
	c.record = &pipeline.Recorder{Store: c.store, Now: func() time.Time { return c.now },
		Log: slog.New(slog.DiscardHandler)}
	c.must(c.store.AddShop(t.Context(), bellhop.Shop{Domain: domain, AddedAt: noon, CustomerInPush: true}))
	p, err := c.store.AddPerson(t.Context(), bellhop.Person{Email: "jo@example.com", Role: bellhop.RoleOwner,
		Shop: domain, AddedAt: noon})
	c.must(err)
	c.must(c.store.UpdateSettings(t.Context(), p.ID, func(s *bellhop.Settings) error {
		*s = bellhop.Settings{Paid: true, Cancelled: true, Refunded: true}
		return nil
	}))
	_, err = c.store.PutDevice(t.Context(), bellhop.Device{Shop: domain, PersonID: p.ID, Installation: "phone",
		Kind: bellhop.AddressToken, Value: "address", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, Locale: "en",
		AddedAt: noon, SeenAt: noon}, store.DeviceLimits{})
	c.must(err)
	return c
}

func (c *counter) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// send records a webhook as a worker does, dead letters included.
func (c *counter) send(topic, body string) {
	c.Helper()
	c.n++
	e := &bellhop.Event{ID: bellhop.EventID{c.n}, Shop: domain, Topic: topic, Body: []byte(body),
		SignedBy: bellhop.SignerApp, TriggeredAt: c.now, AcceptedAt: c.now}
	done := c.record.Record(c.Context(), []*bellhop.Event{e})[0]
	host.Verdict(c.Context(), c.record, queue.Delivery{Event: e, Attempt: 1}, done.Err, 5)
}

// rung returns what the phone shows that it did not before.
func (c *counter) rung() (all []string) {
	c.Helper()
	n := pipeline.Notifier{Outbox: c.store, Sender: c.phone, Now: c.record.Now, Log: c.record.Log}
	for {
		owed, err := c.store.ClaimPushes(c.Context(), c.now, store.Slots{Free: 100}, time.Minute)
		c.must(err)
		if len(owed) == 0 {
			break
		}
		for _, o := range owed {
			c.must(n.Notify(c.Context(), o))
		}
	}
	for _, m := range c.phone.sent {
		all = append(all, strings.ReplaceAll(m.Title+" | "+m.Body, "\u00a0", " "))
	}
	c.phone.sent = nil
	return all
}

// quiet lists why nobody was told, the first first.
func (c *counter) quiet() (all []string) {
	c.Helper()
	page, err := c.store.Pushes(c.Context(), domain, store.PushQuery{Status: bellhop.PushSkipped})
	c.must(err)
	for _, p := range page.Pushes {
		all = append([]string{string(p.Kind) + " " + p.Reason}, all...)
	}
	return all
}

func (c *counter) order() *bellhop.Order {
	c.Helper()
	o, err := c.store.Order(c.Context(), domain, 1)
	c.must(err)
	return &o
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

// sale is an order of a tee for 49.90, placed a minute ago. Later fields replace earlier ones.
func sale(fields string) string {
	at := stamp(noon.Add(-time.Minute))
	return `{` + simulate.Blank + `"id":1,"name":"#1","order_number":1,"currency":"USD","presentment_currency":"USD","total_price":"49.90",` +
		`"current_total_price":"49.90","financial_status":"paid","fulfillment_status":null,"created_at":"` + at +
		`","processed_at":"` + at + `","updated_at":"` + at + `","line_items":[{"id":14,"title":"Tee","sku":"T-1","quantity":1,` +
		`"current_quantity":1,"fulfillable_quantity":1,"price":"49.90"}]` + fields + `}`
}

// ago is an order that was placed, created and updated a while ago.
func ago(d time.Duration, fields string) string {
	at := stamp(noon.Add(-d))
	return sale(`,"processed_at":"` + at + `","created_at":"` + at + `","updated_at":"` + at + `"` + fields)
}

func updated(after time.Duration, fields string) string {
	return sale(`,"updated_at":"` + stamp(noon.Add(after)) + `"` + fields)
}

func refund(id int, amount, rest string) string {
	money := ""
	if amount != "" {
		money = `{"kind":"refund","status":"success","amount":"` + amount + `","currency":"USD"}`
	}
	return fmt.Sprintf(`{"id":%d,"order_id":1,"created_at":%q,"processed_at":%[2]q,"refund_line_items":[{"id":5,"quantity":1,`+
		`"line_item_id":14,"restock_type":"cancel","subtotal":0.0,"total_tax":0.0}],"transactions":[%s]%s}`,
		id, stamp(noon.Add(-time.Second)), money, rest)
}

const (
	create    = "orders/create"
	update    = "orders/updated"
	cancelled = "orders/cancelled"
	refunds   = "refunds/create"
	edited    = "orders/edited"

	cancelledAt = `,"financial_status":"voided","cancelled_at":"2026-11-22T11:59:30Z"`
)

// TestPushesOfStrangeOrders sends bodies that go wrong elsewhere, and says what the phone shows and
// why it shows nothing.
func TestPushesOfStrangeOrders(t *testing.T) {
	const usual = "New order #1 | $49.90 · 1 item"
	buyers := func(amount, currency string) string {
		return `,"total_price_set":{"shop_money":{"amount":"49.90","currency_code":"USD"},"presentment_money":{"amount":"` +
			amount + `","currency_code":"` + currency + `"}}`
	}
	own := func(amount, currency string) string {
		return `,"currency":"` + currency + `","total_price":"` + amount + `","current_total_price":"` + amount + `"`
	}
	nameless := strings.Replace(sale(""), `"name":"#1","order_number":1`, `"name":null,"order_number":null`, 1)
	in2018 := `,"processed_at":"2018-03-01T10:00:00+09:00"`
	twoRefunds := `,"financial_status":"partially_refunded","refunds":[` + refund(11, "5.00", "") + `,` +
		refund(12, "7.25", "") + `]`
	for _, tt := range []struct {
		name        string
		sent        []string // topic, body, topic, body, …
		rung, quiet []string
	}{
		{"seen in USDC", []string{create, sale(buyers("49.90", "USDC"))}, []string{usual}, nil},
		{"in USDC", []string{create, sale(own("49.90", "USDC"))}, []string{"New order #1 | USDC 49.90 · 1 item"}, nil},
		{"in three letters that nobody knows", []string{create, sale(own("7.1", "ZZQ"))}, []string{"New order #1 | ZZQ 7.1 · 1 item"}, nil},
		{"in many letters", []string{create, sale(own("1250", "STARS"))}, []string{"New order #1 | STARS 1250 · 1 item"}, nil},
		{"in won", []string{create, sale(own("49900", "KRW"))}, []string{"New order #1 | ₩49,900 · 1 item"}, nil},
		{"in dinars", []string{create, sale(own("1.5", "KWD"))}, []string{"New order #1 | KWD 1.500 · 1 item"}, nil},

		{"a refund without money", []string{create, sale(""), refunds, refund(9, "", "")}, []string{usual}, nil},
		{"within the order, too", []string{create, sale(""), update, updated(0, `,"refunds":[`+refund(9, "", "")+`]`),
			refunds, refund(9, "", "")}, []string{usual}, nil},
		{"before its order", []string{refunds, refund(9, "", ""), create, sale("")}, []string{usual}, nil},

		{"two refunds by themselves", []string{create, sale(""), refunds, refund(11, "5.00", ""), refunds, refund(12, "7.25", "")},
			[]string{usual, "Refund for order #1 | $5.00 of $49.90", "Refund for order #1 | $7.25 of $49.90"}, nil},
		{"two refunds in the order", []string{create, sale(""), update, updated(0, twoRefunds)},
			[]string{usual, "Refund for order #1 | $5.00 of $49.90", "Refund for order #1 | $7.25 of $49.90"}, nil},
		{"two refunds both ways", []string{create, sale(""), refunds, refund(12, "7.25", ""), update, updated(0, twoRefunds),
			refunds, refund(11, "5.00", ""), refunds, refund(12, "7.25", ""), update, updated(time.Second, twoRefunds)},
			[]string{usual, "Refund for order #1 | $5.00 of $49.90", "Refund for order #1 | $7.25 of $49.90"}, nil},
		{"a refund in the buyer's currency", []string{create, sale(""), refunds,
			strings.Replace(refund(11, "5.00", ""), "USD", "EUR", 1)},
			[]string{usual, "Refund for order #1 | €5.00 of $49.90"}, nil},
		{"a refund before its order", []string{refunds, refund(11, "5.00", ""), create, sale("")},
			[]string{usual, "Refund for order #1 | $5.00 of $49.90"}, nil},

		{"of 25 hours ago", []string{create, ago(25*time.Hour, "")}, nil, []string{"order.new too_old"}},
		{"of 23 hours ago", []string{create, ago(23*time.Hour, "")}, []string{usual}, nil},
		{"of 25 hours ago, changed since", []string{create, ago(25*time.Hour, ""), update, updated(0, `,"note":"x"`)}, nil,
			[]string{"order.new too_old"}},
		{"of 25 hours ago, only now paid", []string{create, ago(25*time.Hour, `,"financial_status":"pending"`), update, updated(0, "")},
			[]string{"Order #1 is paid | $49.90 · 1 item"}, []string{"order.new too_old"}},

		{"an import", []string{create, sale(in2018)}, nil, []string{"order.new too_old"}},
		{"an import that was refunded", []string{create, sale(in2018 + `,"refunds":[` +
			refund(9, "5.00", `,"processed_at":"2018-03-05T10:00:00Z"`) + `]`)}, nil, []string{"order.new too_old"}},
		{"an import that was cancelled", []string{create, sale(in2018 + cancelledAt)}, nil, []string{"order.new too_old"}},
		{"an import that is paid and cancelled at once", []string{create, sale(in2018 + `,"financial_status":"pending"`),
			"orders/paid", updated(0, in2018), cancelled, updated(time.Second, in2018+cancelledAt)}, nil,
			[]string{"order.new too_old", "order.paid too_old", "order.cancelled too_old"}},
		{"an import of last week, paid now", []string{create, ago(7*24*time.Hour, in2018+`,"financial_status":"pending"`),
			"orders/paid", ago(7*24*time.Hour, in2018+`,"updated_at":"`+stamp(noon)+`"`)},
			[]string{"Order #1 is paid | $49.90 · 1 item"}, []string{"order.new too_old"}},
		{"an import whose refunds have no time", []string{create, sale(in2018 + `,"refunds":[` + refund(9, "5.00", "") + `]`)},
			nil, []string{"order.new too_old"}},
		{"a draft of long ago, ordered now", []string{create, sale(`,"created_at":"2018-03-01T10:00:00+09:00"`)}, []string{usual}, nil},

		{"cancelled before it came", []string{create, sale(cancelledAt)}, nil, []string{"order.new order_cancelled"}},
		{"cancelled, and its creation late", []string{cancelled, updated(0, cancelledAt), create, sale("")}, nil,
			[]string{"order.new order_cancelled"}},
		{"cancelled afterwards", []string{create, sale(""), cancelled, updated(0, cancelledAt)},
			[]string{usual, "Order #1 is cancelled | $49.90 · 1 item"}, nil},

		{"a test", []string{create, sale(`,"name":"#T1","test":true`)}, []string{"New order #T1 | Test order · $49.90 · 1 item"}, nil},
		{"a test's refund", []string{create, sale(`,"test":true`), refunds, refund(11, "5.00", "")},
			[]string{"New order #1 | Test order · $49.90 · 1 item", "Refund for order #1 | Test order · $5.00 of $49.90"}, nil},

		{"without a name", []string{create, nameless},
			[]string{"New order | $49.90 · 1 item"}, nil},
		{"with a blank name, then paid", []string{create, sale(`,"name":" ","financial_status":"pending"`), update, updated(0, `,"name":""`)},
			[]string{"New order | $49.90 · 1 item", "Order is paid | $49.90 · 1 item"}, nil},
		{"without a name, cancelled and refunded", []string{create, sale(`,"name":""`),
			cancelled, updated(0, cancelledAt+`,"name":""`), refunds, refund(11, "5.00", "")},
			[]string{"New order | $49.90 · 1 item", "Order is cancelled | $49.90 · 1 item",
				"Refund for order | $5.00 of $49.90"}, nil},

		{"ten of one line", []string{create, sale(`,"line_items":[{"id":1,"quantity":10,"current_quantity":10}]`)},
			[]string{"New order #1 | $49.90 · 10 items"}, nil},
		{"ten, of which an edit took seven", []string{create, sale(`,"line_items":[{"id":1,"quantity":10,"current_quantity":3}]`)},
			[]string{"New order #1 | $49.90 · 3 items"}, nil},
		{"with a tip", []string{create, sale(`,"line_items":[{"id":1,"quantity":1},{"id":2,"quantity":1,"tip_payment_method":"visa"}]`)},
			[]string{usual}, nil},
		{"of nothing", []string{create, sale(`,"line_items":[]`)}, []string{"New order #1 | $49.90"}, nil},
		{"edited before it came", []string{create, sale(`,"total_price":"120.00","current_total_price":"70.00"`)},
			[]string{"New order #1 | $70.00 · 1 item"}, nil},

		{"of nobody", []string{create, sale(`,"customer":null,"email":null,"billing_address":null,"shipping_address":null`)},
			[]string{usual}, nil},
		{"of a customer without a name", []string{create, sale(`,"customer":{"id":9,"first_name":null,"last_name":null,"email":null}`)},
			[]string{usual}, nil},
		{"of a company", []string{create, sale(`,"customer":{"id":9,"first_name":null},"billing_address":{"name":" ",` +
			`"company":"Example Trading Co"},"shipping_address":{"name":"","company":"Example Trading Co"}`)},
			[]string{usual + " · Example Trading Co"}, nil},
		{"money as numbers", []string{create, sale(`,"total_price":49.9,"current_total_price":49.9`)}, []string{usual}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := openCounter(t, "sqlite:")
			var rung []string
			for i := 0; i < len(tt.sent); i += 2 {
				c.send(tt.sent[i], tt.sent[i+1])
				rung = append(rung, c.rung()...)
			}
			if diff := cmp.Diff(sorted(tt.rung), sorted(rung)); diff != "" {
				t.Errorf("the phone (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.quiet, c.quiet()); diff != "" {
				t.Errorf("why it stays quiet (-want +got):\n%s", diff)
			}
		})
	}
}
