package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bellhop/shopify/admin"
)

func bulkNode(status, more string) string {
	return `{"id":"gid://shopify/BulkOperation/7","status":"` + status + `","createdAt":"2026-11-30T11:00:00Z",` +
		`"rootObjectCount":"412"` + more + `}`
}

func TestStartBulk(t *testing.T) {
	run := func(operation, errors string) string {
		return `{"data":{"bulkOperationRunQuery":{"bulkOperation":` + operation + `,"userErrors":[` + errors + `]}}}`
	}
	for name, c := range map[string]struct {
		body string
		want admin.Refusal
	}{
		"begun": {run(bulkNode("CREATED", `,"url":null,"errorCode":null`), ""), ""},
		"another one is under way": {run("null", `{"field":null,"message":"A bulk query operation for this app and shop is `+
			`already in progress.","code":"OPERATION_IN_PROGRESS"}`), admin.Throttled},
		"too many":  {run("null", `{"message":"m","code":"LIMIT_REACHED"}`), admin.Throttled},
		"not one":   {run("null", `{"message":"m","code":"INVALID"}`), admin.Refused},
		"nothing":   {run("null", ""), admin.Unavailable},
		"no errors": {`{"data":{"bulkOperationRunQuery":null}}`, admin.Unavailable},
		"not so far": {`{"data":null,` + denied("Access denied for bulkOperationRunQuery field.", "") + `}`,
			admin.ScopeMissing},
	} {
		f := newFake(t, dated(c.body))
		b, err := f.app.Shop(domain, token).StartBulk(t.Context(), noon, noon, []string{"read_orders"})
		if admin.RefusalOf(err) != c.want || (err == nil) != (b.ID == "gid://shopify/BulkOperation/7") || b.Done {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
		query, _ := variables(f.requests[0])["query"].(string)
		for _, want := range []string{"created_at:>='2026-11-30T12:00:00Z'", "customer @include(if: false)",
			"edges { node {"} {
			if !strings.Contains(query, want) {
				t.Errorf("%s: its query lacks %s: %s", name, want, query)
			}
		}
		if strings.Contains(query, "$") || strings.Contains(query, "nodes") {
			t.Errorf("a bulk operation takes neither variables nor nodes: %s", query)
		}
	}
}

func TestBulk(t *testing.T) {
	for name, c := range map[string]struct {
		node string
		want string
	}{
		"created":   {bulkNode("CREATED", ""), "false 412  "},
		"running":   {bulkNode("RUNNING", ""), "false 412  "},
		"done":      {bulkNode("COMPLETED", `,"url":"https://files.example/7"`), "true 412 https://files.example/7 "},
		"empty":     {bulkNode("COMPLETED", `,"url":null`), "true 412  "},
		"failed":    {bulkNode("FAILED", `,"errorCode":"TIMEOUT"`), "false 0  bulk_failed"},
		"cancelled": {bulkNode("CANCELED", ""), "false 0  bulk_failed"},
		"expired":   {bulkNode("EXPIRED", ""), "false 0  bulk_failed"},
		"gone":      {"null", "false 0  bulk_failed"},
		"odd":       {`{"status":"RUNNING"}`, "false 0  unavailable"},
	} {
		f := newFake(t, dated(`{"data":{"bulkOperation":`+c.node+`}}`))
		b, err := f.app.Shop(domain, token).Bulk(t.Context(), "gid://shopify/BulkOperation/7")
		if got := fmt.Sprintf("%t %d %s %s", b.Done, b.Orders, b.URL, admin.RefusalOf(err)); got != c.want {
			t.Errorf("%s: %q, not %q (%v)", name, got, c.want, err)
		}
	}
}

// file is a bulk operation's file at an address of its own.
func file(t *testing.T, status int, lines string) (admin.Bulk, *http.Header) {
	header := &http.Header{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*header = r.Header
		w.WriteHeader(status)
		fmt.Fprint(w, lines)
	}))
	t.Cleanup(s.Close)
	return admin.Bulk{Done: true, URL: s.URL + "/file?Signature=canary-signature", CreatedAt: noon, Version: "2026-10"},
		header
}

const (
	bulkOrder = `{"id":"gid://shopify/Order/%d","fulfillments":[%s],"refunds":[%s]}` + "\n"
	bulkLine  = `{"id":"gid://shopify/%s","__parentId":"gid://shopify/Order/%d"}` + "\n"
)

