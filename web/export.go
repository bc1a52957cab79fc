package web

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bellhop"
	"bellhop/store"
)

// Lister is what an export needs of the store.
type Lister interface {
	Orders(ctx context.Context, shop string, q store.OrderQuery) (store.OrderPage, error)
}

// exportColumns are the names of the columns: those of the API.
var exportColumns = []string{"name", "number", "id", "placed_at", "created_at", "updated_at", "financial_status",
	"fulfillment_status", "handling", "cancelled_at", "test", "currency", "total", "current_total", "pieces", "customer",
	"email", "note"}

const (
	byteOrderMark = "\ufeff" // without it spreadsheets take UTF-8 for something else
	exportPage    = 200      // orders in memory at once: the most that the store lists
	exportTries   = 10       // for a page while other searches of the shop run; each waits for its turn
)

// Export writes a shop's orders that match a query as CSV for spreadsheets (RFC 4180, UTF-8 with a
// mark), the last placed first. It refuses to sort them by update: an order that changes meanwhile would
// get before the cursor and be left out. It has one page of orders in memory. If the first page can't be
// read it writes nothing.
func Export(ctx context.Context, from Lister, shop string, q store.OrderQuery, to io.Writer) error {
	if q.Sort == store.SortUpdated {
		return bellhop.Invalidf("sort", "an export has the last placed order first: leave sort out")
	}
	q.Limit, q.Cursor = exportPage, ""
	page, err := from.Orders(ctx, shop, q)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(to, byteOrderMark); err != nil {
		return err
	}
	out := csv.NewWriter(to)
	out.UseCRLF = true
	_ = out.Write(exportColumns) // Flush and Error say what fails
	for {
		for i := range page.Orders {
			_ = out.Write(exportRow(&page.Orders[i]))
		}
		out.Flush()
		if err := out.Error(); err != nil || page.Next == "" {
			return err
		}
		q.Cursor = page.Next
		if page, err = patiently(ctx, from, shop, q); err != nil {
			return err
		}
	}
}

// patiently reads a page. An export that has begun is not given up for another search.
func patiently(ctx context.Context, from Lister, shop string, q store.OrderQuery) (page store.OrderPage, err error) {
	for range exportTries {
		page, err = from.Orders(ctx, shop, q)
		if bellhop.CodeOf(err) != "search_busy" {
			break
		}
	}
	return page, err
}

func exportRow(o *bellhop.Order) []string {
	return []string{textCell(o.Name), strconv.FormatInt(o.Number, 10), ID(o.ID), timeCell(o.PlacedAt, o),
		timeCell(o.CreatedAt, o), timeCell(o.UpdatedAt, o), textCell(o.FinancialStatus), textCell(o.FulfillmentStatus),
		string(o.Handling), timeCell(o.CancelledAt, o), strconv.FormatBool(o.Test), textCell(o.Total.Currency),
		o.Total.String(), o.Current.String(), strconv.FormatInt(o.Pieces, 10), textCell(o.CustomerName),
		textCell(o.CustomerEmail), textCell(o.Note)}
}

// formulaBegins are the characters that make a spreadsheet run a text as a formula. Some do so with
// those of full width, too.
const formulaBegins = "=+-@\t\r\n＝＋－＠"

// textCell keeps a text a text: strangers write names and notes.
func textCell(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); strings.ContainsRune(formulaBegins, first) {
		return "'" + s
	}
	return s
}

// timeCell is a time with the shop's offset.
func timeCell(at time.Time, o *bellhop.Order) string {
	if at.IsZero() {
		return ""
	}
	return at.In(o.PlacedAt.Location()).Format(time.RFC3339)
}
