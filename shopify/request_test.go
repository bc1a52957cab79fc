package shopify_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
)

// TestRequests: a request may lack nearly everything, and is read as far as it can be.
func TestRequests(t *testing.T) {
	const ask, redact = shopify.TopicCustomersDataRequest, shopify.TopicCustomersRedact
	long := strings.Repeat("x", bellhop.MaxSubjectText+1)
	for name, tt := range map[string]struct {
		topic, fields string
		want          bellhop.Subject
	}{
		"only an e-mail": {redact, `"customer":{"email":"Jo@example.com"}`, bellhop.Subject{Email: "Jo@example.com"}},
		"only a phone":   {redact, `"customer":{"id":null,"email":null,"phone":"+1 555"}`, bellhop.Subject{Phone: "+1 555"}},
		"only orders":    {redact, `"customer":null,"orders_to_redact":[3,1,3]`, bellhop.Subject{Orders: []int64{1, 3}}},
		"no customer":    {redact, `"orders_to_redact":[1]`, bellhop.Subject{Orders: []int64{1}}},
		"nobody":         {redact, `"customer":null,"orders_to_redact":null`, bellhop.Subject{}},
		"null orders":    {redact, `"customer":{"id":7},"orders_to_redact":[null,2]`, bellhop.Subject{CustomerID: 7, Orders: []int64{2}}},
		"ids as texts":   {redact, `"customer":{"id":"7"},"orders_to_redact":["2"]`, bellhop.Subject{CustomerID: 7, Orders: []int64{2}}},
		"odd ids":        {redact, `"customer":{"id":{},"email":"a@b"},"orders_to_redact":[-1,"x",1.5]`, bellhop.Subject{Email: "a@b"}},
		"odd e-mail":     {redact, `"customer":{"id":7,"email":5}`, bellhop.Subject{CustomerID: 7}},
		"endless e-mail": {redact, `"customer":{"id":7,"email":"` + long + `"}`, bellhop.Subject{CustomerID: 7}},
		"large id":       {redact, `"customer":{"id":9007199254740993}`, bellhop.Subject{CustomerID: 9007199254740993}},
		"asked for":      {ask, `"customer":{"id":7},"orders_requested":[1],"data_request":{"id":1}`, bellhop.Subject{CustomerID: 7, Orders: []int64{1}}},
		"asked, no one":  {ask, `"customer":null,"orders_requested":[4],"data_request":null`, bellhop.Subject{Orders: []int64{4}}},
	} {
		e := event(tt.topic, []byte(`{"shop_domain":"harbour.myshopify.com",`+tt.fields+`}`))
		e.ID = bellhop.EventID{7}
		f, err := shopify.Decode(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &bellhop.PrivacyRequest{Shop: e.Shop, Kind: bellhop.RequestKind(tt.topic), Event: e.ID,
			RequestedAt: e.TriggeredAt.Truncate(time.Microsecond), ReceivedAt: e.AcceptedAt, Subject: tt.want}
		want.DueAt = want.RequestedAt.AddDate(0, 0, 30)
		if !reflect.DeepEqual(f, bellhop.Fact{Event: e, Request: want}) {
			t.Errorf("%s: got %+v, want %+v", name, f.Request, want)
		}
	}
}

// TestRequestsOfOthers: a body of one kind is none of another, also where its fields are null.
func TestRequestsOfOthers(t *testing.T) {
	for _, tt := range []struct{ topic, fields, want string }{
		{shopify.TopicShopRedact, `,"customer":null`, "lacks"},
		{shopify.TopicShopRedact, `,"orders_to_redact":[]`, "lacks"},
		{shopify.TopicShopRedact, `,"data_request":null`, "lacks"},
		{shopify.TopicCustomersRedact, ``, "lacks"},
		{shopify.TopicCustomersRedact, `,"customer":{"id":1},"data_request":null`, "lacks"},
		{shopify.TopicCustomersDataRequest, `,"customer":{"id":1},"orders_to_redact":null`, "lacks"},
		{shopify.TopicCustomersRedact, `,"customer":"secret"`, "customer has the wrong type"},
		{shopify.TopicCustomersRedact, `,"customer":{"email":{}},"orders_to_redact":5`, "customer.email has the wrong type"},
	} {
		_, err := shopify.Decode(event(tt.topic, []byte(`{"shop_domain":"harbour.myshopify.com"`+tt.fields+`}`)))
		if !bellhop.IsPermanent(err) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s%s: %v", tt.topic, tt.fields, err)
		}
	}
}

// TestRequestTime: the time of a header that nobody signs can't reach beyond the acceptance, and orders are bounded.
func TestRequestTime(t *testing.T) {
	ids, _ := json.Marshal(make([]int, bellhop.MaxRequestOrders+5))
	for i := range bellhop.MaxRequestOrders + 5 {
		ids = append(ids[:len(ids)-1], fmt.Sprintf(",%d]", i+1)...)
	}
	e := event(shopify.TopicCustomersRedact, []byte(`{"shop_domain":"x","orders_to_redact":`+string(ids)+`}`))
	e.TriggeredAt = e.AcceptedAt.Add(time.Hour)
	f, err := shopify.Decode(e)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Request.RequestedAt.Equal(e.AcceptedAt) || len(f.Request.Subject.Orders) != bellhop.MaxRequestOrders {
		t.Errorf("requested at %v, with %d orders", f.Request.RequestedAt, len(f.Request.Subject.Orders))
	}
}
