// Package install connects the shop of an owner who installs the app. Shopify opens [Path]; bellhop
// asks for access by OAuth's authorization code grant; Shopify comes back to [CallbackPath] with
// the code. Nobody ever types a domain.
//
// Where the shop is connected, opening the app signs people in: the same grant for a visit tells who they are. That
// Shopify signed an address says where it comes from, not who follows it: such addresses leak.
package install

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/web"
)

// Where Shopify opens the app, where people sign in with Shopify, and where it comes back to.
const (
	Path         = shopify.InstallPath
	SignInPath   = shopify.SignInPath
	CallbackPath = shopify.CallbackPath
)

// Anybody may call these addresses. Before a signature is known to be right, a call costs a hash, and each
// network has so many; then [web.Care] bounds what is asked of Shopify.
const (
	addressBurst = 30
	addressEvery = 2 * time.Second
	maxQuery     = 4 << 10
	maxCode      = 1 << 10
)

// Store is what installing needs of the store.
type Store interface {
	AddLink(ctx context.Context, l bellhop.SignInLink) error
	Invite(ctx context.Context, i bellhop.Invitation) error
}

// Options are what installing works with.
type Options struct {
	Care     *web.Care
	Store    Store
	Auth     *web.Auth
	Problems *web.Problems
	Proxies  web.Proxies
	Page     func(w http.ResponseWriter, r *http.Request, p web.Page) // draws a page
	Now      func() time.Time
	Log      *slog.Logger
}

type handler struct {
	Options
	connector *connect.Connector
	states    *states
	byAddress *web.Limits
}

// New registers both addresses on mux.
func New(mux *http.ServeMux, o Options) error {
	h := &handler{Options: o, connector: o.Care.Connector,
		byAddress: web.NewLimits(addressEvery, addressBurst, web.LimitedKeys)}
	install, signIn, callback := h.unset, h.unset, h.unset
	if c := h.connector; c != nil {
		var err error
		h.states, err = newStates(strings.HasPrefix(c.URL, "https:"), c.App.Secret, c.App.PreviousSecret)
		if err != nil {
			return err
		}
		install, signIn, callback = h.page(h.install), h.page(h.signIn), h.page(h.callback)
	}
	mux.HandleFunc("GET "+Path, install)
	mux.HandleFunc("GET "+SignInPath, signIn)
	mux.HandleFunc("GET "+CallbackPath, callback)
	return nil
}

func (h *handler) unset(w http.ResponseWriter, r *http.Request) {
	h.Page(w, r, web.Page{Status: http.StatusNotFound, Title: "trouble.title", Words: "install.unset"})
}

var (
	errTooMany = bellhop.Errorf(bellhop.RateLimited, "rate_limited", "too many installs; try again in a moment")
	errForged  = bellhop.Errorf(bellhop.Unauthenticated, "signature", "Shopify did not sign this address, or long ago")
	errOpen    = bellhop.Errorf(bellhop.Unauthenticated, "open_in_shopify", "open the app in Shopify's admin")
	errCode    = bellhop.Invalidf("code", "Shopify sent no code: the owner did not agree")
)

// install begins, unless the shop is connected already and its access works. It begins anew for a new owner who lost
// the link that signs them in.
func (h *handler) install(w http.ResponseWriter, r *http.Request) error {
	shop, err := h.wanted(r)
	if err != nil {
		return err
	}
	ctx, done, err := h.Care.Begin(r.Context(), shop)
	if err != nil {
		return err
	}
	defer done()
	works, err := h.connector.Works(ctx, shop)
	if admin.RefusalOf(err) != "" { // it passes by itself, and the shop's page says so
		return h.goTo(w, r, shopPage(shop))
	}
	signedIn := h.belongs(r, shop)
	if err == nil && works && !signedIn {
		var unclaimed bool
		unclaimed, err = h.connector.Unclaimed(ctx, shop)
		works = !unclaimed
	}
	switch {
	case err != nil:
		return err
	case !works:
		return h.goTo(w, r, h.begin(w, shop))
	case signedIn:
		return h.goTo(w, r, shopPage(shop))
	}
	return h.visit(ctx, w, r, shop)
}

