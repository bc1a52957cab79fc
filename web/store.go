package web

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// Store is what web needs of the store.
type Store interface {
	store.Orders
	store.Shops
	store.People
	store.Sessions
	store.Tokens
	store.Devices
	store.Stream
	store.Looks
	Lines(ctx context.Context, q store.LineQuery) (store.LinePage, error) // of store.Ledger
	Totals(ctx context.Context) (map[bellhop.Outcome]int64, error)        // of store.Ledger
	DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error
	PushCounts(ctx context.Context) (map[bellhop.PushStatus]int64, error) // of store.Outbox
	// Pushes and PushReceipt are those of store.Outbox.
	Pushes(ctx context.Context, shop string, q store.PushQuery) (store.PushPage, error)
	PushReceipt(ctx context.Context, shop string, id int64, opened bool, at time.Time) error
	ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (int, error) // of store.Outbox
}
