package lambdahost

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bellhop"
)

// Migrate is the function that a deployment calls: it brings the database up to
// date and adds shops.
type Migrate struct {
	// Run brings the database and its logins up to date, and returns the number of migrations.
	Run func(ctx context.Context) (int, error)
	// Analyze gathers the database's statistics anew.
	Analyze  func(ctx context.Context) error
	Database *Database
	Log      *slog.Logger
	Now      func() time.Time
}

// Invoke takes {} or {"shops":["NAME.myshopify.com"],"analyze":true}; existing shops stay
// as they are, and a deployment that upgraded the database has it analyzed.
func (f *Migrate) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in struct {
		Shops   []string `json:"shops"`
		Analyze bool     `json:"analyze"`
	}
	if err := read(payload, "a request to migrate", &in); err != nil {
		return nil, err
	}
	for i, shop := range in.Shops {
		domain, err := bellhop.ParseShopDomain(shop)
		if err != nil {
			return nil, notOurs("shop %d: %v", i+1, err)
		}
		in.Shops[i] = domain
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
	added, err := f.add(ctx, in.Shops)
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	f.Log.Info("migrated", "migrations", n, "shops", added)
	return write(map[string]any{"migrations": n, "shops_added": added})
}

func (f *Migrate) add(ctx context.Context, shops []string) (added []string, err error) {
	added = []string{}
	open, err := f.Database.Get(ctx)
	if err != nil {
		return added, err
	}
	for _, domain := range shops {
		err := open.AddShop(ctx, bellhop.Shop{Domain: domain, AddedAt: f.Now().UTC().Truncate(time.Microsecond)})
		switch {
		case bellhop.KindOf(err) == bellhop.Conflict:
		case err != nil:
			return added, fmt.Errorf("add the shop %s: %w", domain, err)
		default:
			added = append(added, domain)
		}
	}
	return added, nil
}
