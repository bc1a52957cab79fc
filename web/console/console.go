// Package console is the pages for people: the owner's orders and devices, and the operators'
// overview, ledger and dead letters. They work without a script.
package console

import (
	"cmp"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/web"
)

//go:embed *.html
var templateFiles embed.FS

// templates are parsed by [New]: other commands show no page, and do not wait for it.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"rfc3339": func(t time.Time) string { return t.Format(time.RFC3339) },
	}).ParseFS(templateFiles, "*.html"))
})

// Store is what the console needs of the store.
type Store interface {
	store.Orders
	store.Deliveries
	store.Devices
	store.Shops
	store.People
	store.Invitations
	store.Ledger
	store.Statistics
	store.Stream
	store.AccessLog
	store.Connections
	store.Refusals
	store.Statements
	store.Reconciling
	web.ExportStore
	AddLink(ctx context.Context, l bellhop.SignInLink) error
}

// Options are what the console works with.
type Options struct {
	Store    Store
	Queue    Queue // nil where there is none to look after
	Auth     *web.Auth
	Problems *web.Problems
	Proxies  web.Proxies
	Care     *web.Care
	Tests    *web.DeviceTests
	Mails    *web.SignInMails // nil: nobody signs in by mail
	// Follow answers with the stream of what changes.
	Follow     func(w http.ResponseWriter, r *http.Request, who web.Principal) error
	WebPushKey string // "": browsers get no notifications
	URL        string // where people reach bellhop; "" if nobody said
	Now        func() time.Time
	Log        *slog.Logger
}

// Console serves the pages for people. A script only reloads what changed.
type Console struct {
	Options
	stats *stats
	// exports has a place for each export that may run at once.
	exports chan struct{}
}

// New registers the pages on mux with their assets, and gathers the operators' figures until
// [Console.Close].
func New(mux *http.ServeMux, assets web.Prepared, o Options) *Console {
	c := &Console{Options: o, stats: newStats(o.Store, o.Queue, o.Now, o.Log),
		exports: make(chan struct{}, maxExports)}
	templates()
	addAssets(assets)
	c.routes(mux)
	go c.stats.run()
	return c
}

// Close stops gathering figures.
func (c *Console) Close() { c.stats.close() }

// Queue is the part of a queue that operators look after.
type Queue interface {
	queue.DeadLetters
	Depth(ctx context.Context) (queue.Depth, error)
}

