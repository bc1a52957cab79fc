package web

import (
	"context"
	"net/netip"
	"time"

	"bellhop"
	"bellhop/store"
)

// Account is all that bellhop has of somebody who signs in, as a document.
type Account struct {
	ID          string              `json:"id"`
	Email       string              `json:"email"`
	Operator    bool                `json:"operator"`
	Shops       []AccountShop       `json:"shops" nullable:"false"`
	AddedAt     time.Time           `json:"added_at"`
	Proven      bool                `json:"address_proven" doc:"Somebody showed that the address is theirs."`
	Password    bool                `json:"has_password" doc:"bellhop keeps only its hash (argon2id), which is not here."`
	Settings    AccountSettings     `json:"settings"`
	Sessions    []AccountSession    `json:"sessions" nullable:"false" doc:"bellhop keeps only the hashes of their secrets, which are not here."`
	Links       []time.Time         `json:"sign_in_links" nullable:"false" doc:"Until when each unused one signs in."`
	Networks    []AccountNetwork    `json:"networks" nullable:"false" doc:"Where you signed in from."`
	Devices     []AccountDevice     `json:"devices" nullable:"false" doc:"In each shop."`
	Invitations []AccountInvitation `json:"invitations" nullable:"false" doc:"Of your address, and those that you made."`
	Accesses    []Access            `json:"accesses" nullable:"false" doc:"Your newest 10,000 lines of the access log."`
}

// AccountShop is a shop that somebody belongs to.
type AccountShop struct {
	Domain string `json:"domain"`
	Role   string `json:"role" enum:"owner,staff"`
}

// AccountSettings are what somebody chose.
type AccountSettings struct {
	Language    string `json:"language"`
	Timezone    string `json:"timezone"`
	New         bool   `json:"new_orders"`
	Paid        bool   `json:"paid_orders"`
	Cancelled   bool   `json:"cancelled_orders"`
	Refunded    bool   `json:"refunded_orders"`
	AtLeast     string `json:"at_least"`
	QuietFrom   string `json:"quiet_from"`
	QuietTo     string `json:"quiet_to"`
	GatherAbove int    `json:"group_above"`
	LoudFrom    string `json:"loud_from"`
}

// AccountSession is a session.
type AccountSession struct {
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Agent      string    `json:"agent"`
}

// AccountNetwork is where somebody signed in from.
type AccountNetwork struct {
	Network string    `json:"network" doc:"An address; of IPv6 its /64."`
	SeenAt  time.Time `json:"seen_at"`
}

// AccountDevice is an installation of the app, or a browser, in a shop.
type AccountDevice struct {
	Shop         string    `json:"shop"`
	Installation string    `json:"installation"`
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Value        string    `json:"value" doc:"The address of its push service."`
	Platform     string    `json:"platform"`
	Form         string    `json:"form"`
	Locale       string    `json:"locale"`
	Timezone     string    `json:"timezone"`
	AddedAt      time.Time `json:"added_at"`
	SeenAt       time.Time `json:"seen_at"`
	RetiredAt    time.Time `json:"retired_at,omitzero"`
	RetiredFor   string    `json:"retired_for,omitempty"`
}

// AccountInvitation is an invitation.
type AccountInvitation struct {
	Shop      string    `json:"shop"`
	Email     string    `json:"email"`
	Role      string    `json:"role"`
	InvitedBy string    `json:"invited_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// AccountOf returns the document of somebody's data.
func AccountOf(d *store.PersonData) *Account {
	p, s := &d.Person, &d.Person.Settings
	return &Account{ID: ID(p.ID), Email: p.Email, Operator: p.Role == bellhop.RoleOperator, AddedAt: p.AddedAt.UTC(),
		Shops:  Each(p.Shops, func(m *bellhop.Membership) AccountShop { return AccountShop{m.Shop, string(m.Role)} }),
		Proven: !p.Unproven, Password: p.PasswordHash != "",
		Settings: AccountSettings{s.Language, s.Timezone, !s.NotNew, s.Paid, s.Cancelled, s.Refunded, s.AtLeast,
			s.QuietFrom, s.QuietTo, s.GatherAbove, s.LoudFrom},
		Sessions: Each(d.Sessions, func(s *bellhop.Session) AccountSession {
			return AccountSession{s.CreatedAt.UTC(), s.LastUsed().UTC(), s.EndsAt().UTC(), s.Agent}
		}),
		Links: Each(d.Links, func(t *time.Time) time.Time { return t.UTC() }),
		Networks: Each(d.Networks, func(n *store.Network) AccountNetwork {
			return AccountNetwork{n.Network, n.SeenAt.UTC()}
		}),
		Devices:     Each(d.Devices, accountDevice),
		Invitations: Each(d.Invitations, accountInvitation),
		Accesses:    Each(d.Accesses, AccessOf)}
}

func accountDevice(d *bellhop.Device) AccountDevice {
	return AccountDevice{d.Shop, d.Installation, d.Name, string(d.Kind), d.Value, string(d.Platform), string(d.Form),
		d.Locale, d.Timezone, d.AddedAt.UTC(), d.SeenAt.UTC(), d.RetiredAt.UTC(), d.RetiredFor}
}

func accountInvitation(i *bellhop.Invitation) AccountInvitation {
	return AccountInvitation{i.Shop, i.Email, string(i.Role), i.InvitedBy, i.CreatedAt.UTC(), i.ExpiresAt.UTC()}
}

// ErrConfirm refuses to remove an account without its address.
var ErrConfirm = bellhop.Invalidf("confirm", "to remove the account, give its e-mail address in email")

// RemoveAccount removes the account of somebody signed in. They repeat its address, and whoever has a password brings
// it: a session that was left open is no reason to lose the account. A shop's last owner stays.
func (a *Auth) RemoveAccount(ctx context.Context, who Principal, email, password string, from netip.Addr) error {
	folded, err := bellhop.ParseEmail(email)
	if err != nil || folded != who.Person.Email {
		return ErrConfirm
	}
	network := Neighbourhood(from)
	if wait := a.byKnown.Take(network+" "+who.Person.Email, a.now()); wait > 0 {
		return tooMany(wait)
	}
	p, err := a.store.PersonByEmail(ctx, who.Person.Email)
	if err != nil {
		return err
	}
	if p.PasswordHash != "" {
		right, err := verify(ctx, a.known, network, p.PasswordHash, password)
		if err != nil {
			return err
		}
		if !right {
			return ErrCredentials
		}
	}
	return a.store.Leave(ctx, p.ID)
}
