package sealed

import (
	"context"
	"slices"

	"bellhop"
	"bellhop/store"
)

// checked is what the check value seals. Only the right key opens it.
const checked = "bellhop"

var checkAt = place{"key_check", "this database", "check_value"}

// Open returns the store with its secrets sealed under the first key. It fails if another key sealed
// something, and seals what is plain yet.
func Open(ctx context.Context, s store.Store, keys Keys) (*Store, error) {
	if len(keys) == 0 {
		return nil, missing()
	}
	plain, err := check(ctx, s, keys)
	if err == nil {
		err = keep(ctx, s, keys)
	}
	if err == nil && plain {
		_, err = reseal(ctx, s, keys, isPlain)
	}
	sealed := &Store{Store: s, keys: keys}
	if err == nil {
		_, err = sealed.marker.key(ctx, s, keys)
	}
	if err != nil {
		return nil, err
	}
	return sealed, nil
}

func isPlain(text string) bool { return text != "" && keyOf(text) == "" }

// Sealed reports whether a key sealed something in a store, if only its check value.
func Sealed(ctx context.Context, s store.Store) (bool, error) {
	check, err := s.KeyCheck(ctx)
	if err != nil || check != "" {
		return check != "", err
	}
	uses, err := Uses(ctx, s)
	return slices.ContainsFunc(uses, func(u Use) bool { return u.Key != "" }), err
}

// Check fails if a key that is not among these sealed something in a store. It changes nothing.
func Check(ctx context.Context, s store.Store, keys Keys) error {
	_, err := check(ctx, s, keys)
	return err
}

// check is Check, and reports whether a secret is plain yet.
func check(ctx context.Context, s store.Store, keys Keys) (plain bool, err error) {
	value, err := s.KeyCheck(ctx)
	if err == nil {
		err = keys.recognise(value)
	}
	if err != nil {
		return false, err
	}
	err = each(ctx, s, func(secrets []secret) error {
		for _, one := range secrets {
			plain = plain || isPlain(*one.text)
		}
		return keys.openAll(secrets)
	})
	return plain, err
}

// recognise fails if these keys did not seal a check value; "" is none yet.
func (ks Keys) recognise(check string) error {
	id := keyOf(check)
	if check == "" {
		return nil
	}
	if len(ks) == 0 {
		return missing()
	}
	if k, ok := ks.of(id); ok {
		if text, err := k.open(check, checkAt); err == nil && text == checked {
			return nil
		}
	}
	return unknown("this database", id, ks)
}

// keep keeps a check value of the first key, unless there is one. Of several processes that begin at
// once one is first, and the others must have its key.
func keep(ctx context.Context, s store.KeyChecks, keys Keys) error {
	check, err := s.KeyCheck(ctx)
	if err != nil {
		return err
	}
	if check == "" {
		err = s.PutKeyCheck(ctx, "", keys[0].seal(checked, checkAt))
		if bellhop.KindOf(err) != bellhop.Conflict {
			return err
		}
		if check, err = s.KeyCheck(ctx); err != nil {
			return err
		}
	}
	return keys.recognise(check)
}

// each calls fn with the secrets of each shop and connection, and with each key of the database's own, as they are
// kept.
func each(ctx context.Context, s store.Store, fn func([]secret) error) error {
	shops, err := s.Shops(ctx)
	if err != nil {
		return err
	}
	for i := range shops {
		if err := fn(secretsOf(&shops[i])); err != nil {
			return err
		}
	}
	connections, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	for i := range connections {
		if err := fn(tokensOf(&connections[i])); err != nil {
			return err
		}
	}
	for _, k := range ownKeys {
		text, err := k.kept(s, ctx)
		if err == nil {
			err = fn([]secret{{&text, k.at}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Resealed counts the shops and connections whose secrets were sealed anew. Marks says that the key of the marks was,
// Signing that the key was that signs statements.
type Resealed struct {
	Shops, Connections int
	Marks, Signing     bool
}

// reseal seals anew, under the first key, the secrets whose texts are meant.
func reseal(ctx context.Context, s store.Store, keys Keys, meant func(text string) bool) (done Resealed, err error) {
	var shops, connections []string
	own := map[place]string{}
	err = each(ctx, s, func(secrets []secret) error {
		for _, one := range secrets {
			if !meant(*one.text) {
				continue
			}
			switch one.at.table {
			case "shops":
				shops = append(shops, one.at.row)
			case "connections":
				connections = append(connections, one.at.row)
			default:
				own[one.at] = *one.text
			}
			break
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	nothing := func() error { return nil }
	for _, domain := range shops {
		err := updateShop(ctx, s, domain, func(shop *bellhop.Shop) error { return keys.change(secretsOf(shop), nothing) })
		if err != nil {
			return done, err
		}
		done.Shops++
	}
	for _, domain := range connections {
		err := s.UpdateConnection(ctx, domain, func(c *bellhop.Connection) error {
			return keys.change(tokensOf(c), nothing)
		})
		if err != nil {
			return done, err
		}
		done.Connections++
	}
	for _, k := range ownKeys {
		if text := own[k.at]; text != "" {
			if err := k.reseal(ctx, s, keys, text); err != nil {
				return done, err
			}
		}
	}
	done.Marks, done.Signing = own[markKey.at] != "", own[signingKey.at] != ""
	return done, nil
}
