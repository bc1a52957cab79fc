package web

import (
	"errors"
	"math"
	"net/http"
	"regexp"
	"strings"

	"bellhop"
)

// signInView is the page that asks who somebody is.
type signInView struct {
	frame
	Email   string
	Next    string // where to go on
	Once    string // the secret of a link that works once, "" without one
	Trouble string // "" the first time
}

// askIn shows the form, or lets in whoever follows a link that works once. What only
// looks ahead is shown a button instead, which nothing presses by itself.
func (c *console) askIn(w http.ResponseWriter, r *http.Request) {
	once := r.URL.Query().Get("once")
	if once == "" || looksAhead(r) {
		c.showSignIn(w, r, http.StatusOK, signInView{Next: localPath(r.URL.Query().Get("next")), Once: once})
		return
	}
	c.followLink(w, r, once)
}

func (c *console) followLink(w http.ResponseWriter, r *http.Request, once string) {
	s, err := c.api.door.useLink(r.Context(), once, c.api.proxies.client(r))
	if err != nil {
		if _, already := c.api.authenticate(r); already == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
	}
	c.welcome(w, r, s, err, signInView{Next: "/"})
}

// previewer is what those call themselves that fetch a link which somebody wrote in
// a chat or a mail, to draw it before anybody follows it.
var previewer = regexp.MustCompile(`(?i)bot|preview|scrap|crawl|spider|facebookexternalhit|whatsapp|skype|embed|iframely`)

// looksAhead reports whether a link is looked at before, or without, anybody's
// following it, or from a page of another site: that could sign its visitors in as
// somebody else.
func looksAhead(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") ||
		from == "cross-site" || from == "same-site" || previewer.MatchString(r.UserAgent())
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		c.trouble(&visit{Request: r, w: w, frame: c.frame(r, bellhop.Person{})}, bellhop.Invalidf("form", "this is not the sign-in form"))
		return
	}
	if once := r.PostForm.Get("once"); once != "" {
		c.followLink(w, r, once)
		return
	}
	view := signInView{Email: r.PostForm.Get("email"), Next: localPath(r.PostForm.Get("next"))}
	s, err := c.api.door.signIn(r.Context(), view.Email, r.PostForm.Get("password"), c.api.proxies.client(r))
	c.welcome(w, r, s, err, view)
}

// welcome goes on as somebody, or shows the form again.
func (c *console) welcome(w http.ResponseWriter, r *http.Request, s signedIn, err error, view signInView) {
	if err != nil {
		problem := c.api.problem(r.Context(), "sign in", err)
		if retry := problemHeader(err).Get("Retry-After"); retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		f := c.frame(r, bellhop.Person{})
		view.Trouble = f.signInTrouble(err)
		c.showSignIn(w, r, problem.Status, view)
		return
	}
	http.SetCookie(w, sessionCookie(s.secret, s.session.ExpiresAt, c.api.proxies.https(r)))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, view.Next, http.StatusSeeOther)
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request, status int, view signInView) {
	view.frame = c.frame(r, bellhop.Person{})
	if err := c.render(w, status, "signin", &view); err != nil {
		writeProblem(w, c.api.problem(r.Context(), "page signin", err))
	}
}

func (f *frame) signInTrouble(err error) string {
	e, _ := errors.AsType[*bellhop.Error](err)
	if e == nil {
		return f.T("trouble.internal")
	}
	retry, limited := errors.AsType[*retryError](err)
	switch {
	case e.Code == errCredentials.Code:
		return f.T("signin.wrong")
	case e.Code == errLinkUsed.Code:
		return f.T("signin.linkUsed")
	case e.Code == errBusy.err.Code:
		return f.T("signin.busy")
	case limited:
		return f.N("signin.limited", int(math.Ceil(retry.after.Seconds())))
	case e.Kind == bellhop.Unavailable:
		return f.T("trouble.unavailable")
	}
	return f.T("trouble.internal")
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	if cred, err := credentialOf(r); err == nil && cred.session {
		if err := c.api.store.RemoveSession(r.Context(), cred.hash); err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			c.trouble(&visit{Request: r, w: w, frame: c.frame(r, bellhop.Person{})}, err)
			return
		}
	}
	http.SetCookie(w, noCookie(c.api.proxies.https(r)))
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}
