// Package rows reads the rows of the store's tables, alike for all drivers: each function
// reads the columns that its constant names, one after the other.
package rows

import (
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rules"
)

// Row is a driver's row. Each method reads the next column; NULL is the zero value.
type Row interface {
	Int() int64
	Float() float64
	Bool() bool
	Text() string
	Blob() []byte
	Time() time.Time // in UTC
	// Fail says that a value is damaged; nil is none.
	Fail(error)
}

// Money makes an amount of two texts of the row.
func Money[R Row](r R, amount, currency string) bellhop.Money {
	m, err := driver.ReadMoney(amount, currency)
	r.Fail(err)
	return m
}

// Settings reads a person's.
func Settings[R Row](r R) bellhop.Settings {
	s, err := driver.ReadSettings(r.Text())
	r.Fail(err)
	return s
}

// ShopColumns are the columns for [Shop].
const ShopColumns = `domain, secret, previous_secret, added_at, ` + ShopChanges

// ShopChanges are the columns of a shop that an update writes, beside its secrets.
const ShopChanges = `disabled, own_secret_only, customer_in_push, last_event_at, last_signed_by, name, currency,
	timezone, plan, email, info_at, uninstalled_at, rota`

// Shop reads a shop with its secrets.
func Shop[R Row](r R) bellhop.Shop {
	s := bellhop.Shop{Domain: r.Text(), Secret: r.Text(), PreviousSecret: r.Text(), AddedAt: r.Time()}
	shopChanges(r, &s)
	return s
}

func shopChanges[R Row](r R, s *bellhop.Shop) {
	s.Disabled, s.OwnSecretOnly, s.CustomerInPush = r.Bool(), r.Bool(), r.Bool()
	s.LastEventAt, s.LastSignedBy = r.Time(), bellhop.Signer(r.Text())
	s.Name, s.Currency, s.Timezone, s.Plan, s.Email = r.Text(), r.Text(), r.Text(), r.Text(), r.Text()
	s.InfoAt, s.UninstalledAt, s.Rota = r.Time(), r.Time(), Rota(r)
}

// Rota reads a shop's.
func Rota[R Row](r R) *bellhop.Rota {
	rota, err := driver.ReadRota(r.Text())
	r.Fail(err)
	return rota
}

// ConnectionColumns are the columns for [Connection], of the aliases s and c.
const ConnectionColumns = `s.domain, c.grant_type, c.connected_at, c.scopes, c.token, c.expires_at, c.refresh_token,
	c.refresh_expires_at, c.access, c.reason, c.since, c.checked_at, c.check_due, c.uninstalled_at, c.subscriptions`

// Connection reads a connection with its tokens.
func Connection[R Row](r R) bellhop.Connection {
	c := bellhop.Connection{Shop: r.Text(), Grant: bellhop.Grant(r.Text()), ConnectedAt: r.Time(),
		Scopes: driver.ReadScopes(r.Text()), Token: r.Text(), ExpiresAt: r.Time(), RefreshToken: r.Text(),
		RefreshExpiresAt: r.Time(), Access: bellhop.AccessState(r.Text()), Reason: r.Text(), Since: r.Time(),
		CheckedAt: r.Time(), CheckDue: r.Time(), UninstalledAt: r.Time()}
	var err error
	c.Subscriptions, err = driver.ReadSubscriptions(r.Text())
	r.Fail(err)
	return c
}

// ReconciliationColumns are the columns for [Reconciliation], of the aliases s and r.
const ReconciliationColumns = `s.domain, r.due, CAST(r.state AS text)`

// Reconciliation reads how far a shop was compared with Shopify.
func Reconciliation[R Row](r R) bellhop.Reconciliation {
	shop, due := r.Text(), r.Time()
	c, err := driver.ReadReconciliation(r.Text())
	r.Fail(err)
	c.Shop, c.Due = shop, due
	return c
}

// BackupColumns are the columns for [Backup].
const BackupColumns = `name, made_at, until`

// Backup reads the note of a backup.
func Backup[R Row](r R) bellhop.BackupNote {
	return bellhop.BackupNote{Name: r.Text(), MadeAt: r.Time(), Until: r.Time()}
}

// Heard reads a sum of events without its key.
func Heard[R Row](r R) rules.Heard { return rules.Heard{First: r.Time(), Last: r.Time()} }

// ByWebhook is a condition for events that Shopify sent: see [bellhop.Fetched].
const ByWebhook = `topic NOT IN ('` + bellhop.TopicBackfill + `', '` + bellhop.TopicReconcile + `')`

// Unsigned is a condition for events of the alias e that nobody has checked: see [bellhop.Unchecked].
const Unsigned = `(e.signed_by = '' OR e.signed_by LIKE 'unchecked:%')`

// HeardColumns are the columns for [WholeHeard], of the aliases s and h.
const HeardColumns = `s.domain, h.topic, h.first_at, h.last_at`

// WholeHeard reads a sum of events.
func WholeHeard[R Row](r R) move.HeardRow {
	return move.HeardRow{Shop: r.Text(), Topic: r.Text(), First: r.Time(), Last: r.Time()}
}

