package shopify

import (
	"bytes"

	"github.com/goccy/go-json"
)

// The used parts of the bodies. Every object and value may be absent or null, in any of Shopify's
// API versions. Keys match as in encoding/json, repeated ones too; a test holds the faster decoder
// to that.

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
	Email             string   `json:"email"`
	ContactEmail      string   `json:"contact_email"`
	Phone             string   `json:"phone"`
	Locale            string   `json:"customer_locale"`
	Customer          customer `json:"customer"`
	BillingAddress    *address `json:"billing_address"`
	ShippingAddress   *address `json:"shipping_address"`
	Note              string   `json:"note"`
	FinancialStatus   string   `json:"financial_status"`
	FulfillmentStatus string   `json:"fulfillment_status"`
	Test              bool     `json:"test"`
	CreatedAt         string   `json:"created_at"`
	ProcessedAt       string   `json:"processed_at"`
	UpdatedAt         string   `json:"updated_at"`
	CancelledAt       string   `json:"cancelled_at"`
	ClosedAt          string   `json:"closed_at"`
	CancelReason      string   `json:"cancel_reason"`
	Tags              tags     `json:"tags"`
	PONumber          string   `json:"po_number"`
	SourceName        string   `json:"source_name"`
	Gateways          []string `json:"payment_gateway_names"`
	TaxesIncluded     bool     `json:"taxes_included"`

	sums

	NoteAttributes []property     `json:"note_attributes"`
	DiscountCodes  []discountCode `json:"discount_codes"`
	TaxLines       []taxLine      `json:"tax_lines"`
	LineItems      []line         `json:"line_items"`
	LineItemGroups []lineGroup    `json:"line_item_groups"`
	ShippingLines  []shippingLine `json:"shipping_lines"`
	Refunds        []refund       `json:"refunds"`
	Fulfillments   []fulfillment  `json:"fulfillments"`
	Returns        []shopReturn   `json:"returns"`

	Resource    resource `json:"admin_graphql_api_id"`
	CheckoutURL string   `json:"abandoned_checkout_url"` // of a checkout, which an order never is
}

// sums are an order's totals, when it was placed and now.
type sums struct {
	TotalPrice     amount   `json:"total_price"`
	TotalPriceSet  moneySet `json:"total_price_set"`
	Subtotal       amount   `json:"subtotal_price"`
	Discounts      amount   `json:"total_discounts"`
	ShippingSet    moneySet `json:"total_shipping_price_set"`
	Tax            amount   `json:"total_tax"`
	DutiesSet      moneySet `json:"original_total_duties_set"`
	FeesSet        moneySet `json:"original_total_additional_fees_set"`
	Tips           amount   `json:"total_tip_received"`
	NowTotal       amount   `json:"current_total_price"`
	NowTotalSet    moneySet `json:"current_total_price_set"`
	NowSubtotal    amount   `json:"current_subtotal_price"`
	NowDiscounts   amount   `json:"current_total_discounts"`
	NowShippingSet moneySet `json:"current_shipping_price_set"`
	NowTax         amount   `json:"current_total_tax"`
	NowDutiesSet   moneySet `json:"current_total_duties_set"`
	NowFeesSet     moneySet `json:"current_total_additional_fees_set"`
	Outstanding    amount   `json:"total_outstanding"`
}

type customer struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
}

