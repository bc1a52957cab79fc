package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/connect"
	"bellhop/events"
	"bellhop/shopify/admin"
	"bellhop/web"
)

type exchangeIDToken struct {
	Authorization string `header:"Authorization" maxLength:"9000" doc:"Bearer ID-TOKEN, as App Bridge sends it."`
	Body          *struct {
		IDToken string `json:"id_token,omitempty" maxLength:"8192" doc:"The ID token, from a server that got it in its own request."`
		SignIn  bool   `json:"sign_in,omitempty" doc:"Also ask for a link that signs the user in, who has to have an account here."`
	}
}

type exchanged struct{ Body ExchangedShop }

// ExchangedShop is a shop that an ID token came from.
type ExchangedShop struct {
	Shop       string     `json:"shop" example:"demo.myshopify.com"`
	Connection Connection `json:"connection"`
	SignInURL  string     `json:"sign_in_url" example:"https://bellhop.example.com/signin?once=bh_l_…" doc:"A link to the console that works once, within a day. Empty without sign_in, and for a user without an account here."`
}

// Connection is bellhop's access to a shop by Shopify's Admin API.
type Connection struct {
	Grant         string         `json:"grant" enum:"client_credentials,authorization_code,token_exchange,token" doc:"How it was connected."`
	Access        string         `json:"access" enum:"good,refused,lost,uninstalled" doc:"refused is for now, and bellhop tries again; lost is for good: connect it again."`
	Reason        string         `json:"reason" example:"scope_missing" doc:"Why access isn't good: a stable code. Empty if it is."`
	ConnectedAt   *time.Time     `json:"connected_at"`
	Since         *time.Time     `json:"since" doc:"Since when access is what it is."`
	CheckedAt     *time.Time     `json:"checked_at" doc:"When scopes and subscriptions were last read back."`
	Scopes        []string       `json:"scopes" nullable:"false"`
	ScopesMissing []string       `json:"scopes_missing" nullable:"false" doc:"Scopes that bellhop asks for and doesn't have."`
	Subscriptions []Subscription `json:"subscriptions" nullable:"false"`
	Comparison    Comparison     `json:"comparison" doc:"How far the shop was compared with Shopify."`
}

// Subscription is a topic that bellhop needs.
type Subscription struct {
	Topic   string `json:"topic" example:"orders/create"`
	There   bool   `json:"there" doc:"Shopify has a subscription for it."`
	Refusal string `json:"refusal" example:"protected_data" doc:"Why Shopify refuses it. Empty if it doesn't."`
}

func connectionShape(c *bellhop.Connection, compared *bellhop.Reconciliation) Connection {
	return Connection{Comparison: comparisonShape(compared),
		Grant: string(c.Grant), Access: string(c.Access), Reason: c.Reason,
		ConnectedAt: events.AtUTC(c.ConnectedAt), Since: events.AtUTC(c.Since), CheckedAt: events.AtUTC(c.CheckedAt),
		Scopes:        append([]string{}, c.Scopes...),
		ScopesMissing: append([]string{}, admin.MissingScopes(c.Scopes, admin.WantedScopes)...),
		Subscriptions: web.Each(c.Subscriptions, func(s *bellhop.Subscription) Subscription {
			return Subscription{s.Topic, s.There, s.Refusal}
		})}
}

func (a *API) registerExchange() {
	register(a, "exchange-id-token", "POST /v1/shops/exchange", huma.Operation{
		Summary: "Connect the shop of an ID token", DefaultStatus: http.StatusOK, Security: byIDToken,
		Description: "For apps that Shopify shows in its admin, and for the servers behind them. The credential is the ID " +
			"token (session token) of Shopify's: as Authorization: Bearer, or as id_token. The shop is the one in the token. " +
			"If it isn't connected, or its access is gone, bellhop exchanges the token for access of its own. " +
			"The token says that somebody has the app open in the shop's admin, not that it is the owner. So a link " +
			"to sign in is only for the user whose e-mail address Shopify has verified and who has an account of this shop " +
			"here; the owner of the shop's Shopify account gets one. " +
			"A bad or old token is answered 401 with X-Shopify-Retry-Invalid-Session-Request: 1, upon which App Bridge " +
			"gets another one.",
	}, a.exchangeIDToken)
}

func (a *API) exchangeIDToken(ctx context.Context, in *exchangeIDToken) (*exchanged, error) {
	token, signIn := in.token()
	shop, err := a.Care.ShopOf(token)
	if err != nil {
		return nil, err
	}
	ctx, done, err := a.Care.Begin(ctx, shop)
	if err != nil {
		return nil, err
	}
	defer done()
	owner, err := a.connectByToken(ctx, shop, token)
	if err != nil {
		return nil, err
	}
	conn, err := a.Store.Connection(ctx, shop)
	if err != nil {
		return nil, err
	}
	compared, err := a.Store.Reconciliation(ctx, shop)
	if err != nil {
		return nil, err
	}
	out := &exchanged{ExchangedShop{Shop: shop, Connection: connectionShape(&conn, &compared)}}
	if signIn {
		out.Body.SignInURL, err = a.linkFor(ctx, shop, token, owner)
	}
	return out, err
}

// token is the ID token of a request. One in the body goes before a bearer token, which may be another's.
func (in *exchangeIDToken) token() (token string, signIn bool) {
	if scheme, bearer, _ := strings.Cut(in.Authorization, " "); strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(bearer)
	}
	if in.Body != nil {
		token, signIn = cmp.Or(in.Body.IDToken, token), in.Body.SignIn
	}
	return token, signIn
}

// connectByToken connects a shop unless its access works: a new token would end the one before. It returns the
// shop's owner if the account was made just now, for the user of the token.
func (a *API) connectByToken(ctx context.Context, shop, token string) (owner bellhop.Person, err error) {
	works, err := a.Care.Connector.Works(ctx, shop)
	if err != nil || works {
		return owner, err
	}
	done, err := a.Care.Connector.IDToken(ctx, token)
	if admin.RefusalOf(err) == admin.InvalidToken { // it ran out meanwhile
		return owner, web.ErrIDToken
	}
	if done.New {
		owner = done.Owner
	}
	return owner, err
}

// linkFor makes a link that signs in the user of an ID token: the new owner, or whom Shopify names, by the rules of
// signing in with Shopify. "" for anybody else.
func (a *API) linkFor(ctx context.Context, shop, token string, who bellhop.Person) (string, error) {
	if who.ID == 0 {
		user, err := a.Care.Connector.App.OnlineUser(ctx, shop, token)
		if err == nil {
			who, err = a.Care.Connector.Visitor(ctx, shop, user)
		}
		switch {
		case admin.RefusalOf(err) != "", err == connect.ErrStranger, err == connect.ErrUnverified:
			return "", nil // the shop is connected all the same
		case err != nil:
			return "", err
		}
	}
	secret, link := web.NewSignInLink(who.ID, a.Now())
	if err := a.Store.AddLink(ctx, link); err != nil {
		return "", err
	}
	return a.Care.Connector.URL + "/signin?" + url.Values{"once": {secret}}.Encode(), nil
}
