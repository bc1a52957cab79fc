package admin

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"bellhop/shopify"
)

// OrderHead is an order as the index of orders shows it, which lags behind.
type OrderHead struct {
	ID                   int64
	CreatedAt, UpdatedAt time.Time
}

// HeadsBy is the time that heads are found and sorted by.
type HeadsBy string

// The times.
const (
	HeadsByCreated HeadsBy = "created"
	HeadsByUpdated HeadsBy = "updated"
)

// HeadQuery asks for the heads of a window. Shopify compares whole seconds.
type HeadQuery struct {
	By       HeadsBy
	From, To time.Time // From is in the window, To is not; a zero one is no bound
	Newest   bool      // the newest come first
	Cursor   string    // a page's Next; "" is the first page
}

// HeadPage is a page of heads.
type HeadPage struct {
	Heads []OrderHead
	Next  string    // the next page's cursor; "" after the last
	At    time.Time // when Shopify answered
}

// headsAtOnce is the most that Shopify has in a page.
const headsAtOnce = 250

var headsQuery = operation{"OrderHeads", `query OrderHeads(
  $query: String, $sort: OrderSortKeys!, $reverse: Boolean!, $first: Int!, $after: String
) {
  orders(query: $query, sortKey: $sort, reverse: $reverse, first: $first, after: $after) {
    nodes { id createdAt updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}`}

// OrderHeads returns a page of heads. A cursor that Shopify no longer takes is refused with [InvalidCursor]: begin
// again at the first page.
func (s *Shop) OrderHeads(ctx context.Context, q HeadQuery) (HeadPage, error) {
	var data struct {
		Orders struct {
			Nodes []struct {
				ID        string    `json:"id"`
				CreatedAt time.Time `json:"createdAt"`
				UpdatedAt time.Time `json:"updatedAt"`
			} `json:"nodes"`
			Page pageInfo `json:"pageInfo"`
		} `json:"orders"`
	}
	sort := "CREATED_AT"
	if q.By == HeadsByUpdated {
		sort = "UPDATED_AT"
	}
	variables := map[string]any{"query": window(string(cmp.Or(q.By, HeadsByCreated))+"_at", q.From, q.To), "sort": sort,
		"reverse": q.Newest, "first": headsAtOnce}
	if q.Cursor != "" {
		variables["after"] = q.Cursor
	}
	said, err := s.ask(ctx, headsQuery, variables, &data)
	if err != nil {
		return HeadPage{}, err
	}
	page := HeadPage{Next: data.Orders.Page.next(), At: said.at}
	for _, n := range data.Orders.Nodes {
		id, ok := shopify.OrderID(n.ID)
		if !ok || n.CreatedAt.IsZero() || n.UpdatedAt.IsZero() {
			return HeadPage{}, refuse(Unavailable, s.domain, "OrderHeads: the answer has an order without an id or a time")
		}
		page.Heads = append(page.Heads, OrderHead{id, n.CreatedAt.UTC(), n.UpdatedAt.UTC()})
	}
	if said.at.IsZero() || page.Next == "" && data.Orders.Page.HasNext {
		return HeadPage{}, refuse(Unavailable, s.domain, "OrderHeads: the answer lacks its Date or its cursor")
	}
	return page, nil
}

type pageInfo struct {
	HasNext bool   `json:"hasNextPage"`
	End     string `json:"endCursor"`
}

// next is the cursor of the next page, "" after the last.
func (p pageInfo) next() string {
	if !p.HasNext {
		return ""
	}
	return p.End
}

// window is a filter in Shopify's search syntax.
func window(field string, from, to time.Time) string {
	var terms []string
	if !from.IsZero() {
		terms = append(terms, fmt.Sprintf("%s:>='%s'", field, from.UTC().Truncate(time.Second).Format(time.RFC3339)))
	}
	if !to.IsZero() {
		terms = append(terms, fmt.Sprintf("%s:<'%s'", field, to.UTC().Add(time.Second-1).Truncate(time.Second).
			Format(time.RFC3339)))
	}
	return strings.Join(terms, " ")
}

var countQuery = operation{"CountOrders", `query CountOrders($query: String) {
  ordersCount(query: $query) { count precision }
}`}

// CountOrders counts the orders that were created at or after from and before to. It is exact up to 10,000; beyond
// that there are more.
func (s *Shop) CountOrders(ctx context.Context, from, to time.Time) (n int, exact bool, err error) {
	var data struct {
		Count *struct {
			Count     int    `json:"count"`
			Precision string `json:"precision"`
		} `json:"ordersCount"`
	}
	err = s.do(ctx, countQuery, map[string]any{"query": window("created_at", from, to)}, &data)
	if err != nil {
		return 0, false, err
	}
	if data.Count == nil {
		return 0, false, refuse(Unavailable, s.domain, "CountOrders: the answer has no count")
	}
	return data.Count.Count, data.Count.Precision == "EXACT", nil
}

// Spent is how many requests were made by this Shop, and how many points they cost.
func (s *Shop) Spent() (requests, points int) {
	s.spent.mu.Lock()
	defer s.spent.mu.Unlock()
	return s.spent.requests, int(s.spent.points)
}
