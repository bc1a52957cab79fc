package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

// Shop is a shop as its operator sees it. No secret is among it.
type Shop struct {
	Domain         string     `json:"domain" example:"demo.myshopify.com"`
	Disabled       bool       `json:"disabled" doc:"Its events are kept, and nothing else is done with them."`
	OwnSecret      bool       `json:"own_secret" doc:"It has a signing secret of its own."`
	PreviousSecret bool       `json:"previous_secret" doc:"The secret before that is valid, too."`
	OwnSecretOnly  bool       `json:"own_secret_only" doc:"Webhooks that the app's secret signed are refused."`
	CustomerInPush bool       `json:"customer_in_push" doc:"Pushes name the customer."`
	AddedAt        time.Time  `json:"added_at"`
	LastWebhookAt  *time.Time `json:"last_webhook_at"`
	LastSignedBy   string     `json:"last_signed_by" doc:"What signed the last webhook: app, shop, or one of them before a rotation; or eventbridge."`
	Name           string     `json:"name" doc:"This and the next four as Shopify has them; empty if they are not known."`
	Email          string     `json:"email"`
	Currency       string     `json:"currency" example:"EUR"`
	Timezone       string     `json:"timezone" example:"Europe/Berlin"`
	Plan           string     `json:"plan"`
	UninstalledAt  *time.Time `json:"uninstalled_at" doc:"When the app was removed from the shop."`
	// Connection is nil for none. Its shape says so by TransformSchema.
	Connection *Connection `json:"connection"`
}

// TransformSchema lets connection be null. The library has no tag for that.
func (Shop) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["connection"] = &huma.Schema{
		Description: "The access to the shop by Shopify's Admin API; null for none.",
		AnyOf:       []*huma.Schema{{Ref: s.Properties["connection"].Ref}, {Type: "null"}},
	}
	return s
}

// shopShape takes nil for a shop without a connection.
func shopShape(s *bellhop.Shop, c *bellhop.Connection, compared *bellhop.Reconciliation) Shop {
	shape := Shop{
		Domain: s.Domain, Disabled: s.Disabled, OwnSecret: s.Secret != "", PreviousSecret: s.PreviousSecret != "",
		OwnSecretOnly: s.OwnSecretOnly, CustomerInPush: s.CustomerInPush, AddedAt: s.AddedAt.UTC(),
		LastWebhookAt: events.AtUTC(s.LastEventAt), LastSignedBy: string(s.LastSignedBy), Name: s.Name, Email: s.Email,
		Currency: s.Currency, Timezone: s.Timezone, Plan: s.Plan, UninstalledAt: events.AtUTC(s.UninstalledAt),
	}
	if c != nil {
		connection := connectionShape(c, compared)
		shape.Connection = &connection
	}
	return shape
}

// DomainParam names the shop of a call to provision one.
type DomainParam struct {
	Domain string `path:"domain" maxLength:"255" example:"demo.myshopify.com"`
}

func (p DomainParam) named() string { return p.Domain }

type listShops struct{ PageParam }

type shopPage struct{ Body ShopPage }

// ShopPage is a part of the list of shops.
type ShopPage struct {
	Shops []Shop `json:"shops" nullable:"false"`
	Next  string `json:"next" doc:"The cursor of the next page; empty at the end."`
}

type newShop struct {
	Body struct {
		Domain         string `json:"domain" minLength:"1" maxLength:"255" example:"demo.myshopify.com"`
		Secret         string `json:"secret,omitempty" maxLength:"1024" doc:"The shop's own signing secret. Without it the app's applies."`
		OwnSecretOnly  bool   `json:"own_secret_only,omitempty" doc:"Refuse webhooks that the app's secret signed."`
		CustomerInPush bool   `json:"customer_in_push,omitempty" doc:"Let pushes name the customer."`
	}
}

type patchShop struct {
	DomainParam
	Body struct {
		Disabled       *bool `json:"disabled,omitempty" doc:"Keep its events, and do nothing else with them."`
		OwnSecretOnly  *bool `json:"own_secret_only,omitempty" doc:"Refuse webhooks that the app's secret signed."`
		CustomerInPush *bool `json:"customer_in_push,omitempty" doc:"Let pushes name the customer."`
	}
}

type putSecret struct {
	DomainParam
	Body struct {
		Secret string `json:"secret" minLength:"1" maxLength:"1024"`
	}
}

type shopBody struct{ Body Shop }

type addedShop struct {
	Location string `header:"Location"`
	Body     Shop
}

func (a *API) registerShops() {
	register(a, "list-shops", "GET /v1/shops", forOperators("List the shops", ""), operated(a.listShops))
	add := forOperators("Add a shop", "If it is there already, the answer is 409 shop_exists and nothing changes. "+
		"Connecting a shop adds it as well.")
	add.DefaultStatus = http.StatusCreated
	register(a, "post-shop", "POST /v1/shops", add, operated(a.postShop))
	register(a, "get-shop", "GET /v1/shops/{domain}", forOperators("Get a shop", ""), ofShop(a, a.getShop))
	register(a, "patch-shop", "PATCH /v1/shops/{domain}", forOperators("Change a shop",
		"What the request leaves out stays as it is."), ofShop(a, a.patchShop))
	register(a, "put-secret", "PUT /v1/shops/{domain}/secret", forOperators("Give a shop a new signing secret",
		"The secret before stays valid: Shopify takes up to an hour to sign with a new one. "+
			"Nothing changes if it has this secret already. No call reads a secret back."), ofShop(a, a.putSecret))
	register(a, "finish-secret", "POST /v1/shops/{domain}/secret/finish", forOperators(
		"Forget the secret before", "Call it once last_signed_by is shop."), ofShop(a, a.finishSecret))
}

