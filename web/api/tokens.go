package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

// Token is an API token of a shop, without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name" example:"reports"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"To the minute."`
}

func tokenShape(t *bellhop.Token) Token {
	return Token{ID: web.ID(t.ID), Name: t.Name, CreatedAt: t.CreatedAt.UTC(), LastUsedAt: events.AtUTC(t.LastUsedAt)}
}

// NewToken is a token with its secret.
type NewToken struct {
	Token
	Secret string `json:"token" example:"bh_t_…" doc:"Shown this once, and stored nowhere."`
}

type tokenList struct{ Body TokenList }

// TokenList is all tokens of a shop.
type TokenList struct {
	Tokens []Token `json:"tokens" nullable:"false"`
}

type postToken struct {
	DomainParam
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"100" example:"reports" doc:"What it is for; unique in the shop."`
	}
}

// TokenParam names a token of a shop.
type TokenParam struct {
	DomainParam
	ID string `path:"id" maxLength:"20"`
}

type newTokenBody struct{ Body NewToken }

func (a *API) registerTokens() {
	register(a, "list-tokens", "GET /v1/shops/{domain}/tokens", forOperators("List a shop's API tokens", ""),
		ofShop(a, a.listTokens))
	add := forOperators("Create an API token of a shop", "If the shop has one of the name, the answer is 409 "+
		"token_exists: its secret can't be shown again, so revoke it and create another.")
	add.DefaultStatus = http.StatusCreated
	register(a, "post-token", "POST /v1/shops/{domain}/tokens", add, ofShop(a, a.postToken))
	register(a, "delete-token", "DELETE /v1/shops/{domain}/tokens/{id}", huma.Operation{
		Summary: "Revoke an API token at once", DefaultStatus: http.StatusNoContent, Description: "For operators.",
	}, ofShop(a, a.deleteToken))
}

func (a *API) listTokens(ctx context.Context, s bellhop.Shop, _ *DomainParam) (*tokenList, error) {
	all, err := a.Store.Tokens(ctx, s.Domain)
	if err != nil {
		return nil, err
	}
	return &tokenList{TokenList{web.Each(all, tokenShape)}}, nil
}

func (a *API) postToken(ctx context.Context, s bellhop.Shop, in *postToken) (*newTokenBody, error) {
	secret, hash := web.NewToken()
	t, err := a.Store.AddToken(ctx, bellhop.Token{Shop: s.Domain, Name: in.Body.Name, Hash: hash, CreatedAt: a.Now()})
	if err != nil {
		return nil, err
	}
	return &newTokenBody{NewToken{tokenShape(&t), secret}}, nil
}

func (a *API) deleteToken(ctx context.Context, s bellhop.Shop, in *TokenParam) (*struct{}, error) {
	all, err := a.Store.Tokens(ctx, s.Domain)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(t bellhop.Token) bool { return web.ID(t.ID) == in.ID })
	if i < 0 {
		return nil, bellhop.Errorf(bellhop.NotFound, "token_not_found", "there is no such token")
	}
	return nil, a.Store.RemoveToken(ctx, s.Domain, all[i].Name)
}
