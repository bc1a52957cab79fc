package web

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// ExportStore is what giving an export needs of the store.
type ExportStore interface {
	store.Privacy
	store.AccessLog
}

// Owns reports whether the client is an owner of the shop that the request is about: an operator is none.
func (p Principal) Owns() bool { return p.Person.RoleIn(p.Shop) == bellhop.RoleOwner }

// FetchExport returns all that is kept of a customer to an owner of the shop, and notes who fetched it first. The
// access log has each time.
func FetchExport(ctx context.Context, s ExportStore, who Principal, id int64, at time.Time) ([]byte, error) {
	if !who.Owns() {
		return nil, ErrOwnersOnly
	}
	r, err := s.Request(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	if !r.HasExport(at) {
		return nil, bellhop.Errorf(bellhop.NotFound, "export_not_found", "there is no export of this request, or no longer")
	}
	export, err := s.PrivacyExport(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	err = s.AddAccess(ctx, bellhop.Access{Shop: who.Shop, At: at, By: who.Person.Email, What: bellhop.AccessGiven,
		About: ID(id)})
	if err != nil {
		return nil, err
	}
	return export, s.UpdateRequest(ctx, id, func(r *bellhop.PrivacyRequest) error {
		if r.FetchedAt.IsZero() {
			r.FetchedAt, r.FetchedBy = at, who.Person.Email
		}
		return nil
	})
}
