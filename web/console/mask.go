package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"

	"bellhop/web"
)

// shown are the fields of Shopify's bodies whose values are no personal data. All others are
// masked, and so is any field that Shopify adds.
var shown = set("id", "admin_graphql_api_id", "order_id", "line_item_id", "location_id", "app_id", "order_number",
	"currency", "presentment_currency", "currency_code", "amount", "price", "total_price", "subtotal_price",
	"total_tax", "total_discounts", "current_total_price", "financial_status", "fulfillment_status", "created_at",
	"updated_at", "processed_at", "cancelled_at", "closed_at", "cancel_reason", "test", "quantity", "sku",
	"product_id", "variant_id", "grams", "taxable", "requires_shipping", "gift_card", "kind", "status",
	"gateway", "source_name", "taxes_included", "tax_rate", "rate", "topic", "shop_id", "shop_domain")

const masked = web.Masked

// named are objects whose name and number are no personal data: an order, whose fields are the
// body's own, and its items.
var named = set("", "line_items")

// maxMaskDepth is deeper than Shopify's bodies are. Deeper parts are masked, since indenting
// them could take any amount of memory.
const maxMaskDepth = 32

// maxIndented is the largest body that is indented: indenting makes it many times as large.
const maxIndented = 256 << 10

// plainKey is the form of Shopify's field names; other names may be personal data.
var plainKey = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// personal are objects in which even an id or a time is a person's.
var personal = set("customer", "billing_address", "shipping_address", "default_address", "client_details", "company",
	"payment_details")

func set(names ...string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, n := range names {
		all[n] = true
	}
	return all
}

// mask returns a body's structure, with possibly personal data masked. It masks all of a body
// that is no JSON.
func mask(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Sprintf("%s (%d bytes that are no JSON)", masked, len(body))
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Sprintf("%s (%d bytes that are more than JSON)", masked, len(body))
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if len(body) <= maxIndented {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(maskValue(v, "", "", false, maxMaskDepth)); err != nil {
		return masked
	}
	return out.String()
}

// maskValue masks the value of a field. The field's object is the value of the field of.
func maskValue(v any, of, field string, isPersonal bool, depth int) any {
	if depth == 0 {
		return masked
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			if !plainKey.MatchString(k) {
				k = masked
			}
			out[k] = maskValue(inner, field, k, isPersonal || personal[field], depth-1)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = maskValue(inner, of, field, isPersonal, depth-1)
		}
		return out
	case string, json.Number:
		nobodys := shown[field] || named[of] && (field == "name" || field == "number")
		if isPersonal || !nobodys {
			return masked
		}
	case bool:
		if isPersonal {
			return masked
		}
	}
	return v
}
