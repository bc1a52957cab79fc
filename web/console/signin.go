package console

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"

	"bellhop"
	"bellhop/shopify"
	"bellhop/web"
)

// signInView is the sign-in page.
type signInView struct {
	*frame
	Email   string
	Next    string // where to go on
	Once    string // the secret of a link that works once, "" without one
	Trouble string // "" the first time
	Mail    bool   // they can have a link mailed
	Mailed  string // to whom one was, perhaps; "" on the first page
	Shops   bool   // some are connected to Shopify, perhaps
	Shop    string // whose people may sign in with Shopify; "" where nobody knows
	Shopify string // the address where they do
}

// askIn shows the form, or a button for a link that works once. Only the button uses the link
// up: programs that open links before people do look like browsers.
func (c *Console) askIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c.showSignIn(w, r, http.StatusOK, signInView{Next: LocalPath(q.Get("next")), Once: q.Get("once")})
}

func (c *Console) followLink(w http.ResponseWriter, r *http.Request, once, next string) {
	s, err := c.Auth.UseLink(r.Context(), once, c.Proxies.ClientOf(r))
	if err != nil {
		if _, already := c.Auth.Authenticate(r); already == nil {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
	}
	c.welcome(w, r, s, err, signInView{Next: next})
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	if v := c.visit(w, r); r.ParseForm() != nil {
		c.trouble(v, bellhop.Invalidf("form", "this is not the sign-in form"))
		return
	}
	next := LocalPath(r.PostForm.Get("next"))
	if once := r.PostForm.Get("once"); once != "" {
		c.followLink(w, r, once, next)
		return
	}
	view := signInView{Email: r.PostForm.Get("email"), Next: next}
	if r.PostForm.Has("code") {
		view.Mailed = view.Email
		code := strings.Join(strings.Fields(r.PostForm.Get("code")), "")
		s, err := c.Auth.SignInWithCode(r.Context(), view.Email, code, false, c.Proxies.ClientOf(r))
		c.welcome(w, r, s, err, view)
		return
	}
	s, err := c.Auth.SignIn(r.Context(), view.Email, r.PostForm.Get("password"), c.Proxies.ClientOf(r))
	c.welcome(w, r, s, err, view)
}

// mailLink has a link mailed, and asks for the code beside it.
func (c *Console) mailLink(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	switch {
	case c.Mails == nil:
		c.trouble(v, bellhop.Errorf(bellhop.NotFound, "not_found", "there is nothing at this address"))
		return
	case r.ParseForm() != nil:
		c.trouble(v, bellhop.Invalidf("form", "this is not the sign-in form"))
		return
	}
	view := signInView{Email: strings.TrimSpace(r.PostForm.Get("email")), Next: LocalPath(r.PostForm.Get("next"))}
	err := c.Mails.Ask(view.Email, c.Proxies.ClientOf(r), r.Header.Get("Accept-Language"))
	if err != nil {
		c.welcome(w, r, web.SignedIn{}, err, view)
		return
	}
	view.Mailed = view.Email
	c.showSignIn(w, r, http.StatusOK, view)
}

// welcome starts the session, or shows the form again.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request, s web.SignedIn, err error, view signInView) {
	if err != nil {
		problem := c.Problems.Of(r.Context(), "sign in", err)
		if retry := web.ProblemHeader(err).Get("Retry-After"); retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		f := c.frame(r, bellhop.Person{})
		view.Trouble = f.signInTrouble(err)
		c.showSignIn(w, r, problem.Status, view)
		return
	}
	http.SetCookie(w, web.SessionCookie(s.Secret, s.Session.ExpiresAt, c.Proxies.HTTPS(r)))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, view.Next, http.StatusSeeOther)
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, view signInView) {
	f := c.frame(r, bellhop.Person{})
	view.frame, view.Shops, view.Mail = &f, c.Care.Connector != nil, c.Mails != nil
	if view.Shop = c.shopOf(r, view.Next); view.Shop != "" && view.Once == "" {
		view.Shopify = shopify.SignInPath + "?" + url.Values{"shop": {view.Shop}}.Encode()
	}
	page := "signin"
	if view.Mailed != "" {
		page = "signinmailed"
	}
	if err := c.render(w, status, page, &view); err != nil {
		web.WriteProblem(w, c.Problems.Of(r.Context(), "page signin", err))
	}
}

