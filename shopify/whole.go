package shopify

import (
	"slices"
	"strings"

	"github.com/goccy/go-json"

	"bellhop"
)

const placeFields = `{ name? first_name? last_name? company? address1? address2? city? zip? phone? province?
	province_code? country? country_code? }`

// webhookFields are what each webhook about an order has had in all of Shopify's versions, if only as a null, and with
// a question mark what may be absent: Shopify withholds people's data from some apps, and bodies of scripts and
// archives have fewer fields, and are orders all the same. An absent one says nothing, so that what is known of it
// stays. Refunds and parcels are not here, since they stay in any case.
var webhookFields = parseWebhook(`id name number order_number currency total_price financial_status
	fulfillment_status created_at updated_at processed_at cancelled_at note test line_items
	email? contact_email? phone? customer? { id? first_name? last_name? email? phone? }
	billing_address? ` + placeFields + ` shipping_address? ` + placeFields + `
	cancel_reason? closed_at? customer_locale? discount_codes? line_item_groups? note_attributes?
	payment_gateway_names? po_number? returns? shipping_lines? source_name? tags? tax_lines? taxes_included?
	subtotal_price? total_discounts? total_outstanding? total_price_set? total_shipping_price_set? total_tax?
	total_tip_received? original_total_duties_set? original_total_additional_fees_set?
	current_total_price? current_total_price_set? current_subtotal_price? current_total_discounts?
	current_shipping_price_set? current_total_tax? current_total_duties_set? current_total_additional_fees_set?`)

// keys are a field of a body, with those that an object there has.
type keys struct {
	path   string // as a notice names it
	maybe  bool
	fields []keys
	places map[string]int // of the fields, by name
}

// parseWebhook reads a list of fields as [webhookFields] is one.
func parseWebhook(text string) *keys {
	var root keys
	root.parse(strings.Fields(text), "")
	return &root
}

func (k *keys) parse(words []string, prefix string) (rest []string) {
	k.places = map[string]int{}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch word {
		case "}":
			return words
		case "{":
			f := &k.fields[len(k.fields)-1]
			words = f.parse(words, f.path+".")
		default:
			var f keys
			word, f.maybe = strings.CutSuffix(word, "?")
			f.path = prefix + word
			k.places[word] = len(k.fields)
			k.fields = append(k.fields, f)
		}
	}
	return nil
}

// maxOdd bounds how many strange names of a body are looked at: that takes ten times as long as to read them.
const maxOdd = 100

// place finds a field by its name as the decoder does: it may be escaped, or in other capitals.
func (s *scan) place(k *keys, name []byte) (int, bool) {
	if i, ok := k.places[string(name)]; ok || s.odd == maxOdd || !slices.ContainsFunc(name, odd) {
		return i, ok
	}
	s.odd++
	var text string
	if json.Unmarshal(slices.Concat([]byte{'"'}, name, []byte{'"'}), &text) != nil {
		text = string(name)
	}
	i, ok := k.places[fold(text)]
	return i, ok
}

// odd reports whether a byte is in none of Shopify's names.
func odd(c byte) bool { return c >= 'A' && c <= 'Z' || c == '\\' || c >= 0x80 }

// scan reads through a body that is JSON, and collects what it lacks.
type scan struct {
	body   []byte
	at     int
	lacks  lacks
	unsaid lacks // what may be absent, and is
	odd    int   // names that were looked at twice
}

// scanOrder scans an order's body, or the order in the envelope of the REST API.
func scanOrder(body []byte, inEnvelope bool) *scan {
	s := &scan{body: body}
	root := webhookFields
	if inEnvelope {
		root = &keys{fields: []keys{*webhookFields}, places: map[string]int{"order": 0}}
	}
	s.value(root)
	return s
}

// value reads a value.
func (s *scan) value(k *keys) {
	if s.next() == '{' && len(k.fields) > 0 {
		s.object(k)
	} else {
		s.skip()
	}
}

func (s *scan) object(k *keys) {
	var has uint64 // there are no more than 64 fields
	for s.at++; s.next() == '"'; {
		if i, ok := s.place(k, s.text()); ok {
			has |= 1 << i
			s.value(&k.fields[i])
		} else {
			s.skip()
		}
	}
	s.at++
	if has != 1<<len(k.fields)-1 {
		s.missed(k, has)
	}
}

