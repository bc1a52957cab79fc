package store

import (
	"context"
	"time"

	"bellhop"
)

// Shops are the shops that bellhop serves.
type Shops interface {
	// AddShop adds a shop; bellhop.Conflict if it is there.
	AddShop(ctx context.Context, s bellhop.Shop) error
	// Shops lists them by domain, each with the time of its last webhook.
	Shops(ctx context.Context) ([]bellhop.Shop, error)
	// Shop returns one, or bellhop.NotFound.
	Shop(ctx context.Context, domain string) (bellhop.Shop, error)
	// UpdateShop changes a shop, all but its domain and AddedAt. change sees the shop as it
	// is.
	UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error
}

// People are the owners and staff of shops, and the operators.
type People interface {
	// AddPerson adds p and returns it with its id; bellhop.Conflict if the address is taken
	// or there are [MaxPeople] of a shop, or operators; bellhop.NotFound if there is no
	// such shop.
	AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error)
	// People lists a shop's people, or everybody when shop is "".
	People(ctx context.Context, shop string) ([]bellhop.Person, error)
	// PersonByEmail returns the person with an address, or bellhop.NotFound.
	PersonByEmail(ctx context.Context, email string) (bellhop.Person, error)
	// SetMembership makes somebody a member of a shop, whose phones then ring for it, or changes their
	// role. Invitations by an owner who becomes staff end. It returns bellhop.NotFound without such a
	// person or shop, and bellhop.Conflict for an operator, for the last owner who would become staff,
	// and beyond [MaxPeople] or [MaxShops].
	//
	// Whoever made an unproven account is not let in: with a further shop the account loses its password,
	// sessions, links and devices, and is for the owner of the address.
	SetMembership(ctx context.Context, person int64, m bellhop.Membership) error
	// SetRole changes a member's role in a shop; bellhop.NotFound for anybody else, who stays out, and bellhop.Conflict
	// for the last owner who would become staff.
	SetRole(ctx context.Context, person int64, m bellhop.Membership) error
	// Reclaim takes an unproven account from whoever made it, for the owner of its address: it loses its
	// password, sessions, links and devices, and is proven. A proven one stays as it is.
	Reclaim(ctx context.Context, person int64) error
	// RemoveMembership takes a shop from somebody, with their devices in it, and removes a person
	// without any other shop. It returns bellhop.Conflict for the shop's last owner.
	RemoveMembership(ctx context.Context, person int64, shop string) error
	// SetPassword changes a password's hash, and ends the person's sessions and sign-in
	// links. An unproven account stays so: a password shows nothing of an address.
	SetPassword(ctx context.Context, id int64, hash string) error
	// UpdateSettings changes a person's settings. change sees them as they are, and may be called again; its error
	// leaves them so. Pushes that wait for the end of their quiet hours become due at once: the next claim decides
	// anew.
	UpdateSettings(ctx context.Context, id int64, change func(*bellhop.Settings) error) error
	// RemovePerson removes a person with their sessions and devices, and invitations that they made or have. Their
	// lines in the access log stay.
	RemovePerson(ctx context.Context, id int64) error
	// Leave is RemovePerson by the person: bellhop.Conflict for the last owner of a shop.
	Leave(ctx context.Context, id int64) error
	// PersonData returns all that the store has of a person; bellhop.NotFound if there is none.
	PersonData(ctx context.Context, id int64) (PersonData, error)
}

// PersonData is all that the store has of somebody who signs in, but for the hashes of secrets.
type PersonData struct {
	Person      bellhop.Person
	Sessions    []bellhop.Session // also those that ran out
	Links       []time.Time       // until when each unused link signs in
	Networks    []Network
	Devices     []bellhop.Device     // in each shop; also retired ones
	Invitations []bellhop.Invitation // of their address, and those that they made
	Accesses    []bellhop.Access     // the newest [MaxPersonAccesses] that they made
}

// Network is where somebody signed in from.
type Network struct {
	Network string // an address, of IPv6 its /64
	SeenAt  time.Time
}

// MaxPersonAccesses bounds the accesses of a [PersonData].
const MaxPersonAccesses = 10_000

