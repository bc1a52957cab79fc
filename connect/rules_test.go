package connect

import (
	"context"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// silent is a shop's silences.
type silent struct {
	store.Statistics
	all []store.Silence
}

func (s silent) Silences(_ context.Context, _ string, since time.Time, least time.Duration) (
	found []store.Silence, _ error) {
	for _, one := range s.all {
		if one.To.IsZero() || one.To.After(since) && one.To.Sub(one.From) >= least {
			found = append(found, one)
		}
	}
	return found, nil
}

// TestSilences holds the rule against a shop that was added thirty days ago, and is quiet since the last of its
// silences began. How long it may be quiet and which silences were too long follow one rule.
func TestSilences(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	silence := func(ago, length time.Duration) store.Silence {
		return store.Silence{From: now.Add(-ago), To: now.Add(length - ago)}
	}
	goesOn := func(ago time.Duration) store.Silence { return store.Silence{From: now.Add(-ago)} }
	nights := func(length time.Duration) (all []store.Silence) {
		for ago := 14 * day; ago > 0; ago -= day {
			all = append(all, silence(ago, length))
		}
		return all
	}
	for name, test := range map[string]struct {
		silences []store.Silence
		allowed  time.Duration
		tooLong  []int // of the silences
	}{
		"busy":              {[]store.Silence{goesOn(29 * time.Minute)}, hour / 2, nil},
		"quiet all at once": {[]store.Silence{goesOn(30 * time.Minute)}, hour / 2, []int{0}},
		"short ones": {[]store.Silence{silence(3*hour, 7*time.Minute), goesOn(31 * time.Minute)}, hour / 2,
			[]int{1}},
		"the shortest that does": {[]store.Silence{silence(3*hour, 8*time.Minute), goesOn(31 * time.Minute)},
			32 * time.Minute, nil},
		"four times the longest": {[]store.Silence{silence(9*hour, 15*time.Minute), silence(8*hour, 59*time.Minute),
			goesOn(4 * hour)}, 4 * 59 * time.Minute, []int{2}},
		"a day at most": {append(nights(7*hour), goesOn(16*hour)), day, nil},
		"nights":        {append(nights(5*hour), goesOn(18*hour)), 20 * hour, nil},
		"a gap after nights": {append(nights(2*hour), silence(20*hour, 8*hour), silence(11*hour, 9*hour), goesOn(hour)),
			day, []int{14}}, // what was too long once is a measure for seven days
		"a gap that is forgotten": {[]store.Silence{silence(10*day, 20*hour), silence(2*day, hour), goesOn(3 * hour)},
			4 * hour, []int{1}},
		"a gap that isn't yet": {[]store.Silence{silence(7*day, 20*hour), silence(2*day, hour), goesOn(3 * hour)}, day,
			[]int{0}},
		"quiet for weeks": {append(nights(hour)[:3], goesOn(11*day)), 4 * hour, []int{3}},
	} {
		shop := bellhop.Shop{AddedAt: now.Add(-30 * day), LastEventAt: test.silences[len(test.silences)-1].From}
		q, err := Silence(t.Context(), silent{all: test.silences}, shop, now)
		if err != nil || q.Allowed != test.allowed {
			t.Errorf("%s: %v, want %v; %v", name, q.Allowed, test.allowed, err)
		}
		var want []store.Silence
		for _, i := range test.tooLong {
			want = append(want, test.silences[i])
		}
		got, err := TooLong(t.Context(), silent{all: test.silences}, shop, now)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: too long were %v, want %v; %v", name, got, want, err)
		}
		if last := len(test.silences) - 1; q.Overdue(now) != slices.Contains(test.tooLong, last) {
			t.Errorf("%s: one says that it is overdue, the other doesn't", name)
		}
	}
}

// TestSilencesOfANewShop: in its first day a shop may be quiet all day.
func TestSilencesOfANewShop(t *testing.T) {
	added := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return added.Add(time.Duration(hours) * time.Hour) }
	first := store.Silence{From: at(2), To: at(20)}
	second := store.Silence{From: at(21), To: at(25)}
	shop := bellhop.Shop{AddedAt: added, LastEventAt: at(27)}
	all := silent{all: []store.Silence{first, second, {From: at(27)}}}
	for hours, want := range map[int]int{23: 0, 28: 0, 50: 0, 51: 1} {
		if got, err := TooLong(t.Context(), all, shop, at(hours)); err != nil || len(got) != want {
			t.Errorf("after %d hours: %v, %v", hours, got, err)
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
