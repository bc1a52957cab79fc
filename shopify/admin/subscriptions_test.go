package admin_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"bellhop/shopify"
	"bellhop/shopify/admin"
)

func TestSubscriptions(t *testing.T) {
	page := func(id, topic, rest, next string) http.HandlerFunc {
		return says(200, fmt.Sprintf(`{"data":{"webhookSubscriptions":{"nodes":[{"id":%q,"topic":%q,"uri":"https://b.example.com"%s}],`+
			`"pageInfo":{"hasNextPage":%v,"endCursor":%q}}}}`, id, topic, rest, next != "", next))
	}
	f := newFake(t,
		page("1", "ORDERS_CREATE", `,"filter":"total:1","includeFields":["id"],"apiVersion":{"handle":"2026-07"}`, "c1"),
		page("2", "ORDERS_PARTIALLY_FULFILLED", `,"filter":null,"includeFields":[],"apiVersion":null`, "c2"),
		page("3", "BULK_OPERATIONS_FINISH", ``, ""))
	got, err := f.app.Shop(domain, token).Subscriptions(t.Context())
	want := []admin.Subscription{
		{ID: "1", Topic: "orders/create", URI: "https://b.example.com", APIVersion: "2026-07",
			IncludeFields: []string{"id"}, Filter: "total:1"},
		{ID: "2", Topic: "orders/partially_fulfilled", URI: "https://b.example.com", IncludeFields: []string{}},
		{ID: "3", Topic: "BULK_OPERATIONS_FINISH", URI: "https://b.example.com"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v: %v", got, err)
	}
	for i, after := range []any{nil, "c1", "c2"} {
		if got := f.requests[i].fields["variables"].(map[string]any)["after"]; got != after {
			t.Errorf("page %d is the one after %v", i, got)
		}
	}
	f = newFake(t, page("1", "ORDERS_CREATE", "", "c"))
	if _, err := f.app.Shop(domain, token).Subscriptions(t.Context()); admin.RefusalOf(err) != admin.Refused ||
		len(f.requests) != 20 {
		t.Errorf("of a list without an end, after %d requests: %v", len(f.requests), err)
	}
}

// userError is the answer to a mutation that Shopify did not carry out.
func userError(mutation, message string) http.HandlerFunc {
	return says(200, fmt.Sprintf(`{"data":{%q:{"webhookSubscription":null,"userErrors":[{"field":["webhookSubscription","callbackUrl"],"message":%q}]}}}`,
		mutation, message))
}

func TestSubscribe(t *testing.T) {
	f := newFake(t, says(200, `{"data":{"webhookSubscriptionCreate":{"webhookSubscription":{"id":"1"},"userErrors":[]}}}`))
	if err := f.app.Shop(domain, token).Subscribe(t.Context(), shopify.TopicOrderRisk,
		"https://b.example.com"); err != nil {
		t.Fatal(err)
	}
	asked := f.requests[0].fields["variables"].(map[string]any)
	if asked["topic"] != "ORDERS_RISK_ASSESSMENT_CHANGED" || asked["uri"] != "https://b.example.com" {
		t.Errorf("it asked for %v", asked)
	}
	for message, want := range map[string]admin.Refusal{
		"Address for this topic has already been taken":                                            "",
		"Address can't be blank":                                                                   admin.AddressRefused,
		"Address protocol http:// is not supported":                                                admin.AddressRefused,
		"Address is invalid":                                                                       admin.AddressRefused,
		"Address cannot be a Shopify or an internal domain":                                        admin.AddressRefused,
		"Address is too big (maximum is 64 KB)":                                                    admin.AddressRefused,
		"Address is not a valid AWS ARN":                                                           admin.AddressRefused,
		"Address is not a valid GCP pub/sub format. Format should be pubsub://project:topic":       admin.AddressRefused,
		"This app is not approved to subscribe to webhook topics containing protected data. See …": admin.ProtectedData,
		"You do not have permission to create webhooks with orders/create topic.":                  admin.ScopeMissing,
		"Something new": admin.Refused,
	} {
		f := newFake(t, userError("webhookSubscriptionCreate", message))
		err := f.app.Shop(domain, token).Subscribe(t.Context(), "orders/create", "https://b.example.com")
		if admin.RefusalOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v", message, err)
		}
		if err != nil && !strings.Contains(err.Error(), message[:min(20, len(message))]) && want == admin.Refused {
			t.Errorf("Shopify's words are lost: %v", err)
		}
	}
	f = newFake(t, says(200, `{"data":{"webhookSubscriptionCreate":{"webhookSubscription":null,"userErrors":[]}}}`))
	if err := f.app.Shop(domain, token).Subscribe(t.Context(), "orders/create",
		"u"); admin.RefusalOf(err) != admin.Unavailable {
		t.Errorf("of neither: %v", err)
	}
}

// TestSubscribeTwice: the answer to the first try is lost, and the second finds its work.
func TestSubscribeTwice(t *testing.T) {
	f := newFake(t, cut, userError("webhookSubscriptionCreate", "Address for this topic has already been taken"))
	if err := f.app.Shop(domain, token).Subscribe(t.Context(), "orders/create", "https://b.example.com"); err != nil {
		t.Error(err)
	}
}

func TestUnsubscribe(t *testing.T) {
	for message, want := range map[string]admin.Refusal{
		"Webhook subscription does not exist": "", "Something new": admin.Refused} {
		f := newFake(t, cut, userError("webhookSubscriptionDelete", message))
		err := f.app.Shop(domain, token).Unsubscribe(t.Context(), "gid://shopify/WebhookSubscription/1")
		if admin.RefusalOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v", message, err)
		}
	}
	f := newFake(t, says(200, `{"data":{"webhookSubscriptionDelete":{"deletedWebhookSubscriptionId":"1","userErrors":[]}}}`))
	if err := f.app.Shop(domain, token).Unsubscribe(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}
