package driver

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-json"

	"bellhop"
)

// document is an order's details as they are stored. Most bills go where the goods go, and addresses
// are a quarter of the whole.
type document struct {
	bellhop.Details
	BillingAsShipping bool `json:"billing_as_shipping,omitempty"`
}

// WriteDetails returns an order's details in their stored form.
func WriteDetails(d *bellhop.Details) string {
	kept := document{Details: *d}
	if d.Billing != nil && d.Shipping != nil && *d.Billing == *d.Shipping {
		kept.Billing, kept.BillingAsShipping = nil, true
	}
	return writeDocument(&kept)
}

// ReadDetails reads the result of [WriteDetails]; nothing of "".
func ReadDetails(text string) (bellhop.Details, error) {
	var kept document
	err := readDocument(text, "details", &kept)
	if kept.BillingAsShipping && kept.Shipping != nil {
		same := *kept.Shipping
		kept.Billing = &same
	}
	return kept.Details, err
}

// WriteHistory returns an order's history in its stored form; "" for none.
func WriteHistory(h *bellhop.History) string {
	if h.Empty() {
		return ""
	}
	return writeDocument(h)
}

// ReadHistory reads the result of [WriteHistory].
func ReadHistory(kept string) (h bellhop.History, err error) {
	return h, readDocument(kept, "history", &h)
}

// writeDocument returns JSON that PostgreSQL takes, which knows no NUL in a text.
func writeDocument(v any) string {
	b, _ := json.Marshal(v) // plain fields
	return withoutNUL(b)
}

func withoutNUL(b []byte) string {
	if !bytes.Contains(b, []byte(`\u0000`)) {
		return string(b)
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(b[i:], []byte(`\u0000`)) {
			copy(b[i:], `\ufffd`)
		}
		i++
	}
	return string(b)
}

func readDocument(kept, what string, to any) error {
	if kept == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(kept), to); err != nil {
		return fmt.Errorf("an order's stored %s are damaged: %w", what, err)
	}
	return nil
}
