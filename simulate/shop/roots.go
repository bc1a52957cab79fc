package shop

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// request is a query that the app makes in a shop.
type request struct {
	*Twin
	*shop
	now      time.Time
	searches []any
}

// root returns the object that an operation selects from.
func (q *request) root(op *ast.OperationDefinition) object {
	if op.Operation == ast.Mutation {
		return object{"webhookSubscriptionCreate": resolver(q.subscribe),
			"webhookSubscriptionUpdate": resolver(q.resubscribe), "webhookSubscriptionDelete": resolver(q.unsubscribe)}
	}
	return object{
		"shop": q.asGraphQL(), "currentAppInstallation": q.installation(),
		"webhookSubscriptions":      resolver(q.listSubscriptions),
		"webhookSubscriptionsCount": resolver(q.countSubscriptions),
		"webhookSubscription":       resolver(q.oneSubscription),
		"order":                     resolver(q.oneOrder),
		"orders":                    resolver(q.listOrders),
		"ordersCount":               resolver(q.countOrders),
	}
}

func (s *shop) asGraphQL() object {
	return object{"id": gid("Shop", s.id), "name": s.info.Name, "email": s.info.Email, "myshopifyDomain": s.domain,
		"currencyCode": s.info.Currency, "ianaTimezone": s.info.Timezone, "url": "https://" + s.domain,
		"plan": object{"publicDisplayName": s.info.Plan, "partnerDevelopment": false,
			"shopifyPlus": s.info.Plan == "Shopify Plus"}}
}

func (s *shop) installation() object {
	scopes := []any{}
	for _, scope := range s.scopes {
		scopes = append(scopes, object{"handle": scope, "description": strings.ReplaceAll(scope, "_", " ")})
	}
	return object{"id": gid("AppInstallation", s.id+1), "accessScopes": scopes}
}

// mayReadOrders refuses what needs a scope or an approval.
func (q *request) mayReadOrders(field string) error {
	switch {
	case !q.has("read_orders"):
		return accessDenied(field+" field", "read_orders")
	case q.faults.Protected == ProtectedOrders:
		return notApproved("Order")
	}
	return nil
}

// view is an order as the app may see it. What most lists ask for is known without its body.
func (q *request) view(r *record) object {
	f := r.latest.Facts()
	return object{"id": gid("Order", f.ID), "legacyResourceId": strconv.FormatInt(f.ID, 10),
		"createdAt": stamp(f.Created), "updatedAt": stamp(f.Updated), "processedAt": stamp(f.Processed),
		theRest: func() object {
			o := orderView{document: r.body(), withheld: q.faults.Protected == ProtectedFields,
				customers: q.has("read_customers"), noStatus: q.faults.NullStatus}
			return o.order()
		}}
}

// oneOrder reads past the index: an order is there at once.
func (q *request) oneOrder(args map[string]any) (any, error) {
	if err := q.mayReadOrders("order"); err != nil {
		return nil, err
	}
	id, _ := args["id"].(string)
	n, err := strconv.ParseInt(strings.TrimPrefix(id, gid("Order", "")), 10, 64)
	if err != nil {
		return nil, &apiError{Message: "Invalid global id '" + shorten(id) + "'"}
	}
	r := q.orders.byID[n]
	if r == nil || r.deleted() || !q.covered(r.latest.Facts().Created, q.now) {
		return nil, nil
	}
	return q.view(r), nil
}

func (q *request) listOrders(args map[string]any) (any, error) {
	if err := q.mayReadOrders("orders"); err != nil {
		return nil, err
	}
	p, err := readPage(args)
	if err != nil {
		return nil, err
	}
	key := sortKeys[0]
	if k, _ := args["sortKey"].(string); k != "" {
		if key = sortKey(k); !slices.Contains(sortKeys, key) {
			return nil, &apiError{Message: "The twin doesn't sort orders by " + k + "."}
		}
	}
	reverse, _ := args["reverse"].(bool)
	index, match := q.indexed(q.query(args, "orders"), q.now)
	found, err := p.walk(index.by(key), key, reverse, match)
	if err != nil {
		return nil, err
	}
	nodes, cursors := []any{}, []string{}
	for _, e := range found.entries {
		if r := q.orders.byID[e.id]; !r.deleted() { // the index may not know yet
			nodes, cursors = append(nodes, q.view(r)), append(cursors, key.cursor(e))
		}
	}
	return paged(nodes, cursors, found.before, found.after), nil
}

// query reads the query of a search, and notes what the answer says of it.
func (q *request) query(args map[string]any, path string) func(*entry) bool {
	text, _ := args["query"].(string)
	if text == "" {
		return matchAll
	}
	query := parseQuery(text)
	said := map[string]any{"path": []string{path}, "query": text}
	if query.warnings != nil {
		said["warnings"] = query.warnings
	}
	q.searches = append(q.searches, said)
	return query.match
}

func (q *request) countOrders(args map[string]any) (any, error) {
	if err := q.mayReadOrders("ordersCount"); err != nil {
		return nil, err
	}
	n, precision := 0, "EXACT"
	index, match := q.indexed(q.query(args, "ordersCount"), q.now)
	for _, e := range index.shown {
		if match(e) {
			n++
		}
	}
	if limit, ok := args["limit"].(int64); ok && limit >= 0 && int64(n) > limit {
		n, precision = int(limit), "AT_LEAST"
	}
	return object{"count": n, "precision": precision}, nil
}

// A cursor is a place in the order of the sort, so that pages go on where the last ended whatever comes between.

func (k sortKey) cursor(e *entry) string {
	b, err := json.Marshal(k.position(e))
	if err != nil {
		panic(err) // two numbers
	}
	return base64.StdEncoding.EncodeToString(b)
}

func readCursor(text string) (p position, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &p) != nil {
		return p, &apiError{Message: "Invalid cursor for current pagination sort.", Extensions: badRequest}
	}
	return p, nil
}
