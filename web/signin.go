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

// The limits of sign-ins. Strangers can guess at one account 2,880 times a day, wherever they
// come from. Networks that the owner signed in from have tries of their own, so that strangers
// who use up theirs don't lock the owner out.
const (
	accountBurst = 100
	accountEvery = 30 * time.Second
	guesserBurst = 10
	guesserEvery = 30 * time.Second
	addressBurst = 30
	addressEvery = 2 * time.Second
	LimitedKeys  = 10_000
	maxEmail     = 320

	hashTurn = 5 * time.Second

	sessionLife = 30 * 24 * time.Hour
)

// AuthStore is what auth needs of the store.
type AuthStore interface {
	store.People
	store.Invitations
	store.Sessions
	store.Tokens
	Shop(ctx context.Context, domain string) (bellhop.Shop, error)
}

// Auth signs people in, and identifies their requests.
type Auth struct {
	store     AuthStore
	now       func() time.Time
	writes    *Limits // by shop
	byAddress *Limits
	byGuesser *Limits // of an account, from one network
	byAccount *Limits // from all networks that are strange to it
	byKnown   *Limits // of an account, from a network that its owner signed in from
	invites   *Limits // of a shop
	// Tokens of the team's own identity provider.
	identities *identities
	// A hash takes 19 MiB and most of a core. Known networks don't wait for strangers.
	known, strangers *turns
	codeStep         time.Duration
}

// NewAuth takes nil for a verifier where no tokens of the team's own sign people in.
func NewAuth(s AuthStore, v Verifier, now func() time.Time) *Auth {
	return &Auth{
		identities: &identities{verifier: v, store: s, now: now, newest: map[int64]time.Time{}},
		store:      s, now: now,
		writes:    NewLimits(writeEvery, writeBurst, LimitedKeys),
		byAddress: NewLimits(addressEvery, addressBurst, LimitedKeys),
		byGuesser: NewLimits(guesserEvery, guesserBurst, LimitedKeys),
		byAccount: NewLimits(accountEvery, accountBurst, LimitedKeys),
		byKnown:   NewLimits(guesserEvery, guesserBurst, LimitedKeys),
		invites:   NewLimits(inviteEvery, inviteBurst, LimitedKeys),
		known:     newTurns(), strangers: newTurns(), codeStep: codeStep,
	}
}

// SignedIn is a new session, or one with new secrets. These are stored nowhere.
type SignedIn struct {
	Secret  string
	Refresh string // the refresh token; "" for a session that ends with its secret
	Session bellhop.Session
	Person  bellhop.Person
}

// RetryError says when to try again.
type RetryError struct {
	Err   *bellhop.Error
	After time.Duration
}

func (e *RetryError) Error() string { return e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

var ErrCredentials = bellhop.Errorf(bellhop.Unauthenticated, "wrong_credentials",
	"the e-mail address or the password is wrong")

// SignIn begins a session for an e-mail address and a password.
func (a *Auth) SignIn(ctx context.Context, email, password string, from Client) (SignedIn, error) {
	p, err := a.check(ctx, email, password, from.Address)
	if err != nil {
		return SignedIn{}, err
	}
	return a.open(ctx, p, from)
}

// check checks an e-mail address and a password.
func (a *Auth) check(ctx context.Context, email, password string, from netip.Addr) (bellhop.Person, error) {
	return a.checkHash(ctx, email, password, from, func(p bellhop.Person) (string, error) { return p.PasswordHash, nil })
}

// checkHash checks an e-mail address and a secret that hashOf somebody has the hash of. It takes as long for an address
// that nobody has. The expensive hash comes after all limits.
func (a *Auth) checkHash(ctx context.Context, email, secret string, from netip.Addr,
	hashOf func(bellhop.Person) (string, error)) (p bellhop.Person, err error) {
	account := strings.ToLower(strings.TrimSpace(email))
	if len(account) > maxEmail || len(secret) > MaxPassword {
		return p, ErrCredentials // nobody has one
	}
	network := Neighbourhood(from)
	if wait := a.byAddress.Take(network, a.now()); wait > 0 {
		return p, tooMany(wait)
	}
	person, err := a.store.PersonByEmail(ctx, account)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return p, err
	}
	known, err := a.store.KnowsNetwork(ctx, person.ID, network)
	if err != nil {
		return p, err
	}
	turns, guesser := a.strangers, network+" "+account
	if known {
		turns = a.known
	}
	if wait := a.limit(known, account, guesser); wait > 0 {
		return p, tooMany(wait)
	}
	hash, err := hashOf(person)
	if err != nil {
		return p, err
	}
	right, err := verify(ctx, turns, network, hash, secret)
	if err != nil {
		return p, err
	}
	if !right {
		return p, ErrCredentials
	}
	a.byGuesser.forget(guesser)
	a.byKnown.forget(guesser)
	return person, nil
}

