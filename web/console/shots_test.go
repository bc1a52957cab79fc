package console_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/web/site"
)

// furnished is a shop as it may be some day: orders of all sorts, devices, pushes.
func furnished(t testing.TB, change ...func(*site.Options)) *rig {
	t.Helper()
	r := newRig(t, change...)
	ctx := t.Context()
	for i, d := range []bellhop.Device{
		{Installation: "b51c0c9e-pixel-9", Platform: bellhop.PlatformAndroid, Locale: "en-US", Timezone: "America/New_York"},
		{Installation: "0f6e77d1-iphone", Platform: bellhop.PlatformIOS, Locale: "ko-KR", Timezone: "Asia/Seoul"},
	} {
		d.Shop, d.Kind, d.Value, d.Form, d.AddedAt, d.SeenAt = demo, bellhop.AddressToken, d.Installation,
			bellhop.FormData, day.Add(-240*time.Hour), day.Add(time.Duration(-i)*time.Hour)
		_, err := r.DB.PutDevice(ctx, d, store.DeviceLimits{})
		must(t, err)
	}
	names := []string{"Jo Lee", "김서연", "Maximilian Oberhauser-Lindenthal", "佐藤 花子", "", "Ana García", "O'Brien & Sons"}
	titles := []string{"Linen shirt", "Ceramic mug, hand-thrown", "한지 노트", "Canvas tote", "抹茶セット"}
	for n := range 64 {
		r.Order(demo, n, func(o *bellhop.Order) {
			o.CustomerName, o.CustomerEmail = names[n%len(names)], "someone@example.com"
			o.Total, o.Presentment, o.Pieces = usd(0), nil, 0
			if n%5 == 4 {
				o.Presentment = &bellhop.Money{Units: int64(29000 + n*1000), Currency: "KRW"}
			}
			o.FinancialStatus = []string{"paid", "paid", "pending", "paid", "partially_refunded"}[n%5]
			o.Test = n%23 == 11
			if n%11 == 6 {
				o.CancelledAt = o.PlacedAt.Add(time.Minute)
			}
			o.Note = []string{"", "Please leave it with the neighbour at no. 12.\nThank you!"}[n%2]
			o.Items = nil
			for i := range 1 + n%3 {
				price, quantity := usd(int64(990+(n*731+i*377)%9000)), int64(1+i)
				total, _ := price.Times(quantity)
				o.Items = append(o.Items, bellhop.Item{ID: int64(i + 1), Title: titles[(n+i)%len(titles)],
					Variant: []string{"M", "", "350 ml"}[i], SKU: fmt.Sprintf("SKU-%04d", n*7+i), Quantity: quantity,
					Current: quantity, ToFulfil: quantity, Price: bellhop.Amount(price.String()),
					Total: bellhop.Amount(total.String())})
				o.Total, _ = o.Total.Add(total)
				o.Pieces += quantity
			}
			o.Current = o.Total
		})
		if n%3 == 0 && n < 55 {
			_, err := r.DB.SetHandling(ctx, demo, 820982911946154508+int64(n), "", bellhop.HandlingHandled, day, nil)
			must(t, err)
		}
	}
	r.Order(demo, 64, wholeOrder)
	owed, err := r.DB.ClaimPushes(ctx, day.Add(time.Hour), store.Slots{Free: 1000}, time.Minute)
	must(t, err)
	for i, o := range owed {
		s := store.Settled{Pushes: o.Pushes, Status: bellhop.PushSent,
			At: o.Orders[0].AcceptedAt.Add(time.Duration(95+i%40) * time.Millisecond)}
		if i%13 == 5 {
			s.Reason, s.At = "gathered", s.At.Add(130*time.Second)
		}
		if i%17 == 3 {
			s.Status, s.Reason = bellhop.PushFailed, "gave_up: unavailable"
		}
		must(t, r.DB.SettlePushes(ctx, []store.Settled{s}))
		if i%2 == 0 {
			must(t, r.DB.PushReceipt(ctx, demo, o.Pushes[0], i%4 == 0, s.At.Add(310*time.Millisecond)))
		}
	}
	gone := bellhop.Device{Shop: demo, Installation: "old-galaxy", Kind: bellhop.AddressToken, Value: "b51c0c9e-old",
		Platform: bellhop.PlatformAndroid,
		Form:     bellhop.FormData, AddedAt: day.Add(-900 * time.Hour), SeenAt: day.Add(-700 * time.Hour)}
	_, err = r.DB.PutDevice(ctx, gone, store.DeviceLimits{})
	must(t, err)
	gone.Installation, gone.SeenAt = "new-galaxy", day
	_, err = r.DB.PutDevice(ctx, gone, store.DeviceLimits{}) // the address moves
	must(t, err)
	return r
}