func (c *Console) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /signin", c.askIn)
	mux.HandleFunc("POST /signin", c.signIn)
	mux.HandleFunc("POST /signin/email", c.mailLink)
	mux.HandleFunc("POST /signout", c.signOut)
	for pattern, handle := range map[string]func(*visit) error{
		"GET /{$}":              c.showOrders,
		"POST /orders/handling": c.setHandling,
		"GET " + web.ExportPath: c.export,
		"GET /orders/{id}":      c.showOrder,
		"POST /orders/{id}":     operators(c.showPersonal),
		"GET /orders/{id}/slip": c.showSlip,
		"GET /pushes":           c.showPushes,
		"GET /devices":          c.showDevices,
		"POST /devices/remove":  c.removeDevice,
		"POST /devices/ring":    c.testDevice,
		"GET /shop":             c.showShop,
		"POST /shop/check":      c.checkShop,
		"GET /statement":        c.showStatement,
		"GET /statement.csv":    operators(c.downloadStatement),
		"GET " + web.LivePath:   func(v *visit) error { return c.Follow(v.w, v.Request, v.who) },
	} {
		mux.HandleFunc(pattern, c.signed(c.aboutShop(handle)))
	}
	for pattern, handle := range map[string]func(*visit) error{
		"GET /access":           c.showAccess,
		"GET /people":           c.showPeople,
		"POST /people/invite":   c.invite,
		"POST /people/withdraw": c.withdraw,
		"POST /people/role":     c.setRole,
		"POST /people/remove":   c.removePerson,
		"POST /people/shop":     c.setShop,
	} {
		mux.HandleFunc(pattern, c.signed(c.aboutShop(owners(handle))))
	}
	for pattern, handle := range map[string]func(*visit) error{
		"GET /privacy":                  c.showRequests,
		"GET /privacy/{id}":             c.showRequest,
		"GET /privacy/{id}/export":      c.showExport,
		"GET /privacy/{id}/export.json": c.downloadExport,
	} {
		mux.HandleFunc(pattern, c.signed(c.overseen(handle)))
	}
	for pattern, handle := range map[string]func(*visit) error{
		"POST /shop/secret":        c.rotateSecret,
		"POST /shop/secret/finish": c.finishRotation,
		"POST /shop/secret/own":    c.setOwnSecretOnly,
		"POST /shop/connect":       c.connectShop,
		"POST /shop/backfill":      c.askBackfill,
		"POST /shop/disable":       c.disableShop,
		"POST /shop/enable":        c.enableShop,
		"POST /shop/erase":         c.eraseShop,
	} {
		mux.HandleFunc(pattern, c.signed(c.managed(handle)))
	}
	mux.HandleFunc("GET "+web.InvitePath, c.showInvitation)
	mux.HandleFunc("POST "+web.InvitePath, c.accept)
	mux.HandleFunc("GET /settings", c.signed(c.showSettings))
	mux.HandleFunc("POST /settings", c.signed(c.saveSettings))
	mux.HandleFunc("POST /settings/password", c.signed(c.setPassword))
	mux.HandleFunc("GET /settings/data", c.signed(c.ownData))
	mux.HandleFunc("POST /settings/remove", c.signed(c.removeAccount))
	for pattern, handle := range map[string]func(*visit) error{
		"GET /shops":            c.showShops,
		"GET /shops/add":        c.askShop,
		"POST /shops/add":       c.addShop,
		"GET /ledger":           c.showLedger,
		"GET /overview":         c.showOverview,
		"GET /resend":           c.showResend,
		"POST /resend":          c.resend,
		"GET /overview/{chart}": c.showChart,
	} {
		mux.HandleFunc(pattern, c.signed(operators(handle)))
	}
	if c.Queue != nil {
		mux.HandleFunc("GET /dead", c.signed(operators(c.showDead)))
		mux.HandleFunc("GET /dead/{id}", c.signed(operators(c.showDeadEvent)))
		mux.HandleFunc("POST /dead/{id}", c.signed(operators(c.showBody)))
		mux.HandleFunc("POST /dead", c.signed(operators(c.settleDead)))
	}
}

// signed admits people with a session. It sends others to the sign-in page and back.
func (c *Console) signed(handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(w, r)
		var err error
		if v.who, err = c.Auth.Authenticate(r); err == nil && !v.who.Credential.Session {
			err = web.ErrSignIn
		}
		switch {
		case bellhop.KindOf(err) == bellhop.Unauthenticated && r.URL.Path == web.LivePath:
			web.WriteProblem(w, web.ProblemOf(web.ErrSignIn)) // the page reloads and asks to sign in
			return
		case bellhop.KindOf(err) == bellhop.Unauthenticated:
			http.Redirect(w, r, withQuery("/signin", "next", v.comingBack()), http.StatusSeeOther)
			return
		case err == nil:
			v.frame = c.frame(r, v.who.Person)
			if err = r.ParseForm(); err != nil {
				err = bellhop.Invalidf("form", "this is not a form of these pages")
			} else if err = handle(v); err == nil {
				c.logChange(v)
			}
		}
		if err != nil {
			c.trouble(v, err)
		}
	}
}

