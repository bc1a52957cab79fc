package storetest

import (
	"fmt"
	"strings"

	"bellhop"
	"bellhop/store"
)

// bounds adds more of each than a person may have, and checks which of them are left.
func bounds(f *fixture) {
	f.addShop(shop)
	p, other := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", shop)
	f.equal("has signed in", must(f.s.HasSignedIn(f.ctx, p.ID))(f), false)
	hash := func(n int) [32]byte { return [32]byte{1, byte(n)} }
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{9}, PersonID: other.ID, CreatedAt: day,
		ExpiresAt: at(9000)}, "net 0"))
	for n := range store.MaxSessions + 5 {
		s := bellhop.Session{TokenHash: hash(n), PersonID: p.ID, CreatedAt: at(n), ExpiresAt: at(9000)}
		f.must(f.s.AddSession(f.ctx, s, fmt.Sprint("net ", n)))
		f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: hash(n), PersonID: p.ID, ExpiresAt: at(9000 + n)}))
	}
	const last = store.MaxSessions + 4
	for n := range last + 1 {
		_, _, err := f.s.Session(f.ctx, hash(n), day)
		f.equal(fmt.Sprint("session ", n), err == nil, n > last-store.MaxSessions)
		known := must(f.s.KnowsNetwork(f.ctx, p.ID, fmt.Sprint("net ", n)))(f)
		f.equal(fmt.Sprint("network ", n), known, n > last-store.MaxNetworks)
		_, err = f.s.UseLink(f.ctx, hash(n), day)
		f.equal(fmt.Sprint("link ", n), err == nil, n > last-store.MaxLinks)
	}
	_, _, err := f.s.Session(f.ctx, [32]byte{9}, day)
	f.must(err) // somebody else's stays

	for _, c := range []struct {
		who     int64
		network string
		known   bool
	}{{other.ID, "net 0", true}, {other.ID, "net 54", false}, {0, "net 54", false}, {p.ID + 99, "net 54", false}} {
		f.equal("known", must(f.s.KnowsNetwork(f.ctx, c.who, c.network))(f), c.known)
	}
	// Seen again, it is the newest, and outlasts the session that saw it.
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{8}, PersonID: p.ID, CreatedAt: at(500),
		ExpiresAt: at(9000)}, "net 40"))
	f.must(f.s.RemoveSession(f.ctx, [32]byte{8}))
	for n := range store.MaxNetworks - 1 {
		s := bellhop.Session{TokenHash: [32]byte{7, byte(n)}, PersonID: p.ID, CreatedAt: at(600 + n), ExpiresAt: at(9000)}
		f.must(f.s.AddSession(f.ctx, s, fmt.Sprint("new ", n)))
	}
	f.equal("seen again", must(f.s.KnowsNetwork(f.ctx, p.ID, "net 40"))(f), true)
	f.equal("has signed in", must(f.s.HasSignedIn(f.ctx, p.ID))(f), true)
	f.must(f.s.RemovePerson(f.ctx, p.ID))
	f.equal("of somebody removed", must(f.s.KnowsNetwork(f.ctx, p.ID, "net 40"))(f), false)
	f.equal("has somebody removed signed in", must(f.s.HasSignedIn(f.ctx, p.ID))(f), false)
}

// boundsOfAShop adds more tokens and people than a shop may have, and too long names.
func boundsOfAShop(f *fixture) {
	f.addShop(shop, other)
	token := func(shop string, n int) error {
		_, err := f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: fmt.Sprint("token ", n),
			Hash: [32]byte{1, byte(n), byte(len(shop))}, CreatedAt: day})
		return err
	}
	for n := range store.MaxTokens {
		f.must(token(shop, n))
	}
	f.kind(bellhop.Conflict, token(shop, store.MaxTokens))
	f.kind(bellhop.NotFound, token(nobody, 0))
	f.must(token(other, 0))
	f.must(f.s.RemoveToken(f.ctx, shop, "token 0"))
	f.must(token(shop, store.MaxTokens))

	person := func(shop string, n int) error {
		p := bellhop.Person{Email: fmt.Sprint(n, "@", shop), Role: bellhop.RoleOwner, Shop: shop, AddedAt: day}
		if shop == "" {
			p.Role = bellhop.RoleOperator
		}
		_, err := f.s.AddPerson(f.ctx, p)
		return err
	}
	for _, whose := range []string{shop, ""} {
		for n := range store.MaxPeople {
			f.must(person(whose, n))
		}
		f.kind(bellhop.Conflict, person(whose, store.MaxPeople))
	}
	f.must(person(other, 0))
	f.kind(bellhop.NotFound, person(nobody, 0))
}

// long is longer than any name or text may be.
var long = strings.Repeat("x", 5000)

// lengths checks what is too long, of each kind of name and text; see devices for theirs.
func lengths(f *fixture) {
	f.addShop(shop)
	f.kind(bellhop.Invalid, errOf(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: long, Hash: [32]byte{1}})))
	f.kind(bellhop.Invalid, errOf(f.s.AddPerson(f.ctx, bellhop.Person{Email: long, Role: bellhop.RoleOperator})))
	p := f.addOwner("jo@example.com", shop)
	for _, s := range []bellhop.Settings{{Language: long}, {Timezone: long},
		{Timezone: "Asia" + strings.Repeat("/", 100) + "Seoul"}, {AtLeast: strings.Repeat("0", 100)},
		{LoudFrom: "1." + strings.Repeat("0", 100)}, {QuietFrom: long, QuietTo: "07:00"}} {
		f.kind(bellhop.Invalid, f.setSettings(p.ID, s))
	}
}
