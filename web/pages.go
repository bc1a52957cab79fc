package web

import (
	"context"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

//go:embed live.html docs.html
var templateFiles embed.FS

//go:embed live.css live.js icon.svg
var assetFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": clock, "rfc3339": func(t time.Time) string { return t.Format(time.RFC3339) },
}).ParseFS(templateFiles, "*.html"))

const (
	maxForm    = 8 << 10
	liveOrders = 50
)

// pages are the sign-in and the live page.
type pages struct {
	api    *api
	drawer http.Handler // nil outside the demo
}

func (p *pages) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.live)
	mux.HandleFunc("GET /signin", p.signInByLink)
	mux.HandleFunc("POST /signin", p.signIn)
	mux.HandleFunc("POST /signout", p.signOut)
	mux.HandleFunc("GET /assets/live.css", asset("live.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /assets/live.js", asset("live.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /assets/icon.svg", asset("icon.svg", "image/svg+xml"))
	if p.drawer != nil {
		mux.HandleFunc("GET /demo/drawer", p.showDrawer)
	}
}

// signInView is what the sign-in page shows.
type signInView struct {
	Email   string
	Trouble string // "" the first time
}

// liveView is what the live page shows.
type liveView struct {
	Person string
	Shop   string
	Shops  []string // for an operator to choose from; Shop is "" then
	Orders []liveOrder
	Seq    int64 // the stream goes on from here
	Stream string
	Drawer bool
}

type liveOrder struct {
	Order    Order
	PlacedAt time.Time
	Pushes   []OrdersPush
}

func (p *pages) live(w http.ResponseWriter, r *http.Request) {
	who, err := p.api.authenticate(r)
	if bellhop.KindOf(err) == bellhop.Unauthenticated {
		p.render(w, r, http.StatusOK, "signin", signInView{})
		return
	}
	var view *liveView
	if err == nil {
		view, err = p.view(r.Context(), who, r.URL.Query().Get("shop"))
	}
	if err != nil {
		writeProblem(w, p.api.problem(r.Context(), "live page", err))
		return
	}
	p.render(w, r, http.StatusOK, "live", view)
}

// view gathers the page. The stream's place is read before the orders, so that
// what changes in between comes twice rather than not at all.
func (p *pages) view(ctx context.Context, who principal, named string) (*liveView, error) {
	v := &liveView{Person: who.person.Email, Drawer: p.drawer != nil}
	who, err := who.about(named)
	if err == errShopRequired {
		shops, err := p.api.store.Shops(ctx)
		for _, s := range shops {
			v.Shops = append(v.Shops, s.Domain)
		}
		return v, err
	}
	if err != nil {
		return nil, err
	}
	v.Shop, v.Stream = who.shop, StreamPath+"?shop="+url.QueryEscape(who.shop)
	if v.Seq, err = p.api.store.LastChange(ctx); err != nil {
		return nil, err
	}
	orders, err := p.api.store.Orders(ctx, who.shop, store.OrderQuery{Limit: liveOrders})
	if err != nil {
		return nil, err
	}
	pushes, err := p.api.store.Pushes(ctx, who.shop, store.PushQuery{Limit: 4 * liveOrders})
	if err != nil {
		return nil, err
	}
	byOrder := map[int64][]OrdersPush{}
	for i := range pushes.Pushes {
		push := &pushes.Pushes[i]
		byOrder[push.OrderID] = append(byOrder[push.OrderID], ordersPushShape(push))
	}
	for i := range orders.Orders {
		o := &orders.Orders[i]
		v.Orders = append(v.Orders, liveOrder{Order: orderShape(o), PlacedAt: o.PlacedAt, Pushes: byOrder[o.ID]})
	}
	return v, nil
}

func (p *pages) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		writeProblem(w, newProblem(http.StatusBadRequest, "", "this is not the sign-in form"))
		return
	}
	email := r.PostForm.Get("email")
	s, err := p.api.door.signIn(r.Context(), email, r.PostForm.Get("password"), p.api.proxies.client(r))
	p.welcome(w, r, s, err, email)
}

// signInByLink lets the first in who follows the one-time link. A browser that
// only looks ahead does not count.
func (p *pages) signInByLink(w http.ResponseWriter, r *http.Request) {
	once := r.URL.Query().Get("once")
	if once == "" || r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s, err := p.api.door.useLink(r.Context(), once)
	if err != nil {
		if _, already := p.api.authenticate(r); already == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
	}
	p.welcome(w, r, s, err, "")
}

func (p *pages) welcome(w http.ResponseWriter, r *http.Request, s signedIn, err error, email string) {
	if err != nil {
		problem := p.api.problem(r.Context(), "sign in", err)
		if retry := problemHeader(err).Get("Retry-After"); retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		p.render(w, r, problem.Status, "signin", signInView{Email: email, Trouble: problem.Detail})
		return
	}
	http.SetCookie(w, sessionCookie(s.secret, s.session.ExpiresAt, p.api.proxies.https(r)))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *pages) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := credentialOf(r); err == nil && c.session {
		if err := p.api.store.RemoveSession(r.Context(), c.hash); err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			writeProblem(w, p.api.problem(r.Context(), "sign out", err))
			return
		}
	}
	http.SetCookie(w, noCookie(p.api.proxies.https(r)))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// showDrawer is for whoever is signed in: notifications tell of orders.
func (p *pages) showDrawer(w http.ResponseWriter, r *http.Request) {
	if _, err := p.api.authenticate(r); err != nil {
		writeProblem(w, p.api.problem(r.Context(), "drawer", err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	p.drawer.ServeHTTP(w, r)
}

// render writes a page whole or not at all.
func (p *pages) render(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	var page strings.Builder
	if err := templates.ExecuteTemplate(&page, name, view); err != nil {
		writeProblem(w, p.api.problem(r.Context(), "page "+name, err))
		return
	}
	writePage(w, status, page.String())
}

func writePage(w http.ResponseWriter, status int, page string) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page)) // whoever asked is gone if this fails
}

func asset(name, contentType string) http.HandlerFunc {
	body, err := assetFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(body) // whoever asked is gone if this fails
	}
}

// clock is a time as the shop's own clock shows it.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04") }
