package reconcile_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// says makes an answer of the twin's into another one.
func (r *rig) says(req *http.Request, edit func(string) string) *http.Response {
	answer := httptest.NewRecorder()
	r.twin.ServeHTTP(answer, req)
	resp := answer.Result()
	body, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(strings.NewReader(edit(string(body))))
	resp.Header.Set("Date", r.shopifys().UTC().Format(http.TimeFormat))
	return resp
}

// TestOneNullDeletesNothing: Shopify lists an order, and once has none of its id.
func TestOneNullDeletesNothing(t *testing.T) {
	r := ready(t)
	id := r.orders(demo, 1)[0]
	r.run(6 * time.Minute)
	r.faults(demo, shop.Faults{Dropped: 1})
	r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeNote}))
	once := false
	r.asked = func(req *http.Request) *http.Response {
		if body := asks(req); once || !strings.Contains(body, `"operationName":"FetchOrders"`) {
			return nil
		}
		once = true
		return r.says(req, func(body string) string {
			return `{"data":{"shop":{"ianaTimezone":"UTC"},"nodes":[null]}}`
		})
	}
	r.run(3 * time.Hour)
	if _, there := r.here(demo, id); !there || !once {
		t.Errorf("the order is deleted here after one null (%t), and Shopify has and lists it: %s", once, r.text(demo))
	}
}

// TestOneOrderThatNobodyReads: bellhop can't decode one order. The others are found all the same.
func TestOneOrderThatNobodyReads(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	bad := r.orders(demo, 1)[0]
	r.asked = func(req *http.Request) *http.Response {
		if !fetches(req, bad) {
			return nil
		}
		return r.says(req, func(body string) string {
			at := strings.Index(body, "Order/"+strconv.FormatInt(bad, 10)+`"`)
			at += strings.Index(body[at:], `"originalTotalPriceSet"`)
			return body[:at] + strings.Replace(body[at:], `"amount":"`, `"amount":"99999999999999999999999`, 1)
		})
	}
	r.run(time.Minute)
	good := r.orders(demo, 5)
	r.run(30 * time.Minute)
	for _, id := range good {
		if _, there := r.here(demo, id); !there {
			t.Errorf("order %d is not here: one other order can't be read, %s", id, r.state(demo).Reason)
		}
	}
}

// TestWithheldStays: what Shopify no longer shows the app, or refuses it, stays as it is known.
func TestWithheldStays(t *testing.T) {
	t.Run("without the scope", func(t *testing.T) {
		withheldStays(t, func(r *rig) {
			r.must(r.twin.SetScopes(demo, []string{"read_orders"}))
		}, shop.Faults{Dropped: 1})
	})
	t.Run("without the approval", func(t *testing.T) {
		withheldStays(t, func(*rig) {}, shop.Faults{Dropped: 1, Protected: shop.ProtectedPeople})
	})
}

func withheldStays(t *testing.T, lose func(*rig), f shop.Faults) {
	r := ready(t)
	var was bellhop.Order
	for _, id := range r.orders(demo, 20) {
		r.run(0)
		if o, _ := r.here(demo, id); o.Customer != nil && o.Customer.Name != "" {
			was = o
		}
	}
	lose(r)
	r.run(time.Minute)
	r.faults(demo, f)
	r.must(r.twin.ChangeOrder(demo, was.ID, shop.OrderChange{Change: simulate.ChangeNote}))
	r.until(soon, "the change is here", func() bool {
		is, _ := r.here(demo, was.ID)
		return is.UpdatedAt.After(was.UpdatedAt)
	})
	is, _ := r.here(demo, was.ID)
	if is.Customer == nil || *is.Customer != *was.Customer || is.CustomerName != was.CustomerName {
		t.Errorf("customer %+v %q became %+v %q", was.Customer, was.CustomerName, is.Customer, is.CustomerName)
	}
}
