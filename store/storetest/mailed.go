package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/store"
)

// mail adds a link with a code that runs out at a minute.
func (f *fixture) mail(person int64, hash byte, until int) {
	f.Helper()
	l := bellhop.SignInLink{Hash: [32]byte{hash}, PersonID: person, ExpiresAt: at(until), Code: "of the code"}
	f.equal("added", must(f.s.AddMailedLink(f.ctx, l, day, func(*bellhop.Mailed) bool { return true }))(f), true)
}

func mailedLinks(f *fixture) {
	f.addShop(shop)
	p, kim := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", shop)
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, day)))
	f.kind(bellhop.NotFound, errOf(f.s.AddMailedLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{1}, PersonID: p.ID + 99,
		ExpiresAt: at(10), Code: "c"}, day, func(*bellhop.Mailed) bool { return true })))
	f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{9}, PersonID: p.ID, ExpiresAt: at(60)}))
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, day))) // that link has no code

	l := bellhop.SignInLink{Hash: [32]byte{1}, PersonID: p.ID, ExpiresAt: at(10), Code: "of the code"}
	noted := bellhop.Mailed{At: day, StrangersAll: at(300), KnownAll: at(600)}
	take := func(want bellhop.Mailed, to *bellhop.Mailed) func(*bellhop.Mailed) bool {
		return func(m *bellhop.Mailed) bool {
			f.equal("mailed before", *m, want)
			if to == nil {
				m.At = at(5)
				return false
			}
			*m = *to
			return true
		}
	}
	f.equal("refused", must(f.s.AddMailedLink(f.ctx, l, day, take(bellhop.Mailed{}, nil)))(f), false)
	f.kind(bellhop.NotFound, errOf(f.s.UseLink(f.ctx, l.Hash, day)))
	f.equal("added", must(f.s.AddMailedLink(f.ctx, l, day, take(bellhop.Mailed{}, &noted)))(f), true)
	f.equal("the code's", must(f.s.TryCode(f.ctx, p.ID, at(9)))(f), l)
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, kim.ID, at(9))))
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, at(10))))
	for range store.MaxCodeTries - 1 {
		f.equal("the code's", must(f.s.TryCode(f.ctx, p.ID, at(9)))(f), l)
	}
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, at(9))))

	// A newer one has tries of its own, and is in the place of the older. Others' links stay.
	f.mail(kim.ID, 7, 10)
	second := bellhop.SignInLink{Hash: [32]byte{2}, PersonID: p.ID, ExpiresAt: at(10), Code: "another"}
	f.equal("added", must(f.s.AddMailedLink(f.ctx, second, day, take(noted, &noted)))(f), true)
	f.equal("the code's", must(f.s.TryCode(f.ctx, p.ID, at(9)))(f), second)
	f.kind(bellhop.NotFound, errOf(f.s.UseLink(f.ctx, l.Hash, at(1))))
	f.equal("whose", must(f.s.UseLink(f.ctx, second.Hash, at(1)))(f).ID, p.ID)
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, at(1)))) // it went with its link
	f.equal("whose", must(f.s.UseLink(f.ctx, [32]byte{9}, at(1)))(f).ID, p.ID)

	f.mail(p.ID, 3, 10)
	f.must(f.s.SetPassword(f.ctx, p.ID, "h2"))
	f.kind(bellhop.NotFound, errOf(f.s.TryCode(f.ctx, p.ID, at(1))))
	f.equal("whose", must(f.s.UseLink(f.ctx, [32]byte{7}, at(1)))(f).ID, kim.ID)

	f.mail(p.ID, 4, 10)
	late := bellhop.SignInLink{Hash: [32]byte{5}, PersonID: kim.ID, ExpiresAt: at(30), Code: "c"}
	f.equal("added", must(f.s.AddMailedLink(f.ctx, late, at(20), func(*bellhop.Mailed) bool { return true }))(f), true)
	data := must(f.s.PersonData(f.ctx, p.ID))(f)
	f.equal("links after one ran out", data.Links, []time.Time(nil))
}

func codesTriedAtOnce(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	f.mail(p.ID, 1, 10)
	var tried atomic.Int32
	var wg sync.WaitGroup
	for range 3 * store.MaxCodeTries {
		wg.Go(func() {
			if _, err := f.s.TryCode(f.ctx, p.ID, day); err == nil {
				tried.Add(1)
			}
		})
	}
	wg.Wait()
	f.equal("tries", tried.Load(), int32(store.MaxCodeTries))
}
