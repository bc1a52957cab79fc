package console

import (
	"encoding/json"
	"errors"
	"net/http"

	"bellhop"
	"bellhop/web"
)

// ownData answers with all that bellhop has of the reader, as a file.
func (c *Console) ownData(v *visit) error {
	data, err := c.Store.PersonData(v.Context(), v.Person.ID)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(web.AccountOf(&data), "", "  ")
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="bellhop-account.json"`)
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(append(body, '\n')) // the client is gone if this fails
	return nil
}

// removeAccount removes the reader's account, and signs them out.
func (c *Console) removeAccount(v *visit) error {
	err := c.Auth.RemoveAccount(v.Context(), v.who, v.PostForm.Get("email"), v.PostForm.Get("current"),
		c.Proxies.Client(v.Request))
	if err == nil {
		http.SetCookie(v.w, web.NoCookie(c.Proxies.HTTPS(v.Request)))
		return c.render(v.w, http.StatusOK, "message", (&frame{Reader: v.Reader, Self: "/"}).message(web.Page{
			Title: "account.gone", Words: "account.goneWords"}))
	}
	e, _ := errors.AsType[*bellhop.Error](err)
	view := settingsOf(v)
	switch {
	case e == nil:
		return err
	case e.Code == web.ErrCredentials.Code:
		view.Wrong = map[string]string{"remove_current": v.T("settings.wrong.current")}
	case e.Code == web.ErrConfirm.Code:
		view.Wrong = map[string]string{"remove_email": v.T("account.wrongEmail")}
	case e.Code == "last_owner":
		view.Wrong = map[string]string{"remove_email": v.T("account.lastOwner")}
	default:
		return err
	}
	return c.settings(v, c.Problems.Of(v.Context(), "remove an account", err).Status, view)
}
