package store

import (
	"context"
	"time"

	"bellhop"
)

// Reconciling keeps how far shops were compared with Shopify, and has what is compared.
type Reconciling interface {
	// Reconciliation returns a shop's, zero but for Shop where none is kept; bellhop.NotFound without the shop.
	Reconciliation(ctx context.Context, shop string) (bellhop.Reconciliation, error)
	// Reconciliations lists up to limit that are due at or before a time, the longest due first. With the zero
	// time it lists all that are kept, by shop, whatever the limit.
	Reconciliations(ctx context.Context, due time.Time, limit int) ([]bellhop.Reconciliation, error)
	// UpdateReconciliation changes a shop's, all but its Shop, in one transaction, and adds it if none is kept.
	// change sees it as it is, and may be called more than once. Its error is returned, and nothing changes.
	UpdateReconciliation(ctx context.Context, shop string, change func(*bellhop.Reconciliation) error) error

	// OrderHeads returns those of a shop's orders that are here, by id, deleted ones too: of at most [HeadsMost].
	// It leaves out an order of which the store knows only a touch.
	OrderHeads(ctx context.Context, shop string, ids []int64) ([]OrderHead, error)
	// HeadsBetween returns up to limit of a shop's orders, [WindowMost] at most, that were created or updated
	// ([SortCreated], [SortUpdated]) at or after from and before to, by id, from behind the id after. Deleted
	// ones have no such times, and are left out.
	HeadsBetween(ctx context.Context, shop string, by Sort, from, to time.Time, after int64, limit int) (
		[]OrderHead, error)
	// WholeOrders returns those of a shop's orders that are here, by id, with details and history and without
	// pushes: of at most [WholeMost].
	WholeOrders(ctx context.Context, shop string, ids []int64) ([]bellhop.Order, error)
}

// The bounds of one call.
const (
	HeadsMost  = 500
	WindowMost = 10_000
	WholeMost  = 50
)

// OrderHead is what tells whether an order has to be compared.
type OrderHead struct {
	ID                   int64
	CreatedAt, UpdatedAt time.Time // in UTC; zero for a deleted one
	SaidAt               time.Time // when Shopify said so; see [bellhop.Version]
	Schema               int       // of its details: 0 for one that an older bellhop kept less of
	Deleted              bool
}
