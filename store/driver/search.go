package driver

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// maxText bounds the text of a search, in bytes.
const maxText = 200

// turnWait bounds a search's wait for another one of its shop.
const turnWait = 2 * time.Second

// Turns makes the searches of a shop run one at a time. The zero value serves.
type Turns struct {
	mu    sync.Mutex
	shops map[string]chan struct{} // closed when the running one is done
}

// Take waits for the shop's turn. The caller calls done after the search.
func (t *Turns) Take(ctx context.Context, shop string) (done func(), err error) {
	late := time.NewTimer(turnWait)
	defer late.Stop()
	for {
		t.mu.Lock()
		before, busy := t.shops[shop]
		if !busy {
			if t.shops == nil {
				t.shops = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			t.shops[shop] = mine
			t.mu.Unlock()
			return func() { t.end(shop, mine) }, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-late.C:
			return nil, bellhop.Errorf(bellhop.Unavailable, "search_busy",
				"other searches in this shop are under way: try again later")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *Turns) end(shop string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.shops, shop)
	close(mine)
}

// Search is a [store.OrderQuery]'s text in lower case. Go decides, since databases differ
// in upper and lower case.
type Search struct {
	Want  string // "" matches everything
	Bare  string // Want as a name or number without its #
	Depth int    // how many orders to look at
}

// ParseSearch refuses a query that can't be asked.
func ParseSearch(q store.OrderQuery) (Search, error) {
	if q.Handling != "" {
		if _, err := bellhop.ParseHandling(string(q.Handling)); err != nil {
			return Search{}, err
		}
	}
	if len(q.Text) > maxText {
		return Search{}, bellhop.Invalidf("q", "the text to search for has %d bytes: give at most %d", len(q.Text), maxText)
	}
	want := strings.ToLower(q.Text)
	return Search{Want: want, Bare: strings.TrimPrefix(want, "#"), Depth: cmp.Or(q.Depth, store.SearchDepth)}, nil
}

// Matches reports whether an order matches: by the beginning of its name, its number, or a
// part of the customer's name or address.
func (s Search) Matches(name string, number int64, customer, email string) bool {
	if s.Want == "" {
		return true
	}
	name = strings.ToLower(name)
	return strings.HasPrefix(name, s.Want) || s.Bare != "" && strings.HasPrefix(strings.TrimPrefix(name, "#"), s.Bare) ||
		strconv.FormatInt(number, 10) == s.Bare ||
		strings.Contains(strings.ToLower(customer), s.Want) || strings.Contains(strings.ToLower(email), s.Want)
}
