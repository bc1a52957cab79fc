package web_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/webtest"
)

const exportHead = "\ufeffname,number,id,placed_at,created_at,updated_at,financial_status,fulfillment_status," +
	"handling,cancelled_at,test,currency,total,current_total,pieces,customer,email,note\r\n"

// TestExportWritesWhatTheStoreLists exports orders of a real store, as a filter finds them.
func TestExportWritesWhatTheStoreLists(t *testing.T) {
	r := webtest.New(t)
	r.Order(webtest.Demo, 0, func(o *bellhop.Order) {
		o.CustomerName, o.CustomerEmail, o.Note = "홍길동", "gildong@example.com", "문 앞에 두세요,\n\"조용히\""
		o.Total, o.Current, o.Pieces = bellhop.Money{Units: 49900, Currency: "KRW"}, bellhop.Money{Currency: "KRW"}, 0
		o.CancelledAt, o.Test, o.FinancialStatus = webtest.Day.Add(time.Hour), true, "refunded"
	})
	r.Order(webtest.Demo, 1, func(o *bellhop.Order) { o.Current, o.Note = webtest.USD(-500), "-5" })
	r.Order(webtest.Other, 2)
	all := []string{
		"#1001,1001,820982911946154509,2026-11-22T18:00:01+09:00,2026-11-22T18:00:01+09:00,2026-11-22T18:00:01+09:00," +
			"paid,unfulfilled,new,,false,USD,403.00,-5.00,2,Jo Lee,jo@example.com,'-5\r\n",
		"#1000,1000,820982911946154508,2026-11-22T18:00:00+09:00,2026-11-22T18:00:00+09:00,2026-11-22T18:00:00+09:00," +
			"refunded,unfulfilled,new,2026-11-22T19:00:00+09:00,true,KRW,49900,0,0,홍길동,gildong@example.com," +
			"\"문 앞에 두세요,\r\n\"\"조용히\"\"\"\r\n",
	}
	for _, c := range []struct {
		q    store.OrderQuery
		want string
	}{
		{store.OrderQuery{}, exportHead + all[0] + all[1]},
		{store.OrderQuery{Sort: store.SortPlaced, Limit: 1}, exportHead + all[0] + all[1]},
		{store.OrderQuery{NotTest: true}, exportHead + all[0]},
		{store.OrderQuery{Text: "홍길동"}, exportHead + all[1]},
		{store.OrderQuery{Tag: "none"}, exportHead},
	} {
		var out strings.Builder
		webtest.Must(t, web.Export(t.Context(), r.DB, webtest.Demo, c.q, &out))
		if out.String() != c.want {
			t.Errorf("%+v: got\n%s\nwant\n%s", c.q, out.String(), c.want)
		}
	}
	var out strings.Builder
	err := web.Export(t.Context(), r.DB, webtest.Demo, store.OrderQuery{Sort: store.SortUpdated}, &out)
	if bellhop.KindOf(err) != bellhop.Invalid || out.Len() > 0 {
		t.Errorf("sorted by update: %v, %q", err, out.String())
	}
}

// lister lists numbered orders, or whatever else list does.
type lister struct {
	list func(q store.OrderQuery) (store.OrderPage, error)
}

func (l lister) Orders(_ context.Context, _ string, q store.OrderQuery) (store.OrderPage, error) {
	return l.list(q)
}

