package api

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/web"
)

type refreshSession struct {
	Body struct {
		RefreshToken string `json:"refresh_token" minLength:"1" maxLength:"256" example:"bh_r_…"`
	}
}

type sessionList struct{ Body SessionList }

// SessionList is a person's sessions.
type SessionList struct {
	Sessions []OwnSession `json:"sessions" nullable:"false"`
}

// OwnSession is one of a person's sessions.
type OwnSession struct {
	ID         string          `json:"id" example:"7204163522158592871"`
	Current    bool            `json:"current" doc:"The one that asks."`
	Agent      string          `json:"agent" example:"Safari, iOS" doc:"What signed in, by its User-Agent: a browser and its system, or the app's name."`
	Devices    []SessionDevice `json:"devices" nullable:"false" doc:"Those that it added or refreshed last."`
	CreatedAt  time.Time       `json:"created_at" doc:"When it signed in."`
	LastUsedAt time.Time       `json:"last_used_at" doc:"To ten minutes."`
	ExpiresAt  time.Time       `json:"expires_at" doc:"When it ends, unless it is refreshed before."`
	Refreshes  bool            `json:"refreshes"`
}

// SessionDevice is a device of a session.
type SessionDevice struct {
	Installation string `json:"installation"`
	Name         string `json:"name" doc:"Empty if it has none."`
}

type endOneSession struct {
	ID string `path:"id" doc:"As GET /v1/sessions has it."`
}

func (a *API) refreshSession(ctx context.Context, in *refreshSession) (*session, error) {
	who := callerOf(ctx)
	s, err := a.Auth.Refresh(ctx, in.Body.RefreshToken, who.client)
	if err == web.ErrRefreshReused {
		a.Log.WarnContext(ctx, "a refresh token came once more after its turn: the session ended", "person", s.Person.ID)
	}
	if err != nil {
		return nil, err
	}
	return opened(s, false, who.https), nil
}

func (a *API) listSessions(ctx context.Context, _ *struct{}) (*sessionList, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	all, err := a.Store.Sessions(ctx, who.Person.ID, a.Now())
	if err != nil {
		return nil, err
	}
	phones, err := a.Store.Phones(ctx, who.Person.ID)
	if err != nil {
		return nil, err
	}
	return &sessionList{SessionList{web.Each(all, func(s *bellhop.Session) OwnSession {
		return OwnSession{ID: web.ID(s.ID()), Current: who.Credential.Session && s.ID() == who.Session.ID(), Agent: s.Agent,
			Devices: devicesBy(phones, s.ID()), CreatedAt: s.CreatedAt.UTC(), LastUsedAt: s.LastUsed().UTC(),
			ExpiresAt: s.EndsAt().UTC(), Refreshes: s.Refreshes()}
	})}}, nil
}

// devicesBy finds a session's devices, once each in however many shops.
func devicesBy(phones []bellhop.Device, session int64) []SessionDevice {
	all := []SessionDevice{}
	for _, d := range phones {
		one := SessionDevice{d.Installation, d.Name}
		if d.SessionID == session && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

func (a *API) endSession(ctx context.Context, in *endOneSession) (*struct{}, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	id, err := web.ParseID(in.ID, "session")
	if err != nil {
		return nil, err
	}
	return nil, a.Store.EndSession(ctx, who.Person.ID, id)
}
