package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/simulate"
	"bellhop/store"
)

func sorted(all []string) []string {
	all = slices.Clone(all)
	slices.Sort(all)
	return all
}

// onBoth runs a test on each database.
func onBoth(t *testing.T, test func(t *testing.T, c *counter)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openCounter(t, "sqlite:")) })
	t.Run("postgres", func(t *testing.T) {
		server, err := realserver.StartPostgres(t.Context())
		realserver.Need(t, err)
		t.Cleanup(func() { server.Close() })
		test(t, openCounter(t, server.URL("postgres")))
	})
}

func TestKeepsBrokenText(t *testing.T) {
	onBoth(t, func(t *testing.T, c *counter) {
		c.send(create, sale(`,"name":"#\u00001","note":"be\u0000fore \ud83d after \udc00 \ufffe x","tags":"a\u0000, \ud800",
			"customer":{"first_name":"A\u0000nn"},"note_attributes":[{"name":"\u0000","value":"\udfff"}],
			"line_items":[{"id":1,"title":"T\u0000ee \ud800","quantity":1,"properties":[{"name":"x\u0000","value":{"y":"\u0000"}}]}]`))
		o := c.order()
		got := []string{o.Name, o.Note, o.CustomerName, strings.Join(o.Tags, "|"), o.Attributes[0].Name,
			o.Attributes[0].Value, o.Items[0].Title, o.Items[0].Properties[0].Name, o.Items[0].Properties[0].Value}
		want := []string{"#\ufffd1", "be\ufffdfore \ufffd after \ufffd \ufffe x", "A\ufffdnn", "a\ufffd|\ufffd", "\ufffd",
			"\ufffd", "T\ufffdee \ufffd", "x\ufffd", `{"y":"\u0000"}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"New order #\ufffd1 | $49.90 · 1 item · A\ufffdnn"}, c.rung()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFindsPeople finds a name as its language writes it, and as it was typed elsewhere.
func TestFindsPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, c *counter) {
		for id, fields := range map[string]string{
			"1": `,"customer_locale":"ko","customer":{"first_name":"길동","last_name":"홍"},"billing_address":{"name":"길동 홍",` +
				`"first_name":"길동","last_name":"홍","country_code":"KR"},"shipping_address":{"name":"Ann Example"}`,
			"2": `,"customer_locale":"ja-JP","customer":{"first_name":"太郎","last_name":"山田"}`,
			"3": `,"customer":{"first_name":"Jörg","last_name":"Müßig"}`,
		} {
			c.send(create, strings.Replace(sale(fields), `"id":1,`, `"id":`+id+`,`, 1))
		}
		for text, want := range map[string][]int64{
			"홍길동": {1}, "홍길": {1}, "길동": {1}, "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc": {1}, "ann": {1},
			"山田 太郎": {2}, "山田": {2}, "太郎 山田": {2}, "jorg": {3}, "müßig": {3}, "null": nil,
		} {
			page, err := c.store.Orders(t.Context(), domain, store.OrderQuery{Text: text})
			c.must(err)
			var got []int64
			for i := range page.Orders {
				got = append(got, page.Orders[i].ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
		}
		if o := c.order(); o.CustomerName != "홍길동" {
			t.Errorf("the customer is %q", o.CustomerName)
		}
	})
}

// TestKeepsEdits adds what an edit changed to the history, before its order comes and after.
func TestKeepsEdits(t *testing.T) {
	edit := func(id, lines string) string {
		return `{"order_edit":{"id":` + id + `,"app_id":null,"order_id":1,"created_at":"2026-11-22T11:58:00Z",` +
			`"committed_at":"2026-11-22T11:59:00Z","notify_customer":false,"reason":"","staff_note":"","user_id":null,` +
			`"line_items":` + lines + `,"discounts":{},"shipping_lines":{}}}`
	}
	c := openCounter(t, "sqlite:")
	c.send(edited, edit("7", `{"additions":[{"id":14,"delta":2}],"removals":[]}`))
	c.send(create, sale(""))
	c.send(edited, edit("8", `{"additions":[{"id":1,"delta":1}],"removals":[{"id":2,"delta":1},{"id":3,"delta":4}]}`))
	c.send(edited, edit("8", `{"additions":[{"id":1,"delta":1}],"removals":[{"id":2,"delta":1},{"id":3,"delta":4}]}`))
	o := c.order()
	for i := range o.History.Edits {
		o.History.Edits[i].Step = bellhop.Step{ID: o.History.Edits[i].ID}
	}
	want := bellhop.History{Edits: []bellhop.Edit{
		{Step: bellhop.Step{ID: 7}, Added: []bellhop.LineQuantity{{Item: 14, Quantity: 2}}},
		{Step: bellhop.Step{ID: 8}, Added: []bellhop.LineQuantity{{Item: 1, Quantity: 1}},
			Removed: []bellhop.LineQuantity{{Item: 2, Quantity: 1}, {Item: 3, Quantity: 4}}},
	}}
	if diff := cmp.Diff(want, o.History); diff != "" {
		t.Error(diff)
	}
	if at := time.Date(2026, 11, 22, 11, 59, 0, 0, time.UTC); !o.EditedAt.Equal(at) {
		t.Errorf("edited at %v", o.EditedAt)
	}
	if diff := cmp.Diff([]string{"New order #1 | $49.90 · 1 item"}, c.rung()); diff != "" {
		t.Error(diff)
	}
}

// TestKeepsRefundsWithoutMoney shows a restock in the history, and calls it no refund.
func TestKeepsRefundsWithoutMoney(t *testing.T) {
	for _, sent := range [][]string{
		{create, sale(""), refunds, refund(9, "", "")}, {refunds, refund(9, "", ""), create, sale("")},
		{create, sale(""), update, updated(0, `,"refunds":[`+refund(9, "", "")+`]`), refunds, refund(9, "", "")},
	} {
		c := openCounter(t, "sqlite:")
		for i := 0; i < len(sent); i += 2 {
			c.send(sent[i], sent[i+1])
		}
		o := c.order()
		if !o.RefundedAt.IsZero() || len(o.History.Refunds) != 1 || o.Refunded().Units != 0 {
			t.Errorf("refunded at %v: %+v", o.RefundedAt, o.History.Refunds)
			continue
		}
		lines := o.History.Refunds[0].Lines
		lines[0].Amount = "" // which an order's currency makes 0.00
		if diff := cmp.Diff([]bellhop.RefundLine{{Item: 14, Quantity: 1, Restock: "cancel"}}, lines); diff != "" {
			t.Error(diff)
		}
	}
}

// TestKeepsWhatBuyersPaid refunds eleven dollars of an order in euros, once by itself and within the
// order.
func TestKeepsWhatBuyersPaid(t *testing.T) {
	money := func(shops, buyers string) string {
		return `{"shop_money":{"amount":"` + shops + `","currency_code":"EUR"},"presentment_money":{"amount":"` + buyers +
			`","currency_code":"USD"}}`
	}
	euros := `,"currency":"EUR","presentment_currency":"USD","total_price_set":` + money("49.90", "54.89")
	back := refund(11, "11.00", `,"order_adjustments":[{"kind":"refund_discrepancy","amount_set":`+money("-10.00", "-11.00")+`}]`)
	for _, how := range [][]string{{refunds, back}, {update, updated(0, euros+`,"refunds":[`+back+`]`)}} {
		c := openCounter(t, "sqlite:")
		c.send(create, sale(euros))
		c.send(how[0], how[1])
		if diff := cmp.Diff([]string{"New order #1 | €49.90 · 1 item", "Refund for order #1 | €10.00 of €49.90"},
			sorted(c.rung())); diff != "" {
			t.Error(diff)
		}
		o := c.order()
		if o.Presentment == nil || o.Presentment.String() != "54.89" || o.Refunded().String() != "10.00" {
			t.Errorf("the buyer paid %v, refunded %s", o.Presentment, o.Refunded())
		}
	}
}

// TestKeepsEditedOrders shows what is left of an order after an edit.
func TestKeepsEditedOrders(t *testing.T) {
	lines := `,"total_price":"120.00","line_items":[{"id":1,"title":"Lamp","quantity":1,"current_quantity":1,"price":"70.00"},
		{"id":2,"title":"Removed chair","quantity":1,"current_quantity":0,"price":"50.00"},
		{"id":3,"title":"Mug","quantity":3,"current_quantity":1,"price":"0.00"}]`
	c := openCounter(t, "sqlite:")
	c.send(create, sale(strings.ReplaceAll(strings.ReplaceAll(lines, `"current_quantity":0`, `"current_quantity":1`),
		`"quantity":3,"current_quantity":1`, `"quantity":3,"current_quantity":3`)+`,"current_total_price":"120.00"`))
	c.send(update, updated(0, lines+`,"current_total_price":"70.00"`))
	// The phone shows what the order is when it rings.
	if diff := cmp.Diff([]string{"New order #1 | $70.00 · 2 items"}, c.rung()); diff != "" {
		t.Error(diff)
	}
	o := c.order()
	var removed []string
	for i := range o.Items {
		if o.Removed(&o.Items[i]) {
			removed = append(removed, o.Items[i].Title)
		}
	}
	mug := &o.Items[2]
	if diff := cmp.Diff([]string{"Removed chair"}, removed); diff != "" || mug.Current != 1 || mug.Quantity != 3 {
		t.Errorf("%s, mugs: %+v", diff, mug)
	}
	page, err := c.store.Orders(t.Context(), domain, store.OrderQuery{AtLeast: "70.00"})
	c.must(err)
	if len(page.Orders) != 1 {
		t.Fatalf("%d orders of 70.00 or more", len(page.Orders))
	}
	if b := page.Orders[0]; b.Total.String() != "120.00" || b.Current.String() != "70.00" || b.Pieces != 2 {
		t.Errorf("was %s, now %s, %d pieces", b.Total, b.Current, b.Pieces)
	}
}

// TestLedgerNamesWhatIsLeftOut: a subscription whose include_fields leave out what each order has only says that
// something changed, and the ledger says what is missing.
func TestLedgerNamesWhatIsLeftOut(t *testing.T) {
	const whole = `{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"1.00"`
	for body, want := range map[string]string{
		`{"id":1,"note":"leave at the door","updated_at":"2026-11-22T11:59:00Z"}`: "skipped incomplete: name, number, " +
			"order_number, currency, total_price (and 7 more)",
		whole + `}`: "skipped incomplete: line_items",
		`{` + simulate.Blank + `"id":1,"line_items":[],"currency":"USD"}`: "dead total_price is missing",
		`{"note":"leave at the door"}`:                                    "dead id is missing or not above 0",
	} {
		c := openCounter(t, "sqlite:")
		c.send(create, body)
		page, err := c.store.Lines(t.Context(), store.LineQuery{Shop: domain})
		c.must(err)
		if len(page.Lines) != 1 || string(page.Lines[0].Outcome)+" "+page.Lines[0].Reason != want {
			t.Errorf("%s: %+v", body, page.Lines)
		}
		if rung := c.rung(); rung != nil {
			t.Errorf("%s rings: %v", body, rung)
		}
	}
	c := openCounter(t, "sqlite:")
	c.send(create, whole+`,"line_items":[{"quantity":2}],"updated_at":"2026-11-22T11:59:00Z"}`)
	if diff := cmp.Diff([]string{"New order | $1.00 · 2 items"}, c.rung()); diff != "" {
		t.Error(diff)
	}
}

// TestKeepsImports places an import when it was processed.
func TestKeepsImports(t *testing.T) {
	c := openCounter(t, "sqlite:")
	c.send(create, sale(`,"processed_at":"2018-03-01T10:00:00+09:00"`))
	o := c.order()
	want := time.Date(2018, 3, 1, 1, 0, 0, 0, time.UTC)
	if !o.PlacedAt.Equal(want) || !o.CreatedAt.Equal(noon.Add(-time.Minute)) {
		t.Errorf("placed at %v, created at %v", o.PlacedAt, o.CreatedAt)
	}
}
