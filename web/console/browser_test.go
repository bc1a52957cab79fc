package console_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/push/webpush"
	"bellhop/store"
	"bellhop/web/site"
)

// browser is a tab on a rig's pages.
type browser struct {
	*rig
	tab context.Context
}

func newBrowser(t *testing.T, r *rig) *browser {
	t.Helper()
	tab, cancel := context.WithTimeout(chromium.Open(t), 3*time.Minute)
	t.Cleanup(cancel)
	return &browser{r, tab}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	for _, a := range actions {
		if err := chromedp.Do(b.tab, a); err != nil {
			page, _ := chromedp.Run(b.tab, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
			b.Fatalf("%v\n%s", err, page)
		}
	}
}

// open goes to a page as somebody.
func (b *browser) open(path, session string) {
	b.Helper()
	b.do(chromium.Cookie(b.URL, "bellhop_session", session), chromedp.Navigate(b.URL+path))
}

// until waits for an expression to hold on the page that is open.
func (b *browser) until(format string, args ...any) {
	b.Helper()
	b.do(chromium.Until(fmt.Sprintf(format, args...)))
}

// promise waits for a promise and returns its value.
func (b *browser) promise(expression string) string {
	b.Helper()
	v, err := chromedp.Run(b.tab, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	must(b, err)
	return v
}

func (b *browser) eval(expression string) string {
	b.Helper()
	v, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`String(`+expression+`)`))
	must(b, err)
	return v
}

// stays notes on the page that it is this one, and stayed fails if another was
// loaded since.
func (b *browser) stays() { b.Helper(); b.eval(`window.same = true`) }

func (b *browser) stayed() {
	b.Helper()
	if b.eval(`window.same`) != "true" {
		b.Error("the page was loaded anew")
	}
}

const live = `document.getElementById("state").dataset.state === "live"`

func row(n int) string { return fmt.Sprintf(`document.querySelector('[data-key="%s"]')`, orderID(n)) }

// TestPagesInABrowser shows each page on a phone and on a desk, light and dark, in
// each language.
func TestPagesInABrowser(t *testing.T) {
	b := newBrowser(t, furnished(t))
	b.put(func(c *bellhop.Connection) { c.Access, c.Reason = bellhop.AccessLost, "access_revoked" })
	for _, c := range []struct{ session, path string }{
		{"", "/signin"}, {"", "/signin?once=bh_l_x"}, {ownerSession, "/"}, {ownerSession, "/?q=nobody"}, {ownerSession, "/orders/" + orderID(59)}, {ownerSession, "/pushes"},
		{ownerSession, "/devices"}, {ownerSession, "/settings"}, {ownerSession, "/shop"}, {ownerSession, "/orders/1"}, {operatorSession, "/shops"}, {operatorSession, "/shop?shop=" + demo}, {operatorSession, "/?shop=" + demo},
		{"", "/docs"},
	} {
		b.open(c.path, c.session)
		chromium.Check(t, b.tab, c.path)
	}
	for _, language := range []string{"ko", "ja"} {
		b.SetSettings(b.Owner.ID, bellhop.Settings{Language: language})
		b.do(chromedp.EmulateViewport(360, 900))
		for _, path := range []string{"/", "/orders/" + orderID(59), "/pushes", "/devices", "/settings", "/shop"} {
			b.open(path, ownerSession)
			chromium.Fits(t, b.tab, path+" in "+language)
		}
	}
}

func TestOrdersArriveByThemselves(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Device(demo, "phone")
	b.open("/", ownerSession)
	b.until(live)
	b.stays()
	began := time.Now()
	b.Order(demo, 1)
	b.until(`%s`, row(1))
	t.Logf("an order was on the page %v after it was recorded", time.Since(began).Round(time.Millisecond))
	b.settle()
	b.until(`%s.querySelector(".notified").textContent === "1.12 s"`, row(1))
	b.Order(demo, 2, func(o *bellhop.Order) { o.CustomerName = `<img src=x onerror="window.hurt=1">` })
	b.until(`%s && document.querySelector("#orders").firstElementChild === %s`, row(2), row(2))
	if b.eval(`document.querySelectorAll("main img").length + " " + window.hurt`) != "0 undefined" {
		t.Error("markup of a customer's was taken for markup")
	}
	// Another owner's page shows nothing of it.
	b.Order(other, 3)
	b.Order(demo, 4)
	b.until(`%s`, row(4))
	if b.eval(row(3)) != "null" {
		t.Error("another shop's order")
	}
	b.stayed()
}

