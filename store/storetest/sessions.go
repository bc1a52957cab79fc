package storetest

import (
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

func sessions(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	add := func(b byte, until time.Time) [32]byte {
		f.Helper()
		f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{b}, PersonID: p.ID, CreatedAt: day,
			ExpiresAt: until}, "192.0.2.1"))
		return [32]byte{b}
	}
	gone := func(hash [32]byte, now time.Time) {
		f.Helper()
		_, _, err := f.s.Session(f.ctx, hash, now)
		f.kind(bellhop.NotFound, err)
	}
	one, two := add(1, at(60)), add(2, at(600))
	s, whose, err := f.s.Session(f.ctx, one, at(59))
	f.must(err)
	f.equal("session", s, bellhop.Session{TokenHash: one, PersonID: p.ID, CreatedAt: day, ExpiresAt: at(60)})
	f.equal("whose", whose, p)
	gone(one, at(60))
	gone([32]byte{9}, day)
	f.must(f.s.RemoveSession(f.ctx, two))
	gone(two, day)
	f.kind(bellhop.NotFound, f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{3}, PersonID: p.ID + 99,
		ExpiresAt: at(60)}, "192.0.2.1"))

	three := add(4, at(600))
	f.must(f.s.SetPassword(f.ctx, p.ID, "h2"))
	gone(three, day)
	f.equal("hash", must(f.s.PersonByEmail(f.ctx, p.Email))(f).PasswordHash, "h2")
	f.kind(bellhop.NotFound, f.s.SetPassword(f.ctx, p.ID+99, "h"))
	four := add(5, at(600))
	f.must(f.s.RemovePerson(f.ctx, p.ID))
	gone(four, day)
}

// refreshSession adds a session that refreshes.
func (f *fixture) refreshSession(person int64, token byte) bellhop.Session {
	f.Helper()
	s := bellhop.Session{TokenHash: [32]byte{token}, PersonID: person, CreatedAt: day, ExpiresAt: at(60), Agent: "App",
		Refresh: bellhop.Refresh{Family: [32]byte{token, 1}, Hash: [32]byte{token, 2}, ExpiresAt: at(600)}}
	f.must(f.s.AddSession(f.ctx, s, "192.0.2.1"))
	return s
}

// rotate is a change that gives a session its next pair.
func rotate(token byte, until time.Time) func(*bellhop.Session) bool {
	return func(s *bellhop.Session) bool {
		s.Refresh.Spent, s.Refresh.Salt, s.Refresh.Hash = s.Refresh.Hash, [32]byte{9}, [32]byte{token, 2}
		s.TokenHash, s.ExpiresAt, s.Refresh.ExpiresAt = [32]byte{token}, until, until.Add(time.Hour)
		return true
	}
}

func refreshing(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	s := f.refreshSession(p.ID, 1)
	list := func(now time.Time) []bellhop.Session {
		f.Helper()
		return must(f.s.Sessions(f.ctx, p.ID, now))(f)
	}
	f.equal("it outlasts its token", list(at(599)), []bellhop.Session{s})
	f.equal("and ends", len(list(at(600))), 0)
	_, _, err := f.s.Session(f.ctx, s.TokenHash, at(60))
	f.kind(bellhop.NotFound, err)

	change := rotate(2, at(700))
	f.equal("whose", must(f.s.RefreshSession(f.ctx, s.Refresh.Family, at(100), func(was *bellhop.Session) bool {
		f.equal("as it is", *was, s)
		return change(was)
	}))(f), p)
	change(&s)
	f.equal("changed", list(at(100)), []bellhop.Session{s})
	_, _, err = f.s.Session(f.ctx, [32]byte{1}, day)
	f.kind(bellhop.NotFound, err)

	got, _, err := f.s.Session(f.ctx, s.TokenHash, at(101))
	f.must(err)
	s.UsedAt, s.Refresh.Spent, s.Refresh.Salt = at(101), [32]byte{}, [32]byte{}
	f.equal("used", got, s)
	f.equal("which is kept", list(at(101)), []bellhop.Session{s})
	_, _, err = f.s.Session(f.ctx, s.TokenHash, at(699))
	f.must(err)
	f.equal("for ten minutes", list(at(101)), []bellhop.Session{s})

	never := func(*bellhop.Session) bool { f.Error("called"); return true }
	f.kind(bellhop.NotFound, errOf(f.s.RefreshSession(f.ctx, [32]byte{99}, day, never)))
	f.kind(bellhop.NotFound, errOf(f.s.RefreshSession(f.ctx, s.Refresh.Family, s.Refresh.ExpiresAt, never)))
	f.kind(bellhop.NotFound, errOf(f.s.RefreshSession(f.ctx, [32]byte{}, day, never)))
	other := f.refreshSession(p.ID, 7)
	f.equal("ended", must(f.s.RefreshSession(f.ctx, s.Refresh.Family, day,
		func(*bellhop.Session) bool { return false }))(f).ID, p.ID)
	f.equal("alone", list(day), []bellhop.Session{other})

	// A sign-in clears away sessions at their end, which is not that of their token.
	for _, made := range []struct{ at, left int }{{599, 2}, {600, 1}} {
		f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{20, byte(made.at)}, PersonID: p.ID,
			CreatedAt: at(made.at), ExpiresAt: at(made.at + 1)}, "192.0.2.1"))
		f.equal("left", len(list(day)), made.left)
	}
	last := f.refreshSession(p.ID, 8)
	f.must(f.s.SetPassword(f.ctx, p.ID, "h2"))
	f.kind(bellhop.NotFound, errOf(f.s.RefreshSession(f.ctx, last.Refresh.Family, day, never)))
}

