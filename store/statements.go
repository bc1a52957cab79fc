package store

import (
	"context"
	"time"

	"bellhop"
)

// Statements are the shops' chains of statements ([bellhop.Statement]), and what they are made of. All methods but
// Statements return bellhop.NotFound without the shop.
type Statements interface {
	// AddStatement adds a statement behind the newest of its shop, with the lines that it covers:
	// [bellhop.StampBytes] each, [MaxStatementLines] at most. It returns bellhop.Conflict unless its number and
	// Previous follow that one.
	AddStatement(ctx context.Context, s bellhop.Statement, lines []byte) error
	// Statements lists a shop's statements by number.
	Statements(ctx context.Context, q StatementQuery) ([]bellhop.Statement, error)
	// LastStatement returns a shop's newest statement; zero but for Shop before there is one.
	LastStatement(ctx context.Context, shop string) (bellhop.Statement, error)
	// StatementLines returns the lines that a statement covers; bellhop.NotFound without the statement, or once
	// they were pruned with the ledger.
	StatementLines(ctx context.Context, shop string, number int64) ([]byte, error)
	// LedgerStamps lists the ledger's lines of a shop's events whose ids begin with a time at or after from and before
	// to, in milliseconds, by these ids, from behind the event after; limit is 1 to [FatesMost].
	LedgerStamps(ctx context.Context, shop string, from, to time.Time, after bellhop.EventID, limit int) (
		[]LedgerStamp, error)
	// Fates lists what became of a shop's orders that were created at or after from and before to, by their ids,
	// from behind the order after; limit is 1 to [FatesMost]. It leaves out deleted orders. One that an older bellhop
	// recorded counts as created when it was placed. Each page goes through all orders of the time: ask for hours or
	// days.
	Fates(ctx context.Context, shop string, from, to time.Time, after int64, limit int) ([]Fate, error)
}

const (
	// MaxStatementLines bounds the lines of a statement: 100 MB.
	MaxStatementLines = 4_000_000
	// FatesMost bounds a page of Fates and LedgerStamps.
	FatesMost = 10_000
)

// StatementQuery narrows a list of statements. Zero fields, but for Shop, don't.
type StatementQuery struct {
	Shop     string
	From, To time.Time // those whose time has something in common with this one
	After    int64     // a number
	Limit    int       // 1 to 200; 0 means 50
}

// LedgerStamp is a line of the ledger as a statement covers it: it holds no personal data.
type LedgerStamp struct {
	Event   bellhop.EventID
	Outcome bellhop.Outcome
	At      time.Time // of the outcome
}

// Fate is what became of an order, and whether somebody was rung for it ([bellhop.PushOrderNew]).
type Fate struct {
	Order      int64
	CreatedAt  time.Time // at Shopify
	RecordedAt time.Time // for the first time
	Found      string    // Trace.Found
	// Rung says that a push was sent, to a device at least, or perhaps was.
	Rung bool
	// Quiet is why nobody was rung; "" if somebody was. Of several devices' reasons it is that of a push on its way
	// before that of one that failed, and that before others; among equals the most frequent, then the first by
	// name. A push without a reason has its status as one.
	Quiet string
}