// wanted returns the shop that Shopify names, or the one that a signed-in person connects again.
func (h *handler) wanted(r *http.Request) (shop string, err error) {
	if r.URL.Query().Has("hmac") {
		return h.signed(r)
	}
	if shop = h.manages(r); shop == "" {
		return "", errOpen
	}
	return shop, nil
}

// visitor returns who is signed in, about a shop that they belong to; "" names their only one.
func (h *handler) visitor(r *http.Request, shop string) (who web.Principal, ok bool) {
	who, err := h.Auth.Authenticate(r)
	if err != nil || !who.Credential.Session {
		return who, false
	}
	who, err = who.About(shop)
	return who, err == nil
}

// manages returns the shop of a request if somebody is signed in who manages it, "" otherwise.
func (h *handler) manages(r *http.Request) (shop string) {
	who, ok := h.visitor(r, r.URL.Query().Get("shop"))
	if !ok || !who.Manages() {
		return ""
	}
	return who.Shop
}

// belongs reports whether somebody is signed in who sees the shop.
func (h *handler) belongs(r *http.Request, shop string) bool {
	_, ok := h.visitor(r, shop)
	return ok
}

// take takes one of the calls that a network has.
func (h *handler) take(r *http.Request) error {
	if wait := h.byAddress.Take(web.Neighbourhood(h.Proxies.Client(r)), h.Now()); wait > 0 {
		return &web.RetryError{Err: errTooMany, After: wait}
	}
	return nil
}

// signed returns the shop of a query that Shopify signed a moment ago. The host that it names is the
// admin's word for the shop, which need not be the shop's domain: it is only checked to be Shopify's.
func (h *handler) signed(r *http.Request) (shop string, err error) {
	if len(r.URL.RawQuery) > maxQuery {
		return "", errForged
	}
	if err := h.take(r); err != nil {
		return "", err
	}
	q := r.URL.Query()
	if shop, err = h.connector.App.VerifyQuery(q); err != nil {
		return "", err
	}
	if host := q.Get("host"); host != "" {
		if _, err := admin.ShopOfHost(host); err != nil {
			return "", errForged
		}
	}
	return shop, nil
}

// begin gives the browser a state, and returns where Shopify asks the owner.
func (h *handler) begin(w http.ResponseWriter, shop string) (address string) {
	return h.connector.App.AuthorizeURL(shop, h.connector.URL+CallbackPath, h.newState(w, shop, ""), admin.WantedScopes)
}

func (h *handler) newState(w http.ResponseWriter, shop, mark string) string {
	state, cookie := h.states.begin(mark, shop, h.Now())
	http.SetCookie(w, cookie)
	return state
}

