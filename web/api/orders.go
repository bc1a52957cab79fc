package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
	"bellhop/web"
)

type listOrders struct {
	ShopParam
	Limit    int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor   string    `query:"cursor" maxLength:"500" doc:"The next of the page before."`
	Handling string    `query:"handling" enum:"new,seen,handled"`
	Q        string    `query:"q" maxLength:"200" doc:"In the name, the number, or the customer's name or e-mail address."`
	Since    time.Time `query:"since" doc:"Placed at or after."`
}

type orderPage struct{ Body OrderPage }

// OrderPage is a part of the list of orders.
type OrderPage struct {
	Orders []Order `json:"orders" nullable:"false"`
	Next   string  `json:"next" doc:"The cursor of the next page; empty at the end. A page of a search ends where the search has looked at 50,000 orders, and may be empty."`
}

// OrderParam names an order.
type OrderParam struct {
	ShopParam
	ID string `path:"id" maxLength:"20" example:"820982911946154508"`
}

type patchOrder struct {
	OrderParam
	Body struct {
		Handling string `json:"handling" enum:"new,seen,handled"`
		Was      string `json:"was,omitempty" enum:"new,seen,handled" doc:"What it was when you last saw it. If somebody else has set it to something else since, it stays, and the answer is 409 changed_meanwhile."`
	}
}

type orderBody struct{ Body Order }

func (a *API) registerOrders() {
	register(a, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/v1/orders", Tags: []string{"orders"},
		Summary: "List orders, newest first", Security: security,
	}, a.listOrders)
	register(a, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/v1/orders/{id}", Tags: []string{"orders"},
		Summary: "Get an order with its items and pushes", Security: security,
	}, a.getOrder)
	register(a, huma.Operation{
		OperationID: "patch-order", Method: http.MethodPatch, Path: "/v1/orders/{id}", Tags: []string{"orders"},
		Summary: "Say how far you have got with an order", Security: security,
	}, a.patchOrder)
}

func (a *API) listOrders(ctx context.Context, in *listOrders) (*orderPage, error) {
	who, err := callerOf(ctx).About(in.Shop)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Orders(ctx, who.Shop, store.OrderQuery{
		Limit: in.Limit, Cursor: in.Cursor, Handling: bellhop.Handling(in.Handling), Text: in.Q, Since: in.Since,
	})
	if err != nil {
		return nil, err
	}
	out := &orderPage{Body: OrderPage{Orders: make([]Order, len(page.Orders)), Next: page.Next}}
	for i := range page.Orders {
		out.Body.Orders[i] = Order(events.OrderOf(&page.Orders[i]))
	}
	return out, nil
}

func (a *API) getOrder(ctx context.Context, in *OrderParam) (*orderBody, error) {
	who, id, err := in.resolve(ctx)
	if err != nil {
		return nil, err
	}
	o, err := a.Store.Order(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	return &orderBody{Order(events.WholeOrderOf(&o))}, nil
}

func (a *API) patchOrder(ctx context.Context, in *patchOrder) (*orderBody, error) {
	who, id, err := in.resolve(ctx)
	if err != nil {
		return nil, err
	}
	was, to := bellhop.Handling(in.Body.Was), bellhop.Handling(in.Body.Handling)
	o, err := a.Store.SetHandling(ctx, who.Shop, id, was, to, a.Now())
	if err != nil {
		return nil, err
	}
	return &orderBody{Order(events.WholeOrderOf(&o))}, nil
}

func (in *OrderParam) resolve(ctx context.Context) (web.Principal, int64, error) {
	who, err := callerOf(ctx).About(in.Shop)
	if err != nil {
		return who, 0, err
	}
	id, err := web.ParseID(in.ID, "order")
	return who, id, err
}
