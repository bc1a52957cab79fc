package shop

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/simulate"
)

// BulkFault is how bulk operations fail.
type BulkFault string

// The ways.
const (
	BulkFine      BulkFault = ""
	BulkForbidden BulkFault = "forbidden" // the app may not run any
	BulkFailed    BulkFault = "failed"    // they fail in their middle, and leave a part of the file
	BulkExpired   BulkFault = "expired"   // they take too long, and Shopify ends them
	BulkCut       BulkFault = "cut"       // the file ends in its middle
)

// What bulk operations are bounded by.
const (
	bulkFileLife   = 7 * 24 * time.Hour
	bulkRuns       = 2 * time.Second // without a fault that says how long
	maxConnections = 5
	maxNesting     = 2
	keptBulks      = 10
)

// bulk is a bulk operation of a shop. It reads the orders as they are when it ends; the file is made while it is read.
type bulk struct {
	id      int64
	created time.Time
	ends    time.Time
	ended   bool
	status  string // once it is ended
	fault   BulkFault
	secret  string // in the file's address
	query   *bulkQuery
	rights  rights // of the app, when it ended
	orders  []*simulate.Delivery
	objects int
	denied  bool // for a field that needs a scope
}

// startBulk is bulkOperationRunQuery.
func (q *request) startBulk(args map[string]any) (any, error) {
	refuse := func(code, message string, field ...any) (any, error) {
		e := object{"field": nil, "message": message, "code": code}
		if field != nil {
			e["field"] = field
		}
		return object{"bulkOperation": nil, "userErrors": []any{e}}, nil
	}
	if q.faults.Bulk == BulkForbidden {
		return nil, &apiError{Message: "Access denied for bulkOperationRunQuery field. Required access: The app must be " +
			"allowed to run bulk operations.", Extensions: map[string]any{"code": "ACCESS_DENIED"}}
	}
	if err := q.mayReadOrders("bulkOperationRunQuery"); err != nil {
		return nil, err
	}
	text, _ := args["query"].(string)
	query, wrong := readBulk(q.schema, text)
	if wrong != "" {
		return refuse("INVALID", wrong, "query")
	}
	for _, b := range q.bulks {
		if q.settle(b); !b.ended {
			return refuse("OPERATION_IN_PROGRESS", "A bulk query operation for this app and shop is already in progress: "+
				gid("BulkOperation", b.id)+".")
		}
	}
	query.grouped = args["groupObjects"] == true
	q.nextSub++
	runs := cmp.Or(time.Duration(q.faults.BulkSeconds)*time.Second, bulkRuns)
	b := &bulk{id: q.nextSub, created: q.now, ends: q.now.Add(runs), query: query, secret: secret("")}
	q.bulks = append(q.bulks, b)
	q.bulks = q.bulks[max(0, len(q.bulks)-keptBulks):]
	return object{"bulkOperation": q.asBulk(b), "userErrors": []any{}}, nil
}

// bulkOperation is the one of an id.
func (q *request) bulkOperation(args map[string]any) (any, error) {
	if b := q.bulkOf(args["id"]); b != nil {
		return q.asBulk(b), nil
	}
	return nil, nil
}

func (q *request) bulkOf(id any) *bulk {
	i := slices.IndexFunc(q.bulks, func(b *bulk) bool { return gid("BulkOperation", b.id) == id })
	if i < 0 {
		return nil
	}
	return q.bulks[i]
}

// cancelBulk is bulkOperationCancel.
func (q *request) cancelBulk(args map[string]any) (any, error) {
	b := q.bulkOf(args["id"])
	if b == nil {
		return object{"bulkOperation": nil, "userErrors": userError(fieldID, "Bulk operation does not exist")}, nil
	}
	if q.settle(b); b.ended {
		return object{"bulkOperation": q.asBulk(b), "userErrors": userError(nil,
			"A bulk operation cannot be canceled when it is "+strings.ToLower(b.status))}, nil
	}
	b.ended, b.status = true, "CANCELED"
	return object{"bulkOperation": q.asBulk(b), "userErrors": []any{}}, nil
}

