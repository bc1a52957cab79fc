package simulate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate"
	"bellhop/store"
)

func titles(slots []simulate.Slot) string {
	var out []string
	for _, s := range slots {
		out = append(out, s.Title)
	}
	return strings.Join(out, " ")
}

func TestDrawerReplacesByTag(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	w.notify(token, "order-1", "one")
	w.notify(token, "order-2", "two")
	w.notify(token, "order-1", "one-again")
	slots := w.Drawer(token)
	if titles(slots) != "one-again two" || slots[0].Replaced != 1 || slots[1].Replaced != 0 {
		t.Errorf("drawer: %+v", slots)
	}
	if w.Drawer("nobody") != nil {
		t.Error("a device that nothing was sent to has a drawer")
	}
	// Without a tag each is by itself.
	w.message(`"notification":{"title":"a"}`)
	w.message(`"notification":{"title":"b"}`)
	if n := len(w.Drawer(token)); n != 4 {
		t.Errorf("%d slots, want 4", n)
	}
}

func TestDrawerOfDataMessages(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	for _, title := range []string{"first", "second"} {
		w.message(`"data":{"tag":"order-1","title":"` + title + `"}`)
	}
	if s := w.Drawer(token); len(s) != 1 || s[0].Title != "second" || s[0].Replaced != 1 {
		t.Errorf("drawer: %+v", s)
	}
}

func TestDrawerOfApple(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	alert := `"apns":{"headers":{"apns-collapse-id":"order-1"},"payload":{"aps":{"alert":{"title":"%s"}}}}`
	w.message(fmt.Sprintf(alert, "one"))
	w.message(fmt.Sprintf(alert, "again"))
	if s := w.Drawer(token); len(s) != 1 || s[0].Tag != "order-1" || s[0].Title != "again" {
		t.Errorf("drawer: %+v", s)
	}
}

func TestCollapsibleBudget(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	for i := range 25 {
		w.notify(token, fmt.Sprint("order-", i), fmt.Sprint(i))
	}
	if n, c := len(w.Drawer(token)), w.Counts(); n != 20 || c.Throttled != 5 || c.Answers["200"] != 25 {
		t.Errorf("%d shown, %+v; want 20 shown, 5 held back, all taken", n, c)
	}
	w.clock.add(3*time.Minute - time.Second)
	if n := len(w.Drawer(token)); n != 20 {
		t.Errorf("%d shown before the refill", n)
	}
	w.clock.add(time.Second)
	slots := w.Drawer(token)
	if len(slots) != 21 || slots[20].Title != "24" {
		t.Errorf("%d shown after the refill, the last %+v; want the newest of those held back", len(slots),
			slots[len(slots)-1])
	}
	w.clock.add(54 * time.Minute)
	if n := len(w.Drawer(token)); n != 21 {
		t.Errorf("%d shown much later: more than the newest was kept", n)
	}
	for i := range 19 {
		w.notify(token, fmt.Sprint("later-", i), "x")
	}
	if n := len(w.Drawer(token)); n != 39 {
		t.Errorf("%d shown; want 18 more, for 18 times three minutes", n)
	}
}

func TestBudgetOfOthers(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	for i := range 240 {
		if s, b, _ := w.message(`"data":{}`); s != 200 {
			t.Fatalf("message %d: %d %s", i, s, b)
		}
	}
	s, b, h := w.message(`"data":{}`)
	if s != 429 || !strings.Contains(b, "QUOTA_EXCEEDED") || h.Get("Retry-After") == "" {
		t.Errorf("message 241: %d %s", s, b)
	}
	w.clock.add(time.Minute)
	if s, _, _ := w.message(`"data":{}`); s != 200 {
		t.Errorf("a minute later: %d", s)
	}
}

// bellhop's own budget for data messages stays within both limits.
func TestOwnBudgetIsNeverRefused(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	b := bellhop.BudgetOf(bellhop.FormData)
	for i := range b.Burst + 3*80 {
		if i >= b.Burst {
			w.clock.add(b.Refill)
		}
		if s, body, _ := w.message(`"data":{}`); s != 200 {
			t.Fatalf("message %d: %d %s", i, s, body)
		}
	}
}

// The shops that push to one phone together stay within its limits, as many as a person may have.
func TestSharedBudgetIsNeverExceeded(t *testing.T) {
	for _, shops := range []int{2, 3, 7, store.MaxShops} {
		for _, form := range []bellhop.Form{bellhop.FormData, bellhop.FormNotification} {
			w := startFCM(t, simulate.FCMOptions{})
			b := bellhop.BudgetOf(form).Share(shops)
			send := func(n int) {
				if form == bellhop.FormNotification {
					w.notify(token, fmt.Sprint("order-", n), fmt.Sprint(n))
				} else if s, body, _ := w.message(`"data":{}`); s != 200 {
					t.Fatalf("%d shops, message %d: %d %s", shops, n, s, body)
				}
			}
			n, began := 0, w.clock.now()
			for round := range b.Burst + 5 {
				if round >= b.Burst {
					if w.clock.now().Add(b.Refill).Sub(began) > 50*time.Minute {
						break // a request for a token is dated by the machine, and FCM takes none of an hour ago
					}
					w.clock.add(b.Refill)
					w.signIn()
				}
				for range shops {
					send(n)
					n++
				}
			}
			if c := w.Counts(); c.Throttled != 0 {
				t.Errorf("%d shops, %s: %+v", shops, form, c)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{Keep: 10, Unlimited: true})
	for i := range 25 {
		w.notify(token, fmt.Sprint("order-", i), fmt.Sprint(i))
	}
	sent, slots := w.Sent(), w.Drawer(token)
	if len(sent) != 10 || sent[0].Title != "15" || sent[9].Title != "24" {
		t.Errorf("%d kept, from %s to %s", len(sent), sent[0].Title, sent[len(sent)-1].Title)
	}
	if titles(slots) != "15 16 17 18 19 20 21 22 23 24" {
		t.Errorf("drawer: %s", titles(slots))
	}
	if w.Counts().Taken != 25 {
		t.Errorf("%+v", w.Counts())
	}
}
