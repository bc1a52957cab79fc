package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/internal/realserver"
	"bellhop/internal/realserver/chromium"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// TestInstallInABrowser installs the app from the admin of a shop that bellhop does not know, as a merchant
// does, and sees the first order arrive.
func TestInstallInABrowser(t *testing.T) {
	tab, cancel := context.WithTimeout(chromium.Open(t), 2*patience)
	defer cancel()
	const domain = "new-shop.myshopify.com"
	shopify := httptest.NewUnstartedServer(nil)
	bellhop := realserver.FreeAddress(t)
	twin, err := shop.New(shop.Options{Orders: simulate.ShopifyOptions{Shops: []string{domain}, Seed: 19},
		ClientID: "the-app", Secret: "hush", App: "http://" + bellhop, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	shopify.Config.Handler = twin
	shopify.Start()
	t.Cleanup(shopify.Close)
	inBackground(t, func(ctx context.Context) { _ = twin.Run(ctx) }) // it says nothing but that ctx is done
	startServe(t, bellhop, "--dir", t.TempDir(), "--push", "log:", "--shopify-client-id", "the-app",
		"--shopify-secret", "hush", "--shopify-endpoint", shopify.URL+"/{shop}")

	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, a := range actions {
			if err := chromedp.Do(tab, a); err != nil {
				page, _ := chromedp.Run(tab, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
				t.Fatalf("%v\n%s", err, page)
			}
		}
	}
	do(chromedp.Navigate(shopify.URL+"/"+domain+"/admin"), chromedp.Click("a#install"),
		chromedp.Click("button#install")) // Shopify's own pages
	do(chromedp.WaitVisible(`input[name="once"] ~ button`), chromedp.Click("main button")) // and one button here
	do(chromedp.WaitVisible("#first"))
	chromium.Check(t, tab, "the first page after installing")
	do(chromium.Until(`document.getElementById("state").dataset.state === "live"`))
	if err := twin.MakeOrders(domain, simulate.ShopifyOptions{Orders: 1}); err != nil {
		t.Fatal(err)
	}
	do(chromium.Until(`!document.getElementById("first") && document.querySelector('#shop a[href^="/orders/"]')`))
	do(chromedp.Click(`#shop a[href^="/orders/"]`), chromedp.WaitVisible("#order"))
	name, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector("h1").textContent`))
	if err != nil || !strings.Contains(name, "#1001") {
		t.Errorf("the first order is %q: %v", name, err)
	}
	// Opened from the admin again, it leads straight to the shop's page.
	do(chromedp.Navigate(shopify.URL+"/"+domain+"/admin/app"), chromedp.WaitVisible("#access-title .push-sent"))
	// Signed out, the owner of the Shopify account signs in with Shopify, without a password.
	if err := twin.SignIn(domain, shop.Visitor{User: "owner", Email: "olga@example.com"}); err != nil {
		t.Fatal(err)
	}
	signOut := `fetch("/signout", {method: "POST"}).then(() => location.assign("/people?shop=` + domain + `"))`
	do(chromedp.Evaluate[chromedp.Void](signOut), chromedp.WaitVisible(`a[href^="/shopify/signin"]`))
	chromium.Check(t, tab, "the sign-in page with Shopify")
	do(chromedp.Click(`a[href^="/shopify/signin"]`), chromedp.WaitVisible("#access-title .push-sent"))
	do(chromedp.Navigate("http://"+bellhop+"/people"), chromedp.WaitVisible("main"))
	who, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil || !strings.Contains(who, "olga@example.com") {
		t.Errorf("signed in: %s %v", who, err)
	}
}

// inBackground runs something until the test ends.
func inBackground(t *testing.T, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// startServe runs a bellhop, and waits until it answers.
func startServe(t *testing.T, addr string, args ...string) {
	t.Helper()
	var out, errs lockedBuffer
	inBackground(t, func(ctx context.Context) {
		args := append([]string{"serve", "--addr", addr, "--url", "http://" + addr}, args...)
		code := Run(ctx, context.Background(), args, strings.NewReader(""), &out, &errs)
		if code != exitDone {
			t.Errorf("serve ended with %d: %s", code, errs.String())
		}
	})
	for {
		res, err := http.Get("http://" + addr + "/healthz")
		if err == nil {
			res.Body.Close()
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