// aboutShop settles which shop a page is about. An operator who names none chooses; somebody with several goes to
// the first.
func (c *Console) aboutShop(handle func(*visit) error) func(*visit) error {
	return func(v *visit) (err error) {
		v.who, err = v.who.About(v.URL.Query().Get("shop"))
		switch {
		case err == web.ErrShopRequired && v.who.Operator():
			http.Redirect(v.w, v.Request, "/overview", http.StatusSeeOther)
			return nil
		case err == web.ErrShopRequired && v.Method == http.MethodGet:
			q := v.URL.Query()
			q.Set("shop", v.Person.Shop)
			http.Redirect(v.w, v.Request, v.URL.Path+"?"+q.Encode(), http.StatusSeeOther)
			return nil
		case err != nil:
			return err
		}
		v.Shop = v.who.Shop
		if err := cmp.Or(c.noteLost(v), c.nameShops(v)); err != nil {
			return err
		}
		return handle(v)
	}
}

// owners admits the shop's owners, and operators.
func owners(handle func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if !v.who.Manages() {
			return web.ErrOwnersOnly
		}
		return handle(v)
	}
}

// operators admits only operators: for others the page doesn't exist.
func operators(handle func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if v.Person.Role != bellhop.RoleOperator {
			return bellhop.Errorf(bellhop.NotFound, "not_found", "there is nothing at this address")
		}
		return handle(v)
	}
}

// show renders a page, with the notice that waits for one.
func (c *Console) show(v *visit, name string, view any) error {
	c.takeNotice(v)
	return c.render(v.w, http.StatusOK, name, view)
}

// render writes a page whole or not at all.
func (c *Console) render(w http.ResponseWriter, status int, name string, view any) error {
	var page strings.Builder
	if err := templates().ExecuteTemplate(&page, name, view); err != nil {
		return err
	}
	writePage(w, status, page.String())
	return nil
}

// messageView is a page that only says something.
type messageView struct {
	*frame
	Title, Words, Link, Button string
}

// message draws a page that only says something.
func (f *frame) message(p web.Page) *messageView {
	view := &messageView{frame: f, Title: f.T(p.Title), Words: f.T(p.Words, p.Values...), Link: p.Link}
	if p.Link != "" {
		view.Button = f.T(p.Button)
	}
	return view
}

// wrong is the page for something that went wrong.
func wrong(status int, words string) web.Page {
	return web.Page{Status: status, Title: "trouble.title", Words: words, Link: "/", Button: "trouble.home"}
}

func (c *Console) trouble(v *visit, err error) {
	problem := c.Problems.Of(v.Context(), "page "+v.Pattern, err)
	words := "trouble.internal"
	switch bellhop.KindOf(err) {
	case bellhop.NotFound:
		words = "trouble.notFound"
	case bellhop.Forbidden:
		words = "trouble.ownersOnly"
	case bellhop.Invalid:
		words = "trouble.invalid"
	case bellhop.Unavailable:
		words = "trouble.unavailable"
	case bellhop.RateLimited:
		words = "trouble.tooOften"
	}
	for k, values := range web.ProblemHeader(err) {
		v.w.Header()[k] = values
	}
	v.Shop = "" // it may be the fault
	if err := c.render(v.w, problem.Status, "message", v.message(wrong(problem.Status, words))); err != nil {
		web.WriteProblem(v.w, problem)
	}
}

// Unmatched is the page for an address that doesn't exist.
func (c *Console) Unmatched(w http.ResponseWriter, r *http.Request, p *web.Problem) {
	c.Page(w, r, wrong(p.Status, "trouble.notFound"))
}

// Page draws a page that only says something, in the language of whoever is signed in, or else of
// the browser.
func (c *Console) Page(w http.ResponseWriter, r *http.Request, p web.Page) {
	who, err := c.Auth.Authenticate(r)
	if err != nil {
		who.Person = bellhop.Person{} // the browser says which language
	}
	f := c.frame(r, who.Person)
	if err := c.render(w, p.Status, "message", f.message(p)); err != nil {
		web.WriteProblem(w, c.Problems.Of(r.Context(), "page "+p.Words, err))
	}
}

func writePage(w http.ResponseWriter, status int, page string) {
	h := w.Header()
	h.Set("Content-Security-Policy", web.PagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page)) // the client is gone if this fails
}
