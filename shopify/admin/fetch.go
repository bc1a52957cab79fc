package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"bellhop/shopify"
)

// FetchedOrder is a whole order as Shopify has it.
type FetchedOrder struct {
	ID      int64
	At      time.Time // when Shopify began to say so
	Version string    // of the Admin API that answered
	Body    []byte    // of the event that says it: package shopify decodes it
	Missing bool      // Shopify has no such order, or one that the app's scopes don't cover for its age
	// Partial says that the body lacks the lines of refunds and parcels, as it does where a bulk operation found some.
	Partial bool
	End     int64 // of the order in a bulk operation's file, in bytes
}

const (
	chunkAtFirst = 10  // orders that are fetched at once while their price is unknown
	chunkMost    = 50  // of them at once
	chunkPrice   = 900 // points that a chunk may cost at most; Shopify takes 1000
	linesAtOnce  = 10  // of an order, a refund or a parcel, with the order
	partsAtOnce  = 5   // of what an order seldom has more than one of
	restAtOnce   = 100 // of any list, once more is asked for
	listMost     = 10_000
	readsMost    = 3 // of an order that changes meanwhile
)

var fetchQuery = operation{"FetchOrders", `query FetchOrders(
  $ids: [ID!]!, $lines: Int!, $parts: Int!, $customers: Boolean!, $products: Boolean!, $people: Boolean!
) {
  shop { ianaTimezone }
  nodes(ids: $ids) {
    ... on Order {` + shopify.OrderSelection + `
    }
  }
}`}

// restQueries get the next page of a list, by the list's name. Beside it they tell whether the order changed.
var restQueries = func() map[string]operation {
	all := map[string]operation{}
	for _, c := range shopify.Connections() {
		name, more := "RestOf"+strings.ToUpper(c.Field[:1])+c.Field[1:], ""
		if strings.Contains(c.Fields, "$products") {
			more = ", $products: Boolean!"
		}
		all[c.Field] = operation{name, fmt.Sprintf(`query %s($order: ID!, $id: ID!, $first: Int!, $after: String!%s) {
  order(id: $order) { updatedAt }
  node(id: $id) {
    ... on %s {
      %s(first: $first, after: $after%s) {
        nodes {%s }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}`, name, more, c.Owner, c.Field, c.Arguments, c.Fields)}
	}
	return all
}()

// may is what the app may ask for, as variables of a query.
func (s *Shop) may(scopes []string) map[string]any {
	has := func(scope string) bool { return len(MissingScopes(scopes, []string{scope})) == 0 }
	people := !s.hides.Load()
	return map[string]any{"customers": people && has("read_customers"), "products": has("read_products"),
		"people": people}
}

// FetchOrders fetches orders whole, with all their lines, in their order, as far as the granted scopes let it. An app
// that isn't approved for customers' data gets orders without it, from the first refusal on. Beside an error it returns
// those that it has until then.
func (s *Shop) FetchOrders(ctx context.Context, ids []int64, scopes []string) (all []FetchedOrder, err error) {
	f := &fetching{Shop: s, scopes: scopes}
	budget := s.app.budget(s.domain)
	for len(ids) > 0 {
		n := min(len(ids), budget.fetches())
		chunk, err := f.orders(ctx, ids[:n])
		if errors.Is(err, errTooDear) && n > 1 {
			budget.fetch(n / 2)
			continue
		}
		all = append(all, chunk...)
		if err != nil {
			return all, err
		}
		ids = ids[n:]
	}
	return all, nil
}

// fetching is one call of FetchOrders.
type fetching struct {
	*Shop
	scopes []string
}

// chunk is what Shopify answers for some orders.
type chunk struct {
	said
	Shop struct {
		Timezone string `json:"ianaTimezone"`
	} `json:"shop"`
	Nodes []json.RawMessage `json:"nodes"` // null for one that Shopify doesn't have
}

func (f *fetching) orders(ctx context.Context, ids []int64) (all []FetchedOrder, err error) {
	c, err := f.firstPages(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		o, err := f.whole(ctx, id, c, c.Nodes[i])
		if err != nil {
			return all, err
		}
		all = append(all, o)
	}
	return all, nil
}

// firstPages asks for the first pages of some orders.
func (f *fetching) firstPages(ctx context.Context, ids []int64) (*chunk, error) {
	global := make([]string, len(ids))
	for i, id := range ids {
		global[i] = shopify.GlobalOrderID(id)
	}
	variables := map[string]any{"ids": global, "lines": linesAtOnce, "parts": partsAtOnce}
	maps.Copy(variables, f.may(f.scopes))
	var c chunk
	var err error
	c.said, err = f.ask(ctx, fetchQuery, variables, &c)
	if RefusalOf(err) == ProtectedData && f.hides.CompareAndSwap(false, true) {
		return f.firstPages(ctx, ids)
	}
	if err != nil {
		return nil, err
	}
	if len(c.Nodes) != len(ids) || c.at.IsZero() || c.Shop.Timezone == "" {
		return nil, refuse(Unavailable, f.domain, "FetchOrders: %d nodes of %d, or the answer lacks its Date or the shop",
			len(c.Nodes), len(ids))
	}
	if c.requested > 0 {
		f.app.budget(f.domain).fetch(int(chunkPrice * float64(len(ids)) / c.requested))
	}
	return &c, nil
}

