package sealed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"maps"
	"slices"
	"strconv"
	"sync"

	"bellhop"
	"bellhop/store"
)

// marker has the key of the marks by which a store recognises whom it has to forget, and knows which shops have to.
// It learns of a shop when the store refuses its facts without marks, so that no other pays for them.
type marker struct {
	mu    sync.Mutex
	raw   []byte // read once
	shops map[string]bool
}

// learn returns false for a shop that is known already.
func (m *marker) learn(shop string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shops[shop] {
		return false
	}
	if m.shops == nil {
		m.shops = map[string]bool{}
	}
	m.shops[shop] = true
	return true
}

// needs tells which facts need marks.
func (m *marker) needs() func(bellhop.Fact) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := maps.Clone(m.shops)
	return func(f bellhop.Fact) bool {
		return f.Event != nil && (names(f.Request) || known[f.Event.Shop] &&
			(f.Order != nil || f.History != nil || len(f.Lacks) > 0))
	}
}

// key returns the key of the marks, and makes it if there is none.
func (m *marker) key(ctx context.Context, s store.KeyChecks, keys Keys) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.raw != nil {
		return m.raw, nil
	}
	raw, err := markKey.read(ctx, s, keys)
	m.raw = raw
	return raw, err
}

// Record implements [store.Recorder].
func (s *Store) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	return recognise(ctx, s, facts, s.Store.Record)
}

// Refill implements [store.Recorder].
func (s *Store) Refill(ctx context.Context, facts []bellhop.Fact) (int, error) {
	return recognise(ctx, s, facts, s.Store.Refill)
}

// recognise calls fn with the marks that it needs. Each turn beyond the first learns of another shop.
func recognise[T any](
	ctx context.Context, s *Store, facts []bellhop.Fact, fn func(context.Context, []bellhop.Fact) (T, error),
) (T, error) {
	for {
		with, err := s.mark(ctx, facts)
		if err != nil {
			var none T
			return none, err
		}
		result, err := fn(ctx, with)
		if u, ok := errors.AsType[*store.UnmarkedError](err); !ok || !s.marker.learn(u.Shop) {
			return result, err
		}
	}
}

// AddRequest implements [store.Privacy].
func (s *Store) AddRequest(ctx context.Context, r bellhop.PrivacyRequest) (bellhop.PrivacyRequest, error) {
	if names(&r) {
		key, err := s.marker.key(ctx, s.Store, s.keys)
		if err != nil {
			return bellhop.PrivacyRequest{}, err
		}
		newMarks(key).sign(&r)
	}
	return s.Store.AddRequest(ctx, r)
}

// Requests implements [store.Privacy]. It looks through all requests for those about a person.
func (s *Store) Requests(ctx context.Context, q store.RequestQuery) (found store.RequestPage, err error) {
	if q.Person.IsZero() {
		return s.Store.Requests(ctx, q)
	}
	key, err := s.marker.key(ctx, s.Store, s.keys)
	if err != nil {
		return found, err
	}
	about, m := q.Person, newMarks(key)
	q.Person = bellhop.Subject{}
	for len(found.Requests) == 0 {
		page, err := s.Store.Requests(ctx, q)
		if err != nil {
			return store.RequestPage{}, err
		}
		for _, r := range page.Requests {
			if m.about(&r, &about) {
				found.Requests = append(found.Requests, r)
			}
		}
		if found.Next = page.Next; found.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	return found, nil
}

// mark returns the facts with the marks that they need.
func (s *Store) mark(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Fact, error) {
	for i := range facts {
		if forgets(facts[i]) && facts[i].Event != nil { // the facts behind it need marks
			s.marker.learn(facts[i].Event.Shop)
		}
	}
	needs := s.marker.needs()
	if !slices.ContainsFunc(facts, needs) {
		return facts, nil
	}
	key, err := s.marker.key(ctx, s.Store, s.keys)
	if err != nil {
		return nil, err
	}
	with, m := slices.Clone(facts), newMarks(key)
	for i := range with {
		f := &with[i]
		switch {
		case !needs(*f):
		case names(f.Request):
			r := *f.Request
			m.sign(&r)
			f.Request = &r
		default:
			f.Marks = m.ofFact(f.Event.Shop, f)
		}
	}
	return with, nil
}

func forgets(f bellhop.Fact) bool { return f.Request != nil && f.Request.Kind == bellhop.RequestForget }

// names reports whether a request is about a person.
func names(r *bellhop.PrivacyRequest) bool {
	return r != nil && (r.Kind == bellhop.RequestForget || r.Kind == bellhop.RequestGive)
}

// marks makes marks under one key.
type marks struct{ mac hash.Hash }

func newMarks(key []byte) marks { return marks{hmac.New(sha256.New, key)} }

// of marks a value of a kind in a shop.
func (m marks) of(kind bellhop.MarkKind, shop, what, value string) (mark bellhop.Mark) {
	var room [512]byte
	b := append(room[:0], byte(kind))
	for _, s := range [...]string{shop, what, value} {
		b = append(append(b, s...), 0)
	}
	m.mac.Reset()
	m.mac.Write(b)
	mark[0] = byte(kind)
	copy(mark[1:], m.mac.Sum(room[:0]))
	return mark
}

func (m marks) order(shop string, id int64) bellhop.Mark {
	return m.of(bellhop.MarkOrder, shop, "order", strconv.FormatInt(id, 10))
}

func (m marks) person(shop string, id int64, emails, phones []string) (all []bellhop.Mark) {
	if id != 0 {
		all = append(all, m.of(bellhop.MarkPerson, shop, "customer", strconv.FormatInt(id, 10)))
	}
	for _, e := range emails {
		all = append(all, m.of(bellhop.MarkPerson, shop, "email", e))
	}
	for _, p := range phones {
		all = append(all, m.of(bellhop.MarkPerson, shop, "phone", p))
	}
	return all
}

// ofFact marks an order and the people that it names.
func (m marks) ofFact(shop string, f *bellhop.Fact) (all []bellhop.Mark) {
	if o := f.Named(); o != nil {
		id, emails, phones := o.People()
		all = m.person(shop, id, emails, phones)
	}
	return append(all, m.order(shop, f.OrderID))
}

// sign gives a request its marks.
func (m marks) sign(r *bellhop.PrivacyRequest) {
	r.Person = m.ofSubject(r.Shop, &bellhop.Subject{CustomerID: r.Subject.CustomerID, Email: r.Subject.Email,
		Phone: r.Subject.Phone})
	if r.Kind == bellhop.RequestForget {
		r.Marks = m.ofSubject(r.Shop, &r.Subject)
	}
}

// about reports whether a request is about somebody.
func (m marks) about(r *bellhop.PrivacyRequest, s *bellhop.Subject) bool {
	return slices.ContainsFunc(m.ofSubject(r.Shop, s), func(one bellhop.Mark) bool {
		return slices.Contains(r.Person, one)
	})
}

// ofSubject marks the person of a request, as [bellhop.Subject.Names] recognises them.
func (m marks) ofSubject(shop string, s *bellhop.Subject) (all []bellhop.Mark) {
	var emails, phones []string
	if e := bellhop.FoldEmail(s.Email); e != "" {
		emails = append(emails, e)
	}
	if p := bellhop.FoldPhone(s.Phone); p != "" && s.ByPhone() {
		phones = append(phones, p)
	}
	all = m.person(shop, s.CustomerID, emails, phones)
	for _, id := range s.Orders {
		all = append(all, m.order(shop, id))
	}
	return all
}
