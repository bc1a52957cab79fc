package connect

import (
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/store"
)

func TestAllowed(t *testing.T) {
	since := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return since.Add(d) }
	gap := func(from, length time.Duration) store.Silence {
		return store.Silence{From: at(from), To: at(from + length)}
	}
	goesOn := func(from time.Duration) store.Silence { return store.Silence{From: at(from)} }
	for name, test := range map[string]struct {
		silences []store.Silence
		want     time.Duration
	}{
		"busy":                    {[]store.Silence{goesOn(time.Hour)}, 30 * time.Minute},
		"short ones":              {[]store.Silence{gap(0, 6*time.Minute), goesOn(time.Hour)}, 30 * time.Minute},
		"four times the longest":  {[]store.Silence{gap(0, time.Hour), gap(2*time.Hour, 10*time.Minute)}, 4 * time.Hour},
		"a day at most":           {[]store.Silence{gap(0, 7*time.Hour)}, 24 * time.Hour},
		"what goes on is no rule": {[]store.Silence{gap(0, time.Hour), goesOn(20 * time.Hour)}, 4 * time.Hour},
		"nothing in the window":   {[]store.Silence{goesOn(-time.Hour)}, 24 * time.Hour},
		"none at all":             {nil, 30 * time.Minute},
	} {
		if got := Allowed(test.silences, since); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestPlanTakesOnlyWhatIsOurs(t *testing.T) {
	const ours, former = "https://bellhop.example/webhooks/shopify", "https://old.example/webhooks/shopify"
	before := []bellhop.Subscription{{Topic: "orders/create", There: true, Address: former}}
	sub := func(id, topic, uri string) admin.Subscription {
		return admin.Subscription{ID: id, Topic: topic, URI: uri}
	}
	cut := sub("cut", "orders/create", ours)
	cut.IncludeFields = []string{"id"}
	filtered := sub("filtered", "orders/create", ours)
	filtered.Filter = "total_price:>100"
	for name, test := range map[string]struct {
		there []admin.Subscription
		want  plan
	}{
		"empty":               {nil, plan{create: []string{"orders/create"}}},
		"there":               {[]admin.Subscription{sub("1", "orders/create", ours)}, plan{}},
		"the same address":    {[]admin.Subscription{sub("1", "orders/create", "https://Bellhop.example:443/webhooks//shopify/")}, plan{}},
		"double":              {[]admin.Subscription{sub("1", "orders/create", ours), sub("2", "orders/create", ours+"/")}, plan{remove: []string{"2"}}},
		"former address":      {[]admin.Subscription{sub("1", "orders/create", former)}, plan{create: []string{"orders/create"}, remove: []string{"1"}}},
		"former, other topic": {[]admin.Subscription{sub("1", "orders/create", ours), sub("2", "carts/create", former)}, plan{}},
		"somebody else's":     {[]admin.Subscription{sub("1", "orders/create", "https://team.example/webhooks/shopify")}, plan{create: []string{"orders/create"}}},
		"cut down":            {[]admin.Subscription{cut, filtered}, plan{create: []string{"orders/create"}, defective: []string{"cut", "filtered"}}},
		"a bus":               {[]admin.Subscription{sub("1", "orders/create", "arn:aws:events:us-east-1::event-source/x")}, plan{create: []string{"orders/create"}}},
	} {
		got := planFor(test.there, []string{"orders/create"}, ours, before)
		if !slices.Equal(got.create, test.want.create) || !slices.Equal(got.defective, test.want.defective) ||
			!slices.Equal(got.remove, test.want.remove) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestNextCheck(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		access  bellhop.AccessState
		reason  admin.Refusal
		lasted  time.Duration
		atLeast time.Duration
		atMost  time.Duration
	}{
		{bellhop.AccessGood, "", time.Hour, goodCheck, goodCheck},
		{bellhop.AccessRefused, admin.Unavailable, 0, time.Minute, time.Minute},
		{bellhop.AccessRefused, admin.Unavailable, 10 * time.Minute, 10 * time.Minute, 10 * time.Minute},
		{bellhop.AccessRefused, admin.Unavailable, 10 * time.Hour, time.Hour, time.Hour},
		{bellhop.AccessRefused, admin.AddressNotAllowed, 0, goodCheck, goodCheck},
		{bellhop.AccessLost, admin.AccessRevoked, 0, lostCheck, lostCheck},
	} {
		conn := bellhop.Connection{Access: test.access, Reason: string(test.reason), Since: now.Add(-test.lasted)}
		if d := nextCheck(conn, now); d < test.atLeast || d > test.atMost {
			t.Errorf("%+v: %v", test, d)
		}
	}
	if d := 4 * goodCheck / 3; d > 15*time.Minute {
		t.Errorf("a lost subscription may stay away for %v", d)
	}
}
