package wire

import (
	"context"
	"crypto/ed25519"

	"bellhop"
	"bellhop/store"
	"bellhop/store/sealed"
)

// SigningKey returns what gets the key that signs statements, of a store that was opened here.
func SigningKey(s store.Store) func(context.Context) (ed25519.PrivateKey, error) {
	return func(ctx context.Context) (ed25519.PrivateKey, error) {
		if opened, ok := s.(*sealed.Store); ok {
			return opened.PrivateKey(ctx)
		}
		return nil, bellhop.Errorf(bellhop.Conflict, "key_missing", "there is no key that signs statements")
	}
}
