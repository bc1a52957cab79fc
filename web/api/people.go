package api

import (
	"context"
	"net/http"
	"time"

	"bellhop"
	"bellhop/web"
)

type postMember struct {
	ShopParam
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"254" example:"jo@example.com"`
		Role  string `json:"role" enum:"owner,staff"`
	}
}

type linkBody struct{ Body Link }

// Link signs somebody in.
type Link struct {
	URL       string    `json:"url" doc:"It signs in once, as that person, anybody who has it."`
	ExpiresAt time.Time `json:"expires_at"`
}

// registerPeople adds what operators do to people beside a shop's owners.
func (a *API) registerPeople() {
	add := forOperators("Add somebody to a shop", "A new account has no password: make a link that signs in. "+
		"An account that exists gets the shop beside its others. If they belong to it already, the answer is 409 "+
		"already_member and nothing changes.")
	add.DefaultStatus = http.StatusCreated
	register(a, "post-member", "POST /v1/people", add, about(a.postMember))
	link := forOperators("Make a link that signs somebody in", "Once, within a day. It is shown here and stored nowhere.")
	register(a, "post-link", "POST /v1/people/{id}/link", link, about(a.postLink))
}

func (a *API) postMember(ctx context.Context, who web.Principal, in *postMember) (*memberBody, error) {
	if !who.Operator() {
		return nil, errOperatorsOnly
	}
	m := bellhop.Membership{Shop: who.Shop, Role: bellhop.Role(in.Body.Role)}
	p, err := web.AddMember(ctx, a.Store, in.Body.Email, m, a.Now())
	if err != nil {
		return nil, err
	}
	return &memberBody{memberShape(&p, who.Shop)}, nil
}

func (a *API) postLink(ctx context.Context, who web.Principal, in *MemberParam) (*linkBody, error) {
	switch {
	case !who.Operator():
		return nil, errOperatorsOnly
	case a.URL == "":
		return nil, bellhop.Errorf(bellhop.Conflict, "no_url", "nobody said where people reach bellhop: set BELLHOP_URL")
	}
	id, _, err := a.member(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	secret, link := web.NewSignInLink(id, a.Now())
	if err := a.Store.AddLink(ctx, link); err != nil {
		return nil, err
	}
	return &linkBody{Link{a.URL + "/signin?once=" + secret, link.ExpiresAt.UTC()}}, nil
}
