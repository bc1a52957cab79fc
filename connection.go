package bellhop

import "time"

// Grant says how a shop was connected.
type Grant string

// The grants.
const (
	GrantClientCredentials Grant = "client_credentials" // app and shop are of one organisation
	GrantAuthorizationCode Grant = "authorization_code" // the owner installed the app
	GrantTokenExchange     Grant = "token_exchange"     // a server of the team's own sent an ID token
	GrantToken             Grant = "token"              // somebody handed a token over
)

// AccessState is the state of a connection.
type AccessState string

// The states.
const (
	AccessGood        AccessState = "good"
	AccessRefused     AccessState = "refused"     // for now: Reason says why, and bellhop tries again
	AccessLost        AccessState = "lost"        // for good: the owner must connect the shop again
	AccessUninstalled AccessState = "uninstalled" // the owner removed the app from the shop
)

// Connection is bellhop's access to a shop by Shopify's Admin API. A shop has one at most.
type Connection struct {
	Shop             string
	Grant            Grant
	ConnectedAt      time.Time // the newest install: an older app/uninstalled says nothing of it
	Scopes           []string  // granted, sorted
	Token            string    // a secret; "" once access is over
	ExpiresAt        time.Time // zero: the token doesn't expire
	RefreshToken     string    // a secret; "" for none
	RefreshExpiresAt time.Time
	Access           AccessState
	Reason           string // a code; "" with AccessGood
	Since            time.Time
	CheckedAt        time.Time // when scopes and subscriptions were last read back; zero for never
	CheckDue         time.Time // when to check next; now or before: at once
	// UninstalledAt is when an app/uninstalled was triggered that no check has dealt with yet.
	UninstalledAt time.Time
	Subscriptions []Subscription // as last read back, by topic
}

// Subscription is a wanted topic as Shopify has it.
type Subscription struct {
	Topic string `json:"topic"` // such as orders/create
	There bool   `json:"there"`
	// Address is where it goes, if bellhop found or made it. Of a former address bellhop takes it away.
	Address string `json:"address,omitempty"`
	Refusal string `json:"refusal,omitempty"` // a code; "" for none
}

// End takes a connection's tokens away, since the owner removed the app.
func (c *Connection) End(at time.Time) {
	c.Token, c.ExpiresAt, c.RefreshToken, c.RefreshExpiresAt = "", time.Time{}, "", time.Time{}
	c.Access, c.Reason, c.Since = AccessUninstalled, "", at
	c.UninstalledAt, c.Subscriptions = time.Time{}, nil
}
