package bellhop

import "time"

// Identity is what a token of the team's own identity provider says of a person.
type Identity struct {
	Email    string // as Person.Email
	IssuedAt time.Time
	// ExpiresAt is when the token ends.
	ExpiresAt time.Time
	// Claimed says that the token names the person's shops: those of Shops and no others.
	Claimed bool
	Shops   []Membership
	// Operators says that the token may act as the operator who has its address.
	Operators bool
}
