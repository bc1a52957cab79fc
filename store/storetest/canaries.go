package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// canaries are texts that are nowhere else.
type canaries struct {
	rnd *rand.Rand
	all []string
}

// text is a word of small letters, so that a search index keeps it as it is.
func (c *canaries) text() string {
	b := make([]byte, 14)
	for i := range b {
		b[i] = 'a' + byte(c.rnd.IntN(26))
	}
	c.all = append(c.all, string(b))
	return string(b)
}

// into puts one into each text of a value.
func (c *canaries) into(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(c.text())
	case reflect.Pointer:
		c.into(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			c.into(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			c.into(v.Field(i))
		}
	}
}

// order is a personal order with a canary in each personal field, and its webhook with them.
func (c *canaries) order(f *fixture, domain string, id int64, version int) bellhop.Fact {
	before := len(c.all)
	fact := f.personal(id, version)
	o := fact.Order
	fact.Event.Shop, o.Shop = domain, domain
	for _, personal := range []any{&o.CustomerName, &o.CustomerEmail, &o.Note, &o.PONumber, o.Customer, o.Billing,
		o.Shipping, o.Attributes, o.Items[0].Properties, o.History.Refunds[0].Note, o.History.Fulfillments[0].Tracking} {
		if v := reflect.ValueOf(personal); v.Kind() != reflect.String {
			c.into(v)
		}
	}
	o.History.Refunds[0].Note = c.text()
	fact.Event.Body = must(json.Marshal(c.all[before:]))(f)
	return fact
}

// sought is how many of a canary's last letters are looked for: an index may share its first ones with others.
const sought = 11

// in counts those that the files have.
func (c *canaries) in(t *testing.T, files []string) int {
	t.Helper()
	all, found := map[string]bool{}, map[string]bool{}
	for _, text := range c.all {
		all[text[len(text)-sought:]] = true
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		letters := 0
		for i, b := range content {
			if letters++; b < 'a' || b > 'z' {
				letters = 0
			}
			if letters >= sought && all[string(content[i+1-sought:i+1])] {
				found[string(content[i+1-sought:i+1])] = true
			}
		}
	}
	return len(found)
}

// NothingStays looks in the files of a database for personal data that was redacted, dropped or erased. files
// lists them, once a driver's own part of cleaning is done.
func NothingStays(t *testing.T, d Driver, files func(t *testing.T, s store.Store) []string) {
	f := &fixture{T: t, d: d, ctx: t.Context(), s: d.Open(t)}
	rnd := rand.New(rand.NewPCG(1, 2))
	gone, kept := &canaries{rnd: rnd}, &canaries{rnd: rnd}
	f.addShop(shop, second)
	var forgotten []int64
	for version := 1; version <= 3; version++ {
		for id := int64(1); id <= 60; id++ {
			facts := []bellhop.Fact{gone.order(f, shop, id, version), gone.order(f, second, id, version)}
			if version == 3 {
				facts = append(facts, kept.order(f, shop, 1000+id, version))
			}
			f.record(facts...)
			forgotten = append(forgotten, id)
		}
	}
	more(f, gone)
	if n := gone.in(t, files(t, f.s)); n < len(gone.all)*9/10 {
		t.Fatalf("before, %d of %d canaries are found: the search does not work", n, len(gone.all))
	}

	slices.Sort(forgotten)
	f.redact(bellhop.RedactedForRequest, at(1000), slices.Compact(forgotten)...)
	must(f.s.DropExports(f.ctx, at(1000), 10))(f)
	f.erase(second, 50)
	f.must(f.s.Scrub(f.ctx))
	all := files(t, f.s)
	if n := gone.in(t, all); n > 0 {
		t.Errorf("%d of %d canaries are left", n, len(gone.all))
	}
	if n := kept.in(t, all); n < len(kept.all)*9/10 {
		t.Errorf("of those that stay %d of %d are found", n, len(kept.all))
	}
}

// more puts canaries elsewhere: into people, devices, dead letters and exports.
func more(f *fixture, c *canaries) {
	f.Helper()
	f.addOwner(c.text()+"@example.com", second)
	f.addDevice(second, c.text(), bellhop.FormData)
	f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{1}, Shop: second, Email: c.text() + "@example.com",
		Role: bellhop.RoleStaff, CreatedAt: day, ExpiresAt: at(10)}))
	for _, domain := range []string{shop, second} {
		dead := f.event(domain, "orders/create")
		dead.Body = fmt.Appendf(nil, "{%q}", c.text())
		f.must(f.s.Dead(f.ctx, dead, "it can't be read", at(1)))
		if domain == shop {
			f.must(f.s.DropDead(f.ctx, dead, "dropped", at(2)))
		}
		r := must(f.s.AddRequest(f.ctx, bellhop.PrivacyRequest{Shop: domain, Kind: bellhop.RequestGive, RequestedAt: day,
			ReceivedAt: day, DueAt: day.Add(time.Hour), Subject: bellhop.Subject{Email: c.text() + "@example.com"}}))(f)
		f.must(f.s.PutExport(f.ctx, r.ID, []byte(c.text()), at(100)))
		f.must(f.s.UpdateRequest(f.ctx, r.ID, func(r *bellhop.PrivacyRequest) error {
			r.Outcome = bellhop.RequestDone
			return nil
		}))
	}
}
