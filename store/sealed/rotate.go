package sealed

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// Use counts the secrets that a key sealed.
type Use struct {
	Key     string // its id; "" for secrets that are plain
	Secrets int    // of shops
	Tokens  int    // of connections
	Marks   int    // the key of the marks: 1 or 0
	Signing int    // the key that signs statements: 1 or 0
}

// Uses counts the secrets in a store by key, in the order in which they are met.
func Uses(ctx context.Context, s store.Store) (uses []Use, err error) {
	err = each(ctx, s, func(secrets []secret) error {
		for _, one := range secrets {
			if *one.text != "" {
				u := use(&uses, keyOf(*one.text))
				switch one.at.table {
				case "shops":
					u.Secrets++
				case "connections":
					u.Tokens++
				case markKey.at.table:
					u.Marks++
				default:
					u.Signing++
				}
			}
		}
		return nil
	})
	return uses, err
}

func use(uses *[]Use, key string) *Use {
	for i := range *uses {
		if (*uses)[i].Key == key {
			return &(*uses)[i]
		}
	}
	*uses = append(*uses, Use{Key: key})
	return &(*uses)[len(*uses)-1]
}

// Rotate seals everything in a store anew that is not under the first key. Then the other key can go.
// After an interruption, calling it again does the rest.
func Rotate(ctx context.Context, s store.Store, keys Keys) (Resealed, error) {
	if _, err := Open(ctx, s, keys); err != nil {
		return Resealed{}, err
	}
	done, err := reseal(ctx, s, keys, func(text string) bool { return !keys.current(text) })
	if err != nil {
		return done, err
	}
	check, err := s.KeyCheck(ctx)
	if err != nil || keys.current(check) {
		return done, err
	}
	return done, s.PutKeyCheck(ctx, check, keys[0].seal(checked, checkAt))
}

// Lost lists the shops whose secrets could not be opened.
type Lost struct {
	Secrets     []string // that had a secret of their own
	Connections []string
	Marks       bool // the key of the marks: with a new one nobody is recognised by the marks of before
	Signing     bool // the key that signed statements: the next one is signed with another
}

// Reset drops what these keys can't open, and makes the first one the database's. A shop keeps
// [bellhop.Shop.OwnSecretOnly]: without a secret it takes no webhook.
func Reset(ctx context.Context, s store.Store, keys Keys, now time.Time) (lost Lost, err error) {
	if len(keys) == 0 {
		return lost, missing()
	}
	err = each(ctx, s, func(secrets []secret) error {
		if keys.openAll(secrets) == nil {
			return nil
		}
		at := secrets[0].at
		switch at.table {
		case "shops":
			lost.Secrets = append(lost.Secrets, at.row)
			return s.UpdateShop(ctx, at.row, func(shop *bellhop.Shop) { keys.drop(secretsOf(shop)) })
		}
		if k, ok := ownKeyAt(at); ok {
			lost.Marks, lost.Signing = lost.Marks || k.at == markKey.at, lost.Signing || k.at == signingKey.at
			return k.put(s, ctx, *secrets[0].text, k.made(keys))
		}
		lost.Connections = append(lost.Connections, at.row)
		return s.UpdateConnection(ctx, at.row, func(c *bellhop.Connection) error {
			if keys.drop(tokensOf(c)) && c.Access != bellhop.AccessUninstalled {
				c.Token, c.RefreshToken = "", ""
				c.ExpiresAt, c.RefreshExpiresAt = time.Time{}, time.Time{}
				c.Access, c.Reason, c.Since = bellhop.AccessLost, reconnect, now
			}
			return nil
		})
	})
	if err != nil {
		return lost, err
	}
	check, err := s.KeyCheck(ctx)
	if err == nil && check != "" && keys.recognise(check) != nil {
		err = s.PutKeyCheck(ctx, check, keys[0].seal(checked, checkAt))
	}
	if err == nil {
		_, err = Open(ctx, s, keys)
	}
	return lost, err
}

// reconnect is the reason of a connection whose owner has to connect the shop again, as Shopify's client has it.
const reconnect = "reconnect_needed"

// drop empties the secrets that these keys can't open, and reports whether there were any.
func (ks Keys) drop(all []secret) (any bool) {
	for _, s := range all {
		if _, err := ks.open(*s.text, s.at); err != nil {
			*s.text, any = "", true
		}
	}
	return any
}
