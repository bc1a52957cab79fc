package events_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/events"
)

// TestRedactedOrder: an order says when its personal data was removed, and why; one that has it says nothing.
func TestRedactedOrder(t *testing.T) {
	shown := func(o bellhop.Order) string {
		b, err := json.Marshal(events.OrderOf(&o))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if all := shown(bellhop.Order{ID: 1}); strings.Contains(all, "redacted") {
		t.Error(all)
	}
	all := shown(bellhop.Order{ID: 1, RedactedAt: time.Unix(0, 0), RedactedFor: bellhop.RedactedForRetention})
	if !strings.Contains(all, `"redacted_at":"1970-01-01T00:00:00Z","redacted_for":"retention"`) {
		t.Error(all)
	}
}
