package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
)

type listOrders struct {
	ShopParam
	PageParam
	web.OrderFilter
}

type orderPage struct{ Body OrderPage }

// OrderPage is a part of the list of orders.
type OrderPage struct {
	Orders []Order `json:"orders" nullable:"false"`
	Next   string  `json:"next" doc:"The cursor of the next page; empty at the end. With q or several filters a page ends where it has looked at 50,000 orders, and may be empty."`
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
	register(a, "list-orders", "GET /v1/orders", huma.Operation{
		Summary:     "List orders, newest first",
		Description: "Several filters narrow together. A list leaves out items, details, history and pushes.",
	}, about(a.listOrders))
	register(a, "get-order", "GET /v1/orders/{id}", huma.Operation{
		Summary: "Get an order with its items, details, history and pushes",
	}, about(a.getOrder))
	register(a, "patch-order", "PATCH /v1/orders/{id}", huma.Operation{Summary: "Say how far you have got with an order"},
		about(a.patchOrder))
}

func (a *API) listOrders(ctx context.Context, who web.Principal, in *listOrders) (*orderPage, error) {
	page, err := a.Store.Orders(ctx, who.Shop, in.Query(in.Limit, in.Cursor))
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, len(page.Orders))
	shape := func(o *bellhop.Order) Order { return Order(events.OrderOf(seenBy(who, o))) }
	return &orderPage{OrderPage{web.Each(page.Orders, shape), page.Next}}, nil
}

// seenBy is an order as the client may see it.
func seenBy(who web.Principal, o *bellhop.Order) *bellhop.Order {
	if who.Masks() {
		masked := web.MaskOrder(*o)
		return &masked
	}
	return o
}

func (a *API) getOrder(ctx context.Context, who web.Principal, in *OrderParam) (*orderBody, error) {
	id, err := web.ParseID(in.ID, "order")
	if err != nil {
		return nil, err
	}
	o, err := a.Store.Order(ctx, who.Shop, id)
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, 1)
	return &orderBody{Order(events.WholeOrderOf(seenBy(who, &o)))}, nil
}

func (a *API) patchOrder(ctx context.Context, who web.Principal, in *patchOrder) (*orderBody, error) {
	id, err := web.ParseID(in.ID, "order")
	if err != nil {
		return nil, err
	}
	was, to := bellhop.Handling(in.Body.Was), bellhop.Handling(in.Body.Handling)
	o, err := a.Store.SetHandling(ctx, who.Shop, id, was, to, a.Now())
	if err != nil {
		return nil, err
	}
	a.reads.note(ctx, who, 1)
	return &orderBody{Order(events.WholeOrderOf(seenBy(who, &o)))}, nil
}