// Topics is a query for the topics of a shop that events were accepted of, one step of the index each.
// shop is a condition on the table heard.
func Topics(shop string) string {
	return `RECURSIVE topics(topic) AS (SELECT min(topic) FROM heard WHERE ` + shop + ` UNION ALL
		SELECT (SELECT min(topic) FROM heard WHERE ` + shop + ` AND topic > topics.topic) FROM topics
		WHERE topics.topic IS NOT NULL)`
}

// LoadedShopColumns are the columns for [LoadedShop], of LoadedShops.
const (
	LoadedShopColumns = `s.id, s.disabled, s.own_secret_only, s.last_event_at, s.added_at, s.info_at, s.uninstalled_at,
		c.connected_at, c.uninstalled_at, s.rota`
	LoadedShops = `shops s LEFT JOIN connections c ON c.shop_id = s.id`
)

// LoadedShop reads a shop as the rules of recording see it.
func LoadedShop[R Row](r R) (s rules.StoredShop) {
	s.Row, s.Shop.Disabled, s.Shop.OwnSecretOnly = r.Int(), r.Bool(), r.Bool()
	s.LastEventAt, s.Shop.AddedAt, s.Shop.InfoAt, s.Shop.UninstalledAt = r.Time(), r.Time(), r.Time(), r.Time()
	s.ConnectedAt, s.GoneAt, s.Shop.Rota = r.Time(), r.Time(), Rota(r)
	if s.Shop.UninstalledAt.After(s.GoneAt) {
		s.GoneAt = s.Shop.UninstalledAt
	}
	return s
}

// PersonColumns are the columns for [Person], of PersonJoin.
const (
	PersonColumns = `p.id, p.email, p.role, (SELECT string_agg(ms.domain || ' ' || m.role, ',') FROM memberships m
		JOIN shops ms ON ms.id = m.shop_id WHERE m.person_id = p.id), p.unproven, p.password_hash, p.added_at, p.settings`
	PersonJoin = ` FROM people p `
)

// Person reads a person.
func Person[R Row](r R) bellhop.Person {
	p := bellhop.Person{ID: r.Int(), Email: r.Text(), Role: bellhop.Role(r.Text())}
	var shops []bellhop.Membership
	for m := range strings.SplitSeq(r.Text(), ",") {
		if shop, role, ok := strings.Cut(m, " "); ok {
			shops = append(shops, bellhop.Membership{Shop: shop, Role: bellhop.Role(role)})
		}
	}
	p.SetShops(shops)
	p.Unproven, p.PasswordHash, p.AddedAt, p.Settings = r.Bool(), r.Text(), r.Time(), Settings(r)
	return p
}

// OfShop is a condition for the people of a shop, by its domain, which follows.
const OfShop = `p.id IN (SELECT om.person_id FROM memberships om JOIN shops os ON os.id = om.shop_id WHERE os.domain = `

// InvitationColumns are the columns for [Invitation], of the aliases i and s.
const InvitationColumns = `i.hash, s.domain, i.email, i.role, i.invited_by, i.created_at, i.expires_at`

// Invitation reads an invitation.
func Invitation[R Row](r R) (i bellhop.Invitation) {
	copy(i.Hash[:], r.Blob())
	i.Shop, i.Email, i.Role, i.InvitedBy = r.Text(), r.Text(), bellhop.Role(r.Text()), r.Text()
	i.CreatedAt, i.ExpiresAt = r.Time(), r.Time()
	return i
}

// BareInvitation reads an invitation without its hash.
func BareInvitation[R Row](r R) bellhop.Invitation {
	i := Invitation(r)
	i.Hash = [32]byte{}
	return i
}

// Queries for what belongs to a person, whose id follows, or their address.
const (
	SessionsOf = `SELECT ` + SessionColumns + ` FROM sessions n WHERE n.person_id = `
	LinksOf    = `SELECT expires_at FROM links WHERE person_id = `
	NetworksOf = `SELECT network, seen_at FROM networks WHERE person_id = `
	DevicesOf  = `SELECT ` + DeviceColumns + ` FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.person_id = `
	AccessesBy = `SELECT ` + AccessColumns + ` FROM looks WHERE email = `
)

// SessionColumns are the columns for [Session], of the alias n.
const SessionColumns = `n.token_hash, n.person_id, n.expires_at, n.created_at, n.used_at, n.agent, n.family, n.refresh,
	n.spent, n.salt, n.refresh_until`

// Session reads a session.
func Session[R Row](r R) (s bellhop.Session) {
	copy(s.TokenHash[:], r.Blob())
	s.PersonID, s.ExpiresAt, s.CreatedAt, s.UsedAt, s.Agent = r.Int(), r.Time(), r.Time(), r.Time(), r.Text()
	f := &s.Refresh
	for _, hash := range []*[32]byte{&f.Family, &f.Hash, &f.Spent, &f.Salt} {
		copy(hash[:], r.Blob())
	}
	f.ExpiresAt = r.Time()
	return s
}

