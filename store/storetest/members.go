package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"bellhop"
	"bellhop/store"
)

func ownerOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleOwner}
}

func staffOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleStaff}
}

// addMember adds somebody with these shops.
func (f *fixture) addMember(email string, shops ...bellhop.Membership) bellhop.Person {
	f.Helper()
	return must(f.s.AddPerson(f.ctx, bellhop.Person{Email: email, Shops: shops, PasswordHash: "h", AddedAt: day}))(f)
}

// shopsOf returns the shops of somebody, as their next request finds them.
func (f *fixture) shopsOf(email string) []bellhop.Membership {
	f.Helper()
	return must(f.s.PersonByEmail(f.ctx, email))(f).Shops
}

func memberships(f *fixture) {
	f.addShop(shop, second, third)
	jo := f.addMember("jo@example.com", staffOf(third), ownerOf(shop))
	kim := f.addOwner("kim@example.com", second)
	f.equal("shops, by domain", jo.Shops, []bellhop.Membership{ownerOf(shop), staffOf(third)})
	f.equal("the first", jo.Shop+" "+string(jo.Role), shop+" owner")
	f.equal("of the first shop", must(f.s.People(f.ctx, shop))(f), []bellhop.Person{jo})
	f.equal("of the third", must(f.s.People(f.ctx, third))(f), []bellhop.Person{jo})
	f.equal("everybody, once", must(f.s.People(f.ctx, ""))(f), []bellhop.Person{jo, kim})
	for _, bad := range [][]bellhop.Membership{{}, {ownerOf(shop), staffOf(shop)}, {{Shop: shop, Role: "king"}},
		{{Shop: shop, Role: bellhop.RoleOperator}}, {{Role: bellhop.RoleOwner}}} {
		f.kind(bellhop.Invalid, errOf(f.s.AddPerson(f.ctx, bellhop.Person{Email: "x@example.com", Shops: bad})))
	}
	f.kind(bellhop.NotFound, errOf(f.s.AddPerson(f.ctx, bellhop.Person{Email: "x@example.com",
		Shops: []bellhop.Membership{ownerOf(shop), staffOf(nobody)}})))

	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{1}, PersonID: kim.ID, CreatedAt: day,
		ExpiresAt: at(60)}, ""))
	f.must(f.s.SetMembership(f.ctx, kim.ID, staffOf(shop)))
	f.must(f.s.SetMembership(f.ctx, kim.ID, staffOf(shop))) // again
	_, who, err := f.s.Session(f.ctx, [32]byte{1}, day)
	f.must(err)
	f.equal("a session's", who.Shops, []bellhop.Membership{staffOf(shop), ownerOf(second)})
	f.must(f.s.SetMembership(f.ctx, kim.ID, ownerOf(shop)))
	f.equal("promoted", f.shopsOf("kim@example.com"), []bellhop.Membership{ownerOf(shop), ownerOf(second)})
	f.must(f.s.RemoveMembership(f.ctx, jo.ID, shop))
	f.equal("left", f.shopsOf("jo@example.com"), []bellhop.Membership{staffOf(third)})
	f.must(f.s.RemoveMembership(f.ctx, jo.ID, third))
	f.kind(bellhop.NotFound, errOf(f.s.PersonByEmail(f.ctx, "jo@example.com"))) // who had no shop left

	operator := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "ann@example.com", Role: bellhop.RoleOperator}))(f)
	f.kind(bellhop.Conflict, f.s.SetMembership(f.ctx, operator.ID, staffOf(shop)))
	f.kind(bellhop.NotFound, f.s.SetMembership(f.ctx, operator.ID+99, staffOf(shop)))
	f.kind(bellhop.NotFound, f.s.SetMembership(f.ctx, kim.ID, staffOf(nobody)))
	f.kind(bellhop.Invalid, f.s.SetMembership(f.ctx, kim.ID, bellhop.Membership{Shop: shop, Role: bellhop.RoleOperator}))
	f.kind(bellhop.NotFound, f.s.RemoveMembership(f.ctx, kim.ID, third))
	f.kind(bellhop.NotFound, f.s.RemoveMembership(f.ctx, kim.ID, nobody))
	f.kind(bellhop.NotFound, f.s.RemoveMembership(f.ctx, operator.ID+99, shop))
}

