package shopify

import (
	"bytes"

	"github.com/goccy/go-json"
)

// The used parts of the bodies. Every object and value may be absent or null, in any of Shopify's
// API versions; a value of another type is an error. Keys match as in encoding/json, repeated ones
// too; a test holds the faster decoder to that.

// orderRoot is an order, bare as webhooks have it or in the envelope of the
// REST API.
type orderRoot struct {
	order
	Envelope order `json:"order"`
}

type order struct {
	ID                int64    `json:"id"`
	Name              string   `json:"name"`
	Number            int64    `json:"number"`
	OrderNumber       int64    `json:"order_number"`
	Currency          string   `json:"currency"`
	TotalPrice        amount   `json:"total_price"`
	TotalPriceSet     moneySet `json:"total_price_set"`
	CurrentTotalPrice amount   `json:"current_total_price"`
	Email             string   `json:"email"`
	ContactEmail      string   `json:"contact_email"`
	Customer          customer `json:"customer"`
	BillingAddress    address  `json:"billing_address"`
	ShippingAddress   address  `json:"shipping_address"`
	Note              string   `json:"note"`
	FinancialStatus   string   `json:"financial_status"`
	FulfillmentStatus string   `json:"fulfillment_status"`
	Test              bool     `json:"test"`
	CreatedAt         string   `json:"created_at"`
	ProcessedAt       string   `json:"processed_at"`
	UpdatedAt         string   `json:"updated_at"`
	CancelledAt       string   `json:"cancelled_at"`
	LineItems         []line   `json:"line_items"`
	Resource          resource `json:"admin_graphql_api_id"`
	CheckoutURL       string   `json:"abandoned_checkout_url"` // of a checkout, which an order never is
}

type customer struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
}

type address struct {
	Name string `json:"name"`
}

type line struct {
	ID           int64  `json:"id"`
	Title        string `json:"title"`
	VariantTitle string `json:"variant_title"`
	SKU          string `json:"sku"`
	Quantity     int64  `json:"quantity"`
	Price        amount `json:"price"`
}

type moneySet struct {
	Shop        money `json:"shop_money"`
	Presentment money `json:"presentment_money"`
}

type money struct {
	Amount   amount `json:"amount"`
	Currency string `json:"currency_code"`
}

type editRoot struct {
	Edit struct {
		OrderID     int64  `json:"order_id"`
		ID          int64  `json:"id"`
		CommittedAt string `json:"committed_at"`
		CreatedAt   string `json:"created_at"`
	} `json:"order_edit"`
}

type refund struct {
	ID          int64  `json:"id"`
	OrderID     int64  `json:"order_id"`
	CreatedAt   string `json:"created_at"`
	ProcessedAt string `json:"processed_at"`

	Resource resource `json:"admin_graphql_api_id"`
}

type deletion struct {
	ID int64 `json:"id"`
}

// amount is the text of an amount of money: of a string or, in old bodies and
// in refunds, of a number. Anything else is kept as it stands, and no amount.
type amount string

func (a *amount) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
	case b[0] != '"':
		*a = amount(b)
	case bytes.IndexByte(b, '\\') < 0:
		*a = amount(b[1 : len(b)-1])
	default:
		return json.Unmarshal(b, (*string)(a))
	}
	return nil
}
