package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"bellhop"
)

// notice is what a page says once about what was just done. It waits in a cookie
// until the next page that the browser goes to.
type notice struct {
	Say    string           `json:"say"` // an id of the catalogue
	N      int              `json:"n,omitempty"`
	Device string           `json:"device,omitempty"`
	Order  string           `json:"order,omitempty"`
	Now    bellhop.Handling `json:"now,omitempty"` // what that order is
	Reason string           `json:"reason,omitempty"`
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

// takeNotice returns what is to be said and forgets it. The script's look at what
// changed is no page that somebody went to.
func (c *Console) takeNotice(v *visit) {
	cookie, err := v.Cookie(noticeCookie)
	if err != nil || v.Header.Get("X-Bellhop-Look") != "" {
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
		n.Words = v.T(n.Say, "Device", n.Device, "Reason", v.reason(n.Reason),
			"Order", n.Order, "Now", v.label("handling.", string(n.Now)))
	}
	v.Notice = &n
}
