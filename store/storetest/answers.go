package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/store"
)

// answerKey is the key n of an owner for a request.
func answerKey(owner string, n, request byte) store.AnswerKey {
	return store.AnswerKey{Owner: owner, Shop: shop, Key: [32]byte{n}, Request: [32]byte{request}}
}

var someAnswer = store.Answer{Status: 202, Type: "application/json", Location: "/v1/x", Body: []byte("body")}

// begins checks who gets a key: the caller, if kept is zero.
func (f *fixture) begins(k store.AnswerKey, now time.Time, kept store.Answer) (id int64) {
	f.Helper()
	id, got, err := f.s.BeginAnswer(f.ctx, k, now)
	f.must(err)
	f.equal("kept", got, kept)
	f.equal("begun", id != 0, kept.Status == 0)
	return id
}

func (f *fixture) beginFails(kind bellhop.Kind, k store.AnswerKey, now time.Time) {
	f.Helper()
	id, _, err := f.s.BeginAnswer(f.ctx, k, now)
	f.kind(kind, err)
	f.equal("id", id, int64(0))
}

func answers(f *fixture) {
	const jo = "person/1"
	k := answerKey(jo, 1, 1)
	id := f.begins(k, day, store.Answer{})
	f.beginFails(bellhop.Conflict, k, at(1))
	f.beginFails(bellhop.Invalid, answerKey(jo, 1, 2), at(1))
	f.begins(answerKey("person/2", 1, 2), at(1), store.Answer{}) // another's key is another
	f.must(f.s.EndAnswer(f.ctx, "person/2", id, store.Answer{Status: 200}))
	f.beginFails(bellhop.Conflict, k, at(1))
	f.must(f.s.EndAnswer(f.ctx, jo, id, someAnswer))
	f.begins(k, at(2), someAnswer)
	f.beginFails(bellhop.Invalid, answerKey(jo, 1, 2), at(2))
	f.begins(k, day.Add(store.AnswersKept-time.Microsecond), someAnswer)
	f.begins(answerKey(jo, 1, 2), day.Add(store.AnswersKept), store.Answer{})

	empty := answerKey(jo, 2, 1)
	f.must(f.s.EndAnswer(f.ctx, jo, f.begins(empty, day, store.Answer{}), store.Answer{Status: 204}))
	f.begins(empty, at(1), store.Answer{Status: 204})
	given := answerKey(jo, 3, 1)
	f.must(f.s.EndAnswer(f.ctx, jo, f.begins(given, day, store.Answer{}), store.Answer{}))
	f.begins(answerKey(jo, 3, 2), at(1), store.Answer{})
	large := store.Answer{Status: 200, Body: make([]byte, store.MaxAnswer+1)}
	f.kind(bellhop.TooLarge, f.s.EndAnswer(f.ctx, jo, 1, large))
}

// answersOfTheDead lets a key go on when its process died between the change and its answer.
func answersOfTheDead(f *fixture) {
	const jo = "person/1"
	k := answerKey(jo, 1, 1)
	dead := f.begins(k, day, store.Answer{})
	f.beginFails(bellhop.Conflict, k, day.Add(store.AnswerLease-time.Microsecond))
	next := f.begins(k, day.Add(store.AnswerLease), store.Answer{})
	f.must(f.s.EndAnswer(f.ctx, jo, dead, store.Answer{Status: 500})) // it was only slow, and is too late
	f.beginFails(bellhop.Conflict, k, day.Add(store.AnswerLease))
	f.must(f.s.EndAnswer(f.ctx, jo, dead, store.Answer{}))
	f.beginFails(bellhop.Conflict, k, day.Add(store.AnswerLease))
	f.must(f.s.EndAnswer(f.ctx, jo, next, someAnswer))
	f.begins(k, day.Add(store.AnswerLease), someAnswer)

	ahead := answerKey(jo, 2, 1) // of a clock that was ahead
	f.begins(ahead, day.AddDate(1, 0, 0), store.Answer{})
	f.begins(ahead, day, store.Answer{})
}

