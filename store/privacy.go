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

	// PutExport keeps the export of a request until a time, in the place of an earlier one. It has
	// [MaxExport] bytes at most.
	PutExport(ctx context.Context, id int64, export []byte, until time.Time) error
	// PrivacyExport returns the export of a shop's request; bellhop.NotFound if there is none, or no longer.
	PrivacyExport(ctx context.Context, shop string, id int64) ([]byte, error)
	// DropExports drops exports that were to stay until before a time, limit at most, and returns their
	// number.
	DropExports(ctx context.Context, before time.Time, limit int) (int, error)
}

// MaxExport bounds an export.
const MaxExport = 32 << 20

// RequestQuery narrows the list of requests. Zero fields don't.
type RequestQuery struct {
	Limit  int // 1 to 200; 0 means 50
	Cursor string
	Shop   string
	Open   bool // only those without an outcome
}

// RequestPage is a part of the list.
type RequestPage struct {
	Requests []bellhop.PrivacyRequest
	Next     string
}