// roles checks that a role is only a member's: whoever was removed meanwhile stays out.
func roles(f *fixture) {
	f.addShop(shop, second)
	jo := f.addMember("jo@example.com", ownerOf(shop))
	kim := f.addMember("kim@example.com", staffOf(shop), ownerOf(second))
	f.must(f.s.SetRole(f.ctx, kim.ID, ownerOf(shop)))
	f.equal("promoted", f.shopsOf(kim.Email), []bellhop.Membership{ownerOf(shop), ownerOf(second)})
	f.must(f.s.SetRole(f.ctx, jo.ID, staffOf(shop)))
	f.kind(bellhop.Conflict, f.s.SetRole(f.ctx, kim.ID, staffOf(shop))) // the last owner
	f.kind(bellhop.NotFound, f.s.SetRole(f.ctx, jo.ID, staffOf(second)))
	f.kind(bellhop.NotFound, f.s.SetRole(f.ctx, jo.ID, staffOf(nobody)))
	f.kind(bellhop.NotFound, f.s.SetRole(f.ctx, kim.ID+99, staffOf(shop)))
	f.kind(bellhop.Invalid, f.s.SetRole(f.ctx, jo.ID, bellhop.Membership{Shop: shop, Role: bellhop.RoleOperator}))
	for range 10 {
		f.must(f.s.SetRole(f.ctx, jo.ID, ownerOf(shop)))
		var wg sync.WaitGroup
		var removed, set error
		wg.Go(func() { removed = f.s.RemoveMembership(f.ctx, kim.ID, shop) })
		wg.Go(func() { set = f.s.SetRole(f.ctx, kim.ID, staffOf(shop)) })
		wg.Wait()
		f.must(removed)
		if set != nil {
			f.kind(bellhop.NotFound, set)
		}
		f.equal("removed", f.shopsOf(kim.Email), []bellhop.Membership{ownerOf(second)})
		f.must(f.s.SetMembership(f.ctx, kim.ID, staffOf(shop)))
	}
}

func lastOwner(f *fixture) {
	f.addShop(shop, second)
	jo, kim := f.addMember("jo@example.com", ownerOf(shop), ownerOf(second)), f.addMember("kim@example.com", staffOf(shop))
	f.kind(bellhop.Conflict, f.s.SetMembership(f.ctx, jo.ID, staffOf(shop)))
	f.kind(bellhop.Conflict, f.s.RemoveMembership(f.ctx, jo.ID, shop))
	f.equal("stays", f.shopsOf(jo.Email), []bellhop.Membership{ownerOf(shop), ownerOf(second)})
	f.must(f.s.SetMembership(f.ctx, kim.ID, ownerOf(shop)))
	f.must(f.s.SetMembership(f.ctx, jo.ID, staffOf(shop)))
	f.kind(bellhop.Conflict, f.s.RemoveMembership(f.ctx, kim.ID, shop))
	for n, i := range []bellhop.Invitation{{Email: jo.Email, InvitedBy: kim.Email},
		{Email: "x@example.com", InvitedBy: jo.Email}, {Email: "y@example.com", InvitedBy: kim.Email}} {
		i.Hash, i.Shop, i.Role, i.CreatedAt, i.ExpiresAt = [32]byte{byte(n)}, shop, bellhop.RoleOwner, at(1), at(60)
		f.must(f.s.Invite(f.ctx, i))
	}
	f.must(f.s.RemoveMembership(f.ctx, jo.ID, shop))
	left := must(f.s.Invitations(f.ctx, shop, at(2)))(f) // none by which jo would come back
	f.equal("invitations that stay", len(left), 1)
	f.equal("whose", left[0].Email, "y@example.com")
}

