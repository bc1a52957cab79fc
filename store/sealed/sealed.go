// Package sealed is a store over another one that keeps secrets encrypted in it: those that shops have
// of their own, the tokens of their connections, and the key of the marks by which it recognises whom it has to
// forget. No driver knows of it.
//
// A secret is sealed with AES-256-GCM under the first of the keys, and bound to its table, shop and
// column, so that nobody can put it elsewhere. Its text names the key, so that two can be in use while
// they rotate. Texts of before there were keys are read as they are; [Open] seals them.
package sealed

import (
	"cmp"
	"context"

	"bellhop"
	"bellhop/store"
)

// Store is the store over another one.
type Store struct {
	store.Store
	keys   Keys
	marker marker
}

var _ store.Store = (*Store)(nil)

// Keyless returns a store without keys. It reads what is plain, as everything was before there were keys, and
// neither keeps a new secret nor opens a sealed one. Nor does it record anything of a shop that has to forget
// somebody.
func Keyless(s store.Store) *Store { return &Store{Store: s} }

// secret is a secret and where it is kept.
type secret struct {
	text *string
	at   place
}

func secretsOf(s *bellhop.Shop) []secret {
	return []secret{{&s.Secret, place{"shops", s.Domain, "secret"}},
		{&s.PreviousSecret, place{"shops", s.Domain, "previous_secret"}}}
}

func tokensOf(c *bellhop.Connection) []secret {
	return []secret{{&c.Token, place{"connections", c.Shop, "token"}},
		{&c.RefreshToken, place{"connections", c.Shop, "refresh_token"}}}
}

// openAll opens secrets where they are.
func (ks Keys) openAll(all []secret) error {
	for _, s := range all {
		plain, err := ks.open(*s.text, s.at)
		if err != nil {
			return err
		}
		*s.text = plain
	}
	return nil
}

// sealAll seals secrets where they are, under the first key.
func (ks Keys) sealAll(all ...secret) error {
	for _, s := range all {
		if *s.text == "" {
			continue
		}
		if len(ks) == 0 {
			return missing()
		}
		*s.text = ks[0].seal(*s.text, s.at)
	}
	return nil
}

// change opens secrets, makes a change, and seals them. A secret that stays keeps its text, unless
// another key sealed it.
func (ks Keys) change(all []secret, change func() error) error {
	var kept, plain []string
	for _, s := range all {
		kept = append(kept, *s.text)
	}
	if err := ks.openAll(all); err != nil {
		return err
	}
	for _, s := range all {
		plain = append(plain, *s.text)
	}
	if err := change(); err != nil {
		return err
	}
	for i, s := range all {
		if *s.text == plain[i] && ks.current(kept[i]) {
			*s.text = kept[i]
		} else if err := ks.sealAll(s); err != nil {
			return err
		}
	}
	return nil
}

// current reports whether a text is as these keys keep it.
func (ks Keys) current(text string) bool {
	return text == "" || len(ks) == 0 || keyOf(text) == ks[0].id
}

// AddShop implements [store.Shops].
func (s *Store) AddShop(ctx context.Context, shop bellhop.Shop) error {
	if err := s.keys.sealAll(secretsOf(&shop)...); err != nil {
		return err
	}
	return s.Store.AddShop(ctx, shop)
}

// Shops implements [store.Shops].
func (s *Store) Shops(ctx context.Context) ([]bellhop.Shop, error) {
	return opened(s.keys, secretsOf)(s.Store.Shops(ctx))
}

// Shop implements [store.Shops].
func (s *Store) Shop(ctx context.Context, domain string) (bellhop.Shop, error) {
	shop, err := s.Store.Shop(ctx, domain)
	if err == nil {
		err = s.keys.openAll(secretsOf(&shop))
	}
	if err != nil {
		return bellhop.Shop{}, err
	}
	return shop, nil
}

// opened opens the secrets of all.
func opened[T any](ks Keys, in func(*T) []secret) func([]T, error) ([]T, error) {
	return func(all []T, err error) ([]T, error) {
		for i := range all {
			if err == nil {
				err = ks.openAll(in(&all[i]))
			}
		}
		if err != nil {
			return nil, err
		}
		return all, nil
	}
}

// UpdateShop implements [store.Shops].
func (s *Store) UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error {
	return updateShop(ctx, s.Store, domain, func(shop *bellhop.Shop) error {
		return s.keys.change(secretsOf(shop), func() error { change(shop); return nil })
	})
}

// updateShop is UpdateShop for a change that may fail: then the shop stays as it is.
func updateShop(ctx context.Context, in store.Shops, domain string, change func(*bellhop.Shop) error) error {
	var failed error
	err := in.UpdateShop(ctx, domain, func(shop *bellhop.Shop) {
		was := *shop
		if failed = change(shop); failed != nil {
			*shop = was
		}
	})
	return cmp.Or(err, failed)
}

// Connections implements [store.Connections].
func (s *Store) Connections(ctx context.Context) ([]bellhop.Connection, error) {
	return opened(s.keys, tokensOf)(s.Store.Connections(ctx))
}

// Connection implements [store.Connections].
func (s *Store) Connection(ctx context.Context, shop string) (bellhop.Connection, error) {
	c, err := s.Store.Connection(ctx, shop)
	if err == nil {
		err = s.keys.openAll(tokensOf(&c))
	}
	if err != nil {
		return bellhop.Connection{}, err
	}
	return c, nil
}

// PutConnection implements [store.Connections].
func (s *Store) PutConnection(ctx context.Context, c bellhop.Connection) error {
	if err := s.keys.sealAll(tokensOf(&c)...); err != nil {
		return err
	}
	return s.Store.PutConnection(ctx, c)
}

// UpdateConnection implements [store.Connections].
func (s *Store) UpdateConnection(ctx context.Context, shop string, change func(*bellhop.Connection) error) error {
	return s.Store.UpdateConnection(ctx, shop, func(c *bellhop.Connection) error {
		return s.keys.change(tokensOf(c), func() error { return change(c) })
	})
}
