package main

import (
	"context"
	"encoding/json"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon/vault"
)

// shareShopSecrets copies the secrets of shops from the database to where accept, which has no database, reads them.
func (p *parts) shareShopSecrets(ctx context.Context, now map[string]string) error {
	secrets, err := p.secrets(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	before, err := secrets.Get(ctx, p.settings.ShopSecrets)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	if before == string(text) || err != nil && len(now) == 0 {
		return nil
	}
	if len(text) > vault.MaxSecret {
		return bellhop.Errorf(bellhop.TooLarge, "shop_secrets",
			"the secrets of %d shops take %d bytes, and Secrets Manager keeps %d: finish rotations, or let shops sign with "+
				"the app's secret", len(now), len(text), vault.MaxSecret)
	}
	return secrets.Put(ctx, p.settings.ShopSecrets, string(text))
}

// acceptedSecrets reads anew what webhooks may be signed with. The app may have no secret when shops have their own.
func (p *parts) acceptedSecrets(ctx context.Context) (s lambdahost.Secrets, err error) {
	if s.Shops, err = p.shopSecrets(ctx); err != nil {
		return s, err
	}
	s.App, s.Previous, err = p.shopifySecret(ctx)
	if bellhop.KindOf(err) == bellhop.NotFound && len(s.Shops) > 0 {
		err = nil
	}
	return s, err
}

// shopSecrets returns the shops with a secret of their own.
func (p *parts) shopSecrets(ctx context.Context) ([]bellhop.Shop, error) {
	if p.settings.ShopSecrets == "" {
		return nil, nil
	}
	text, err := p.secret(ctx, p.settings.ShopSecrets)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil, nil // migrate has put none there yet
	}
	if err != nil {
		return nil, err
	}
	var secrets map[string]string
	if json.Unmarshal([]byte(text), &secrets) != nil { // its error could quote a secret
		return nil, bellhop.Errorf(bellhop.Unavailable, "secret", "the secret %s is no JSON: run migrate again",
			p.settings.ShopSecrets)
	}
	return lambdahost.DecodeShopSecrets(secrets)
}
