package admin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify"
)

// Bulk is a bulk operation: Shopify writes a file of orders without any budget of points.
type Bulk struct {
	ID        string
	Done      bool
	URL       string    // of the file, for 7 days once it is done; "" where no order was found
	Orders    int       // found until now
	CreatedAt time.Time // at which it began to read
	Version   string    // of the Admin API

	From int64 // bytes of the file that somebody has read, up to an End of an order
}

type bulkNode struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	ErrorCode string    `json:"errorCode"`
	CreatedAt time.Time `json:"createdAt"`
	Orders    int       `json:"rootObjectCount,string"`
	URL       string    `json:"url"`
}

const bulkFields = ` { id status errorCode createdAt rootObjectCount url }`

var bulkMutation = operation{"StartBulk", `mutation StartBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation` + bulkFields + `
    userErrors { field message code }
  }
}`}

var bulkQuery = operation{"Bulk", `query Bulk($id: ID!) {
  bulkOperation(id: $id)` + bulkFields + `
}`}

// ordersInBulk is the query of a bulk operation: it takes no variables and pages by itself. Connections in lists are
// not allowed there, such as the lines of refunds and of parcels.
func ordersInBulk(filter string, may map[string]any) string {
	var b strings.Builder
	b.WriteString("{ orders(query: " + strconv.Quote(filter) + ", sortKey: CREATED_AT, reverse: true) { edges { node {" +
		shopify.OrderFields + "\n    fulfillments { id }\n    refunds { id }")
	for _, c := range shopify.Connections() {
		if c.Owner == "Order" {
			arguments := ""
			if c.Arguments != "" {
				arguments = "(" + strings.TrimPrefix(c.Arguments, ", ") + ")"
			}
			b.WriteString("\n    " + c.Field + arguments + " { edges { node {" + c.Fields + " } } }")
		}
	}
	b.WriteString("\n} } } }")
	text := b.String()
	for name, on := range may {
		text = strings.ReplaceAll(text, "$"+name, map[any]string{true: "true", false: "false"}[on])
	}
	return text
}

// StartBulk lets Shopify write a file of the orders that were created at or after from and before to. Shopify runs a
// few of an app at once in a shop; one more is refused with [Throttled].
func (s *Shop) StartBulk(ctx context.Context, from, to time.Time, scopes []string) (Bulk, error) {
	var data struct {
		Run struct {
			Bulk   *bulkNode `json:"bulkOperation"`
			Errors []struct {
				Message string `json:"message"`
				Code    string `json:"code"`
			} `json:"userErrors"`
		} `json:"bulkOperationRunQuery"`
	}
	query := ordersInBulk(window("created_at", from, to), s.may(scopes))
	w, err := s.ask(ctx, bulkMutation, map[string]any{"query": query}, &data)
	if err != nil {
		return Bulk{}, err
	}
	if len(data.Run.Errors) > 0 {
		e := data.Run.Errors[0]
		if e.Code == "OPERATION_IN_PROGRESS" || e.Code == "LIMIT_REACHED" {
			return Bulk{}, refuse(Throttled, s.domain, "StartBulk: %s", e.Code)
		}
		return Bulk{}, refuse(Refused, s.domain, "StartBulk: %s %q", code(e.Code), bellhop.Clip(e.Message, 200))
	}
	return s.bulk(data.Run.Bulk, w)
}

// Bulk tells how far a bulk operation is. One that failed or was ended is refused with [BulkFailed].
func (s *Shop) Bulk(ctx context.Context, id string) (Bulk, error) {
	var data struct {
		Bulk *bulkNode `json:"bulkOperation"`
	}
	w, err := s.ask(ctx, bulkQuery, map[string]any{"id": id}, &data)
	if err != nil {
		return Bulk{}, err
	}
	if data.Bulk == nil {
		return Bulk{}, refuse(BulkFailed, s.domain, "Bulk: it is gone")
	}
	return s.bulk(data.Bulk, w)
}

func (s *Shop) bulk(n *bulkNode, w said) (Bulk, error) {
	if n == nil || n.ID == "" || n.CreatedAt.IsZero() {
		return Bulk{}, refuse(Unavailable, s.domain, "the answer has no bulk operation")
	}
	switch n.Status {
	case "CREATED", "RUNNING", "COMPLETED":
		return Bulk{ID: n.ID, Done: n.Status == "COMPLETED", URL: n.URL, Orders: n.Orders, CreatedAt: n.CreatedAt.UTC(),
			Version: w.version}, nil
	}
	return Bulk{}, refuse(BulkFailed, s.domain, "Bulk: %s %s", code(n.Status), code(n.ErrorCode))
}

// Bounds on the file of a bulk operation.
const (
	maxBulkLine  = 1 << 20   // bytes of a line, which is an order without its lines, or one of those
	maxBulkOrder = maxResult // bytes of an order with its lines
)

