package store

import (
	"context"
	"time"

	"bellhop"
)

// Privacy keeps the requests for personal data, and carries them out in parts. Each call is bounded and
// may be repeated.
type Privacy interface {
	// Requests lists requests, newest first.
	Requests(ctx context.Context, q RequestQuery) (RequestPage, error)
	// Request returns one of a shop, or of any when shop is ""; bellhop.NotFound if there is none.
	Request(ctx context.Context, shop string, id int64) (bellhop.PrivacyRequest, error)
	// AddRequest adds an operator's request with its marks, and returns it with its id.
	AddRequest(ctx context.Context, r bellhop.PrivacyRequest) (bellhop.PrivacyRequest, error)
	// UpdateRequest changes what was done for a request, in one transaction. change sees it as it is, and
	// may be called more than once. Its error is returned, and nothing changes. A request with an outcome
	// loses its subject.
	UpdateRequest(ctx context.Context, id int64, change func(*bellhop.PrivacyRequest) error) error

	// Marks returns which of these marks a shop has to forget, each with the creation of the last order that
	// it counts for; zero is all of them.
	Marks(ctx context.Context, shop string, of []bellhop.Mark) (map[bellhop.Mark]time.Time, error)
	// AddMarks adds marks, as Marks returns them.
	AddMarks(ctx context.Context, shop string, marks map[bellhop.Mark]time.Time) error
	// SettleMarks returns once no Record is under way that has not seen the marks of all requests: orders
	// that come later are recognised, and those that came before can be found.
	SettleMarks(ctx context.Context) error
	// PersonalOrders looks at up to limit orders of a shop from behind an order's id, in the order of the
	// ids, and returns those with personal data, whole but for their pushes. One that has not come
	// yet has only its history. It stops at [ArchivedBytes], too. next is the last one's id; 0 behind all orders.
	PersonalOrders(ctx context.Context, shop string, after int64, limit int) (
		orders []bellhop.Order, next int64, err error)
	// RedactOrders takes away the personal data of orders ([bellhop.Order.Redact]), with their tokens in the
	// search index and the bodies of their webhooks, and adds the change to the stream. It returns how many orders it
	// changed, of [RedactMost] at a time: those that had personal data. why is one of bellhop's RedactedFor.
	// What was taken away for a request stays so, whatever is recorded later.
	RedactOrders(ctx context.Context, shop string, ids []int64, why string, at time.Time) (int, error)
	// DropBodies drops the bodies of a shop's events that have a line in the ledger, of [DropMost] at a time,
	// and returns how many had one.
	DropBodies(ctx context.Context, shop string, events []bellhop.EventID) (int, error)

	// PutExport keeps the export of a request until a time, in the place of an earlier one. It has
	// [MaxExport] bytes at most.
	PutExport(ctx context.Context, id int64, export []byte, until time.Time) error
	// PrivacyExport returns the export of a shop's request; bellhop.NotFound if there is none, or no longer.
	PrivacyExport(ctx context.Context, shop string, id int64) ([]byte, error)
	// DropExport drops the export of a shop's request, if it is there.
	DropExport(ctx context.Context, shop string, id int64) error
	// DropExports drops exports that were to stay until before a time, limit at most, and returns their
	// number.
	DropExports(ctx context.Context, before time.Time, limit int) (int, error)
}

// EachRequest calls fn with the requests that a query finds, page after page, up to fn's first error. A request that
// fn keeps stays as it is.
func EachRequest(ctx context.Context, in interface {
	Requests(ctx context.Context, q RequestQuery) (RequestPage, error)
}, q RequestQuery, fn func(*bellhop.PrivacyRequest) error) error {
	for q.Limit = 200; ; {
		page, err := in.Requests(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Requests {
			if err := fn(&page.Requests[i]); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// How much one transaction changes.
const (
	RedactMost = 200  // orders
	DropMost   = 1000 // bodies
)

// Backups notes which backups there are, since they hold what was redacted later.
type Backups interface {
	// AddBackup notes a backup. It drops notes of those that ran out before this one was made, and the oldest
	// beyond [bellhop.MaxRequestBackups].
	AddBackup(ctx context.Context, b bellhop.BackupNote) error
	// Backups lists those that had not run out at a time, as far as somebody said when, newest first.
	Backups(ctx context.Context, at time.Time) ([]bellhop.BackupNote, error)
}

// MaxExport bounds an export.
const MaxExport = 32 << 20

// UnmarkedError is that of facts without marks whose shop has to forget somebody. Nothing is recorded.
type UnmarkedError struct{ Shop string }

func (e *UnmarkedError) Error() string {
	return "the shop has to forget somebody, and the facts have no marks by which it recognises them"
}

// RequestQuery narrows the list of requests. Zero fields don't.
type RequestQuery struct {
	Limit  int // 1 to 200; 0 means 50
	Cursor string
	Shop   string
	Open   bool // only those without an outcome
	// Person narrows it to requests about somebody. It needs the key of the marks: a driver alone answers
	// bellhop.Invalid.
	Person bellhop.Subject
}

// RequestPage is a part of the list.
type RequestPage struct {
	Requests []bellhop.PrivacyRequest
	Next     string
}
