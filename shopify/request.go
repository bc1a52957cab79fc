package shopify

import (
	"bytes"
	"slices"
	"strconv"

	"bellhop"
)

// requestRoot is a request about a customer's data. Any of it may be absent or null: one with an e-mail
// address alone has been seen.
type requestRoot struct {
	Customer struct {
		ID    requestID `json:"id"`
		Email string    `json:"email"`
		Phone string    `json:"phone"`
	} `json:"customer"`
	Requested []requestID `json:"orders_requested"`
	ToRedact  []requestID `json:"orders_to_redact"`
}

// requestID is an id, as a number or as a text; 0 for none.
type requestID int64

func (id *requestID) UnmarshalJSON(b []byte) error {
	if n, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64); err == nil {
		*id = requestID(n)
	}
	return nil
}

// decodeRequest reads what a request says of its person. A part that can't be read is left out, unless
// nothing else says who it is.
func decodeRequest(e *bellhop.Event) (*bellhop.PrivacyRequest, error) {
	if err := checkRequest(e); err != nil {
		return nil, err
	}
	at := eventTime(e)
	if at.After(e.AcceptedAt) { // nobody signs the header, and the time bounds whom to forget
		at = e.AcceptedAt
	}
	r := &bellhop.PrivacyRequest{Shop: e.Shop, Kind: bellhop.RequestKind(e.Topic), Event: e.ID, RequestedAt: at,
		ReceivedAt: e.AcceptedAt, DueAt: at.Add(bellhop.RequestTime)}
	if r.Kind == bellhop.RequestErase {
		return r, nil
	}
	var root requestRoot
	unread, err := unmarshalLoosely(e.Body, &root)
	if err != nil {
		return nil, err
	}
	c := &root.Customer
	r.Subject = bellhop.Subject{CustomerID: max(0, int64(c.ID)), Email: personal(c.Email), Phone: personal(c.Phone),
		Orders: requestOrders(append(root.Requested, root.ToRedact...))}
	if r.Subject.IsZero() && len(unread) > 0 {
		return nil, bellhop.Invalidf("body_field", "%s has the wrong type", unread[0])
	}
	return r, nil
}

// personal returns an e-mail address or a phone that can be one. A part of it would name somebody else.
func personal(s string) string {
	if len(s) > bellhop.MaxSubjectText {
		return ""
	}
	return clean(s, bellhop.MaxSubjectText)
}

func requestOrders(all []requestID) (ids []int64) {
	for _, id := range all {
		if id > 0 {
			ids = append(ids, int64(id))
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), bellhop.MaxRequestOrders)]
}
