package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"bellhop"
)

// Of a session that refreshes: how long its token is good, and after how long without a refresh it ends.
const (
	accessLife  = time.Hour
	refreshLife = 90 * 24 * time.Hour
)

// A refresh token is its prefix, the session's family and a part of its own. By the family bellhop finds the session
// of each refresh token that it ever had, and whoever knows the family has had one of them.
const (
	secretLength  = 43 // of 256 bits in base64
	familyEnd     = len(refreshPrefix) + secretLength
	refreshLength = familyEnd + secretLength
)

var (
	ErrRefresh = bellhop.Errorf(bellhop.Unauthenticated, "refresh_invalid",
		"this refresh token is not valid: its session has ended, or it never was one; sign in again")
	ErrRefreshReused = bellhop.Errorf(bellhop.Unauthenticated, "refresh_reused",
		"this refresh token was used before, so that somebody else may have it: the session has ended; sign in again")
	errRefreshOperator = bellhop.Errorf(bellhop.Forbidden, "members_only",
		"sessions that refresh are for people of a shop, not for operators")
)

// SignInToRefresh is SignIn for a session that refreshes. An operator, who sees all shops, gets none.
func (a *Auth) SignInToRefresh(ctx context.Context, email, password string, from Client) (SignedIn, error) {
	p, err := a.check(ctx, email, password, from.Address)
	if err == nil && p.Role == bellhop.RoleOperator {
		err = errRefreshOperator
	}
	if err != nil {
		return SignedIn{}, err
	}
	return a.openRefreshing(ctx, p, from)
}

func (a *Auth) openRefreshing(ctx context.Context, p bellhop.Person, from Client) (SignedIn, error) {
	family, _ := newSecret(refreshPrefix)
	in := SignedIn{Person: p}
	in.Secret, in.Refresh = pairAfter(family+rand.Text(), newSalt())
	s := &in.Session
	s.TokenHash, s.ExpiresAt = HashToken(in.Secret), a.now().Add(accessLife)
	s.Refresh = bellhop.Refresh{Family: HashToken(family), Hash: HashToken(in.Refresh),
		ExpiresAt: a.now().Add(refreshLife)}
	return a.add(ctx, in, from)
}

func newSalt() (salt [32]byte) {
	_, _ = rand.Read(salt[:]) // never returns an error
	return salt
}

// pairAfter makes a session's token and its refresh token of the refresh token before, and the same ones again of the
// same salt. Neither the salt, which is stored, nor the token before, which others may have seen, tells them by itself.
func pairAfter(before string, salt [32]byte) (token, refresh string) {
	part := func(what string) string {
		h := hmac.New(sha256.New, []byte(before))
		h.Write(salt[:])
		h.Write([]byte(what))
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	return sessionPrefix + part("token"), before[:familyEnd] + part("refresh")
}

// Refresh gives a session a new token and a new refresh token, for the refresh token that it had. That one brings
// the same pair again until somebody uses one of them, since the answer may have been lost. From then on it is stolen,
// as is each one before it, and ends the session: nobody can tell who of the two is the thief.
func (a *Auth) Refresh(ctx context.Context, secret string, from Client) (SignedIn, error) {
	if wait := a.byAddress.Take(Neighbourhood(from.Address), a.now()); wait > 0 {
		return SignedIn{}, tooMany(wait)
	}
	if len(secret) != refreshLength || !strings.HasPrefix(secret, refreshPrefix) {
		return SignedIn{}, ErrRefresh
	}
	now, salt, in, good := a.now(), newSalt(), SignedIn{}, false
	p, err := a.store.RefreshSession(ctx, HashToken(secret[:familyEnd]), now, func(s *bellhop.Session) bool {
		in.Secret, in.Refresh, good = rotate(s, secret, salt, now)
		in.Session = *s
		return good
	})
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound:
		return SignedIn{}, ErrRefresh
	case err != nil:
		return SignedIn{}, err
	case !good:
		return SignedIn{Person: p}, ErrRefreshReused
	}
	in.Person = p
	return in, nil
}

// rotate gives a session the pair that a refresh token of its family brings; false for one that was used before.
func rotate(s *bellhop.Session, secret string, salt [32]byte, now time.Time) (token, refresh string, good bool) {
	r := &s.Refresh
	switch hash := HashToken(secret); hash {
	case r.Hash:
		r.Spent, r.Salt = hash, salt
	case r.Spent: // and nobody used what it brought
	default:
		return "", "", false
	}
	token, refresh = pairAfter(secret, r.Salt)
	s.TokenHash, s.ExpiresAt, s.UsedAt = HashToken(token), now.Add(accessLife), now
	r.Hash, r.ExpiresAt = HashToken(refresh), now.Add(refreshLife)
	return token, refresh, true
}
