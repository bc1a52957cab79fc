// Package rows reads the rows of the store's tables, alike for all drivers: each function
// reads the columns that its constant names, one after the other.
package rows

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
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
const ShopColumns = `domain, disabled, secret, previous_secret, own_secret_only, customer_in_push, added_at,
	last_event_at, last_signed_by`

// Shop reads a shop with its secrets.
func Shop[R Row](r R) bellhop.Shop {
	return bellhop.Shop{Domain: r.Text(), Disabled: r.Bool(), Secret: r.Text(), PreviousSecret: r.Text(),
		OwnSecretOnly: r.Bool(), CustomerInPush: r.Bool(), AddedAt: r.Time(), LastEventAt: r.Time(),
		LastSignedBy: bellhop.Signer(r.Text())}
}

// PersonColumns are the columns for [Person], of PersonJoin.
const (
	PersonColumns = `p.id, p.email, p.role, s.domain, p.password_hash, p.added_at, p.settings`
	PersonJoin    = ` FROM people p LEFT JOIN shops s ON s.id = p.shop_id `
)

// Person reads a person.
func Person[R Row](r R) bellhop.Person {
	return bellhop.Person{ID: r.Int(), Email: r.Text(), Role: bellhop.Role(r.Text()), Shop: r.Text(),
		PasswordHash: r.Text(), AddedAt: r.Time(), Settings: Settings(r)}
}

// TokenColumns are the columns for [Token], of the aliases t and s.
const TokenColumns = `t.id, s.domain, t.name, t.hash, t.created_at, t.last_used_at`

// Token reads a token.
func Token[R Row](r R) bellhop.Token {
	t := bellhop.Token{ID: r.Int(), Shop: r.Text(), Name: r.Text()}
	copy(t.Hash[:], r.Blob())
	t.CreatedAt, t.LastUsedAt = r.Time(), r.Time()
	return t
}

// AccessColumns are the columns for [Access].
const AccessColumns = `id, at, email, what, about`

// Access reads a line of the log of accesses.
func Access[R Row](r R) bellhop.Access {
	return bellhop.Access{ID: r.Int(), At: r.Time(), Email: r.Text(), What: r.Text(), About: r.Text()}
}

// RelayColumns are the columns for [Relay].
const RelayColumns = `name, origin, cursor, holder, term, held_to`

// Relay reads a relay.
func Relay[R Row](r R) store.Relay {
	return store.Relay{Name: r.Text(), Origin: r.Text(), Cursor: r.Int(), Holder: r.Text(), Term: r.Int(), Until: r.Time()}
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
