package console

import (
	"errors"
	"net/http"

	"bellhop"
	"bellhop/web"
)

// setPassword changes the reader's password. Their other sessions end; this one goes on as a new one.
func (c *Console) setPassword(v *visit) error {
	s, err := c.Auth.SetPassword(v.Context(), v.who, v.PostForm.Get("current"), v.PostForm.Get("password"),
		c.Proxies.ClientOf(v.Request))
	e, _ := errors.AsType[*bellhop.Error](err)
	wrong := ""
	switch {
	case err == nil:
		http.SetCookie(v.w, web.SessionCookie(s.Secret, s.Session.ExpiresAt, c.Proxies.HTTPS(v.Request)))
		return v.back(c, &notice{Say: "settings.passwordSet"})
	case e == nil:
		return err
	case e.Code == web.ErrCredentials.Code:
		wrong = "current"
	case e.Code == "password":
		wrong = "password"
	default:
		return err
	}
	view := settingsOf(v)
	view.Wrong = map[string]string{wrong: v.T("settings.wrong." + wrong)}
	return c.settings(v, http.StatusBadRequest, view)
}
