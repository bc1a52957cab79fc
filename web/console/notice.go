package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"bellhop"
)

// notice is a message about the last action, which one page shows. It waits in a cookie for the
// next page.
type notice struct {
	Say    string           `json:"say"` // an id of the catalogue
	N      int              `json:"n,omitempty"`
	Device string           `json:"device,omitempty"`
	Person string           `json:"person,omitempty"` // an e-mail address
	Order  string           `json:"order,omitempty"`
	Now    bellhop.Handling `json:"now,omitempty"` // what that order is
	Reason string           `json:"reason,omitempty"`
	Shop   string           `json:"shop,omitempty"`
	In     string           `json:"in,omitempty"`   // the form that shows it, in place of the page's end
	Undo   []setting        `json:"undo,omitempty"` // orders as they were
	Bad    bool             `json:"bad,omitempty"`

	Words string `json:"-"`
}

const (
	noticeCookie = "bellhop_notice"
	noticeLife   = time.Minute
)

func (n *notice) cookie(secure bool) *http.Cookie {
	body, _ := json.Marshal(n) // plain fields
	return &http.Cookie{Name: noticeCookie, Value: base64.RawURLEncoding.EncodeToString(body), Path: "/",
		MaxAge: int(noticeLife.Seconds()), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
}

// WrongIn says what is wrong in a form of the page; "" for nothing.
func (f *frame) WrongIn(form string) string {
	if f.Notice == nil || f.Notice.In != form {
		return ""
	}
	return f.Notice.Words
}

// takeNotice shows the notice on this page and forgets it. It leaves it alone when the script
// looks for changes: nobody went to that page.
func (c *Console) takeNotice(v *visit) {
	cookie, err := v.Cookie(noticeCookie)
	if err != nil || v.looks() {
		return
	}
	gone := (&notice{}).cookie(c.Proxies.HTTPS(v.Request))
	gone.Value, gone.MaxAge = "", -1
	http.SetCookie(v.w, gone)
	var n notice
	body, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(body, &n) != nil || !v.Has(n.Say) {
		return
	}
	if n.N > 0 {
		n.Words = v.N(n.Say, n.N)
	} else {
		n.Words = v.T(n.Say, "Device", n.Device, "Person", n.Person, "Reason", v.reason(n.Reason),
			"Order", n.Order, "Shop", n.Shop, "Now", v.label("handling.", string(n.Now)))
	}
	v.Notice = &n
}
