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
		JWT      string  `json:"jwt,omitempty" minLength:"1" maxLength:"8192" doc:"In place of both: a token of the team's own identity provider, where one is set."`
		Cookie   bool    `json:"cookie,omitempty" doc:"Also set a cookie, for a browser."`
	}
}

// Resolve wants an address and a password, or a token alone.
func (in *newSession) Resolve(huma.Context) (faults []error) {
	b := &in.Body
	wrong := func(words string) { faults = append(faults, &huma.ErrorDetail{Location: "body", Message: words}) }
	switch {
	case b.JWT != "" && (b.Email != nil || b.Password != nil):
		wrong("give jwt alone, without email and password")
	case b.JWT == "":
		if b.Email == nil {
			wrong("expected required property email to be present")
		}
		if b.Password == nil {
			wrong("expected required property password to be present")
		}
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
		Description: "With email and password, or with jwt. A session lasts 30 days, one by an operator's jwt " +
			"as long as that. " +
			"Sign-ins are limited by account and by address.",
	}, a.createSession)
	register(a, "delete-session", "DELETE /v1/sessions/current", huma.Operation{
		Summary: "Sign out", DefaultStatus: http.StatusNoContent,
		Description: "The session ends at once. With device, that phone gets no more pushes.",
	}, a.deleteSession)
}

func (a *API) createSession(ctx context.Context, in *newSession) (*session, error) {
	who := callerOf(ctx)
	signIn := func() (web.SignedIn, error) {
		return a.Auth.SignIn(ctx, *in.Body.Email, *in.Body.Password, who.address)
	}
	if in.Body.JWT != "" {
		signIn = func() (web.SignedIn, error) { return a.Auth.SignInWithToken(ctx, in.Body.JWT, who.address) }
	}
	s, err := signIn()
	if err != nil {
		return nil, err
	}
	return opened(s, in.Body.Cookie, who.https), nil
}

// opened is the answer that begins a session.
func opened(s web.SignedIn, cookie, https bool) *session {
	out := &session{Body: Session{
		Token: s.Secret, ExpiresAt: s.Session.ExpiresAt.UTC(), Shop: s.Person.Shop, Role: string(s.Person.Role),
	}}
	if cookie {
		out.SetCookie = []http.Cookie{*web.SessionCookie(s.Secret, s.Session.ExpiresAt, https)}
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
