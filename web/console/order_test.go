package console_test

import (
	"strings"
	"testing"
	"time"

	"bellhop"
)

// wholeOrder has all that an order may have.
func wholeOrder(o *bellhop.Order) {
	at := func(hours int) bellhop.Step {
		t := o.PlacedAt.Add(time.Duration(hours) * time.Hour)
		return bellhop.Step{ID: int64(hours), At: t, Said: bellhop.Version{UpdatedAt: t.UTC(), TriggeredAt: t.UTC()}}
	}
	o.Total, o.Current, o.Pieces = usd(15710), usd(10210), 3
	o.Presentment = &bellhop.Money{Units: 14490, Digits: 2, Currency: "EUR"}
	o.Note, o.FulfillmentStatus, o.FinancialStatus = "Leave it with the neighbour.", "partial", "partially_refunded"
	home := bellhop.Address{Name: "Jo Lee", Company: "Lee & Daughters", Address1: "12 Example Street", Address2: "Unit 4",
		City: "Portland", Zip: "97201", Province: "Oregon", ProvinceCode: "OR", Country: "United States", CountryCode: "US",
		Phone: "+1 503-555-0142"}
	bill := home
	bill.Name, bill.Address2 = "Lee Accounting", "Unit 9"
	o.Details = bellhop.Details{
		Schema:      bellhop.DetailsSchema,
		Placed:      bellhop.Sums{Subtotal: "140.00", Discounts: "15.00", Shipping: "8.00", Tax: "9.10"},
		Outstanding: "2.10", BuyersNow: "94.20",
		Customer: &bellhop.Customer{ID: 7, Name: "Jo Lee", Email: "jo@example.com", Phone: "+1 (503) 555-0199"},
		Shipping: &home, Billing: &bill,
		Items: []bellhop.Item{
			{ID: 11, Title: "Lamp", Variant: "Brass", SKU: "LAMP-B", Vendor: "Lumen Works", Quantity: 1, Current: 1,
				Price: "70.00", Discount: "10.00", Total: "60.00",
				Properties: []bellhop.Attribute{{Name: "Engraving", Value: "For Mum"}, {Name: "_design", Value: "x-9931"}}},
			{ID: 12, Title: "Chair", SKU: "CHAIR-1", Quantity: 1, Price: "50.00", Total: "50.00"},
			{ID: 13, Title: "Mug", Variant: "350 ml", SKU: "MUG-350", Quantity: 3, Current: 2, ToFulfil: 1, Price: "10.00",
				Total: "30.00", Group: 5},
			{ID: 14, Title: "Gift card", Quantity: 1, Price: "5.00", Discount: "5.00", Total: "0.00", GiftCard: true},
			{ID: 15, Title: "Thank you", Quantity: 1, Current: 1, Price: "0.00", Tip: true},
		},
		Groups:        []bellhop.ItemGroup{{ID: 5, Title: "Breakfast set", Quantity: 1}},
		ShippingLines: []bellhop.ShippingLine{{Title: "Express", Price: "8.00"}},
		TaxLines:      []bellhop.TaxLine{{Title: "OR tax", Rate: "0.065", Price: "9.10"}},
		DiscountCodes: []bellhop.DiscountCode{{Code: "WELCOME15", Amount: "15.00"}},
		Tags:          []string{"wholesale", "gift"},
		Attributes:    []bellhop.Attribute{{Name: "Gift note", Value: "Happy birthday"}, {Name: "_ab", Value: "variant-3"}},
		Gateways:      []string{"shopify_payments"}, PONumber: "PO-7781", Source: "shopify_draft_order",
		CancelReason: "customer", ReturnStatus: "open", Unread: []string{"tax_lines.0.rate", "closed_at"},
	}
	o.History = bellhop.History{
		Edits: []bellhop.Edit{{Step: at(1), Removed: []bellhop.LineQuantity{{Item: 12, Quantity: 1}}}},
		Fulfillments: []bellhop.Fulfillment{{Step: at(2), Status: "success", Shipment: "in_transit", Carrier: "UPS",
			Tracking: []bellhop.Tracking{{Number: "1Z999AA1", URL: "https://track.example/1Z999AA1"},
				{Number: "SHADY", URL: "javascript:alert(1)"}},
			Lines: []bellhop.LineQuantity{{Item: 11, Quantity: 1}, {Item: 13, Quantity: 1}}}},
		Refunds: []bellhop.Refund{
			{Step: at(3), Amount: "5.00", Note: "A chip", Lines: []bellhop.RefundLine{{Item: 13, Quantity: 1, Amount: "5.00"}}},
			{Step: at(4), Lines: []bellhop.RefundLine{{Item: 14, Quantity: 1, Restock: "cancel"}}},
			{Step: at(5), Amount: "4.55", Currency: "EUR"},
		},
		Risks: []bellhop.Risk{{Step: at(1), Level: "high", Provider: "Shopify"}},
	}
	o.EditedAt, o.RefundedAt = at(1).At, at(3).At
}

// The page of an order has what an owner packs by, and a sum whose lines are written by hand here.
func TestOrderPage(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, wholeOrder)
	a := r.Get("/orders/"+orderID(0), ownerSession)
	strictPage(t, a)
	for _, want := range []string{
		"Lamp", "Brass", "SKU LAMP-B", "Lumen Works", "<dt>Engraving</dt><dd>For Mum</dd>", "Part of Breakfast set",
		"<del>Chair</del>", ">Removed<", ">Gift card</span>", ">Tip</span>", "now 2", ">1 to send<", "3 items",
		`<address id="ship-to">Jo Lee<br>Lee &amp; Daughters<br>12 Example Street<br>Unit 4<br>Portland OR 97201<br>` +
			`United States<br><a href="tel:&#43;15035550142">&#43;1 503-555-0142</a></address>`,
		`<address id="bill-to">Lee Accounting<br>`, `<a href="mailto:jo@example.com">`, `<a href="tel:&#43;15035550199">`,
		`<a href="https://track.example/1Z999AA1" rel="noreferrer">1Z999AA1</a>`, `<span class="number">SHADY</span>`,
		"UPS", "In transit", "1 × Mug 350 ml",
		`href="https://admin.shopify.com/store/demo/orders/` + orderID(0) + `"`, `href="/orders/` + orderID(0) + `/slip"`,
		"WELCOME15", "shopify_payments", "PO-7781", "Draft order", "wholesale, gift", "High (Shopify)",
		"The customer changed their mind", "In progress", "<dt>Gift note</dt><dd>Happy birthday</dd>",
		"Refunded $5.00", "Refunded €4.55", "A chip", "Restocked without a refund", "Removed: 1 × Chair",
		"2 fields could not be read: tax_lines.0.rate, closed_at",
	} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, never := range []string{"x-9931", "variant-3", "javascript:alert"} {
		if strings.Contains(a.Body, never) {
			t.Errorf("the page has %s", never)
		}
	}
	var sum []string
	for _, row := range strings.Split(between(a.Body, `<table class="sums">`, "</table>"), "<tr")[1:] {
		sum = append(sum,
			strings.TrimSpace(between(row, `<th scope="row">`, "<"))+" "+between(row, `<td class="number">`, "<"))
	}
	got := strings.Join(sum, "\n")
	want := strings.Join([]string{"Items $155.00", "Discounts -$15.00", "Shipping $8.00", "Tax $9.10",
		"Total when placed $157.10", "Edits -$50.00", "Refunded -$5.00", "Total now $102.10", "Still to be paid $2.10"}, "\n")
	if got != want {
		t.Errorf("the sum is\n%s\nnot\n%s", got, want)
	}
}
