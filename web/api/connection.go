package api

import (
	"context"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/web"
)

type postConnection struct {
	DomainParam
	Body struct {
		Grant            string     `json:"grant" enum:"client_credentials,token" doc:"client_credentials: the app and the shop are of one organisation, and bellhop gets the token itself. token: here is one."`
		Token            string     `json:"token,omitempty" maxLength:"1024"`
		ExpiresAt        *time.Time `json:"expires_at,omitempty" doc:"Leave it out if the token doesn't expire."`
		RefreshToken     string     `json:"refresh_token,omitempty" maxLength:"1024" doc:"With it bellhop renews the token; then nobody else may."`
		RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	}
}

type connectionBody struct{ Body Connection }

type connectedBody struct{ Body Connected }

// Connected is what connecting a shop did.
type Connected struct {
	Shop  Shop `json:"shop"`
	First bool `json:"first" doc:"It was never connected before."`
	// Owner is nil if nobody is.
	Owner *string `json:"owner" doc:"The id of the shop's owner among its people; null if nobody is yet. New owners sign in by a link."`
}

func (a *API) registerConnections() {
	register(a, "post-connection", "POST /v1/shops/{domain}/connection", forOperators("Connect a shop to Shopify",
		"The token is used before it is kept: if it doesn't serve, nothing changes. It adds the shop if it is missing, "+
			"subscribes to all topics that bellhop needs, and makes an account for the owner whose e-mail address "+
			"Shopify has, if the shop has none. To connect it again is no fault: the newest token counts."),
		operated(a.postConnection))
	register(a, "post-check", "POST /v1/shops/{domain}/check", forOperators("Check a shop's connection now",
		"Renews the token if that is due, reads scopes and subscriptions back, and subscribes to what is missing. "+
			"Some checks of a shop a minute, no more."), ofShop(a, a.postCheck))
}

func (a *API) postConnection(ctx context.Context, in *postConnection) (*connectedBody, error) {
	b := &in.Body
	domain, err := bellhop.ParseShopDomain(in.Domain)
	if err != nil {
		return nil, err
	}
	given := b.Token != ""
	if given != (b.Grant == string(bellhop.GrantToken)) || !given && (b.RefreshToken != "" || b.ExpiresAt != nil) {
		return nil, bellhop.Invalidf("token", "the grant token comes with a token, and client_credentials without")
	}
	var tokens *admin.Tokens
	if given {
		tokens = &admin.Tokens{Token: b.Token, ExpiresAt: at(b.ExpiresAt), RefreshToken: b.RefreshToken,
			RefreshExpiresAt: at(b.RefreshExpiresAt)}
	}
	c, err := a.Care.Connect(ctx, domain, tokens)
	if err != nil {
		return nil, err
	}
	compared, err := a.Store.Reconciliation(ctx, domain)
	if err != nil {
		return nil, err
	}
	out := Connected{Shop: shopShape(&c.Shop, &c.Connection, &compared), First: c.First}
	if c.Owner.ID != 0 {
		id := web.ID(c.Owner.ID)
		out.Owner = &id
	}
	return &connectedBody{out}, nil
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (a *API) postCheck(ctx context.Context, s bellhop.Shop, _ *DomainParam) (*connectionBody, error) {
	c, err := a.Care.Check(ctx, s.Domain)
	if err != nil {
		return nil, err
	}
	compared, err := a.Store.Reconciliation(ctx, s.Domain)
	if err != nil {
		return nil, err
	}
	return &connectionBody{connectionShape(&c, &compared)}, nil
}