// forOperators describes a call that provisions.
func forOperators(summary, more string) huma.Operation {
	return huma.Operation{Summary: summary, Description: strings.TrimSpace("For operators. " + more)}
}

// ErrOperatorsOnly answers a credential of one shop.
var errOperatorsOnly = bellhop.Errorf(bellhop.Forbidden, "operator_required",
	"this takes an operator's token: bellhop token create --operator")

// operated makes a call one for operators.
func operated[I, O any](do func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		if !callerOf(ctx).Operator() {
			return nil, errOperatorsOnly
		}
		return do(ctx, in)
	}
}

// ofShop makes a call one for operators, about a shop that is there.
func ofShop[I interface{ named() string }, O any](a *API, do func(context.Context, bellhop.Shop, *I) (*O, error)) func(
	context.Context, *I) (*O, error) {
	return operated(func(ctx context.Context, in *I) (*O, error) {
		shop, err := a.shop(ctx, (*in).named())
		if err != nil {
			return nil, err
		}
		return do(ctx, shop, in)
	})
}

func (a *API) shop(ctx context.Context, name string) (s bellhop.Shop, err error) {
	domain, err := bellhop.ParseShopDomain(name)
	if err != nil {
		return s, web.ErrNoShop
	}
	return a.Store.Shop(ctx, domain)
}

// listShops goes on behind the domain that the cursor is.
func (a *API) listShops(ctx context.Context, in *listShops) (*shopPage, error) {
	all, err := a.Store.Shops(ctx)
	if err != nil {
		return nil, err
	}
	connections, err := a.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string]*bellhop.Connection{}
	for i := range connections {
		of[connections[i].Shop] = &connections[i]
	}
	states, err := a.Store.Reconciliations(ctx, time.Time{}, 0)
	if err != nil {
		return nil, err
	}
	compared := map[string]bellhop.Reconciliation{}
	for _, r := range states {
		compared[r.Shop] = r
	}
	page := ShopPage{Shops: []Shop{}}
	for _, s := range all {
		if s.Domain <= in.Cursor {
			continue
		}
		if len(page.Shops) == in.Limit {
			page.Next = page.Shops[in.Limit-1].Domain
			break
		}
		state := compared[s.Domain]
		page.Shops = append(page.Shops, shopShape(&s, of[s.Domain], &state))
	}
	return &shopPage{page}, nil
}

func (a *API) postShop(ctx context.Context, in *newShop) (*addedShop, error) {
	s, err := web.AddShop(ctx, a.Store, bellhop.Shop{Domain: in.Body.Domain, Secret: in.Body.Secret,
		OwnSecretOnly: in.Body.OwnSecretOnly, CustomerInPush: in.Body.CustomerInPush, AddedAt: a.Now()})
	if err != nil {
		return nil, err
	}
	return &addedShop{"/v1/shops/" + s.Domain, shopShape(&s, nil, nil)}, nil
}

func (a *API) getShop(ctx context.Context, s bellhop.Shop, _ *DomainParam) (*shopBody, error) {
	c, err := a.Store.Connection(ctx, s.Domain)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return &shopBody{shopShape(&s, nil, nil)}, nil
	}
	if err != nil {
		return nil, err
	}
	compared, err := a.Store.Reconciliation(ctx, s.Domain)
	return &shopBody{shopShape(&s, &c, &compared)}, err
}

// changed answers with a shop as it is after a change, unless that failed.
func (a *API) changed(ctx context.Context, domain string, err error) (*shopBody, error) {
	if err != nil {
		return nil, err
	}
	s, err := a.shop(ctx, domain)
	if err != nil {
		return nil, err
	}
	return a.getShop(ctx, s, nil)
}

func (a *API) patchShop(ctx context.Context, s bellhop.Shop, in *patchShop) (*shopBody, error) {
	return a.changed(ctx, s.Domain, web.ChangeShop(ctx, a.Store, s.Domain, func(s *bellhop.Shop) {
		set(&s.Disabled, in.Body.Disabled)
		set(&s.OwnSecretOnly, in.Body.OwnSecretOnly)
		set(&s.CustomerInPush, in.Body.CustomerInPush)
	}))
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (a *API) putSecret(ctx context.Context, s bellhop.Shop, in *putSecret) (*shopBody, error) {
	_, err := web.RotateSecret(ctx, a.Store, s.Domain, in.Body.Secret)
	return a.changed(ctx, s.Domain, err)
}

func (a *API) finishSecret(ctx context.Context, s bellhop.Shop, _ *DomainParam) (*shopBody, error) {
	return a.changed(ctx, s.Domain, web.FinishRotation(ctx, a.Store, s.Domain))
}