// shopOf is the shop that somebody wants to sign in to: of the page they came for, or the one that this browser came
// from Shopify for; "" where nobody knows, or nobody can sign in with Shopify.
func (c *Console) shopOf(r *http.Request, next string) string {
	if c.Care.Connector == nil {
		return ""
	}
	if u, err := url.Parse(next); err == nil {
		if shop, err := bellhop.ParseShopDomain(u.Query().Get("shop")); err == nil {
			return shop
		}
	}
	cookie, err := r.Cookie(web.ShopCookieName)
	if err != nil {
		return ""
	}
	shop, err := bellhop.ParseShopDomain(cookie.Value)
	if err != nil {
		return ""
	}
	return shop
}

func (f *frame) signInTrouble(err error) string {
	e, _ := errors.AsType[*bellhop.Error](err)
	if e == nil {
		return f.T("trouble.internal")
	}
	retry, limited := errors.AsType[*web.RetryError](err)
	switch {
	case e.Code == web.ErrCredentials.Code:
		return f.T("signin.wrong")
	case e.Code == web.ErrCode.Code:
		return f.T("signin.wrongCode")
	case e.Code == "email":
		return f.T("signin.noEmail")
	case e.Code == web.ErrLinkUsed.Code:
		return f.T("signin.linkUsed")
	case e.Code == web.ErrBusy.Err.Code:
		return f.T("signin.busy")
	case limited:
		return f.N("signin.limited", int(math.Ceil(retry.After.Seconds())))
	case e.Kind == bellhop.Unavailable:
		return f.T("trouble.unavailable")
	}
	return f.T("trouble.internal")
}

// signOutView asks whether the browser keeps its notifications.
type signOutView struct{ *frame }

// Whether the browser still gets notifications after signing out.
const (
	browserStops  = "stop"
	browserRings  = "ring"
	browserCookie = "bellhop_installation" // browser.js keeps the browser's installation in it
)

// signOut first asks whether the browser keeps the person's notifications: somebody else may use
// it next.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	asked, err := c.leave(v)
	if err != nil {
		c.trouble(v, err)
	}
	if err != nil || asked {
		return
	}
	http.SetCookie(w, web.NoCookie(c.Proxies.HTTPS(r)))
	if r.PostForm.Get("browser") != browserRings {
		w.Header().Set("Clear-Site-Data", `"storage"`) // with the worker that shows notifications
		http.SetCookie(w, &http.Cookie{Name: browserCookie, Path: "/", MaxAge: -1})
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// leave ends the session, and removes the browser's device unless the person keeps it. If the
// person hasn't chosen, it asks.
func (c *Console) leave(v *visit) (asked bool, err error) {
	if v.ParseForm() != nil {
		return false, bellhop.Invalidf("form", "this is not a form of these pages")
	}
	if v.who, err = c.Auth.Authenticate(v.Request); bellhop.KindOf(err) == bellhop.Unauthenticated {
		return false, nil // is out already
	} else if err != nil {
		return false, err
	}
	v.frame = c.frame(v.Request, v.who.Person)
	device, err := c.ownDevice(v)
	if err != nil {
		return false, err
	}
	switch wish := v.PostForm.Get("browser"); {
	case device == "", wish == browserRings:
	case wish == browserStops:
		err := c.Store.RemovePhone(v.Context(), v.who.Person.ID, device)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			return false, err
		}
	default:
		return true, c.render(v.w, http.StatusOK, "signout", &signOutView{&v.frame})
	}
	return false, c.Auth.SignOut(v.Context(), v.who)
}

// ownDevice is the browser's installation if it gets this person's notifications, or "".
func (c *Console) ownDevice(v *visit) (string, error) {
	cookie, err := v.Cookie(browserCookie)
	if err != nil || v.who.Person.Role == bellhop.RoleOperator {
		return "", nil
	}
	devices, err := c.Store.Devices(v.Context(), v.who.Person.Shop)
	for _, d := range devices {
		if d.Installation == cookie.Value && d.PersonID == v.who.Person.ID && d.RetiredAt.IsZero() {
			return d.Installation, err
		}
	}
	return "", err
}
