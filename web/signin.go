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

// doorman lets people in.
type doorman struct {
	people    store.People
	sessions  store.Sessions
	now       func() time.Time
	byAddress *limits
	byGuesser *limits // of an account, from one network
	byAccount *limits // from all networks that are strange to it
	byKnown   *limits // of an account, from a network that its owner signed in from
	// A hash takes 19 MiB and most of a core. Known networks don't wait for strangers.
	known, strangers *turns
}

func newDoorman(s Store, now func() time.Time) *doorman {
	return &doorman{
		people: s, sessions: s, now: now,
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
func (d *doorman) signIn(ctx context.Context, email, password string, from netip.Addr) (signedIn, error) {
	account := strings.ToLower(strings.TrimSpace(email))
	if len(account) > maxEmail || len(password) > MaxPassword {
		return signedIn{}, errCredentials // nobody has one
	}
	network := neighbourhood(from)
	if wait := d.byAddress.take(network, d.now()); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	person, err := d.people.PersonByEmail(ctx, account)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return signedIn{}, err
	}
	known, err := d.sessions.KnowsNetwork(ctx, person.ID, network)
	if err != nil {
		return signedIn{}, err
	}
	turns, guesser := d.strangers, network+" "+account
	if known {
		turns = d.known
	}
	if wait := d.limit(known, account, guesser); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	right, err := verify(ctx, turns, network, person.PasswordHash, password)
	if err != nil {
		return signedIn{}, err
	}
	if !right {
		return signedIn{}, errCredentials
	}
	d.byGuesser.forget(guesser)
	d.byKnown.forget(guesser)
	return d.open(ctx, person, network)
}

func (d *doorman) limit(known bool, account, guesser string) (wait time.Duration) {
	if known {
		return d.byKnown.take(guesser, d.now())
	}
	if wait = d.byGuesser.take(guesser, d.now()); wait == 0 {
		wait = d.byAccount.take(account, d.now())
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
func (d *doorman) open(ctx context.Context, p bellhop.Person, network string) (signedIn, error) {
	secret, hash := newSecret(sessionPrefix)
	now := d.now()
	s := bellhop.Session{TokenHash: hash, PersonID: p.ID, ExpiresAt: now.Add(sessionLife), CreatedAt: now}
	if err := d.sessions.AddSession(ctx, s, network); err != nil {
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
	network := neighbourhood(from)
	if wait := d.byAddress.take(network, d.now()); wait > 0 {
		return signedIn{}, tooMany(wait)
	}
	p, err := d.sessions.UseLink(ctx, HashToken(secret), d.now())
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = errLinkUsed
	}
	if err != nil {
		return signedIn{}, err
	}
	return d.open(ctx, p, network)
}
