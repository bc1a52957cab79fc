package shopify_test

import (
	"bytes"
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify"
)

// hollow is a body of the most bytes, of which a list is full of empty objects.
func hollow(body []byte) []byte {
	return bytes.Replace(body, []byte(`"@"`), []byte("["+strings.Repeat("{},", bellhop.DefaultMaxBody/3-10_000)+"{}]"), 1)
}

// TestHollowBodies cost no time: a list of millions of empty objects is none of Shopify's.
func TestHollowBodies(t *testing.T) {
	whole := wholeEvent(t, "update")
	orderIn(whole)["refunds"] = "@"
	for topic, body := range map[string][]byte{
		shopify.TopicOrderUpdated: []byte(`{"id":7,"line_items":"@"}`),
		shopify.TopicEventUpdate:  encoded(t, whole),
	} {
		if _, err := shopify.Decode(event(topic, hollow(body))); bellhop.CodeOf(err) != "body_kind" {
			t.Errorf("%s: %v", topic, err)
		}
	}
	for _, body := range append(orderBodies(t), encoded(t, wholeEvent(t, "create"))) {
		if n := bytes.Count(body, []byte("{")); n*bellhop.DefaultMaxBody/len(body) > 1<<18 {
			t.Errorf("one as %.80s is refused: it has %d objects in %d bytes", body, n, len(body))
		}
	}
}