// Invitations let people join a shop.
type Invitations interface {
	// Invite adds an invitation, in the place of an earlier one of the address to the shop, and removes
	// those that had run out when it was made. It returns bellhop.NotFound if there is no such shop, and
	// bellhop.Conflict beyond [MaxInvitations].
	Invite(ctx context.Context, i bellhop.Invitation) error
	// Invitations lists a shop's that hold, by e-mail address.
	Invitations(ctx context.Context, shop string, now time.Time) ([]bellhop.Invitation, error)
	// Invitation returns one that holds, by its hash, or bellhop.NotFound.
	Invitation(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Invitation, error)
	// Accept uses an invitation up and returns its person with the shop: the person p.ID, or p as a new
	// and unproven one without an id. A member keeps the role that they have. It returns bellhop.NotFound
	// without such an invitation, and bellhop.Conflict if p.ID has another address, if somebody has the
	// new person's, and beyond [MaxPeople] or [MaxShops].
	Accept(ctx context.Context, hash [32]byte, p bellhop.Person, now time.Time) (bellhop.Person, error)
	// RemoveInvitation withdraws one; bellhop.NotFound if there is none.
	RemoveInvitation(ctx context.Context, shop, email string) error
}

// Sessions are people's sessions, and the links that begin one.
type Sessions interface {
	// AddSession adds a session and remembers its network. Beyond [MaxSessions] it ends the
	// person's oldest; beyond [MaxNetworks] it forgets the network seen longest ago.
	AddSession(ctx context.Context, s bellhop.Session, network string) error
	// Session returns an unexpired session and its person; bellhop.NotFound if there is
	// none.
	// It keeps the use of its token ([bellhop.Session.Use]) before it returns, unless the database takes no changes.
	Session(ctx context.Context, tokenHash [32]byte, now time.Time) (bellhop.Session, bellhop.Person, error)
	// RefreshSession changes the unexpired session of a family of refresh tokens, and returns its person;
	// bellhop.NotFound if there is none. change sees the session as it is, and may be called again; if it returns false,
	// the session ends. Of two at the same moment the second sees what the first has changed.
	RefreshSession(ctx context.Context, family [32]byte, now time.Time, change func(*bellhop.Session) bool) (
		bellhop.Person, error)
	RemoveSession(ctx context.Context, tokenHash [32]byte) error
	// Sessions lists a person's unexpired sessions, the oldest first.
	Sessions(ctx context.Context, person int64, now time.Time) ([]bellhop.Session, error)
	// EndSession ends one of a person's sessions, by its id, and removes the devices that it brought. It returns
	// bellhop.NotFound if they have none of it.
	EndSession(ctx context.Context, person, id int64) error
	// KnowsNetwork reports whether a person ever signed in from a network; false for
	// nobody. It outlasts the session.
	KnowsNetwork(ctx context.Context, person int64, network string) (bool, error)
	// HasSignedIn reports whether a person ever signed in, unless the account was reclaimed since.
	HasSignedIn(ctx context.Context, person int64) (bool, error)

	// AddLink adds a link that signs a person in once. The newest [MaxLinks] unused ones
	// stay.
	AddLink(ctx context.Context, l bellhop.SignInLink) error
	// UseLink returns the person of a valid link and removes the link; bellhop.NotFound if
	// there is none.
	UseLink(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Person, error)
	// AddMailedLink adds a link with a code, in the place of the person's one before it, if take lets it, and removes
	// links that ran out. take sees when the person was sent mails, changes that, and may be called again. It returns
	// bellhop.NotFound without such a person.
	AddMailedLink(ctx context.Context, l bellhop.SignInLink, now time.Time, take func(*bellhop.Mailed) bool) (
		added bool, err error)
	// TryCode uses up one of the [MaxCodeTries] of a person's code, and returns its link: whoever has the code then uses
	// that. It returns bellhop.NotFound if there is none, no try is left, or it ran out. The link goes on without.
	TryCode(ctx context.Context, person int64, now time.Time) (bellhop.SignInLink, error)
}

// Tokens are a shop's keys to the API, and operators', whose shop is "".
type Tokens interface {
	// AddToken adds t and returns it with its id; bellhop.Conflict if the shop has one of
	// that name, or [MaxTokens].
	AddToken(ctx context.Context, t bellhop.Token) (bellhop.Token, error)
	Tokens(ctx context.Context, shop string) ([]bellhop.Token, error)
	// Token returns the token with a hash and records its use; bellhop.NotFound if there is
	// none.
	Token(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Token, error)
	RemoveToken(ctx context.Context, shop, name string) error
}

// MaxShops bounds the shops of a person, each of which has a part of their phone's budget:
// the smallest allows 20 messages at once.
const MaxShops = 20

// A person's limits. Beyond them the store drops the oldest.
const (
	MaxSessions = 50
	MaxLinks    = 10
	MaxNetworks = 20
)

// MaxCodeTries is how often somebody can try the code of one mail.
const MaxCodeTries = 5

// A shop's limits; the store refuses one more with bellhop.Conflict. Two at the same moment
// may exceed them by one.
const (
	MaxTokens      = 50  // operators, too
	MaxPeople      = 100 // operators, too
	MaxInvitations = 50
)
