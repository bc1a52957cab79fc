package console_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/store"
	"bellhop/web/webtest"
)

// canary begins each secret of these tests: none may be shown or logged.
const canary = "canary-secret"

func (r *rig) shop(domain string) bellhop.Shop {
	r.Helper()
	s, err := r.DB.Shop(context.Background(), domain)
	must(r, err)
	return s
}

// manage sends a form as an operator, goes on, and returns the page.
func (r *rig) manage(path string, form url.Values) string {
	r.Helper()
	r.Clock.Add(time.Second)
	a := r.Post(path, operatorSession, form)
	if a.StatusCode != 303 {
		r.Fatalf("%s: %d %s", path, a.StatusCode, a.Body)
	}
	return r.goOn(a, operatorSession).Body
}

// changes lists what the access log has of operators' changes in a shop, the newest first.
func (r *rig) changes(shop string) (all []string) {
	r.Helper()
	page, err := r.DB.Accesses(context.Background(), store.AccessQuery{Shop: shop})
	must(r, err)
	for _, l := range page.Accesses {
		if l.What != bellhop.AccessChange || l.By != "op@example.com" {
			r.Errorf("%+v", l)
		}
		all = append(all, l.About)
	}
	return all
}

func (r *rig) holds(page, want string) {
	r.Helper()
	if !strings.Contains(page, want) {
		r.Errorf("it lacks %q: %s", want, page)
	}
}

func TestAddAShopInTheConsole(t *testing.T) {
	r := newRig(t)
	r.shows(r.Get("/shops", operatorSession), `href="/shops/add"`)
	form := r.Get("/shops/add", operatorSession)
	strictPage(t, form)
	const fresh = webtest.Fresh
	for _, c := range []struct {
		form   url.Values
		status int
		says   string
	}{
		{url.Values{"domain": {"example.com"}}, 400, "not a shop&#39;s domain"},
		{url.Values{"domain": {demo}, "secret": {canary}}, 409, `href="/shop?shop=` + demo + `"`},
		{url.Values{"domain": {fresh}, "own_secret_only": {"on"}}, 400, "would be refused"},
		{url.Values{"domain": {fresh}, "secret": {strings.Repeat(canary, 100)}}, 400, "not a signing secret"},
	} {
		a := r.Post("/shops/add", operatorSession, c.form)
		if a.StatusCode != c.status || !strings.Contains(a.Body, c.says) || strings.Contains(a.Body, canary) {
			t.Errorf("%v: %d %s", c.form, a.StatusCode, a.Body)
		}
	}
	if s := r.shop(demo); s.Secret != "" || len(r.changes(demo)) != 0 {
		t.Errorf("refused, and changed: %+v", s)
	}
	page := r.manage("/shops/add", url.Values{"domain": {" Fresh.myshopify.com "}, "secret": {" " + canary + " "},
		"own_secret_only": {"on"}, "customer_in_push": {"on"}})
	r.holds(page, fresh+" is added.")
	s := r.shop(fresh)
	if s.Secret != canary || !s.OwnSecretOnly || !s.CustomerInPush || !s.AddedAt.Equal(r.Clock.Now()) {
		t.Errorf("%+v", s)
	}
	if said := fmt.Sprint(r.changes(fresh)); said != "[POST /shops/add]" {
		t.Error(said)
	}
	if strings.Contains(page+r.Logged.String(), canary) {
		t.Error("the secret is shown, or logged")
	}
}

// Who adds a shop whose webhooks came before learns how to record them.
func TestAddAShopThatSendsAlready(t *testing.T) {
	r := newRig(t)
	r.Brought("orders/create", webtest.Fresh, 1) // skipped: nobody added the shop
	page := r.manage("/shops/add", url.Values{"domain": {webtest.Fresh}})
	r.holds(page, "bellhop replay --shop "+webtest.Fresh+" --since 30d")
}

