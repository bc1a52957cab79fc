package admin

import (
	"context"
	"maps"
	"slices"

	"bellhop"
	"bellhop/shopify"
)

// operations are all that this package asks, so that tests hold each against Shopify's schema.
var operations = append([]operation{infoQuery, scopesQuery, subscriptionsQuery, subscribeMutation, unsubscribeMutation,
	headsQuery, countQuery, fetchQuery, bulkMutation, bulkQuery}, slices.Collect(maps.Values(restQueries))...)

// Info is what a shop says of itself. No scope is needed for it.
type Info struct {
	Domain   string // its myshopify.com domain
	Name     string
	Email    string // "" where Shopify doesn't say
	Currency string
	Timezone string // IANA
	Plan     string
}

var infoQuery = operation{"ShopInfo", `query ShopInfo {
  shop {
    myshopifyDomain
    name
    email
    currencyCode
    ianaTimezone
    plan { publicDisplayName }
  }
}`}

// Info returns what the shop says of itself.
func (s *Shop) Info(ctx context.Context) (Info, error) {
	var data struct {
		Shop struct {
			Domain   string `json:"myshopifyDomain"`
			Name     string `json:"name"`
			Email    string `json:"email"`
			Currency string `json:"currencyCode"`
			Timezone string `json:"ianaTimezone"`
			Plan     struct {
				Name string `json:"publicDisplayName"`
			} `json:"plan"`
		} `json:"shop"`
	}
	if err := s.do(ctx, infoQuery, nil, &data); err != nil {
		return Info{}, err
	}
	domain, err := bellhop.ParseShopDomain(data.Shop.Domain)
	if err != nil {
		return Info{}, refuse(Unavailable, s.domain, "ShopInfo: the answer names no shop")
	}
	text := func(s string) string { return shopify.Text(s, maxText) }
	return Info{domain, text(data.Shop.Name), text(data.Shop.Email), text(data.Shop.Currency),
		text(data.Shop.Timezone), text(data.Shop.Plan.Name)}, nil
}

// maxText bounds the bytes of a text of Shopify's that is kept.
const maxText = 255

var scopesQuery = operation{"Scopes", `query Scopes {
  currentAppInstallation { accessScopes { handle } }
}`}

// Scopes returns what the shop has granted, sorted.
func (s *Shop) Scopes(ctx context.Context) ([]string, error) {
	var data struct {
		Installation struct {
			Scopes []struct {
				Handle string `json:"handle"`
			} `json:"accessScopes"`
		} `json:"currentAppInstallation"`
	}
	if err := s.do(ctx, scopesQuery, nil, &data); err != nil {
		return nil, err
	}
	var scopes []string
	for _, scope := range data.Installation.Scopes {
		scopes = append(scopes, scope.Handle)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}