// whole reads what is left of an order. It begins again where the order changed meanwhile.
func (f *fetching) whole(ctx context.Context, id int64, c *chunk, node json.RawMessage) (FetchedOrder, error) {
	for reads := 1; ; reads++ {
		tree, err := f.tree(id, node)
		if err != nil {
			return FetchedOrder{}, err
		}
		if tree == nil {
			return f.fetched(id, c, nil)
		}
		r := rest{fetching: f, order: shopify.GlobalOrderID(id), updated: tree["updatedAt"]}
		if err := r.complete(ctx, tree); err != nil {
			return FetchedOrder{}, err
		}
		if !r.changed {
			return f.fetched(id, c, tree)
		}
		if reads == readsMost {
			return FetchedOrder{}, refuse(Changing, f.domain, "order %d changed %d times", id, reads)
		}
		if c, err = f.firstPages(ctx, []int64{id}); err != nil {
			return FetchedOrder{}, err
		}
		node = c.Nodes[0]
	}
}

// tree is an order as JSON, nil for null.
func (f *fetching) tree(id int64, node json.RawMessage) (tree map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(node))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, refuse(Unavailable, f.domain, "FetchOrders: an order has another form")
	}
	text, _ := tree["id"].(string)
	if got, ok := shopify.OrderID(text); tree != nil && (!ok || got != id) {
		return nil, refuse(Unavailable, f.domain, "FetchOrders: the answer has another order")
	}
	return tree, nil
}

func (f *fetching) fetched(id int64, c *chunk, tree map[string]any) (FetchedOrder, error) {
	body, err := eventBody(id, c.Shop.Timezone, tree)
	return FetchedOrder{ID: id, At: c.at, Version: c.version, Body: body, Missing: tree == nil}, err
}

// eventBody is the body of the event that says what an order is. Shopify's own Events have the same form.
func eventBody(id int64, timezone string, tree map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	data := map[string]any{"order": tree, "shop": map[string]any{"ianaTimezone": timezone}}
	if tree == nil {
		data["order"] = nil // not a nil map in an interface
	}
	err := e.Encode(map[string]any{"data": data,
		"query_variables": map[string]any{"orderId": shopify.GlobalOrderID(id)}})
	return bytes.TrimSpace(b.Bytes()), err
}

// rest reads the pages that an order lacks.
type rest struct {
	*fetching
	order   string
	updated any // updatedAt of what is read already
	changed bool
}

// complete reads all lists in a part of the order to their ends. It stops where the order turns out to have changed.
func (r *rest) complete(ctx context.Context, part any) error {
	switch part := part.(type) {
	case []any:
		for _, p := range part {
			if err := r.complete(ctx, p); err != nil || r.changed {
				return err
			}
		}
	case map[string]any:
		for field, p := range part {
			if list, ok := p.(map[string]any); ok && list["pageInfo"] != nil {
				if err := r.list(ctx, part["id"], field, list); err != nil || r.changed {
					return err
				}
			}
			if err := r.complete(ctx, p); err != nil || r.changed {
				return err
			}
		}
	}
	return nil
}

// list reads a list to its end, and leaves only its nodes.
func (r *rest) list(ctx context.Context, owner any, field string, list map[string]any) error {
	op, known := restQueries[field]
	nodes, after := pageOf(list)
	for size := restAtOnce; after != ""; {
		if !known || len(nodes) > listMost {
			return refuse(Unavailable, r.domain, "FetchOrders: %s has no end", code(field))
		}
		next, err := r.page(ctx, op, map[string]any{"order": r.order, "id": owner, "first": size, "after": after})
		if errors.Is(err, errTooDear) && size > 1 {
			size /= 2
			continue
		}
		if err != nil || r.changed {
			return err
		}
		page, _ := next[field].(map[string]any)
		if page["pageInfo"] == nil {
			return refuse(Unavailable, r.domain, "FetchOrders: the answer lacks %s", code(field))
		}
		var more []any
		more, after = pageOf(page)
		nodes = append(nodes, more...)
	}
	list["nodes"], list["pageInfo"] = nodes, map[string]any{"hasNextPage": false}
	return nil
}

// pageOf returns what a page has, and the cursor of the next; "" after the last.
func pageOf(list map[string]any) (nodes []any, after string) {
	nodes, _ = list["nodes"].([]any)
	info, _ := list["pageInfo"].(map[string]any)
	if more, _ := info["hasNextPage"].(bool); more {
		after, _ = info["endCursor"].(string)
	}
	return nodes, after
}

// page asks for a page, and notes whether the order changed.
func (r *rest) page(ctx context.Context, op operation, variables map[string]any) (map[string]any, error) {
	if strings.Contains(op.text, "$products") {
		variables["products"] = r.may(r.scopes)["products"]
	}
	var raw json.RawMessage
	if err := r.do(ctx, op, variables, &raw); err != nil {
		return nil, err
	}
	var data struct {
		Order *struct {
			UpdatedAt string `json:"updatedAt"`
		} `json:"order"`
		Node map[string]any `json:"node"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return nil, refuse(Unavailable, r.domain, "%s: the answer has data of another form", op.name)
	}
	r.changed = data.Order == nil || data.Order.UpdatedAt != r.updated
	if data.Node == nil && !r.changed {
		return nil, refuse(Unavailable, r.domain, "%s: the order is as it was, and lacks a part", op.name)
	}
	return data.Node, nil
}