// ReadBulk reads the file of a bulk operation that is done from b.From on, order by order: the newest first.
func (s *Shop) ReadBulk(ctx context.Context, b Bulk, each func(FetchedOrder) error) error {
	if b.URL == "" {
		return nil
	}
	shop, err := s.Info(ctx)
	if err != nil {
		return err
	}
	file, err := s.openBulk(ctx, b.URL, b.From)
	if err != nil {
		return err
	}
	defer file.Body.Close()
	r := bulkReader{Shop: s, bulk: b, timezone: cmp.Or(shop.Timezone, "UTC"), each: each, next: b.From}
	lines := bufio.NewScanner(file.Body)
	lines.Buffer(make([]byte, 64<<10), maxBulkLine)
	lines.Split(r.split)
	for lines.Scan() {
		if err := r.line(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return refuse(Unavailable, s.domain, "ReadBulk: %w", err)
	}
	r.at = r.next
	return r.end()
}

// openBulk gets the file. It is not Shopify's shop that has it: no token goes there.
func (s *Shop) openBulk(ctx context.Context, address string, from int64) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, refuse(Unavailable, s.domain, "ReadBulk: the file is at no https address")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	file, err := s.app.httpClient().Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address: whoever has it can read the file
	}
	if err != nil {
		return nil, refuse(Unavailable, s.domain, "ReadBulk: %w", err)
	}
	switch file.StatusCode {
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable: // somebody has read all of it
		file.Body.Close()
		file.Body = http.NoBody
	case http.StatusOK: // it has no part to give
		_, err = io.CopyN(io.Discard, file.Body, from)
	default:
		err = fmt.Errorf("HTTP %d", file.StatusCode)
	}
	if err != nil {
		file.Body.Close()
		return nil, refuse(Unavailable, s.domain, "ReadBulk: %w", err)
	}
	return file, nil
}

// bulkReader puts orders together from the lines of a file: each order is followed by its own lines.
type bulkReader struct {
	*Shop
	bulk     Bulk
	timezone string
	each     func(FetchedOrder) error

	id    int64
	tree  map[string]any
	start int64 // where in the file the order begins

	at, next int64 // where in the file the line begins, and the one behind it
}

// split is bufio.ScanLines, and notes where the line is.
func (r *bulkReader) split(data []byte, all bool) (n int, line []byte, err error) {
	n, line, err = bufio.ScanLines(data, all)
	if n > 0 {
		r.at, r.next = r.next, r.next+int64(n)
	}
	return n, line, err
}

func (r *bulkReader) line(raw []byte) error {
	var node map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&node); err != nil {
		return refuse(Unavailable, r.domain, "ReadBulk: a line is not JSON")
	}
	global, _ := node["id"].(string)
	parent, isPart := node["__parentId"].(string)
	if isPart {
		return r.part(parent, global, node)
	}
	if err := r.end(); err != nil {
		return err
	}
	id, ok := shopify.OrderID(global)
	if !ok {
		return refuse(Unavailable, r.domain, "ReadBulk: a line is no order")
	}
	r.id, r.tree, r.start = id, node, r.at
	for _, field := range bulkLists {
		node[field] = map[string]any{"nodes": []any{}, "pageInfo": map[string]any{"hasNextPage": false}}
	}
	return nil
}

// bulkLists are the lists that a file has, by the type of what is in them.
var bulkLists = map[string]string{"LineItem": "lineItems", "ShippingLine": "shippingLines"}

func (r *bulkReader) part(parent, global string, node map[string]any) error {
	kind, _, _ := strings.Cut(strings.TrimPrefix(global, "gid://shopify/"), "/")
	list, ok := r.tree[bulkLists[kind]].(map[string]any)
	if r.next-r.start > maxBulkOrder {
		return refuse(Unavailable, r.domain, "ReadBulk: an order has more than %d bytes", maxBulkOrder)
	}
	if !ok || parent != shopify.GlobalOrderID(r.id) {
		return refuse(Unavailable, r.domain, "ReadBulk: a line belongs to no order")
	}
	delete(node, "__parentId")
	list["nodes"] = append(list["nodes"].([]any), node)
	return nil
}

// end hands over the order that is read.
func (r *bulkReader) end() error {
	if r.tree == nil {
		return nil
	}
	parcels, _ := r.tree["fulfillments"].([]any)
	refunds, _ := r.tree["refunds"].([]any)
	delete(r.tree, "fulfillments")
	delete(r.tree, "refunds")
	body, err := eventBody(r.id, r.timezone, r.tree)
	if err != nil {
		return err
	}
	o := FetchedOrder{ID: r.id, At: r.bulk.CreatedAt, Version: r.bulk.Version, Body: body,
		Partial: len(parcels)+len(refunds) > 0, End: r.at}
	r.tree = nil
	return r.each(o)
}