// missed notes which fields are not there.
func (s *scan) missed(k *keys, has uint64) {
	for i := range k.fields {
		switch f := &k.fields[i]; {
		case has&(1<<i) != 0:
		case f.maybe:
			s.unsaid.add(f.path)
		default:
			s.lacks.add(f.path)
		}
	}
}

// next moves to what comes next but for what separates, and returns its first byte; 0 at the end.
func (s *scan) next() byte {
	for ; s.at < len(s.body); s.at++ {
		switch c := s.body[s.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// text returns a text as it is written.
func (s *scan) text() []byte {
	s.at++
	from := s.at
	for s.at < len(s.body) && s.body[s.at] != '"' {
		if s.body[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	to := min(s.at, len(s.body))
	s.at = to + 1
	return s.body[from:to]
}

// skip moves behind a value.
func (s *scan) skip() {
	s.next()
	for depth := 0; s.at < len(s.body); {
		switch s.body[s.at] {
		case '"':
			s.text()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth == 0 { // the end of what a number or a word is in
				return
			}
			depth--
			s.at++
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return
			}
			s.at++
		default:
			s.at++
			continue
		}
		if depth == 0 {
			return
		}
	}
}

// otherOrder returns an error for a body that lacks fields and is about something else: that is no order.
func otherOrder(e *bellhop.Event) error {
	f, err := fieldsOf(e.Body)
	if err == nil && !f.has("id") && f.has("order") {
		f, err = fieldsOf(f["order"])
	}
	if err == nil && f.names("order_id", "myshopify_domain", "shop_domain", "shop_id", "previous") {
		err = otherKind(e.Topic, "it is about something else than an order")
	}
	return err
}

// open returns the order's fields of which the body says nothing, not even that there is none, in the words of
// [bellhop.Unsaid]. Where one of Shopify's fields stands in for another, it says nothing if that one is absent.
func (s *scan) open(o *order) (names []string) {
	if len(s.unsaid) == 0 {
		return nil
	}
	names = make([]string, 0, len(s.unsaid)+2)
	for _, name := range s.unsaid {
		switch name {
		case "customer":
			names = append(names, "customer.id", "customer.name") // the rest may be outside of it
			continue
		case "email", "contact_email", "phone", "customer.email", "customer.phone":
			continue
		case "customer_locale":
			name = "customer.locale"
		case "current_total_price":
			if o.NowTotalSet.Shop.Amount != "" { // which says the same
				continue
			}
		case "total_shipping_price_set":
			if len(o.ShippingLines) > 0 { // it is their sum
				continue
			}
		}
		if part, ok := strings.CutSuffix(name, "first_name"); ok {
			name = part + "name"
		} else if part, ok = strings.CutSuffix(name, "last_name"); ok {
			name = part + "name"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	email, contact := source{"email", o.Email}, source{"contact_email", o.ContactEmail}
	customers, phone := source{"customer.email", o.Customer.Email}, source{"customer.phone", o.Customer.Phone}
	if s.silent(email, contact, customers) {
		names = append(names, "email")
	}
	if s.silent(customers, email, contact) {
		names = append(names, "customer.email")
	}
	if s.silent(phone, source{"phone", o.Phone}) {
		names = append(names, "customer.phone")
	}
	slices.Sort(names)
	return names
}

// source is a field of a body, and what it says.
type source struct{ name, says string }

// silent reports whether an absent field comes before the first that says something.
func (s *scan) silent(all ...source) bool {
	for _, one := range all {
		absent := slices.Contains(s.unsaid, one.name) ||
			slices.Contains(s.unsaid, "customer") && strings.HasPrefix(one.name, "customer.")
		if absent || one.says != "" {
			return absent
		}
	}
	return false
}

// OnlyID is the reason of a webhook whose body is nothing but its order's id: Amazon EventBridge has no room for a
// larger one, or the subscription's include_fields ask for no more.
func OnlyID() string { return bellhop.IncompleteReason(scanOrder([]byte(`{"id":1}`), false).lacks) }