// invitationsEndWithTheRight: an owner who was made staff, or removed, has invited a second address of their own.
func invitationsEndWithTheRight(f *fixture) {
	f.addShop(shop, second)
	jo := f.addMember("jo@example.com", ownerOf(shop), ownerOf(second))
	f.addMember("kim@example.com", ownerOf(shop), ownerOf(second))
	n := byte(0)
	invite := func(domain, email, by string) {
		n++
		f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{n}, Shop: domain, Email: email, InvitedBy: by,
			Role: bellhop.RoleOwner, CreatedAt: at(1), ExpiresAt: at(60)}))
	}
	left := func(domain string) (all []string) {
		for _, i := range must(f.s.Invitations(f.ctx, domain, at(2)))(f) {
			all = append(all, i.Email)
		}
		return all
	}
	for _, domain := range []string{shop, second} {
		invite(domain, "second@example.com", jo.Email)
		invite(domain, "third@example.com", "kim@example.com")
	}
	f.must(f.s.SetRole(f.ctx, jo.ID, ownerOf(shop)))
	f.equal("of an owner", left(shop), []string{"second@example.com", "third@example.com"})
	f.must(f.s.SetRole(f.ctx, jo.ID, staffOf(shop)))
	f.equal("of one who is staff now", left(shop), []string{"third@example.com"})
	f.equal("to the other shop", left(second), []string{"second@example.com", "third@example.com"})
	invite(second, jo.Email, "")
	f.must(f.s.RemovePerson(f.ctx, jo.ID))
	f.equal("of one who is removed", left(second), []string{"third@example.com"})
}

// twoOwnersLeaveAtOnce makes a shop's owners leave in the same moment: one stays.
func twoOwnersLeaveAtOnce(f *fixture) {
	f.addShop(shop, second)
	var left atomic.Int32
	var wg sync.WaitGroup
	for n := range 4 {
		p := f.addMember(fmt.Sprint(n, "@example.com"), ownerOf(shop), ownerOf(second))
		wg.Go(func() {
			if f.s.RemoveMembership(f.ctx, p.ID, shop) == nil {
				left.Add(1)
			}
		})
	}
	wg.Wait()
	f.equal("those who left", left.Load(), int32(3))
	f.equal("those who stay", len(must(f.s.People(f.ctx, shop))(f)), 1)
}

// ownAccounts has people remove their accounts themselves.
func ownAccounts(f *fixture) {
	f.addShop(shop, second, third)
	jo := f.addMember("jo@example.com", ownerOf(shop), ownerOf(second), staffOf(third))
	kim := f.addMember("kim@example.com", ownerOf(shop))
	err := f.s.Leave(f.ctx, jo.ID)
	f.kind(bellhop.Conflict, err)
	if !strings.Contains(err.Error(), second) {
		f.Errorf("%v does not name the shop that would have no owner", err)
	}
	f.equal("stays in all", len(f.shopsOf(jo.Email)), 3)
	f.must(f.s.SetMembership(f.ctx, kim.ID, ownerOf(second)))
	f.must(f.s.Leave(f.ctx, jo.ID))
	f.kind(bellhop.NotFound, errOf(f.s.PersonByEmail(f.ctx, jo.Email)))
	f.kind(bellhop.NotFound, f.s.Leave(f.ctx, jo.ID))
	f.kind(bellhop.Conflict, f.s.Leave(f.ctx, kim.ID))
	operator := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "ann@example.com", Role: bellhop.RoleOperator}))(f)
	f.must(f.s.Leave(f.ctx, operator.ID))

	var left atomic.Int32
	var wg sync.WaitGroup
	for n := range 4 { // and kim: a shop's owners remove their accounts in the same moment
		p := f.addMember(fmt.Sprint(n, "@example.com"), ownerOf(second), ownerOf(shop))
		wg.Go(func() {
			if f.s.Leave(f.ctx, p.ID) == nil {
				left.Add(1)
			}
		})
	}
	wg.Go(func() {
		if f.s.Leave(f.ctx, kim.ID) == nil {
			left.Add(1)
		}
	})
	wg.Wait()
	f.equal("those who left", left.Load(), int32(4))
	f.equal("those who stay", len(must(f.s.People(f.ctx, shop))(f)), 1)
}