// A stream that breaks comes back, and the page shows what came meanwhile.
func TestTheStreamComesBack(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.open("/", ownerSession)
	b.until(live)
	b.stays()
	b.CloseClientConnections()
	b.until(`document.getElementById("state").dataset.state === "lost"`)
	b.Order(demo, 1)
	b.until(`%s && %s`, live, row(1))
	// An older backup was restored: the page showed newer orders.
	b.eval(`document.getElementById("content").dataset.seq = "1000000"`)
	b.CloseClientConnections()
	b.until(`document.getElementById("state").dataset.state === "lost"`)
	b.Order(demo, 2)
	b.until(`%s && %s`, live, row(2))
	b.stayed()
}

func TestHandlingByTouch(t *testing.T) {
	b := newBrowser(t, newRig(t))
	for n := range 4 {
		b.Order(demo, n)
	}
	b.open("/?show=new", ownerSession)
	b.until(live)
	b.stays()
	button := func(n int) string { return fmt.Sprintf(`[data-key="%s"] button`, orderID(n)) }
	b.do(chromedp.Click(button(2)))
	b.until(`!%s && document.querySelector("#notice form")`, row(2))
	if h := b.handling(demo, 2); h != bellhop.HandlingHandled {
		t.Errorf("it is %s", h)
	}
	// The keyboard's focus is on the next order.
	if on := b.eval(`document.activeElement.closest("[data-key]")?.dataset.key`); on != orderID(1) {
		t.Errorf("the focus went to %q and not to the next order", on)
	}
	b.do(chromedp.Click("#notice button"))
	b.until(`%s && !document.querySelector("#notice form")`, row(2))
	if h := b.handling(demo, 2); h != bellhop.HandlingNew {
		t.Errorf("after undoing it is %s", h)
	}
	for _, n := range []int{0, 3} {
		b.do(chromedp.Click(fmt.Sprintf(`[data-key="%s"] input`, orderID(n))))
	}
	if says := b.eval(`document.querySelector(".several output").textContent`); says != "2 selected" {
		t.Errorf("of two it says %q", says)
	}
	b.Order(demo, 9) // new orders leave the selection alone
	b.until(`%s && document.querySelectorAll("input:checked").length === 2`, row(9))
	b.do(chromedp.Click(`.several [value=handled]`))
	b.until(`!%s && !%s && document.getElementById("notice").textContent.includes("2 orders")`, row(0), row(3))
	if b.handling(demo, 0) != "handled" || b.handling(demo, 3) != "handled" || b.handling(demo, 1) != "new" {
		t.Error("not the selected ones")
	}
	// All of the page, and none.
	b.do(chromedp.Click("#all"))
	b.until(`document.querySelectorAll("#orders input:checked").length === 3 && document.querySelector(".several ` +
		`output").textContent === "3 selected"`)
	b.do(chromedp.Click("#orders input"))
	b.until(`document.getElementById("all").indeterminate && document.querySelector(".several output").textContent === ` +
		`"2 selected"`)
	b.do(chromedp.Click("#all"), chromedp.Click("#all"))
	b.until(`!document.querySelector("#orders input:checked")`)
	b.stayed()
}

func TestAnExpiredSessionComesBack(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.Order(demo, 0)
	b.open("/?show=new", ownerSession)
	b.until(live)
	b.Clock.Add(48 * time.Hour)
	b.do(chromedp.Click(fmt.Sprintf(`[data-key="%s"] button`, orderID(0))), chromedp.WaitVisible("#password"))
	b.do(chromedp.SendKeys("#email", "jo@example.com"), chromedp.SendKeys("#password", password+kb.Enter),
		chromedp.WaitVisible("#orders"))
	if at := b.eval(`location.pathname + location.search`); at != "/?show=new" {
		t.Errorf("it went on at %s", at)
	}
}

