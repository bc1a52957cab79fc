package driver

import (
	"fmt"

	"github.com/goccy/go-json"

	"bellhop"
)

// WriteDetails returns an order's details in their stored form.
func WriteDetails(d *bellhop.Details) string {
	b, _ := json.MarshalNoEscape(d) // plain fields
	return string(b)
}

// ReadDetails reads the result of [WriteDetails]; nothing of "".
func ReadDetails(kept string) (d bellhop.Details, err error) {
	return d, readDocument(kept, "details", &d)
}

// WriteHistory returns an order's history in its stored form; "" for none.
func WriteHistory(h *bellhop.History) string {
	if h.Empty() {
		return ""
	}
	b, _ := json.MarshalNoEscape(h)
	return string(b)
}

// ReadHistory reads the result of [WriteHistory].
func ReadHistory(kept string) (h bellhop.History, err error) {
	return h, readDocument(kept, "history", &h)
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
