package web

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// AddMember makes whoever has an e-mail address a member of a shop. If nobody has it, it makes an account
// without a password: a link signs in.
func AddMember(ctx context.Context, s store.People, email string, m bellhop.Membership, now time.Time) (
	bellhop.Person, error) {
	email, err := bellhop.ParseEmail(email)
	if err != nil {
		return bellhop.Person{}, err
	}
	p := bellhop.Person{Email: email, AddedAt: now}
	p.SetShops([]bellhop.Membership{m})
	added, err := s.AddPerson(ctx, p)
	if bellhop.CodeOf(err) != "email_taken" {
		return added, err
	}
	if p, err = s.PersonByEmail(ctx, email); err != nil {
		return p, err
	}
	if p.RoleIn(m.Shop) != "" {
		return p, bellhop.Errorf(bellhop.Conflict, "already_member", "somebody with this address belongs to the shop already")
	}
	if err := s.SetMembership(ctx, p.ID, m); err != nil {
		return p, err
	}
	return s.PersonByEmail(ctx, email)
}
