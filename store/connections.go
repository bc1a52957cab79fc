package store

import (
	"context"
	"time"

	"bellhop"
)

// Connections are the shops' connections to Shopify's Admin API.
type Connections interface {
	// Connections lists them by shop.
	Connections(ctx context.Context) ([]bellhop.Connection, error)
	// Connection returns a shop's; bellhop.NotFound if there is none.
	Connection(ctx context.Context, shop string) (bellhop.Connection, error)
	// PutConnection adds or replaces a shop's connection, and clears the shop's UninstalledAt;
	// bellhop.NotFound without such a shop.
	PutConnection(ctx context.Context, c bellhop.Connection) error
	// UpdateConnection changes a connection, all but its shop, in one transaction. change sees it
	// as it is, and may be called more than once. Its error is returned, and nothing changes.
	//
	// When the access becomes [bellhop.AccessLost], the transaction owes each device of the shop's owners a push
	// ([bellhop.PushDisconnected]). A claim takes it by itself, whatever their settings say, as far as the push
	// service takes messages. As a test push it is in no delivery log and in no copy of the store.
	UpdateConnection(ctx context.Context, shop string, change func(*bellhop.Connection) error) error
	// Uninstall ends what a shop had: its connection's tokens, its owed pushes with
	// [ReasonUninstalled], and the sessions of its people who have no other shop with the app.
	// It sets the shop's UninstalledAt. From then on nothing is pushed for the shop; its events
	// are kept and recorded as before.
	Uninstall(ctx context.Context, shop string, at time.Time) error
}

// KeyChecks keep the value by which a process recognises the key that seals secrets, and the keys of the database's
// own that it seals: see [bellhop/store/sealed].
type KeyChecks interface {
	// KeyCheck returns it; "" before there is a key.
	KeyCheck(ctx context.Context) (string, error)
	// PutKeyCheck replaces was; bellhop.Conflict if it is another one by now.
	PutKeyCheck(ctx context.Context, was, is string) error
	// MarkKey returns the key of the marks ([bellhop.Mark]), as it is kept; "" before there is one.
	MarkKey(ctx context.Context) (string, error)
	// PutMarkKey is PutKeyCheck for it.
	PutMarkKey(ctx context.Context, was, is string) error
	// SigningKey returns the private key that signs statements, as it is kept; "" before there is one.
	SigningKey(ctx context.Context) (string, error)
	// PutSigningKey is PutKeyCheck for it.
	PutSigningKey(ctx context.Context, was, is string) error
}
