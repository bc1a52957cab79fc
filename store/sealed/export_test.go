package sealed

import (
	"context"

	"bellhop"
)

// Mark does what Record does before it enters the store.
func Mark(s *Store, facts []bellhop.Fact) { s.mark(context.Background(), facts) }

// Learn tells a store of a shop that has to forget somebody.
func Learn(s *Store, shop string) { s.marker.learn(shop) }
