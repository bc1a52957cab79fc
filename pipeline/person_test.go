package pipeline

import (
	"context"
	"errors"
	"testing"

	"bellhop"
)

func TestPersonInText(t *testing.T) {
	byEmail := bellhop.Subject{Email: "Ann.Lee@Example.com"}
	byID := bellhop.Subject{CustomerID: 191167000123, Phone: "+1 555 0117", Orders: []int64{299938000456}}
	accented := bellhop.Subject{Email: "josé@example.com"}
	byPhone := bellhop.Subject{Phone: "+1 (555) 0117"}
	for _, c := range []struct {
		who  bellhop.Subject
		text string
		want bool
	}{
		{byEmail, `{"email":"ann.lee@example.com"}`, true},
		{byEmail, `{"note":"ask ANN.LEE@EXAMPLE.COM."}`, true},
		{byEmail, `{"email":"ann.lee\u0040example.com"}`, true},
		{byEmail, `{"email":"joann.lee@example.com"}`, false},
		{byEmail, `{"email":"ann.lee@example.com.au"}`, false},
		{byEmail, `{"email":"ann.lee@example.community"}`, false},
		{byEmail, `{"a":"joann.lee@example.com","b":"ann.lee@example.com"}`, true},
		{byEmail, `{"email":"ann.lee@example.com`, true}, // cut off
		{byEmail, "\x00ann.lee@example.com\xff", false},  // such a letter may belong to an address
		{byEmail, `{"email":"ann.lee@example.co`, false},
		{byID, `{"customer":{"id":191167000123}}`, true},
		{byID, `{"id":"gid:\/\/shopify\/Customer\/191167000123"}`, true},
		{byID, `{"order_id":299938000456}`, true},
		{byID, `{"order_id":2999380004567}`, false},
		{byID, `{"token":"ab191167000123"}`, false},
		{byID, `{"phone":"+15550117"}`, false}, // others may share it
		{byPhone, `{"phone":"+1 555-0117"}`, true},
		{byPhone, `{"phone":"001 (555) 01 17"}`, true},
		{byPhone, `{"phone":"+1 555 01178"}`, false},
		{accented, `{"email":"jos\u00E9@example.com"}`, true},
		{accented, `{"email":"JOSÉ@example.com"}`, true},
		{bellhop.Subject{}, `{"email":"","id":0}`, false},
		{byEmail, ``, false},
	} {
		p := newPerson(&bellhop.PrivacyRequest{Subject: c.who}, nil)
		if got := p.inText([]byte(c.text)); got != c.want {
			t.Errorf("%s: found %v, want %v", c.text, got, c.want)
		}
	}
}

// TestPersonAsksOnce asks the store once for an order, and passes an error on.
func TestPersonAsksOnce(t *testing.T) {
	asked, away := 0, errors.New("away")
	p := newPerson(&bellhop.PrivacyRequest{Kind: bellhop.RequestForget, Subject: bellhop.Subject{CustomerID: 9}},
		func(_ context.Context, id int64) (bellhop.Order, error) {
			asked++
			if id == 5 {
				return bellhop.Order{}, away
			}
			return bellhop.Order{ID: id, RedactedFor: bellhop.RedactedForRequest}, nil
		})
	for range 2 {
		own, err := p.owns(t.Context(), 4)
		if !own || err != nil || asked != 1 {
			t.Fatalf("an order that was forgotten: %v, %v, asked %d times", own, err, asked)
		}
	}
	if _, err := p.owns(t.Context(), 5); !errors.Is(err, away) {
		t.Errorf("the store is away: %v", err)
	}
}

func TestFactsOfABodyThatIsNoOrder(t *testing.T) {
	e := &bellhop.Event{Shop: "demo.myshopify.com", Topic: "customers/update",
		Body: []byte(`{"customer":191167000123,"mail":"jos\u00e9\u0040example.com","call":"+82 10-1234-5678"`)}
	var id, email, phone bool
	for _, f := range factsOf(e) {
		number, emails, phones := f.Order.People()
		id = id || number == 191167000123 && f.OrderID == number
		email = email || len(emails) > 0 && emails[0] == "josé@example.com"
		phone = phone || len(phones) > 0 && phones[0] == bellhop.FoldPhone("010-1234-5678")
	}
	if !id || !email || !phone {
		t.Errorf("id %v, address %v, phone %v", id, email, phone)
	}
}
