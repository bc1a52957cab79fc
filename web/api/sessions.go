package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

type newSession struct {
	Body struct {
		Email    *string `json:"email,omitempty" minLength:"1" maxLength:"320" example:"jo@example.com"`
		Password *string `json:"password,omitempty" minLength:"1" maxLength:"1024" example:"correct horse battery"`
		Code     string  `json:"code,omitempty" pattern:"^[0-9]{6}$" patternDescription:"six digits" example:"042917" doc:"In place of the password: the code of a mail, for which you ask with POST /v1/sessions/email."`
		JWT      string  `json:"jwt,omitempty" minLength:"1" maxLength:"8192" doc:"In place of both: a token of the team's own identity provider, where one is set."`
		Cookie   bool    `json:"cookie,omitempty" doc:"Also set a cookie, for a browser."`
		Refresh  bool    `json:"refresh,omitempty" doc:"A session that goes on as long as it is refreshed once in 90 days, with tokens of an hour. Only with email and a password or code, and not for operators."`
	}
}

// Resolve wants an address and a password or code, or a token alone.
func (in *newSession) Resolve(huma.Context) (faults []error) {
	b := &in.Body
	wrong := func(words string) { faults = append(faults, &huma.ErrorDetail{Location: "body", Message: words}) }
	switch {
	case b.JWT != "" && (b.Email != nil || b.Password != nil || b.Code != ""):
		wrong("give jwt alone, without email, password and code")
	case b.Password != nil && b.Code != "":
		wrong("give password or code, not both")
	case b.JWT == "":
		if b.Email == nil {
			wrong("expected required property email to be present")
		}
		if b.Password == nil && b.Code == "" {
			wrong("expected required property password to be present")
		}
	}
	if b.Refresh && (b.JWT != "" || b.Cookie) {
		wrong("give refresh with email and password or code, without jwt and cookie")
	}
	return faults
}

type session struct {
	SetCookie []http.Cookie `header:"Set-Cookie" hidden:"true"`
	Body      Session
}

// Session is a sign-in in the API.
type Session struct {
	Token     string    `json:"token" example:"bh_s_…" doc:"Send it as Authorization: Bearer TOKEN."`
	ExpiresAt time.Time `json:"expires_at"`
	Shop      string    `json:"shop" doc:"The first of the person's shops: GET /v1/me has all. Empty for an operator, who names a shop with each call."`
	Role      string    `json:"role" enum:"owner,staff,operator" doc:"In this shop."`

	ID               string    `json:"id,omitempty" doc:"Of a session that refreshes, as GET /v1/sessions has it."`
	RefreshToken     string    `json:"refresh_token,omitempty" example:"bh_r_…" doc:"Of a session that refreshes: it brings the next pair, once."`
	RefreshExpiresAt time.Time `json:"refresh_expires_at,omitzero" doc:"When the session ends without a refresh."`
}

type mailSession struct {
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"320" example:"jo@example.com"`
	}
}

type endSession struct {
	Device string `query:"device" maxLength:"128" doc:"The app's own id of an installation that must get no more pushes: its next user would see the orders."`
}

type signedOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie" hidden:"true"`
}

