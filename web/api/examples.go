package api

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// usual are the examples of fields by name, where they fit their type.
var usual = map[string]any{
	"id": "12", "shop": "demo.myshopify.com", "domain": "demo.myshopify.com", "order": "820982911946154508",
	"email": "jo@example.com", "invited_by": "jo@example.com", "person": "12", "name": "Jo Lee", "device": "phone-1",
	"installation": "phone-1", "value": "f7Kx…", "language": "en", "timezone": "Europe/Berlin", "currency": "EUR",
	"status": "sent", "handling": "handled", "attempts": 1, "platform": "ios", "form": "data", "reason": "",
	"retired_for": "", "password": "correct horse battery", "current": "correct horse staple",
	"secret": "a-secret-of-your-own", "url": "https://bellhop.example.com/signin?once=bh_l_…", "network": "192.0.2.1",
	"process": "web-1", "plan": "basic", "notify_new": true, "customer_in_push": true, "there": true, "refusal": "",
	"complete": true, "has_password": true, "address_proven": true, "scopes": []any{"read_orders"}, "owner": "12",
	"scopes_missing": []any{}, "unread": []any{}, "tags": []any{"vip"}, "payment_gateways": []any{"shopify_payments"},
	"subtotal": "380.00", "shipping": "15.00", "tax": "8.00", "address1": "1 High Street", "city": "London",
	"zip": "N1 9GU", "country": "United Kingdom", "country_code": "GB", "phone": "+44 20 7946 0000",
	"expires_at": "2026-12-22T09:00:00Z", "due_at": "2026-12-22T09:00:00Z", "until": "2026-12-22T09:00:00Z",
	"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "tracking": []any{}, "backups": []any{},
	"attributes": []any{}, "discount_codes": []any{}, "edits": []any{}, "refunds": []any{}, "risks": []any{},
	"fulfillments": []any{}, "properties": []any{}, "tax_lines": []any{}, "links": []any{}, "sign_in_links": []any{},
	"shipping_lines": []any{map[string]any{"title": "Express", "price": "15.00"}}, "variant": "M",
}

// unset are the times that are null in an example, as most are.
var unset = []string{"cancelled_at", "refunded_at", "edited_at", "retired_at", "uninstalled_at", "closed_at", "next_at",
	"opened_at", "reason_since", "fetched_at", "export_at", "export_until", "done_at"}

// troubles are fields of which an example is for themselves, and would contradict the rest of an answer.
var troubles = []string{"reason", "retired_for", "refusal"}

// giveExamples adds one to a call's body and to what it answers.
func giveExamples(registry huma.Registry, op *huma.Operation) {
	e := exampler{registry}
	if op.RequestBody != nil {
		for _, m := range op.RequestBody.Content {
			m.Example = e.of("", m.Schema)
		}
	}
	for status, r := range op.Responses {
		if m := r.Content["application/json"]; m != nil && strings.HasPrefix(status, "2") {
			m.Example = e.of("", m.Schema)
		}
	}
}

type exampler struct{ registry huma.Registry }

// of is an example of a schema. The name is that of the field which has it.
func (e exampler) of(name string, s *huma.Schema) any {
	if len(s.Examples) > 0 && !slices.Contains(troubles, name) {
		return s.Examples[0]
	}
	s = resolved(e.registry, s)
	known, is := usual[name]
	switch {
	case is && fits(known, s):
		return known
	case len(s.AnyOf) > 0:
		return e.of(name, s.AnyOf[0])
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Nullable && slices.Contains(unset, name):
		return nil
	}
	return e.byType(s)
}

// fits reports whether an example is of a schema's type.
func fits(v any, s *huma.Schema) bool {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return false
	}
	switch v.(type) {
	case string:
		return s.Type == huma.TypeString
	case int:
		return s.Type == huma.TypeInteger
	case bool:
		return s.Type == huma.TypeBoolean
	}
	return s.Type == huma.TypeArray
}

func (e exampler) byType(s *huma.Schema) any {
	switch s.Type {
	case huma.TypeObject:
		out := map[string]any{}
		for field, p := range s.Properties {
			_, known := usual[field]
			if known || slices.Contains(s.Required, field) || len(p.Examples) > 0 {
				out[field] = e.of(field, p)
			}
		}
		return out
	case huma.TypeArray:
		return []any{e.of("", s.Items)}
	case huma.TypeInteger, huma.TypeNumber:
		return 0
	case huma.TypeBoolean:
		return false
	}
	if s.Format == "date-time" {
		return "2026-11-22T09:00:00Z"
	}
	return ""
}
