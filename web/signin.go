package web

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// How sign-ins are limited. One account can be guessed at 2,880 times a day; a success
// starts its count anew. Most of the account's tries are kept from any one neighbourhood,
// so that nobody locks its owner out from elsewhere by guessing.
const (
	accountBurst = 100
	accountEvery = 30 * time.Second
	guesserBurst = 10
	guesserEvery = 30 * time.Second
	addressBurst = 30
	addressEvery = 2 * time.Second
	limitedKeys  = 10_000
	maxEmail     = 320

	hashesAtOnce = 2 // each takes 19 MiB and most of a core
	hashTurn     = 5 * time.Second

	sessionLife = 30 * 24 * time.Hour
)

// doorman lets people in.
type doorman struct {
	people    store.People
	sessions  store.Sessions
	now       func() time.Time
	byAccount *limits
	byGuesser *limits // of an account
	byAddress *limits
	hashing   chan struct{}
}

func newDoorman(s Store, now func() time.Time) *doorman {
	return &doorman{
		people: s, sessions: s, now: now,
		byAccount: newLimits(accountEvery, accountBurst, limitedKeys),
		byGuesser: newLimits(guesserEvery, guesserBurst, limitedKeys),
		byAddress: newLimits(addressEvery, addressBurst, limitedKeys),
		hashing:   make(chan struct{}, hashesAtOnce),
	}
}

// signedIn is a fresh session. The secret is nowhere else.
type signedIn struct {
	secret  string
	session bellhop.Session
	person  bellhop.Person
}

// retryError tells when to try again.
type retryError struct {
	err   *bellhop.Error
	after time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

var errCredentials = bellhop.Errorf(bellhop.Unauthenticated, "wrong_credentials",
	"the e-mail address or the password is wrong")

// signIn checks an e-mail address and a password. It takes as long for an
// address that nobody has.
func (d *doorman) signIn(ctx context.Context, email, password string, from netip.Addr) (signedIn, error) {
	account := strings.ToLower(strings.TrimSpace(email))
	if len(account) > maxEmail || len(password) > MaxPassword {
		return signedIn{}, errCredentials // nobody has one
	}
	if err := d.limit(account, from); err != nil {
		return signedIn{}, err
	}
	person, err := d.people.PersonByEmail(ctx, account)
	known := err == nil && person.PasswordHash != ""
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return signedIn{}, err
	}
	hash := person.PasswordHash
	if !known {
		hash = nobodysHash
	}
	right, err := d.verify(ctx, hash, password)
	if err != nil {
		return signedIn{}, err
	}
	if !known || !right {
		return signedIn{}, errCredentials
	}
	d.byAccount.forget(account)
	d.byGuesser.forget(guesser(account, from))
	return d.open(ctx, person)
}

func (d *doorman) limit(account string, from netip.Addr) error {
	wait := d.byAddress.take(neighbourhood(from), d.now())
	if wait == 0 {
		wait = d.byGuesser.take(guesser(account, from), d.now())
	}
	if wait == 0 {
		wait = d.byAccount.take(account, d.now())
	}
	if wait == 0 {
		return nil
	}
	return tooMany(wait)
}

func guesser(account string, from netip.Addr) string { return neighbourhood(from) + " " + account }

func tooMany(wait time.Duration) error {
	return &retryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
		"too many sign-ins; try again in %s", wait.Round(time.Second)+time.Second), wait}
}

func (d *doorman) verify(ctx context.Context, hash, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, hashTurn)
	defer cancel()
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-ctx.Done():
		return false, &retryError{bellhop.Errorf(bellhop.Unavailable, "busy",
			"too many people are signing in; try again"), time.Second}
	}
	right, err := VerifyPassword(hash, password)
	if err != nil {
		return false, fmt.Errorf("verifying a stored password: %w", err)
	}
	return right, nil
}

// open begins a session.
func (d *doorman) open(ctx context.Context, p bellhop.Person) (signedIn, error) {
	secret, hash := newSecret(sessionPrefix)
	now := d.now()
	s := bellhop.Session{TokenHash: hash, PersonID: p.ID, ExpiresAt: now.Add(sessionLife), CreatedAt: now}
	if err := d.sessions.AddSession(ctx, s); err != nil {
		return signedIn{}, err
	}
	return signedIn{secret: secret, session: s, person: p}, nil
}

// linkLife is how long a link signs somebody in.
const linkLife = 24 * time.Hour

// NewSignInLink makes a link that signs a person in once, at /signin?once=SECRET,
// within a day. The secret is nowhere else.
func NewSignInLink(person int64, now time.Time) (secret string, l bellhop.SignInLink) {
	secret, hash := newSecret(linkPrefix)
	return secret, bellhop.SignInLink{Hash: hash, PersonID: person, ExpiresAt: now.Add(linkLife)}
}

var errLinkUsed = bellhop.Errorf(bellhop.Unauthenticated, "link_used",
	"this link has been used, or was never valid; sign in with your e-mail address")

// useLink begins a session for the first who brings a link's secret.
func (d *doorman) useLink(ctx context.Context, secret string, from netip.Addr) (signedIn, error) {
	if !strings.HasPrefix(secret, linkPrefix) || len(secret) > maxEmail {
		return signedIn{}, errLinkUsed
	}
	if wait := d.byAddress.take(neighbourhood(from), d.now()); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	p, err := d.sessions.UseLink(ctx, HashToken(secret), d.now())
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = errLinkUsed
	}
	if err != nil {
		return signedIn{}, err
	}
	return d.open(ctx, p)
}
