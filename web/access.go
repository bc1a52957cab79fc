package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// Name is whom the access log names.
func (p Principal) Name() string {
	if p.Person.ID != 0 {
		return p.Person.Email
	}
	return "token " + p.Token.Name
}

// LogChange logs that an operator, or an operator's token, changed something: what they do in shops that are not theirs
// must be seen, also by the shop's owners. The path names what it was; a query or a form may have personal data.
// Others' changes are not logged.
func LogChange(l *slog.Logger, to store.AccessLog, now time.Time, r *http.Request, who Principal, shop string) {
	if !who.Operator() || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	l.InfoContext(r.Context(), "an operator changed something", "method", r.Method, "path", r.URL.Path, "shop", shop,
		"person", who.Person.ID, "token", who.Token.ID)
	shop, err := bellhop.ParseShopDomain(shop)
	if err != nil {
		return // it was about no shop
	}
	err = to.AddAccess(context.WithoutCancel(r.Context()), bellhop.Access{Shop: shop,
		At: now.UTC().Truncate(time.Microsecond), By: who.Name(), What: bellhop.AccessChange,
		About: bellhop.Clip(r.Method+" "+r.URL.Path, 200)})
	if err != nil {
		l.ErrorContext(r.Context(), "an operator's change is not in the access log", "shop", shop, "err", err)
	}
}

// LoggedList is a [Lister] whose orders are in the access log before anybody gets them: one line, which counts them.
type LoggedList struct {
	Lister
	Log  store.AccessLog
	Line bellhop.Access
}

// NewExport returns the list of orders for an export of a shop that somebody makes now.
func NewExport(from interface {
	Lister
	store.AccessLog
}, shop, by string, now time.Time) *LoggedList {
	return &LoggedList{from, from, bellhop.Access{Shop: shop, At: now.UTC().Truncate(time.Microsecond), By: by,
		What: bellhop.AccessExport}}
}

// Orders implements [Lister].
func (l *LoggedList) Orders(ctx context.Context, shop string, q store.OrderQuery) (store.OrderPage, error) {
	page, err := l.Lister.Orders(ctx, shop, q)
	if err != nil || len(page.Orders) == 0 {
		return page, err
	}
	line := l.Line
	line.N = int64(len(page.Orders))
	return page, l.Log.AddAccess(ctx, line)
}

// Access is a line of the access log, as a document.
type Access struct {
	Shop   string    `json:"shop"`
	At     time.Time `json:"at" doc:"Of orders.read the beginning of the day, in UTC."`
	By     string    `json:"by" example:"jo@example.com" doc:"An e-mail address, or token and an API token's name."`
	What   string    `json:"what" example:"orders.export" doc:"order.personal: an operator saw an order's personal data; dead_letter.body: a webhook's; dead_letter.drop: an operator gave a webhook up; orders.export: an export of orders; privacy.export: of all that is kept of a customer; orders.read: an API token read orders; operator.change: an operator changed something. There may be others."`
	Reason string    `json:"reason" doc:"Why, as whoever did it said."`
	About  string    `json:"about" doc:"What it was: the shop and id of an order, the id of an event or a request, method and path of a change."`
	Count  int64     `json:"count" doc:"How many orders it was, or how often."`
}

// AccessOf returns the document of a line.
func AccessOf(l *bellhop.Access) Access {
	what, reason, _ := strings.Cut(l.What, ": ")
	return Access{l.Shop, l.At.UTC(), l.By, what, reason, l.About, l.N}
}
