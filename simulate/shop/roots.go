package shop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"bellhop/simulate"
)

// request is a query that the app makes in a shop.
type request struct {
	*Twin
	*shop
	now      time.Time
	base     string // the twin's address
	schema   *ast.Schema
	searches []any
}

// root returns the object that an operation selects from.
func (q *request) root(op *ast.OperationDefinition) object {
	if op.Operation == ast.Mutation {
		return object{"webhookSubscriptionCreate": resolver(q.subscribe),
			"webhookSubscriptionUpdate": resolver(q.resubscribe), "webhookSubscriptionDelete": resolver(q.unsubscribe),
			"bulkOperationRunQuery": resolver(q.startBulk), "bulkOperationCancel": resolver(q.cancelBulk)}
	}
	return object{
		"shop": q.asGraphQL(), "currentAppInstallation": q.installation(),
		"webhookSubscriptions":      resolver(q.listSubscriptions),
		"webhookSubscriptionsCount": resolver(q.countSubscriptions),
		"webhookSubscription":       resolver(q.oneSubscription),
		"bulkOperation":             resolver(q.bulkOperation),
		"node":                      resolver(q.oneNode),
		"nodes":                     resolver(q.manyNodes),
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
		return notApproved("Order object")
	}
	return nil
}

// rights are what an app may see of orders, and what faults make of it.
type rights struct {
	scopes   scopes
	withheld bool // names, addresses, e-mails and phones
	refused  bool // the same, with an error
	noStatus bool
}

func (s *shop) rights() rights {
	p := s.faults.Protected
	return rights{s.scopes, p == ProtectedFields, p == ProtectedPeople, s.faults.NullStatus}
}

// view is an order as the app may see it. What most lists ask for is known without its body.
func (r rights) view(d *simulate.Delivery) object {
	f := d.Facts()
	return object{"__typename": "Order", "id": gid("Order", f.ID), "legacyResourceId": strconv.FormatInt(f.ID, 10),
		"createdAt": stamp(f.Created), "updatedAt": stamp(f.Updated), "processedAt": stamp(f.Processed),
		theRest: func() object { return r.whole(d).order() }}
}

func (r rights) whole(d *simulate.Delivery) *orderView {
	return &orderView{document: readOrder(d.Whole()), rights: r}
}

// oneOrder reads past the index: an order is there at once.
func (q *request) oneOrder(args map[string]any) (any, error) {
	if err := q.mayReadOrders("order"); err != nil {
		return nil, err
	}
	kind, id, err := readGID(args["id"])
	if err != nil || kind != "Order" {
		return nil, invalidID(args["id"])
	}
	if r := q.seen(id); r != nil {
		return q.rights().view(r.latest), nil
	}
	return nil, nil
}

// seen returns an order that the app may see; nil for none.
func (q *request) seen(id int64) *record {
	r := q.orders.byID[id]
	if r == nil || r.deleted() || !q.covered(r.latest.Facts().Created, q.now) {
		return nil
	}
	return r
}

// readGID reads a global id. Like Shopify it takes a number alone for an order's.
func readGID(v any) (kind string, id int64, err error) {
	text, _ := v.(string)
	kind, digits := "Order", text
	if rest, ok := strings.CutPrefix(text, "gid://shopify/"); ok {
		kind, digits, _ = strings.Cut(rest, "/")
	}
	if id, err = strconv.ParseInt(digits, 10, 64); err != nil {
		return "", 0, invalidID(v)
	}
	return kind, id, nil
}

func invalidID(v any) error {
	return &apiError{Message: fmt.Sprintf("Invalid global id '%s'", shorten(fmt.Sprint(v)))}
}

// node finds an order, or a parcel or a refund of one; null for what isn't there.
func (q *request) node(v any) (any, error) {
	kind, id, err := readGID(v)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "Order":
		return q.oneOrder(map[string]any{"id": v})
	case "BulkOperation":
		return q.bulkOperation(map[string]any{"id": v})
	case "Fulfillment", "Refund":
		return q.part(kind, id)
	}
	return nil, nil
}

// part finds a parcel or a refund.
func (q *request) part(kind string, id int64) (any, error) {
	if err := q.mayReadOrders("node"); err != nil {
		return nil, err
	}
	r := q.seen(q.orders.partOf[id])
	if r == nil {
		return nil, nil
	}
	o := q.rights().whole(r.latest)
	list, view := "fulfillments", o.fulfillment
	if kind == "Refund" {
		list, view = "refunds", o.refund
	}
	for _, d := range o.list(list) {
		if d.int("id") == id {
			return view(d), nil
		}
	}
	return nil, nil
}

func (q *request) oneNode(args map[string]any) (any, error) { return q.node(args["id"]) }

func (q *request) manyNodes(args map[string]any) (any, error) {
	ids, _ := args["ids"].([]any)
	if len(ids) > maxPage {
		return nil, &apiError{Message: fmt.Sprintf("The input array size of %d is greater than the maximum allowed of %d.",
			len(ids), maxPage), Extensions: map[string]any{"code": "MAX_INPUT_SIZE_EXCEEDED"}}
	}
	all := []any{}
	for _, id := range ids {
		v, err := q.node(id)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (q *request) listOrders(args map[string]any) (any, error) {
	if err := q.mayReadOrders("orders"); err != nil {
		return nil, err
	}
	p, err := readPage(args)
	if err != nil {
		return nil, err
	}
	found, key, err := q.find(args, p)
	if err != nil {
		return nil, err
	}
	nodes, cursors := []any{}, []string{}
	for _, e := range found.entries {
		if r := q.orders.byID[e.id]; !r.deleted() { // the index may not know yet
			nodes, cursors = append(nodes, q.rights().view(r.latest)), append(cursors, key.cursor(e))
		}
	}
	return paged(nodes, cursors, found.before, found.after), nil
}

// find looks for orders as the arguments of a list say.
func (q *request) find(args map[string]any, p page) (found, sortKey, error) {
	key := sortKeys[0]
	if k, _ := args["sortKey"].(string); k != "" {
		if key = sortKey(k); !slices.Contains(sortKeys, key) {
			return found{}, "", &apiError{Message: "The twin doesn't sort orders by " + k + "."}
		}
	}
	reverse, _ := args["reverse"].(bool)
	index, match := q.indexed(q.query(args, "orders"), q.now)
	all, err := p.walk(index.by(key), key, reverse, match)
	return all, key, err
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