func boundsOfMemberships(f *fixture) {
	all := make([]bellhop.Membership, store.MaxShops+1)
	for n := range all {
		all[n] = staffOf(fmt.Sprintf("shop-%02d.myshopify.com", n))
		f.addShop(all[n].Shop)
	}
	f.kind(bellhop.Conflict, errOf(f.s.AddPerson(f.ctx, bellhop.Person{Email: "jo@example.com", Shops: all})))
	jo := f.addMember("jo@example.com", all[1:]...)
	f.kind(bellhop.Conflict, f.s.SetMembership(f.ctx, jo.ID, all[0]))
	f.must(f.s.SetMembership(f.ctx, jo.ID, ownerOf(all[1].Shop)))
	f.must(f.s.RemoveMembership(f.ctx, jo.ID, all[2].Shop))
	f.must(f.s.SetMembership(f.ctx, jo.ID, all[0]))

	f.addShop(shop)
	for n := range store.MaxPeople {
		f.addOwner(fmt.Sprint(n, "@example.com"), shop)
	}
	f.kind(bellhop.Conflict, errOf(f.s.AddPerson(f.ctx, bellhop.Person{Email: "x@example.com",
		Shops: []bellhop.Membership{staffOf(all[0].Shop), staffOf(shop)}})))
	kim := f.addMember("kim@example.com", staffOf(all[0].Shop))
	f.kind(bellhop.Conflict, f.s.SetMembership(f.ctx, kim.ID, staffOf(shop)))

	invite := func(domain string, n int) error {
		return f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{byte(n), byte(len(domain))}, Shop: domain,
			Email: fmt.Sprint(n, "@example.org"), Role: bellhop.RoleStaff, CreatedAt: day, ExpiresAt: at(60)})
	}
	for n := range store.MaxInvitations {
		f.must(invite(shop, n))
	}
	f.kind(bellhop.Conflict, invite(shop, store.MaxInvitations))
	f.must(invite(all[0].Shop, 0))
	seventh := [32]byte{7, byte(len(shop))}
	f.kind(bellhop.Conflict, errOf(f.s.Accept(f.ctx, seventh, bellhop.Person{PasswordHash: "h"}, day)))
	f.must(f.s.RemoveInvitation(f.ctx, shop, "7@example.org"))
	f.must(invite(shop, store.MaxInvitations))
	f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{31: 1}, Shop: shop, Email: "late@example.org",
		Role: bellhop.RoleStaff, CreatedAt: at(60), ExpiresAt: at(99)})) // the others ran out
	f.equal("left", len(must(f.s.Invitations(f.ctx, shop, at(60)))(f)), 1)
}

