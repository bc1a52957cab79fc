package sealed

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"

	"bellhop"
	"bellhop/store"
)

// ownKey is a key that a database has of its own. It is kept sealed in it, and made when it is first needed.
type ownKey struct {
	at   place
	kept func(store.KeyChecks, context.Context) (string, error)
	put  func(s store.KeyChecks, ctx context.Context, was, is string) error
}

var (
	markKey = ownKey{place{"mark_key", "this database", "key_of_marks"},
		store.KeyChecks.MarkKey, store.KeyChecks.PutMarkKey}
	signingKey = ownKey{place{"signing_key", "this database", "key_of_statements"},
		store.KeyChecks.SigningKey, store.KeyChecks.PutSigningKey}

	ownKeys = []ownKey{markKey, signingKey}
)

// ownKeyAt returns the one that is kept at a place, if there is one.
func ownKeyAt(at place) (k ownKey, ok bool) {
	for _, k := range ownKeys {
		if k.at == at {
			return k, true
		}
	}
	return ownKey{}, false
}

// read returns a key, and makes it if there is none.
func (k ownKey) read(ctx context.Context, s store.KeyChecks, keys Keys) ([]byte, error) {
	if len(keys) == 0 {
		return nil, missing()
	}
	text, err := k.keep(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	return k.open(text, keys)
}

// open returns a key that is kept as this text.
func (k ownKey) open(text string, keys Keys) ([]byte, error) {
	text, err := keys.open(text, k.at)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != size {
		return nil, bellhop.Errorf(bellhop.Conflict, "sealed", "the %s is no key: bellhop key reset makes a new one", k.at)
	}
	return raw, nil
}

// keep returns a key as it is kept. Of several processes that make it at once one is first.
func (k ownKey) keep(ctx context.Context, s store.KeyChecks, keys Keys) (string, error) {
	text, err := k.kept(s, ctx)
	if err != nil || text != "" {
		return text, err
	}
	err = k.put(s, ctx, "", k.made(keys))
	if err != nil && bellhop.KindOf(err) != bellhop.Conflict {
		return "", err
	}
	return k.kept(s, ctx)
}

// made returns a new key, sealed.
func (k ownKey) made(keys Keys) string { return keys[0].seal(MakeKey(), k.at) }

func (k ownKey) reseal(ctx context.Context, s store.KeyChecks, keys Keys, was string) error {
	plain, err := keys.open(was, k.at)
	if err != nil {
		return err
	}
	return k.put(s, ctx, was, keys[0].seal(plain, k.at))
}

// PrivateKey returns the key that signs statements, and makes it if there is none.
func (s *Store) PrivateKey(ctx context.Context) (ed25519.PrivateKey, error) {
	seed, err := signingKey.read(ctx, s.Store, s.keys)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// PublicKey returns the key that checks statements; bellhop.NotFound before there is one.
func PublicKey(ctx context.Context, s store.KeyChecks, keys Keys) (ed25519.PublicKey, error) {
	text, err := s.SigningKey(ctx)
	if err == nil && text == "" {
		err = bellhop.Errorf(bellhop.NotFound, "no_key",
			"there is no key of statements yet: bellhop makes it with the first one")
	}
	if err != nil {
		return nil, err
	}
	seed, err := signingKey.open(text, keys)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey), nil
}
