package lambdahost

import (
	"maps"
	"slices"

	"bellhop"
	"bellhop/shopify"
)

// EncodeShopSecrets returns the secrets that shops have of their own, by the shop's domain; while one rotates, the old
// one follows behind a comma.
func EncodeShopSecrets(shops []bellhop.Shop) map[string]string {
	secrets := map[string]string{}
	for _, s := range shops {
		if s.Secret == "" {
			continue
		}
		secrets[s.Domain] = s.Secret
		if s.PreviousSecret != "" {
			secrets[s.Domain] += "," + s.PreviousSecret
		}
	}
	return secrets
}

// DecodeShopSecrets returns the shops in what [EncodeShopSecrets] made, by domain. No error holds a secret.
func DecodeShopSecrets(secrets map[string]string) ([]bellhop.Shop, error) {
	shops := make([]bellhop.Shop, 0, len(secrets))
	for _, domain := range slices.Sorted(maps.Keys(secrets)) {
		s := bellhop.Shop{}
		var err error
		if s.Domain, err = bellhop.ParseShopDomain(domain); err != nil { // it may be a secret in the wrong place
			return nil, bellhop.Invalidf("shop_secrets", "one of the names is no shop: give NAME.myshopify.com and its secret")
		}
		var ok bool
		if s.Secret, s.PreviousSecret, ok = shopify.TwoSecrets(secrets[domain]); !ok || s.Secret == "" {
			return nil, bellhop.Invalidf("shop_secrets",
				"the secret of %s is empty or has a wrong comma: give one secret, or the new and the old one separated by a comma",
				domain)
		}
		shops = append(shops, s)
	}
	return shops, nil
}
