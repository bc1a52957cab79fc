package shopify_test

import (
	"bytes"
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify"
)

// hollow is a body of the most bytes, of which a list is full of an element.
func hollow(body []byte, element string) []byte {
	room := bellhop.DefaultMaxBody - len(body)
	return bytes.Replace(body, []byte(`"@"`),
		[]byte("["+strings.Repeat(element+",", room/(len(element)+1)-1)+element+"]"), 1)
}

// TestHollowBodies cost no time: a list of millions of elements is none of Shopify's.
func TestHollowBodies(t *testing.T) {
	whole := wholeEvent(t, "update")
	orderIn(whole)["refunds"] = "@"
	for topic, body := range map[string][]byte{
		shopify.TopicOrderUpdated: []byte(`{"id":7,"note":"a \" [ in a text","line_items":"@"}`),
		shopify.TopicRefundCreate: []byte(`{"id":7,"order_id":7,"refund_line_items":"@"}`),
		shopify.TopicEventUpdate:  encoded(t, whole),
	} {
		for _, element := range []string{"{}", "0", "null", "[]", `""`} {
			if _, err := shopify.Decode(event(topic, hollow(body, element))); bellhop.CodeOf(err) != "body_kind" {
				t.Errorf("%s with %s: %v", topic, element, err)
			}
		}
	}
	for _, body := range append(orderBodies(t), encoded(t, wholeEvent(t, "create"))) {
		if n := bytes.Count(body, []byte("{")) + bytes.Count(body, []byte("},")); n*bellhop.DefaultMaxBody/len(body) > 1<<18 {
			t.Errorf("one as %.80s is refused: it has %d parts in %d bytes", body, n, len(body))
		}
	}
}
