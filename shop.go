package bellhop

import (
	"strings"
	"time"
)

// Shop is a Shopify shop whose orders bellhop carries.
type Shop struct {
	Domain   string // myshopify.com domain, lower case; what its webhooks name
	Disabled bool   // bellhop accepts and keeps its events, and does nothing else
	// Secret is the shop's own signing secret, tried before the app's.
	// PreviousSecret is the one before, valid while Shopify goes over.
	Secret, PreviousSecret string
	// OwnSecretOnly refuses webhooks signed with the app's secret. The
	// signature does not cover the shop's name, so that only a secret of its
	// own proves that a webhook is this shop's.
	OwnSecretOnly bool
	// CustomerInPush lets a push name the customer. Off unless asked for.
	CustomerInPush bool
	AddedAt        time.Time
	LastEventAt    time.Time // when the last webhook came; zero if none did
	LastSignedBy   Signer

	// What Shopify says of the shop, as of InfoAt. "" is not known.
	Name     string
	Currency string // ISO 4217
	Timezone string // IANA
	Plan     string
	Email    string
	InfoAt   time.Time
	// UninstalledAt is when the owner removed the app: pushes and sessions ended. It is zero while the
	// app is installed, as far as bellhop knows. A new connection clears it.
	UninstalledAt time.Time
	// Rota is whom an order rings until somebody takes it; nil for nobody.
	Rota *Rota
}

// ParseShopDomain accepts a myshopify.com domain and returns it in lower case.
// It is the narrow form of the pattern in Shopify's own library.
func ParseShopDomain(s string) (string, error) {
	d := strings.ToLower(s)
	name, ok := strings.CutSuffix(d, ".myshopify.com")
	if ok && name != "" && len(d) <= 255 && name[0] != '-' && !strings.ContainsFunc(name, notInShopName) {
		return d, nil
	}
	return "", Invalidf("shop", "%q is not a shop's domain: give the form NAME.myshopify.com", Clip(s, 80))
}

func notInShopName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

// Access is a line of the access log: somebody saw or exported personal data of a shop, or an operator changed
// something there.
type Access struct {
	ID   int64
	Shop string // its domain; "" for one that an older bellhop logged and nobody knows
	At   time.Time
	By   string // an e-mail address, whose account may be gone since; or "token NAME"
	What string // see the constants; a reason may follow behind ": "
	// About is what it was: an order as "SHOP/ID", an event's or a request's id, "METHOD /path" of a change.
	About string
	N     int64 // how many orders it was, or how often
}

// What an access may be.
const (
	AccessOrder   = "order.personal"   // an operator saw an order's personal data
	AccessBody    = "dead_letter.body" // an operator saw a webhook's body
	AccessDropped = "dead_letter.drop" // an operator gave up a webhook for good
	AccessExport  = "orders.export"    // somebody exported orders
	AccessGiven   = "privacy.export"   // somebody fetched all that is kept of a customer
	AccessRead    = "orders.read"      // an API token read orders: one line a day, of which At is the beginning
	AccessChange  = "operator.change"  // an operator changed something
)

// Token is an API token, of a shop or of an operator. Only the hash of its secret is stored.
type Token struct {
	ID         int64  // 0 for an operator's
	Shop       string // "" for an operator's
	Operator   bool   // it opens every shop
	Name       string
	Hash       [32]byte
	CreatedAt  time.Time
	LastUsedAt time.Time // zero if never; a resolution of a minute is enough
}
