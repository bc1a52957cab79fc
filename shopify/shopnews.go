package shopify

import (
	"cmp"
	"slices"

	"bellhop"
)

// The most scopes that are kept, and the longest. Shopify has about a hundred.
const maxScopes, maxScope = 300, 64

func decodeShopNews(e *bellhop.Event) (n *bellhop.ShopNews, err error) {
	n = &bellhop.ShopNews{At: eventTime(e)}
	switch e.Topic {
	case TopicAppUninstalled:
		n.Uninstalled, err = true, checkShop(e)
	case TopicAppScopesUpdate:
		n.Scopes, err = decodeScopes(e)
	default:
		n.Info, err = decodeShop(e)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// shopRoot is a shop as Shopify's REST API has it. In the sample of shop/update most fields are null.
type shopRoot struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Currency string `json:"currency"`
	Timezone string `json:"iana_timezone"`
	Plan     string `json:"plan_display_name"`
	PlanName string `json:"plan_name"` // Shopify's own word for it
}

func decodeShop(e *bellhop.Event) (*bellhop.ShopInfo, error) {
	if err := checkShop(e); err != nil {
		return nil, err
	}
	var root shopRoot
	if _, err := unmarshalLoosely(e.Body, &root); err != nil {
		return nil, err
	}
	return &bellhop.ShopInfo{
		Name: clean(root.Name, maxText), Email: clean(root.Email, maxText), Currency: clean(root.Currency, maxText),
		Timezone: clean(root.Timezone, maxText), Plan: clean(cmp.Or(root.Plan, root.PlanName), maxText),
	}, nil
}

type scopesRoot struct {
	Current []string `json:"current"`
}

func decodeScopes(e *bellhop.Event) ([]string, error) {
	var root scopesRoot
	if err := unmarshal(e.Body, &root); err != nil {
		return nil, err
	}
	if root.Current == nil {
		return nil, lacking(e.Topic)
	}
	scopes := root.Current[:min(len(root.Current), maxScopes)]
	for i, s := range scopes {
		scopes[i] = clean(s, maxScope)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}