// settle ends a bulk operation whose time is over.
func (q *request) settle(b *bulk) {
	if b.ended || q.now.Before(b.ends) {
		return
	}
	b.ended, b.fault, b.status = true, q.faults.Bulk, "COMPLETED"
	switch b.fault {
	case BulkFailed:
		b.status = "FAILED"
	case BulkExpired:
		b.status = "EXPIRED"
	}
	b.rights, b.orders = q.rights(), b.find(q)
	if len(b.orders) > 0 && b.query.order(b.rights.view(b.orders[0])).errs != nil {
		b.orders, b.status, b.denied = nil, "FAILED", true
	}
	if b.status != "COMPLETED" {
		b.orders = b.orders[:len(b.orders)/2]
	}
	b.objects = b.query.count(b.orders)
}

// find returns the orders that a bulk operation finds.
func (b *bulk) find(q *request) (all []*simulate.Delivery) {
	found, _, err := q.find(b.query.roots.ArgumentMap(nil), page{size: len(q.orders.byID)})
	if err != nil {
		return nil
	}
	for _, e := range found.entries {
		if r := q.orders.byID[e.id]; !r.deleted() {
			all = append(all, r.latest)
		}
	}
	return all
}

func (q *request) asBulk(b *bulk) object {
	q.settle(b)
	v := object{"__typename": "BulkOperation", "id": gid("BulkOperation", b.id), "status": b.status, "errorCode": nil,
		"createdAt": stamp(b.created), "completedAt": nil, "objectCount": strconv.Itoa(b.objects),
		"rootObjectCount": strconv.Itoa(len(b.orders)), "fileSize": nil, "url": nil, "partialDataUrl": nil}
	if !b.ended {
		v["status"] = "RUNNING"
		if q.now.Equal(b.created) {
			v["status"] = "CREATED"
		}
		return v
	}
	v["completedAt"] = stamp(b.ends)
	file := fmt.Sprintf("%s/_/bulk/%s/%s.jsonl", q.base, q.domain, b.secret)
	switch {
	case len(b.orders) == 0 || q.now.After(b.ends.Add(bulkFileLife)): // no file
	case b.status == "COMPLETED":
		v["url"] = file
	case b.status == "FAILED":
		v["partialDataUrl"] = file
	}
	switch {
	case b.denied:
		v["errorCode"] = "ACCESS_DENIED"
	case b.status == "FAILED":
		v["errorCode"] = "INTERNAL_SERVER_ERROR"
	}
	return v
}

// serveBulk serves the file of a bulk operation to whoever knows its address.
func (t *Twin) serveBulk(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	var b *bulk
	if s := t.shops[r.PathValue("shop")]; s != nil {
		for _, have := range s.bulks {
			if r.PathValue("file") == have.secret+".jsonl" && have.ended && t.opt.Now().Before(have.ends.Add(bulkFileLife)) {
				b = have
			}
		}
	}
	t.mu.Unlock()
	if b == nil {
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	var from int64
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && from > 0 {
		if from >= b.size() {
			http.Error(w, "InvalidRange", http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-/*", from))
		w.WriteHeader(http.StatusPartialContent)
	}
	b.write(&rest{w, from})
}

func (b *bulk) size() (n int64) {
	for _, part := range b.query.parts() {
		for _, d := range b.orders {
			n += int64(len(part(b.rights.view(d))))
		}
	}
	return n
}

// rest leaves out the first bytes.
type rest struct {
	io.Writer
	skip int64
}

func (r *rest) Write(p []byte) (int, error) {
	n := min(r.skip, int64(len(p)))
	r.skip -= n
	if _, err := r.Writer.Write(p[n:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// write writes the file. Nothing of b changes once it is ended.
func (b *bulk) write(w io.Writer) {
	for _, part := range b.query.parts() {
		for i, d := range b.orders {
			text := part(b.rights.view(d))
			if b.fault == BulkCut && i == len(b.orders)/2 {
				w.Write(text[:len(text)/2])
				panic(http.ErrAbortHandler) // closes the connection
			}
			if _, err := w.Write(text); err != nil {
				return // nobody reads any more
			}
		}
	}
}