func TestRotateInTheConsole(t *testing.T) {
	r := newRig(t)
	at := func(path string) string { return path + "?shop=" + demo }
	all := ""
	for _, step := range []struct {
		path, secret  string
		says          string
		now, previous string
	}{
		{"/shop/secret", canary + "-1", "is saved", canary + "-1", ""},
		{"/shop/secret", canary + "-2", "A rotation is under way", canary + "-2", canary + "-1"},
		{"/shop/secret", canary + "-2", "has this secret already", canary + "-2", canary + "-1"},
		{"/shop/secret", "", "not a signing secret", canary + "-2", canary + "-1"},
		{"/shop/secret/finish", "", "The rotation is finished", canary + "-2", ""},
	} {
		page := r.manage(at(step.path), url.Values{"secret": {step.secret}})
		r.holds(page, step.says)
		all += page
		if s := r.shop(demo); s.Secret != step.now || s.PreviousSecret != step.previous {
			t.Errorf("%+v: %q, before %q", step, s.Secret, s.PreviousSecret)
		}
	}
	r.manage(at("/shop/secret/own"), url.Values{"own_secret_only": {"on"}})
	if !r.shop(demo).OwnSecretOnly {
		t.Error("the app's secret counts")
	}
	page := r.Get(at("/shop"), operatorSession)
	strictPage(t, page)
	r.shows(page, "only the shop&#39;s own")
	r.shows(r.Get("/shops", operatorSession), "only the shop&#39;s own")
	all += page.Body + r.Get("/shops", operatorSession).Body + r.Logged.String()
	if strings.Contains(all, canary) {
		t.Error("a secret is shown, or logged")
	}
	r.manage(at("/shop/secret/own"), nil)
	if s := r.shop(demo); s.OwnSecretOnly {
		t.Errorf("%+v", s)
	}
	// Another shop without a secret can't refuse the app's.
	r.holds(r.manage("/shop/secret/own?shop="+other, url.Values{"own_secret_only": {"on"}}), "would be refused")
	if len(r.changes(other)) != 0 || r.shop(other).OwnSecretOnly {
		t.Error("what was refused is in the access log, or was done")
	}
	const finish, own, rotate = "POST /shop/secret/finish", "POST /shop/secret/own", "POST /shop/secret"
	want := fmt.Sprint([]string{own, own, finish, rotate, rotate})
	if said := fmt.Sprint(r.changes(demo)); said != want {
		t.Errorf("%s, not %s", said, want)
	}
}

func TestDisableInTheConsole(t *testing.T) {
	r := newRig(t)
	r.holds(r.manage("/shop/disable?shop="+demo, nil), "The shop is disabled.")
	if !r.shop(demo).Disabled || r.shop(other).Disabled {
		t.Error("not that shop")
	}
	r.holds(r.manage("/shop/enable?shop="+demo, nil), "bellhop replay --shop "+demo)
	if r.shop(demo).Disabled {
		t.Error("still disabled")
	}
	if said := fmt.Sprint(r.changes(demo)); said != "[POST /shop/enable POST /shop/disable]" {
		t.Error(said)
	}
}

func TestEraseInTheConsole(t *testing.T) {
	r := newRig(t)
	open := func() int {
		page, err := r.DB.Requests(t.Context(), store.RequestQuery{Shop: demo, Open: true})
		must(t, err)
		return len(page.Requests)
	}
	for _, typed := range []string{"", other, "demo"} {
		r.holds(r.manage("/shop/erase?shop="+demo, url.Values{"domain": {typed}}), "Nothing was deleted.")
	}
	if open() != 0 || len(r.changes(demo)) != 0 {
		t.Error("it erases without the shop's name")
	}
	for range 2 { // a second one is the first
		page := r.manage("/shop/erase?shop="+demo, url.Values{"domain": {" DEMO.myshopify.com"}})
		r.holds(page, demo+" is being erased")
		r.holds(page, "op@example.com")
	}
	if open() != 1 || len(r.changes(demo)) != 2 {
		t.Errorf("%d requests, %v", open(), r.changes(demo))
	}
}

var ownerLink = regexp.MustCompile(`id="owner-link">http://[^/]+(/signin\?once=bh_l_[A-Za-z0-9_-]{43})<`)

