package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// person is a customer of the tests, and the one thing that a request says of them.
type person struct {
	id     int64
	email  string
	phone  string
	named  string  // id, email, phone or orders
	orders []int64 // theirs
	wholes []map[string]any
	said   []string
}

// sample is a body of shopify's tests.
type sample struct {
	topic string
	body  map[string]any
}

// samples are the bodies of all kinds that bellhop decodes and that may have a customer's data.
func samples(t *testing.T) (all []sample) {
	t.Helper()
	files, err := filepath.Glob("../../shopify/testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		kind, _, _ := strings.Cut(filepath.Base(file), ".")
		topic := strings.Replace(kind, "_", "/", 1)
		if !regexp.MustCompile(`^(orders|refunds|fulfillments)/`).MatchString(topic) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := sample{topic: topic}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&s.body); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, s)
	}
	if len(all) < 20 {
		t.Fatalf("only %d samples", len(all))
	}
	return all
}

// word is a text that is nowhere else. Small letters stay as they are in a search index.
func (p *person) word() string {
	b := make([]byte, 14)
	for i := range b {
		b[i] = 'a' + byte(rand.IntN(26))
	}
	p.said = append(p.said, string(b))
	return string(b)
}

func (p *person) digits() string {
	n := fmt.Sprint(rand.Int64N(9e10) + 1e10)
	p.said = append(p.said, n)
	return n
}

func newPerson(named string) *person {
	p := &person{named: named, id: rand.Int64N(9e14) + 1e14}
	p.said = append(p.said, fmt.Sprint(p.id))
	p.email, p.phone = p.word()+"@example.com", p.digits()
	return p
}

// The fields with something of a person: anywhere, and inside of an object that is about one.
var (
	personalFields = regexp.MustCompile(`^(first_name|last_name|company|address[12]|city|zip|email|contact_email|` +
		`phone|note|staff_note|po_number|browser_ip|user_agent|session_hash|order_status_url|landing_site|referring_site|` +
		`tracking_(number|url)|token|cart_token|checkout_token|source_url|reference|authorization)$`)
	aboutPerson = regexp.MustCompile(`^(customer|(billing|shipping|default)_address|destination|client_details)$`)
	lists       = regexp.MustCompile(`^(tracking_numbers|tracking_urls)$`)
	properties  = regexp.MustCompile(`^(properties|note_attributes)$`)
)

// fill puts a new word into each personal field of a body, also into those that are empty.
func (p *person) fill(v any, about bool) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = p.fill(v[i], about)
		}
	case map[string]any:
		for key, was := range v {
			_, text := was.(string)
			switch text = text || was == nil; {
			case aboutPerson.MatchString(key):
				if was == nil {
					was = map[string]any{"first_name": "", "name": "", "city": ""}
				}
				v[key] = p.fill(was, true)
			case properties.MatchString(key):
				v[key] = []any{map[string]any{"name": p.word(), "value": p.word()}}
			case lists.MatchString(key):
				v[key] = []any{p.word(), p.word()}
			case key == "phone" && text:
				v[key] = p.digits()
			case text && (key == "email" || key == "contact_email"):
				v[key] = p.word() + "@example.com"
			case text && (personalFields.MatchString(key) || about && key == "name"):
				v[key] = p.word()
			case !text:
				v[key] = p.fill(was, about)
			}
		}
	}
	return v
}

// body is a sample as a new order of the person's, or as a step of their newest order. The first order is deleted.
func (p *person) body(s sample) []byte {
	v := clone(s.body)
	root := v
	for _, envelope := range []string{"order", "order_edit"} {
		if in, ok := v[envelope].(map[string]any); ok {
			root = in
		}
	}
	delete(root, "admin_graphql_api_id")
	switch s.topic {
	case "orders/delete":
		root["id"] = p.orders[0]
	case "orders/edited", "orders/risk_assessment_changed", "refunds/create", "fulfillments/update":
		root["id"], root["order_id"] = rand.Int64N(1e15), p.orders[len(p.orders)-1]
		p.fill(v, false)
	default:
		root["id"] = rand.Int64N(9e14) + 1e14
		p.orders = append(p.orders, root["id"].(int64))
		for _, key := range []string{"customer", "billing_address", "note", "phone", "po_number", "note_attributes"} {
			if _, ok := root[key]; !ok {
				root[key] = nil
			}
		}
		p.fill(v, false)
		p.sign(root, time.Now().Add(-time.Minute))
		p.wholes = append(p.wholes, root)
	}
	text, _ := json.Marshal(v)
	return text
}

// newer is a later version of one of the person's orders, with new words.
func (p *person) newer(n int) []byte {
	v := clone(p.wholes[n%len(p.wholes)])
	p.fill(v, false)
	created := v["created_at"]
	p.sign(v, time.Now().Add(time.Duration(n)*time.Second))
	v["created_at"] = created
	text, _ := json.Marshal(v)
	return text
}

func clone(v map[string]any) (c map[string]any) {
	text, _ := json.Marshal(v) // it was JSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&c)
	return c
}

// sign makes an order the person's, by all that may recognise them.
func (p *person) sign(root map[string]any, at time.Time) {
	c, ok := root["customer"].(map[string]any)
	if !ok {
		return
	}
	c["id"], c["phone"], root["email"] = p.id, p.phone, strings.ToUpper(p.email[:1])+p.email[1:]
	if p.named == "email" || p.named == "orders" { // the request's e-mail is the order's alone
		c["id"] = rand.Int64N(9e14) + 1e14
	}
	for _, key := range []string{"created_at", "processed_at", "updated_at"} {
		root[key] = at.Format(time.RFC3339)
	}
}

// request is the body of a request about the person, which lists orders under a name.
func (p *person) request(shop, list string) []byte {
	c, orders := map[string]any{"id": nil, "email": nil, "phone": nil}, []int64{}
	switch p.named {
	case "id":
		c["id"] = p.id
	case "email":
		c["email"] = " " + strings.ToUpper(p.email)
	case "phone":
		c["phone"] = fmt.Sprintf("+%s (%s) %s-%s", p.phone[:1], p.phone[1:4], p.phone[4:7], p.phone[7:])
	case "orders":
		orders = p.orders
	}
	text, _ := json.Marshal(map[string]any{"shop_id": 1, "shop_domain": shop, "customer": c, list: orders})
	return text
}

// cutOff is a body that can't be read, and that names the person as a request does.
func (p *person) cutOff() []byte {
	says := map[string]string{"id": fmt.Sprintf(`"customer":{"id":%d`, p.id), "email": fmt.Sprintf(`"email":%q`, p.email),
		"phone": fmt.Sprintf(`"phone":%q`, p.phone), "orders": fmt.Sprintf(`"id":%d`, p.orders[0])}
	return fmt.Appendf(nil, `{%s,"note":"%s","line_items":[{`, says[p.named], p.word())
}
