package shop

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"bellhop/simulate"
)

// failuresInARow is how many failed attempts end a subscription that the app made by the API. They grow with
// the attempts at one delivery, so that a short outage under load is one failure.
const failuresInARow = 8

// subscription is one that the app made by the API, or one of its configuration.
type subscription struct {
	id       int64  // 0: of the configuration
	topic    string // such as "orders/create"
	uri      string
	fields   []string // of the body, that are sent; nil is all
	name     string
	created  time.Time
	updated  time.Time
	failures int // in a row
}

// subscribed returns the subscriptions to a topic. Those of the configuration hold for all shops.
func (s *shop) subscribed(topic string, o *Options) (all []*subscription) {
	for _, sub := range s.subs {
		if sub.topic == topic {
			all = append(all, sub)
		}
	}
	for _, w := range o.Webhooks {
		if w.Topic == topic {
			all = append(all, &subscription{topic: topic, uri: w.URI})
		}
	}
	return all
}

// complianceTopics go to the configuration's addresses alone, also after an uninstall.
var complianceTopics = []string{"customers/data_request", "customers/redact", "shop/redact"}

// route is called with each delivery that is due, before it has a target: the twin notes the order, and sends
// it to whoever is subscribed by now.
func (t *Twin) route(d *simulate.Delivery) {
	s := t.shops[d.Shop]
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(complianceTopics, d.Topic) {
		if !s.installed { // shop/redact doesn't come where the app is back
			t.deliver(d, s.subscribed(d.Topic, &t.opt), 0)
		}
		return
	}
	now := t.opt.Now()
	switch r := s.orders.byID[d.OrderID]; {
	case r != nil && r.own:
	case r != nil && d.Known() && s.silent(d):
		s.orders.take(d.Still("", r.latest.Facts().Updated), now)
	default:
		t.tell(s, d, now)
	}
}

// tell notes what happened to an order, and sends it to whoever is subscribed. It needs mu.
func (t *Twin) tell(s *shop, d *simulate.Delivery, now time.Time) {
	var before *simulate.Delivery
	if r := s.orders.byID[d.OrderID]; r != nil {
		before = r.latest
	}
	s.orders.take(d, now)
	t.send(s, d, s.subscribed(d.Topic, &t.opt))
	if r := s.orders.byID[d.OrderID]; r != nil && r.latest != before {
		t.sendEvents(s, before, r.latest, now)
	}
}

// silent reports whether no webhook tells of a change, nor updated_at. All deliveries of an event are alike.
func (s *shop) silent(d *simulate.Delivery) bool {
	return share(d.EventID) < s.faults.Silent
}

// share is a number from 0 to 1 that a text always has, so that the same seed makes the same faults.
func share(text string) float64 { return float64(xxhash.Sum64String(text)) / (1 << 64) }

// send sends a delivery about an order to subscriptions, unless a fault keeps it. It needs mu.
func (t *Twin) send(s *shop, d *simulate.Delivery, to []*subscription) {
	if !s.installed || share("dropped "+d.WebhookID) < s.faults.Dropped {
		return
	}
	delay := time.Duration(0)
	if share("delayed "+d.WebhookID) < s.faults.Delayed {
		delay = time.Duration(s.faults.DelaySeconds) * time.Second
	}
	t.deliver(d, to, delay)
}

// deliver sends a delivery to each of the subscriptions. Those after the first get a webhook id of their own, and
// share the event's.
func (t *Twin) deliver(d *simulate.Delivery, to []*subscription, after time.Duration) {
	for i, sub := range to {
		if strings.HasPrefix(sub.uri, "arn:") {
			continue // there is no EventBridge here
		}
		c := *d
		if sub.fields != nil {
			c = *d.WithBody(t.opt.Secret, onlyFields(d.Body, sub.fields))
		}
		c.Target, c.Subscription, c.APIVersion = sub.uri, sub.gid(), t.opt.APIVersion
		if i > 0 {
			c.WebhookID, c.Copy = uuid.NewString(), simulate.CopyNewID
		}
		t.sender.Send(&c, after)
	}
}

// gid is "" for a subscription of the configuration.
func (s *subscription) gid() string {
	if s.id == 0 {
		return ""
	}
	return gid("WebhookSubscription", s.id)
}

// onlyFields keeps the members of a body that includeFields names: of a path such as line_items.title the titles alone.
func onlyFields(body []byte, fields []string) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var all any
	if d.Decode(&all) != nil {
		return body
	}
	keepOnly(all, "", fields)
	b, err := json.Marshal(all)
	if err != nil {
		return body
	}
	return b
}

func keepOnly(v any, prefix string, fields []string) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			keepOnly(one, prefix, fields)
		}
	case map[string]any:
		for name, value := range v {
			path := prefix + name
			switch {
			case slices.Contains(fields, path):
			case slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, path+".") }):
				keepOnly(value, path+".", fields)
			default:
				delete(v, name)
			}
		}
	}
}

// tried counts the failures of a subscription, and ends it after too many.
func (t *Twin) tried(d *simulate.Delivery, n int, ok bool) {
	if d.Subscription == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shops[d.Shop]
	i := s.subscription(d.Subscription)
	if i < 0 {
		return
	}
	switch sub := s.subs[i]; {
	case ok:
		sub.failures = 0
	case n == sub.failures+1:
		sub.failures = n
	}
	if s.subs[i].failures >= failuresInARow {
		s.subs = slices.Delete(s.subs, i, i+1)
	}
}

// subscription returns the place of a subscription; -1 for none.
func (s *shop) subscription(id string) int {
	return slices.IndexFunc(s.subs, func(sub *subscription) bool { return sub.gid() == id })
}

// Subscription is a subscription that the app made by the API.
type Subscription struct {
	ID    string `json:"id"`
	Topic string `json:"topic"`
	URI   string `json:"uri"`
}

// Subscriptions returns those of a shop, oldest first.
func (t *Twin) Subscriptions(domain string) ([]Subscription, error) {
	all := []Subscription{}
	err := t.change(domain, func(s *shop) error {
		for _, sub := range s.subs {
			all = append(all, Subscription{sub.gid(), sub.topic, sub.uri})
		}
		return nil
	})
	return all, err
}

// DropSubscriptions removes the subscriptions to a topic, or all where topic is "", as Shopify does after failures.
func (t *Twin) DropSubscriptions(domain, topic string) error {
	return t.change(domain, func(s *shop) error {
		s.subs = slices.DeleteFunc(s.subs, func(sub *subscription) bool { return topic == "" || sub.topic == topic })
		return nil
	})
}