func (a *API) registerSessions() {
	register(a, "create-session", "POST /v1/sessions", huma.Operation{
		Summary: "Sign in", DefaultStatus: http.StatusOK, Security: public,
		Responses: map[string]*huma.Response{"401": {Ref: responseRef + "Unauthenticated"}},
		Description: "With email and password, with email and the code of a mail, or with jwt. A session lasts 30 days, " +
			"one by an operator's jwt as long as that. With refresh the token lasts an hour and the session as long as you " +
			"refresh it. Sign-ins are limited by account and by address.",
	}, a.createSession)
	register(a, "mail-session", "POST /v1/sessions/email", huma.Operation{
		Summary: "Ask for a mail to sign in", DefaultStatus: http.StatusAccepted, Security: public,
		Description: "The mail has a link to the console and a code for POST /v1/sessions, in the person's language or " +
			"else by Accept-Language. Both work once, within 10 minutes and until the next mail; a code bears 5 tries. The " +
			"answer is the same for an address that has no account, and for a person who gets no mail: operators, people " +
			"whose shops are all disabled, and whoever got one within the last minute or several today. Limited by network.",
	}, a.mailSession)
	register(a, "refresh-session", "POST /v1/sessions/refresh", huma.Operation{
		Summary: "Get the next tokens of a session", DefaultStatus: http.StatusOK, Security: public,
		Responses: map[string]*huma.Response{"401": {Ref: responseRef + "Unauthenticated"}},
		Description: "The token before ends. Keep both new ones before you use one. If the answer was lost, send the same " +
			"refresh token again: it brings the same pair, until one of the two is used. From then on it counts as stolen: " +
			"it ends the session, 401 refresh_reused. Any other that is not valid is 401 refresh_invalid. " +
			"Limited by address, together with sign-ins.",
	}, a.refreshSession)
	register(a, "list-sessions", "GET /v1/sessions", huma.Operation{
		Summary: "List your sessions, the oldest first", Description: "For a person: an API token gets 403 people_only.",
	}, a.listSessions)
	register(a, "end-session", "DELETE /v1/sessions/{id}", huma.Operation{
		Summary: "End one of your sessions", DefaultStatus: http.StatusNoContent,
		Description: "For a phone that is lost, say. Devices that it added or refreshed last go with it, and get no more " +
			"pushes.",
	}, a.endSession)
	register(a, "delete-session", "DELETE /v1/sessions/current", huma.Operation{
		Summary: "Sign out", DefaultStatus: http.StatusNoContent,
		Description: "The session ends at once. With device, that phone gets no more pushes.",
	}, a.deleteSession)
}

func (a *API) createSession(ctx context.Context, in *newSession) (*session, error) {
	who := callerOf(ctx)
	s, err := a.signIn(ctx, in, who.client)
	if err != nil {
		return nil, err
	}
	return opened(s, in.Body.Cookie, who.https), nil
}

func (a *API) signIn(ctx context.Context, in *newSession, from web.Client) (web.SignedIn, error) {
	b := &in.Body
	switch {
	case b.JWT != "":
		return a.Auth.SignInWithToken(ctx, b.JWT, from)
	case b.Code != "":
		return a.Auth.SignInWithCode(ctx, *b.Email, b.Code, b.Refresh, from)
	case b.Refresh:
		return a.Auth.SignInToRefresh(ctx, *b.Email, *b.Password, from)
	}
	return a.Auth.SignIn(ctx, *b.Email, *b.Password, from)
}

func (a *API) mailSession(ctx context.Context, in *mailSession) (*struct{}, error) {
	who := callerOf(ctx)
	return nil, a.Mails.Ask(in.Body.Email, who.client, who.languages)
}

// opened is the answer that begins a session.
func opened(s web.SignedIn, cookie, https bool) *session {
	out := &session{Body: Session{
		Token: s.Secret, ExpiresAt: s.Session.ExpiresAt.UTC(), Shop: s.Person.Shop, Role: string(s.Person.Role),
	}}
	if cookie {
		out.SetCookie = []http.Cookie{*web.SessionCookie(s.Secret, s.Session.ExpiresAt, https)}
	}
	if s.Refresh != "" {
		out.Body.ID, out.Body.RefreshToken = web.ID(s.Session.ID()), s.Refresh
		out.Body.RefreshExpiresAt = s.Session.Refresh.ExpiresAt.UTC()
	}
	return out
}

func (a *API) deleteSession(ctx context.Context, in *endSession) (*signedOut, error) {
	who := callerOf(ctx)
	if !who.Credential.Session {
		return nil, bellhop.Invalidf("not_a_session", "an API token is revoked with: bellhop token revoke")
	}
	if in.Device != "" {
		err := web.DropDevice(ctx, a.Store, who.Principal, in.Device)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
			return nil, err
		}
	}
	if err := a.Auth.SignOut(ctx, who.Principal); err != nil {
		return nil, err
	}
	return &signedOut{SetCookie: []http.Cookie{*web.NoCookie(who.https)}}, nil
}