// as signs a tab in by a session's cookie.
func as(t testing.TB, tab context.Context, r *rig, session string) {
	t.Helper()
	must(t, chromedp.Do(tab, chromium.Cookie(r.URL, "bellhop_session", session)))
}

// TestScreenshots takes pictures of every page into the folder SCREENSHOTS: make
// screenshots. SCREENSHOTS_LANGUAGE chooses the language of those signed in.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	must(t, os.MkdirAll(dir, 0o755))
	var q queue.Queue
	r := furnished(t, func(o *site.Options) {
		q = openQueue(t, o.Now)
		o.Queue = q
	})
	dead := makeDeadLetter(t, q, 1, demo, orderBody)
	makeDeadLetter(t, q, 2, other, `{"id":"x"}`)
	if language := os.Getenv("SCREENSHOTS_LANGUAGE"); language != "" {
		for _, email := range []string{r.Owner.Email, "op@example.com"} {
			p, err := r.DB.PersonByEmail(t.Context(), email)
			must(t, err)
			r.SetSettings(p.ID, bellhop.Settings{Language: language, QuietFrom: "22:00",
				QuietTo: "07:00"})
		}
	}
	r.put(func(*bellhop.Connection) {})
	request := "/privacy/" + r.asked(demo)
	r.stated(november, r.Clock.Now().Truncate(time.Hour), daily)
	r.compared(func(s *bellhop.Reconciliation) {
		s.Backfill = bellhop.Walk{From: s.From.AddDate(0, 0, -60), To: s.From, StartedAt: s.From, Total: 5000, Seen: 1250,
			Found: 1000}
		s.OlderTo = s.From.AddDate(0, 0, -20)
	})
	r.Brought(bellhop.TopicReconcile, demo, 65, wholeOrder)
	_, err := r.DB.RedactOrders(t.Context(), demo, []int64{820982911946154508 + 58}, bellhop.RedactedForRequest, day)
	must(t, err)
	for i, what := range []string{bellhop.AccessExport, bellhop.AccessGiven, bellhop.AccessOrder} {
		must(t, r.DB.AddAccess(t.Context(), bellhop.Access{At: day.Add(time.Duration(i) * time.Hour), Shop: demo,
			By: "op@example.com", What: what, About: "1", N: 412}))
	}
	tab := chromium.Open(t)
	pages := map[string]string{"orders": "/", "order": "/orders/" + orderID(59),
		"whole": "/orders/" + orderID(64), "slip": "/orders/" + orderID(64) + "/slip", "pushes": "/pushes",
		"devices": "/devices", "settings": "/settings", "shop": "/shop",
		"privacy": "/privacy", "request": request, "given": request + "/export", "access": "/access",
		"redacted": "/orders/" + orderID(58), "statement": "/statement?day=2026-11-12",
		"day":     "/statement?day=2026-11-12#d2026-11-12",
		"earlier": "/statement?month=2026-09", "found": "/orders/" + orderID(65) + "#journey-title"}
	for _, width := range []int64{360, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			shoot := func(name, path string, actions ...chromedp.Action[chromedp.Void]) {
				t.Helper()
				must(t, chromedp.Do(tab, chromium.Scheme(scheme), chromedp.EmulateViewport(width, 900),
					chromedp.Navigate(r.URL+path)))
				must(t, chromedp.Do(tab, actions...))
				picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
				must(t, err)
				must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), picture,
					0o644))
			}
			must(t, chromedp.Do(tab, chromium.NoCookies()))
			shoot("signin", "/signin")
			shoot("docs", "/docs")
			shoot("call", "/docs#patch-order")
			as(t, tab, r, ownerSession)
			for name, path := range pages {
				shoot(name, path)
			}
			shoot("selected", "/", chromedp.Click("#orders input"), chromedp.WaitVisible(".several"))
			as(t, tab, r, operatorSession)
			shoot("drop", "/dead/"+dead.String(), chromedp.Click("input[name=drop] + button"),
				chromedp.WaitVisible(".plan"))
			shoot("replay", "/dead", chromedp.Click("button[name=all]"), chromedp.WaitVisible(".plan"))
			for name, path := range map[string]string{"overview": "/overview", "ledger": "/ledger", "dead": "/dead",
				"letter": "/dead/" + dead.String(), "shops": "/shops",
				"statements": "/statement?day=2026-11-12&shop=" + demo + "#d2026-11-12",
				"connection": "/shop?shop=" + demo, "add-shop": "/shops/add"} {
				shoot(name, path)
			}
			shoot("manage", "/shop?shop="+demo+"#manage", chromedp.Click("#secret details:last-of-type summary"),
				chromedp.Click("#rest summary"), chromedp.Click("#erase summary"), chromedp.WaitVisible("#erase-field"))
		}
	}
}
