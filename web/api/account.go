package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

type listAccesses struct {
	ShopParam
	PageParam
}

type accessPage struct{ Body AccessPage }

// AccessPage is a part of the access log.
type AccessPage struct {
	Accesses []web.Access `json:"accesses" nullable:"false"`
	Next     string       `json:"next" doc:"The cursor of the next page; empty at the end."`
}

type accountBody struct{ Body *web.Account }

type removeAccount struct {
	Body struct {
		Email    string `json:"email" maxLength:"320" example:"jo@example.com" doc:"The account's own address, so that nobody removes it by mistake."`
		Password string `json:"password,omitempty" maxLength:"1024" doc:"If the account has one."`
	}
}

func (a *API) registerAccount() {
	register(a, "list-accesses", "GET /v1/access-log", huma.Operation{
		Summary: "List who saw or exported a shop's personal data, newest first",
		Description: "For its owners. Operators' looks and changes, exports, and how many orders each API token read on a " +
			"day (of the last minute not all yet). What the shop's own people see in the console is not in it.",
	}, managed(a.listAccesses))
	register(a, "get-own-data", "GET /v1/me/data", huma.Operation{
		Summary: "Get all that bellhop has of you", Description: "For a person: an API token is nobody's account.",
	}, a.ownData)
	register(a, "delete-me", "DELETE /v1/me", huma.Operation{
		Summary: "Remove your account", DefaultStatus: http.StatusNoContent,
		Description: "For a person. Sessions, devices, settings and invitations go with it, also those of your address. " +
			"Your lines in the access log stay as long as it is kept. A shop keeps one owner: 409 last_owner. " +
			"A token of an identity provider that names shops makes a new account when it is used again.",
	}, a.removeAccount)
}

func (a *API) listAccesses(ctx context.Context, who web.Principal, in *listAccesses) (*accessPage, error) {
	page, err := a.Store.Accesses(ctx, store.AccessQuery{Shop: who.Shop, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	return &accessPage{AccessPage{web.Each(page.Accesses, web.AccessOf), page.Next}}, nil
}

var errNobodys = bellhop.Errorf(bellhop.Forbidden, "people_only",
	"an API token is nobody's account: sign in as a person")

func (a *API) ownData(ctx context.Context, _ *struct{}) (*accountBody, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	data, err := a.Store.PersonData(ctx, who.Person.ID)
	if err != nil {
		return nil, err
	}
	return &accountBody{web.AccountOf(&data)}, nil
}

func (a *API) removeAccount(ctx context.Context, in *removeAccount) (*signedOut, error) {
	who := callerOf(ctx)
	if who.Person.ID == 0 {
		return nil, errNobodys
	}
	if err := a.Auth.RemoveAccount(ctx, who.Principal, in.Body.Email, in.Body.Password, who.client.Address); err != nil {
		return nil, err
	}
	return &signedOut{SetCookie: []http.Cookie{*web.NoCookie(who.https)}}, nil
}
