package events_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/events/amqpevents"
	"bellhop/events/eventstest"
	"bellhop/internal/realserver"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 1000, time.FixedZone("", 9*3600))

const shop = "demo.myshopify.com"

func order() *bellhop.Order {
	yen := func(units int64) bellhop.Money { return bellhop.Money{Units: units, Currency: "JPY"} }
	euro := bellhop.Money{Units: 12345, Digits: 2, Currency: "EUR"}
	return &bellhop.Order{Shop: shop, ID: 820982911946154508, Name: "#1001", Number: 1001, Total: yen(19800),
		Presentment:  &euro,
		CustomerName: "Jo Lee", CustomerEmail: "jo@example.com", Note: "by the back door", FinancialStatus: "paid",
		FulfillmentStatus: "unfulfilled", Handling: bellhop.HandlingSeen, Test: true,
		PlacedAt: noon, UpdatedAt: noon, CancelledAt: noon, EditedAt: noon, RefundedAt: noon,
		CreatedAt: noon, Current: yen(13200), Pieces: 2, Details: wholeDetails(), History: wholeHistory(),
		Trace:  bellhop.Trace{TriggeredAt: noon, AcceptedAt: noon, RecordedAt: noon, PushedAt: noon},
		Pushes: []bellhop.Push{*push(), *refundPush()}}
}

func wholeDetails() bellhop.Details {
	at := noon
	return bellhop.Details{Schema: 1,
		Placed: bellhop.Sums{Subtotal: "19700", Discounts: "100", Shipping: "500", Tax: "1800", Duties: "7", Fees: "8",
			Tips: "9"},
		Now: bellhop.Sums{Subtotal: "13200"}, Outstanding: "0", BuyersNow: "82.30", TaxesIncluded: true,
		Customer: &bellhop.Customer{ID: 9, Name: "山田 太郎", Email: "t@example.jp", Phone: "080-0000-0000", Locale: "ja-JP"},
		Billing:  &bellhop.Address{Name: "山田 花子", City: "札幌市"},
		Shipping: &bellhop.Address{Name: "山田 次郎", Company: "森の帽子", Address1: "神宮一丁目", Address2: "宮前荘 203", City: "名古屋市",
			Zip: "456-0001", Province: "愛知県", ProvinceCode: "JP-23", Country: "日本", CountryCode: "JP", Phone: "090-0000-0000"},
		Items: []bellhop.Item{{ID: 1 << 60, Title: "帽子", Variant: "M", SKU: "H-1", Vendor: "Mori", Quantity: 3, Current: 2,
			ToFulfil: 1, Price: "6600", Discount: "100", Total: "19700", Tax: "1790", Group: 5, Custom: true,
			Properties: []bellhop.Attribute{{Name: "Engraving", Value: "For Ann"}}}},
		Groups:        []bellhop.ItemGroup{{ID: 5, Title: "Winter set", Quantity: 1}},
		ShippingLines: []bellhop.ShippingLine{{Title: "Standard", Code: "std", Price: "500", Discount: "1", Removed: true}},
		TaxLines:      []bellhop.TaxLine{{Title: "CT", Rate: "0.1", Price: "1800"}},
		DiscountCodes: []bellhop.DiscountCode{{Code: "TENOFF", Amount: "100"}}, Tags: []string{"vip"},
		Attributes: []bellhop.Attribute{{Name: "Gift", Value: "for Ann"}}, Gateways: []string{"bogus"}, PONumber: "PO-Ann",
		Source: "web", CancelReason: "customer", ReturnStatus: "open", ClosedAt: &at, Unread: []string{"tags"}}
}

func wholeHistory() bellhop.History {
	step := func(id int64) bellhop.Step { return bellhop.Step{ID: id, At: noon} }
	lines := []bellhop.LineQuantity{{Item: 1 << 60, Quantity: 1}}
	return bellhop.History{
		Refunds: []bellhop.Refund{{Step: step(1), Amount: "6600", Note: "Ann sent it back",
			Lines: []bellhop.RefundLine{{Item: 1 << 60, Quantity: 1, Amount: "6600", Restock: "return"}}}},
		Fulfillments: []bellhop.Fulfillment{{Step: step(2), Status: "success", Shipment: "delivered", Carrier: "Yamato",
			Tracking: []bellhop.Tracking{{Number: "Ann-1", URL: "https://example.jp/1"}}, Lines: lines}},
		Edits: []bellhop.Edit{{Step: step(3), Added: lines, Removed: lines}},
		Risks: []bellhop.Risk{{Step: step(4), Level: "medium", Provider: "bogus"}},
	}
}