func invitations(f *fixture) {
	f.addShop(shop, second)
	f.addOwner("jo@example.com", shop)
	i := bellhop.Invitation{Hash: [32]byte{1}, Shop: shop, Email: "Kim@Example.com", Role: bellhop.RoleOwner,
		InvitedBy: "jo@example.com", CreatedAt: at(1), ExpiresAt: at(60)}
	f.must(f.s.Invite(f.ctx, i))
	i.Email = "kim@example.com"
	f.whole("listed", must(f.s.Invitations(f.ctx, shop, at(59)))(f), []bellhop.Invitation{i})
	f.whole("by its hash", must(f.s.Invitation(f.ctx, i.Hash, at(59)))(f), i)
	f.equal("of another shop", len(must(f.s.Invitations(f.ctx, second, at(59)))(f)), 0)
	f.equal("ran out", len(must(f.s.Invitations(f.ctx, shop, at(60)))(f)), 0)
	f.kind(bellhop.NotFound, errOf(f.s.Invitation(f.ctx, i.Hash, at(60))))
	f.kind(bellhop.NotFound, errOf(f.s.Accept(f.ctx, i.Hash, bellhop.Person{PasswordHash: "h"}, at(60))))
	again := i
	again.Hash, again.Role = [32]byte{2}, bellhop.RoleStaff
	f.must(f.s.Invite(f.ctx, again))
	f.equal("in its place", must(f.s.Invitations(f.ctx, shop, at(59)))(f), []bellhop.Invitation{again})
	f.kind(bellhop.NotFound, errOf(f.s.Invitation(f.ctx, i.Hash, at(59))))
	for _, spoil := range []func(*bellhop.Invitation){
		func(i *bellhop.Invitation) { i.Email = "" }, func(i *bellhop.Invitation) { i.Email = long },
		func(i *bellhop.Invitation) { i.Role = bellhop.RoleOperator }, func(i *bellhop.Invitation) { i.Shop = "" },
	} {
		bad := i
		spoil(&bad)
		f.kind(bellhop.Invalid, f.s.Invite(f.ctx, bad))
	}
	stray := i
	stray.Shop = nobody
	f.kind(bellhop.NotFound, f.s.Invite(f.ctx, stray))
	same := again
	same.Shop = second
	f.kind(bellhop.Conflict, f.s.Invite(f.ctx, same))

	lee := f.addOwner("lee@example.com", second)
	f.kind(bellhop.Conflict, errOf(f.s.Accept(f.ctx, again.Hash, lee, at(59))))
	f.kind(bellhop.NotFound, errOf(f.s.Accept(f.ctx, again.Hash, bellhop.Person{ID: lee.ID + 99}, at(59))))
	kim := must(f.s.Accept(f.ctx, again.Hash, bellhop.Person{PasswordHash: "h", Email: "ignored@example.com",
		Settings: bellhop.Settings{Language: "ko"}}, at(59)))(f)
	f.equal("the new person", kim, bellhop.Person{ID: kim.ID, Email: i.Email, Shop: shop, Role: bellhop.RoleStaff,
		Shops: []bellhop.Membership{staffOf(shop)}, Unproven: true, PasswordHash: "h", AddedAt: at(59),
		Settings: bellhop.Settings{Language: "ko"}})
	f.equal("kept", must(f.s.PersonByEmail(f.ctx, kim.Email))(f), kim)
	f.kind(bellhop.NotFound, errOf(f.s.Accept(f.ctx, again.Hash, kim, at(59))))

	i.Hash, i.Shop, i.Email = [32]byte{3}, second, kim.Email
	f.must(f.s.Invite(f.ctx, i))
	f.kind(bellhop.Conflict, errOf(f.s.Accept(f.ctx, i.Hash, bellhop.Person{PasswordHash: "other"}, at(2))))
	f.equal("their password", must(f.s.PersonByEmail(f.ctx, kim.Email))(f).PasswordHash, "h")
	f.equal("as themselves", must(f.s.Accept(f.ctx, i.Hash, kim, at(2)))(f).Shops,
		[]bellhop.Membership{staffOf(shop), ownerOf(second)})
	i.Hash, i.Role = [32]byte{4}, bellhop.RoleStaff
	f.must(f.s.Invite(f.ctx, i))
	f.equal("a member stays", must(f.s.Accept(f.ctx, i.Hash, kim, at(2)))(f).RoleIn(second), bellhop.RoleOwner)
	f.kind(bellhop.NotFound, f.s.RemoveInvitation(f.ctx, second, kim.Email))
}

func acceptedOnce(f *fixture) {
	f.addShop(shop)
	f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{1}, Shop: shop, Email: "kim@example.com",
		Role: bellhop.RoleStaff, CreatedAt: day, ExpiresAt: at(60)}))
	var accepted atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := f.s.Accept(f.ctx, [32]byte{1}, bellhop.Person{PasswordHash: "h"}, at(1)); err == nil {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	f.equal("times that it was accepted", accepted.Load(), int32(1))
	f.equal("people", len(must(f.s.People(f.ctx, shop))(f)), 1)
}

// unprovenAccounts checks that whoever made an account for an address of somebody else loses it
// before it gets a further shop.
func unprovenAccounts(f *fixture) {
	f.addShop(shop, second, third)
	f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{1}, Shop: shop, Email: "kim@example.com",
		Role: bellhop.RoleStaff, CreatedAt: day, ExpiresAt: at(60)}))
	p := must(f.s.Accept(f.ctx, [32]byte{1}, bellhop.Person{PasswordHash: "theirs"}, day))(f)
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{2}, PersonID: p.ID, CreatedAt: day,
		ExpiresAt: at(60)}, "192.0.2.1"))
	f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{3}, PersonID: p.ID, ExpiresAt: at(60)}))
	d := f.phone(p, shop, "phone")
	f.must(f.s.SetMembership(f.ctx, p.ID, ownerOf(shop))) // no further one
	f.equal("devices", len(must(f.s.Devices(f.ctx, shop))(f)), 1)
	f.must(f.s.SetMembership(f.ctx, p.ID, ownerOf(second)))
	p.Unproven, p.PasswordHash = false, ""
	p.SetShops([]bellhop.Membership{ownerOf(shop), ownerOf(second)})
	f.equal("the account", must(f.s.PersonByEmail(f.ctx, p.Email))(f), p)
	_, _, err := f.s.Session(f.ctx, [32]byte{2}, day)
	f.kind(bellhop.NotFound, err)
	f.kind(bellhop.NotFound, errOf(f.s.UseLink(f.ctx, [32]byte{3}, day)))
	f.equal("a strange network", must(f.s.KnowsNetwork(f.ctx, p.ID, "192.0.2.1"))(f), false)
	f.equal("devices", len(must(f.s.Devices(f.ctx, shop))(f))+len(must(f.s.Devices(f.ctx, second))(f)), 0)

	f.must(f.s.SetPassword(f.ctx, p.ID, "own"))
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	f.must(f.s.SetMembership(f.ctx, p.ID, ownerOf(third)))
	f.equal("a proven account", must(f.s.PersonByEmail(f.ctx, p.Email))(f).PasswordHash, "own")
	f.equal("its phone", len(must(f.s.Devices(f.ctx, third))(f)), 1)
	f.must(f.s.Reclaim(f.ctx, p.ID))
	f.equal("a proven account", must(f.s.PersonByEmail(f.ctx, p.Email))(f).PasswordHash, "own")
	f.equal("its phone", len(must(f.s.Devices(f.ctx, third))(f)), 1)
}