// answersAtOnce lets one of several callers with one key make the change.
func answersAtOnce(f *fixture) {
	for n := range byte(5) {
		k := answerKey("person/1", n, 1)
		var begun, busy, kept atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				id, got, err := f.s.BeginAnswer(f.ctx, k, day)
				switch {
				case id != 0:
					begun.Add(1)
					if err := f.s.EndAnswer(f.ctx, k.Owner, id, someAnswer); err != nil {
						f.Error(err)
					}
				case bellhop.CodeOf(err) == "in_progress":
					busy.Add(1)
				case err == nil && got.Status == someAnswer.Status:
					kept.Add(1)
				default:
					f.Errorf("%+v %v", got, err)
				}
			})
		}
		all.Wait()
		f.equal("begun", begun.Load(), int64(1))
		f.equal("all", busy.Load()+kept.Load(), int64(7))
	}
}

// answersAreBounded has one owner with many answers, and with large ones; another keeps theirs.
func answersAreBounded(f *fixture) {
	end := func(owner string, n, size int) store.AnswerKey {
		k := store.AnswerKey{Owner: owner, Shop: shop, Request: [32]byte{1}}
		copy(k.Key[:], fmt.Sprint(n, size))
		id, _, err := f.s.BeginAnswer(f.ctx, k, day)
		if err == nil {
			err = f.s.EndAnswer(f.ctx, owner, id, store.Answer{Status: 200, Body: bytes.Repeat([]byte("x"), size)})
		}
		if err != nil {
			f.Error(err)
		}
		return k
	}
	there := func(k store.AnswerKey) bool {
		id, _, err := f.s.BeginAnswer(f.ctx, k, at(1))
		f.must(err)
		return id == 0
	}
	other := end("token/aa", 1, 10)
	first, second := end("person/1", 0, 1), end("person/1", 1, 1)
	var all sync.WaitGroup
	for from := range 32 {
		all.Go(func() {
			for n := 2 + from; n < store.MaxAnswers; n += 32 {
				end("person/1", n, 1)
			}
		})
	}
	all.Wait()
	f.equal("as many as may be", [3]bool{there(first), there(second), there(other)}, [3]bool{true, true, true})
	last := end("person/1", -1, 1)
	f.equal("one more", [4]bool{there(last), there(other), there(first), there(second)}, [4]bool{true, true, false, false})
	var large []store.AnswerKey
	for n := range store.MaxAnswersBytes/store.MaxAnswer + 1 {
		large = append(large, end("person/2", n, store.MaxAnswer))
	}
	f.equal("the last and the first", [2]bool{there(large[len(large)-1]), there(large[0])}, [2]bool{true, false})
}

// answersGo with their owners, their shop, and their time.
func answersGo(f *fixture) {
	f.addShop(shop)
	f.addShop(other)
	p := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "jo@example.com", Shop: other, Role: bellhop.RoleOwner}))(f)
	must(f.s.AddToken(f.ctx, bellhop.Token{Shop: other, Name: "ci", Hash: [32]byte{0xab}, CreatedAt: day}))(f)
	must(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: "ci", Hash: [32]byte{0xcd}, CreatedAt: day}))(f)
	owners := []string{fmt.Sprint("person/", p.ID), fmt.Sprintf("token/%x", [32]byte{0xab}),
		fmt.Sprintf("token/%x", [32]byte{0xcd}), "person/777", "person/778"}
	key := func(n int) store.AnswerKey {
		k := answerKey(owners[n], 1, 1)
		if k.Shop = ""; n == 3 {
			k.Shop = shop
		}
		return k
	}
	for n, owner := range owners {
		f.must(f.s.EndAnswer(f.ctx, owner, f.begins(key(n), at(n), store.Answer{}), someAnswer))
	}
	f.must(f.s.RemovePerson(f.ctx, p.ID))
	f.must(f.s.RemoveToken(f.ctx, other, "ci"))
	f.must(f.s.RemoveToken(f.ctx, "", "ci"))
	f.erase(shop, 100)
	for n := range owners {
		kept := store.Answer{}
		if n == 4 {
			kept = someAnswer
		}
		f.begins(key(n), at(n), kept)
	}
	f.equal("pruned", must(f.s.PruneAnswers(f.ctx, at(4), 3))(f), 3)
	f.equal("pruned", must(f.s.PruneAnswers(f.ctx, at(4), 3))(f), 1)
	f.begins(key(4), at(5), someAnswer)
	f.kind(bellhop.Invalid, errOf(f.s.PruneAnswers(f.ctx, at(4), 0)))
}
