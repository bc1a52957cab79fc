package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
	"bellhop/web"
)

type listPushes struct {
	ShopParam
	PageParam
	Order  string `query:"order" pattern:"^[0-9]{1,19}$" patternDescription:"an order's id" doc:"Only of this order."`
	Status string `query:"status" enum:"pending,sending,sent,unknown,failed,skipped"`
}

type pushPage struct{ Body PushPage }

// PushPage is a part of the delivery log.
type PushPage struct {
	Pushes []events.Push `json:"pushes" nullable:"false"`
	Next   string        `json:"next" doc:"The cursor of the next page; empty at the end."`
}

type receipt struct {
	ShopParam
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Event string `json:"event" enum:"received,opened"`
	}
}

func (a *API) registerPushes() {
	register(a, "list-pushes", "GET /v1/pushes", huma.Operation{
		Summary:     "List pushes, newest first",
		Description: "The delivery log: what was owed to which device, and what became of it.",
	}, about(a.listPushes))
	register(a, "post-receipt", "POST /v1/pushes/{id}/receipt", huma.Operation{
		Summary: "Say that the phone received or opened a push", DefaultStatus: http.StatusNoContent,
		Description: "The first word of each sort counts. Of a push that nobody tried to send it is 409 not_sent.",
	}, about(a.postReceipt))
}

func (a *API) listPushes(ctx context.Context, who web.Principal, in *listPushes) (*pushPage, error) {
	q := store.PushQuery{Limit: in.Limit, Cursor: in.Cursor, Status: bellhop.PushStatus(in.Status)}
	if in.Order != "" {
		var err error
		if q.OrderID, err = strconv.ParseInt(in.Order, 10, 64); err != nil || q.OrderID == 0 {
			return nil, bellhop.Invalidf("order", "order is an order's id")
		}
	}
	page, err := a.Store.Pushes(ctx, who.Shop, q)
	if err != nil {
		return nil, err
	}
	return &pushPage{PushPage{web.Each(page.Pushes, events.PushOf), page.Next}}, nil
}

func (a *API) postReceipt(ctx context.Context, who web.Principal, in *receipt) (*struct{}, error) {
	id, err := web.ParseID(in.ID, "push")
	if err != nil {
		return nil, err
	}
	return nil, a.Store.PushReceipt(ctx, who.Shop, id, in.Body.Event == "opened", a.Now())
}