func TestReadBulk(t *testing.T) {
	b, header := file(t, 200, fmt.Sprintf(bulkOrder, 2, "", "")+fmt.Sprintf(bulkLine, "LineItem/21", 2)+
		fmt.Sprintf(bulkLine, "ShippingLine/22", 2)+fmt.Sprintf(bulkLine, "LineItem/23", 2)+
		fmt.Sprintf(bulkOrder, 1, `{"id":"f"}`, ""))
	f := newFake(t, dated(info))
	var got []admin.FetchedOrder
	err := f.app.Shop(domain, token).ReadBulk(t.Context(), b, func(o admin.FetchedOrder) error {
		got = append(got, o)
		return nil
	})
	const want = `{"data":{"order":{"id":"gid://shopify/Order/2","lineItems":{"nodes":[` +
		`{"id":"gid://shopify/LineItem/21"},{"id":"gid://shopify/LineItem/23"}],"pageInfo":{"hasNextPage":false}},"shippingLines":{"nodes":[{"id":` +
		`"gid://shopify/ShippingLine/22"}],"pageInfo":{"hasNextPage":false}}},"shop":{"ianaTimezone":"Asia/Seoul"}},` +
		`"query_variables":{"orderId":"gid://shopify/Order/2"}}`
	if err != nil || len(got) != 2 || string(got[0].Body) != want || got[0].Partial || !got[1].Partial || got[1].ID != 1 ||
		!got[0].At.Equal(noon) || got[0].Version != "2026-10" {
		t.Errorf("got %+v, %s: %v", got, got[0].Body, err)
	}
	if header.Get("X-Shopify-Access-Token") != "" {
		t.Error("the token went to the file's address")
	}
	stop := errors.New("stop")
	n := 0
	err = f.app.Shop(domain, token).ReadBulk(t.Context(), b, func(admin.FetchedOrder) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("after %d orders: %v", n, err)
	}
	b.URL = ""
	if err := f.app.Shop(domain, token).ReadBulk(t.Context(), b, nil); err != nil {
		t.Errorf("without a file: %v", err)
	}
}

// TestFilesOfNoUse: whatever is wrong with a file ends its reading.
func TestFilesOfNoUse(t *testing.T) {
	order := fmt.Sprintf(bulkOrder, 1, "", "")
	for name, c := range map[string]struct {
		status int
		lines  string
		read   int // orders before the end
	}{
		"expired":           {403, "<Error/>", 0},
		"moved":             {302, "", 0},
		"no JSON":           {200, order + "<html>\n", 0},
		"a line too long":   {200, order + `{"id":"` + strings.Repeat("x", 2<<20) + `"}`, 0},
		"something else":    {200, `{"id":"gid://shopify/Product/1"}` + "\n", 0},
		"a line of another": {200, order + fmt.Sprintf(bulkLine, "LineItem/1", 2), 0},
		"a line before":     {200, fmt.Sprintf(bulkLine, "LineItem/1", 1), 0},
		"a part of no list": {200, order + fmt.Sprintf(bulkLine, "Colour/1", 1), 0},
		"an order too large": {200, order + order + strings.Repeat(`{"id":"gid://shopify/LineItem/1","__parentId":`+
			`"gid://shopify/Order/1","name":"`+strings.Repeat("x", 1<<19)+`"}`+"\n", 16), 1},
		"the second is wrong": {200, order + order + "x\n", 1},
	} {
		b, _ := file(t, c.status, c.lines)
		f := newFake(t, dated(info))
		n := 0
		err := f.app.Shop(domain, token).ReadBulk(t.Context(), b, func(admin.FetchedOrder) error { n++; return nil })
		if admin.RefusalOf(err) != admin.Unavailable || n != c.read {
			t.Errorf("%s: after %d orders: %v", name, n, err)
		}
		hush(t, err)
	}
	f := newFake(t, dated(info))
	for _, address := range []string{"http://files.example/7", "file:///etc/passwd", "https://u:p@files.example/", "::"} {
		err := f.app.Shop(domain, token).ReadBulk(t.Context(), admin.Bulk{URL: address}, nil)
		if admin.RefusalOf(err) != admin.Unavailable {
			t.Errorf("%s: %v", address, err)
		}
	}
	b, _ := file(t, 200, order)
	ctx, cancel := context.WithCancel(t.Context())
	err := f.app.Shop(domain, token).ReadBulk(ctx, b, func(admin.FetchedOrder) error { cancel(); return ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