// PersonSession reads a session without the hashes of its secrets, of [SessionsOf].
func PersonSession[R Row](r R) bellhop.Session {
	s := Session(r)
	s.TokenHash, s.Refresh = [32]byte{}, bellhop.Refresh{ExpiresAt: s.Refresh.ExpiresAt}
	return s
}

// MailedOf is a query for [Mailed]: a person's id follows.
const MailedOf = `SELECT mailed_at, mails_strangers, mails_known FROM people WHERE id = `

// Mailed reads when somebody was sent mails to sign in.
func Mailed[R Row](r R) bellhop.Mailed {
	return bellhop.Mailed{At: r.Time(), StrangersAll: r.Time(), KnownAll: r.Time()}
}

// MailedLinkColumns are the columns for [MailedLink].
const MailedLinkColumns = `hash, person_id, expires_at, code`

// MailedLink reads a link that was mailed.
func MailedLink[R Row](r R) (l bellhop.SignInLink) {
	copy(l.Hash[:], r.Blob())
	l.PersonID, l.ExpiresAt, l.Code = r.Int(), r.Time(), r.Text()
	return l
}

// Network reads where somebody signed in from, of [NetworksOf].
func Network[R Row](r R) store.Network { return store.Network{Network: r.Text(), SeenAt: r.Time()} }

// TokenColumns are the columns for [Token], of the aliases t and s; OperatorTokenColumns of operator_tokens t.
const (
	TokenColumns         = `t.id, s.domain, t.name, t.hash, t.created_at, t.last_used_at`
	OperatorTokenColumns = `0, '', t.name, t.hash, t.created_at, t.last_used_at`
)

// Token reads a token.
func Token[R Row](r R) bellhop.Token {
	t := bellhop.Token{ID: r.Int(), Shop: r.Text(), Name: r.Text()}
	t.Operator = t.Shop == ""
	copy(t.Hash[:], r.Blob())
	t.CreatedAt, t.LastUsedAt = r.Time(), r.Time()
	return t
}

// AccessColumns are the columns for [Access].
const AccessColumns = `id, at, email, what, about, shop, n`

// Access reads a line of the log of accesses.
func Access[R Row](r R) bellhop.Access {
	return bellhop.Access{ID: r.Int(), At: r.Time(), By: r.Text(), What: r.Text(), About: r.Text(), Shop: r.Text(),
		N: r.Int()}
}

// RequestColumns are the columns for [Request].
const RequestColumns = `id, shop, kind, outcome, document`

// Request reads a request for personal data.
func Request[R Row](r R) (q bellhop.PrivacyRequest) {
	q.ID, q.Shop, q.Kind = r.Int(), r.Text(), bellhop.RequestKind(r.Text())
	q.Outcome = bellhop.RequestOutcome(r.Text())
	r.Fail(driver.ReadRequest(r.Text(), &q))
	return q
}

// Export reads the export of a request.
func Export[R Row](r R) move.ExportRow {
	return move.ExportRow{Request: r.Int(), Until: r.Time(), Export: r.Blob()}
}

// Mark reads a mark of whom a shop has to forget.
func Mark[R Row](r R) (m move.MarkRow) {
	m.Shop = r.Text()
	copy(m.Mark[:], r.Blob())
	m.Until = r.Time()
	return m
}

// WhereMarked is a condition for the key of marks, which is of no use in another store without them.
const WhereMarked = ` WHERE EXISTS (SELECT 1 FROM privacy_marks)`

// Erases is a condition for a request that erased its shop, or is about to.
const Erases = `kind IN ('` + string(bellhop.RequestErase) + `', '` + string(bellhop.RequestEraseNow) + `')
	AND outcome IN ('', '` + string(bellhop.RequestDone) + `')`

// LeaseColumns are the columns for [Lease].
const LeaseColumns = `name, origin, cursor, holder, term, held_to`

// Lease reads a lease.
func Lease[R Row](r R) store.Lease {
	return store.Lease{Name: r.Text(), Origin: r.Text(), Cursor: r.Int(), Holder: r.Text(), Term: r.Int(), Until: r.Time()}
}

// Refusal reads a shop, a reason, their number and the newest one's time.
func Refusal[R Row](r R) store.Refusal {
	return store.Refusal{Shop: r.Text(), Reason: r.Text(), Count: r.Int(), At: r.Time()}
}

// ChangeColumns are the columns for [Change], of the aliases c and s.
const ChangeColumns = `c.seq, c.kind, s.domain, c.order_id, c.push_id, c.at, c.trace_parent`

// Change reads a change of the stream.
func Change[R Row](r R) store.Change {
	return store.Change{Seq: r.Int(), Kind: store.ChangeKind(r.Text()), Shop: r.Text(), OrderID: r.Int(), PushID: r.Int(),
		At: r.Time(), TraceParent: r.Text()}
}

// Backlog reads a shop's id, its domain, since when something is due, and how much.
func Backlog[R Row](r R) rules.Backlog {
	return rules.Backlog{ShopID: r.Int(), Shop: r.Text(), Since: r.Time(), Due: int(r.Int())}
}
