package api

import (
	"cmp"
	"context"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

// Me is whose credential a request has.
type Me struct {
	ID       string    `json:"id" doc:"Empty for an API token, as the next."`
	Email    string    `json:"email" example:"jo@example.com"`
	Role     string    `json:"role" enum:"owner,staff,operator,token" doc:"In the first shop; operator for every shop; token for an API token of a shop."`
	Shop     string    `json:"shop" example:"demo.myshopify.com" doc:"The first shop; empty for an operator, who sees all."`
	Shops    []OwnShop `json:"shops" nullable:"false" doc:"By domain. A call about one of several names it with ?shop=."`
	Language string    `json:"language" example:"ko" doc:"As the person set it; empty for the browser's or phone's."`
}

// OwnShop is a shop that somebody belongs to.
type OwnShop struct {
	Domain string `json:"domain" example:"demo.myshopify.com"`
	Name   string `json:"name" example:"Demo" doc:"As Shopify has it; empty if it is not known."`
	Role   string `json:"role" enum:"owner,staff,token"`
}

type meBody struct{ Body Me }

// ShopSettings are what the owners of a shop set.
type ShopSettings struct {
	Domain         string `json:"domain" example:"demo.myshopify.com"`
	CustomerInPush bool   `json:"customer_in_push" doc:"Pushes name the customer."`
}

type shopSettingsBody struct{ Body ShopSettings }

type patchShopSettings struct {
	ShopParam
	Body struct {
		CustomerInPush *bool `json:"customer_in_push,omitempty"`
	}
}

func (a *API) registerMe() {
	register(a, "get-me", "GET /v1/me", huma.Operation{
		Summary: "Say whose credential this is, and of which shops",
		Description: "What an app asks first: whom it shows, between which shops they choose, and what their role in each " +
			"lets them do.",
	},
		func(ctx context.Context, _ *struct{}) (*meBody, error) { return a.meOf(ctx, callerOf(ctx).Principal) })
	register(a, "get-own-shop", "GET /v1/shop", huma.Operation{
		Summary: "Get what a shop's owners set", Description: "For everybody of the shop.",
	}, about(a.getShopSettings))
	register(a, "patch-own-shop", "PATCH /v1/shop", huma.Operation{
		Summary: "Change what a shop's owners set", Description: "For its owners.",
	}, managed(a.patchShopSettings))
}

const roleToken = "token"

func (a *API) meOf(ctx context.Context, who web.Principal) (*meBody, error) {
	p := who.Person
	me := Me{Email: p.Email, Role: string(p.Role), Shop: p.Shop, Language: p.Settings.Language}
	switch {
	case p.ID != 0:
		me.ID = web.ID(p.ID)
	case who.Token.Operator:
		me.Role = string(bellhop.RoleOperator)
	default:
		me.Role, me.Shop = roleToken, who.Token.Shop
	}
	me.Shops = []OwnShop{}
	for _, m := range who.Shops() {
		s, err := a.Store.Shop(ctx, m.Shop)
		if err != nil {
			return nil, err
		}
		me.Shops = append(me.Shops, OwnShop{m.Shop, s.Name, cmp.Or(string(m.Role), roleToken)})
	}
	return &meBody{me}, nil
}

func (a *API) getShopSettings(ctx context.Context, who web.Principal, _ *ShopParam) (*shopSettingsBody, error) {
	s, err := a.Store.Shop(ctx, who.Shop)
	if err != nil {
		return nil, err
	}
	return settingsOf(s), nil
}

func settingsOf(s bellhop.Shop) *shopSettingsBody {
	return &shopSettingsBody{ShopSettings{s.Domain, s.CustomerInPush}}
}

func (a *API) patchShopSettings(ctx context.Context, who web.Principal, in *patchShopSettings) (
	*shopSettingsBody, error) {
	var now bellhop.Shop
	err := a.Store.UpdateShop(ctx, who.Shop, func(s *bellhop.Shop) {
		if v := in.Body.CustomerInPush; v != nil {
			s.CustomerInPush = *v
		}
		now = *s
	})
	if err != nil {
		return nil, err
	}
	return settingsOf(now), nil
}
