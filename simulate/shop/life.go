package shop

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// Install gives the app the scopes of its configuration, as the shop's own organisation does. The app isn't
// opened; a merchant's install goes over [Twin.InstallURL].
func (t *Twin) Install(domain string) error { return t.SetScopes(domain, t.opt.Scopes) }

// SetScopes gives an app other scopes, and installs it if need be. An installed app hears of it.
func (t *Twin) SetScopes(domain string, scopes []string) error {
	given, ok := ParseScopes(strings.Join(scopes, ","))
	if !ok {
		return bellhop.Invalidf("scopes", "%q are no scopes: give some such as read_orders,read_customers",
			strings.Join(scopes, ","))
	}
	return t.change(domain, func(s *shop) error {
		t.setScopes(s, given)
		return nil
	})
}

// setScopes needs mu.
func (t *Twin) setScopes(s *shop, scopes []string) {
	now := t.opt.Now()
	before := s.scopes
	if !s.installed {
		s.install(scopes, now)
		return
	}
	if slices.Equal(before, scopes) {
		return
	}
	s.scopes = scopes
	t.announce(s, "app/scopes_update", now, map[string]any{"id": s.id + 1, "previous": before, "current": scopes,
		"updated_at": stamp(now), "shop_id": s.id})
}

// Uninstall removes the app: its tokens and subscriptions are gone at once, then comes app/uninstalled, late by
// so much, and after two days shop/redact, unless the app is installed again by then.
func (t *Twin) Uninstall(domain string, late time.Duration) error {
	return t.change(domain, func(s *shop) error {
		if !s.installed {
			return bellhop.Invalidf("uninstall", "the app isn't installed on %s", domain)
		}
		now := t.opt.Now()
		told := s.subscribed("app/uninstalled", &t.opt)
		s.installed, s.scopes, s.tokens, s.subs = false, nil, tokens{}, nil
		clear(s.codes)
		t.deliver(t.delivery(s, "app/uninstalled", now, s.asREST(now)), told, late)
		// It goes to whoever is subscribed when it is due.
		t.sender.Send(t.delivery(s, "shop/redact", now.Add(t.redact),
			map[string]any{"shop_id": s.id, "shop_domain": s.domain}), t.redact)
		return nil
	})
}

// SetInfo changes what a shop says of itself; "" leaves as it is. An installed app hears of it.
func (t *Twin) SetInfo(domain string, info Info) error {
	return t.change(domain, func(s *shop) error {
		for _, part := range []struct {
			to   *string
			text string
		}{{&s.info.Name, info.Name}, {&s.info.Email, info.Email}, {&s.info.Currency, info.Currency},
			{&s.info.Timezone, info.Timezone}, {&s.info.Plan, info.Plan}} {
			if part.text != "" {
				*part.to = part.text
			}
		}
		now := t.opt.Now()
		t.announce(s, "shop/update", now, s.asREST(now))
		return nil
	})
}

// LastingToken returns a token that doesn't expire, such as an app has that was made in the shop's admin.
func (t *Twin) LastingToken(domain string) (text string, err error) {
	err = t.change(domain, func(s *shop) error {
		if !s.installed {
			return bellhop.Invalidf("token", "the app isn't installed on %s", domain)
		}
		text = s.tokens.lastingToken()
		return nil
	})
	return text, err
}

// MaxOrders is how many orders can be asked for at once.
const MaxOrders = 10_000

// MakeOrders makes orders beside those that come by themselves, with their later changes; o says how many, and
// what they are like.
func (t *Twin) MakeOrders(domain string, o simulate.ShopifyOptions) error {
	s, err := t.shop(domain)
	if err != nil {
		return err
	}
	if o.Orders <= 0 || o.Orders > MaxOrders {
		return bellhop.Invalidf("orders", "%d orders: give 1 to %d", o.Orders, MaxOrders)
	}
	all, err := simulate.Generate(t.batch(s, o))
	if err != nil {
		return err
	}
	for d := range all {
		t.sender.Send(d, 0)
	}
	return nil
}

// redactAfter is how long Shopify waits with shop/redact.
const redactAfter = 48 * time.Hour

// announce needs mu.
func (t *Twin) announce(s *shop, topic string, at time.Time, body any) {
	t.deliver(t.delivery(s, topic, at, body), s.subscribed(topic, &t.opt), 0)
}

func (t *Twin) delivery(s *shop, topic string, at time.Time, body any) *simulate.Delivery {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // the twin's own maps
	}
	return simulate.NewDelivery(s.domain, topic, t.opt.Secret, at, b)
}

// asREST is the shop as app/uninstalled and shop/update carry it. Some fields are null, as in Shopify's sample.
func (s *shop) asREST(now time.Time) map[string]any {
	return map[string]any{
		"id": s.id, "name": s.info.Name, "email": s.info.Email, "customer_email": s.info.Email, "domain": s.domain,
		"myshopify_domain": s.domain, "currency": s.info.Currency, "iana_timezone": s.info.Timezone, "timezone": nil,
		"plan_name": strings.ToLower(strings.ReplaceAll(s.info.Plan, " ", "_")), "plan_display_name": s.info.Plan,
		"shop_owner": users["owner"].first + " " + users["owner"].last, "primary_locale": "en", "phone": nil,
		"latitude": nil, "longitude": nil, "created_at": nil, "updated_at": stamp(now), "taxes_included": nil,
		"password_enabled": nil, "has_storefront": true, "setup_required": false,
	}
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