func reclaimedAccounts(f *fixture) {
	f.addShop(shop)
	p := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "kim@example.com", Role: bellhop.RoleStaff, Shop: shop,
		PasswordHash: "theirs", Unproven: true, AddedAt: day}))(f)
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{2}, PersonID: p.ID, CreatedAt: day,
		ExpiresAt: at(60)}, "192.0.2.1"))
	f.phone(p, shop, "phone")
	f.must(f.s.SetPassword(f.ctx, p.ID, "another of theirs"))
	f.must(f.s.Reclaim(f.ctx, p.ID))
	p.Unproven, p.PasswordHash = false, ""
	f.equal("the account", must(f.s.PersonByEmail(f.ctx, p.Email))(f), p)
	_, _, err := f.s.Session(f.ctx, [32]byte{2}, day)
	f.kind(bellhop.NotFound, err)
	f.equal("devices", len(must(f.s.Devices(f.ctx, shop))(f)), 0)
	f.kind(bellhop.NotFound, f.s.Reclaim(f.ctx, p.ID+99))
}

func operatorTokens(f *fixture) {
	f.addShop(shop)
	tok := must(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: "ci", Hash: [32]byte{1}, CreatedAt: day}))(f)
	must(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: "ci", Hash: [32]byte{2}, CreatedAt: day}))(f)
	f.kind(bellhop.Conflict, errOf(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: "ci", Hash: [32]byte{3}})))
	for _, bad := range []bellhop.Token{{Operator: true, Hash: [32]byte{4}}, {Name: "x", Hash: [32]byte{4}},
		{Operator: true, Shop: shop, Name: "x", Hash: [32]byte{4}}, {Operator: true, Name: long, Hash: [32]byte{4}}} {
		f.kind(bellhop.Invalid, errOf(f.s.AddToken(f.ctx, bad)))
	}
	tok.LastUsedAt = at(60)
	f.whole("token", must(f.s.Token(f.ctx, tok.Hash, at(60)))(f), tok, "ID", "Shop")
	must(f.s.Token(f.ctx, tok.Hash, at(100)))(f)
	f.equal("listed", must(f.s.Tokens(f.ctx, ""))(f), []bellhop.Token{tok})
	f.equal("a shop's", must(f.s.Token(f.ctx, [32]byte{2}, at(1)))(f).Operator, false)
	for n := 1; n < store.MaxTokens; n++ {
		must(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: fmt.Sprint(n), Hash: [32]byte{9, byte(n)}}))(f)
	}
	f.kind(bellhop.Conflict, errOf(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: "more", Hash: [32]byte{4}})))
	f.must(f.s.RemoveToken(f.ctx, "", "ci"))
	f.kind(bellhop.NotFound, f.s.RemoveToken(f.ctx, "", "ci"))
	f.kind(bellhop.NotFound, errOf(f.s.Token(f.ctx, tok.Hash, day)))
	must(f.s.Token(f.ctx, [32]byte{2}, day))(f) // the shop's of that name stays
}
