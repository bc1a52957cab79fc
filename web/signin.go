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

// How sign-ins are limited. Strangers can guess at one account 2,880 times a day,
// wherever they come from. Networks that its owner signed in from have tries of their
// own, so that strangers, who may use up all of theirs, don't lock the owner out.
const (
	accountBurst = 100
	accountEvery = 30 * time.Second
	guesserBurst = 10
	guesserEvery = 30 * time.Second
	addressBurst = 30
	addressEvery = 2 * time.Second
	limitedKeys  = 10_000
	maxEmail     = 320

	hashTurn = 5 * time.Second

	sessionLife = 30 * 24 * time.Hour
)

// AuthStore is what auth needs of the store.
type AuthStore interface {
	store.People
	store.Sessions
	store.Tokens
}

// auth lets people in, and knows who they are.
type auth struct {
	store     AuthStore
	now       func() time.Time
	writes    *limits // by shop
	byAddress *limits
	byGuesser *limits // of an account, from one network
	byAccount *limits // from all networks that are strange to it
	byKnown   *limits // of an account, from a network that its owner signed in from
	// A hash takes 19 MiB and most of a core. Known networks don't wait for strangers.
	known, strangers *turns
}

func newAuth(s AuthStore, now func() time.Time) *auth {
	return &auth{
		store: s, now: now,
		writes:    newLimits(writeEvery, writeBurst, limitedKeys),
		byAddress: newLimits(addressEvery, addressBurst, limitedKeys),
		byGuesser: newLimits(guesserEvery, guesserBurst, limitedKeys),
		byAccount: newLimits(accountEvery, accountBurst, limitedKeys),
		byKnown:   newLimits(guesserEvery, guesserBurst, limitedKeys),
		known:     newTurns(), strangers: newTurns(),
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
// address that nobody has. The hash, which is dear, comes after all limits.
func (a *auth) signIn(ctx context.Context, email, password string, from netip.Addr) (signedIn, error) {
	account := strings.ToLower(strings.TrimSpace(email))
	if len(account) > maxEmail || len(password) > MaxPassword {
		return signedIn{}, errCredentials // nobody has one
	}
	network := neighbourhood(from)
	if wait := a.byAddress.take(network, a.now()); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	person, err := a.store.PersonByEmail(ctx, account)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return signedIn{}, err
	}
	known, err := a.store.KnowsNetwork(ctx, person.ID, network)
	if err != nil {
		return signedIn{}, err
	}
	turns, guesser := a.strangers, network+" "+account
	if known {
		turns = a.known
	}
	if wait := a.limit(known, account, guesser); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	right, err := verify(ctx, turns, network, person.PasswordHash, password)
	if err != nil {
		return signedIn{}, err
	}
	if !right {
		return signedIn{}, errCredentials
	}
	a.byGuesser.forget(guesser)
	a.byKnown.forget(guesser)
	return a.open(ctx, person, network)
}

func (a *auth) limit(known bool, account, guesser string) (wait time.Duration) {
	if known {
		return a.byKnown.take(guesser, a.now())
	}
	if wait = a.byGuesser.take(guesser, a.now()); wait == 0 {
		wait = a.byAccount.take(account, a.now())
	}
	return wait
}

func tooMany(wait time.Duration) error {
	return &retryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
		"too many sign-ins; try again in %s", wait.Round(time.Second)+time.Second), wait}
}

var errBusy = &retryError{bellhop.Errorf(bellhop.RateLimited, "busy",
	"too many people are signing in; try again"), time.Second}

// verify computes as much where there is no hash, and says no.
func verify(ctx context.Context, in *turns, network, hash, password string) (right bool, err error) {
	nobody := hash == ""
	if nobody {
		hash = nobodysHash
	}
	ctx, cancel := context.WithTimeout(ctx, hashTurn)
	defer cancel()
	if !in.do(ctx, network, func() { right, err = VerifyPassword(hash, password) }) {
		return false, errBusy
	}
	if err != nil {
		return false, fmt.Errorf("verifying a stored password: %w", err)
	}
	return right && !nobody, nil
}

// open begins a session.
func (a *auth) open(ctx context.Context, p bellhop.Person, network string) (signedIn, error) {
	secret, hash := newSecret(sessionPrefix)
	now := a.now()
	s := bellhop.Session{TokenHash: hash, PersonID: p.ID, ExpiresAt: now.Add(sessionLife), CreatedAt: now}
	if err := a.store.AddSession(ctx, s, network); err != nil {
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
func (a *auth) useLink(ctx context.Context, secret string, from netip.Addr) (signedIn, error) {
	if !strings.HasPrefix(secret, linkPrefix) || len(secret) > maxEmail {
		return signedIn{}, errLinkUsed
	}
	network := neighbourhood(from)
	if wait := a.byAddress.take(network, a.now()); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	p, err := a.store.UseLink(ctx, HashToken(secret), a.now())
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = errLinkUsed
	}
	if err != nil {
		return signedIn{}, err
	}
	return a.open(ctx, p, network)
}