// TestByKeyboardAlone signs in, finds an order, handles it and takes that back.
func TestByKeyboardAlone(t *testing.T) {
	b := newBrowser(t, newRig(t))
	for n := range 3 {
		b.Order(demo, n)
	}
	press := func(keys string) { t.Helper(); b.do(chromedp.KeyEvent(keys)) }
	// tabTo presses Tab until the focus matches, and checks that each stop is visible.
	tabTo := func(selector string) {
		t.Helper()
		for range 40 {
			press(kb.Tab)
			if b.eval(`document.activeElement.matches(":focus-visible") && `+
				`getComputedStyle(document.activeElement).outlineStyle !== "none"`) != "true" {
				t.Errorf("the focus is not to be seen on %s", b.eval(`document.activeElement.outerHTML.slice(0, 120)`))
			}
			if b.eval(fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) == "true" {
				return
			}
		}
		t.Fatalf("Tab never comes to %s", selector)
	}
	b.do(chromedp.Navigate(b.URL + "/"))
	tabTo("#email")
	press("jo@example.com")
	tabTo("#password")
	press(password)
	press(kb.Enter)
	b.do(chromedp.WaitVisible("#orders"))
	b.until(live)
	tabTo(".skip")
	press(kb.Enter)
	tabTo("#q")
	press("#1001")
	press(kb.Enter)
	b.do(chromedp.WaitNotPresent(fmt.Sprintf(`[data-key="%s"]`, orderID(0))))
	b.until(live)
	tabTo(fmt.Sprintf(`[data-key="%s"] button`, orderID(1)))
	press(kb.Enter)
	b.until(`document.querySelector("#notice button")`)
	if on := b.eval(`document.activeElement.textContent`); !strings.HasPrefix(on, "Reopen") {
		t.Errorf("the focus went to %q", on)
	}
	if b.handling(demo, 1) != bellhop.HandlingHandled {
		t.Error("not handled")
	}
	b.eval(`document.querySelector("#notice button").focus()`)
	press(kb.Enter)
	b.until(`!document.querySelector("#notice button")`)
	if b.handling(demo, 1) != bellhop.HandlingNew {
		t.Error("not taken back")
	}
}

// TestQuietHoursHoldAndRelease sets them in the form, and follows a push through
// them on the page of deliveries.
func TestQuietHoursHoldAndRelease(t *testing.T) {
	b := newBrowser(t, newRig(t))
	d := b.Device(demo, "phone")
	d.PersonID = b.Owner.ID
	_, err := b.DB.PutDevice(t.Context(), d, store.DeviceLimits{})
	must(t, err)
	b.open("/settings", ownerSession)
	b.do(chromedp.SetValue("#quiet_from", "08:00"), chromedp.SetValue("#quiet_to", "10:00"),
		chromedp.SendKeys("#timezone", "Nowhere/Land"+kb.Enter),
		chromedp.WaitVisible("#timezone-wrong"))
	if kept := b.eval(`document.getElementById("quiet_from").value`); kept != "08:00" {
		t.Errorf("the form lost its valid fields: %q", kept)
	}
	b.do(chromedp.SetValue("#timezone", "UTC"), chromedp.Submit(".settings"), chromedp.WaitVisible("#notice .notice"))
	b.open("/pushes", ownerSession)
	b.until(live)
	for n := range 2 {
		b.Order(demo, n)
	}
	b.until(`document.querySelectorAll(".push-pending").length === 2`)
	claim := func(at time.Time) []store.Owed {
		t.Helper()
		owed, err := b.DB.ClaimPushes(t.Context(), at, store.Slots{Free: 10}, time.Minute)
		must(t, err)
		return owed
	}
	if owed := claim(day.Add(10 * time.Second)); len(owed) != 0 {
		t.Fatalf("%d rang in quiet hours", len(owed))
	}
	b.open("/pushes", ownerSession)
	b.until(`%s && document.querySelectorAll(".why")[1].textContent.includes("quiet hours")`, live)
	owed := claim(day.Add(time.Hour))
	if len(owed) != 1 || owed[0].Gathered == nil {
		t.Fatalf("at their end: %+v", owed)
	}
	must(t, b.DB.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushSent, Reason: "gathered",
			At: day.Add(time.Hour)}}))
	b.until(`document.querySelectorAll(".push-late").length === 2 && ` +
		`document.querySelector(".why").textContent.includes("combined")`)
}