// callback connects the shop or signs somebody in, and leads on to the console.
func (h *handler) callback(w http.ResponseWriter, r *http.Request) error {
	shop, err := h.signed(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	visit := strings.HasPrefix(q.Get("state"), visitMark)
	if err := h.states.use(r, shop, q.Get("state"), h.Now()); err != nil {
		return &startOver{err, shop, visit}
	}
	code := q.Get("code")
	if code == "" || len(code) > maxCode {
		return &startOver{errCode, shop, visit}
	}
	ctx, done, err := h.Care.Begin(r.Context(), shop)
	if err != nil {
		return &startOver{err, shop, visit}
	}
	defer done()
	connected, visitor, err := h.connector.Code(ctx, shop, code)
	if err != nil {
		return &startOver{err, shop, visit}
	}
	http.SetCookie(w, h.states.over())
	http.SetCookie(w, web.ShopCookie(shop, h.states.secure))
	if visitor != nil {
		return h.receive(ctx, w, r, shop, *visitor)
	}
	return h.welcome(ctx, w, r, connected)
}

func (h *handler) invite(ctx context.Context, w http.ResponseWriter, r *http.Request, shop, email string) error {
	secret, i := web.NewInvitation(shop, email, bellhop.RoleOwner, "", h.Now())
	if err := h.Store.Invite(ctx, i); err != nil {
		return err
	}
	return h.goTo(w, r, web.InvitationPath(secret))
}

// welcome signs a new owner in by a link that works once. Others sign in as they always do. Where the shop's
// address is somebody's already, an invitation waits for them: an address in a shop's settings proves nothing.
func (h *handler) welcome(ctx context.Context, w http.ResponseWriter, r *http.Request, c connect.Connected) error {
	page := shopPage(c.Shop.Domain)
	switch {
	case c.New:
		secret, link := web.NewSignInLink(c.Owner.ID, h.Now())
		if err := h.Store.AddLink(ctx, link); err != nil {
			return err
		}
		return h.goTo(w, r, "/signin?"+url.Values{"once": {secret}, "next": {page}}.Encode())
	case c.Owner.ID == 0 && c.Shop.Email != "":
		return h.invite(ctx, w, r, c.Shop.Domain, c.Shop.Email)
	case c.Owner.ID == 0:
		h.Page(w, r, web.Page{Status: http.StatusOK, Title: "install.connected", Words: "install.noOwner",
			Link: page, Button: "install.console"})
		return nil
	}
	return h.goTo(w, r, page)
}

// shopPage is the console's page of a shop.
func shopPage(shop string) string { return "/shop?" + url.Values{"shop": {shop}}.Encode() }

// goTo redirects to an address of ours or to Shopify's question.
func (h *handler) goTo(w http.ResponseWriter, r *http.Request, address string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// startOver is an error after Shopify named the shop: the owner may begin again with one click.
type startOver struct {
	err   error
	shop  string
	visit bool // to sign in, not to install
}

func (e *startOver) Error() string { return e.err.Error() }
func (e *startOver) Unwrap() error { return e.err }

// page answers an error by a page that says what to do.
func (h *handler) page(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil {
			return
		}
		problem := h.Problems.Of(r.Context(), r.Pattern, err)
		if retry := web.ProblemHeader(err).Get("Retry-After"); retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		p := web.Page{Status: problem.Status, Title: "trouble.title", Words: words(err)}
		if again, ok := errors.AsType[*startOver](err); ok {
			h.again(w, r, again, &p, problem.Code)
		}
		h.Page(w, r, p)
	}
}

func (h *handler) again(w http.ResponseWriter, r *http.Request, o *startOver, p *web.Page, reason string) {
	p.Button = "install.again"
	if o.visit {
		h.Log.WarnContext(r.Context(), "nobody was signed in with Shopify", "shop", o.shop, "reason", reason)
		p.Link = SignInPath + "?" + url.Values{"shop": {o.shop}}.Encode()
		return
	}
	h.Log.WarnContext(r.Context(), "a shop was not connected", "shop", o.shop, "reason", reason)
	p.Link = h.begin(w, o.shop)
}

// words names the words for an error: Shopify's refusals have their own.
func words(err error) string {
	if refusal := admin.RefusalOf(err); refusal != "" {
		return "refusal." + string(refusal)
	}
	e, _ := errors.AsType[*bellhop.Error](err)
	switch {
	case e == nil:
		return "trouble.internal"
	case e == errForged, e.Code == "query_signature":
		return "install.signature"
	case e == errOpen:
		return "install.open"
	case e == errState:
		return "install.state"
	case e == errCode:
		return "install.code"
	case e == connect.ErrStranger:
		return "install.stranger"
	case e == connect.ErrUnverified:
		return "install.unverified"
	case e.Code == "query_expired":
		return "install.expired"
	case e.Code == "shop_busy":
		return "install.busy"
	case e.Kind == bellhop.RateLimited:
		return "trouble.tooOften"
	case e.Kind == bellhop.Unavailable:
		return "trouble.unavailable"
	}
	return "trouble.internal"
}