func TestConnectInTheConsole(t *testing.T) {
	s := &webtest.Shopify{TB: t}
	r := newRig(t, s.Connect)
	const fresh = webtest.Fresh
	at := "/shop/connect?shop=" + fresh
	if a := r.Post(at, operatorSession, nil); a.StatusCode != 404 {
		t.Errorf("a shop that nobody added: %d", a.StatusCode)
	}
	r.manage("/shops/add", url.Values{"domain": {fresh}})
	page := r.manage(at, nil) // by client credentials
	r.holds(page, "The app is not installed in this shop")
	r.holds(page, `id="connect-wrong" role="alert"`)
	for _, token := range []string{"", "no token", `{"access_token":""}`} {
		r.holds(r.manage(at, url.Values{"token": {token}}), "not a token of Shopify")
	}
	page = r.manage(at, url.Values{"token": {"shpat_" + canary}})
	if _, err := r.DB.Connection(t.Context(), fresh); err == nil || strings.Contains(page+r.Logged.String(), canary) {
		t.Errorf("a wrong token is kept, shown or logged: %v", err)
	}
	must(t, s.Install(fresh))
	a := r.Post(at, operatorSession, nil)
	link := ownerLink.FindStringSubmatch(a.Body)
	if a.StatusCode != 200 || link == nil {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	strictPage(t, a)
	if in := r.Call("GET", link[1], "", ""); in.StatusCode != 200 {
		t.Errorf("the owner's link: %d", in.StatusCode)
	}
	c, err := r.DB.Connection(t.Context(), fresh)
	must(t, err)
	if c.Grant != bellhop.GrantClientCredentials || strings.Contains(a.Body+r.Logged.String(), c.Token) {
		t.Errorf("by %s, or a token is shown", c.Grant)
	}
	if said := fmt.Sprint(r.changes(fresh)); said != "[POST /shop/connect POST /shops/add]" {
		t.Error(said)
	}
}

func TestAskForABackfillInTheConsole(t *testing.T) {
	r, _ := connected(t)
	at := "/shop/backfill?shop=" + demo
	if a := r.Post("/shop/backfill?shop="+other, operatorSession, nil); a.StatusCode != 404 {
		t.Errorf("a shop without a connection: %d", a.StatusCode)
	}
	state := func() bellhop.Reconciliation {
		s, err := r.DB.Reconciliation(t.Context(), demo)
		must(t, err)
		return s
	}
	r.compared(func(s *bellhop.Reconciliation) {})
	r.holds(r.manage(at, nil), "about to fetch earlier orders")
	asked := state()
	if !asked.WantsBackfill() || !asked.Asked.Backfill.Equal(r.Clock.Now()) || !asked.Asked.Since.IsZero() ||
		!asked.Due.Equal(r.Clock.Now()) {
		t.Errorf("%+v", asked)
	}
	r.manage(at, nil)
	if again := state(); !again.Asked.Backfill.Equal(asked.Asked.Backfill) {
		t.Error("asked twice, although the first one did not begin yet")
	}
	r.compared(func(s *bellhop.Reconciliation) {})
	r.put(func(c *bellhop.Connection) { c.Access, c.Reason = bellhop.AccessLost, "access_revoked" })
	r.holds(r.manage(at, nil), "Connect it again first.")
	if s := state(); s.WantsBackfill() {
		t.Error("nobody could carry it out")
	}
}

// Operators alone may do any of it. For others the addresses don't exist; other sites' forms do nothing.
func TestManagingIsForOperators(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	if page := r.Get("/shop", ownerSession); strings.Contains(page.Body, "/shop/erase") {
		t.Error("owners see the forms")
	}
	for _, session := range []string{ownerSession, otherSession, staff} {
		if a := r.Get("/shops/add", session); a.StatusCode != 404 {
			t.Errorf("%s: %d", session, a.StatusCode)
		}
	}
	for _, path := range []string{"/shops/add", "/shop/secret", "/shop/secret/finish", "/shop/secret/own", "/shop/connect",
		"/shop/backfill", "/shop/disable", "/shop/enable", "/shop/erase"} {
		form := url.Values{"domain": {demo}, "secret": {canary}}
		for _, session := range []string{ownerSession, otherSession, staff} {
			for _, at := range []string{path, path + "?shop=" + demo} {
				if a := r.Post(at, session, form); a.StatusCode != 404 {
					t.Errorf("%s as %s: %d", at, session, a.StatusCode)
				}
			}
		}
		at := path + "?shop=" + demo
		if a := r.Post(at, operatorSession, form, withHeader("Sec-Fetch-Site", "cross-site")); a.StatusCode != 403 {
			t.Errorf("%s from another site: %d", at, a.StatusCode)
		}
		if a := r.Post(path+"?shop=none.myshopify.com", operatorSession, form); path != "/shops/add" && a.StatusCode != 404 {
			t.Errorf("%s of no shop: %d", path, a.StatusCode)
		}
	}
	if s := r.shop(demo); s.Disabled || s.Secret != "" {
		t.Errorf("%+v", s)
	}
}

// TestManagingInABrowser adds, rotates, disables and erases by the keyboard alone, on a phone in the dark.
func TestManagingInABrowser(t *testing.T) {
	b := newBrowser(t, newRig(t))
	const fresh = webtest.Fresh
	for _, path := range []string{"/shops/add", "/shop?shop=" + demo} {
		b.open(path, operatorSession)
		chromium.Check(t, b.tab, path)
	}
	b.do(chromium.Scheme("dark"), chromedp.EmulateViewport(360, 900))
	b.open("/shops/add", operatorSession)
	// went waits for the page that has an element, on which the notice says something.
	went := func(to, says string) {
		t.Helper()
		b.do(chromedp.WaitVisible(to))
		b.until(`document.getElementById("notice").textContent.includes(%q)`, says)
	}
	// wrong waits for what a field says, which has the focus.
	wrong := func(field, says string) {
		t.Helper()
		b.do(chromedp.WaitVisible(says))
		b.until(`document.activeElement.id === %q`, field)
	}
	// opened goes by Tab from where the focus is to a part's last summary, opens it, and goes on to its form.
	opened := func(part string, most int) {
		t.Helper()
		for n := 0; b.eval(`document.activeElement.matches("#`+part+` details:last-of-type summary")`) != "true"; n++ {
			if n == most {
				t.Fatalf("the keyboard does not reach %s: %s", part, b.eval(`document.activeElement.outerHTML`))
			}
			b.press(kb.Tab)
		}
		b.press(kb.Enter)
		b.press(kb.Tab)
	}
	b.do(chromedp.SendKeys("#domain", "fresh"+kb.Enter))
	wrong("domain", "#domain-wrong")
	b.press(kb.End + ".myshopify.com" + kb.Enter)
	went("#manage", "is added")
	const few = 8 // the place is kept: no Tab through the whole page
	opened("secret", few)
	b.press(canary + kb.Enter)
	went(`#secret form[action*="own"]`, "is saved")
	opened("secret", few)
	b.press(canary + kb.Enter)
	wrong("secret-field", "#secret-wrong")
	opened("rest", few)
	b.press(kb.Enter)
	went(`#rest form[action*="enable"]`, "is disabled")
	opened("erase", few)
	b.press("another" + kb.Enter)
	wrong("erase-field", "#erase-wrong")
	b.press(fresh + kb.Enter)
	went(".crumb", "is being erased")
	if s := b.shop(fresh); s.Secret != canary || !s.Disabled {
		t.Errorf("%+v", s)
	}
	op, err := b.DB.PersonByEmail(t.Context(), "op@example.com")
	must(t, err)
	must(t, b.DB.UpdateShop(t.Context(), demo, func(s *bellhop.Shop) {
		s.Secret, s.PreviousSecret, s.LastEventAt, s.LastSignedBy = canary, canary+"-0", day, bellhop.SignerShop
	}))
	for _, language := range []string{"en", "ko", "ja"} {
		b.SetSettings(op.ID, bellhop.Settings{Language: language})
		for _, path := range []string{"/shops", "/shops/add", "/shop?shop=" + demo} {
			b.open(path, operatorSession)
			b.eval(`document.querySelectorAll("details").forEach((d) => { d.open = true; })`)
			chromium.Fits(t, b.tab, path+" in "+language)
		}
	}
}
