package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/web"
	"bellhop/web/site"
)

// member adds somebody with a session, and returns its secret.
func (r *rig) member(email string, shops ...bellhop.Membership) (session string) {
	r.Helper()
	p, err := r.DB.AddPerson(r.Context(), bellhop.Person{Email: email, Shops: shops, AddedAt: day})
	must(r, err)
	session = "bh_s_of-" + email
	must(r, r.DB.AddSession(r.Context(), bellhop.Session{TokenHash: web.HashToken(session), PersonID: p.ID,
		CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour)}, "192.0.2.1"))
	return session
}

func staffOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleStaff}
}
func ownerOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleOwner}
}

// TestSwitchOfShops goes from shop to shop, on the same page where it can.
func TestSwitchOfShops(t *testing.T) {
	r := newRig(t)
	both := r.member("sam@example.com", ownerOf(demo), staffOf(other))
	r.Order(demo, 1)
	r.Order(other, 2)
	if a := r.Get("/pushes?status=failed", both); a.StatusCode != http.StatusSeeOther ||
		a.Header.Get("Location") != "/pushes?shop=demo.myshopify.com&status=failed" {
		t.Errorf("without a shop: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	for path, there := range map[string]string{"/": "/", "/pushes": "/pushes", "/devices": "/devices",
		"/settings": "/settings", "/orders/" + orderID(1): "/", "/people": "/people"} {
		a := r.Get(path+"?shop="+demo, both)
		if a.StatusCode != 200 || !strings.Contains(a.Body, `href="`+there+`?shop=other.myshopify.com"`) ||
			!strings.Contains(a.Body, `href="/pushes?shop=demo.myshopify.com"`) {
			t.Errorf("%s: %d, or no way to the other shop", path, a.StatusCode)
		}
	}
	if a := r.Get("/?shop="+other, both); !strings.Contains(a.Body, "#1002") || strings.Contains(a.Body, "#1001") {
		t.Error("the other shop's orders are not those")
	}
	if a := r.Get("/?shop=third.myshopify.com", both); a.StatusCode != 404 {
		t.Errorf("a shop of somebody else: %d", a.StatusCode)
	}
	if a := r.Get("/", ownerSession); strings.Contains(a.Body, "<details class=\"switch\"") {
		t.Error("somebody with one shop has a switch")
	}
	if a := r.Post("/orders/handling", both, url.Values{}); a.StatusCode != 400 {
		t.Errorf("a form without a shop: %d", a.StatusCode)
	}
}

// The switch has the shops' names, and their domains where names don't tell them apart.
func TestSwitchNamesShops(t *testing.T) {
	r := newRig(t)
	both := r.member("sam@example.com", ownerOf(demo), staffOf(other))
	for _, c := range []struct{ demo, other, here, there string }{
		{"", "", demo, other},
		{"Tea & Co", "", "Tea &amp; Co", other},
		{"Tea & Co", "Coffee", "Tea &amp; Co", "Coffee"},
		{"Tea", "Tea", "Tea (" + demo + ")", "Tea (" + other + ")"},
	} {
		for domain, name := range map[string]string{demo: c.demo, other: c.other} {
			must(t, r.DB.UpdateShop(t.Context(), domain, func(s *bellhop.Shop) { s.Name = name }))
		}
		page := r.Get("/?shop="+demo, both).Body
		if !strings.Contains(page, "</span>"+c.here+"</summary>") || !strings.Contains(page, ">"+c.there+"</a>") {
			t.Errorf("%+v: %s", c, page[strings.Index(page, "<summary>"):][:600])
		}
	}
}

var inviteLink = regexp.MustCompile(`id="invite-link">http://[^/]+(/invitation\?once=bh_i_[A-Za-z0-9_-]{43})<`)

// invited invites somebody, and returns the link's address.
func (r *rig) invited(email, role string) string {
	r.Helper()
	a := r.Post("/people/invite", ownerSession, url.Values{"email": {email}, "role": {role}})
	m := inviteLink.FindStringSubmatch(a.Body)
	if a.StatusCode != 200 || m == nil {
		r.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	return m[1]
}

// A client chooses the Host of its request: an owner must not hand on a link to another's server.
func TestInvitationNamesOurOwnAddress(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.URL = "https://bellhop.example" })
	a := r.Post("/people/invite", ownerSession, url.Values{"email": {"new@example.com"}, "role": {"staff"}})
	if !strings.Contains(a.Body, `id="invite-link">https://bellhop.example/invitation?once=bh_i_`) {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
}

func TestInvitationInTheConsole(t *testing.T) {
	r := newRig(t)
	link := r.invited("new@example.com", "staff")
	once := strings.TrimPrefix(link, "/invitation?once=")
	if a := r.Get("/people", ownerSession); !strings.Contains(a.Body, "new@example.com") ||
		strings.Contains(a.Body, once) {
		t.Error("the page doesn't list the invitation, or shows its secret again")
	}
	page := r.Call("GET", link, "", "")
	known := r.Call("GET", r.invited("kim@example.com", "staff"), "", "") // who has an account
	hide := func(body string) string {
		return regexp.MustCompile(`bh_i_[A-Za-z0-9_-]{43}|(new|kim)@example.com`).ReplaceAllString(body, "")
	}
	if page.StatusCode != 200 || hide(page.Body) != hide(known.Body) {
		t.Errorf("the page tells who has an account:\n%s\n%s", page.Body, known.Body)
	}
	const words = "You are signed in as kim@example.com, and the invitation is for new@example.com"
	if a := r.Get(link, otherSession); !strings.Contains(a.Body, words) {
		t.Errorf("to somebody else: %s", a.Body)
	}
	if a := r.Post("/invitation", otherSession, url.Values{"once": {once}}); a.StatusCode != 409 {
		t.Errorf("as somebody else: %d", a.StatusCode)
	}
	if a := r.Post("/invitation", "", url.Values{"once": {once}, "password": {"short"}}); a.StatusCode != 400 ||
		!strings.Contains(a.Body, "too short") {
		t.Errorf("a short password: %d %s", a.StatusCode, a.Body)
	}
	a := r.Post("/invitation", "", url.Values{"once": {once}, "password": {"a good password"}})
	if a.StatusCode != 303 || a.Header.Get("Location") != "/?shop=demo.myshopify.com" || len(a.Cookies()) != 1 {
		t.Fatalf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := r.Get("/", a.Cookies()[0].Value); a.StatusCode != 200 || strings.Contains(a.Body, "/people") {
		t.Errorf("the new staff see %d", a.StatusCode)
	}
	gone := r.Post("/invitation", "", url.Values{"once": {once}, "password": {"a good password"}})
	once = strings.TrimPrefix(r.invited("kim@example.com", "owner"), "/invitation?once=")
	taken := r.Post("/invitation", "", url.Values{"once": {once}, "password": {"a good password"}})
	if gone.StatusCode != 404 || taken.StatusCode != 404 || gone.Body != taken.Body {
		t.Errorf("a used one %d, one of an account %d: %s", gone.StatusCode, taken.StatusCode, taken.Body)
	}
	if a := r.Post("/invitation", otherSession, url.Values{"once": {once}}); a.StatusCode != 303 {
		t.Errorf("as themselves: %d", a.StatusCode)
	}
	if a := r.Get("/people?shop="+demo, otherSession); a.StatusCode != 200 {
		t.Errorf("a new owner's page: %d", a.StatusCode)
	}
}

func TestPeopleInTheConsole(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	lee, err := r.DB.PersonByEmail(r.Context(), "lee@example.com")
	must(t, err)
	post := func(path string, form url.Values) string {
		t.Helper()
		form.Set("back", "/people")
		return r.goOn(r.Post(path, ownerSession, form), ownerSession).Body
	}
	for _, path := range []string{"/people/role", "/people/remove", "/people/invite", "/people/withdraw", "/people/shop"} {
		if a := r.Post(path, staff, url.Values{"person": {web.ID(r.Owner.ID)}, "role": {"staff"}}); a.StatusCode != 403 {
			t.Errorf("staff at %s: %d", path, a.StatusCode)
		}
	}
	if a := r.Get("/people", staff); a.StatusCode != 403 || !strings.Contains(a.Body, "Only an owner") {
		t.Errorf("staff: %d %s", a.StatusCode, a.Body)
	}
	self := url.Values{"person": {web.ID(r.Owner.ID)}, "role": {"staff"}}
	if body := post("/people/role", self); !strings.Contains(body, "only owner") {
		t.Errorf("the last owner: %s", body)
	}
	if body := post("/people/remove", self); !strings.Contains(body, "only owner") {
		t.Errorf("the last owner: %s", body)
	}
	body := post("/people/role", url.Values{"person": {web.ID(lee.ID)}, "role": {"owner"}})
	if !strings.Contains(body, "The role of lee@example.com is changed.") {
		t.Errorf("promoted: %s", body)
	}
	body = post("/people/remove", url.Values{"person": {web.ID(lee.ID)}})
	if !strings.Contains(body, "lee@example.com no longer belongs") {
		t.Errorf("removed: %s", body)
	}
	kim, err := r.DB.PersonByEmail(r.Context(), "kim@example.com")
	must(t, err)
	for _, id := range []string{web.ID(kim.ID), "999"} {
		if a := r.Post("/people/role", ownerSession, url.Values{"person": {id}, "role": {"owner"}}); a.StatusCode != 404 {
			t.Errorf("somebody of another shop: %d", a.StatusCode)
		}
	}
	a := r.Post("/people/invite", ownerSession, url.Values{"email": {"nobody"}, "role": {"staff"}})
	if a.StatusCode != 400 || !strings.Contains(a.Body, "This is not an e-mail address") {
		t.Errorf("no address: %d", a.StatusCode)
	}
	r.invited("new@example.com", "owner")
	body = post("/people/withdraw", url.Values{"email": {"new@example.com"}})
	if !strings.Contains(body, "The invitation for new@example.com is withdrawn.") {
		t.Errorf("withdrawn: %s", body)
	}
	post("/people/shop", url.Values{"customer_in_push": {"on"}})
	shops, err := r.DB.Shops(r.Context())
	must(t, err)
	if !shops[0].CustomerInPush || shops[1].CustomerInPush {
		t.Errorf("shops %+v", shops)
	}
}

// TestStaffRemoveOwnDevices lets staff remove no device of others.
func TestStaffRemoveOwnDevices(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	r.Device(demo, "till")
	if a := r.Get("/devices", staff); !strings.Contains(a.Body, "till") || strings.Contains(a.Body, "/devices/remove") {
		t.Error("staff see no device, or may remove it")
	}
	if a := r.Post("/devices/remove", staff, url.Values{"device": {"till"}}); a.StatusCode != 404 {
		t.Errorf("%d", a.StatusCode)
	}
	if a := r.Post("/devices/remove", ownerSession, url.Values{"device": {"till"}}); a.StatusCode != 303 {
		t.Errorf("an owner: %d", a.StatusCode)
	}
}

// TestPeopleInABrowser shows the pages in each language on a phone, and switches without a script's help.
func TestPeopleInABrowser(t *testing.T) {
	r := newRig(t)
	both := r.member("a-person-with-a-long-address@department.example.com", ownerOf(demo), ownerOf(other))
	link := r.invited("somebody-with-a-long-address@department.example.com", "staff")
	b := newBrowser(t, r)
	for _, c := range []struct{ session, path string }{
		{ownerSession, "/people"}, {both, "/people?shop=" + demo}, {both, "/?shop=" + other}, {"", link},
		{otherSession, link}, {"", "/invitation?once=bh_i_x"},
	} {
		b.open(c.path, c.session)
		chromium.Check(t, b.tab, c.path)
	}
	b.open("/devices?shop="+demo, both)
	b.do(chromedp.EmulateViewport(360, 900))
	b.eval(`document.querySelector(".switch").open = true`)
	chromium.Fits(t, b.tab, "the switch")
	// Until is for one page; WaitVisible outlives a change of pages.
	b.do(chromedp.Click(`.switch a[href*="other"]`),
		chromedp.WaitVisible(`[aria-current="page"][href="/devices?shop=other.myshopify.com"]`))
	if at := b.eval(`location.pathname + location.search`); at != "/devices?shop=other.myshopify.com" {
		t.Errorf("the switch leads to %s", at)
	}
	sam, err := b.DB.PersonByEmail(t.Context(), "a-person-with-a-long-address@department.example.com")
	must(t, err)
	for _, language := range []string{"ko", "ja"} {
		b.SetSettings(sam.ID, bellhop.Settings{Language: language})
		for _, path := range []string{"/people?shop=" + demo, link} {
			b.open(path, both)
			chromium.Fits(t, b.tab, path+" in "+language)
		}
	}
}
