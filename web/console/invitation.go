package console

import (
	"errors"
	"net/http"

	"bellhop"
	"bellhop/web"
)

// invitationView is the page on which somebody accepts an invitation. It shows the same to a stranger whether or not
// the address has an account.
type invitationView struct {
	*frame
	Once    string // the link's secret
	For     bellhop.Invitation
	Label   string // of its role
	Gone    bool   // it doesn't hold, or not for a new account
	Signed  bool
	Mine    bool // it is for the one who is signed in
	SignIn  string
	Trouble string
}

// showInvitation uses nothing up: programs that open links before people do look like browsers.
func (c *Console) showInvitation(w http.ResponseWriter, r *http.Request) {
	c.invitation(w, r, http.StatusOK, &invitationView{Once: r.URL.Query().Get("once")})
}

func (c *Console) invitation(w http.ResponseWriter, r *http.Request, status int, view *invitationView) {
	v := c.visit(w, r)
	who, err := c.Auth.Authenticate(r)
	view.Signed = err == nil && who.Credential.Session
	if view.Signed {
		v.frame = c.frame(r, who.Person)
	}
	view.frame = &v.frame
	if !view.Gone {
		view.For, err = c.Auth.Invitation(r.Context(), view.Once, c.Proxies.Client(r))
		view.Gone = err == web.ErrInvitation
		if err != nil && !view.Gone {
			c.trouble(v, err)
			return
		}
	}
	if view.Gone {
		status = http.StatusNotFound
	} else {
		view.Label = v.T("people.role." + string(view.For.Role))
	}
	view.Mine = view.Signed && who.Person.Email == view.For.Email
	view.SignIn = withQuery("/signin", "next", web.InvitationPath(view.Once))
	if err := c.render(w, status, "invitation", view); err != nil {
		c.trouble(v, err)
	}
}

// accept joins as the one who is signed in, or else as somebody new.
func (c *Console) accept(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if r.ParseForm() != nil {
		c.trouble(v, bellhop.Invalidf("form", "this is not a form of these pages"))
		return
	}
	once := r.PostForm.Get("once")
	shop, err := c.join(v, once)
	if err == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, withQuery("/", "shop", shop), http.StatusSeeOther)
		return
	}
	view := &invitationView{Once: once, Gone: err == web.ErrInvitation}
	e, _ := errors.AsType[*bellhop.Error](err)
	switch {
	case view.Gone:
	case e != nil && e.Code == "password":
		view.Trouble = v.T("invite.short")
	case e != nil && e.Kind == bellhop.Conflict:
		view.Trouble = v.T("people.tooMany")
	default:
		view.Trouble = v.signInTrouble(err)
	}
	c.invitation(w, r, c.Problems.Of(r.Context(), "accept an invitation", err).Status, view)
}

// join accepts an invitation, and returns its shop. It signs somebody new in.
func (c *Console) join(v *visit, once string) (shop string, err error) {
	from := c.Proxies.ClientOf(v.Request)
	i, err := c.Auth.Invitation(v.Context(), once, from.Address)
	if err != nil {
		return "", err
	}
	if who, err := c.Auth.Authenticate(v.Request); err == nil && who.Credential.Session {
		_, err := c.Auth.Accept(v.Context(), who, once, from.Address)
		return i.Shop, err
	}
	s, err := c.Auth.SignUp(v.Context(), once, v.PostForm.Get("password"), v.Language, from)
	if err == nil {
		http.SetCookie(v.w, web.SessionCookie(s.Secret, s.Session.ExpiresAt, c.Proxies.HTTPS(v.Request)))
	}
	return i.Shop, err
}