// TestNoCellIsAFormula writes texts of strangers into each column of text.
func TestNoCellIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		`=HYPERLINK("https://example.com")`: `'=HYPERLINK("https://example.com")`, "+1": "'+1", "-1": "'-1", "@a": "'@a",
		"\t=1": "'\t=1", "\n=1": "'\n=1", "＝1": "'＝1", "a=1": "a=1", "'=1": "'=1", "": "", "#1001": "#1001", "é": "é",
	} {
		o := bellhop.Order{Name: text, FinancialStatus: text, FulfillmentStatus: text, CustomerName: text,
			CustomerEmail: text, Note: text, Total: bellhop.Money{Units: -5, Currency: text}, Number: -1}
		from := lister{func(store.OrderQuery) (store.OrderPage, error) {
			return store.OrderPage{Orders: []bellhop.Order{o}}, nil
		}}
		var out strings.Builder
		webtest.Must(t, web.Export(t.Context(), from, webtest.Demo, store.OrderQuery{}, &out))
		rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		webtest.Must(t, err)
		for i, cell := range rows[1] {
			column, want := rows[0][i], want
			switch column {
			case "number":
				want = "-1"
			case "total":
				want = "-5"
			case "id", "current_total", "pieces":
				want = "0"
			case "test":
				want = "false"
			case "handling", "placed_at", "created_at", "updated_at", "cancelled_at":
				want = ""
			}
			if cell != want {
				t.Errorf("%q as %s is %q, want %q", text, column, cell, want)
			}
		}
	}
	cr := lister{func(store.OrderQuery) (store.OrderPage, error) {
		return store.OrderPage{Orders: []bellhop.Order{{Note: "\r=1"}}}, nil
	}}
	var out strings.Builder
	webtest.Must(t, web.Export(t.Context(), cr, webtest.Demo, store.OrderQuery{}, &out))
	if !strings.HasSuffix(out.String(), ",\"'=1\"\r\n") { // lone CRs go
		t.Errorf("%q", out.String())
	}
}

// TestExportStreams checks that each page is written before the next is read, and that pages which
// find nothing are passed.
func TestExportStreams(t *testing.T) {
	const pages = 50
	var out strings.Builder
	read := 0
	from := lister{func(q store.OrderQuery) (page store.OrderPage, err error) {
		if lines := strings.Count(out.String(), "\r\n"); read > 0 && lines != 1+(read+1)/2*200 {
			t.Errorf("before page %d there are %d lines", read, lines)
		}
		if want := fmt.Sprint(read); q.Limit != 200 || read > 0 && q.Cursor != want || read == 0 && q.Cursor != "" {
			t.Errorf("page %d is asked for as %+v", read, q)
		}
		if read%2 == 0 { // the others look at orders that don't match
			page.Orders = make([]bellhop.Order, 200)
		}
		if read++; read < pages {
			page.Next = fmt.Sprint(read)
		}
		return page, nil
	}}
	webtest.Must(t, web.Export(t.Context(), from, webtest.Demo, store.OrderQuery{Cursor: "of a page"}, &out))
	if lines := strings.Count(out.String(), "\r\n"); lines != 1+25*200 {
		t.Errorf("%d lines", lines)
	}
}

// TestExportEndsWithTheErrorOfItsPage breaks the first page, a later one, and the file.
func TestExportEndsWithTheErrorOfItsPage(t *testing.T) {
	away := errors.New("away")
	busy := bellhop.Errorf(bellhop.Unavailable, "search_busy", "busy")
	for name, c := range map[string]struct {
		errs []error // of each call
		want error
		rows int // lines written
	}{
		"first":            {[]error{away}, away, 0},
		"first, busy":      {[]error{busy}, busy, 0},
		"later":            {[]error{nil, away}, away, 2},
		"later, busy once": {[]error{nil, busy, busy, nil, away}, away, 3},
		"later, busy":      {[]error{nil, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, nil}, busy, 2},
	} {
		var out strings.Builder
		calls := 0
		from := lister{func(store.OrderQuery) (store.OrderPage, error) {
			calls++
			return store.OrderPage{Orders: make([]bellhop.Order, 1), Next: "more"}, c.errs[calls-1]
		}}
		err := web.Export(t.Context(), from, webtest.Demo, store.OrderQuery{}, &out)
		if rows := strings.Count(out.String(), "\r\n"); !errors.Is(err, c.want) || rows != c.rows {
			t.Errorf("%s: %v after %d lines", name, err, rows)
		}
	}
	from := lister{func(store.OrderQuery) (store.OrderPage, error) {
		return store.OrderPage{Orders: make([]bellhop.Order, 1), Next: "more"}, nil
	}}
	for room := range 3 {
		err := web.Export(t.Context(), from, webtest.Demo, store.OrderQuery{}, &full{room})
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with room for %d writes: %v", room, err)
		}
	}
}

// full takes some writes and then no more.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room--; f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
