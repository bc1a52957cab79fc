package web

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"bellhop"
)

const (
	inviteLife = 7 * 24 * time.Hour
	// A shop may invite some people at once. A stranger's address costs one of them: inviting and
	// accepting is no way to try out whose addresses have accounts.
	inviteBurst = 20
	inviteEvery = 10 * time.Minute
)

// InvitePath is the page on which people accept an invitation.
const InvitePath = "/invitation"

// InvitationPath is that page for an invitation's secret.
func InvitationPath(secret string) string { return InvitePath + "?once=" + secret }

// NewInvitation makes an invitation for whoever has the e-mail address and its link,
// at [InvitationPath], within seven days. Its secret is stored nowhere.
func NewInvitation(shop, email string, role bellhop.Role, by string, now time.Time) (
	secret string, i bellhop.Invitation) {
	secret, hash := newSecret(invitePrefix)
	return secret, bellhop.Invitation{Hash: hash, Shop: shop, Email: strings.ToLower(email), Role: role, InvitedBy: by,
		CreatedAt: now, ExpiresAt: now.Add(inviteLife)}
}

// Invite invites somebody to the shop of an owner or operator. Its answer is the same whether or not the
// address has an account.
func (a *Auth) Invite(ctx context.Context, who Principal, email string, role bellhop.Role) (
	secret string, i bellhop.Invitation, err error) {
	if !who.Manages() {
		return "", i, ErrOwnersOnly
	}
	if email, err = bellhop.ParseEmail(strings.TrimSpace(email)); err != nil {
		return "", i, err
	}
	by := who.Person.Email
	if who.Operator() {
		by = ""
	}
	if wait := a.invites.Take(who.Shop, a.now()); wait > 0 {
		return "", i, &RetryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
			"too many invitations for one shop; try again later"), wait}
	}
	secret, i = NewInvitation(who.Shop, email, role, by, a.now())
	return secret, i, a.store.Invite(ctx, i)
}

// ErrInvitation answers for an invitation that is no more, and for an account that can't be made: nobody learns
// from it whether an address has an account.
var ErrInvitation = bellhop.Errorf(bellhop.NotFound, "invitation_not_found",
	"this invitation doesn't hold: it was accepted or withdrawn, it is older than 7 days, or you have an account and "+
		"need to sign in to accept it")

// Invitation returns an invitation that holds.
func (a *Auth) Invitation(ctx context.Context, secret string, from netip.Addr) (bellhop.Invitation, error) {
	if err := a.tryInvitation(secret, from); err != nil {
		return bellhop.Invitation{}, err
	}
	i, err := a.store.Invitation(ctx, HashToken(secret), a.now())
	return i, hideInvitation(err)
}

// tryInvitation limits the tries from one network.
func (a *Auth) tryInvitation(secret string, from netip.Addr) error {
	if !strings.HasPrefix(secret, invitePrefix) || len(secret) > maxEmail {
		return ErrInvitation
	}
	if wait := a.byAddress.Take(Neighbourhood(from), a.now()); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

func hideInvitation(err error) error {
	if bellhop.KindOf(err) == bellhop.NotFound {
		return ErrInvitation
	}
	return err
}

// Accept accepts an invitation as the one who is signed in, whose address it must name. It returns the person
// with the shop.
func (a *Auth) Accept(ctx context.Context, who Principal, secret string, from netip.Addr) (bellhop.Person, error) {
	if who.Person.ID == 0 {
		return bellhop.Person{}, ErrSignIn
	}
	if err := a.tryInvitation(secret, from); err != nil {
		return bellhop.Person{}, err
	}
	p, err := a.store.Accept(ctx, HashToken(secret), who.Person, a.now())
	return p, hideInvitation(err)
}

// SignUp accepts an invitation as somebody new, with a password and a language of their own, and signs them in.
func (a *Auth) SignUp(ctx context.Context, secret, password, language string, from Client) (SignedIn, error) {
	i, err := a.Invitation(ctx, secret, from.Address)
	if err != nil {
		return SignedIn{}, err
	}
	network := Neighbourhood(from.Address)
	hash, err := a.hash(ctx, network, password)
	if err != nil {
		return SignedIn{}, err
	}
	p := bellhop.Person{PasswordHash: hash, Settings: bellhop.Settings{Language: language}}
	p, err = a.store.Accept(ctx, i.Hash, p, a.now())
	if bellhop.CodeOf(err) == "email_taken" {
		err = ErrInvitation
	}
	if err != nil {
		return SignedIn{}, hideInvitation(err)
	}
	return a.open(ctx, p, from)
}

// hash waits its turn: a hash takes memory and most of a core.
func (a *Auth) hash(ctx context.Context, network, password string) (hash string, err error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		_, err = HashPassword(password)
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, hashTurn)
	defer cancel()
	if !a.strangers.do(ctx, network, func() { hash, err = HashPassword(password) }) {
		return "", ErrBusy
	}
	return hash, err
}