// TestBrowserIsNotified subscribes this browser and makes its worker show a push. The test can't
// reach the browser maker's own service, and gives the page a subscription.
func TestBrowserIsNotified(t *testing.T) {
	keys, err := webpush.OpenKeys(filepath.Join(t.TempDir(), "keys.json"))
	must(t, err)
	b := newBrowser(t, newRig(t, func(o *site.Options) { o.WebPushKey = keys.Public }))
	b.Order(demo, 0)
	b.open("/devices", ownerSession)
	b.until(live)
	b.do(chromium.Allow(b.URL, "notifications"))
	b.eval(`PushManager.prototype.subscribe = async function (o) {
		window.asked = o.applicationServerKey;
		return { endpoint: "https://push.example/1", keys: { p256dh: "k", auth: "a" } };
	}`)
	b.do(chromedp.Click("#browser button"))
	b.until(`document.querySelector(".device") && document.querySelector("#browser [role=status]").textContent === ` +
		`"Notifications are on in this browser."`)
	devices, err := b.DB.Devices(t.Context(), demo)
	must(t, err)
	if len(devices) != 1 || devices[0].Kind != bellhop.AddressWebPush || devices[0].PersonID != b.Owner.ID ||
		!strings.Contains(devices[0].Value, "push.example") {
		t.Fatalf("%+v", devices)
	}
	if asked := b.eval(`window.asked`); asked != keys.Public {
		t.Errorf("it subscribed with %s", asked)
	}
	b.Order(demo, 1)
	owed, err := b.DB.ClaimPushes(t.Context(), day.Add(time.Hour), store.Slots{Free: 10}, time.Minute)
	must(t, err)
	b.eval(`navigator.serviceWorker.ready.then(({ active }) => {
		const look = () => { document.body.dataset.worker = active.state; };
		active.addEventListener("statechange", look);
		look();
	})`)
	b.until(`document.body.dataset.worker === "activated"`)
	// A browser that is busy starting its worker loses a message at times, as it may
	// on its maker's word; then the service sends it again, into the same slot.
	shown := ""
	for shown == "" {
		must(t, chromium.Push(b.tab, b.URL, fmt.Sprintf(
			`{"title":"New order <b>#1001</b>","body":"$403.00","tag":"order-1","data":{"order_id":%q,"push_id":"%d"}}`,
			orderID(1), owed[0].Pushes[0])))
		shown, err = chromedp.Run(b.tab, chromedp.Evaluate[string](`new Promise(done => {
			const look = async tries => {
				const worker = await navigator.serviceWorker.ready;
				const [n] = await worker.getNotifications();
				if (n || !tries) done(n ? [n.title, n.body, n.tag].join("|") : ""); else setTimeout(look, 10, tries - 1);
			};
			look(300);
		})`, chromedp.EvalAwaitPromise))
		must(t, err)
	}
	if shown != "New order <b>#1001</b>|$403.00|order-1" {
		t.Errorf("it shows %q", shown)
	}
	for received := false; !received; {
		o, err := b.DB.Order(t.Context(), demo, 820982911946154508+1)
		must(t, err)
		must(t, b.tab.Err())
		received = !o.Pushes[0].ReceivedAt.IsZero()
	}
	// After its owner removed it, only its owner brings it back.
	must(t, b.DB.RemoveDevice(t.Context(), demo, devices[0].Installation))
	b.beforeEachPage(`Notification.requestPermission = async () => { window.asked = true; return "denied"; }`)
	b.open("/devices", ownerSession)
	b.until(live + ` && !document.querySelector("#browser").hidden`)
	if asked := b.eval(`String(window.asked)`); asked != "undefined" {
		t.Error("a browser that its owner removed registers by itself")
	}
}

// TestSigningOutEndsNotifications signs out of a browser with notifications, on a shared computer.
func TestSigningOutEndsNotifications(t *testing.T) {
	b := newBrowser(t, newRig(t, func(o *site.Options) { o.WebPushKey = "key" }))
	b.subscribe("browser-1")
	b.open("/", ownerSession)
	b.eval(`navigator.serviceWorker.register("/worker.js").then(() => {
		localStorage.setItem("bellhop_installation", "browser-1");
		document.cookie = "bellhop_installation=browser-1; path=/";
		document.body.dataset.worker = "there";
	})`)
	b.until(`document.body.dataset.worker`)
	b.do(chromedp.Click(`form[action="/signout"] button`), chromedp.WaitVisible(`button[value="stop"]`))
	chromium.Check(t, b.tab, "the question")
	if left := b.installations(demo); len(left) != 1 {
		t.Fatalf("before it is answered: %v", left)
	}
	b.do(chromedp.Click(`button[value="stop"]`), chromedp.WaitVisible("#email"))
	if left := b.installations(demo); len(left) != 0 {
		t.Errorf("%v keep notifications", left)
	}
	b.eval(`navigator.serviceWorker.getRegistrations().then((all) => {
		document.title = [all.length, localStorage.length, document.cookie.includes("installation")].join(" ");
	})`)
	b.until(`document.title.includes("false") || document.title.includes("true")`)
	if left := b.eval(`document.title`); left != "0 0 false" {
		t.Errorf("workers, things stored and a cookie are left: %s", left)
	}
}

// An operator has no shop, and gets no notifications.
func TestOperatorsBrowserGetsNoPush(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.WebPushKey = "key" })
	if a := r.Get("/devices?shop="+demo, operatorSession); strings.Contains(a.Body, "browser.js") {
		t.Error("a button that does nothing")
	}
	if a := r.Call("GET", "/app.webmanifest", "", ""); a.Header.Get("Content-Type") != "application/manifest+json" ||
		a.JSON(t)["start_url"] != "/" {
		t.Errorf("%v", a.Header)
	}
	if a := r.Call("GET", "/worker.js", "", ""); !strings.Contains(a.Header.Get("Content-Security-Policy"),
		"connect-src 'self'") {
		t.Errorf("%v", a.Header)
	}
}