func refreshingAtOnce(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	s := f.refreshSession(p.ID, 1)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := f.s.RefreshSession(f.ctx, s.Refresh.Family, day, func(s *bellhop.Session) bool {
				s.TokenHash[31]++
				return true
			})
			if err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.equal("each saw the one before", must(f.s.Sessions(f.ctx, p.ID, day))(f)[0].TokenHash, [32]byte{1, 31: 8})

	// A new password ends the session, whichever comes first.
	for token := range byte(8) {
		s := f.refreshSession(p.ID, 100+token)
		all.Go(func() {
			_, err := f.s.RefreshSession(f.ctx, s.Refresh.Family, day, rotate(200+token, at(60)))
			if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
				f.Error(err)
			}
		})
		all.Go(func() {
			if err := f.s.SetPassword(f.ctx, p.ID, "h2"); err != nil {
				f.Error(err)
			}
		})
		all.Wait()
		f.equal("sessions", len(must(f.s.Sessions(f.ctx, p.ID, day))(f)), 0)
	}
}

func endingSessions(f *fixture) {
	f.addShop(shop, other)
	p, stranger := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", other)
	lost, kept := f.refreshSession(p.ID, 1), f.refreshSession(p.ID, 2)
	old := bellhop.Session{TokenHash: [32]byte{3}, PersonID: p.ID, CreatedAt: day, ExpiresAt: at(60)}
	f.must(f.s.AddSession(f.ctx, old, "192.0.2.1"))
	put := func(installation string, session int64) {
		f.Helper()
		must(f.s.PutDevice(f.ctx, bellhop.Device{Shop: shop, PersonID: p.ID, SessionID: session, Installation: installation,
			Kind: bellhop.AddressToken, Value: installation, Platform: bellhop.PlatformIOS, Form: bellhop.FormNotification,
			AddedAt: day, SeenAt: day}, store.DeviceLimits{}))(f)
	}
	put("lost", lost.ID())
	put("kept", kept.ID())
	put("moved", lost.ID())
	put("moved", kept.ID())
	f.record(f.order(shop, 7, 1))

	f.kind(bellhop.NotFound, f.s.EndSession(f.ctx, stranger.ID, lost.ID()))
	f.kind(bellhop.NotFound, f.s.EndSession(f.ctx, p.ID, 99))
	f.kind(bellhop.NotFound, f.s.EndSession(f.ctx, p.ID, 0))
	f.must(f.s.EndSession(f.ctx, p.ID, lost.ID()))
	f.kind(bellhop.NotFound, f.s.EndSession(f.ctx, p.ID, lost.ID()))
	var left []string
	for _, d := range must(f.s.Devices(f.ctx, shop))(f) {
		left = append(left, d.Installation)
	}
	f.equal("devices left", left, []string{"kept", "moved"})
	f.equal("pushes owed", len(f.claim(at(9999), 10)), 2)
	f.equal("sessions left", must(f.s.Sessions(f.ctx, p.ID, day))(f), []bellhop.Session{kept, old})
	f.must(f.s.EndSession(f.ctx, p.ID, old.ID()))
	_, _, err := f.s.Session(f.ctx, old.TokenHash, day)
	f.kind(bellhop.NotFound, err)
	f.countsMatch(shop)
}
