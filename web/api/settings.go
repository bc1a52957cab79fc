package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

// Settings are what somebody chose, for all of their shops and phones.
type Settings struct {
	Language        string `json:"language" example:"ko" doc:"en, ko or ja; empty for the browser's or phone's."`
	Timezone        string `json:"timezone" example:"Asia/Seoul" doc:"An IANA name; empty for the browser's or phone's."`
	NotifyNew       bool   `json:"notify_new" doc:"A push for each new order."`
	NotifyPaid      bool   `json:"notify_paid" doc:"One when an order is paid that was not."`
	NotifyCancelled bool   `json:"notify_cancelled" doc:"One when an order is cancelled."`
	NotifyRefunded  bool   `json:"notify_refunded" doc:"One when money goes back."`
	AtLeast         string `json:"at_least" example:"49.90" doc:"No push for orders of less, in their own currency; empty for all."`
	QuietFrom       string `json:"quiet_from" example:"22:00" doc:"The beginning of quiet hours: pushes wait for their end, and come as one. Empty for none."`
	QuietTo         string `json:"quiet_to" example:"07:00" doc:"Their end; perhaps on the next day."`
	GatherAbove     int    `json:"gather_above" example:"20" doc:"How many pushes an hour come by themselves, before more are gathered into one: 0 to 1000. 0: as many as the push service takes."`
	LoudFrom        string `json:"loud_from" example:"500" doc:"From this amount on an order's pushes neither wait nor are gathered; empty for none."`
}

func settingsShape(s bellhop.Settings) Settings {
	return Settings{s.Language, s.Timezone, !s.NotNew, s.Paid, s.Cancelled, s.Refunded, s.AtLeast, s.QuietFrom,
		s.QuietTo, s.GatherAbove, s.LoudFrom}
}

type settingsBody struct{ Body Settings }

type patchSettings struct {
	Body struct {
		Language        *string `json:"language,omitempty" example:"ko" doc:"en, ko or ja."`
		Timezone        *string `json:"timezone,omitempty" example:"Asia/Seoul" doc:"An IANA name, or as a phone gives it."`
		NotifyNew       *bool   `json:"notify_new,omitempty"`
		NotifyPaid      *bool   `json:"notify_paid,omitempty"`
		NotifyCancelled *bool   `json:"notify_cancelled,omitempty"`
		NotifyRefunded  *bool   `json:"notify_refunded,omitempty"`
		AtLeast         *string `json:"at_least,omitempty" example:"49.90"`
		QuietFrom       *string `json:"quiet_from,omitempty" example:"22:00"`
		QuietTo         *string `json:"quiet_to,omitempty" example:"07:00"`
		GatherAbove     *int    `json:"gather_above,omitempty" example:"20"`
		LoudFrom        *string `json:"loud_from,omitempty" example:"500"`
	}
}

// change sets what the request names.
func (in *patchSettings) change(s *bellhop.Settings) {
	b := &in.Body
	set(&s.Language, b.Language)
	set(&s.Timezone, b.Timezone)
	if b.NotifyNew != nil {
		s.NotNew = !*b.NotifyNew
	}
	set(&s.Paid, b.NotifyPaid)
	set(&s.Cancelled, b.NotifyCancelled)
	set(&s.Refunded, b.NotifyRefunded)
	set(&s.AtLeast, b.AtLeast)
	set(&s.QuietFrom, b.QuietFrom)
	set(&s.QuietTo, b.QuietTo)
	set(&s.GatherAbove, b.GatherAbove)
	set(&s.LoudFrom, b.LoudFrom)
}

type putPassword struct {
	Body struct {
		Current  string `json:"current,omitempty" maxLength:"1024" doc:"The password until now, if the account has one."`
		Password string `json:"password" doc:"8 to 1024 characters."`
		Cookie   bool   `json:"cookie,omitempty" doc:"Also set a cookie, for a browser."`
	}
}

func (a *API) registerSettings() {
	register(a, "get-settings", "GET /v1/settings", huma.Operation{
		Summary: "Get your settings", Description: "For a person: an API token gets 403 people_only.",
	}, a.getSettings)
	register(a, "patch-settings", "PATCH /v1/settings", huma.Operation{
		Summary: "Change your settings",
		Description: "For a person. What the request leaves out stays; an empty text is the default again. A wrong field's " +
			"name is the problem's code, and nothing changes. Settings hold at once, also for pushes that wait.",
	}, a.patchSettings)
	register(a, "put-password", "PUT /v1/me/password", huma.Operation{
		Summary: "Change your password", DefaultStatus: http.StatusOK,
		Description: "For a person. All of your sessions end, this one too: the answer is a new one. A wrong current " +
			"password is 401 wrong_credentials, too many of them 429.",
	}, a.putPassword)
}

func (a *API) getSettings(ctx context.Context, _ *struct{}) (*settingsBody, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	return &settingsBody{settingsShape(who.Person.Settings)}, nil
}

func (a *API) patchSettings(ctx context.Context, in *patchSettings) (*settingsBody, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	now, err := web.ChangeSettings(ctx, a.Store, who.Person.ID, in.change)
	if err != nil {
		return nil, ofField(err)
	}
	return &settingsBody{settingsShape(now)}, nil
}

func (a *API) putPassword(ctx context.Context, in *putPassword) (*session, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	s, err := a.Auth.SetPassword(ctx, who.Principal, in.Body.Current, in.Body.Password, who.client)
	if err != nil {
		return nil, ofField(err)
	}
	return opened(s, in.Body.Cookie, who.https), nil
}
