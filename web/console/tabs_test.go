package console_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"bellhop/internal/realserver/chromium"
	"bellhop/web/site"
)

// TestTabsShareAStream opens more tabs than a browser opens connections to one server. Each shows
// new orders.
func TestTabsShareAStream(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.open("/", ownerSession)
	b.until(live)
	tabs := []context.Context{b.tab}
	for range 8 {
		tab, cancel := chromedp.NewContext(b.tab)
		t.Cleanup(cancel)
		must(t, chromedp.Do(tab, chromedp.Navigate(b.URL+"/"), chromium.Until(live)))
		tabs = append(tabs, tab)
	}
	b.Counted("bellhop_streams_open", "", 1)
	b.Order(demo, 1)
	for i, tab := range tabs {
		if err := chromedp.Do(tab, chromium.Until(row(1))); err != nil {
			t.Fatalf("tab %d: %v", i, err)
		}
	}
	// A tab that goes elsewhere takes the stream from nobody, and the last one ends it.
	for _, tab := range tabs[1:] {
		must(t, chromedp.Do(tab, chromedp.Navigate(b.URL+"/healthz")))
	}
	b.Order(demo, 2)
	b.until(`%s && %s`, live, row(2))
}

// beforeEachPage runs a script before those of each page that is opened from now on.
func (b *browser) beforeEachPage(script string) {
	b.Helper()
	_, err := chromedp.Run(b.tab, func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, tab, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return none, err
	})
	must(b, err)
}

// TestWithoutSharedWorkers wants a tab to follow by itself in a browser without shared workers.
func TestWithoutSharedWorkers(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.open("/", ownerSession)
	b.until(live)
	b.beforeEachPage(`delete window.SharedWorker`)
	b.open("/", ownerSession)
	b.until(live)
	b.Order(demo, 1)
	b.until(`%s`, row(1))
	b.CloseClientConnections()
	b.until(`document.getElementById("state").dataset.state === "lost"`)
	b.Order(demo, 2)
	b.until(`%s && %s`, live, row(2))
}

// runWorker runs the service worker's script in the page, with a browser of the test's
// making around it.
func (b *browser) runWorker() {
	b.Helper()
	var script strings.Builder
	for _, name := range []string{"subscription.js", "worker.js"} {
		text, err := os.ReadFile(name)
		must(b, err)
		script.Write(text)
	}
	b.promise(strings.Replace(workerInPage, "SCRIPT", script.String(), 1))
}

const workerInPage = `(async () => {
	const on = {}, log = [];
	const tab = (path) => ({
		url: location.origin + path, focus: async () => log.push("focus " + path),
		navigate: async (to) => { if (path === "/alien") throw new TypeError(); log.push(path + " goes to " + to); },
	});
	const self = {
		addEventListener: (name, f) => { on[name] = f; },
		registration: { pushManager: {
			getSubscription: async () => window.old,
			subscribe: async ({ applicationServerKey }) => ({ endpoint: "https://push.example/" + applicationServerKey, keys: { p256dh: "k", auth: "a" } }),
		} },
		clients: { matchAll: async () => window.tabs.map(tab), openWindow: async (path) => log.push("open " + path) },
	};
	((self, location, importScripts) => {
		SCRIPT
	})(self, "https://x/worker.js?installation=browser-7&key=new", () => {});
	window.fire = async (name, event) => {
		let done;
		on[name]({ ...event, waitUntil: (p) => { done = p; } });
		await done;
		return log.splice(0).join("; ");
	};
	window.click = (id) => fire("notificationclick", { notification: { close() {}, data: id ? { order_id: id } : {} } });
	return "";
})()`

// A click on a notification uses a tab that is open.
func TestNotificationsUseTheOpenTab(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.open("/", ownerSession)
	b.until(live)
	b.runWorker()
	for _, c := range []struct{ tabs, id, want string }{
		{`["/pushes", "/orders/7"]`, "7", "focus /orders/7"},
		{`["/settings", "/pushes"]`, "7", "focus /pushes; /pushes goes to /orders/7"},
		{`["/settings", "/signin"]`, "7", "open /orders/7"}, // a form stays
		{`["/alien"]`, "7", "focus /alien; open /orders/7"},
		{`[]`, "", "open /"},
	} {
		if got := b.promise(fmt.Sprintf(`(window.tabs = %s, click(%q))`, c.tabs, c.id)); got != c.want {
			t.Errorf("with %s open: %s", c.tabs, got)
		}
	}
}

// A subscription that changed is registered anew: by the worker when the browser says
// so, and for each page that opens after it didn't.
func TestChangedSubscriptionsAreRegistered(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.open("/", ownerSession)
	b.until(live)
	b.runWorker()
	at := func() string {
		t.Helper()
		devices, err := b.DB.Devices(t.Context(), demo)
		must(t, err)
		if len(devices) != 1 || devices[0].Installation != "browser-7" || devices[0].PersonID != b.Owner.ID {
			t.Fatalf("%+v", devices)
		}
		return devices[0].Value
	}
	b.promise(`fire("pushsubscriptionchange", {})`)
	if v := at(); !strings.Contains(v, "push.example/new") {
		t.Errorf("after the browser said so: %s", v)
	}
	b.eval(`window.old = { endpoint: "https://push.example/other", keys: { p256dh: "k", auth: "a" } }`)
	asked := `fire("message", { data: { rings: %q }, source: { postMessage: (m) => { window.answer = m.rings; } } })`
	b.promise(fmt.Sprintf(asked, "https://push.example/other"))
	if v := at(); !strings.Contains(v, "push.example/new") {
		t.Errorf("the worker registered a known subscription again: %s", v)
	}
	b.promise(fmt.Sprintf(asked, "https://push.example/new"))
	if v := at(); !strings.Contains(v, "push.example/other") || b.eval(`window.answer`) != "https://push.example/other" {
		t.Errorf("after a page asked: %s", v)
	}
}

// An iPhone's page says what to do first.
func TestIPhonesAddThePageFirst(t *testing.T) {
	b := newBrowser(t, newRig(t, func(o *site.Options) { o.WebPushKey = "key" }))
	_, err := chromedp.Run(b.tab, func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
			UserAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) " +
				"AppleWebKit/605.1.15 (KHTML, like Gecko) " +
				"Version/18.1 Mobile/15E148 Safari/604.1"})
		return none, err
	})
	must(t, err)
	b.open("/devices", ownerSession)
	b.until(`document.querySelector("#browser [role=status]").textContent.includes("Add to Home Screen")`)
	if hidden := b.eval(`document.querySelector("#browser button").hidden`); hidden != "true" {
		t.Error("there is a button that can't work")
	}
}