type address struct {
	Name         string `json:"name"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Company      string `json:"company"`
	Address1     string `json:"address1"`
	Address2     string `json:"address2"`
	City         string `json:"city"`
	Zip          string `json:"zip"`
	Province     string `json:"province"`
	ProvinceCode string `json:"province_code"`
	Country      string `json:"country"`
	CountryCode  string `json:"country_code"`
	Phone        string `json:"phone"`
}

type line struct {
	ID                int64        `json:"id"`
	Title             string       `json:"title"`
	VariantTitle      string       `json:"variant_title"`
	SKU               string       `json:"sku"`
	Vendor            string       `json:"vendor"`
	Quantity          int64        `json:"quantity"`
	Current           *int64       `json:"current_quantity"`
	Fulfillable       *int64       `json:"fulfillable_quantity"`
	FulfillmentStatus string       `json:"fulfillment_status"`
	Price             amount       `json:"price"`
	TotalDiscount     amount       `json:"total_discount"`
	Allocations       []allocation `json:"discount_allocations"`
	TaxLines          []taxLine    `json:"tax_lines"`
	Properties        []property   `json:"properties"`
	GiftCard          bool         `json:"gift_card"`
	TipGateway        string       `json:"tip_payment_gateway"`
	TipMethod         string       `json:"tip_payment_method"`
	Product           reference    `json:"product_id"`
	Variant           reference    `json:"variant_id"`
	Group             int64        `json:"sales_line_item_group_id"`
}

type allocation struct {
	Amount amount `json:"amount"`
}

type lineGroup struct {
	ID       int64  `json:"id"`
	Title    string `json:"title"`
	Quantity int64  `json:"quantity"`
}

// property is an attribute of a line or of the order. Its value may be of any type.
type property struct {
	Name  text `json:"name"`
	Value text `json:"value"`
}

type discountCode struct {
	Code   string `json:"code"`
	Amount amount `json:"amount"`
}

type taxLine struct {
	Title string `json:"title"`
	Rate  amount `json:"rate"`
	Price amount `json:"price"`
}

type shippingLine struct {
	Title       string       `json:"title"`
	Code        string       `json:"code"`
	Price       amount       `json:"price"`
	Allocations []allocation `json:"discount_allocations"`
	Removed     bool         `json:"is_removed"`
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
		LineItems   struct {
			Additions []delta `json:"additions"`
			Removals  []delta `json:"removals"`
		} `json:"line_items"`
	} `json:"order_edit"`
}

type delta struct {
	ID    int64 `json:"id"`
	Delta int64 `json:"delta"`
}

type refund struct {
	ID           int64            `json:"id"`
	OrderID      int64            `json:"order_id"`
	CreatedAt    string           `json:"created_at"`
	ProcessedAt  string           `json:"processed_at"`
	Note         string           `json:"note"`
	Lines        []refundLine     `json:"refund_line_items"`
	Shipping     []refundShipping `json:"refund_shipping_lines"`
	Transactions []transaction    `json:"transactions"`
	Adjustments  []adjustment     `json:"order_adjustments"`
	DutiesSet    moneySet         `json:"total_duties_set"`

	Resource resource `json:"admin_graphql_api_id"`
}

type refundLine struct {
	Item        int64    `json:"line_item_id"`
	Quantity    int64    `json:"quantity"`
	RestockType string   `json:"restock_type"`
	Subtotal    amount   `json:"subtotal"`
	SubtotalSet moneySet `json:"subtotal_set"`
	TaxSet      moneySet `json:"total_tax_set"`
}

type refundShipping struct {
	SubtotalSet moneySet `json:"subtotal_amount_set"`
	TaxSet      moneySet `json:"tax_amount_set"`
}

type transaction struct {
	Kind     string `json:"kind"`
	Status   string `json:"status"`
	Amount   amount `json:"amount"`
	Currency string `json:"currency"`
}

type adjustment struct {
	Kind      string   `json:"kind"`
	AmountSet moneySet `json:"amount_set"`
	TaxSet    moneySet `json:"tax_amount_set"`
}

type fulfillment struct {
	ID              int64             `json:"id"`
	OrderID         int64             `json:"order_id"`
	CreatedAt       string            `json:"created_at"`
	UpdatedAt       string            `json:"updated_at"`
	Status          string            `json:"status"`
	ShipmentStatus  string            `json:"shipment_status"`
	TrackingCompany string            `json:"tracking_company"`
	TrackingNumber  string            `json:"tracking_number"`
	TrackingNumbers []string          `json:"tracking_numbers"`
	TrackingURL     string            `json:"tracking_url"`
	TrackingURLs    []string          `json:"tracking_urls"`
	Lines           []fulfillmentLine `json:"line_items"`

	Resource resource `json:"admin_graphql_api_id"`
}

type fulfillmentLine struct {
	ID       int64 `json:"id"`
	Quantity int64 `json:"quantity"`
}

type shopReturn struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
}

type riskRoot struct {
	OrderID   int64  `json:"order_id"`
	GlobalID  string `json:"admin_graphql_api_order_id"`
	Provider  int64  `json:"provider_id"`
	Title     string `json:"provider_title"`
	Level     string `json:"risk_level"`
	CreatedAt string `json:"created_at"`
}

type deletion struct {
	ID int64 `json:"id"`
}

// amount is the text of an amount of money: of a string or, in old bodies and
// in refunds, of a number. Anything else is kept as it stands, and no amount.
type amount string

func (a *amount) UnmarshalJSON(b []byte) error { return anyText((*string)(a), b) }

// text is a text, or the JSON of what else stands in its place.
type text string

func (t *text) UnmarshalJSON(b []byte) error { return anyText((*string)(t), b) }

func anyText(s *string, b []byte) error {
	switch {
	case string(b) == "null":
	case b[0] != '"':
		*s = string(b)
	case bytes.IndexByte(b, '\\') < 0:
		*s = string(b[1 : len(b)-1])
	default:
		return json.Unmarshal(b, s)
	}
	return nil
}

// tags are a list of tags as webhooks write it, "a, b", or as a JSON array.
type tags []string

func (t *tags) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*t = splitTags(s)
	return nil
}

// reference is a product or variant that a line names. A line of no product has null there; an
// absent one says nothing.
type reference uint8

const (
	refAbsent reference = iota
	refNull
	refPresent
)

func (r *reference) UnmarshalJSON(b []byte) error {
	*r = refPresent
	if string(b) == "null" {
		*r = refNull
	}
	return nil
}
