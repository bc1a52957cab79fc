package lambdahost

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Migrate is the function that a deployment calls: it brings the database up to
// date and adds shops.
type Migrate struct {
	// Run brings the database and its logins up to date, and returns the number of migrations.
	Run func(ctx context.Context) (int, error)
	// Analyze gathers the database's statistics anew.
	Analyze  func(ctx context.Context) error
	Database *Database
	// Share gets the secrets that shops have of their own, for functions without the database. nil: nobody does.
	Share func(ctx context.Context, secrets map[string]string) error
	Log   *slog.Logger
	Now   func() time.Time
}

// Invoke takes {} or {"shops":["NAME.myshopify.com"],"shop_secrets":{"NAME.myshopify.com":"secret[,old]"},
// "analyze":true}. It adds missing shops, gives shops secrets of their own, and leaves all else of shops as it is. A
// deployment that upgraded the database has it analyzed.
func (f *Migrate) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in struct {
		Shops   []string          `json:"shops"`
		Secrets map[string]string `json:"shop_secrets"`
		Analyze bool              `json:"analyze"`
	}
	if err := read(payload, "a request to migrate", &in); err != nil {
		return nil, err
	}
	shops, err := wanted(in.Shops, in.Secrets)
	if err != nil {
		return nil, err
	}
	n, err := f.Run(ctx)
	if err != nil {
		return nil, failed(TypeUnavailable, fmt.Errorf("bring the database up to date: %w", err))
	}
	if in.Analyze {
		if err := f.Analyze(ctx); err != nil {
			return nil, failed(TypeUnavailable, err)
		}
	}
	added, changed, err := f.put(ctx, shops)
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	f.Log.Info("migrated", "migrations", n, "shops", added, "secrets", changed)
	return write(map[string]any{"migrations": n, "shops_added": added, "secrets_changed": changed})
}

// wanted returns the shops of a request, each once.
func wanted(domains []string, secrets map[string]string) ([]bellhop.Shop, error) {
	shops, err := DecodeShopSecrets(secrets)
	if err != nil {
		return nil, notOurs("%v", err)
	}
	for i, given := range domains {
		domain, err := bellhop.ParseShopDomain(given)
		if err != nil {
			return nil, notOurs("shop %d: %v", i+1, err)
		}
		if !slices.ContainsFunc(shops, func(s bellhop.Shop) bool { return s.Domain == domain }) {
			shops = append(shops, bellhop.Shop{Domain: domain})
		}
	}
	return shops, nil
}

// put brings the shops up to date, and hands the secrets of all shops on.
func (f *Migrate) put(ctx context.Context, shops []bellhop.Shop) (added, changed []string, err error) {
	added, changed = []string{}, []string{}
	open, err := f.Database.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range shops {
		isNew, isOther, err := f.putShop(ctx, open, s)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("add the shop %s: %w", s.Domain, err)
		case isNew:
			added = append(added, s.Domain)
		case isOther:
			changed = append(changed, s.Domain)
		}
	}
	if f.Share == nil {
		return added, changed, nil
	}
	all, err := open.Shops(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the shops: %w", err)
	}
	return added, changed, f.Share(ctx, EncodeShopSecrets(all))
}

// putShop adds a shop, or gives an existing one its secret, if it has one of its own.
func (f *Migrate) putShop(ctx context.Context, open store.Shops, s bellhop.Shop) (isNew, isOther bool, err error) {
	s.AddedAt = f.Now().UTC().Truncate(time.Microsecond)
	err = open.AddShop(ctx, s)
	if err == nil || bellhop.CodeOf(err) != "shop_exists" {
		return err == nil, false, err
	}
	if s.Secret == "" {
		return false, false, nil
	}
	err = open.UpdateShop(ctx, s.Domain, func(there *bellhop.Shop) {
		isOther = there.Secret != s.Secret || there.PreviousSecret != s.PreviousSecret
		there.Secret, there.PreviousSecret = s.Secret, s.PreviousSecret
	})
	return false, isOther, err
}