func push() *bellhop.Push {
	return &bellhop.Push{ID: 4, Shop: shop, OrderID: 820982911946154508, OrderName: "#1001", DeviceID: 3,
		Installation: "phone",
		Kind:         bellhop.PushOrderNew, Status: bellhop.PushSent, Attempts: 1, CreatedAt: noon, SentAt: noon,
		ReceivedAt: noon, OpenedAt: noon}
}

// refundPush is about one refund.
func refundPush() *bellhop.Push {
	p := push()
	p.Kind = bellhop.RefundKind(929361465)
	return p
}

func change(seq int64, kind events.Type) events.Change {
	return events.Change{Origin: "store", Seq: seq, Type: kind, Shop: shop, OrderID: 820982911946154508, PushID: 4,
		At: noon}
}

func write(t *testing.T, e *events.Event) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestComposed checks all possible events against the document.
func TestComposed(t *testing.T) {
	doc := eventstest.Document(t)
	traced := change(9, events.OrderRecorded)
	traced.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	bare := &bellhop.Order{Shop: shop, ID: 7, Total: bellhop.Money{Currency: "USD", Digits: 2},
		Handling: bellhop.HandlingNew}
	taken := *bare
	taken.Taken = &bellhop.Taken{By: 3, Email: "kim@example.com", At: noon}
	taken.Steps = []bellhop.RotaStep{{At: noon, Kind: bellhop.StepTaken, Person: 3, Email: "kim@example.com"},
		{At: noon, Kind: bellhop.StepEnded, Reason: bellhop.EndedTaken}, {At: noon, Kind: bellhop.StepNobody, Until: noon}}
	with, without := events.Composer{Customer: true}, events.Composer{}
	for _, e := range []*events.Event{
		with.Order(traced, order()), without.Order(change(2, events.OrderUpdated), order()),
		with.Order(change(3, events.OrderHandled), bare),
		with.Order(change(5, events.OrderTaken), &taken), with.Order(change(6, events.OrderReleased), bare),
		with.Order(change(4, events.OrderUpdated), nil), with.Push(change(5, events.PushSettled), push(), false),
		with.Push(change(7, events.PushSettled), refundPush(), false),
		without.Push(change(6, events.PushSettled), &bellhop.Push{ID: 4, Status: bellhop.PushSkipped}, true),
	} {
		doc.Check(t, []byte(write(t, e)))
	}
	doc.Complete(t)
}

// TestWhoOrderedIsTurnedOn holds all that is about a person, or that a person wrote, to the setting.
func TestWhoOrderedIsTurnedOn(t *testing.T) {
	private := map[string]string{
		"customer.name": "Jo Lee", "customer.email": "jo@example.com", "note": "by the back door",
		"details.contact.id": "9", "details.contact.name": "山田 太郎", "details.contact.email": "t@example.jp",
		"details.contact.phone": "080-0000-0000", "details.contact.locale": "ja-JP",
		"details.billing_address.name": "山田 花子", "details.billing_address.city": "札幌市",
		"details.shipping_address.name": "山田 次郎", "details.shipping_address.company": "森の帽子",
		"details.shipping_address.address1": "神宮一丁目", "details.shipping_address.address2": "宮前荘 203",
		"details.shipping_address.city": "名古屋市", "details.shipping_address.zip": "456-0001",
		"details.shipping_address.province": "愛知県", "details.shipping_address.province_code": "JP-23",
		"details.shipping_address.country": "日本", "details.shipping_address.country_code": "JP",
		"details.shipping_address.phone": "090-0000-0000",
		"details.attributes.0.name":      "Gift", "details.attributes.0.value": "for Ann", "details.po_number": "PO-Ann",
		"items.0.properties.0.name": "Engraving", "items.0.properties.0.value": "For Ann",
		"history.refunds.0.note": "Ann sent it back", "history.fulfillments.0.tracking.0.number": "Ann-1",
		"history.fulfillments.0.tracking.0.url": "https://example.jp/1",
	}
	shown := func(customer bool) map[string]string {
		e := events.Composer{Customer: customer}.Order(change(1, events.OrderRecorded), order())
		var message struct{ Data any }
		if err := json.Unmarshal([]byte(write(t, e)), &message); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		leaves(all, "", message.Data)
		return all
	}
	with, without := shown(true), shown(false)
	for path, value := range with {
		if _, there := without[path]; there {
			delete(with, path)
		}
		if _, hidden := private[path]; !hidden && without[path] != value {
			t.Errorf("%s is %q without the setting, and %q with it", path, without[path], value)
		}
	}
	if !maps.Equal(with, private) {
		t.Errorf("the setting adds %v, want %v", with, private)
	}
	for path, value := range without {
		for of, p := range private {
			if len(p) > 2 && strings.Contains(value, p) {
				t.Errorf("%s says %q, which is %s", path, value, of)
			}
		}
	}
}

