package sealed

import (
	"context"
	"maps"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// marksAtOnce bounds one question to the store.
const marksAtOnce = 5_000

// Forgets reports of each fact whether the shop has to forget whom it is about.
func (s *Store) Forgets(ctx context.Context, shop string, facts []bellhop.Fact) ([]bool, error) {
	key, err := s.marker.key(ctx, s.Store, s.keys)
	if err != nil {
		return nil, err
	}
	m, with, found := newMarks(key), slices.Clone(facts), map[bellhop.Mark]time.Time{}
	var all []bellhop.Mark
	for i := range with {
		with[i].Marks = m.ofFact(shop, &with[i])
		all = append(all, with[i].Marks...)
	}
	for some := range slices.Chunk(all, marksAtOnce) {
		these, err := s.Store.Marks(ctx, shop, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, these)
	}
	forgotten := make([]bool, len(with))
	for i := range with {
		forgotten[i] = with[i].Forgotten(found)
	}
	return forgotten, nil
}

// ShareMarks gives a store without a key of marks that of another one, which these keys seal, too. It reports
// whether both have the same, so that the marks of one are good in the other.
func ShareMarks(ctx context.Context, from, to store.KeyChecks, keys Keys) (bool, error) {
	one, err := from.MarkKey(ctx)
	if err != nil || one == "" {
		return one == "" && err == nil, err // it has no marks either
	}
	another, err := to.MarkKey(ctx)
	if err != nil {
		return false, err
	}
	if another == "" {
		return true, to.PutMarkKey(ctx, "", one)
	}
	if one, err = keys.open(one, markKey.at); err == nil {
		another, err = keys.open(another, markKey.at)
	}
	return one == another, err
}
