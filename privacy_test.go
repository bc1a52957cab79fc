package bellhop_test

import (
	"testing"

	"bellhop"
)

// TestSubjectNames: a person is recognised however their address and their number are written, and nobody else is.
func TestSubjectNames(t *testing.T) {
	email, phone := bellhop.Subject{Email: " Jo.Lee+Shop@Example.com"}, bellhop.Subject{Phone: "+82 10-1234-5678"}
	for _, c := range []struct {
		who          bellhop.Subject
		email, phone string
		want         bool
	}{
		{email, "JO.LEE+SHOP@example.com ", "", true},
		{email, "jo.lee@example.com", "", false},
		{email, "", "+82 10-1234-5678", false},
		{phone, "", "+821012345678", true},
		{phone, "", "0082 (0)10 1234 5678", true},
		{phone, "", "010-1234-5678", true},
		{phone, "", "０１０－１２３４－５６７８", true},
		{phone, "", "010-1234-5679", false},
		{phone, "", "5678", false},
		{phone, "", "", false},
		{bellhop.Subject{Email: "jo@example.com", Phone: "+82 10-1234-5678"}, "", "+821012345678", false}, // may be shared
		{bellhop.Subject{Phone: "none"}, "", "", false},
		{bellhop.Subject{Email: " "}, "", "", false},
	} {
		o := bellhop.Order{CustomerEmail: c.email}
		o.Shipping = &bellhop.Address{Phone: c.phone}
		if got := c.who.Names(&o); got != c.want {
			t.Errorf("%+v names %q, %q: %v", c.who, c.email, c.phone, got)
		}
	}
}