// leaves collects all values of JSON by their paths.
func leaves(all map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			leaves(all, path+"."+name, inner)
		}
	case []any:
		for i, inner := range v {
			leaves(all, path+"."+strconv.Itoa(i), inner)
		}
	default:
		all[strings.TrimPrefix(path, ".")] = fmt.Sprint(v)
	}
}

func TestTheDeletedSaysSo(t *testing.T) {
	o := write(t, events.Composer{}.Order(change(1, events.OrderUpdated), nil))
	if !strings.Contains(o, `"data":{"id":"820982911946154508","shop":"demo.myshopify.com","deleted":true}`) {
		t.Error(o)
	}
	p := write(t, events.Composer{}.Push(change(1, events.PushSettled), &bellhop.Push{ID: 4}, true))
	if !strings.Contains(p, `"order_deleted":true`) {
		t.Error(p)
	}
}

func TestAPushNamesItsRefund(t *testing.T) {
	p := write(t, events.Composer{}.Push(change(1, events.PushSettled), refundPush(), false))
	if !strings.Contains(p, `"kind":"order.refunded","refund":"929361465"`) {
		t.Error(p)
	}
	if p = write(t, events.Composer{}.Push(change(1, events.PushSettled), push(), false)); strings.Contains(p, "refund") {
		t.Error(p)
	}
}

// TestIDs checks that an event built again keeps its id, and that a number which a restored
// database gives out again gets another id.
func TestIDs(t *testing.T) {
	c := change(5, events.OrderUpdated)
	first := events.Composer{}.Order(c, order())
	if again := (events.Composer{Customer: true}).Order(c, nil); again.ID != first.ID {
		t.Errorf("ids %q and %q", first.ID, again.ID)
	}
	later, next, other := c, c, c
	later.At, next.Seq, other.Origin = noon.Add(time.Microsecond), 6, "another"
	for _, c := range []events.Change{later, next, other} {
		if e := (events.Composer{}).Order(c, order()); e.ID == first.ID {
			t.Errorf("%+v shares an id: %q", c, e.ID)
		}
	}
}

func TestRuns(t *testing.T) {
	e := func(seq, order int64) *events.Event { return &events.Event{Shop: shop, OrderID: order, Sequence: seq} }
	elsewhere := &events.Event{Shop: "second.myshopify.com", OrderID: 1, Sequence: 3}
	all := []*events.Event{e(1, 1), e(2, 2), elsewhere, e(4, 2), e(5, 1), e(6, 1)}
	if got := events.Runs(all); !reflect.DeepEqual(got, [][]*events.Event{all[:3], all[3:5], all[5:]}) {
		t.Errorf("runs %v", got)
	}
	if got := events.Runs(nil); got != nil {
		t.Errorf("of none: %v", got)
	}
}

// TestDocumentIsValid lets AsyncAPI's own parser read the document. A newer version
// of AsyncAPI is no fault.
func TestDocumentIsValid(t *testing.T) {
	command, err := realserver.NodeCommand("../asyncapi.cjs", "asyncapi.json")
	realserver.Need(t, err)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Version string
		Found   []struct {
			Severity            int
			Code, Path, Message string
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if report.Version != "3.0.0" {
		t.Errorf("the document is of version %q", report.Version)
	}
	for _, f := range report.Found {
		if f.Code != "asyncapi-latest-version" {
			t.Errorf("%s: %s (%s)", f.Path, f.Message, f.Code)
		}
	}
}

// TestDocumentSaysWhereTo compares the document's channels with the driver's
// routing keys.
func TestDocumentSaysWhereTo(t *testing.T) {
	var doc struct {
		Channels map[string]struct {
			Address  string
			Messages map[string]struct {
				Ref string `json:"$ref"`
			}
			Bindings struct {
				AMQP struct{ Exchange struct{ Name, Type string } }
			}
		}
	}
	if err := json.Unmarshal(events.AsyncAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	addresses := map[string]bool{}
	for name, c := range doc.Channels {
		addresses[strings.Replace(c.Address, "{shop}", "demo", 1)] = true
		if x := c.Bindings.AMQP.Exchange; x.Name != amqpevents.DefaultExchange || x.Type != "topic" {
			t.Errorf("%s: the exchange is %+v", name, x)
		}
		if c.Messages[name].Ref != "#/components/messages/"+name {
			t.Errorf("%s: the messages are %v", name, c.Messages)
		}
	}
	for _, kind := range events.Types() {
		if key := amqpevents.RoutingKey(shop, kind); !addresses[key] {
			t.Errorf("no channel has the address %s", key)
		}
	}
}