func (a *Auth) limit(known bool, account, guesser string) (wait time.Duration) {
	if known {
		return a.byKnown.Take(guesser, a.now())
	}
	if wait = a.byGuesser.Take(guesser, a.now()); wait == 0 {
		wait = a.byAccount.Take(account, a.now())
	}
	return wait
}

func tooMany(wait time.Duration) error {
	return &RetryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
		"too many sign-ins; try again in %s", wait.Round(time.Second)+time.Second), wait}
}

var ErrBusy = &RetryError{bellhop.Errorf(bellhop.RateLimited, "busy",
	"too many people are signing in; try again"), time.Second}

// verify does the same work for an account that doesn't exist, and returns false.
func verify(ctx context.Context, in *turns, network, hash, password string) (right bool, err error) {
	nobody := hash == ""
	if nobody {
		hash = nobodysHash
	}
	ctx, cancel := context.WithTimeout(ctx, hashTurn)
	defer cancel()
	if !in.do(ctx, network, func() { right, err = VerifyPassword(hash, password) }) {
		return false, ErrBusy
	}
	if err != nil {
		return false, fmt.Errorf("verifying a stored password: %w", err)
	}
	return right && !nobody, nil
}

// open begins a session.
func (a *Auth) open(ctx context.Context, p bellhop.Person, from Client) (SignedIn, error) {
	return a.openUntil(ctx, p, from, a.now().Add(sessionLife))
}

func (a *Auth) openUntil(ctx context.Context, p bellhop.Person, from Client, until time.Time) (SignedIn, error) {
	secret, hash := newSecret(sessionPrefix)
	s := bellhop.Session{TokenHash: hash, ExpiresAt: until}
	return a.add(ctx, SignedIn{Secret: secret, Person: p, Session: s}, from)
}

// add adds a new session.
func (a *Auth) add(ctx context.Context, in SignedIn, from Client) (SignedIn, error) {
	s := &in.Session
	s.PersonID, s.Agent, s.CreatedAt = in.Person.ID, from.Agent, a.now()
	if err := a.store.AddSession(ctx, *s, Neighbourhood(from.Address)); err != nil {
		return SignedIn{}, err
	}
	return in, nil
}

// linkLife is how long a link signs somebody in.
const linkLife = 24 * time.Hour

// NewSignInLink makes a link that signs a person in once, at /signin?once=SECRET,
// within a day. Its secret is stored nowhere.
func NewSignInLink(person int64, now time.Time) (secret string, l bellhop.SignInLink) {
	secret, hash := newSecret(linkPrefix)
	return secret, bellhop.SignInLink{Hash: hash, PersonID: person, ExpiresAt: now.Add(linkLife)}
}

var ErrLinkUsed = bellhop.Errorf(bellhop.Unauthenticated, "link_used",
	"this link was used before or was never valid; sign in with your e-mail address")

// UseLink begins a session for the first who brings a link's secret.
func (a *Auth) UseLink(ctx context.Context, secret string, from Client) (SignedIn, error) {
	mailed := strings.HasPrefix(secret, mailPrefix)
	if !strings.HasPrefix(secret, linkPrefix) && !mailed || len(secret) > maxEmail {
		return SignedIn{}, ErrLinkUsed
	}
	if wait := a.byAddress.Take(Neighbourhood(from.Address), a.now()); wait > 0 {
		return SignedIn{}, tooMany(wait)
	}
	p, err := a.useLink(ctx, HashToken(secret), mailed)
	if err != nil {
		return SignedIn{}, err
	}
	return a.open(ctx, p, from)
}

// useLink uses a link up. Whoever has one that was mailed has the address: an account that an invitation made under it,
// with a password that somebody else chose perhaps, becomes theirs alone.
func (a *Auth) useLink(ctx context.Context, hash [32]byte, mailed bool) (bellhop.Person, error) {
	p, err := a.store.UseLink(ctx, hash, a.now())
	if err == nil && mailed && p.Unproven && p.PasswordHash != "" {
		err = a.store.Reclaim(ctx, p.ID)
		p.Unproven, p.PasswordHash = false, ""
	}
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = ErrLinkUsed
	}
	return p, err
}

// SignInVisitor begins a session for somebody of whom Shopify said who they are.
func (a *Auth) SignInVisitor(ctx context.Context, p bellhop.Person, from Client) (SignedIn, error) {
	return a.open(ctx, p, from)
}

// SignOut ends a session, if it goes on.
func (a *Auth) SignOut(ctx context.Context, p Principal) error {
	err := a.store.RemoveSession(ctx, p.Credential.Hash)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	return err
}
